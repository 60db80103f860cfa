//! What there is: hosts, containers, and the fleet file that names them.
//!
//! In comes text written by people (the fleet file) or by hosts (names, labels, images); out go types that
//! cannot be wrong: [`HostName`], [`HostSpec`], [`Container`]. Nothing here does IO besides reading one file.

mod container;
pub(crate) mod document;
pub(crate) mod file;
mod host;
pub(crate) mod position;
mod read;
mod search;
mod text;
pub(crate) mod values;

pub use container::{Container, ContainerId, ContainerStatus};
pub use file::{Fleet, FleetError};
pub use host::{Engine, HostKeyCheck, HostName, HostSpec, InvalidHostName, Sudo};
pub use position::Problem;
pub use search::{Environment, locate};
pub use text::{bytes, printable, seconds};
