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

#[async_trait]
impl Dial for TcpDial {
    async fn dial(&self, address: &str, port: u16) -> io::Result<Box<dyn Duplex>> {
        let stream = TcpStream::connect((address, port)).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
