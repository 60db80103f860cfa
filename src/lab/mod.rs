//! Where drover is tried: a fleet of real hosts on this machine, made of namespaces, with real sshd, Podman
//! and CRIU inside.
//!
//! In come [`Options`]: how many hosts, how large. Out comes a running [`Lab`] with a fleet file, keys and
//! known_hosts of its own. Everything here blocks and is meant for a thread of its own; what it does is told
//! through [`Progress`]. Nothing is touched that does not carry the lab's mark: control groups are called
//! `drover-LAB-HOST`, network devices have the alias `drover lab LAB`, every mount but one is in the hosts'
//! own mount namespaces, and that one (lxcfs) is in the lab's own directory under /run.

mod base;
mod cgroup;
mod command;
mod error;
mod host;
mod keys;
mod lifecycle;
mod lock;
mod lxcfs;
mod machine;
mod network;
mod options;
mod places;
mod program;
mod progress;
mod record;
mod status;

pub use command::{Audience, LabCommand, Output, UpArguments, run, up};
pub use error::LabError;
pub use lifecycle::{Disks, Lab, LabHost, down, ensure_up, kill_host, shell, start_host};
pub use machine::{Readiness, install, install_line, missing_packages, readiness};
pub use options::{Cpus, HostCount, LabName, Memory, Mirror, Options};
pub use progress::{Progress, Report};
pub use status::{ContainerStatus, HostState, HostStatus, LabStatus, status};
