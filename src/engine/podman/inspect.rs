//! Podman's JSON answers, read into our own types. Fields that may be absent in other versions are optional;
//! the ones without which no decision can be made are not.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::particulars::particulars;
use crate::engine::{EngineFacts, Inspected, Mount, PublishedPort};
use crate::fleet::{ContainerId, ContainerStatus};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    name: String,
    state: State,
    image: String,
    #[serde(default)]
    image_name: String,
    #[serde(rename = "OCIRuntime", default)]
    oci_runtime: String,
    #[serde(default)]
    pod: String,
    graph_driver: GraphDriver,
    #[serde(default)]
    mounts: Option<Vec<MountEntry>>,
    #[serde(default)]
    network_settings: NetworkSettings,
    config: Config,
    host_config: HostConfig,
    #[serde(default)]
    static_dir: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(default)]
    pid: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GraphDriver {
    name: String,
    #[serde(default)]
    data: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MountEntry {
    r#type: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    destination: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    networks: Option<BTreeMap<String, Network>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    #[serde(rename = "IPAddress", default)]
    ip_address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    tty: bool,
    #[serde(default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(default)]
    secrets: Option<Vec<Secret>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    auto_remove: bool,
    #[serde(default)]
    network_mode: String,
    #[serde(default)]
    log_config: Option<LogConfig>,
    #[serde(default)]
    port_bindings: Option<BTreeMap<String, Option<Vec<PortBinding>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LogConfig {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PortBinding {
    #[serde(default)]
    host_ip: String,
    #[serde(default)]
    host_port: String,
}

/// The state words of Podman's container list and inspect.
pub(crate) fn status(word: &str) -> ContainerStatus {
    match word {
        "running" => ContainerStatus::Running,
        "paused" => ContainerStatus::Paused,
        "created" | "configured" | "initialized" => ContainerStatus::Created,
        "exited" | "stopped" => ContainerStatus::Exited,
        _ => ContainerStatus::Other,
    }
}

/// Reads one container's inspect.
pub fn inspected(value: Value) -> Result<Inspected, serde_json::Error> {
    let particulars = particulars(&value);
    let container: Container = serde_json::from_value(value)?;
    let mut data = container.graph_driver.data.unwrap_or_default();
    let mut directory = |key: &str| data.remove(key).unwrap_or_default();
    let ports = container.host_config.port_bindings.unwrap_or_default();
    Ok(Inspected {
        id: ContainerId(container.id),
        name: container.name,
        status: status(&container.state.status),
        pid: container.state.pid,
        image_id: container.image,
        image_name: container.image_name,
        runtime: container.oci_runtime,
        pod: Some(container.pod).filter(|pod| !pod.is_empty()),
        auto_remove: container.host_config.auto_remove,
        terminal: container.config.tty,
        // Set by Podman in the units that it generates, Quadlet included.
        systemd_unit: container
            .config
            .labels
            .and_then(|mut labels| labels.remove("PODMAN_SYSTEMD_UNIT"))
            .filter(|unit| !unit.is_empty()),
        log_driver: container.host_config.log_config.map(|log| log.r#type).unwrap_or_default(),
        mounts: container.mounts.unwrap_or_default().into_iter().map(mount).collect(),
        secrets: container.config.secrets.unwrap_or_default().into_iter().map(|secret| secret.name).collect(),
        networks: container
            .network_settings
            .networks
            .unwrap_or_default()
            .into_iter()
            .map(|(name, network)| (name, Some(network.ip_address).filter(|address| !address.is_empty())))
            .collect(),
        network_mode: container.host_config.network_mode,
        ports: ports
            .into_iter()
            .flat_map(|(container_port, bindings)| {
                bindings.unwrap_or_default().into_iter().filter_map(move |binding| {
                    let host_port = binding.host_port.parse().ok()?;
                    let container_port = container_port.clone();
                    Some(PublishedPort { host_address: binding.host_ip, host_port, container_port })
                })
            })
            .collect(),
        upper: directory("UpperDir"),
        merged: directory("MergedDir"),
        storage_driver: container.graph_driver.name,
        static_directory: container.static_dir,
        particulars,
    })
}

fn mount(entry: MountEntry) -> Mount {
    match entry.r#type.as_str() {
        "bind" => Mount::Bind { source: entry.source, destination: entry.destination },
        "volume" => Mount::Volume { name: entry.name, source: entry.source, destination: entry.destination },
        _ => Mount::Other { kind: entry.r#type, destination: entry.destination },
    }
}

/// Reads `podman info`.
pub fn facts(info: &Value) -> Option<EngineFacts> {
    let text = |pointer: &str| info.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    Some(EngineFacts {
        version: text("/version/Version")?,
        runtime: text("/host/ociRuntime/name")?,
        rootful: !info.pointer("/host/security/rootless")?.as_bool()?,
        storage_root: text("/store/graphRoot")?,
        storage_driver: text("/store/graphDriverName")?,
    })
}

/// Addresses in use on a network, without prefix lengths. Podman before 5.0 does not tell; the list is empty then.
pub fn addresses(network: &Value) -> Vec<String> {
    let containers = network.get("containers").and_then(Value::as_object);
    containers
        .into_iter()
        .flat_map(|containers| containers.values())
        .filter_map(|container| container.get("interfaces").and_then(Value::as_object))
        .flat_map(|interfaces| interfaces.values())
        .filter_map(|interface| interface.get("subnets").and_then(Value::as_array))
        .flatten()
        .filter_map(|subnet| subnet.get("ipnet").and_then(Value::as_str))
        .map(|address| address.split('/').next().unwrap_or(address).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Podman 5.4.2 on a lab host, shortened.
    const INSPECT: &str = r#"{"Id":"931d92fd52ba","Name":"counter","State":{"Status":"running","Pid":2106,
        "CgroupPath":"/libpod_parent/libpod-931d92fd52ba"},"Image":"485efaf6705e","ImageName":"localhost/counter:latest",
        "OCIRuntime":"crun","Pod":"","StaticDir":"/s","GraphDriver":{"Name":"overlay","Data":{"LowerDir":"/a:/b",
        "MergedDir":"/m","UpperDir":"/u"}},"Mounts":[{"Type":"volume","Name":"data","Source":"/v","Destination":"/data"}],
        "NetworkSettings":{"Networks":{"podman":{"IPAddress":"10.88.0.2"}}},"Config":{"Tty":false},
        "HostConfig":{"AutoRemove":false,"NetworkMode":"bridge","LogConfig":{"Type":"k8s-file"},
        "PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"8080"}]}}}"#;

    #[test]
    fn an_inspect_is_read() {
        let read = inspected(serde_json::from_str(INSPECT).unwrap()).unwrap();
        assert_eq!(read.status, ContainerStatus::Running);
        assert_eq!(read.networks, [("podman".into(), Some("10.88.0.2".into()))]);
        assert_eq!(
            read.ports,
            [PublishedPort { host_address: String::new(), host_port: 8080, container_port: "80/tcp".into() }]
        );
        assert_eq!(
            read.mounts,
            [Mount::Volume { name: "data".into(), source: "/v".into(), destination: "/data".into() }]
        );
        assert_eq!((read.upper.as_str(), read.merged.as_str()), ("/u", "/m"));
        assert_eq!(read.pod, None);
    }

    #[test]
    fn a_network_says_which_addresses_it_uses() {
        let network = serde_json::json!({"name": "podman", "containers": {"931d": {"name": "counter",
            "interfaces": {"eth0": {"subnets": [{"ipnet": "10.88.0.2/16"}]}}}}});
        assert_eq!(addresses(&network), ["10.88.0.2"]);
        assert_eq!(addresses(&serde_json::json!({"name": "podman"})), Vec::<String>::new());
    }
}
