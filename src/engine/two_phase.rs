//! A move in two phases: the source stays frozen until its destination is proven running.

use std::time::Duration;

use async_trait::async_trait;

use super::{Arrival, Codec, Inspected};
use crate::fleet::ContainerId;
use crate::ssh::Command;

/// What a host is told about a move.
#[derive(Clone, Debug)]
pub struct Errand {
    /// Our directory on the host: `/run/drover/` and the transaction's id, the same on both hosts.
    pub directory: String,
    /// The container.
    pub container: ContainerId,
    /// Who moves it, for people who find the lock.
    pub who: String,
    /// One JSON object, kept on the host until the move is over.
    pub record: String,
}

/// All that an engine writes into a checkpoint archive besides memory and files: enough for another host's engine to
/// prepare the restore.
pub struct Metadata {
    /// The archive, a tar file of some 50 KiB.
    pub archive: Vec<u8>,
}

/// The commands of a move in two phases. Those of source and destination talk by lines with whoever runs them; what they
/// start goes on when the connection ends, and decides by itself.
///
/// | side | hears | says |
/// |---|---|---|
/// | source | `freeze`, `alive`, `handed`, `commit`, `abort`, `time` | `prepared`, `stamp …`, `dumped`, `handed`, `outcome thawed|committed|untidy|kept|lost|gone` |
/// | destination | `begin`, `alive`, `go`, `abort`, `time` | `prepared`, `waiting`, `stamp …`, `outcome restored|failed|gone` |
///
/// Before `handed` is answered the source thaws the container on `abort`, at the end of the connection, and 20 s after the
/// last `alive`. After it, it waits for `commit` or `abort` and, when nobody comes for a minute, ends its processes and
/// keeps the images. The destination refuses `go` 15 s after the last `alive`.
#[async_trait]
pub trait TwoPhase: Send + Sync {
    /// Reads a container's metadata. The error says, in words, why it cannot be had here.
    async fn metadata(&self, container: &Inspected) -> Result<Metadata, String>;

    /// The source's side. After the commit it removes the container, or keeps it stopped, renamed and without a restart
    /// policy for so long.
    fn source(&self, errand: &Errand, container: &Inspected, keep: Duration) -> Command;

    /// Writes the images to standard output, once its input says `go`.
    fn send(&self, directory: &str, codec: Codec) -> Command;

    /// The destination's side. Its input begins with that many bytes of metadata. Where the container's network is the
    /// host's own ([`super::Segment::Shared`]) it says `prepared` and waits for `begin` before it brings up the address.
    fn destination(&self, errand: &Errand, metadata: usize, arrival: &Arrival, volumes: &[String])
    -> Command;

    /// Receives what `send` sends and puts everything in its place. Says `ready`, then reads, then says `placed`.
    fn place(&self, directory: &str, codec: Codec, volumes: &[String]) -> Command;

    /// Receives the changes of the root file system. Says `ready`, then reads, then says `placed`.
    fn place_changes(&self, directory: &str) -> Command;

    /// Makes the container run on its source whatever has happened, as long as nobody else answers for it. Prints
    /// `stayed`, `lost`, or `elsewhere`. Can be run any number of times.
    fn abort(&self, directory: &str, container: &ContainerId) -> Command;

    /// Removes what the restore made, and proves it by printing `undone`. Can be run any number of times.
    fn undo(&self, directory: &str, container: &ContainerId, volumes: &[String]) -> Command;

    /// Removes our directory, lock and record on either side; nothing else.
    fn conclude(&self, directory: &str, container: &ContainerId) -> Command;
}
