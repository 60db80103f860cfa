//! Networks that a container needs at its destination: compared before the move, made for it, and taken back with it.

use super::error::MigrateError;
use super::ship::step;
use super::survey::Party;
use crate::engine::{Difference, Network, overlap};
use crate::ssh::Command;

/// Interfaces and routes of a host, a word and a value on each line.
const OCCUPIED: &str = "for path in /sys/class/net/*; do echo \"interface ${path##*/}\"; done
for family in -4 -6; do
    ip $family -oneline route show table all 2>/dev/null | while read -r kind prefix rest; do
        case $kind in */*) echo \"route $kind\" ;; *) echo \"route $prefix\" ;; esac
    done
done
exit 0";

/// How a network of the container's fits to its destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkPlan {
    /// As it is on the source.
    pub network: Network,
    /// What is at the destination.
    pub fit: Fit,
    /// The command that makes one like it.
    pub command: String,
}

/// What a destination has for a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// One like it.
    There,
    /// One of that name that is another.
    Different(Difference),
    /// None, and it can be made.
    Missing,
    /// None, and it cannot be made; in words, why.
    Impossible(String),
}

/// Compares the networks that a container is on with all that its destination has.
pub async fn plan(
    to: &Party,
    needed: Vec<Network>,
    theirs: &[Network],
) -> Result<Vec<NetworkPlan>, MigrateError> {
    let there = |network: &Network| theirs.iter().find(|other| other.name == network.name);
    let occupied = if needed.iter().all(|network| there(network).is_some()) {
        Occupied::default()
    } else {
        Occupied::parse(&to.remote.output(&Command::script(OCCUPIED, [""]), &[]).await?.stdout)
    };
    let plan = |network: Network| {
        let fit = match there(&network).map(|other| network.difference(other)) {
            Some(None) => Fit::There,
            Some(Some(difference)) => Fit::Different(difference),
            None => match occupied.against(&network, theirs) {
                None => Fit::Missing,
                Some(reason) => Fit::Impossible(reason),
            },
        };
        let command = to.engine.create_network(&network, None).words().join(" ");
        NetworkPlan { network, fit, command }
    };
    Ok(needed.into_iter().map(plan).collect())
}

/// Makes the networks that are missing, each with the transaction's mark.
pub async fn create(to: &Party, networks: &[Network], transaction: &str) -> Result<(), MigrateError> {
    for network in networks {
        to.remote.run(&to.engine.create_network(network, Some(transaction))).await?;
    }
    if networks.is_empty() {
        return Ok(());
    }
    let made = to.engine.networks().await?;
    for network in networks {
        if !made.iter().any(|other| network.is_alike(other)) {
            let name = crate::fleet::printable(&network.name);
            return Err(step(to.host(), &format!("network {name} could not be made like the source's")));
        }
    }
    Ok(())
}

/// What of a host's network is taken.
#[derive(Debug, Default)]
struct Occupied {
    interfaces: Vec<String>,
    routes: Vec<String>,
}

impl Occupied {
    fn parse(output: &[u8]) -> Self {
        let mut occupied = Self::default();
        for line in String::from_utf8_lossy(output).lines() {
            match line.split_once(' ') {
                Some(("interface", name)) => occupied.interfaces.push(name.to_owned()),
                Some(("route", prefix)) if prefix.contains('/') => occupied.routes.push(prefix.to_owned()),
                _ => {}
            }
        }
        occupied
    }

    /// What speaks against making this network there.
    fn against(&self, network: &Network, others: &[Network]) -> Option<String> {
        let has = |interface: &str| self.interfaces.iter().any(|name| name == interface);
        if let Some(parent) = network.parent() {
            // Its subnet is the parent's own, so that it is in use there is as it should be.
            return (!has(parent)).then(|| format!("its parent interface {parent} is missing there"));
        }
        if network.named_interface() && has(&network.interface) {
            return Some(format!("an interface {} is there already", network.interface));
        }
        for subnet in &network.subnets {
            let used = |other: &&Network| {
                other.parent().is_none()
                    && other.subnets.iter().any(|used| overlap(&used.subnet, &subnet.subnet))
            };
            if let Some(other) = others.iter().find(used) {
                return Some(format!("its subnet {} is used by network {} there", subnet.subnet, other.name));
            }
            if let Some(route) = self.routes.iter().find(|route| overlap(route, &subnet.subnet)) {
                return Some(format!("its subnet {} is in use there (route to {route})", subnet.subnet));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Subnet;

    #[test]
    fn what_is_taken_speaks_against_a_network() {
        let occupied = Occupied::parse(
            b"interface eth0\ninterface lo\nroute via\nroute 10.78.4.0/24\nroute fe80::/64\nnonsense\n",
        );
        let network = |driver: &str, interface: &str, subnet: &str| Network {
            name: "n".into(),
            driver: driver.into(),
            interface: interface.into(),
            subnets: vec![Subnet { subnet: subnet.into(), ..Subnet::default() }],
            ..Network::default()
        };
        let others = [network("bridge", "podman0", "10.88.0.0/16")];
        let against = |network: Network| occupied.against(&network, &others).unwrap_or_default();
        assert_eq!(against(network("bridge", "podman1", "10.99.0.0/24")), "");
        assert_eq!(against(network("macvlan", "eth0", "10.78.4.0/24")), "");
        assert!(against(network("macvlan", "eth7", "10.78.4.0/24")).contains("eth7"));
        assert!(against(network("bridge", "podman1", "10.78.0.0/16")).contains("10.78.4.0/24"));
        assert!(against(network("bridge", "podman1", "10.88.9.0/24")).contains("network n"));
        assert!(against(network("bridge", "eth0", "10.99.0.0/24")).contains("eth0"));
    }
}
