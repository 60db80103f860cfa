//! Images, volumes and networks in the JSON of Docker's API.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::values::endpoint;
use crate::simulation::digest;
use crate::simulation::engine::belongings::{Network, Volume};
use crate::simulation::engine::image::Image;
use crate::simulation::engine::time::{NEVER, stamp};
use crate::simulation::machine::Machine;
use crate::simulation::scenario::Engine;

/// When an image was made, seconds since 1970.
pub(super) fn made(image: &Image) -> i64 {
    image.created().parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second)
}

/// One of `GET /images/json`.
pub(super) fn listed_image(image: &Image) -> Value {
    json!({
        "Containers": -1,
        "Created": made(image),
        "Id": format!("sha256:{}", image.id),
        "Labels": image.config.pointer("/config/Labels"),
        "ParentId": "",
        "RepoDigests": [],
        "RepoTags": image.names,
        "SharedSize": -1,
        "Size": image.size,
    })
}

/// `GET /images/NAME/json`
pub(super) fn inspected_image(image: &Image) -> Value {
    let own = image.config.get("config").cloned().unwrap_or_default();
    let of = |key: &str| own.get(key).cloned().unwrap_or_default();
    let text = |key: &str| image.config.get(key).cloned().unwrap_or_else(|| json!(""));
    let top = format!("{}/{}", super::OVERLAY, image.layers.last().cloned().unwrap_or_default());
    let mut config = json!({
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "AttachStdin": false,
        "AttachStdout": false,
        "AttachStderr": false,
        "ExposedPorts": of("ExposedPorts"),
        "Tty": false,
        "OpenStdin": false,
        "StdinOnce": false,
        "Env": of("Env"),
        "Cmd": of("Cmd"),
        "Image": "",
        "Volumes": null,
        "WorkingDir": own.get("WorkingDir").cloned().unwrap_or_else(|| json!("")),
        "Entrypoint": null,
        "OnBuild": null,
        "Labels": of("Labels"),
    });
    if own.get("ExposedPorts").is_none()
        && let Some(fields) = config.as_object_mut()
    {
        fields.shift_remove("ExposedPorts");
    }
    json!({
        "Id": format!("sha256:{}", image.id),
        "RepoTags": image.names,
        "RepoDigests": [],
        "Parent": "",
        "Comment": "imported from tarball",
        "Created": image.created(),
        "DockerVersion": "",
        "Author": "",
        "Config": config,
        "Architecture": text("architecture"),
        "Os": text("os"),
        "Size": image.size,
        "GraphDriver": {
            "Data": { "MergedDir": format!("{top}/merged"), "UpperDir": format!("{top}/diff"), "WorkDir": format!("{top}/work") },
            "Name": "overlay2",
        },
        "RootFS": { "Type": "layers", "Layers": image.layers.iter().map(|layer| format!("sha256:{layer}")).collect::<Vec<_>>() },
        "Metadata": { "LastTagTime": NEVER },
    })
}

/// `GET /volumes/NAME`
pub(super) fn volume(volume: &Volume) -> Value {
    json!({
        "CreatedAt": stamp(Duration::from_secs(volume.created.as_secs())),
        "Driver": "local",
        "Labels": null,
        "Mountpoint": volume.mountpoint(),
        "Name": volume.name,
        "Options": null,
        "Scope": "local",
    })
}

/// All of `GET /networks`, each as `GET /networks/NAME` gives it.
pub(super) fn networks(machine: &Machine) -> Vec<Value> {
    let boot = stamp(machine.calendar().saturating_sub(machine.uptime()));
    let plain = |name: &str, driver: &str| {
        let id = digest(format!("{name} network of {}", machine.plan.name));
        shape(name, &id, &boot, driver, &Value::Null, &json!({}), &json!({}))
    };
    let bridges = machine.containers.docker.networks.all();
    let mut all: Vec<Value> = bridges.iter().map(|network| bridge(machine, network, &boot)).collect();
    all.push(plain("host", "host"));
    all.push(plain("none", "null"));
    all
}

fn bridge(machine: &Machine, network: &Network, boot: &str) -> Value {
    let holders = machine.containers.holders_of(Engine::Docker, &network.name);
    let containers: Map<String, Value> = holders
        .into_iter()
        .filter(|(_, container)| container.state().live().is_some())
        .map(|(address, container)| {
            let one = json!({
                "Name": container.name(),
                "EndpointID": endpoint(&container),
                "MacAddress": address.mac_text(),
                "IPv4Address": format!("{}/{}", address.ip, network.prefix),
                "IPv6Address": "",
            });
            (container.id.clone(), one)
        })
        .collect();
    let options = if network.name == "bridge" {
        json!({
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
            "com.docker.network.bridge.name": network.interface,
            "com.docker.network.driver.mtu": "1500",
        })
    } else {
        json!({})
    };
    let subnet = json!([{ "Subnet": format!("{}/{}", network.base, network.prefix), "Gateway": network.gateway().to_string() }]);
    shape(&network.name, &network.id, boot, "bridge", &subnet, &Value::Object(containers), &options)
}

fn shape(
    name: &str,
    id: &str,
    created: &str,
    driver: &str,
    subnets: &Value,
    containers: &Value,
    options: &Value,
) -> Value {
    json!({
        "Name": name,
        "Id": id,
        "Created": created,
        "Scope": "local",
        "Driver": driver,
        "EnableIPv6": false,
        "IPAM": { "Driver": "default", "Options": null, "Config": subnets },
        "Internal": false,
        "Attachable": false,
        "Ingress": false,
        "ConfigFrom": { "Network": "" },
        "ConfigOnly": false,
        "Containers": containers,
        "Options": options,
        "Labels": {},
    })
}

/// A network by its name, its id or the beginning of that.
pub(super) fn network(machine: &Machine, wanted: &str) -> Option<Value> {
    let all = networks(machine);
    let text =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = all.iter().find(|one| text(one, "Name") == wanted);
    named
        .or_else(|| all.iter().find(|one| !wanted.is_empty() && text(one, "Id").starts_with(wanted)))
        .cloned()
}
