//! One channel of a connection: a task that always drains it, a task that feeds it, and the streams that
//! its user holds.
//!
//! russh delivers the data of all channels from one task and waits where a channel is not read. So one
//! channel that nobody reads would freeze every other one and even the keepalives. Here every channel has a
//! task of its own that reads at once, and [`Patience`] says what happens when the user does not.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, PollSender};

use super::handshake::Ended;
use super::pipe::{PipeReader, PipeWriter, pipe};
use super::remote::{ExitStatus, RemoteError};
use crate::fleet::HostName;

/// Unread output that a channel may gather. Four times russh's default window: a command's whole answer
/// fits, a stream does not.
const BACKLOG: usize = 8 << 20;
/// How long a full backlog may hold up the other channels of a connection for commands. Below what a person
/// notices as frozen, above what a busy machine needs to schedule a reader.
const STALL: Duration = Duration::from_millis(500);
/// The end of standard error that is kept; CRIU's and Podman's last words fit many times.
const STDERR_TAIL: usize = 64 << 10;
/// How long a command whose process was dropped may take to end after SIGHUP and end of input, before its
/// channel is closed the hard way.
const LINGER: Duration = Duration::from_secs(5);
/// Written in pieces of this size: two of OpenSSH's packets.
const PIECE: usize = 64 << 10;
/// Pieces under way to the connection: enough to keep it busy, little enough to stay bounded.
const PIECES: usize = 8;

/// What happens when the output of a channel is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// After [`BACKLOG`] bytes and [`STALL`] the channel is given up, so that the others go on.
    GiveUp,
    /// The connection waits; for connections that carry one stream.
    Wait,
}

/// What the tasks of a channel need to know about it.
pub(super) struct Surroundings {
    pub host: HostName,
    pub patience: Patience,
    pub connection: Ended,
    /// Given back once the channel is closed.
    pub permit: Option<OwnedSemaphorePermit>,
}

/// Exit status and end of standard error.
pub(super) type Outcome = Result<(ExitStatus, Vec<u8>), RemoteError>;

/// Attaches the tasks to a channel on which a command was started.
pub(super) fn attach_process(
    channel: Channel<Msg>,
    around: Surroundings,
) -> (ChannelWriter, PipeReader, oneshot::Receiver<Outcome>) {
    let (tell, ended) = oneshot::channel();
    let (writer, reader) = attach(channel, around, Some(tell));
    (writer, reader, ended)
}

/// Attaches the tasks to a forwarded socket.
pub(super) fn attach_socket(channel: Channel<Msg>, around: Surroundings) -> Socket {
    let (writer, reader) = attach(channel, around, None);
    Socket { reader, writer }
}

fn attach(
    channel: Channel<Msg>,
    around: Surroundings,
    tell: Option<oneshot::Sender<Outcome>>,
) -> (ChannelWriter, PipeReader) {
    let (read, write) = channel.split();
    let write = Arc::new(write);
    let (output, reader) = pipe(BACKLOG);
    let (pieces, feed) = mpsc::channel(PIECES);
    let closed = CancellationToken::new();
    tokio::spawn(feed_channel(write.clone(), feed, closed.clone()));
    let drain = Drain {
        write,
        output,
        tell,
        around,
        closed: closed.drop_guard(),
        stderr: Tail::default(),
        status: None,
        ended: OutputEnd::Open,
    };
    tokio::spawn(drain.run(read));
    (ChannelWriter(PollSender::new(pieces)), reader)
}

/// Writes pieces as the window allows. russh's own writer would wait for ever for the window of a channel
/// that has been closed.
async fn feed_channel(
    write: Arc<ChannelWriteHalf<Msg>>,
    mut feed: mpsc::Receiver<Bytes>,
    closed: CancellationToken,
) {
    let work = async {
        while let Some(piece) = feed.recv().await {
            if write.data_bytes(piece).await.is_err() {
                return;
            }
        }
        // An error here means that the connection is gone, which the draining task tells.
        let _ = write.eof().await;
    };
    tokio::select! {
        () = closed.cancelled() => {}
        () = work => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OutputEnd {
    /// More may come.
    Open,
    /// The other side said that there is no more.
    Complete,
}

struct Drain {
    write: Arc<ChannelWriteHalf<Msg>>,
    output: PipeWriter,
    tell: Option<oneshot::Sender<Outcome>>,
    around: Surroundings,
    closed: tokio_util::sync::DropGuard,
    stderr: Tail,
    status: Option<ExitStatus>,
    ended: OutputEnd,
}

/// Why the draining task stops.
enum Stop {
    /// The other side closed the channel.
    Closed,
    /// The connection is gone.
    Lost,
    /// The other side refused to start the command.
    NotStarted,
    /// Nobody reads the output.
    Unread,
    /// Nobody holds any end any more.
    Forsaken,
}

impl Drain {
    async fn run(mut self, mut read: ChannelReadHalf) {
        let stop = self.drain(&mut read).await;
        let end = match &stop {
            Stop::Closed if self.ended == OutputEnd::Complete || self.status.is_some() => Ok(()),
            Stop::Closed => Err("the host closed the channel in the middle of the output".to_string()),
            Stop::Lost => Err(self.loss()),
            Stop::NotStarted => {
                Err("the host refused to start the command; its account may be restricted to other commands"
                    .to_string())
            }
            Stop::Unread => Err(format!(
                "more than {} of output were not read in time; streams belong on a bulk connection",
                crate::fleet::bytes(BACKLOG as u64)
            )),
            Stop::Forsaken => Ok(()),
        };
        self.output.finish(end.clone());
        if let Some(tell) = self.tell.take() {
            let failed = |cause| RemoteError::Connection { host: self.around.host.clone(), cause };
            let outcome = match (self.status, end) {
                (_, Err(cause)) => Err(failed(cause)),
                (Some(status), Ok(())) => Ok((status, std::mem::take(&mut self.stderr).into_bytes())),
                (None, Ok(())) => Err(failed(
                    "the host closed the channel without an exit status; was sshd restarted?".into(),
                )),
            };
            // Whoever dropped the receiver does not want to know.
            let _ = tell.send(outcome);
        }
        match stop {
            Stop::Unread => {
                let _ = self.write.signal(Sig::HUP).await;
                let _ = self.write.close().await;
            }
            Stop::Forsaken => self.see_off(&mut read).await,
            Stop::Closed | Stop::Lost | Stop::NotStarted => {
                drop(self.closed);
                let _ = self.write.close().await;
            }
        }
        drop(self.around.permit);
    }

    async fn drain(&mut self, read: &mut ChannelReadHalf) -> Stop {
        loop {
            let message = tokio::select! {
                biased;
                message = read.wait() => message,
                () = forsaken(&self.output, self.tell.as_mut()) => return Stop::Forsaken,
            };
            match message {
                Some(ChannelMsg::Data { data }) => {
                    self.output.push(data);
                    match self.around.patience {
                        Patience::Wait => self.output.room().await,
                        Patience::GiveUp => {
                            if timeout(STALL, self.output.room()).await.is_err() {
                                return Stop::Unread;
                            }
                        }
                    }
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => self.stderr.push(&data),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    self.status = Some(ExitStatus::Code(exit_status));
                }
                Some(ChannelMsg::ExitSignal { .. }) => self.status = Some(ExitStatus::Signal),
                Some(ChannelMsg::Eof) => {
                    self.ended = OutputEnd::Complete;
                    // A forwarded socket may go on in the other direction; its reader must see the end now.
                    if self.tell.is_none() {
                        self.output.finish(Ok(()));
                    }
                }
                Some(ChannelMsg::Failure) => return Stop::NotStarted,
                Some(ChannelMsg::Close) => return Stop::Closed,
                None => return Stop::Lost,
                Some(_) => {}
            }
        }
    }

    /// Lets a channel end that nobody holds any more: what was written still goes out, the command hears
    /// SIGHUP and the end of its input, and its output is thrown away.
    async fn see_off(&mut self, read: &mut ChannelReadHalf) {
        if !self.is_socket() {
            let _ = self.write.signal(Sig::HUP).await;
        }
        let deadline = Instant::now() + LINGER;
        loop {
            tokio::select! {
                message = read.wait() => match message {
                    Some(ChannelMsg::Close) | None => break,
                    Some(_) => {}
                },
                () = sleep_until(deadline) => break,
            }
        }
        let _ = self.write.close().await;
    }

    fn is_socket(&self) -> bool {
        // Only session channels hold a permit.
        self.around.permit.is_none()
    }

    fn loss(&self) -> String {
        let ending = self.around.connection.borrow();
        let cause = ending.as_ref().map_or("the connection ended", |ending| &ending.cause);
        format!("{cause}, before the command ended")
    }
}

/// Waits until nobody can read the output nor learn the outcome any more.
async fn forsaken(output: &PipeWriter, tell: Option<&mut oneshot::Sender<Outcome>>) {
    output.abandoned().await;
    if let Some(tell) = tell {
        tell.closed().await;
    }
}

/// The last bytes of a stream.
#[derive(Default)]
struct Tail(std::collections::VecDeque<u8>);

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(STDERR_TAIL)..];
        let surplus = (self.0.len() + bytes.len()).saturating_sub(STDERR_TAIL);
        self.0.drain(..surplus);
        self.0.extend(bytes);
    }

    fn into_bytes(self) -> Vec<u8> {
        self.0.into()
    }
}

/// The writing end of a channel. Shutting it down or dropping it sends the end of input after everything
/// that was written.
pub(super) struct ChannelWriter(PollSender<Bytes>);

impl AsyncWrite for ChannelWriter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let broken = || io::Error::new(io::ErrorKind::BrokenPipe, "the channel takes no more input");
        ready!(self.0.poll_reserve(context)).map_err(|_| broken())?;
        let count = bytes.len().min(PIECE);
        self.0.send_item(Bytes::copy_from_slice(&bytes[..count])).map_err(|_| broken())?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

/// A forwarded socket. A lost connection is an error to its reader, not an end.
pub(super) struct Socket {
    reader: PipeReader,
    writer: ChannelWriter,
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_bytes() {
        let mut tail = Tail::default();
        tail.push(&vec![b'a'; STDERR_TAIL]);
        tail.push(b"end");
        let bytes = tail.into_bytes();
        assert_eq!(bytes.len(), STDERR_TAIL);
        assert!(bytes.ends_with(b"aend"));
        let mut tail = Tail::default();
        tail.push(&[vec![b'x'; 10], vec![b'y'; STDERR_TAIL]].concat());
        assert!(tail.into_bytes().iter().all(|byte| *byte == b'y'));
    }
}
