//! An engine's HTTP interface through a socket forwarded from its host.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard::{BollardRequest, Docker};
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tower_service::Service;

use crate::ssh::{Duplex, Remote, RemoteError};

/// Bollard's own default. A list waits while Podman holds a container's lock, which a checkpoint does for as
/// long as it takes.
const TIMEOUT_SECONDS: u64 = 120;

/// A client for the engine that listens on `socket` of a host. Nothing is sent until the first request; each
/// HTTP connection is a forwarded stream of its own, and idle ones are used again.
pub fn docker_client(remote: Arc<dyn Remote>, socket: &str) -> Result<Docker, bollard::errors::Error> {
    let connector = Connector { remote, socket: socket.into() };
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let transport = move |request: BollardRequest| {
        let response = client.request(request);
        async move { response.await.map_err(bollard::errors::Error::from) }
    };
    // The name is only for the Host header: the connector goes to the socket whatever it says.
    let address = Some("http://drover");
    Docker::connect_with_custom_transport(transport, address, TIMEOUT_SECONDS, bollard::API_DEFAULT_VERSION)
}

/// Opens a forwarded stream for each HTTP connection.
#[derive(Clone)]
struct Connector {
    remote: Arc<dyn Remote>,
    socket: Arc<str>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = RemoteError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, RemoteError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RemoteError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { remote, socket } = self.clone();
        Box::pin(async move { Ok(Stream(TokioIo::new(remote.forward_socket(&socket).await?))) })
    }
}

/// A forwarded stream as hyper wants it.
struct Stream(TokioIo<Box<dyn Duplex>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
