//! Whether this machine can have a lab: system, rights, kernel, programs.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use super::LabError;
use super::program::{find, run};

/// Programs (or files) a lab needs and the Debian packages that bring them.
const TOOLS: [(&str, &str); 8] = [
    ("mmdebstrap", "mmdebstrap"),
    ("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring"),
    ("lxcfs", "lxcfs"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("unshare", "util-linux"),
    ("mount", "mount"),
    ("find", "findutils"),
];

/// Checks system, rights and kernel.
pub(super) fn check() -> Result<(), LabError> {
    if !cfg!(target_os = "linux") {
        return Err(LabError::NotLinux(std::env::consts::OS));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::NotRoot);
    }
    check_kernel()
}

fn check_kernel() -> Result<(), LabError> {
    if kernel_configuration().is_some_and(|text| !has_option(&text, "CONFIG_CHECKPOINT_RESTORE")) {
        return Err(LabError::Kernel(
            "it was built without CONFIG_CHECKPOINT_RESTORE, so CRIU can freeze nothing. Boot a distribution's own kernel".into(),
        ));
    }
    // The configuration may be hidden; this directory is made by the same option.
    if !Path::new("/proc/self/map_files").exists() {
        return Err(LabError::Kernel(
            "/proc/self/map_files is missing, which CRIU needs (CONFIG_CHECKPOINT_RESTORE). Boot a distribution's own kernel".into(),
        ));
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.contains("\toverlay")
        && run("loading overlay", Command::new("modprobe").arg("overlay")).is_err()
    {
        return Err(LabError::Kernel("it has no overlay file system (CONFIG_OVERLAY_FS)".into()));
    }
    if !Path::new("/dev/fuse").exists() && run("loading fuse", Command::new("modprobe").arg("fuse")).is_err()
    {
        return Err(LabError::Kernel("it has no FUSE (/dev/fuse), which lxcfs needs".into()));
    }
    Ok(())
}

/// The running kernel's configuration, where it can be read.
fn kernel_configuration() -> Option<String> {
    if Path::new("/proc/config.gz").exists() {
        return run("reading the kernel's configuration", Command::new("zcat").arg("/proc/config.gz")).ok();
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    let mut text = String::new();
    std::fs::File::open(format!("/boot/config-{}", release.trim())).ok()?.read_to_string(&mut text).ok()?;
    Some(text)
}

fn has_option(configuration: &str, option: &str) -> bool {
    configuration
        .lines()
        .any(|line| line.strip_prefix(option).is_some_and(|value| value == "=y" || value == "=m"))
}

/// Packages that are missing on this machine, in the order in which they should be named.
pub fn missing_packages() -> Vec<&'static str> {
    TOOLS
        .iter()
        .filter(
            |(tool, _)| if tool.starts_with('/') { !Path::new(tool).exists() } else { find(tool).is_none() },
        )
        .map(|(_, package)| *package)
        .collect()
}

/// The command that installs packages.
pub fn install_line(packages: &[&str]) -> String {
    format!("apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

/// Fails when packages are missing, saying how to install them.
pub(super) fn check_tools() -> Result<(), LabError> {
    let missing = missing_packages();
    if missing.is_empty() {
        return Ok(());
    }
    Err(LabError::MissingTools { programs: missing.join(", "), install: install_line(&missing) })
}

/// Installs packages with apt-get.
pub fn install(packages: &[&str]) -> Result<(), LabError> {
    check()?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("--quiet");
        command
    };
    // A stale list of packages is the usual reason for a failed installation, and a failed update is none.
    let _ = run("reading the package lists", apt().arg("update"));
    run(
        "installing what the lab needs",
        apt().args(["install", "--yes", "--no-install-recommends"]).args(packages),
    )
    .map(drop)
}

/// The Debian mirror this machine itself uses, else the one everybody can.
pub(super) fn mirror() -> String {
    let mut texts = Vec::new();
    for directory in ["/etc/apt/sources.list.d", "/etc/apt"] {
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            let known = path.extension().is_some_and(|end| end == "sources" || end == "list");
            if known && let Ok(text) = std::fs::read_to_string(path) {
                texts.push(text);
            }
        }
    }
    texts.iter().find_map(|text| mirror_in(text)).unwrap_or_else(|| "http://deb.debian.org/debian".into())
}

/// The first Debian mirror named in a sources file of either format: an address that ends in `/debian`.
fn mirror_in(sources: &str) -> Option<String> {
    sources
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("deb ") || line.starts_with("URIs:"))
        .flat_map(str::split_whitespace)
        .map(|word| word.trim_end_matches('/'))
        .find(|word| {
            (word.starts_with("http://") || word.starts_with("https://")) && word.ends_with("/debian")
        })
        .map(String::from)
}

/// The proxy that apt uses on this machine.
pub(super) fn proxy() -> String {
    run("asking apt for its proxy", Command::new("apt-config").args(["shell", "p", "Acquire::http::Proxy"]))
        .ok()
        .and_then(|line| {
            line.trim().strip_prefix("p='").and_then(|rest| rest.strip_suffix('\'')).map(String::from)
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_option_counts_when_it_is_on() {
        let text = "CONFIG_CHECKPOINT_RESTORE=y\n# CONFIG_OTHER is not set\nCONFIG_OVERLAY_FS=m\n";
        assert!(has_option(text, "CONFIG_CHECKPOINT_RESTORE"));
        assert!(has_option(text, "CONFIG_OVERLAY_FS"));
        assert!(!has_option(text, "CONFIG_OTHER"));
        assert!(!has_option(text, "CONFIG_CHECKPOINT"));
    }

    #[test]
    fn the_mirror_is_read_from_both_formats() {
        let lines =
            "# deb http://old/debian x main\ndeb [arch=amd64] https://mirror.example/debian/ trixie main\n";
        assert_eq!(mirror_in(lines).as_deref(), Some("https://mirror.example/debian"));
        let stanza = "Types: deb\nURIs: http://deb.debian.org/debian-security\n\nURIs: http://near/debian\n";
        assert_eq!(mirror_in(stanza).as_deref(), Some("http://near/debian"));
        assert_eq!(mirror_in("deb https://packages.example/apt stable main"), None);
    }
}
