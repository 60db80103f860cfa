//! The durable record of a transaction on a host: `/var/lib/drover/TX.json`, the same on both sides but for its role.

use serde::{Deserialize, Serialize};

use super::identity::{TransactionId, is_hexadecimal};
use super::journal::Way;
use crate::fleet::ContainerId;

/// Which side a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The container runs here when the transaction begins.
    Source,
    /// It shall run here.
    Destination,
}

/// What a host remembers of a transaction until it is tidied. Everything but the identities is untrusted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The transaction.
    pub tx: TransactionId,
    /// Full id of the container.
    pub container: ContainerId,
    /// Its name.
    pub name: String,
    /// What the laptop that began it calls the source.
    pub from: String,
    /// What it calls the destination.
    pub to: String,
    /// Which side this host is.
    pub role: Role,
    /// Who began it: `user@laptop`.
    pub who: String,
    /// When, in RFC 3339.
    pub since: String,
    /// Which way back it has.
    pub way: Way,
    /// Volumes that were not at the destination before; undoing a restore removes them.
    #[serde(default)]
    pub volumes: Vec<String>,
}

impl HostRecord {
    /// Reads what a host has; none when it is not a record of this transaction.
    pub fn read(tx: &TransactionId, text: &str) -> Option<Self> {
        let record: Self = serde_json::from_str(text).ok()?;
        (record.tx == *tx && is_hexadecimal(&record.container.0, 64)).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_the_hosts_write_it() {
        let tx = TransactionId::parse("0123456789abcdef").unwrap();
        let container = "a".repeat(64);
        let text = format!(
            "{{\"tx\":\"{tx}\",\"container\":\"{container}\",\"name\":\"web\",\"from\":\"h1\",\"to\":\"h2\",\"role\":\"source\",\"who\":\"a@b\",\"since\":\"2026-01-02T03:04:05Z\",\"way\":\"two-phase\"}} "
        );
        let record = HostRecord::read(&tx, &text).unwrap();
        assert_eq!(
            (record.role, record.way, record.container.0.as_str()),
            (Role::Source, Way::TwoPhase, container.as_str())
        );
        assert_eq!(HostRecord::read(&tx, &serde_json::to_string(&record).unwrap()), Some(record));
        let other = TransactionId::random();
        assert_eq!(HostRecord::read(&other, &text), None, "the file's name counts");
        assert_eq!(HostRecord::read(&tx, &text.replace(&container, "../../x")), None);
    }
}
