//! Whether name, ports and addresses of the container are free at the destination.

use std::net::IpAddr;

use super::{Destination, List, Source};

/// Why an address cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// Somebody has it.
    Taken,
    /// The network there has another subnet.
    Outside,
}

/// The container's addresses that it cannot keep: network, address, reason.
pub(super) fn lost_addresses<'a>(
    source: &'a Source,
    destination: &Destination,
) -> Vec<(&'a str, &'a str, Lost)> {
    let lost = |network: &str, address: &str| {
        let (_, facts) = destination.networks.iter().find(|(name, _)| name == network)?;
        let facts = facts.as_ref()?;
        if facts.addresses.iter().any(|other| other == address) {
            return Some(Lost::Taken);
        }
        let inside = facts.subnets.iter().any(|subnet| contains(subnet, address).unwrap_or(true));
        (!inside && !facts.subnets.is_empty()).then_some(Lost::Outside)
    };
    let networks = source.container.networks.iter();
    let addressed = networks.filter_map(|(network, address)| Some((network.as_str(), address.as_deref()?)));
    addressed.filter_map(|(network, address)| Some((network, address, lost(network, address)?))).collect()
}

/// Whether an address lies in a subnet; none where one of them cannot be read, or they are of different families.
fn contains(subnet: &str, address: &str) -> Option<bool> {
    let (base, length) = subnet.split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match (base.parse().ok()?, address.parse().ok()?) {
        (IpAddr::V4(base), IpAddr::V4(address)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Some(base.to_bits() & mask == address.to_bits() & mask)
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Some(base.to_bits() & mask == address.to_bits() & mask)
        }
        // The network may have a subnet of the other family besides.
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => Some(false),
        _ => None,
    }
}

pub(super) fn identity(list: &mut List, source: &Source, destination: &Destination) {
    let (name, there) = (&source.container.name, Some(&destination.host));
    match (&destination.namesake, &destination.twin) {
        (None, None) => list.pass("name", format!("the name {name} is free on {}", destination.host)),
        (_, Some(other)) => {
            let seen = format!("container {other} has the same id");
            list.found("id", there, seen, &[("other", other)]);
        }
        (Some(other), None) => {
            list.found("name", there, format!("a container {other} is there already"), &[("other", other)]);
        }
    }
    for port in &source.container.ports {
        let (listening, kind) = match port.container_port.rsplit_once('/') {
            Some((_, "udp")) => (&destination.facts.listening_udp, "UDP"),
            Some((_, "tcp")) | None => (&destination.facts.listening, "TCP"),
            Some(_) => continue,
        };
        if listening.contains(&port.host_port) {
            let seen =
                format!("something has {kind} port {} already, which {name} publishes", port.host_port);
            list.found("port", there, seen, &[("port", &port.host_port.to_string())]);
        }
    }
    for (network, facts) in &destination.networks {
        if facts.is_none() {
            list.found("network", there, format!("network {network} is missing"), &[("network", network)]);
        }
    }
    let established = source.facts.established;
    let lost = lost_addresses(source, destination);
    for (network, address, reason) in &lost {
        let (id, words) = match reason {
            Lost::Taken => ("address", format!("address {address} is in use there")),
            Lost::Outside => {
                ("subnet", format!("address {address} is in no subnet of network {network} there"))
            }
        };
        if established > 0 {
            let seen = format!("{words}, and {established} open TCP connections need it");
            list.found(id, there, seen, &[("network", network)]);
        } else {
            list.found("new-address", there, words, &[]);
        }
    }
    if source.container.network_mode == "host" {
        let bound =
            source.scan.tcp_in(10).filter(|socket| socket.is_bound() && !socket.is_loopback()).count();
        if established > 0 || bound > 0 {
            let seen = format!(
                "{name} uses the host's network, with {established} open TCP connections and {bound} sockets that wait on one address"
            );
            list.found("host-address", Some(&source.host), seen, &[]);
        }
    } else if lost.is_empty() && established > 0 {
        list.found("connections", Some(&source.host), format!("{established} open TCP connections"), &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_subnets_or_not() {
        assert_eq!(contains("10.88.0.0/16", "10.88.7.1"), Some(true));
        assert_eq!(contains("10.88.0.0/16", "10.89.0.1"), Some(false));
        assert_eq!(contains("0.0.0.0/0", "1.2.3.4"), Some(true));
        assert_eq!(contains("fd00::/8", "fd12::1"), Some(true));
        assert_eq!(contains("fd00::/8", "10.0.0.1"), Some(false));
        assert_eq!(contains("10.0.0.0/40", "10.0.0.1"), None);
        assert_eq!(contains("nonsense", "10.0.0.1"), None);
    }
}
