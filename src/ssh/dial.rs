//! The first stream towards a host.

use std::io;

use async_trait::async_trait;
use tokio::net::TcpStream;

use super::remote::Duplex;

/// Opens the first stream towards a host; tests put simulated networks here.
#[async_trait]
pub trait Dial: Send + Sync {
    /// Connects to an address and port.
    async fn dial(&self, address: &str, port: u16) -> io::Result<Box<dyn Duplex>>;
}

/// Plain TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDial;

/// How long the host may leave sent bytes without acknowledgement, milliseconds: as long as it may leave
/// keepalives without an answer.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: u32 = 20_000;

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self, address: &str, port: u16) -> io::Result<Box<dyn Duplex>> {
        let stream = TcpStream::connect((address, port)).await?;
        stream.set_nodelay(true)?;
        // A connection with a full send buffer waits in a write and looks at no keepalive meanwhile.
        #[cfg(target_os = "linux")]
        rustix::net::sockopt::set_tcp_user_timeout(&stream, UNACKNOWLEDGED)?;
        Ok(Box::new(stream))
    }
}
