//! What a network of an engine is made of, so that one like it can be made on another host.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};

/// A range of addresses of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Subnet {
    /// Address and length of the prefix: `10.88.0.0/16`.
    pub subnet: String,
    /// The gateway's address.
    pub gateway: Option<String>,
    /// The part of it from which the engine gives addresses out.
    pub lease_range: Option<LeaseRange>,
}

/// From which address to which.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct LeaseRange {
    /// First address.
    pub start_ip: String,
    /// Last address.
    pub end_ip: String,
}

/// A static route of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// Address and length of the prefix.
    pub destination: String,
    /// The gateway's address.
    pub gateway: String,
    /// Its metric, where it has one.
    pub metric: Option<u32>,
}

/// A network as an engine knows it, in Podman's words. All text in it is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// `bridge`, `macvlan`, `ipvlan`, …
    pub driver: String,
    /// The bridge, or the interface of the host on which a macvlan or ipvlan sits.
    #[serde(rename = "network_interface")]
    pub interface: String,
    /// Its subnets.
    #[serde(deserialize_with = "or_empty")]
    pub subnets: Vec<Subnet>,
    /// Static routes that its containers get.
    #[serde(deserialize_with = "or_empty")]
    pub routes: Vec<Route>,
    /// Whether it has IPv6.
    #[serde(rename = "ipv6_enabled")]
    pub ipv6: bool,
    /// Whether it leads nowhere but to its own containers.
    pub internal: bool,
    /// Whether containers find each other by name on it.
    #[serde(rename = "dns_enabled")]
    pub dns: bool,
    /// Name servers of its own.
    #[serde(rename = "network_dns_servers", deserialize_with = "or_empty")]
    pub name_servers: Vec<String>,
    /// Labels.
    #[serde(deserialize_with = "or_empty")]
    pub labels: BTreeMap<String, String>,
    /// Options of its driver.
    #[serde(deserialize_with = "or_empty")]
    pub options: BTreeMap<String, String>,
    /// Who gives addresses out, under `driver`: `host-local`, `dhcp`, `none`.
    #[serde(rename = "ipam_options", deserialize_with = "or_empty")]
    pub addresses: BTreeMap<String, String>,
}

/// Podman writes null for what is empty in some versions.
fn or_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether the containers of a network and the network of the host see each other directly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment {
    /// The host stands in between, so that the same address may be in use behind another host.
    Own,
    /// The container is a station of the host's own network, where an address may be up only once.
    Shared,
}

/// How another network of the same name is another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Its driver.
    Driver {
        /// The one that is wanted.
        ours: String,
        /// The one that is there.
        theirs: String,
    },
    /// Its subnets.
    Subnets {
        /// Those that are wanted.
        ours: Vec<String>,
        /// Those that are there.
        theirs: Vec<String>,
    },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words =
            |subnets: &[String]| if subnets.is_empty() { "none".to_owned() } else { subnets.join(", ") };
        match self {
            Self::Driver { ours, theirs } => write!(f, "its driver is {theirs} and not {ours}"),
            Self::Subnets { ours, theirs } => {
                write!(f, "its subnet is {} and not {}", words(theirs), words(ours))
            }
        }
    }
}

impl Network {
    /// On which side of the host its containers are.
    pub fn segment(&self) -> Segment {
        let unmanaged = self.options.get("mode").is_some_and(|mode| mode == "unmanaged");
        match self.driver.as_str() {
            "macvlan" | "ipvlan" => Segment::Shared,
            _ if unmanaged => Segment::Shared,
            _ => Segment::Own,
        }
    }

    /// The interface that the host must have already.
    pub fn parent(&self) -> Option<&str> {
        (self.segment() == Segment::Shared && !self.interface.is_empty()).then_some(&*self.interface)
    }

    /// Whether the interface's name was chosen by a person, who may count on it.
    pub fn named_interface(&self) -> bool {
        let numbered = self.interface.strip_prefix("podman");
        !self.interface.is_empty()
            && !numbered.is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
    }

    /// What a container on it can tell from the other.
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        if self.driver != other.driver {
            return Some(Difference::Driver { ours: self.driver.clone(), theirs: other.driver.clone() });
        }
        let sorted = |network: &Self| {
            let mut subnets: Vec<String> =
                network.subnets.iter().map(|subnet| subnet.subnet.clone()).collect();
            subnets.sort();
            subnets
        };
        let (ours, theirs) = (sorted(self), sorted(other));
        (ours != theirs).then_some(Difference::Subnets { ours, theirs })
    }

    /// Whether the other was made from this one: everything but labels, time, and a name that the engine chose itself.
    pub fn is_alike(&self, other: &Self) -> bool {
        let essence = |network: &Self| {
            let mut network = network.clone();
            network.labels.clear();
            network.subnets.sort();
            network.routes.sort();
            if !network.named_interface() {
                network.interface.clear();
            }
            network
        };
        essence(self) == essence(other)
    }
}

/// Whether two prefixes, such as `10.88.0.0/16`, have an address in common.
pub fn overlap(one: &str, other: &str) -> bool {
    let parse = |text: &str| {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match address {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => u128::from(address),
        };
        Some((width, bits, length.parse::<u32>().ok().filter(|length| *length <= width)?))
    };
    match (parse(one), parse(other)) {
        (Some((width, bits, length)), Some((other_width, other_bits, other_length))) => {
            let length = length.min(other_length);
            // The default route is everywhere and does not count.
            width == other_width && length > 0 && (bits ^ other_bits) >> (128 - length) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_overlap_when_one_holds_the_other() {
        assert!(overlap("10.88.0.0/16", "10.88.3.0/24"));
        assert!(overlap("fd00:99::/64", "fd00:99::/48"));
        assert!(!overlap("10.88.0.0/16", "10.89.0.0/16"));
        assert!(!overlap("0.0.0.0/0", "10.89.0.0/16"));
        assert!(!overlap("10.88.0.0/16", "a58::/16"), "of another family");
        assert!(!overlap("10.88.0.0/99", "nonsense"));
    }

    #[test]
    fn networks_are_compared_by_what_a_container_sees() {
        let network = |driver: &str, subnet: &str, interface: &str| Network {
            name: "n".into(),
            driver: driver.into(),
            interface: interface.into(),
            subnets: vec![Subnet { subnet: subnet.into(), ..Subnet::default() }],
            ..Network::default()
        };
        let ours = network("bridge", "10.9.0.0/24", "podman1");
        assert!(ours.is_alike(&network("bridge", "10.9.0.0/24", "podman7")));
        assert!(!ours.is_alike(&network("bridge", "10.9.0.0/24", "br9")));
        assert_eq!(ours.difference(&network("bridge", "10.9.0.0/24", "br9")), None);
        let difference = |other: &Network| ours.difference(other).unwrap().to_string();
        let other = network("bridge", "10.8.0.0/24", "br9");
        assert_eq!(difference(&other), "its subnet is 10.8.0.0/24 and not 10.9.0.0/24");
        let other = network("macvlan", "10.9.0.0/24", "eth0");
        assert_eq!(difference(&other), "its driver is macvlan and not bridge");
        assert_eq!(network("macvlan", "10.9.0.0/24", "eth0").parent(), Some("eth0"));
        assert_eq!(ours.parent(), None);
    }
}
