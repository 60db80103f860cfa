//! Whether this machine can have a lab: system, rights, kernel, programs.

use std::io::Read;
use std::path::Path;
use std::process::Command;

use super::program::{find, run};
use super::{LabError, Mirror};

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

/// What a lab still needs on a machine that can have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing.
    Ready,
    /// These packages; `drover lab` offers to install them.
    Lacks(Vec<&'static str>),
}

/// Says whether this machine can have a lab, and changes nothing on it: kernel modules are left to [`super::up`].
pub fn readiness() -> Result<Readiness, LabError> {
    check_system()?;
    check_checkpoints()?;
    let missing = missing_packages();
    match (missing.is_empty(), find("apt-get")) {
        (true, _) => Ok(Readiness::Ready),
        (false, Some(_)) => Ok(Readiness::Lacks(missing)),
        (false, None) => Err(LabError::NoInstaller { programs: missing.join(", ") }),
    }
}

/// Checks system, rights and kernel.
pub(super) fn check() -> Result<(), LabError> {
    check_system()?;
    check_kernel()
}

fn check_system() -> Result<(), LabError> {
    if !cfg!(target_os = "linux") {
        return Err(LabError::NotLinux(std::env::consts::OS));
    }
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::NotRoot);
    }
    Ok(())
}

fn check_checkpoints() -> Result<(), LabError> {
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
    Ok(())
}

fn check_kernel() -> Result<(), LabError> {
    check_checkpoints()?;
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

/// The Debian mirror this machine itself uses, if it is a Debian machine.
pub(super) fn mirror() -> Option<Mirror> {
    ["/etc/apt/sources.list.d", "/etc/apt"]
        .iter()
        .filter_map(|directory| std::fs::read_dir(directory).ok())
        .flat_map(|entries| entries.flatten())
        .filter(|entry| entry.path().extension().is_some_and(|end| end == "sources" || end == "list"))
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .find_map(|text| mirror_in(&text))
}

/// The first Debian mirror named in a sources file of either format: an address that ends in `/debian`, of
/// the component `main`, signed by nobody else. Docker, Tailscale and others have addresses like that too.
fn mirror_in(sources: &str) -> Option<Mirror> {
    let lines = || sources.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let single = lines().filter(|line| line.starts_with("deb ")).map(String::from);
    let stanzas = lines().collect::<Vec<_>>().join("\n");
    let stanzas = stanzas
        .split("\n\n")
        .filter(|stanza| stanza.contains("URIs:"))
        .map(|stanza| stanza.replace("Signed-By: ", "signed-by=").replace("Signed-By:\n", "signed-by="));
    single.chain(stanzas.collect::<Vec<_>>()).find_map(|source| {
        let signed_by_others = source.contains("signed-by=") && !source.contains("debian-archive");
        if signed_by_others || !source.split_whitespace().any(|word| word == "main") {
            return None;
        }
        source
            .split_whitespace()
            .map(|word| word.trim_end_matches('/'))
            .find(|word| word.starts_with("http") && word.ends_with("/debian"))
            .and_then(|word| word.parse().ok())
    })
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
    fn readiness_says_what_the_checks_before_a_lab_would_say() {
        match (readiness(), check()) {
            (Ok(Readiness::Ready), _) => assert!(check_tools().is_ok()),
            (Ok(Readiness::Lacks(packages)), _) => assert_eq!(packages, missing_packages()),
            (Err(LabError::NoInstaller { .. }), _) => assert!(check_tools().is_err()),
            (Err(error), Err(other)) => assert_eq!(error.to_string(), other.to_string()),
            (Err(error), Ok(())) => panic!("a lab could be made although {error}"),
        }
    }

    #[test]
    fn a_kernel_option_counts_when_it_is_on() {
        let text = "CONFIG_CHECKPOINT_RESTORE=y\n# CONFIG_OTHER is not set\nCONFIG_OVERLAY_FS=m\n";
        assert!(has_option(text, "CONFIG_CHECKPOINT_RESTORE"));
        assert!(has_option(text, "CONFIG_OVERLAY_FS"));
        assert!(!has_option(text, "CONFIG_OTHER"));
        assert!(!has_option(text, "CONFIG_CHECKPOINT"));
    }

    #[test]
    fn the_mirror_is_read_from_both_formats_and_only_debian_s() {
        let found = |sources| mirror_in(sources).map(|mirror| mirror.to_string());
        let lines = "# deb http://old/debian x main\n\
            deb [signed-by=/etc/apt/keyrings/docker.asc] https://download.docker.com/linux/debian trixie main\n\
            deb [arch=amd64] https://mirror.example/debian/ trixie main\n";
        assert_eq!(found(lines).as_deref(), Some("https://mirror.example/debian"));
        let stanzas = "Types: deb\n# URIs: http://old/debian\nURIs: https://other.example/debian\nSuites: x\n\
            Components: main\nSigned-By: /usr/share/keyrings/other.gpg\n\n\
            Types: deb\nURIs: http://near/debian\nSuites: trixie\nComponents: main\n\
            Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
        assert_eq!(found(stanzas).as_deref(), Some("http://near/debian"));
        assert_eq!(found("deb https://download.docker.com/linux/debian trixie stable"), None);
        assert_eq!(found("deb https://packages.example/apt stable main"), None);
    }
}
