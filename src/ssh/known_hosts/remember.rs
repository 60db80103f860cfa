//! Adds a host key to a known_hosts file so that neither a crash nor a second writer can break the file.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::PublicKey;
use russh::keys::ssh_key::known_hosts::HostPatterns;
use sha1::Sha1;

use super::{KnownHosts, Lookup, Verdict};

/// Whether names are written as they are or hashed, as `HashKnownHosts` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// As they are.
    #[default]
    Plain,
    /// As a salted hash.
    Hashed,
}

/// Appends a host's key under a lock and syncs it. Directory and file are made private when they are new.
pub fn remember(file: &Path, host: &Lookup, key: &PublicKey, naming: Naming) -> io::Result<()> {
    if let Some(directory) = file.parent().filter(|directory| !directory.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let mut handle = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(file)?;
    // Released when the file is closed.
    rustix::fs::flock(&handle, rustix::fs::FlockOperation::LockExclusive)?;
    let mut bytes = Vec::new();
    handle.seek(SeekFrom::Start(0))?;
    handle.read_to_end(&mut bytes)?;
    let mut known = KnownHosts::default();
    known.parse(file, &bytes);
    // Another connection may have written it while this one waited for the lock.
    if matches!(known.check(host, key), Verdict::Known(_)) {
        return Ok(());
    }
    let mut line = String::new();
    if bytes.last().is_some_and(|last| *last != b'\n') {
        line.push('\n');
    }
    line.push_str(&name(&host.recorded(), naming));
    line.push(' ');
    let plain = PublicKey::new(key.key_data().clone(), "");
    line.push_str(plain.to_openssh().map_err(io::Error::other)?.trim_end());
    line.push('\n');
    handle.write_all(line.as_bytes())?;
    handle.sync_all()
}

fn name(recorded: &str, naming: Naming) -> String {
    match naming {
        Naming::Plain => recorded.to_string(),
        Naming::Hashed => {
            let salt: [u8; 20] = rand::random();
            let Ok(mac) = Hmac::<Sha1>::new_from_slice(&salt) else { return recorded.to_string() };
            let hash = mac.chain_update(recorded.as_bytes()).finalize().into_bytes();
            HostPatterns::HashedName { salt: salt.to_vec(), hash: hash.into() }.to_string()
        }
    }
}
