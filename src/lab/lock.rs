//! Locks between drovers: the kernel gives them back when the holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::LabError;
use super::error::file;
use super::places::private_directory;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes a lock; `waiting` is called once if somebody else holds it.
    pub fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self, LabError> {
        if let Some(directory) = path.parent() {
            private_directory(directory)?;
        }
        let handle =
            File::options().create(true).append(true).open(path).map_err(file("opening the lock", path))?;
        match handle.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                handle.lock().map_err(file("locking", path))?;
            }
            Err(TryLockError::Error(error)) => return Err(file("locking", path)(error)),
        }
        Ok(Self { _file: handle })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn the_second_waits_for_the_first_and_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run/lock");
        let first = Lock::take(&path, || panic!("nobody holds it")).unwrap();
        let (sender, receiver) = mpsc::channel();
        let other = path.clone();
        let second = std::thread::spawn(move || {
            let told = sender.clone();
            let lock = Lock::take(&other, || told.send("waiting").unwrap()).unwrap();
            sender.send("taken").unwrap();
            drop(lock);
        });
        assert_eq!(receiver.recv().unwrap(), "waiting");
        assert!(receiver.try_recv().is_err());
        drop(first);
        assert_eq!(receiver.recv().unwrap(), "taken");
        second.join().unwrap();
    }
}
