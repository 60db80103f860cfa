//! A fleet that needs no machine: hosts that live in this process, behind real SSH.
//!
//! In comes a scenario (a TOML file, see [`scenario`]) and a seed; out come hosts that a [`Connector`] reaches
//! through [`network::Network`], or anybody through loopback ports. Each host is a small Unix: files, pipes, processes, a
//! POSIX shell, the tools and the engines' commands, all over one simulated world. Nothing above this room knows
//! that a host is simulated: the very scripts that run on real hosts run here.
//!
//! [`Connector`]: crate::ssh::Connector

pub mod clock;
pub mod engine;
pub mod failure;
pub mod load;
pub mod machine;
pub mod network;
pub mod scenario;
pub mod shell;
pub mod tools;
pub mod world;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock whose holder cannot leave it half-changed: a panic elsewhere does not make it useless.
pub(crate) fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes as hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 of some bytes: also where names and ids come from that are the same in each run of the same world.
fn digest(bytes: impl AsRef<[u8]>) -> String {
    hex(&<sha2::Sha256 as sha2::Digest>::digest(bytes.as_ref()))
}
