//! What a transaction is called, on the laptop and on its hosts.

use serde::{Deserialize, Serialize};

/// A transaction's identity: 16 lower-case hexadecimal digits. It is part of paths, so nothing else is ever accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TransactionId(String);

impl TransactionId {
    /// A new one, by chance.
    pub fn random() -> Self {
        Self(format!("{:016x}", rand::random::<u64>()))
    }

    /// Reads one; none when it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        is_hexadecimal(text, 16).then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is exactly so many lower-case hexadecimal digits.
pub fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl TryFrom<String> for TransactionId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| "a transaction is named by 16 hexadecimal digits".to_owned())
    }
}

impl From<TransactionId> for String {
    fn from(tx: TransactionId) -> Self {
        tx.0
    }
}

impl std::fmt::Display for TransactionId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_sixteen_digits_is_a_transaction() {
        let tx = TransactionId::random();
        assert_eq!(TransactionId::parse(tx.as_str()), Some(tx));
        for wrong in ["", "../../etc/passwd", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef\n"] {
            assert_eq!(TransactionId::parse(wrong), None, "{wrong:?}");
        }
        assert!(serde_json::from_str::<TransactionId>("\"../x\"").is_err());
    }
}
