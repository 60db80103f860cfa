//! A host of which no single answer can fill the laptop's memory.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::fleet::HostName;
use crate::ssh::{Command, Duplex, Process, Remote, RemoteError};

/// Lists of thousands of containers have a few megabytes. A stream of events that reaches this after weeks is
/// simply opened again.
const LARGEST_ANSWER: usize = 64 << 20;

/// Passes everything on, and breaks a stream off that sends too much without being asked again.
pub(super) struct Limited(pub Arc<dyn Remote>);

#[async_trait]
impl Remote for Limited {
    fn host(&self) -> &HostName {
        self.0.host()
    }

    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError> {
        let process = self.0.spawn(command).await?;
        Ok(Process { stdout: Box::new(LimitedStream::new(process.stdout)), ..process })
    }

    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError> {
        Ok(Box::new(LimitedStream::new(self.0.forward_socket(path).await?)))
    }
}

struct LimitedStream<S> {
    stream: S,
    left: usize,
}

impl<S> LimitedStream<S> {
    fn new(stream: S) -> Self {
        Self { stream, left: LARGEST_ANSWER }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        let count = buffer.filled().len() - before;
        match self.left.checked_sub(count) {
            Some(left) => {
                self.left = left;
                poll
            }
            None => Poll::Ready(Err(std::io::Error::other("the host sent more than 64 MiB in one answer"))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        // A new question may have a new answer.
        self.left = LARGEST_ANSWER;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::testing::{Opened, ScriptedRemote};
    use super::*;

    #[tokio::test]
    async fn an_endless_answer_is_broken_off() {
        let (remote, mut opened) = ScriptedRemote::new(&["/s"]);
        let remote = Limited(Arc::new(remote));
        let mut socket = remote.forward_socket("/s").await.unwrap();
        let Opened { mut stream, .. } = opened.recv().await.unwrap();
        let host = tokio::spawn(async move {
            let chunk = vec![b'x'; 1 << 20];
            let mut sent = 0;
            while stream.write_all(&chunk).await.is_ok() {
                sent += 1;
            }
            sent
        });
        let mut buffer = vec![0; 1 << 20];
        let mut received = 0;
        let error = loop {
            match socket.read(&mut buffer).await {
                Ok(count) => received += count,
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "the host sent more than 64 MiB in one answer");
        assert!(received <= LARGEST_ANSWER);
        drop(socket);
        assert!(host.await.unwrap() <= 65);
    }
}
