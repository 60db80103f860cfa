//! What the daemon keeps beside its containers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use super::files::{OVERLAY, VOLUMES};
use crate::simulation::engine::belongings::{Network, Networks, Volumes};
use crate::simulation::engine::image::Images;
use crate::simulation::locked;

/// Docker's images, volumes and networks; they are not Podman's.
#[derive(Debug)]
pub struct Store {
    /// Its images.
    pub images: Images,
    /// Its volumes.
    pub volumes: Volumes,
    /// Its networks with a bridge.
    pub networks: Networks,
    /// Why a container's last start failed, by its id.
    errors: Mutex<BTreeMap<String, String>>,
}

impl Default for Store {
    fn default() -> Self {
        let bridge = Network::new("bridge", "docker0", Ipv4Addr::new(172, 17, 0, 0), 16);
        Self {
            images: Images::under(OVERLAY),
            volumes: Volumes::under(VOLUMES),
            networks: Networks::of(vec![bridge]),
            errors: Mutex::default(),
        }
    }
}

impl Store {
    /// Why a container's last start failed; empty when it did not.
    pub(super) fn error(&self, id: &str) -> String {
        locked(&self.errors).get(id).cloned().unwrap_or_default()
    }

    /// Keeps it, or forgets it.
    pub(super) fn set_error(&self, id: &str, error: Option<&str>) {
        let mut errors = locked(&self.errors);
        match error {
            Some(error) => errors.insert(id.to_owned(), error.to_owned()),
            None => errors.remove(id),
        };
    }

    /// Makes a network with the next free subnet.
    pub(super) fn create_network(&self, name: &str) -> Network {
        let number = self.networks.all().len().min(14) as u8;
        let id = crate::simulation::digest(name);
        let interface = format!("br-{}", id.get(..12).unwrap_or_default());
        let network = Network::new(name, &interface, Ipv4Addr::new(172, 17 + number, 0, 0), 16);
        self.networks.add(network.clone());
        network
    }
}
