//! What happened to containers, for those who ask later and for those who listen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::broadcast;

use super::container::Container;
use crate::simulation::locked;
use crate::simulation::scenario::Engine;

/// How many events a slow listener may be behind.
const BEHIND: usize = 1024;

/// How many are kept for those who ask later.
const KEPT: usize = 1024;

/// Something that happened to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose the container is.
    pub engine: Engine,
    /// To which.
    pub id: String,
    /// Its name then.
    pub name: String,
    /// Its image's reference.
    pub image: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What, in Podman's word: `create`, `init`, `start`, `died`, `cleanup`, `checkpoint`, `restore`, `remove`, …
    pub status: &'static str,
    /// The exit code, where something ended.
    pub exit_code: Option<u8>,
    /// When, since 1970 by the host's clock.
    pub at: Duration,
}

/// The events of a machine.
#[derive(Debug)]
pub struct Events {
    sender: broadcast::Sender<Event>,
    kept: Mutex<VecDeque<Event>>,
}

impl Default for Events {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(BEHIND), kept: Mutex::default() }
    }
}

impl Events {
    /// Listens from now on.
    pub fn listen(&self) -> broadcast::Receiver<Event> {
        self.sender.subscribe()
    }

    /// Those that are kept, the oldest first.
    pub fn past(&self) -> Vec<Event> {
        locked(&self.kept).iter().cloned().collect()
    }

    /// Tells one.
    pub(super) fn tell(
        &self,
        container: &Container,
        status: &'static str,
        at: Duration,
        exit_code: Option<u8>,
    ) {
        let event = Event {
            engine: container.plan.engine,
            id: container.id.clone(),
            name: container.name(),
            image: container.image_name.clone(),
            labels: container.plan.labels.clone(),
            status,
            exit_code,
            at,
        };
        let mut kept = locked(&self.kept);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // Nobody need listen.
        let _ = self.sender.send(event);
    }
}
