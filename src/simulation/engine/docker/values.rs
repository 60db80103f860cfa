//! Containers in the JSON of Docker's API 1.45: fields in the daemon's order.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::files::{VOLUMES, static_directory};
use crate::simulation::digest;
use crate::simulation::engine::container::{Container, Freezer, State};
use crate::simulation::engine::time::{NEVER, human, stamp, stamp_or_never};
use crate::simulation::machine::Machine;
use crate::simulation::scenario::{Engine, Peculiarity};

/// Docker's containers.
pub(super) fn containers(machine: &Machine) -> Vec<std::sync::Arc<Container>> {
    machine.containers.of(Engine::Docker)
}

/// Whether its processes stand still, by a pause or by a checkpoint under way: containerd knows no difference.
pub(super) fn is_paused(container: &Container) -> bool {
    let record = container.record();
    matches!(record.state, State::Paused(_))
        || (record.state.live().is_some() && record.freezer == Freezer::Frozen)
}

/// The word for what it does.
pub(super) fn word(container: &Container) -> &'static str {
    if is_paused(container) { "paused" } else { container.state().word() }
}

/// “Up 3 minutes” and its like.
pub(super) fn status(machine: &Machine, container: &Container) -> String {
    let record = container.record();
    let ago = |since: Option<Duration>| human(machine.calendar().saturating_sub(since.unwrap_or_default()));
    match record.state {
        State::Created => "Created".into(),
        State::Exited => format!("Exited ({}) {} ago", exit_code(machine, container), ago(record.finished)),
        State::Running(_) | State::Paused(_) if is_paused(container) => {
            format!("Up {} (Paused)", ago(record.started))
        }
        State::Running(_) | State::Paused(_) => format!("Up {}", ago(record.started)),
    }
}

/// A start that failed leaves 128.
fn exit_code(machine: &Machine, container: &Container) -> u8 {
    let failed = !machine.containers.docker.error(&container.id).is_empty();
    if failed { 128 } else { container.record().exit_code }
}

/// Published ports are those of the plan, each on the same number of the host.
pub(super) fn published(container: &Container) -> &[u16] {
    if container.network.is_some() { &container.plan.ports } else { &[] }
}

/// One of `GET /containers/json`.
pub(super) fn listed(machine: &Machine, container: &Container) -> Value {
    let ports: Vec<Value> = published(container)
        .iter()
        .filter(|_| container.state().live().is_some())
        .flat_map(|port| {
            ["0.0.0.0", "::"]
                .map(|ip| json!({ "IP": ip, "PrivatePort": port, "PublicPort": port, "Type": "tcp" }))
        })
        .collect();
    json!({
        "Id": container.id,
        "Names": [format!("/{}", container.name())],
        "Image": container.image_name,
        "ImageID": format!("sha256:{}", container.image),
        "Command": container.command.join(" "),
        "Created": container.created.as_secs(),
        "Ports": ports,
        "Labels": container.plan.labels,
        "State": word(container),
        "Status": status(machine, container),
        "HostConfig": { "NetworkMode": mode(container) },
        "NetworkSettings": { "Networks": endpoints(machine, container) },
        "Mounts": mounts(container),
    })
}

fn mode(container: &Container) -> &str {
    container.network.as_deref().unwrap_or("host")
}

/// Its networks with its addresses on them.
fn endpoints(machine: &Machine, container: &Container) -> Value {
    let name = mode(container);
    let network = machine.containers.docker.networks.get(name);
    let address = container.record().address.filter(|_| container.state().live().is_some());
    let (id, gateway, prefix) = match (&network, address) {
        (Some(network), Some(_)) => (network.id.clone(), network.gateway().to_string(), network.prefix),
        _ => (String::new(), String::new(), 0),
    };
    json!({ name: {
        "IPAMConfig": null,
        "Links": null,
        "Aliases": null,
        "MacAddress": address.map(|address| address.mac_text()).unwrap_or_default(),
        "NetworkID": id,
        "EndpointID": address.map(|_| endpoint(container)).unwrap_or_default(),
        "Gateway": gateway,
        "IPAddress": address.map(|address| address.ip.to_string()).unwrap_or_default(),
        "IPPrefixLen": prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DriverOpts": null,
        "DNSNames": null,
    } })
}

/// The id of its end of a network in this life.
pub(super) fn endpoint(container: &Container) -> String {
    digest(format!("endpoint of {} {}", container.id, container.record().life))
}

fn mounts(container: &Container) -> Vec<Value> {
    let mount = |volume: &crate::simulation::scenario::VolumePlan| {
        json!({
            "Type": "volume",
            "Name": volume.name,
            "Source": format!("{VOLUMES}/{}/_data", volume.name),
            "Destination": volume.path,
            "Driver": "local",
            "Mode": "z",
            "RW": true,
            "Propagation": "",
        })
    };
    container.plan.volumes.iter().map(mount).collect()
}

fn bindings(container: &Container, ips: &[&str]) -> Value {
    let binding = |port: &u16| {
        let ends: Vec<Value> =
            ips.iter().map(|ip| json!({ "HostIp": ip, "HostPort": port.to_string() })).collect();
        (format!("{port}/tcp"), json!(ends))
    };
    Value::Object(published(container).iter().map(binding).collect())
}

/// `Config` of an inspection.
pub(super) fn config(container: &Container) -> Value {
    let exposed: Map<String, Value> =
        published(container).iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
    let mut value = json!({
        "Hostname": container.short_id(),
        "Domainname": "",
        "User": "",
        "AttachStdin": false,
        "AttachStdout": false,
        "AttachStderr": false,
        "ExposedPorts": exposed,
        "Tty": container.is(Peculiarity::Terminal),
        "OpenStdin": false,
        "StdinOnce": false,
        "Env": container.environment,
        "Cmd": container.command,
        "Image": container.image_name,
        "Volumes": null,
        "WorkingDir": if container.directory == "/" { "" } else { &container.directory },
        "Entrypoint": null,
        "OnBuild": null,
        "Labels": container.plan.labels,
    });
    if exposed.is_empty()
        && let Some(fields) = value.as_object_mut()
    {
        fields.shift_remove("ExposedPorts");
    }
    value
}

/// `HostConfig` of an inspection.
pub(super) fn host_config(container: &Container) -> Value {
    let binds: Vec<String> =
        container.plan.volumes.iter().map(|volume| format!("{}:{}", volume.name, volume.path)).collect();
    let mut value = json!({
        "Binds": if binds.is_empty() { Value::Null } else { json!(binds) },
        "ContainerIDFile": "",
        "LogConfig": { "Type": "json-file", "Config": {} },
        "NetworkMode": mode(container),
        "PortBindings": bindings(container, &[""]),
        "RestartPolicy": { "Name": if container.is(Peculiarity::RestartAlways) { "always" } else { "no" }, "MaximumRetryCount": 0 },
        "AutoRemove": container.is(Peculiarity::AutoRemove),
        "VolumeDriver": "",
        "VolumesFrom": null,
        "ConsoleSize": [0, 0],
        "CapAdd": null,
        "CapDrop": null,
        "CgroupnsMode": "host",
        "Dns": [],
        "DnsOptions": [],
        "DnsSearch": [],
        "ExtraHosts": null,
        "GroupAdd": null,
        "IpcMode": if container.is(Peculiarity::HostIpc) { "host" } else { "private" },
        "Cgroup": "",
        "Links": null,
        "OomScoreAdj": 0,
        "PidMode": if container.is(Peculiarity::HostProcesses) { "host" } else { "" },
        "Privileged": container.is(Peculiarity::Privileged),
        "PublishAllPorts": false,
        "ReadonlyRootfs": false,
        "SecurityOpt": null,
        "UTSMode": "",
        "UsernsMode": "",
        "ShmSize": 67_108_864,
        "Runtime": "runc",
        "Isolation": "",
        "CpuShares": 0,
        "Memory": 0,
        "NanoCpus": 0,
        "CgroupParent": "",
        "BlkioWeight": 0,
        "BlkioWeightDevice": [],
        "BlkioDeviceReadBps": [],
        "BlkioDeviceWriteBps": [],
        "BlkioDeviceReadIOps": [],
        "BlkioDeviceWriteIOps": [],
    });
    let rest = json!({
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpuRealtimePeriod": 0,
        "CpuRealtimeRuntime": 0,
        "CpusetCpus": "",
        "CpusetMems": "",
        "Devices": [],
        "DeviceCgroupRules": null,
        "DeviceRequests": null,
        "MemoryReservation": 0,
        "MemorySwap": 0,
        "MemorySwappiness": null,
        "OomKillDisable": false,
        "PidsLimit": null,
        "Ulimits": [],
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
        "MaskedPaths": ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"],
        "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    });
    if let (Some(fields), Value::Object(rest)) = (value.as_object_mut(), rest) {
        fields.extend(rest);
    }
    value
}

/// `GET /containers/ID/json`
pub(super) fn inspected(machine: &Machine, container: &Container) -> Value {
    let record = container.record();
    let own = static_directory(&container.id);
    let begun = record.started.is_some() || !machine.containers.docker.error(&container.id).is_empty();
    let path = |name: &str| if begun { format!("{own}/{name}") } else { String::new() };
    let place = container.place();
    let lowers: Vec<String> = std::iter::once(format!("{place}-init/diff"))
        .chain(container.layers.iter().rev().map(|layer| format!("{}/{layer}/diff", container.overlay())))
        .collect();
    let live = record.state.live();
    json!({
        "Id": container.id,
        "Created": stamp(container.created),
        "Path": container.command.first(),
        "Args": container.command.get(1..),
        "State": {
            "Status": word(container),
            "Running": live.is_some(),
            "Paused": is_paused(container),
            "Restarting": false,
            "OOMKilled": false,
            "Dead": false,
            "Pid": live.map_or(0, |live| live.pid),
            "ExitCode": exit_code(machine, container),
            "Error": machine.containers.docker.error(&container.id),
            "StartedAt": stamp_or_never(record.started),
            // Of an earlier life it is forgotten at the next start.
            "FinishedAt": record.finished.filter(|_| live.is_none()).map_or_else(|| NEVER.to_owned(), stamp),
        },
        "Image": format!("sha256:{}", container.image),
        "ResolvConfPath": path("resolv.conf"),
        "HostnamePath": path("hostname"),
        "HostsPath": path("hosts"),
        "LogPath": path(&format!("{}-json.log", container.id)),
        "Name": format!("/{}", record.name),
        "RestartCount": 0,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": host_config(container),
        "GraphDriver": {
            "Data": {
                "LowerDir": lowers.join(":"),
                "MergedDir": container.merged(),
                "UpperDir": container.upper(),
                "WorkDir": format!("{place}/work"),
            },
            "Name": "overlay2",
        },
        "Mounts": mounts(container),
        "Config": config(container),
        "NetworkSettings": network_settings(machine, container),
    })
}

fn network_settings(machine: &Machine, container: &Container) -> Value {
    let live = container.state().live().is_some();
    let networks = endpoints(machine, container);
    let own = networks.get(mode(container)).cloned().unwrap_or_default();
    let of = |key: &str| own.get(key).cloned().unwrap_or_default();
    let sandbox = if live {
        digest(format!("sandbox of {} {}", container.id, container.record().life))
    } else {
        String::new()
    };
    json!({
        "Bridge": "",
        "SandboxID": sandbox,
        "SandboxKey": sandbox.get(..12).map(|id| format!("/var/run/docker/netns/{id}")).unwrap_or_default(),
        "Ports": if live { bindings(container, &["0.0.0.0", "::"]) } else { json!({}) },
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": of("EndpointID"),
        "Gateway": of("Gateway"),
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": of("IPAddress"),
        "IPPrefixLen": of("IPPrefixLen"),
        "IPv6Gateway": "",
        "MacAddress": of("MacAddress"),
        "Networks": networks,
    })
}

/// `GET /containers/ID/stats?stream=false`, without what is read before it.
pub(super) fn stats(machine: &Machine, container: &Container) -> Value {
    let now = machine.clock.now();
    let usage = |at: Duration| {
        let time = container.processor_time(at).as_nanos() as u64;
        json!({
            "cpu_usage": { "total_usage": time, "usage_in_kernelmode": time / 2, "usage_in_usermode": time - time / 2 },
            "system_cpu_usage": at.as_nanos() as u64 * u64::from(machine.plan.cores),
            "online_cpus": machine.plan.cores,
            "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
        })
    };
    let memory = container.memory();
    let calendar = machine.calendar();
    json!({
        "read": stamp(calendar),
        "preread": stamp(calendar.saturating_sub(Duration::from_secs(1))),
        "pids_stats": { "current": u8::from(container.state().live().is_some()) },
        "blkio_stats": { "io_service_bytes_recursive": [], "io_serviced_recursive": null, "io_queue_recursive": null, "io_service_time_recursive": null, "io_wait_time_recursive": null, "io_merged_recursive": null, "io_time_recursive": null, "sectors_recursive": null },
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": usage(now),
        "precpu_stats": usage(now.saturating_sub(Duration::from_secs(1))),
        "memory_stats": { "usage": memory, "stats": { "anon": memory, "file": 0, "inactive_file": 0 }, "limit": machine.plan.memory },
        "name": format!("/{}", container.name()),
        "id": container.id,
        "networks": { "eth0": { "rx_bytes": 0, "rx_packets": 0, "rx_errors": 0, "rx_dropped": 0, "tx_bytes": 0, "tx_packets": 0, "tx_errors": 0, "tx_dropped": 0 } },
    })
}
