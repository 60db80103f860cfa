//! Where a lab keeps its files, and whose it is.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::file;
use super::{LabError, LabName};

/// The directories of one lab.
#[derive(Clone, Debug)]
pub(super) struct Places {
    /// What is built once and used by every lab.
    pub cache: PathBuf,
    /// Keys, fleet file and the hosts' disks.
    pub state: PathBuf,
    /// What is gone after a reboot: the owner's record, lxcfs, scripts.
    pub run: PathBuf,
    /// Locked while something works on this lab.
    pub lock: PathBuf,
}

/// What is true of every lab on this machine at this boot.
const RUN: &str = "/run/drover/lab";

impl Places {
    /// The places of a lab, from the environment.
    pub fn of(name: &LabName) -> Result<Self, LabError> {
        let from =
            |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache =
            from("XDG_CACHE_HOME").map_or_else(|| "/var/cache/drover".into(), |home| home.join("drover"));
        let state =
            from("XDG_STATE_HOME").map_or_else(|| "/var/lib/drover".into(), |home| home.join("drover"));
        for (variable, path) in [("XDG_CACHE_HOME", &cache), ("XDG_STATE_HOME", &state)] {
            check_plain(variable, path)?;
        }
        let run = Path::new(RUN);
        Ok(Self {
            cache,
            state: state.join("lab").join(name.as_str()),
            run: run.join(name.as_str()),
            lock: run.join(format!("{name}.lock")),
        })
    }

    /// Locked while a lab picks its network.
    pub fn network_lock() -> PathBuf {
        Path::new(RUN).join("network.lock")
    }

    /// The file that says which hosts there are.
    pub fn record(&self) -> PathBuf {
        self.state.join("lab.json")
    }

    /// The file that says whose lab is up.
    pub fn owner(&self) -> PathBuf {
        self.run.join("owner.json")
    }

    /// The fleet file for the console.
    pub fn fleet(&self) -> PathBuf {
        self.state.join("fleet.toml")
    }

    /// The key that opens every host.
    pub fn identity(&self) -> PathBuf {
        self.state.join("keys").join("id_ed25519")
    }

    /// The hosts' public keys.
    pub fn known_hosts(&self) -> PathBuf {
        self.state.join("known_hosts")
    }

    /// One host's disk and configuration.
    pub fn host(&self, host: &str) -> PathBuf {
        self.state.join("hosts").join(host)
    }

    /// A directory for mounts that nobody else sees.
    pub fn mounts(&self) -> PathBuf {
        self.run.join("mounts")
    }
}

/// Refuses a path that cannot be part of mount options, in which `,` and `:` separate, or of ssh's.
fn check_plain(variable: &'static str, path: &Path) -> Result<(), LabError> {
    let plain = |c: char| c.is_alphanumeric() || "/-_.+@~ ".contains(c);
    if path.to_str().is_some_and(|text| text.chars().all(plain)) {
        return Ok(());
    }
    Err(LabError::Value {
        what: "directory for a lab",
        found: crate::fleet::printable(&path.to_string_lossy()),
        expected: match variable {
            "XDG_CACHE_HOME" => "set XDG_CACHE_HOME to a path of letters, digits and “-_.+@~” only",
            _ => "set XDG_STATE_HOME to a path of letters, digits and “-_.+@~” only",
        },
    })
}

/// Makes a directory, and those above it, that only its owner may enter.
pub(super) fn private_directory(path: &Path) -> Result<(), LabError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(file("making", path))
}

/// Writes a file in one step: whoever reads it sees the old or the new text.
pub(super) fn write(path: &Path, mode: u32, text: &[u8]) -> Result<(), LabError> {
    use std::io::Write;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut scratch = tempfile::NamedTempFile::new_in(directory).map_err(file("writing", path))?;
    scratch.write_all(text).map_err(file("writing", path))?;
    scratch
        .as_file()
        .set_permissions(std::fs::Permissions::from_mode(mode))
        .map_err(file("writing", path))?;
    scratch.persist(path).map_err(|error| file("writing", path)(error.error))?;
    Ok(())
}

/// Who works with drover: the user, and the one behind sudo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The real user id.
    pub uid: u32,
    /// The user id that called sudo, if one did.
    pub sudo_uid: Option<u32>,
}

impl Owner {
    /// Whoever runs this program.
    pub fn current() -> Self {
        let sudo_uid = std::env::var("SUDO_UID").ok().and_then(|text| text.parse().ok());
        Self { uid: rustix::process::getuid().as_raw(), sudo_uid }
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let person = self.sudo_uid.unwrap_or(self.uid);
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        match user_name(&users, person) {
            Some(name) => write!(formatter, "{} (user id {person})", crate::fleet::printable(name)),
            None => write!(formatter, "user id {person}"),
        }
    }
}

fn user_name(users: &str, id: u32) -> Option<&str> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_called_by_name_where_there_is_one() {
        let users = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\nbroken\n";
        assert_eq!(user_name(users, 1000), Some("alice"));
        assert_eq!(user_name(users, 0), Some("root"));
        assert_eq!(user_name(users, 7), None);
    }

    #[test]
    fn a_path_that_mount_would_misread_is_refused() {
        assert!(check_plain("XDG_CACHE_HOME", Path::new("/home/älice/.cache/drover")).is_ok());
        for bad in ["/a,b", "/a:b", "/a\"b", "/a\\b", "/a\nb"] {
            assert!(check_plain("XDG_STATE_HOME", Path::new(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_private_file_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b");
        private_directory(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let target = path.join("key");
        write(&target, 0o600, b"one").unwrap();
        write(&target, 0o600, b"two").unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    }
}
