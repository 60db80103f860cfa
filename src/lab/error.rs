//! What can go wrong with a lab, in words that say what to do.

use std::path::PathBuf;

/// Why the lab could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The machine does not run Linux.
    #[error(
        "the lab is made of Linux namespaces and this machine runs {0}: run it in a Linux machine (a virtual one will do)"
    )]
    NotLinux(&'static str),
    /// Namespaces and mounts need root.
    #[error("the lab makes network and mount namespaces, which needs root: run “sudo drover lab …”")]
    NotRoot,
    /// Programs are missing.
    #[error(
        "the lab needs {programs}, which this machine lacks: run “{install}”, or let drover do it with --yes"
    )]
    MissingTools {
        /// The programs, for people.
        programs: String,
        /// The command that installs them.
        install: String,
    },
    /// Programs are missing, and there is no way to install them.
    #[error(
        "the lab needs {programs}, which this machine lacks, and knows only apt-get to install it with: use Debian 12 or newer (a virtual machine will do)"
    )]
    NoInstaller {
        /// The programs, for people.
        programs: String,
    },
    /// The kernel cannot do what a lab needs.
    #[error("this kernel cannot run a lab: {0}")]
    Kernel(String),
    /// Too little space for the base.
    #[error("{place} has {free} free and the hosts' file system needs {needed} to be built: make room, or point XDG_CACHE_HOME at a larger disk", place = .place.display())]
    NoSpace {
        /// Where the cache is.
        place: PathBuf,
        /// Free space, for people.
        free: String,
        /// Space needed, for people.
        needed: String,
    },
    /// The base could not be built.
    #[error(
        "the hosts' file system could not be built from {mirror}: {cause}. Nothing half-made was left behind. Check that this machine reaches the mirror, or name another one with --mirror URL"
    )]
    Build {
        /// The mirror that was used.
        mirror: String,
        /// The builder's own error lines.
        cause: String,
    },
    /// The lab belongs to another person.
    #[error("the lab “{lab}” belongs to {owner}: it is left alone. Use a lab of your own with --name NAME")]
    OtherOwner {
        /// Its name.
        lab: String,
        /// Whose it is.
        owner: String,
    },
    /// The lab is up with its files elsewhere.
    #[error("the lab “{lab}” keeps its files in {found}, not in {expected}: use the same XDG_STATE_HOME as when it was made, or another --name", found = .found.display(), expected = .expected.display())]
    OtherPlace {
        /// Its name.
        lab: String,
        /// Where its files are.
        found: PathBuf,
        /// Where they were looked for.
        expected: PathBuf,
    },
    /// There is no such lab.
    #[error("there is no lab “{0}” here: “drover lab up” makes one")]
    NoLab(String),
    /// The lab has no such host.
    #[error("the lab “{lab}” has no host “{host}”: it has {hosts}")]
    NoHost {
        /// The lab.
        lab: String,
        /// What was asked for.
        host: String,
        /// What there is.
        hosts: String,
    },
    /// The host does not run.
    #[error("{0} is down: “drover lab start {0}” starts it, “drover lab up” starts every host that is down")]
    HostDown(String),
    /// A name that no lab can have.
    #[error("“{0}” is no name for a lab: use 1 to 11 small letters, digits or “-”, beginning with a letter")]
    Name(String),
    /// A number or size out of bounds.
    #[error("“{found}” is no {what}: {expected}")]
    Value {
        /// What it was for.
        what: &'static str,
        /// What was written.
        found: String,
        /// What can be written.
        expected: &'static str,
    },
    /// No network is left.
    #[error("every network from 10.78.0.0/24 to 10.78.255.0/24 is in use on this machine: take a lab down")]
    NoNetwork,
    /// Something of that name exists and is not ours.
    #[error(
        "a network device “{0}” exists and is not drover's: use another --name, or remove it with “ip link del {0}”"
    )]
    ForeignDevice(String),
    /// A host did not come up.
    #[error("{host} did not come up ({step}): {cause}")]
    Host {
        /// The host.
        host: String,
        /// What it was doing.
        step: &'static str,
        /// Why it failed.
        cause: String,
    },
    /// A program failed.
    #[error("{step}: “{program}” failed: {cause}")]
    Program {
        /// What it was for.
        step: &'static str,
        /// Its name.
        program: String,
        /// What it said.
        cause: String,
    },
    /// A file could not be read or written.
    #[error("{step} {path}: {cause}", path = .path.display())]
    File {
        /// What was done with it.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// Something was left behind.
    #[error("the lab “{lab}” is down, but this is left: {left}. Run “drover lab down” once more")]
    Left {
        /// The lab.
        lab: String,
        /// What is left.
        left: String,
    },
    /// What the command had to say could not be written.
    #[error("the answer could not be written: {0}")]
    Output(std::io::Error),
}

/// Makes an IO error one of a file.
pub(super) fn file(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> LabError {
    let path = path.into();
    move |cause| LabError::File { step, path, cause }
}
