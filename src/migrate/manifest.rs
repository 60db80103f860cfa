//! Proof that files arrived: a description of the same paths on both sides, compared.

use std::collections::BTreeMap;

/// One path as `entries.sh` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: u8,
    /// Mode, user, group; then size and link target where they mean something.
    facts: String,
    modified: String,
    hash: Option<String>,
}

/// All that was described, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: BTreeMap<Vec<u8>, Entry>,
    /// Paths of the image that are not to be there.
    deleted: Vec<Vec<u8>>,
}

impl Manifest {
    /// Reads the output of `manifest.sh`: deleted paths, an empty one, then what `entries.sh` prints.
    pub fn of_source(output: &[u8]) -> Self {
        let (mut deleted, mut rest) = (Vec::new(), output);
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            let (name, behind) = (&rest[..end], &rest[end + 1..]);
            rest = behind;
            if name.is_empty() {
                break;
            }
            deleted.push(name.to_vec());
        }
        Self { deleted, ..Self::parse(rest) }
    }

    /// Reads the output of `entries.sh`.
    pub fn parse(output: &[u8]) -> Self {
        let mut entries = BTreeMap::new();
        let mut records = output.split(|byte| *byte == 0);
        while let Some(description) = records.next() {
            if description.is_empty() {
                break;
            }
            let Some(path) = records.next() else { break };
            let description = String::from_utf8_lossy(description);
            let mut fields = description.splitn(7, ' ');
            let mut field = || fields.next().unwrap_or_default();
            let (kind, mode, user, group, size, modified, target) =
                (field(), field(), field(), field(), field(), field(), field());
            let facts = match kind {
                "f" => format!("mode {mode}, owner {user}:{group}, {size} bytes"),
                "l" => format!("owner {user}:{group}, target {target}"),
                _ => format!("mode {mode}, owner {user}:{group}"),
            };
            let kind = kind.bytes().next().unwrap_or(b'?');
            let entry = Entry { kind, facts, modified: modified.to_owned(), hash: None };
            entries.insert(path.to_vec(), entry);
        }
        for record in records {
            // `sha256sum -z`: 64 digits, two characters, the path.
            if let (Some(hash), Some(path)) = (record.get(..64), record.get(66..))
                && let Some(entry) = entries.get_mut(path)
            {
                entry.hash = Some(String::from_utf8_lossy(hash).into_owned());
            }
        }
        Self { entries, deleted: Vec::new() }
    }

    /// The paths, each ended by NUL, for `entries.sh` on the other side.
    pub fn paths(&self) -> Vec<u8> {
        let paths = self.entries.keys().chain(&self.deleted);
        paths.flat_map(|path| path.iter().copied().chain([0])).collect()
    }

    /// Number of paths.
    pub fn len(&self) -> usize {
        self.entries.len() + self.deleted.len()
    }

    /// What differs on the other side, in words. `since` is the time of the restore on the other host's
    /// clock, Unix seconds: what was modified after it, the running container has modified itself. A socket is
    /// made anew by CRIU and says nothing about the transfer.
    pub fn differences(&self, arrived: &Self, since: f64) -> Vec<String> {
        let mut differences = Vec::new();
        for (path, ours) in &self.entries {
            if ours.kind == b's' {
                continue;
            }
            let name = crate::fleet::printable(&String::from_utf8_lossy(path));
            match arrived.entries.get(path) {
                None if arrived.parent_written_after(path, since) => {}
                None => differences.push(format!("{name} is missing")),
                Some(theirs) if theirs.written_after(since) => {}
                Some(theirs) if theirs.kind != ours.kind || theirs.facts != ours.facts => {
                    differences.push(format!("{name}: {} here, {} there", ours.facts, theirs.facts));
                }
                Some(theirs) if theirs.hash != ours.hash => {
                    differences.push(format!("{name}: another content"));
                }
                Some(_) => {}
            }
        }
        for path in &self.deleted {
            // The container itself may have made it again.
            if arrived.entries.get(path).is_some_and(|entry| !entry.written_after(since)) {
                let name = crate::fleet::printable(&String::from_utf8_lossy(path));
                differences.push(format!("{name} was deleted and is there again"));
            }
        }
        differences
    }

    /// Whether the directory of a path was written after the restore: then the container removed the path.
    /// Overlay's upper layer always holds the directories above what it holds, so they are described, too.
    fn parent_written_after(&self, path: &[u8], since: f64) -> bool {
        let parent = path.iter().rposition(|byte| *byte == b'/').map(|end| &path[..end]);
        parent.and_then(|parent| self.entries.get(parent)).is_some_and(|parent| parent.written_after(since))
    }
}

impl Entry {
    /// Whether it was modified at or after this time of its own host's clock, Unix seconds.
    fn written_after(&self, since: f64) -> bool {
        self.modified.parse::<f64>().is_ok_and(|modified| modified >= since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn output(mode: &str, modified: &str, hash: &str) -> Vec<u8> {
        format!("f {mode} 0 0 2 {modified} \0./a b\0l 777 0 0 4 5.0 /etc\0./link\0\0{hash}  ./a b\0")
            .into_bytes()
    }

    #[test]
    fn equal_trees_do_not_differ() {
        let ours = Manifest::parse(&output("644", "10.5", HASH));
        assert_eq!(ours.len(), 2);
        assert_eq!(ours.paths(), b"./a b\0./link\0");
        assert_eq!(ours.differences(&ours.clone(), 20.0), Vec::<String>::new());
    }

    #[test]
    fn mode_content_and_absence_are_found() {
        let ours = Manifest::parse(&output("644", "10.5", HASH));
        let mode = Manifest::parse(&output("600", "10.5", HASH));
        assert_eq!(
            ours.differences(&mode, 20.0),
            ["./a b: mode 644, owner 0:0, 2 bytes here, mode 600, owner 0:0, 2 bytes there"]
        );
        let content = Manifest::parse(&output("644", "10.5", &HASH.replace('a', "b")));
        assert_eq!(ours.differences(&content, 20.0), ["./a b: another content"]);
        assert_eq!(ours.differences(&Manifest::default(), 20.0).len(), 2);
    }

    #[test]
    fn what_was_deleted_must_not_come_back() {
        let mut source = b"./gone\0./a b\0\0".to_vec();
        source.extend(output("644", "10.5", HASH));
        let ours = Manifest::of_source(&source);
        assert_eq!(ours.len(), 4);
        let arrived = Manifest::parse(&output("644", "10.5", HASH));
        assert_eq!(ours.differences(&arrived, 20.0), ["./a b was deleted and is there again"]);
        assert_eq!(ours.differences(&arrived, 10.0), Vec::<String>::new());
    }

    #[test]
    fn what_the_container_has_written_since_is_its_own() {
        let ours = Manifest::parse(&output("644", "10.5", HASH));
        let written = Manifest::parse(&output("644", "21.0", &HASH.replace('a', "b")));
        assert_eq!(ours.differences(&written, 20.0), Vec::<String>::new());
        let ours = Manifest::parse(b"d 755 0 0 0 1.0 \0./d\0f 644 0 0 2 1.0 \0./d/gone\0\0");
        let removed = Manifest::parse(b"d 755 0 0 0 20.5 \0./d\0\0");
        assert_eq!(ours.differences(&removed, 20.0), Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_read(output: Vec<u8>) {
            let manifest = Manifest::parse(&output);
            proptest::prop_assert!(manifest.differences(&manifest.clone(), 0.0).is_empty());
        }
    }
}
