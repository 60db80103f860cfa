//! Whether name, ports and addresses of the container are free at the destination.

use super::{Destination, List, Source, taken_addresses};
use crate::fleet::printable;
use crate::migrate::Severity;

pub(super) fn identity(list: &mut List, source: &Source, destination: &Destination) {
    let name = printable(&source.container.name);
    match &destination.namesake {
        None => list.pass("name", format!("the name {name} is free on {}", destination.host)),
        Some(other) => list.add(
            "name",
            Severity::Error,
            Some(&destination.host),
            format!("a container {} is there already", printable(other)),
            format!("podman rename or podman rm it on {}", destination.host),
        ),
    }
    // Only TCP listeners are known; the engine itself refuses a UDP port that is taken.
    for port in source.container.ports.iter().filter(|port| port.container_port.ends_with("/tcp")) {
        if destination.facts.listening.contains(&port.host_port) {
            list.add(
                "port",
                Severity::Error,
                Some(&destination.host),
                format!("something listens on port {} already, which {name} publishes", port.host_port),
                format!("ss -ltnp 'sport = :{}'  (says what it is)", port.host_port),
            );
        }
    }
    for (network, used) in &destination.networks {
        if used.is_none() {
            let network = printable(network);
            list.add(
                "network",
                Severity::Error,
                Some(&destination.host),
                format!("network {network} is missing"),
                format!("podman network create {network}  (like the one on {})", source.host),
            );
        }
    }
    let taken = taken_addresses(source, destination);
    if !taken.is_empty() {
        let taken = taken.join(", ");
        if source.facts.established > 0 {
            list.add(
                "address",
                Severity::Error,
                Some(&destination.host),
                format!(
                    "address {taken} is in use there, and {} open TCP connections need it",
                    source.facts.established
                ),
                "close the connections, or free the address",
            );
        } else {
            list.add(
                "address",
                Severity::Warning,
                Some(&destination.host),
                format!("address {taken} is in use there; {name} gets a new one"),
                "",
            );
        }
    } else if source.facts.established > 0 && source.container.network_mode == "bridge" {
        list.add(
            "connections",
            Severity::Warning,
            Some(&source.host),
            format!(
                "{} open TCP connections; they survive only where the network leads to {name} on {} as well",
                source.facts.established, destination.host
            ),
            "",
        );
    }
}
