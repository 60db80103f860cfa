//! Locks between drovers: the kernel gives them back when the holder ends, however it ends.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
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
        let mut waiting = Some(waiting);
        loop {
            let handle = File::options()
                .create(true)
                .append(true)
                .open(path)
                .map_err(file("opening the lock", path))?;
            match handle.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    handle.lock().map_err(file("locking", path))?;
                }
                Err(TryLockError::Error(error)) => return Err(file("locking", path)(error)),
            }
            // Its last holder may have removed it: then this file is nobody's lock any more.
            if handle.metadata().map_err(file("locking", path))?.nlink() > 0 {
                return Ok(Self { _file: handle });
            }
        }
    }

    /// Removes the file of a lock that is held, so that none stays behind.
    pub fn remove(self, path: &Path) -> Result<(), LabError> {
        std::fs::remove_file(path).map_err(file("removing the lock", path))
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

    #[test]
    fn a_lock_that_was_removed_meanwhile_is_taken_afresh() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let first = Lock::take(&path, || {}).unwrap();
        let (sender, receiver) = mpsc::channel();
        let other = path.clone();
        let second = std::thread::spawn(move || {
            let _lock = Lock::take(&other, || sender.send(()).unwrap()).unwrap();
            other.exists()
        });
        receiver.recv().unwrap();
        first.remove(&path).unwrap();
        assert!(second.join().unwrap());
    }
}
