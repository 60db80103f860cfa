//! Podman's part of a move in two phases, by scripts: see [`crate::engine::TwoPhase`].
//!
//! Two properties of Podman make it possible. It hands its PATH down to the runtime, and the runtime finds CRIU by it: a
//! wrapper in a directory of ours gives that one run of CRIU an action script, and no file of the host is changed. And it
//! restores from an archive whose images are not there yet, as long as CRIU is not called: the wrapper waits for them.

use std::time::Duration;

use async_trait::async_trait;

use super::{Podman, metadata, publish};
use crate::engine::{
    Address, Arrival, Codec, Connections, Errand, Inspected, Metadata, Mount, Segment, Size, TwoPhase,
    Volumes,
};
use crate::fleet::ContainerId;
use crate::ssh::Command;

macro_rules! common {
    ($file:literal) => {
        concat!(include_str!("two_phase/common.sh"), include_str!(concat!("two_phase/", $file)))
    };
}

#[async_trait]
impl TwoPhase for Podman {
    async fn metadata(&self, container: &Inspected) -> Result<Metadata, String> {
        metadata::read(&*self.remote, container).await
    }

    fn source(&self, errand: &Errand, container: &Inspected, keep: Duration) -> Command {
        let volumes = container.mounts.iter().filter_map(|mount| match mount {
            Mount::Volume { source, .. } => Some(source.clone()),
            _ => None,
        });
        let words = [
            &errand.directory,
            &errand.container.0,
            &errand.who,
            &errand.record,
            include_str!("two_phase/criu.sh"),
            concat!(
                "#!/bin/sh\n",
                include_str!("two_phase/decide.sh"),
                include_str!("two_phase/action_source.sh")
            ),
            concat!(
                include_str!("two_phase/common.sh"),
                include_str!("two_phase/decide.sh"),
                include_str!("two_phase/checkpoint.sh")
            ),
            &container.pid.to_string(),
            self.socket(Size::Small),
            &keep.as_secs().to_string(),
        ];
        Command::script(common!("source.sh"), words).arguments(volumes)
    }

    fn send(&self, directory: &str, codec: Codec) -> Command {
        Command::script(include_str!("two_phase/send.sh"), [directory])
            .arguments(codec.compress().iter().copied())
    }

    fn destination(
        &self,
        errand: &Errand,
        metadata: usize,
        arrival: &Arrival,
        volumes: &[String],
    ) -> Command {
        let (begin, hold) = match arrival.segment {
            Segment::Own => ("now", ""),
            Segment::Shared => ("frozen", include_str!("two_phase/netavark.sh")),
        };
        let made: &[&str] = match arrival.volumes {
            Volumes::Engine => &[],
            Volumes::Made => &["--ignore-volumes"],
        };
        let (criu, established): (_, &[&str]) = match arrival.connections {
            Connections::Keep => ("", &["--tcp-established"]),
            Connections::Close => ("tcp-close", &[]),
        };
        let words = [
            &errand.directory,
            &errand.container.0,
            &errand.who,
            &errand.record,
            include_str!("two_phase/criu.sh"),
            include_str!("two_phase/action_destination.sh"),
            common!("restore.sh"),
            &metadata.to_string(),
            begin,
            hold,
            criu,
            &volumes.join("\n"),
        ];
        let renewed: &[&str] = match arrival.address {
            Address::Keep => &[],
            Address::Renew => &["--ignore-static-ip", "--ignore-static-mac"],
        };
        Command::script(common!("destination.sh"), words)
            .arguments(established.iter().chain(renewed).copied())
            .arguments(publish(arrival))
            .arguments(made.iter().copied())
    }

    fn place(&self, directory: &str, codec: Codec, volumes: &[String]) -> Command {
        Command::script(include_str!("two_phase/place.sh"), [directory, codec.decompress()])
            .arguments(volumes.iter().cloned())
    }

    fn place_changes(&self, directory: &str) -> Command {
        Command::script(include_str!("two_phase/place_changes.sh"), [directory])
    }

    fn abort(&self, directory: &str, container: &ContainerId) -> Command {
        Command::script(common!("abort.sh"), [directory, &container.0])
    }

    fn undo(&self, directory: &str, container: &ContainerId, volumes: &[String]) -> Command {
        Command::script(common!("undo.sh"), [directory, &container.0]).arguments(volumes.iter().cloned())
    }

    fn conclude(&self, directory: &str, container: &ContainerId) -> Command {
        Command::script(common!("tidy.sh"), [directory, &container.0])
    }
}
