//! Pipes and FIFOs: a bounded row of bytes between those who write and those who read.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::watch;

use super::errno::Errno;
use crate::simulation::locked;

/// What a pipe of Linux holds before its writers wait.
const CAPACITY: usize = 64 << 10;

/// A pipe, or what stands behind a FIFO's name.
#[derive(Debug)]
pub struct Pipe {
    inside: Mutex<Inside>,
    /// Counts up whenever something changed.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inside {
    chunks: VecDeque<Bytes>,
    length: usize,
    readers: usize,
    writers: usize,
    /// How often either side was opened: who waits for the other sees one that has come and gone.
    read_opens: u64,
    write_opens: u64,
}

impl Pipe {
    /// A pipe that nobody has opened.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { inside: Mutex::default(), changes: watch::Sender::new(0) })
    }

    /// A pipe open at both ends.
    pub fn ends() -> (ReadEnd, WriteEnd) {
        let pipe = Self::new();
        (pipe.reader(), pipe.writer())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inside) -> T) -> T {
        let result = change(&mut locked(&self.inside));
        self.changes.send_modify(|count| *count += 1);
        result
    }

    async fn wait<T>(&self, mut ready: impl FnMut(&mut Inside) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(value) = ready(&mut locked(&self.inside)) {
                return value;
            }
            // The sender lives as long as the pipe, and somebody holds the pipe who waits on it.
            let _ = changes.changed().await;
        }
    }

    fn reader(self: &Arc<Self>) -> ReadEnd {
        self.change(|inside| {
            inside.readers += 1;
            inside.read_opens += 1;
        });
        ReadEnd(self.clone())
    }

    fn writer(self: &Arc<Self>) -> WriteEnd {
        self.change(|inside| {
            inside.writers += 1;
            inside.write_opens += 1;
        });
        WriteEnd(self.clone())
    }

    /// Opens a FIFO for reading: waits until somebody has it open for writing.
    pub async fn open_reader(self: &Arc<Self>) -> ReadEnd {
        let before = locked(&self.inside).write_opens;
        let end = self.reader();
        self.wait(|inside| (inside.writers > 0 || inside.write_opens > before).then_some(())).await;
        end
    }

    /// Opens a FIFO for writing: waits until somebody has it open for reading.
    pub async fn open_writer(self: &Arc<Self>) -> WriteEnd {
        let before = locked(&self.inside).read_opens;
        let end = self.writer();
        self.wait(|inside| (inside.readers > 0 || inside.read_opens > before).then_some(())).await;
        end
    }

    /// Opens a FIFO for both, which never waits (Linux' own rule).
    pub fn open_both(self: &Arc<Self>) -> (ReadEnd, WriteEnd) {
        (self.reader(), self.writer())
    }
}

/// The end of a pipe that is read. Dropping it closes it.
#[derive(Debug)]
pub struct ReadEnd(Arc<Pipe>);

impl ReadEnd {
    /// Reads what is there, at most so much; nothing means that no writer is left.
    pub async fn read(&self, most: usize) -> Bytes {
        let bytes = self
            .0
            .wait(|inside| match inside.chunks.front_mut() {
                Some(first) => {
                    let bytes = if first.len() > most { first.split_to(most) } else { std::mem::take(first) };
                    if inside.chunks.front().is_some_and(Bytes::is_empty) {
                        inside.chunks.pop_front();
                    }
                    inside.length -= bytes.len();
                    Some(bytes)
                }
                None if inside.writers == 0 => Some(Bytes::new()),
                None => None,
            })
            .await;
        self.0.change(|_| ());
        bytes
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        self.0.change(|inside| {
            inside.readers -= 1;
            if inside.readers == 0 && inside.writers == 0 {
                inside.chunks.clear();
                inside.length = 0;
            }
        });
    }
}

/// The end of a pipe that is written. Dropping it closes it.
#[derive(Debug)]
pub struct WriteEnd(Arc<Pipe>);

impl WriteEnd {
    /// Waits for room and writes all, or finds that no reader is left.
    pub async fn write(&self, bytes: Bytes) -> Result<(), Errno> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut bytes = Some(bytes);
        self.0
            .wait(|inside| {
                if inside.readers == 0 {
                    return Some(Err(Errno::BrokenPipe));
                }
                if inside.length >= CAPACITY {
                    return None;
                }
                let bytes = bytes.take().unwrap_or_default();
                inside.length += bytes.len();
                inside.chunks.push_back(bytes);
                Some(Ok(()))
            })
            .await?;
        self.0.change(|_| ());
        Ok(())
    }

    /// Waits until nobody reads any more.
    pub async fn closed(&self) {
        self.0.wait(|inside| (inside.readers == 0).then_some(())).await;
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.0.change(|inside| {
            inside.writers -= 1;
            if inside.readers == 0 && inside.writers == 0 {
                inside.chunks.clear();
                inside.length = 0;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_in_order_and_end_with_the_last_writer() {
        let (reader, writer) = Pipe::ends();
        writer.write(Bytes::from_static(b"one two")).await.unwrap();
        drop(writer);
        assert_eq!(reader.read(3).await, "one");
        assert_eq!(reader.read(9).await, " two");
        assert_eq!(reader.read(9).await, "");
    }

    #[tokio::test]
    async fn a_writer_waits_for_room_and_hears_when_the_reader_goes() {
        let (reader, writer) = Pipe::ends();
        writer.write(Bytes::from(vec![0; CAPACITY])).await.unwrap();
        let waiting = tokio::spawn(async move { writer.write(Bytes::from_static(b"x")).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(reader);
        assert_eq!(waiting.await.unwrap(), Err(Errno::BrokenPipe));
    }

    #[tokio::test]
    async fn a_fifo_waits_for_its_other_side_unless_opened_for_both() {
        let fifo = Pipe::new();
        let opening = tokio::spawn({
            let fifo = fifo.clone();
            async move { fifo.open_reader().await }
        });
        tokio::task::yield_now().await;
        assert!(!opening.is_finished());
        let (kept, writer) = fifo.open_both();
        let reader = opening.await.unwrap();
        writer.write(Bytes::from_static(b"through")).await.unwrap();
        assert_eq!(reader.read(100).await, "through");
        drop((kept, writer));
        assert_eq!(reader.read(100).await, "");
    }
}
