//! What becomes of the container's addresses and of its open TCP connections.

use super::identity::{Lost, lost_addresses};
use super::{Destination, List, Source, segment};
use crate::engine::Segment;
use crate::migrate::Tcp;

pub(super) fn connections(list: &mut List, source: &Source, destination: &Destination) {
    let (here, there) = (Some(&source.host), Some(&destination.host));
    let open = source.facts.established;
    let lost = lost_addresses(source, destination);
    for (network, address, reason) in &lost {
        let words = match reason {
            Lost::Taken => format!("address {address} is in use there"),
            Lost::Outside => format!("address {address} is in no subnet of network {network} there"),
        };
        match source.tcp {
            Some(Tcp::Keep) | None if open > 0 => {
                let seen = format!("{words}, and {open} open TCP connections need it");
                list.found("address", there, seen, &[]);
            }
            // They are the reason for a refusal of their own, and then nothing becomes of the address.
            Some(Tcp::Refuse) if open > 0 => {}
            // That the network is another one is said already, and what that means.
            _ if *reason == Lost::Outside => {}
            _ => list.found("new-address", there, words, &[]),
        }
    }
    let host = source.container.network_mode == "host";
    if host {
        addresses_of_host(list, source);
    }
    match source.tcp {
        _ if open == 0 => {}
        Some(Tcp::Refuse) => {
            let seen = format!("{open} open TCP connections, and --tcp refuse says that it must have none");
            list.found("connections-refused", here, seen, &[]);
        }
        Some(Tcp::Close) => {
            let seen = format!("{open} open TCP connections are closed, as asked");
            list.found("connections-closed", here, seen, &[]);
        }
        Some(Tcp::Keep) | None if host || !lost.is_empty() => {}
        Some(Tcp::Keep) | None => {
            let id = match segment(destination) {
                Segment::Shared => "connections-kept",
                Segment::Own => "connections",
            };
            let seen = format!("{open} open TCP connections are kept, since the address goes along");
            list.found(id, here, seen, &[]);
        }
    }
}

/// What needs the addresses of the container's present host.
fn addresses_of_host(list: &mut List, source: &Source) {
    let bound = source.scan.tcp_in(10).filter(|socket| socket.is_bound() && !socket.is_loopback()).count();
    let open = match source.tcp {
        Some(Tcp::Keep) | None => source.facts.established,
        // They do not go along.
        Some(Tcp::Close | Tcp::Refuse) => 0,
    };
    if open > 0 || bound > 0 {
        let seen = format!(
            "{} uses the host's network, with {open} open TCP connections and {bound} sockets that wait on one address",
            source.container.name
        );
        list.found("host-address", Some(&source.host), seen, &[]);
    }
}
