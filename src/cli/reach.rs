//! Reaching the hosts of a fleet for one command.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use etcetera::BaseStrategy;

use crate::fleet::{Fleet, HostName, HostSpec};
use crate::migrate::Hosts;
use crate::migrate::journal::Journal;
use crate::ssh::{ConnectError, Connection, Connector, Prompter, Purpose, Remote, RemoteError};

/// The hosts of a fleet, connected to when they are needed.
pub struct FleetHosts {
    fleet: Arc<Fleet>,
    connector: Connector,
    prompter: Arc<dyn Prompter>,
    journal: Option<PathBuf>,
    opened: tokio::sync::OnceCell<Option<Arc<Journal>>>,
    notes: Option<PathBuf>,
}

impl FleetHosts {
    /// With somebody to ask for passphrases and host keys.
    pub fn new(fleet: Arc<Fleet>, connector: Connector, prompter: Arc<dyn Prompter>) -> Self {
        Self { fleet, connector, prompter, notes: None, journal: None, opened: tokio::sync::OnceCell::new() }
    }

    /// With a journal, which is opened when it is needed.
    #[must_use]
    pub fn writing_down(mut self, journal: Option<PathBuf>) -> Self {
        self.journal = journal;
        self
    }

    /// Keeps what is seen of the hosts in the person's cache directory (`~/.cache/drover/hosts`, as XDG has it), and
    /// reads there what was seen before.
    #[must_use]
    pub fn with_notes(mut self) -> Self {
        let base = etcetera::base_strategy::Xdg::new().ok();
        self.notes = base.map(|base| base.cache_dir().join("drover").join("hosts"));
        self
    }

    /// Connects to one host.
    pub async fn reach(&self, spec: &HostSpec, purpose: Purpose) -> Result<Connection, ConnectError> {
        self.connector.connect(spec, purpose, &self.prompter).await
    }
}

#[async_trait]
impl Hosts for FleetHosts {
    async fn connect(&self, host: &HostName) -> Result<Arc<dyn Remote>, RemoteError> {
        let failed = |cause: String| RemoteError::Connection { host: host.clone(), cause };
        let spec = self.fleet.host(host).ok_or_else(|| failed("it is not in the fleet file".into()))?;
        let connection = self.reach(spec, Purpose::Bulk).await.map_err(|error| failed(error.to_string()))?;
        Ok(Arc::new(connection))
    }

    fn names(&self) -> Vec<HostName> {
        self.fleet.hosts.iter().map(|spec| spec.name.clone()).collect()
    }

    async fn journal(&self) -> Option<Arc<Journal>> {
        let open = async {
            let path = self.journal.as_deref()?;
            // Without it a migration can still be recovered, from the hosts' own records.
            match Journal::open(path).await {
                Ok(journal) => Some(Arc::new(journal)),
                Err(error) => {
                    tracing::warn!("this migration is not written down: {error}");
                    None
                }
            }
        };
        self.opened.get_or_init(|| open).await.clone()
    }

    fn memory_reserve(&self, host: &HostName) -> u64 {
        self.fleet.host(host).map_or(0, |spec| spec.memory_reserve)
    }

    fn notes(&self, host: &HostName) -> Option<PathBuf> {
        // Hosts of different fleets may have the same name, and stand at different addresses then.
        let spec = self.fleet.host(host)?;
        let place = format!("{}\0{:?}\0{:?}\0{:?}", spec.address, spec.port, spec.user, spec.jump);
        let hash = <sha2::Sha256 as sha2::Digest>::digest(place.as_bytes());
        let mark: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Some(self.notes.as_ref()?.join(format!("{host}-{mark}.json")))
    }
}
