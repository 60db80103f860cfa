//! How a host is reached: configuration, host keys, authentication, connections, commands, sockets.
//!
//! In comes a [`crate::fleet::HostSpec`]; out comes a [`Remote`], which is all that the rest of drover sees.
//! A real sshd, an in-process server and a scripted remote are the same to everything above this room.
//! [`Connector`] makes single [`Connection`]s.

mod auth;
mod channel;
mod command;
pub mod config;
mod connect;
mod connection;
mod error;
mod handshake;
pub mod known_hosts;
mod pause;
mod pipe;
mod prompt;
mod remote;

pub use command::Command;
pub use connect::{Connector, Dial, TcpDial};
pub use connection::{Connection, Purpose, SESSION_LIMIT};
pub use error::{ConnectError, HostKeyRefusal, LoginReport, Retry, Step};
pub use handshake::HostKeyMode;
pub use prompt::{NoPrompter, Prompter, Secret, TerminalPrompter};
pub use remote::{Duplex, ExitStatus, Output, Process, Remote, RemoteError};
