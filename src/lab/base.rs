//! What is built once and then used by every lab: the hosts' root file system, and the Podman storage with
//! the sample images. Each has a name made from everything that determines its contents; it is built under
//! another name and renamed when it is complete, so what is there is whole.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::error::file;
use super::lock::Lock;
use super::places::{Places, private_directory};
use super::program::{contained, remove_tree, run};
use super::progress::{Progress, Report, build_errors, build_step};
use super::{LabError, Mirror, machine};

const SUITE: &str = "trixie";
/// trixie's CRIU 4.1.1 fails on TCP sockets with new kernels; testing's 4.2.1 does not.
const NEWER_SUITE: &str = "testing";
const NEWER_PACKAGES: &str = "criu libcriu2";
const PACKAGES: &[&str] = &[
    "podman",
    "crun",
    "conmon",
    "netavark",
    "aardvark-dns",
    "passt",
    "openssh-server",
    "iproute2",
    "nftables",
    "iptables",
    "procps",
    "rsync",
    "zstd",
    "curl",
    "ca-certificates",
    "docker.io",
    "docker-cli",
    "runc",
    "stress-ng",
    "redis-server",
    "busybox-static",
];
/// Measured: 745 MB in place and 170 MB of packages while it is built, and a margin.
const SPACE: u64 = 1500 << 20;

const BASE_SCRIPT: &str = include_str!("scripts/base.sh");
const STORAGE_SCRIPT: &str = include_str!("scripts/storage.sh");
const IMAGES_SCRIPT: &str = include_str!("scripts/images.sh");

/// The finished parts.
#[derive(Clone, Debug)]
pub(super) struct Built {
    /// The root file system.
    pub base: PathBuf,
    /// The Podman storage with the sample images.
    pub storage: PathBuf,
}

/// A short hash of everything that determines what is built.
fn content_key<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps “ab”,“c” and “a”,“bc” apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn base_key() -> String {
    content_key(
        [BASE_SCRIPT, SUITE, NEWER_SUITE, NEWER_PACKAGES, std::env::consts::ARCH]
            .into_iter()
            .chain(PACKAGES.iter().copied()),
    )
}

/// Builds what is missing. Two labs that come up at once build it once.
pub(super) fn build(places: &Places, mirror: Option<&Mirror>, report: Report<'_>) -> Result<Built, LabError> {
    let base_key = base_key();
    let storage_key = content_key([&base_key, STORAGE_SCRIPT, IMAGES_SCRIPT]);
    let built = Built {
        base: places.cache.join(format!("base-{base_key}")),
        storage: places.cache.join(format!("storage-{storage_key}")),
    };
    if built.base.is_dir() && built.storage.is_dir() {
        return Ok(built);
    }
    // Only root may look inside: programs in there are setuid and will grow old.
    private_directory(&places.cache)?;
    let _lock = Lock::take(&places.cache.join("lock"), || {
        report(Progress::Note("another drover is building the hosts' file system: waiting for it".into()));
    })?;
    if !built.base.is_dir() {
        machine::check_tools()?;
        check_space(&places.cache)?;
        build_base(places, &built.base, mirror, report)?;
        remove_old(&places.cache, "base-", &built.base);
    }
    if !built.storage.is_dir() {
        report(Progress::Build { percent: 98, step: "making the sample images".into() });
        build_storage(places, &built)?;
        remove_old(&places.cache, "storage-", &built.storage);
    }
    Ok(built)
}

fn check_space(place: &Path) -> Result<(), LabError> {
    let status = rustix::fs::statvfs(place).map_err(|error| file("looking at", place)(error.into()))?;
    let free = status.f_bavail.saturating_mul(status.f_frsize);
    if free < SPACE {
        return Err(LabError::NoSpace {
            place: place.into(),
            free: crate::fleet::bytes(free),
            needed: crate::fleet::bytes(SPACE),
        });
    }
    Ok(())
}

/// A fresh directory for something that is being built; the remains of a build that was killed go.
fn fresh(places: &Places, name: &str) -> Result<PathBuf, LabError> {
    let path = places.cache.join(name);
    remove_tree(&path)?;
    private_directory(&path)?;
    Ok(path)
}

fn build_base(
    places: &Places,
    base: &Path,
    mirror: Option<&Mirror>,
    report: Report<'_>,
) -> Result<(), LabError> {
    // A machine's own mirror is near, but may lack the suites; the one for everybody has them.
    let everybody = Mirror::default();
    let own = machine::mirror();
    let mut mirrors = match (mirror, &own) {
        (Some(mirror), _) => vec![mirror],
        (None, Some(own)) if *own != everybody => vec![own, &everybody],
        (None, _) => vec![&everybody],
    }
    .into_iter();
    let mut result = Ok(());
    while let Some(mirror) = mirrors.next() {
        let partial = fresh(places, "building")?;
        result = run_builder(&partial, mirror, report);
        if result.is_ok() {
            std::fs::rename(partial.join("root"), base).map_err(file("finishing", base))?;
        }
        remove_tree(&partial)?;
        match &result {
            Err(error) if mirrors.len() > 0 => {
                report(Progress::Note(format!("{error}. Trying {everybody} instead")));
            }
            _ => break,
        }
    }
    result
}

fn run_builder(partial: &Path, mirror: &Mirror, report: Report<'_>) -> Result<(), LabError> {
    let failed = |cause: String| LabError::Build { mirror: mirror.to_string(), cause };
    let script = partial.join("base.sh");
    std::fs::write(&script, BASE_SCRIPT).map_err(file("writing", &script))?;
    let scratch = partial.join("scratch");
    private_directory(&scratch)?;
    let mut child = contained(&script)
        .arg(partial.join("root"))
        .arg(&scratch)
        .args([mirror.as_str(), SUITE, NEWER_SUITE, &PACKAGES.join(","), NEWER_PACKAGES, &machine::proxy()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    report(Progress::Build { percent: 0, step: format!("building the hosts' file system from {mirror}") });
    let mut lines: Vec<String> = Vec::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(progress) = build_step(&line) {
                report(progress);
            }
            // Errors are few; of the rest the last lines are enough.
            if lines.len() >= 200 {
                let oldest = lines.iter().position(|line| !line.starts_with("E:")).unwrap_or(0);
                lines.remove(oldest);
            }
            lines.push(line);
        }
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(build_errors(&lines))) }
}

fn build_storage(places: &Places, built: &Built) -> Result<(), LabError> {
    let partial = fresh(places, "building")?;
    let script = partial.join("storage.sh");
    let images = partial.join("images.sh");
    std::fs::write(&script, STORAGE_SCRIPT).map_err(file("writing", &script))?;
    std::fs::write(&images, IMAGES_SCRIPT).map_err(file("writing", &images))?;
    let result = run(
        "making the sample images",
        contained(&script)
            .arg(&built.base)
            .arg(partial.join("scratch"))
            .arg(partial.join("storage"))
            .arg(images),
    );
    if result.is_ok() {
        std::fs::rename(partial.join("storage"), &built.storage)
            .map_err(file("finishing", &built.storage))?;
    }
    remove_tree(&partial)?;
    result.map(drop)
}

/// Removes what earlier versions built, unless a host still stands on it.
fn remove_old(cache: &Path, kind: &str, current: &Path) {
    let mounts = run(
        "looking at the mounts",
        Command::new("sh").args(["-c", "cat /proc/[0-9]*/mountinfo 2>/dev/null; :"]),
    )
    .unwrap_or_default();
    for entry in std::fs::read_dir(cache).into_iter().flatten().flatten() {
        let path = entry.path();
        let old = entry.file_name().to_string_lossy().starts_with(kind) && path != current;
        if old && !mounts.contains(&*path.to_string_lossy()) {
            // It is only space: the next build tries again.
            let _ = remove_tree(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_key_depends_on_every_part_and_its_bounds() {
        let key = content_key(["ab", "c"]);
        assert_eq!(key.len(), 16);
        assert_eq!(key, content_key(["ab", "c"]));
        assert_ne!(key, content_key(["a", "bc"]));
        assert_ne!(key, content_key(["ab", "c", ""]));
    }
}
