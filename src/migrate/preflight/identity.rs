//! Whether name, ports and addresses of the container are free at the destination.

use std::net::IpAddr;

use super::{Destination, Fit, List, NetworkPlan, Source};
use crate::engine::Difference;

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
    networks(list, source, destination);
}

/// Whether the container's networks are there, or can be made.
fn networks(list: &mut List, source: &Source, destination: &Destination) {
    let there = Some(&destination.host);
    let fitting = "podman network rm {network}, if nothing needs it; then drover makes one like the source's";
    for NetworkPlan { network, fit, command } in &destination.network_plans {
        let name = network.name.as_str();
        match fit {
            Fit::There => {}
            Fit::Missing => {
                let seen = format!("network {name} is made there, like the one on {}", source.host);
                list.found("network-made", there, seen, &[]);
            }
            Fit::Different(difference) => {
                let id = match difference {
                    Difference::Driver { .. } => "network",
                    Difference::Subnets { .. } => "subnet",
                };
                let remedy = fitting.replace("{network}", name);
                let seen = format!("network {name} is there, but {difference}");
                list.found(id, there, seen, &[("remedy", &remedy)]);
            }
            Fit::Impossible(reason) => {
                let remedy = format!("{command}, with what is free there");
                let seen = format!("network {name} is missing and cannot be made: {reason}");
                list.found("network", there, seen, &[("remedy", &remedy)]);
            }
        }
    }
    // What the source does not know itself cannot be made like it.
    let planned = |name: &str| destination.network_plans.iter().any(|plan| plan.network.name == name);
    for (name, facts) in &destination.networks {
        if facts.is_none() && !planned(name) {
            let remedy = format!("podman network create {name}");
            list.found("network", there, format!("network {name} is missing"), &[("remedy", &remedy)]);
        }
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
