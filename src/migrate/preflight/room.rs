//! Whether memory and disks suffice.

use super::{Destination, ENGINE_ROOM, Keep, List, Source, keep};
use crate::fleet::bytes;
use crate::migrate::Severity;

pub(super) fn room(list: &mut List, source: &Source, destination: &Destination) {
    let facts = &destination.facts;
    let (place, archive) = keep(&source.facts, destination);
    let Some(memory) = source.facts.container_memory else {
        return list.add(
            "memory",
            Severity::Error,
            Some(&source.host),
            "the container's memory could not be read from its control group".into(),
            "look whether memory.stat is there: the memory controller may be switched off",
        );
    };
    let needed = memory + ENGINE_ROOM + destination.memory_reserve;
    let numbers = format!(
        "{} available on {}; the container has {}, restoring takes {}, the reserve is {}",
        bytes(facts.memory_available),
        destination.host,
        bytes(memory),
        bytes(ENGINE_ROOM),
        bytes(destination.memory_reserve)
    );
    if facts.memory_available >= needed {
        list.pass("memory", numbers);
    } else {
        list.add(
            "memory",
            Severity::Error,
            Some(&destination.host),
            numbers,
            "choose a host with more memory, or lower memory_reserve in the fleet file",
        );
    }
    if place == Keep::Disk && facts.free_disk < archive {
        list.add(
            "disk",
            Severity::Error,
            Some(&destination.host),
            format!("{} free in /var/tmp, {} needed for the archive", bytes(facts.free_disk), bytes(archive)),
            "free some space there",
        );
    }
    // The engine unpacks the archive there and keeps the volumes; where /var/tmp is on the same disk, both count.
    let unpacked = source.facts.archive() + source.facts.volumes + source.facts.upper;
    let storage = if place == Keep::Disk { unpacked + archive } else { unpacked };
    if facts.free_storage < storage {
        list.add(
            "disk",
            Severity::Error,
            Some(&destination.host),
            format!("{} free for containers, {} needed", bytes(facts.free_storage), bytes(storage)),
            "free some space there",
        );
    } else {
        list.pass("disk", format!("{} free on {}", bytes(facts.free_storage), destination.host));
    }
    // CRIU's images, then their copy in the archive; what is changed in the file system is only read.
    let images = 2 * source.facts.archive();
    if source.facts.free_storage < images {
        list.add(
            "disk",
            Severity::Error,
            Some(&source.host),
            format!("{} free for the checkpoint, {} needed", bytes(source.facts.free_storage), bytes(images)),
            "free some space there",
        );
    }
}
