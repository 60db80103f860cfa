//! A byte pipe between the task that drains a channel and whoever reads the output: bounded by bytes,
//! without copying, and able to end with an error, which a lost connection needs.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, ReadBuf};

/// What one queued chunk costs besides its bytes, so that a flood of single bytes is bounded too.
const CHUNK_COST: usize = 64;

/// How a pipe ends: cleanly, or with the cause that its reader gets to see after the last byte.
pub(super) type End = Result<(), String>;

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    queued: usize,
    end: Option<End>,
    reader_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The lock is held for a few instructions only and never across an await.
struct Shared {
    state: Mutex<State>,
    limit: usize,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The draining task's end.
pub(super) struct PipeWriter(Arc<Shared>);

/// The reader's end.
pub(super) struct PipeReader(Arc<Shared>);

/// A pipe that is full once `limit` bytes wait in it.
pub(super) fn pipe(limit: usize) -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Shared { state: Mutex::default(), limit });
    (PipeWriter(shared.clone()), PipeReader(shared))
}

impl PipeWriter {
    /// Queues a chunk whatever the limit; see [`PipeWriter::room`]. A chunk nobody can read is dropped.
    pub(super) fn push(&self, chunk: Bytes) {
        let mut state = self.0.lock();
        if state.reader_gone || state.end.is_some() || chunk.is_empty() {
            return;
        }
        state.queued += chunk.len() + CHUNK_COST;
        state.chunks.push_back(chunk);
        let waker = state.reader.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Waits until less than the limit is queued, or until nobody reads any more.
    pub(super) async fn room(&self) {
        self.wait(|state| state.reader_gone || state.queued < self.0.limit).await;
    }

    /// Waits until the reader was dropped.
    pub(super) async fn abandoned(&self) {
        self.wait(|state| state.reader_gone).await;
    }

    async fn wait(&self, ready: impl Fn(&State) -> bool) {
        std::future::poll_fn(|context| {
            let mut state = self.0.lock();
            if ready(&state) {
                return Poll::Ready(());
            }
            state.writer = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Ends the pipe; the first end stays.
    pub(super) fn finish(&self, end: End) {
        let mut state = self.0.lock();
        state.end.get_or_insert(end);
        let waker = state.reader.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.finish(Err("the connection was closed".into()));
    }
}

impl AsyncRead for PipeReader {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        let mut read = false;
        while buffer.remaining() > 0 {
            let Some(chunk) = state.chunks.front_mut() else { break };
            let count = chunk.len().min(buffer.remaining());
            buffer.put_slice(&chunk[..count]);
            chunk.advance(count);
            let emptied = chunk.is_empty();
            state.queued -= count;
            if emptied {
                state.chunks.pop_front();
                state.queued -= CHUNK_COST;
            }
            read = true;
        }
        if read {
            let waker = if state.queued < self.0.limit { state.writer.take() } else { None };
            drop(state);
            waker.into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(()));
        }
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        match &state.end {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(cause)) => {
                Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, cause.clone())))
            }
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reader_gone = true;
        state.chunks.clear();
        state.queued = 0;
        let waker = state.writer.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn bytes_come_out_in_order_and_then_the_end() {
        let (writer, mut reader) = pipe(1024);
        writer.push(Bytes::from_static(b"one "));
        writer.push(Bytes::from_static(b"two"));
        writer.finish(Ok(()));
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "one two");
    }

    #[tokio::test]
    async fn a_lost_connection_is_an_error_after_the_last_byte() {
        let (writer, mut reader) = pipe(1024);
        writer.push(Bytes::from_static(b"half"));
        drop(writer);
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"half");
        let error = reader.read(&mut bytes).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }

    #[tokio::test]
    async fn a_full_pipe_makes_the_writer_wait_until_it_is_read() {
        let (writer, mut reader) = pipe(8);
        writer.push(Bytes::from_static(b"12345678"));
        let mut room = Box::pin(writer.room());
        assert!(futures::poll!(room.as_mut()).is_pending());
        let mut bytes = [0; 8];
        reader.read_exact(&mut bytes).await.unwrap();
        room.await;
    }

    #[tokio::test]
    async fn a_dropped_reader_frees_the_writer() {
        let (writer, reader) = pipe(1);
        writer.push(Bytes::from_static(b"unread"));
        drop(reader);
        writer.room().await;
        writer.abandoned().await;
    }
}
