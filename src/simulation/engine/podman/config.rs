//! What an archive says of the container itself: `config.dump`, `spec.dump` and `network.status`, with the fields
//! of Podman's ContainerConfig, of the OCI and of netavark.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{inspect, networks};
use crate::simulation::engine::container::{Address, Container, static_directory};
use crate::simulation::engine::texts;
use crate::simulation::engine::time::stamp;
use crate::simulation::load::Level;
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::scenario::{ContainerPlan, Engine, Runtime, Status, VolumePlan, Workload};

/// `config.dump`
pub(super) fn dump(container: &Container) -> Value {
    let own = container.static_directory();
    let run = container.run_directory();
    let volumes: Vec<Value> = container
        .plan
        .volumes
        .iter()
        .map(|volume| {
            json!({ "volumeName": volume.name, "dest": volume.path, "options": ["rw", "rprivate", "nosuid", "nodev", "rbind"] })
        })
        .collect();
    let ports: Vec<Value> = super::ps::published(container)
        .iter()
        .map(|port| json!({ "host_ip": "", "container_port": port, "host_port": port, "range": 1, "protocol": "tcp" }))
        .collect();
    let networks: BTreeMap<&str, Value> =
        container.network.iter().map(|name| (name.as_str(), json!({ "interface_name": "eth0" }))).collect();
    json!({
        "spec": spec(container),
        "id": container.id,
        "name": container.name(),
        "lockID": container.lock,
        "CreateCommand": container.create_command,
        "RawImageName": container.image_name,
        "Dependencies": null,
        "rootfsImageID": container.image,
        "rootfsImageName": container.image_name,
        "ShmDir": format!("{own}/shm"),
        "shmSize": 65_536_000,
        "shmSizeSystemd": 0,
        "staticDir": own,
        "mounts": [format!("{own}/shm")],
        "namedVolumes": volumes,
        "createWorkingDir": true,
        "secretsPath": format!("{own}/secrets"),
        "storageOpts": null,
        "passwd": true,
        "privileged": false,
        "labelopts": ["disable"],
        "label_nested": false,
        "createNetNS": container.network.is_some(),
        "UseImageResolvConf": false,
        "useImageHostname": false,
        "UseImageHosts": false,
        "newNetworks": networks,
        "newPortMappings": ports,
        "networkMode": if container.network.is_some() { "bridge" } else { "host" },
        "userVolumes": container.plan.volumes.iter().map(|volume| volume.path.as_str()).collect::<Vec<_>>(),
        "command": container.command,
        "stopSignal": 15,
        "stopTimeout": 10,
        "labels": container.plan.labels,
        "createdTime": stamp(container.created),
        "cgroupManager": "cgroupfs",
        "cgroupsMode": "enabled",
        "cgroupParent": "/libpod_parent",
        "kubeExitCodePropagation": 0,
        "logPath": container.log(),
        "logTag": "",
        "logSize": 0,
        "logDriver": "k8s-file",
        "conmonPidFile": format!("{run}/conmon.pid"),
        "postConfigureNetNS": false,
        "runtime": container.runtime.word(),
        "pause": false,
        "isService": false,
        "sdnotifyMode": "container",
        "healthcheck": null,
        "healthcheck_on_failure_action": 0,
        "healthLogDestination": "local",
        "healthMaxLogCount": 5,
        "healthMaxLogSize": 500,
        "umask": "0022",
        "pid_file": format!("{run}/pidfile"),
        "mountAllDevices": false,
        "readWriteTmpfs": false,
    })
}

/// `spec.dump`, also the bundle's `config.json`.
pub(super) fn spec(container: &Container) -> Value {
    let own = container.static_directory();
    let run = container.run_directory();
    let bind = |destination: &str, source: String| json!({ "destination": destination, "type": "bind", "source": source, "options": ["bind", "rprivate"] });
    let mut mounts = vec![
        json!({ "destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"] }),
        json!({ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] }),
        json!({ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] }),
    ];
    for volume in &container.plan.volumes {
        let source = format!("{}/{}/_data", crate::simulation::engine::belongings::VOLUMES, volume.name);
        mounts.push(json!({ "destination": volume.path, "type": "bind", "source": source, "options": ["rw", "rprivate", "nosuid", "nodev", "rbind"] }));
    }
    mounts.push(bind("/etc/resolv.conf", format!("{run}/resolv.conf")));
    mounts.push(bind("/etc/hosts", format!("{run}/hosts")));
    mounts.push(bind("/dev/shm", format!("{own}/shm")));
    mounts.push(bind("/etc/hostname", format!("{run}/hostname")));
    json!({
        "ociVersion": "1.2.0",
        "process": {
            "user": { "uid": 0, "gid": 0, "umask": 18 },
            "args": container.command,
            "env": inspect::environment(container),
            "cwd": container.directory,
        },
        "root": { "path": container.merged() },
        "hostname": container.short_id(),
        "mounts": mounts,
        "annotations": {
            "io.container.manager": "libpod",
            "org.opencontainers.image.stopSignal": "15",
            "org.systemd.property.KillSignal": "15",
            "org.systemd.property.TimeoutStopUSec": "uint64 10000000",
        },
        "linux": {
            "resources": { "pids": { "limit": 2048 } },
            "cgroupsPath": container.control_group(),
            "namespaces": [{ "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }],
            "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys"],
            "readonlyPaths": ["/proc/asound", "/proc/bus"],
        },
    })
}

/// `network.status`
pub(super) fn network_status(machine: &Machine, container: &Container) -> Value {
    let network = container.network.as_deref().and_then(|name| machine.containers.networks.get(name));
    match (network, container.record().address) {
        (Some(network), Some(address)) => {
            json!({ network.name.clone(): { "interfaces": networks::interfaces(&network, address) } })
        }
        _ => json!({}),
    }
}

/// A container as an archive describes it.
pub(super) struct Arrived {
    pub id: String,
    pub name: String,
    pub image: String,
    pub image_name: String,
    pub command: Vec<String>,
    pub create_command: Vec<String>,
    pub network: Option<String>,
    pub runtime: Runtime,
    /// Only what the engine knows of it; the images know the rest.
    pub plan: ContainerPlan,
}

fn json_of(content: &Content) -> Option<Value> {
    serde_json::from_slice(&content.whole()).ok()
}

/// Reads `config.dump`.
pub(super) fn read(machine: &Machine, content: &Content) -> Option<Arrived> {
    let config = json_of(content)?;
    let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
    let volumes = config.get("namedVolumes").and_then(Value::as_array).into_iter().flatten();
    let ports = config.get("newPortMappings").and_then(Value::as_array).into_iter().flatten();
    let labels = config.get("labels").and_then(Value::as_object).into_iter().flatten();
    let networks = config.get("newNetworks").and_then(Value::as_object);
    let name = text("name")?;
    let image_name = text("rootfsImageName")?;
    let plan = ContainerPlan {
        name: name.clone(),
        host: machine.plan.name.clone(),
        engine: Engine::Podman,
        workload: Workload::Idle,
        image: image_name.clone(),
        memory: 0,
        dirty_rate: 0,
        cpu: Level::ZERO,
        sockets: 0,
        ports: ports.filter_map(|port| u16::try_from(port.get("host_port")?.as_u64()?).ok()).collect(),
        volumes: volumes
            .filter_map(|volume| {
                let text = |key: &str| volume.get(key).and_then(Value::as_str).map(str::to_owned);
                Some(VolumePlan { name: text("volumeName")?, size: 0, path: text("dest")? })
            })
            .collect(),
        files: Vec::new(),
        peculiar: Default::default(),
        status: Status::Running,
        labels: labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
    };
    Some(Arrived {
        id: text("id")?,
        name,
        image: text("rootfsImageID")?,
        image_name,
        command: texts(config.get("command")),
        create_command: texts(config.get("CreateCommand")),
        network: networks.and_then(|networks| networks.keys().next().cloned()),
        runtime: if text("runtime")? == "runc" { Runtime::Runc } else { Runtime::Crun },
        plan,
    })
}

/// Reads `network.status`.
pub(super) fn address(content: &Content) -> Option<Address> {
    let status = json_of(content)?;
    let interface = status.as_object()?.values().next()?.pointer("/interfaces/eth0")?;
    let net = interface.pointer("/subnets/0/ipnet")?.as_str()?;
    let mut mac = [0; 6];
    for (byte, text) in mac.iter_mut().zip(interface.get("mac_address")?.as_str()?.split(':')) {
        *byte = u8::from_str_radix(text, 16).ok()?;
    }
    Some(Address { ip: net.split('/').next()?.parse().ok()?, mac })
}

/// Where the images of a container are.
pub(super) fn checkpoint_directory(id: &str) -> String {
    format!("{}/checkpoint", static_directory(id))
}
