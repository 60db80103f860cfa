//! Whether memory and disks suffice.

use super::{Destination, ENGINE_ROOM, Keep, List, Source, keep};
use crate::fleet::bytes;
use crate::migrate::Severity;

pub(super) fn room(list: &mut List, source: &Source, destination: &Destination) {
    let facts = &destination.facts;
    let (place, archive) = keep(&source.facts, destination);
    let needed = source.facts.container_memory + ENGINE_ROOM + destination.memory_reserve;
    let numbers = format!(
        "{} available on {}; the container has {}, restoring takes {}, the reserve is {}",
        bytes(facts.memory_available),
        destination.host,
        bytes(source.facts.container_memory),
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
    let mut storage = source.facts.upper;
    if place == Keep::Disk {
        storage += archive;
        if facts.free_disk < archive {
            list.add(
                "disk",
                Severity::Error,
                Some(&destination.host),
                format!(
                    "{} free in /var/tmp, {} needed for the archive",
                    bytes(facts.free_disk),
                    bytes(archive)
                ),
                "free some space there",
            );
        }
    }
    if facts.free_storage < storage + archive {
        list.add(
            "disk",
            Severity::Error,
            Some(&destination.host),
            format!("{} free for containers, {} needed", bytes(facts.free_storage), bytes(storage + archive)),
            "free some space there",
        );
    } else {
        list.pass("disk", format!("{} free on {}", bytes(facts.free_storage), destination.host));
    }
    if source.facts.free_storage < archive {
        list.add(
            "disk",
            Severity::Error,
            Some(&source.host),
            format!(
                "{} free for the checkpoint, {} needed",
                bytes(source.facts.free_storage),
                bytes(archive)
            ),
            "free some space there",
        );
    }
}
