//! Networks and named volumes of a machine.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::Duration;

use super::disk;
use super::pages::noise;
use crate::simulation::digest;
use crate::simulation::locked;
use crate::simulation::machine::Machine;
use crate::simulation::machine::errno::Errno;

/// Where Podman keeps volumes.
pub const VOLUMES: &str = "/var/lib/containers/storage/volumes";

/// A named volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// When it was made, since 1970.
    pub created: Duration,
    /// Where its engine keeps volumes.
    pub root: &'static str,
}

impl Volume {
    /// Where its files are.
    pub fn mountpoint(&self) -> String {
        format!("{}/{}/_data", self.root, self.name)
    }
}

/// The volumes of a machine.
#[derive(Debug)]
pub struct Volumes {
    root: &'static str,
    all: Mutex<BTreeMap<String, Volume>>,
}

impl Default for Volumes {
    fn default() -> Self {
        Self::under(VOLUMES)
    }
}

impl Volumes {
    /// None yet, in a directory of their engine.
    pub fn under(root: &'static str) -> Self {
        Self { root, all: Mutex::default() }
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<Volume> {
        locked(&self.all).values().cloned().collect()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<Volume> {
        locked(&self.all).get(name).cloned()
    }

    /// Makes one, with a file of so many bytes in it when that is more than none.
    pub fn create(&self, machine: &Machine, name: &str, size: u64) -> Result<Volume, Errno> {
        let volume = Volume { name: name.to_owned(), created: machine.calendar(), root: self.root };
        let place = volume.mountpoint();
        disk::directory(machine, &place, 0o755)?;
        if size > 0 {
            let seed = name.bytes().fold(5, |seed: u64, byte| seed.wrapping_mul(37) + u64::from(byte));
            let content = if size < 4096 {
                noise(seed, size as usize).into()
            } else {
                let mut content = super::pages::pages(seed, 0, size);
                content.resize(size);
                content
            };
            if let Err(error) = disk::put(machine, &format!("{place}/data"), content, 0o644) {
                disk::remove(machine, &format!("{}/{name}", self.root));
                return Err(error);
            }
        }
        locked(&self.all).insert(name.to_owned(), volume.clone());
        Ok(volume)
    }

    /// Takes one away with its files.
    pub fn remove(&self, machine: &Machine, name: &str) -> bool {
        let found = locked(&self.all).remove(name).is_some();
        if found {
            disk::remove(machine, &format!("{}/{name}", self.root));
        }
        found
    }
}

/// A network: a bridge with addresses of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// The hash of its name, as Podman makes it for its first one.
    pub id: String,
    /// The bridge.
    pub interface: String,
    /// The first address of its subnet.
    pub base: Ipv4Addr,
    /// The length of its subnet's prefix.
    pub prefix: u8,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The last address that was given out, counted from the base.
    last: u32,
}

impl Network {
    /// One that nobody is on.
    pub fn new(name: &str, interface: &str, base: Ipv4Addr, prefix: u8) -> Self {
        let labels = BTreeMap::new();
        Self {
            name: name.into(),
            id: digest(name),
            interface: interface.into(),
            base,
            prefix,
            labels,
            last: 1,
        }
    }

    /// The bridge's own address.
    pub fn gateway(&self) -> Ipv4Addr {
        self.address(1)
    }

    fn address(&self, index: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.base) + index)
    }

    /// Whether an address is one of its own.
    pub fn has(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX << (32 - u32::from(self.prefix.clamp(1, 32)));
        u32::from(address) & mask == u32::from(self.base)
    }
}

/// The networks of a machine.
#[derive(Debug)]
pub struct Networks(Mutex<Vec<Network>>);

impl Default for Networks {
    fn default() -> Self {
        Self(Mutex::new(vec![Network::new("podman", "podman0", Ipv4Addr::new(10, 88, 0, 0), 16)]))
    }
}

impl Networks {
    /// These.
    pub fn of(networks: Vec<Network>) -> Self {
        Self(Mutex::new(networks))
    }

    /// Adds one.
    pub fn add(&self, network: Network) {
        locked(&self.0).push(network);
    }

    /// All of them, in the order of their names.
    pub fn all(&self) -> Vec<Network> {
        let mut all = locked(&self.0).clone();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// One by its name, its id or the beginning of that.
    pub fn get(&self, wanted: &str) -> Option<Network> {
        let networks = locked(&self.0);
        let named = networks.iter().find(|network| network.name == wanted);
        let id = || networks.iter().find(|network| wanted.len() >= 3 && network.id.starts_with(wanted));
        named.or_else(id).cloned()
    }

    /// Makes one with this subnet, or else the next free one.
    pub fn create(&self, name: &str, subnet: Option<(Ipv4Addr, u8)>, labels: BTreeMap<String, String>) {
        let mut networks = locked(&self.0);
        let number = networks.len().min(254) as u8;
        let (base, prefix) = subnet.unwrap_or((Ipv4Addr::new(10, 89, number - 1, 0), 24));
        networks.push(Network { labels, ..Network::new(name, &format!("podman{number}"), base, prefix) });
    }

    /// Lets addresses of a network be given out from a place on, so that hosts whose containers move from one to
    /// another do not give out the same ones.
    pub fn begin_at(&self, name: &str, place: u32) {
        if let Some(network) = locked(&self.0).iter_mut().find(|network| network.name == name) {
            network.last = place;
        }
    }

    /// Takes one away.
    pub fn remove(&self, name: &str) {
        locked(&self.0).retain(|network| network.name != name);
    }

    /// The next address of a network that is not among those taken; addresses are given out in turn, so that
    /// one that was just given back is not given out again.
    pub fn next_address(&self, name: &str, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let mut networks = locked(&self.0);
        let network = networks.iter_mut().find(|network| network.name == name)?;
        let size = 1u32 << (32 - u32::from(network.prefix.clamp(8, 30)));
        for _ in 0..size {
            network.last = if network.last + 2 >= size { 2 } else { network.last + 1 };
            let address = network.address(network.last);
            if !taken.contains(&address) {
                return Some(address);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_given_out_in_turn() {
        let networks = Networks::default();
        assert_eq!(
            networks.get("podman").unwrap().id,
            "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9"
        );
        let first = networks.next_address("podman", &[]).unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 88, 0, 2));
        assert_eq!(
            networks.next_address("podman", &[Ipv4Addr::new(10, 88, 0, 3)]),
            Some(Ipv4Addr::new(10, 88, 0, 4))
        );
        assert!(networks.get("podman").unwrap().has(Ipv4Addr::new(10, 88, 250, 1)));
        assert!(!networks.get("podman").unwrap().has(Ipv4Addr::new(10, 89, 0, 1)));
        assert_eq!(networks.next_address("none", &[]), None);
    }
}
