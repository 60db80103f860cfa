//! How a host is reached: configuration, host keys, authentication, connections, commands, sockets.
//!
//! In comes a [`crate::fleet::HostSpec`]; out comes a [`Remote`], which is all that the rest of drover sees.
//! A real sshd, an in-process server and a scripted remote are the same to everything above this room.
//! [`Connector`] makes single [`Connection`]s; [`Host`] keeps one alive and tells its state.
//!
//! ```no_run
//! use std::sync::Arc;
//! use drover::fleet::HostSpec;
//! use drover::ssh::{Command, Connector, Prompter, Purpose, Remote, TerminalPrompter};
//!
//! async fn hostname(spec: &HostSpec) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
//!     let prompter: Arc<dyn Prompter> = Arc::new(TerminalPrompter::new());
//!     let connection = Connector::new().connect(spec, Purpose::Commands, &prompter).await?;
//!     Ok(connection.run(&Command::new("hostname")).await?)
//! }
//! ```

mod auth;
mod channel;
mod command;
pub mod config;
mod connect;
mod connection;
mod dial;
mod error;
mod handshake;
mod keyring;
pub mod known_hosts;
mod link;
mod pause;
mod pipe;
mod prompt;
mod remote;
mod tuning;

pub use command::Command;
pub use connect::Connector;
pub use connection::{Connection, Purpose, SESSION_LIMIT};
pub use dial::{Dial, TcpDial};
pub use error::{ConnectError, HostKeyRefusal, LoginReport, Retry, Step};
pub use link::{Backoff, Host, LinkState};
pub use prompt::{NoPrompter, Prompter, Secret, TerminalPrompter};
pub use remote::{Duplex, ExitStatus, Output, Process, Remote, RemoteError};
