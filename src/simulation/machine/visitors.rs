//! What the world does to a machine from outside: the scenario's events, and the stages that its engines tell.

use std::sync::{Arc, Weak};

use super::Machine;
use super::files::Filesystem;
use super::namespace::LastLink;
use crate::simulation::failure::Failure;
use crate::simulation::locked;
use crate::simulation::scenario::Stage;
use crate::simulation::world::World;

/// Room that something has taken of a disk.
#[derive(Debug)]
pub struct Taken {
    filesystem: Arc<Filesystem>,
    bytes: u64,
}

impl Machine {
    /// Says which world it is part of.
    pub(crate) fn watched_by(&self, world: &Arc<World>) {
        let _ = self.world.set(Arc::downgrade(world));
    }

    /// Says that a move of a container has come to a stage here: what the scenario wants to happen then happens,
    /// and the stage must end in the failure that comes back, if one does.
    pub async fn reached(&self, stage: Stage, container: &str) -> Option<&'static Failure> {
        #[cfg(test)]
        if let Some((_, failure)) = locked(&self.armed).take_if(|(armed, _)| *armed == stage) {
            return Some(failure);
        }
        let world = self.world.get().and_then(Weak::upgrade)?;
        world.reached(stage, self, container).await
    }

    /// Whether one of its processes has a text in its command line.
    pub fn speaks_of(&self, text: &str) -> bool {
        !text.is_empty()
            && self
                .processes
                .all()
                .iter()
                .any(|entry| locked(&entry.words).iter().any(|word| word.contains(text)))
    }

    /// Fills the file system of a directory up to the last bytes.
    pub fn fill_disk(&self, path: &str, leave: u64) -> Taken {
        let found = self.namespace.find("/", path, LastLink::Follow);
        let filesystem = found.map_or_else(|_| self.disk.clone(), |place| place.node.filesystem.clone());
        let bytes = filesystem.capacity().saturating_sub(filesystem.used()).saturating_sub(leave);
        filesystem.occupy(bytes);
        Taken { filesystem, bytes }
    }

    /// Gives back what was taken.
    pub fn empty_disk(&self, taken: Taken) {
        taken.filesystem.vacate(taken.bytes);
    }
}
