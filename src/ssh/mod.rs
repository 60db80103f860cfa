//! How a host is reached: configuration, host keys, authentication, connections, commands, sockets.
//!
//! In comes a [`crate::fleet::HostSpec`]; out comes a [`Remote`], which is all that the rest of drover sees.
//! A real sshd, an in-process server and a scripted remote are the same to everything above this room.

mod command;
mod remote;

pub use command::Command;
pub use remote::{Duplex, ExitStatus, Output, Process, Remote, RemoteError};
