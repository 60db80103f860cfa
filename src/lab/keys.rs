//! The lab's own keys, its known_hosts and its fleet file. Nobody's ~/.ssh is touched.

use std::fmt::Write as _;
use std::path::Path;

use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};

use super::error::file;
use super::places::{Places, private_directory, write};
use super::record::Record;
use super::{LabError, LabName};

/// Reads a key, or makes it when there is none yet: host keys stay the same as long as the lab's state does.
pub(super) fn key(path: &Path, comment: &str) -> Result<PrivateKey, LabError> {
    let failed =
        |error: russh::keys::ssh_key::Error| file("making the key", path)(std::io::Error::other(error));
    if let Ok(text) = std::fs::read_to_string(path)
        && let Ok(key) = PrivateKey::from_openssh(text)
    {
        return Ok(key);
    }
    let mut key = PrivateKey::random(&mut rand::rng(), Algorithm::Ed25519).map_err(failed)?;
    key.set_comment(comment);
    let text = key.to_openssh(LineEnding::LF).map_err(failed)?;
    if let Some(directory) = path.parent() {
        private_directory(directory)?;
    }
    write(path, 0o600, text.as_bytes())?;
    Ok(key)
}

/// A public key as it stands in authorized_keys, without its comment.
pub(super) fn public_line(key: &PrivateKey) -> String {
    let mut public = key.public_key().clone();
    public.set_comment("");
    // An Ed25519 key that was just read or made can always be written.
    public.to_openssh().unwrap_or_default().trim_end().to_string()
}

/// One host's key.
pub(super) fn host_key(places: &Places, host: &str) -> Result<PrivateKey, LabError> {
    key(&places.state.join("keys").join(format!("host-{host}")), host)
}

/// The public keys of all hosts, by address and by name.
pub(super) fn known_hosts(places: &Places, record: &Record) -> Result<String, LabError> {
    let mut text = String::new();
    for host in &record.hosts {
        let line = public_line(&host_key(places, &host.name)?);
        let _ = writeln!(text, "{},{} {line}", record.address(host), host.name);
    }
    Ok(text)
}

/// The fleet file of the lab.
pub(super) fn fleet(name: &LabName, record: &Record) -> String {
    let title =
        if *name == LabName::default() { "local lab".to_owned() } else { format!("local lab {name}") };
    let mut text = format!(
        "# The hosts of the lab “{name}” on this machine. Written by “drover lab up”, which overwrites it.\n\
         title = \"{title}\"\n\n\
         [defaults]\nuser = \"root\"\nidentity = \"keys/id_ed25519\"\nknown_hosts = \"known_hosts\"\n\
         labels = {{ lab = \"{name}\" }}\n"
    );
    for host in &record.hosts {
        let _ = write!(text, "\n[hosts.{}]\naddress = \"{}\"\n", host.name, record.address(host));
    }
    text
}

/// Writes keys, known_hosts and fleet file.
pub(super) fn write_all(name: &LabName, places: &Places, record: &Record) -> Result<(), LabError> {
    private_directory(&places.state)?;
    key(&places.identity(), &name.mark())?;
    write(&places.known_hosts(), 0o600, known_hosts(places, record)?.as_bytes())?;
    write(&places.fleet(), 0o600, fleet(name, record).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_the_same_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/id");
        let line = public_line(&key(&path, "one").unwrap());
        assert!(line.starts_with("ssh-ed25519 AAAA") && line.split(' ').count() == 2, "{line}");
        assert_eq!(public_line(&key(&path, "two").unwrap()), line);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
