//! What the journal knows at the console's start: migrations that were interrupted, and a journal that is damaged.

use std::path::PathBuf;

use tokio::sync::mpsc;

use crate::fleet::printable;
use crate::migrate::journal::{Entry, Journal};
use crate::session::{Happening, NoticeLevel};

/// Tells once. A journal that is not there is not made.
pub(super) async fn tell(place: PathBuf, happenings: mpsc::Sender<Happening>) {
    if !place.exists() {
        return;
    }
    let texts = match Journal::open(&place).await {
        Ok(journal) => {
            let damage = journal.notice().map(String::from);
            let interrupted = match journal.interrupted().await {
                Ok(entries) => notice(&entries),
                Err(error) => Some(error.to_string()),
            };
            [damage, interrupted]
        }
        Err(error) => [Some(error.to_string()), None],
    };
    for text in texts.into_iter().flatten() {
        let notice = Happening::Notice { level: NoticeLevel::Warning, host: None, text: printable(&text) };
        if happenings.send(notice).await.is_err() {
            return;
        }
    }
}

fn notice(entries: &[Entry]) -> Option<String> {
    let names: Vec<String> = entries.iter().map(|entry| entry.begun.name.clone()).collect();
    match names.as_slice() {
        [] => None,
        [name] => Some(format!("1 interrupted migration ({name}): drover recover")),
        names => {
            Some(format!("{} interrupted migrations ({}): drover recover", names.len(), names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{ContainerId, HostName};
    use crate::migrate::identity::TransactionId;
    use crate::migrate::journal::{Begun, Way};

    fn begun(name: &str) -> Begun {
        Begun {
            container: ContainerId("c".repeat(64)),
            name: name.into(),
            from: HostName::new("h1").unwrap(),
            to: HostName::new("h2").unwrap(),
            from_address: String::new(),
            to_address: String::new(),
            way: Way::TwoPhase,
            predicted: None,
        }
    }

    #[tokio::test]
    async fn migrations_of_a_drover_that_is_gone_are_told_once() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("journal.db");
        let (sender, mut told) = mpsc::channel(4);
        tell(place.clone(), sender.clone()).await;
        assert!(!place.exists(), "nothing is made by looking");
        let journal = Journal::open(&place).await.unwrap();
        for name in ["web", "re\u{1b}dis"] {
            journal.begin(&TransactionId::random(), begun(name)).await.unwrap();
        }
        tell(place.clone(), sender.clone()).await;
        assert!(told.try_recv().is_err(), "this process, which leads them, lives");
        // No process has this number: it is above the kernel's limit.
        let connection = rusqlite::Connection::open(&place).unwrap();
        connection.execute("UPDATE transactions SET process = 2147483646", []).unwrap();
        tell(place, sender).await;
        let Some(Happening::Notice { level: NoticeLevel::Warning, text, .. }) = told.recv().await else {
            panic!("a notice")
        };
        assert_eq!(text, "2 interrupted migrations (web, re\u{fffd}dis): drover recover");
        assert!(told.recv().await.is_none());
    }
}
