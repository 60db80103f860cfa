//! What was seen of hosts, kept on this machine between two runs of drover: slow facts need not be asked again, and
//! questions about the whole fleet can be answered at once.
//!
//! A file for each host, for its owner only. It is a convenience: one that cannot be read or written is passed over.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::HostFacts;

/// What was seen of a host, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// What was seen.
    pub facts: HostFacts,
    /// Unix seconds.
    pub taken: i64,
}

/// Reads what is kept of a host.
pub async fn recall(file: &Path) -> Option<Remembered> {
    let bytes = tokio::fs::read(file).await.ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Keeps what was seen of a host.
pub async fn keep(file: &Path, facts: &HostFacts, taken: i64) {
    // A container's own figures are nobody's business later on.
    let facts = HostFacts {
        established: 0,
        container_memory: None,
        upper: 0,
        volumes: 0,
        criu_first_run: false,
        ..facts.clone()
    };
    let remembered = Remembered { facts, taken };
    let file = file.to_owned();
    // A disk that is full or a directory that may not be written only costs time later.
    let _ = tokio::task::spawn_blocking(move || write(&file, &remembered)).await;
}

fn write(file: &Path, remembered: &Remembered) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::DirBuilderExt as _;
    let directory = file.parent().unwrap_or(Path::new("."));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // Made with mode 0600, and put in place whole: two consoles may write at once.
    let mut new = tempfile::NamedTempFile::new_in(directory)?;
    new.write_all(&serde_json::to_vec(remembered)?)?;
    new.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_kept_is_there_again_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("deep/er/h1.json");
        assert_eq!(recall(&file).await, None);
        let facts = HostFacts { kernel: "6.12".into(), upper: 9, ..HostFacts::default() };
        keep(&file, &facts, 77).await;
        let read = recall(&file).await.unwrap();
        assert_eq!((read.taken, read.facts.kernel.as_str(), read.facts.upper), (77, "6.12", 0));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        std::fs::write(&file, "{").unwrap();
        assert_eq!(recall(&file).await, None);
    }
}
