//! The lab's network: one bridge, one cable per host, in a network nobody else on this machine uses.

use std::net::Ipv4Addr;
use std::process::Command;

use super::program::{find, ip, run};
use super::record::{HostRecord, Record};
use super::{LabError, LabName};

/// An IPv4 network in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: Ipv4Addr,
    length: u8,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        Some(Self { address: address.parse().ok()?, length: length.parse().ok().filter(|bits| *bits <= 32)? })
    }

    /// Whether both have an address in common. The default route is everywhere and does not count.
    fn overlaps(self, other: Self) -> bool {
        let length = self.length.min(other.length);
        if length == 0 {
            return false;
        }
        let differing = u32::from(self.address) ^ u32::from(other.address);
        differing >> (32 - u32::from(length)) == 0
    }
}

fn lab_network(number: u8) -> Network {
    Network { address: Ipv4Addr::new(10, 78, number, 0), length: 24 }
}

/// The networks that this machine has addresses or routes in.
fn in_use(text: &str) -> Vec<Network> {
    text.split_whitespace().filter_map(Network::parse).collect()
}

/// The first free network; the default lab's is 10.78.0.0/24 whenever that is free, others begin behind it.
fn choose(wanted: Option<u8>, name: &LabName, occupied: &[Network]) -> Option<u8> {
    let first = if *name == LabName::default() { 0 } else { 1 };
    wanted
        .into_iter()
        .chain(first..=255)
        .find(|number| !occupied.iter().any(|used| used.overlaps(lab_network(*number))))
}

/// Whether the bridge of a lab is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bridge {
    Absent,
    Ours,
    Foreign,
}

/// Hardware addresses that drover gives: locally administered, then "drv". The last two bytes are the
/// lab's network and the host's number. Being given at birth, they mark a device even when drover is
/// killed before it can give it an alias.
fn hardware_address(network: u8, number: u8) -> String {
    format!("02:64:72:76:{network:02x}:{number:02x}")
}

/// Looks at the lab's bridge.
pub(super) fn bridge_state(name: &LabName) -> Bridge {
    match ip("looking at the bridge", ["-oneline", "link", "show", "dev", &name.bridge()]) {
        Err(_) => Bridge::Absent,
        Ok(text) if text.contains(&format!("alias {}", name.mark())) => Bridge::Ours,
        Ok(text) if text.contains("link/ether 02:64:72:76:") => Bridge::Ours,
        Ok(_) => Bridge::Foreign,
    }
}

/// Makes the bridge if it is missing, in the wanted network if that is free, and answers the network's
/// number. The caller holds the lock that keeps two labs from choosing the same.
pub(super) fn bring_up(name: &LabName, wanted: Option<u8>) -> Result<u8, LabError> {
    let bridge = name.bridge();
    match bridge_state(name) {
        Bridge::Foreign => return Err(LabError::ForeignDevice(bridge)),
        Bridge::Ours => {
            let addresses =
                ip("looking at the bridge", ["-oneline", "-4", "address", "show", "dev", &bridge])?;
            let number = in_use(&addresses).iter().map(|network| network.address.octets()[2]).next();
            match number {
                Some(number) if wanted.is_none_or(|wanted| wanted == number) => return Ok(number),
                // Killed before it had its address, or not the one our hosts have.
                _ => remove(name)?,
            }
        }
        Bridge::Absent => {}
    }
    let addresses = ip("looking at the networks", ["-oneline", "-4", "address", "show"])?;
    let routes = ip("looking at the networks", ["-4", "route", "show", "table", "all"])?;
    let number =
        choose(wanted, name, &in_use(&format!("{addresses}\n{routes}"))).ok_or(LabError::NoNetwork)?;
    let step = "making the bridge";
    let hardware = hardware_address(number, 1);
    ip(step, ["link", "add", "name", &bridge, "address", &hardware, "type", "bridge"])?;
    ip(step, ["link", "set", "dev", &bridge, "alias", &name.mark()])?;
    ip(step, ["address", "add", &format!("10.78.{number}.1/24"), "dev", &bridge])?;
    ip(step, ["link", "set", "dev", &bridge, "up"])?;
    open_firewall(name);
    Ok(number)
}

/// The rule that lets the lab's hosts reach each other where the machine's firewall also judges what only
/// passes through a bridge (with Docker installed it does, and drops all that is not Docker's).
fn firewall_rule(name: &LabName) -> Vec<String> {
    let bridge = name.bridge();
    let words =
        ["FORWARD", "-i", &bridge, "-o", &bridge, "-m", "comment", "--comment", &name.mark(), "-j", "ACCEPT"];
    words.map(String::from).to_vec()
}

fn open_firewall(name: &LabName) {
    let judges = std::fs::read_to_string("/proc/sys/net/bridge/bridge-nf-call-iptables")
        .is_ok_and(|value| value.trim() == "1");
    if judges && !firewall(name, "-C") {
        firewall(name, "-I");
    }
}

/// Does something with the rule; the answer is whether it was done. Machines without iptables have none.
fn firewall(name: &LabName, action: &str) -> bool {
    run("asking the firewall", Command::new("iptables").args(["-w", action]).args(firewall_rule(name)))
        .is_ok()
}

/// Removes the bridge, if it is ours, and the firewall's rule for it.
pub(super) fn remove(name: &LabName) -> Result<(), LabError> {
    // Bounded, should somebody have added it more than once.
    for _ in 0..8 {
        if find("iptables").is_none() || !firewall(name, "-C") || !firewall(name, "-D") {
            break;
        }
    }
    if bridge_state(name) == Bridge::Ours {
        ip("removing the bridge", ["link", "delete", "dev", &name.bridge()])?;
    }
    Ok(())
}

fn cable(record: &Record, host: &HostRecord) -> String {
    format!("drv{}-{}", record.network, host.name)
}

/// Plugs a host's network namespace, named by a process in it, into the bridge.
pub(super) fn connect(name: &LabName, record: &Record, host: &HostRecord, pid: u32) -> Result<(), LabError> {
    let step = "connecting the host";
    let device = cable(record, host);
    let hardware = hardware_address(record.network, host.number);
    disconnect(record, host);
    ip(
        step,
        [
            "link",
            "add",
            "name",
            &device,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "address",
            &hardware,
            "netns",
            &pid.to_string(),
        ],
    )?;
    ip(step, ["link", "set", "dev", &device, "alias", &name.mark()])?;
    ip(step, ["link", "set", "dev", &device, "master", &name.bridge(), "up"])?;
    Ok(())
}

/// Plugs the cable of a running host in again, should the bridge be a new one.
pub(super) fn reconnect(name: &LabName, record: &Record, host: &HostRecord) -> Result<(), LabError> {
    let device = cable(record, host);
    ip("connecting the host", ["link", "set", "dev", &device, "master", &name.bridge(), "up"]).map(drop)
}

/// Unplugs a host. The cable goes with the namespace anyway, but a moment later than its processes.
pub(super) fn disconnect(record: &Record, host: &HostRecord) {
    // That there is none is the usual case.
    let _ = ip("disconnecting the host", ["link", "delete", "dev", &cable(record, host)]);
}

/// Devices on this machine that carry the lab's mark.
pub(super) fn marked(name: &LabName) -> Vec<String> {
    let text = ip("looking at the devices", ["-oneline", "link", "show"]).unwrap_or_default();
    marked_in(&text, &name.mark())
}

fn marked_in(links: &str, mark: &str) -> Vec<String> {
    links
        .lines()
        .filter(|line| line.trim_end_matches(['\\', ' ']).ends_with(&format!("alias {mark}")))
        .filter_map(|line| line.split(": ").nth(1))
        .map(|device| device.split('@').next().unwrap_or(device).to_string())
        .collect()
}

/// Removes a device that carries the lab's mark.
pub(super) fn remove_marked(device: &str) -> Result<(), LabError> {
    ip("removing a device of the lab", ["link", "delete", "dev", device]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_network_is_chosen() {
        let name = LabName::default();
        let other: LabName = "test".parse().unwrap();
        let text = "2: eth0 inet 192.0.2.2/24 brd 192.0.2.255\ndefault via 192.0.2.1\n0.0.0.0/0 dev eth0";
        let occupied = in_use(text);
        assert_eq!(choose(None, &name, &occupied), Some(0));
        assert_eq!(choose(None, &other, &occupied), Some(1));
        assert_eq!(choose(Some(9), &other, &occupied), Some(9));
        let occupied = in_use("10.78.0.1/24 10.78.1.128/25 10.78.9.7/32");
        assert_eq!(choose(None, &name, &occupied), Some(2));
        assert_eq!(choose(Some(9), &other, &occupied), Some(2));
        assert_eq!(choose(None, &name, &in_use("10.0.0.0/8")), None);
    }

    #[test]
    fn only_devices_with_the_whole_mark_are_ours() {
        let links = "5: drv0-h1@if2: <UP> mtu 1500 \\    link/ether aa brd ff link-netnsid 2\\    alias drover lab lab\n\
            6: drv-lab: <UP> mtu 1500\\    link/ether aa brd ff\\    alias drover lab lab\n\
            7: drv-lab2: <UP>\\    link/ether aa\\    alias drover lab lab2\n8: eth0: <UP>\\    link/ether aa\n";
        assert_eq!(marked_in(links, "drover lab lab"), ["drv0-h1", "drv-lab"]);
    }
}
