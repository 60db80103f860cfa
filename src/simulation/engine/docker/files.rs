//! Where Docker keeps what belongs to a container.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use super::values;
use crate::simulation::engine::container::Container;
use crate::simulation::engine::{disk, time};
use crate::simulation::machine::Machine;
use crate::simulation::machine::errno::Errno;

/// Where layers are.
pub const OVERLAY: &str = "/var/lib/docker/overlay2";

/// Where volumes are.
pub(super) const VOLUMES: &str = "/var/lib/docker/volumes";

/// The control group of a container, as a path from the root of each hierarchy.
pub fn control_group(id: &str) -> String {
    format!("/docker/{id}")
}

/// Where the daemon keeps the files of a container.
pub fn static_directory(id: &str) -> String {
    format!("/var/lib/docker/containers/{id}")
}

/// Where containerd keeps what is lost with a reboot.
pub fn run_directory(id: &str) -> String {
    format!("/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby/{id}")
}

/// The same as the daemon's messages call it.
pub(super) fn task_directory(id: &str) -> String {
    format!("/var{}", run_directory(id))
}

/// The process that waits for a container's first one.
pub fn shim(id: &str) -> Vec<String> {
    let words = ["/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", id, "-address"];
    words.into_iter().chain(["/var/run/docker/containerd/containerd.sock"]).map(str::to_owned).collect()
}

/// A line of a log of the driver json-file.
pub fn log_line(at: Duration, line: &str) -> String {
    json!({ "log": format!("{line}\n"), "stream": "stdout", "time": time::stamp(at) }).to_string() + "\n"
}

/// The Ethernet address that goes with an address on a bridge.
pub fn mac(ip: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = ip.octets();
    [0x02, 0x42, a, b, c, d]
}

/// The files of a new container.
pub fn make_files(machine: &Machine, container: &Container) -> Result<(), Errno> {
    let own = static_directory(&container.id);
    let config = json!({
        "ID": container.id,
        "Created": time::stamp(container.created),
        "Managed": false,
        "Path": container.command.first(),
        "Args": container.command.get(1..),
        "Config": values::config(container),
        "Image": format!("sha256:{}", container.image),
        "Name": format!("/{}", container.name()),
        "Driver": "overlay2",
        "OS": "linux",
    });
    for (name, content, mode) in [
        ("config.v2.json", config.to_string(), 0o600),
        ("hostconfig.json", values::host_config(container).to_string(), 0o600),
        ("hostname", format!("{}\n", container.short_id()), 0o644),
        ("hosts", "127.0.0.1\tlocalhost\n".to_owned(), 0o644),
        ("resolv.conf", "nameserver 10.255.255.53\n".to_owned(), 0o644),
    ] {
        disk::put(machine, &format!("{own}/{name}"), content, mode)?;
    }
    Ok(())
}
