//! Which host keys are trusted: OpenSSH's known_hosts files, read line by line and matched as OpenSSH does.
//!
//! In come the files and the name under which a host is looked up; out comes a [`Verdict`] that names the
//! file and line behind it. A broken line is reported and the others still hold.

mod certificate;
mod pattern;
mod remember;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey};
use sha1::Sha1;

pub use certificate::CertificateFault;
pub use pattern::matches_list;
pub use remember::{Naming, remember};

/// The SHA-256 fingerprint of a key as OpenSSH prints it, with the key's type.
pub fn fingerprint(key: &PublicKey) -> String {
    format!("{} {}", key.algorithm(), key.fingerprint(HashAlg::Sha256))
}

/// A line of a known_hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1 over all lines.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

/// A line that could not be read as a host key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub location: Location,
    /// What is wrong with it.
    pub cause: String,
}

/// What the files say of a host's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The key is on record.
    Known(Location),
    /// A certificate of a trusted authority, valid now and for this host.
    Certified(Location),
    /// Nothing is on record.
    Unknown,
    /// Only keys of other types are on record.
    OtherType {
        /// The types on record and where.
        recorded: Vec<(String, Location)>,
    },
    /// Another key of the same type is on record.
    Changed {
        /// Where.
        location: Location,
        /// Fingerprint of the key on record.
        recorded: String,
    },
    /// The key, or the authority that signed it, is marked as revoked.
    Revoked(Location),
    /// A trusted authority signed the certificate, but it does not hold for this host or this time.
    BadCertificate {
        /// The authority's line.
        location: Location,
        /// What is wrong.
        fault: CertificateFault,
    },
}

/// The name under which a host is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    name: String,
    port: Option<u16>,
}

impl Lookup {
    /// A host by its name and port; port 22 is not part of the recorded name.
    pub fn new(name: &str, port: u16) -> Self {
        Self { name: name.to_lowercase(), port: (port != 22).then_some(port) }
    }

    /// A `HostKeyAlias`, which stands for itself whatever the port.
    pub fn alias(name: &str) -> Self {
        Self { name: name.to_lowercase(), port: None }
    }

    /// The name without a port, which is what certificates carry.
    pub fn principal(&self) -> &str {
        &self.name
    }

    /// The name as known_hosts files have it: `host` or `[host]:port`.
    pub fn recorded(&self) -> String {
        match self.port {
            Some(port) => format!("[{}]:{port}", self.name),
            None => self.name.clone(),
        }
    }
}

struct Line {
    location: Location,
    marker: Option<Marker>,
    hosts: HostPatterns,
    key: PublicKey,
}

impl Line {
    fn names(&self, name: &str) -> bool {
        match &self.hosts {
            HostPatterns::Patterns(patterns) => matches_list(patterns, name),
            HostPatterns::HashedName { salt, hash } => {
                // HMAC takes keys of every length, so the error never happens.
                Hmac::<Sha1>::new_from_slice(salt)
                    .is_ok_and(|mac| mac.chain_update(name.as_bytes()).verify_slice(hash).is_ok())
            }
        }
    }
}

/// The host keys on record in several files.
#[derive(Default)]
pub struct KnownHosts {
    lines: Vec<Line>,
    problems: Vec<Problem>,
}

impl KnownHosts {
    /// Reads the files. One that does not exist is empty; one that cannot be read is an error, because it may
    /// hold the line that revokes a key.
    pub fn read(files: &[PathBuf]) -> io::Result<Self> {
        let mut known = Self::default();
        for file in files {
            match std::fs::read(file) {
                Ok(bytes) => known.parse(file, &bytes),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(io::Error::new(error.kind(), format!("{}: {error}", file.display())));
                }
            }
        }
        Ok(known)
    }

    /// Adds the lines of one file.
    pub fn parse(&mut self, file: &Path, bytes: &[u8]) {
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let location = Location { file: file.to_path_buf(), line: index + 1 };
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some((marker, hosts, key))) => {
                    self.lines.push(Line { location, marker, hosts, key });
                }
                Err(cause) => self.problems.push(Problem { location, cause }),
            }
        }
    }

    /// The lines that could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What the files say of a plain key.
    pub fn check(&self, host: &Lookup, key: &PublicKey) -> Verdict {
        let verdict = self.check_name(&host.recorded(), key);
        // Like OpenSSH: a key on record for the host as such is also good on another port of it. Only a match
        // counts there, since another port may well be another machine.
        if host.port.is_some() && matches!(verdict, Verdict::Unknown | Verdict::OtherType { .. }) {
            let plain = self.check_name(&host.name, key);
            if matches!(plain, Verdict::Known(_) | Verdict::Revoked(_)) {
                return plain;
            }
        }
        verdict
    }

    fn check_name(&self, name: &str, key: &PublicKey) -> Verdict {
        if let Some(revoked) = self.revoked(name, key) {
            return Verdict::Revoked(revoked.location.clone());
        }
        let mut changed = None;
        let mut recorded = Vec::new();
        for line in self.plain(name) {
            if line.key.key_data() == key.key_data() {
                return Verdict::Known(line.location.clone());
            }
            if line.key.algorithm() == key.algorithm() {
                changed.get_or_insert(line);
            } else {
                recorded.push((line.key.algorithm().to_string(), line.location.clone()));
            }
        }
        match changed {
            Some(line) => {
                Verdict::Changed { location: line.location.clone(), recorded: fingerprint(&line.key) }
            }
            None if recorded.is_empty() => Verdict::Unknown,
            None => Verdict::OtherType { recorded },
        }
    }

    /// What the files say of a host certificate at a time (Unix seconds). One that no authority on record
    /// signed counts as the plain key in it.
    pub fn check_certificate(&self, host: &Lookup, certificate: &Certificate, now: u64) -> Verdict {
        let inner = PublicKey::new(certificate.public_key().clone(), "");
        let authority = PublicKey::new(certificate.signature_key().clone(), "");
        let names = [host.recorded(), host.name.clone()];
        for name in &names {
            for key in [&inner, &authority] {
                if let Some(revoked) = self.revoked(name, key) {
                    return Verdict::Revoked(revoked.location.clone());
                }
            }
        }
        let vouching = names.iter().find_map(|name| {
            self.lines.iter().find(|line| {
                line.marker == Some(Marker::CertAuthority)
                    && line.key.key_data() == authority.key_data()
                    && line.names(name)
            })
        });
        let Some(line) = vouching else {
            return self.check(host, &inner);
        };
        match certificate::fault(certificate, host.principal(), now) {
            None => Verdict::Certified(line.location.clone()),
            // Its key may be on record by itself; then the certificate is not needed.
            Some(fault) => match self.check(host, &inner) {
                Verdict::Unknown | Verdict::OtherType { .. } => {
                    Verdict::BadCertificate { location: line.location.clone(), fault }
                }
                verdict => verdict,
            },
        }
    }

    fn plain<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> + 'a {
        self.lines.iter().filter(move |line| line.marker.is_none() && line.names(name))
    }

    fn revoked(&self, name: &str, key: &PublicKey) -> Option<&Line> {
        self.lines.iter().find(|line| {
            line.marker == Some(Marker::Revoked) && line.key.key_data() == key.key_data() && line.names(name)
        })
    }

    /// The order in which to ask the host for its keys: types on record first, so that a host with several
    /// keys presents one that can be checked.
    pub fn preferred_algorithms(&self, host: &Lookup) -> Vec<Algorithm> {
        let recorded = host.recorded();
        let known: Vec<Algorithm> = self.plain(&recorded).map(|line| line.key.algorithm()).collect();
        let mut order = host_key_algorithms();
        order.sort_by_key(|algorithm| !known.iter().any(|known| same_type(known, algorithm)));
        order
    }

    /// Which certificate types to ask for: all, where an authority on record may vouch for the host.
    pub fn certificate_algorithms(&self, host: &Lookup) -> Vec<Algorithm> {
        let names = [host.recorded(), host.name.clone()];
        let vouched = self.lines.iter().any(|line| {
            line.marker == Some(Marker::CertAuthority) && names.iter().any(|name| line.names(name))
        });
        if vouched { host_key_algorithms() } else { Vec::new() }
    }
}

/// Without `ssh-rsa` (SHA-1), which OpenSSH has not accepted from hosts since 8.8.
fn host_key_algorithms() -> Vec<Algorithm> {
    vec![
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
        Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ]
}

/// Whether two algorithms belong to the same type of key; an RSA key signs with several hashes.
fn same_type(left: &Algorithm, right: &Algorithm) -> bool {
    left == right || matches!((left, right), (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }))
}

type Parsed = (Option<Marker>, HostPatterns, PublicKey);

fn parse_line(line: &[u8]) -> Result<Option<Parsed>, String> {
    let line = std::str::from_utf8(line).map_err(|_| "not UTF-8 text".to_string())?;
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    // OpenSSH separates fields by any blanks and lets a comment follow the key.
    let fields = if line.starts_with('@') { 4 } else { 3 };
    let words: Vec<&str> = line.split_ascii_whitespace().take(fields).collect();
    if words.len() < fields {
        return Err("too few fields: expected hosts, key type and key".into());
    }
    let entry: Entry = words.join(" ").parse().map_err(|error| format!("{error}"))?;
    // Only its own name may stand before the key, or a line would be read as another type than it says.
    if words[fields - 2] != entry.public_key().algorithm().as_str() {
        return Err(format!("says {} but holds another type of key", words[fields - 2]));
    }
    Ok(Some((entry.marker().copied(), entry.host_patterns().clone(), entry.public_key().clone())))
}

/// The record as it was when a connection began, shared by its handler.
pub(super) type SharedKnownHosts = Arc<KnownHosts>;

#[cfg(test)]
mod tests;
