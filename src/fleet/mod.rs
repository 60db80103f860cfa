//! What there is: hosts, containers, and the fleet file that names them.
//!
//! In comes text written by people (the fleet file) or by hosts (names, labels, images); out go types that
//! cannot be wrong: [`HostName`], [`HostSpec`], [`Container`]. Nothing here does IO besides reading one file.

mod container;
mod host;
mod text;

pub use container::{Container, ContainerId, ContainerStatus};
pub use host::{Engine, HostName, HostSpec, InvalidHostName, Sudo};
pub use text::{bytes, printable, seconds};
