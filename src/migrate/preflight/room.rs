//! Whether memory and disks suffice.

use super::{Destination, ENGINE_ROOM, Keep, List, Source, keep};
use crate::fleet::{bytes, seconds};

/// What an engine restores at least, bytes each second, from a slow disk and from memory; the lab's disk gives 500 MB/s.
const FROM_DISK: u64 = 150 << 20;
const FROM_MEMORY: u64 = 500 << 20;

/// From this on the engine's patience of 240 s is in danger, seconds.
const LONG_RESTORE: u64 = 200;

pub(super) fn room(list: &mut List, source: &Source, destination: &Destination) {
    let facts = &destination.facts;
    let (place, archive) = keep(&source.facts, destination);
    let (here, there) = (Some(&source.host), Some(&destination.host));
    let Some(memory) = source.facts.container_memory else {
        if source.container.pid == 0 {
            // What does not run has no memory, and that has been said.
            return;
        }
        let seen = "the container's memory could not be read from its control group";
        return list.found("memory-unknown", here, seen, &[]);
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
        list.found("memory", there, numbers, &[]);
    }
    let rate = if place == Keep::Memory { FROM_MEMORY } else { FROM_DISK };
    if memory / rate > LONG_RESTORE {
        let seen = format!(
            "restoring {} at {}/s takes {}",
            bytes(memory),
            bytes(rate),
            seconds((memory / rate) as f64)
        );
        list.found("slow-restore", there, seen, &[]);
    }
    if let Some(growth) = source.scan.growth().filter(|growth| *growth >= 1_048_576.0) {
        list.found("growth", here, format!("memory comes into use at {}/s", bytes(growth as u64)), &[]);
    }
    let mut disk = |free: u64, needed: u64, host, place: &str, what: &str| {
        if free < needed {
            let seen = format!("{} free in {place}, {} needed for {what}", bytes(free), bytes(needed));
            list.found("disk", host, seen, &[("needed", &bytes(needed - free)), ("place", place)]);
        }
    };
    if place == Keep::Disk {
        disk(facts.free_disk, archive, there, "/var/tmp", "the archive");
    }
    // The engine unpacks the archive there and keeps the volumes; where /var/tmp is on the same disk, both count.
    let unpacked = source.facts.archive() + source.facts.volumes + source.facts.upper;
    let storage = if place == Keep::Disk { unpacked + archive } else { unpacked };
    disk(facts.free_storage, storage, there, "the engine's storage", "the container");
    // CRIU's images, then their copy in the archive; what is changed in the file system is only read.
    let images = 2 * source.facts.archive();
    disk(source.facts.free_storage, images, here, "the engine's storage", "the checkpoint");
    if !list.has("disk") {
        list.pass("disk", format!("{} free on {}", bytes(facts.free_storage), destination.host));
    }
}
