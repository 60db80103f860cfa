//! What becomes of the container's addresses and of its open TCP connections.

use super::{Destination, List, Source, segment, taken_addresses};
use crate::engine::Segment;
use crate::fleet::printable;
use crate::migrate::{Severity, Tcp};

pub(super) fn connections(list: &mut List, source: &Source, destination: &Destination) {
    let name = printable(&source.container.name);
    let open = source.facts.established;
    let taken = taken_addresses(source, destination).join(", ");
    if !taken.is_empty() && (open == 0 || source.tcp == Some(Tcp::Close)) {
        list.add(
            "address",
            Severity::Warning,
            Some(&destination.host),
            format!("address {taken} is in use there; {name} gets a new one"),
            "",
        );
    }
    if open == 0 {
        return;
    }
    let mut add = |severity: Severity, seen: String, fix: &str| {
        list.add("connections", severity, Some(&source.host), seen, fix);
    };
    match source.tcp {
        // Whose connections they are is not known there: the host's own are among them.
        _ if source.container.network_mode == "host" => match source.tcp {
            Some(Tcp::Close) => {
                add(Severity::Warning, format!("open TCP connections of {name} are closed, as asked"), "");
            }
            _ => add(
                Severity::Warning,
                format!(
                    "{name} uses the address of {}; with an open TCP connection it cannot be restored elsewhere",
                    source.host
                ),
                "--tcp close  (it finds them closed)",
            ),
        },
        Some(Tcp::Refuse) => add(
            Severity::Error,
            format!("{open} open TCP connections, and --tcp refuse says that it must have none"),
            "close them, or move it with --tcp keep or --tcp close",
        ),
        Some(Tcp::Close) => {
            add(Severity::Warning, format!("{open} open TCP connections are closed, as asked"), "");
        }
        Some(Tcp::Keep) | None if !taken.is_empty() => list.add(
            "address",
            Severity::Error,
            Some(&destination.host),
            format!("address {taken} is in use there, and {open} open TCP connections need it"),
            "free the address, or move it with --tcp close, which gives it a new address and closes them",
        ),
        Some(Tcp::Keep) | None if segment(destination) == Segment::Shared => add(
            Severity::Info,
            format!("{open} open TCP connections are kept: the address goes along to {}", destination.host),
            "",
        ),
        Some(Tcp::Keep) | None if source.container.network_mode == "bridge" => add(
            Severity::Warning,
            format!(
                "{open} open TCP connections are kept, since the address goes along; they survive only where the network leads to {name} on {} as well",
                destination.host
            ),
            "",
        ),
        Some(Tcp::Keep) | None => {}
    }
}
