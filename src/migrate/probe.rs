//! What a host and a container are like at this moment, by one script in one round trip.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::engine::Codec;
use crate::fleet::printable;
use crate::ssh::{Command, Remote, RemoteError};

/// What was seen on one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HostFacts {
    /// Numeric id of the user who runs commands.
    pub user: Option<u32>,
    /// `uname -m`.
    pub architecture: String,
    /// `uname -r`.
    pub kernel: String,
    /// Bytes.
    pub memory_total: u64,
    /// Bytes.
    pub memory_available: u64,
    /// Bytes free in /dev/shm.
    pub free_memory_files: u64,
    /// Bytes free in /var/tmp.
    pub free_disk: u64,
    /// Bytes free where the engine keeps containers.
    pub free_storage: u64,
    /// Programs that are missing, or are there in a variant without the options needed.
    pub missing: BTreeSet<String>,
    /// OCI runtimes that are installed.
    pub runtimes: BTreeSet<String>,
    /// CRIU's version, empty without CRIU.
    pub criu: String,
    /// Whether `criu check` was content.
    pub criu_works: bool,
    /// TCP ports on which something listens.
    pub listening: BTreeSet<u16>,
    /// Established TCP connections of the container.
    pub established: u32,
    /// Memory of the container that a checkpoint has to write, bytes: anonymous and shared. None when it
    /// could not be read.
    pub container_memory: Option<u64>,
    /// Size of the container's writable layer, bytes.
    pub upper: u64,
    /// Size of the container's volumes, bytes.
    pub volumes: u64,
}

impl HostFacts {
    /// Bytes of the checkpoint archive as the engine writes it: memory and volumes, and some for the rest of CRIU's
    /// images, which are 0.1 MB for a small container.
    pub fn archive(&self) -> u64 {
        self.container_memory.unwrap_or_default() + self.volumes + (4 << 20)
    }

    /// The better of the codecs that are there.
    pub fn codec(&self) -> Codec {
        if self.missing.contains("zstd") { Codec::Gzip } else { Codec::Zstd }
    }

    /// Programs that are missing and needed; zstd can be done without.
    pub fn missing_tools(&self) -> Vec<&str> {
        self.missing.iter().map(String::as_str).filter(|tool| !matches!(*tool, "criu" | "zstd")).collect()
    }

    /// What keeps this host from sending or receiving containers, each with what to do.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.user != Some(0) {
            problems
                .push("commands do not run as root, and CRIU needs root: log in as root or set sudo".into());
        }
        if self.criu.is_empty() {
            problems.push("CRIU is not installed: apt-get install criu libcriu2".into());
        } else if !self.criu_works {
            let (criu, kernel) = (printable(&self.criu), printable(&self.kernel));
            problems.push(format!(
                "CRIU {criu} does not work with kernel {kernel}: “criu check” says what is missing"
            ));
        }
        let missing = self.missing_tools();
        if !missing.is_empty() {
            problems.push(format!("missing, or without the GNU options needed: {}", missing.join(", ")));
        }
        problems
    }

    /// Reads the script's output; a line that cannot be read leaves its field at the default, which the
    /// checks then report as missing.
    fn parse(text: &str) -> Self {
        let mut facts = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let number = || value.trim().parse::<u64>().unwrap_or_default();
            match key {
                "user" => facts.user = value.trim().parse().ok(),
                "architecture" => facts.architecture = value.to_owned(),
                "kernel" => facts.kernel = value.to_owned(),
                "MemTotal" => facts.memory_total = number(),
                "MemAvailable" => facts.memory_available = number(),
                "free-memory-files" => facts.free_memory_files = number(),
                "free-disk" => facts.free_disk = number(),
                "free-storage" => facts.free_storage = number(),
                "missing" => {
                    facts.missing.insert(value.to_owned());
                }
                "runtime" => {
                    facts.runtimes.insert(value.to_owned());
                }
                "criu" => facts.criu = value.trim().to_owned(),
                "criu-check" => facts.criu_works = value == "good",
                "listening" => facts.listening.extend(u16::from_str_radix(value, 16).ok()),
                "established" => facts.established = number() as u32,
                "memory" => facts.container_memory = value.trim().parse().ok(),
                "upper" => facts.upper = number(),
                "volume" => facts.volumes += number(),
                _ => {}
            }
        }
        facts
    }
}

/// What of a container is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Belongings<'a> {
    /// Its first process.
    pub pid: u32,
    /// Its writable layer.
    pub upper: &'a str,
    /// Directories of its volumes.
    pub volumes: &'a [&'a str],
}

/// Looks at a host, and at a container when it is there.
pub async fn probe(remote: &dyn Remote, container: Option<Belongings<'_>>) -> Result<HostFacts, RemoteError> {
    let Belongings { pid, upper, volumes } =
        container.unwrap_or(Belongings { pid: 0, upper: "", volumes: &[] });
    let command = Command::script(include_str!("scripts/probe.sh"), [pid.to_string(), upper.to_owned()])
        .arguments(volumes.iter().copied());
    let output = remote.output(&command, &[]).await?;
    Ok(HostFacts::parse(&String::from_utf8_lossy(&output.stdout)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_runs_here_and_its_output_is_read() {
        let output = std::process::Command::new("sh")
            .args(["-c", include_str!("scripts/probe.sh"), "drover"])
            .args([std::process::id().to_string().as_str(), "src", "tests"])
            .output()
            .unwrap();
        let facts = HostFacts::parse(&String::from_utf8_lossy(&output.stdout));
        assert!(facts.memory_total > facts.memory_available && facts.memory_available > 0, "{facts:?}");
        assert!(facts.upper > 0 && facts.volumes > 0, "{facts:?}");
        assert!(facts.free_disk > 0 && !facts.architecture.is_empty() && facts.user.is_some(), "{facts:?}");
    }

    #[test]
    fn lines_are_read_and_strange_ones_passed_over() {
        let facts = HostFacts::parse(
            "user 0\nMemTotal 2048\nlistening 1F90\nlistening zz\nmissing zstd\ncriu 4.2.1\ncriu-check good\n\
             memory 15\nestablished 2\n\u{7f}\nnonsense",
        );
        assert_eq!(facts.user, Some(0));
        assert_eq!(facts.listening, BTreeSet::from([8080]));
        assert_eq!(facts.container_memory, Some(15));
        assert_eq!(facts.codec(), Codec::Gzip);
        assert!(facts.criu_works);
    }
}
