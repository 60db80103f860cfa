//! What a person has already told: unlocked keys and right passwords, so that the second connection to a
//! host, or the tenth host with the same key, does not ask again. It lives in memory only.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use russh::keys::PrivateKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::prompt::Secret;

#[derive(Default)]
struct Contents {
    /// With the text of the file, so that a changed file counts as another key.
    keys: HashMap<PathBuf, (Secret, Arc<PrivateKey>)>,
    passwords: HashMap<String, Secret>,
    turns: HashMap<String, Arc<Semaphore>>,
}

/// Shared by all connections of one connector. The lock is never held across an await.
#[derive(Default)]
pub(super) struct KeyRing {
    contents: Mutex<Contents>,
    /// A key that came from no file.
    held: Option<Arc<PrivateKey>>,
}

impl KeyRing {
    pub(super) fn holding(key: PrivateKey) -> Self {
        Self { contents: Mutex::default(), held: Some(Arc::new(key)) }
    }

    pub(super) fn held(&self) -> Option<Arc<PrivateKey>> {
        self.held.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for one's turn to ask about something: two hosts never ask for the same thing at once.
    pub(super) async fn turn(&self, subject: &str) -> Option<OwnedSemaphorePermit> {
        let turns =
            self.lock().turns.entry(subject.into()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone();
        turns.acquire_owned().await.ok()
    }

    pub(super) fn key(&self, path: &Path, text: &str) -> Option<Arc<PrivateKey>> {
        self.lock().keys.get(path).filter(|(known, _)| known.expose() == text).map(|(_, key)| key.clone())
    }

    pub(super) fn keep_key(&self, path: &Path, text: Secret, key: Arc<PrivateKey>) {
        self.lock().keys.insert(path.into(), (text, key));
    }

    pub(super) fn password(&self, account: &str) -> Option<Secret> {
        self.lock().passwords.get(account).cloned()
    }

    pub(super) fn keep_password(&self, account: &str, password: Secret) {
        self.lock().passwords.insert(account.into(), password);
    }

    pub(super) fn forget_password(&self, account: &str) {
        self.lock().passwords.remove(account);
    }
}
