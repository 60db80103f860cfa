//! A directory tree described so completely that two of them can be compared.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use sha2::Digest;

/// All that is known of one path, as words that can be compared and read.
pub type Facts = BTreeMap<&'static str, String>;

/// A tree by path.
pub struct Tree(pub BTreeMap<PathBuf, Facts>);

impl Tree {
    /// Describes everything below a directory, and the directory itself.
    pub fn of(root: &Path) -> Self {
        let mut tree = Self(BTreeMap::new());
        let mut first_names = BTreeMap::new();
        tree.add(root, root, &mut first_names);
        tree
    }

    fn add(&mut self, root: &Path, path: &Path, first_names: &mut BTreeMap<(u64, u64), PathBuf>) {
        let name = path.strip_prefix(root).unwrap().to_owned();
        let data = std::fs::symlink_metadata(path).unwrap();
        let kind = data.file_type();
        let mut facts = Facts::new();
        let mut fact = |key, value: String| facts.insert(key, value);
        fact("kind", format!("{kind:?}"));
        fact("owner", format!("{}:{}", data.uid(), data.gid()));
        fact("xattrs", format!("{:?}", xattrs(path)));
        if !kind.is_symlink() {
            fact("mode", format!("{:o}", data.mode() & 0o7777));
        }
        // A directory's own time is not kept: deletions and CRIU's mount points come after its description.
        if !kind.is_dir() {
            fact("modified", format!("{}.{:09}", data.mtime(), data.mtime_nsec()));
        }
        if kind.is_char_device() || kind.is_block_device() {
            fact("device", data.rdev().to_string());
        }
        if kind.is_symlink() {
            fact("target", format!("{:?}", std::fs::read_link(path).unwrap()));
        }
        if kind.is_file() {
            fact("size", data.size().to_string());
            fact("sha256", sha256(path));
            let first = first_names.entry((data.dev(), data.ino())).or_insert_with(|| name.clone());
            fact("same file as", first.display().to_string());
            fact("names", data.nlink().to_string());
        }
        self.0.insert(name, facts);
        if kind.is_dir() {
            let mut entries: Vec<_> =
                std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            entries.sort();
            for entry in entries {
                self.add(root, &entry, first_names);
            }
        }
    }

    /// What differs in another tree.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (path, ours) in &self.0 {
            let Some(theirs) = other.0.get(path) else {
                differences.push(format!("{path:?} is missing"));
                continue;
            };
            for (key, value) in ours {
                match theirs.get(key) {
                    Some(their_value) if their_value == value => {}
                    their_value => {
                        differences.push(format!("{path:?}: {key}: {value} became {their_value:?}"))
                    }
                }
            }
        }
        differences.extend(
            other.0.keys().filter(|path| !self.0.contains_key(*path)).map(|path| format!("{path:?} is new")),
        );
        differences
    }
}

fn sha256(path: &Path) -> String {
    let mut file = std::fs::File::open(path).unwrap();
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).unwrap();
        if count == 0 {
            break hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        }
        hash.update(&buffer[..count]);
    }
}

/// The extended attributes of a path, itself and not where it points to.
fn xattrs(path: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let mut names = vec![0; 4096];
    let length = rustix::fs::llistxattr(path, &mut names[..]).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let name = OsString::from_vec(name.to_vec());
        let mut value = vec![0; 4096];
        let length = rustix::fs::lgetxattr(path, name.as_bytes(), &mut value[..]).unwrap();
        value.truncate(length);
        (name, value)
    };
    names.map(value).collect()
}
