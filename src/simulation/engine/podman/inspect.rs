//! `podman inspect`.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::arguments::parse;
use super::{Done, Failed, images, output, ps, template};
use crate::simulation::engine::container::{Container, Ending, State};
use crate::simulation::engine::disk;
use crate::simulation::engine::time::{NEVER, stamp, stamp_or_never};
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Engine, Peculiarity};

const KNOWN: &str = "format/f= type/t= size/s latest/l";

/// `podman inspect`: of containers, then of images, then of networks and volumes.
pub(super) async fn any(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("inspect", KNOWN, words)?;
    let machine = process.machine.clone();
    let kind = arguments.value("type").unwrap_or("all");
    say(process, &arguments, |wanted| {
        let container =
            || machine.containers.find_of(Engine::Podman, wanted).ok().map(|one| value(&machine, &one));
        let image = || machine.containers.images.find(wanted).map(|one| images::value(&one));
        match kind {
            "container" => container().ok_or_else(|| format!("no such container {wanted}")),
            "image" => image().ok_or_else(|| format!("{wanted}: image not known")),
            _ => container().or_else(image).ok_or_else(|| format!("no such object: \"{wanted}\"")),
        }
    })
    .await
}

/// `podman container inspect`
pub(super) async fn container(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("container inspect", KNOWN, words)?;
    let machine = process.machine.clone();
    say(process, &arguments, |wanted| {
        let found = machine.containers.find_of(Engine::Podman, wanted).map(|one| value(&machine, &one));
        found.map_err(|_| format!("no such container {wanted}"))
    })
    .await
}

/// Prints what was found of all that was asked, then what was not.
pub(super) async fn say(
    process: &mut Process,
    arguments: &super::Arguments<'_>,
    look: impl Fn(&str) -> Result<Value, String>,
) -> Done {
    if arguments.words.is_empty() {
        return Err(Failed::new("provide at least one name or ID"));
    }
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for wanted in &arguments.words {
        match look(wanted) {
            Ok(value) => found.push(value),
            Err(error) => errors.push(error),
        }
    }
    let text = match arguments.value("format") {
        None | Some("json") if found.is_empty() => "[]\n".into(),
        None | Some("json") => output::indented(&Value::Array(found), 5),
        Some(wanted) => {
            let mut text = String::new();
            for value in &found {
                text.push_str(&template::fill("inspect", wanted, value)?);
                text.push('\n');
            }
            text
        }
    };
    process.out(text).await?;
    if errors.is_empty() { Ok(()) } else { Err(Failed::new(errors.join("\nError: "))) }
}

const CAPABILITIES: [&str; 11] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// A container's inspection.
pub(super) fn value(machine: &Machine, container: &Container) -> Value {
    let record = container.record();
    let run = container.run_directory();
    let own = container.static_directory();
    let created = stamp(container.created);
    let size = Value::Array(vec![json!(0), json!(0)]);
    let live = record.state.live();
    let mut graph = Map::new();
    let lowers: Vec<String> = container
        .layers
        .iter()
        .rev()
        .map(|layer| format!("{}/{layer}/diff", crate::simulation::engine::image::OVERLAY))
        .collect();
    graph.insert("LowerDir".into(), json!(lowers.join(":")));
    if live.is_some() {
        graph.insert("MergedDir".into(), json!(container.merged()));
    }
    graph.insert("UpperDir".into(), json!(container.upper()));
    graph.insert("WorkDir".into(), json!(format!("{}/work", container.place())));
    let annotations = json!({
        "io.container.manager": "libpod",
        "org.opencontainers.image.stopSignal": "15",
        "org.systemd.property.KillSignal": "15",
        "org.systemd.property.TimeoutStopUSec": "uint64 10000000",
    });
    let host = container.network.is_none();
    json!({
        "Id": container.id,
        "Created": created,
        "Path": container.command.first(),
        "Args": container.command.iter().skip(usize::from(container.command.len() > 1)).collect::<Vec<_>>(),
        "State": state(machine, container),
        "Image": container.image,
        "ImageDigest": image_digest(machine, container),
        "ImageName": container.image_name,
        "Rootfs": "",
        "Pod": if container.is(Peculiarity::Pod) { container.plan.labels.get("pod").cloned().unwrap_or_else(|| crate::simulation::digest("pod")) } else { String::new() },
        "ResolvConfPath": format!("{run}/resolv.conf"),
        "HostnamePath": format!("{run}/hostname"),
        "HostsPath": format!("{run}/hosts"),
        "StaticDir": own,
        "OCIConfigPath": format!("{own}/config.json"),
        "OCIRuntime": container.runtime.word(),
        "ConmonPidFile": format!("{run}/conmon.pid"),
        "PidFile": format!("{run}/pidfile"),
        "Name": record.name,
        "RestartCount": 0,
        "Driver": "overlay",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "EffectiveCaps": CAPABILITIES,
        "BoundingCaps": CAPABILITIES,
        "ExecIDs": [],
        "GraphDriver": { "Name": "overlay", "Data": graph },
        "Mounts": mounts(container),
        "Dependencies": [],
        "NetworkSettings": network_settings(machine, container),
        "Namespace": "",
        "IsInfra": false,
        "IsService": false,
        "KubeExitCodePropagation": "invalid",
        "lockNumber": container.lock,
        "Config": {
            "Hostname": container.short_id(),
            "Domainname": "",
            "User": "",
            "AttachStdin": false,
            "AttachStdout": false,
            "AttachStderr": false,
            "Tty": container.is(Peculiarity::Terminal),
            "OpenStdin": false,
            "StdinOnce": false,
            "Env": environment(container),
            "Cmd": container.command,
            "Image": container.image_name,
            "Volumes": null,
            "WorkingDir": container.directory,
            "Entrypoint": null,
            "OnBuild": null,
            "Labels": labels(container),
            "Annotations": annotations,
            "StopSignal": "SIGTERM",
            "HealthcheckOnFailureAction": "none",
            "HealthLogDestination": "local",
            "HealthcheckMaxLogCount": 5,
            "HealthcheckMaxLogSize": 500,
            "CreateCommand": container.create_command,
            "Umask": "0022",
            "Timeout": 0,
            "StopTimeout": 10,
            "Passwd": true,
            "sdNotifyMode": "container",
        },
        "HostConfig": {
            "Binds": container.plan.volumes.iter().map(|volume| format!("{}:{}:rw,rprivate,nosuid,nodev,rbind", volume.name, volume.path)).collect::<Vec<_>>(),
            "CgroupManager": "cgroupfs",
            "CgroupMode": "host",
            "ContainerIDFile": "",
            "LogConfig": { "Type": "k8s-file", "Config": null, "Path": container.log(), "Tag": "", "Size": "0B" },
            "NetworkMode": if host { "host" } else { "bridge" },
            "PortBindings": bindings(container),
            "RestartPolicy": { "Name": if container.is(Peculiarity::RestartAlways) { "always" } else { "no" }, "MaximumRetryCount": 0 },
            "AutoRemove": container.is(Peculiarity::AutoRemove),
            "AutoRemoveImage": false,
            "Annotations": annotations,
            "VolumeDriver": "",
            "VolumesFrom": null,
            "CapAdd": [],
            "CapDrop": [],
            "Dns": [],
            "DnsOptions": [],
            "DnsSearch": [],
            "ExtraHosts": [],
            "HostsFile": "",
            "GroupAdd": [],
            "IpcMode": if container.is(Peculiarity::HostIpc) { "host" } else { "shareable" },
            "Cgroup": "",
            "Cgroups": "default",
            "Links": null,
            "OomScoreAdj": 0,
            "PidMode": if container.is(Peculiarity::HostProcesses) { "host" } else { "private" },
            "Privileged": container.is(Peculiarity::Privileged),
            "PublishAllPorts": false,
            "ReadonlyRootfs": false,
            "SecurityOpt": [],
            "Tmpfs": {},
            "UTSMode": if host { "host" } else { "private" },
            "UsernsMode": "",
            "ShmSize": 65_536_000,
            "Runtime": "oci",
            "ConsoleSize": size,
            "Isolation": "",
            "CpuShares": 0,
            "Memory": 0,
            "NanoCpus": 0,
            "CgroupParent": "",
            "BlkioWeight": 0,
            "BlkioWeightDevice": null,
            "BlkioDeviceReadBps": null,
            "BlkioDeviceWriteBps": null,
            "BlkioDeviceReadIOps": null,
            "BlkioDeviceWriteIOps": null,
            "CpuPeriod": 0,
            "CpuQuota": 0,
            "CpuRealtimePeriod": 0,
            "CpuRealtimeRuntime": 0,
            "CpusetCpus": "",
            "CpusetMems": "",
            "Devices": [],
            "DiskQuota": 0,
            "KernelMemory": 0,
            "MemoryReservation": 0,
            "MemorySwap": 0,
            "MemorySwappiness": 0,
            "OomKillDisable": false,
            "PidsLimit": 2048,
            "Ulimits": [
                { "Name": "RLIMIT_NOFILE", "Soft": 20_000, "Hard": 20_000 },
                { "Name": "RLIMIT_NPROC", "Soft": 96_365, "Hard": 96_365 },
            ],
            "CpuCount": 0,
            "CpuPercent": 0,
            "IOMaximumIOps": 0,
            "IOMaximumBandwidth": 0,
            "CgroupConf": null,
        },
        "UseImageHosts": false,
        "UseImageHostname": false,
    })
}

fn image_digest(machine: &Machine, container: &Container) -> String {
    machine.containers.images.find(&container.image).map(|image| image.digest).unwrap_or_default()
}

/// Its environment with what the engine adds.
pub(in crate::simulation::engine) fn environment(container: &Container) -> Vec<String> {
    let added =
        ["container=podman".to_owned(), "HOME=/".into(), format!("HOSTNAME={}", container.short_id())];
    container.environment.iter().cloned().chain(added).collect()
}

/// Its labels with that of a unit of systemd.
pub(super) fn labels(container: &Container) -> Value {
    let mut labels = container.plan.labels.clone();
    if container.is(Peculiarity::SystemdUnit) {
        labels.insert("PODMAN_SYSTEMD_UNIT".into(), format!("container-{}.service", container.plan.name));
    }
    if labels.is_empty() { Value::Null } else { json!(labels) }
}

fn state(machine: &Machine, container: &Container) -> Value {
    let record = container.record();
    let own = container.static_directory();
    let kept = record.images == crate::simulation::engine::container::Images::Kept;
    let named = record.state.live().or(record.dumped.filter(|_| kept));
    let mut state = json!({
        "OciVersion": "1.2.0",
        "Status": record.state.word(),
        "Running": matches!(record.state, State::Running(_)),
        "Paused": matches!(record.state, State::Paused(_)),
        "Restarting": false,
        "OOMKilled": false,
        "Dead": false,
        "Pid": named.map_or(0, |live| live.pid),
    });
    let Some(fields) = state.as_object_mut() else { return state };
    let mut add = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    if let Some(live) = named {
        add("ConmonPid", json!(live.conmon));
    }
    add("ExitCode", json!(record.exit_code));
    add("Error", json!(""));
    add("StartedAt", json!(stamp_or_never(record.started)));
    add("FinishedAt", json!(stamp_or_never(record.finished)));
    if record.state.live().is_some() {
        add("CgroupPath", json!(container.control_group()));
    }
    if kept {
        add("Checkpointed", json!(true));
    }
    add("CheckpointedAt", json!(stamp_or_never(record.checkpointed.filter(|_: &Duration| kept))));
    add("RestoredAt", json!(record.restored.map_or_else(|| NEVER.to_owned(), stamp)));
    for (key, name) in
        [("CheckpointLog", "dump.log"), ("CheckpointPath", "checkpoint"), ("RestoreLog", "restore.log")]
    {
        if disk::node(machine, &format!("{own}/{name}")).is_some() {
            add(key, json!(format!("{own}/{name}")));
        }
    }
    if record.restored.is_some() {
        add("Restored", json!(true));
    }
    if record.ending == Ending::Ordered && record.state == State::Exited {
        add("StoppedByUser", json!(true));
    }
    state
}

/// Its volumes.
pub(super) fn mounts(container: &Container) -> Vec<Value> {
    let mount = |volume: &crate::simulation::scenario::VolumePlan| {
        json!({
            "Type": "volume",
            "Name": volume.name,
            "Source": format!("{}/{}/_data", crate::simulation::engine::belongings::VOLUMES, volume.name),
            "Destination": volume.path,
            "Driver": "local",
            "Mode": "",
            "Options": ["nosuid", "nodev", "rbind"],
            "RW": true,
            "Propagation": "rprivate",
        })
    };
    container.plan.volumes.iter().map(mount).collect()
}

/// Its ports, each with that of the host.
pub(super) fn bindings(container: &Container) -> Value {
    let binding =
        |port: &u16| (format!("{port}/tcp"), json!([{ "HostIp": "0.0.0.0", "HostPort": port.to_string() }]));
    Value::Object(ps::published(container).iter().map(binding).collect())
}

pub(super) fn network_settings(machine: &Machine, container: &Container) -> Value {
    let record = container.record();
    let network = container.network.as_deref().and_then(|name| machine.containers.networks.get(name));
    let address = record.address.filter(|_| record.state.live().is_some());
    let text = |text: Option<String>| text.unwrap_or_default();
    let ip = text(address.map(|address| address.ip.to_string()));
    let mac = text(address.map(|address| address.mac_text()));
    let gateway =
        text(network.as_ref().filter(|_| address.is_some()).map(|network| network.gateway().to_string()));
    let prefix = network.as_ref().filter(|_| address.is_some()).map_or(0, |network| network.prefix);
    let mut settings = json!({
        "EndpointID": "",
        "Gateway": gateway,
        "IPAddress": ip,
        "IPPrefixLen": prefix,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": mac,
        "Bridge": "",
        "SandboxID": "",
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": bindings(container),
        "SandboxKey": container.pid().map(|_| format!("/run/netns/netns-{}", container.short_id())).unwrap_or_default(),
    });
    if let (Some(fields), Some(network)) = (settings.as_object_mut(), network) {
        let one = json!({
            "EndpointID": "",
            "Gateway": gateway,
            "IPAddress": ip,
            "IPPrefixLen": prefix,
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": mac,
            "NetworkID": network.id,
            "DriverOpts": null,
            "IPAMConfig": null,
            "Links": null,
            "Aliases": [container.short_id()],
        });
        fields.insert("Networks".into(), json!({ network.name: one }));
    }
    settings
}
