//! What Podman's API says to Docker's clients. Its shapes differ from libpod's in names, digits and nesting.

use serde_json::{Value, json};

use super::{info, inspect, ps};
use crate::simulation::engine::container::Container;
use crate::simulation::engine::events::Event;
use crate::simulation::engine::time::{NEVER, stamp_or_never};
use crate::simulation::engine::versions;
use crate::simulation::machine::Machine;

/// The version of Docker's API that Podman speaks.
pub(super) const API_VERSION: &str = "1.41";

/// `GET /version`
pub(super) fn version(machine: &Machine) -> Value {
    let version = info::version(machine);
    let architecture = info::architecture(machine);
    json!({
        "Platform": { "Name": format!("linux/{architecture}/debian-13") },
        "Components": [
            {
                "Name": "Podman Engine",
                "Version": version,
                "Details": {
                    "APIVersion": version,
                    "Arch": architecture,
                    "BuildTime": "2025-12-21T16:42:01Z",
                    "Experimental": "false",
                    "GitCommit": "",
                    "GoVersion": "go1.24.4",
                    "KernelVersion": machine.plan.kernel,
                    "MinAPIVersion": "4.0.0",
                    "Os": "linux",
                },
            },
            { "Name": "Conmon", "Version": "conmon version 2.1.12, commit: unknown", "Details": { "Package": "conmon_2.1.12-4_amd64" } },
            { "Name": "OCI Runtime (crun)", "Version": versions::CRUN, "Details": { "Package": "crun_1.21-1_amd64" } },
        ],
        "Version": version,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": "1.24",
        "GitCommit": "",
        "GoVersion": "go1.24.4",
        "Os": "linux",
        "Arch": architecture,
        "KernelVersion": machine.plan.kernel,
        "BuildTime": "2025-12-21T16:42:01Z",
    })
}

/// One of `GET /containers/json`.
pub(super) fn listed(machine: &Machine, container: &Container) -> Value {
    let ports: Vec<Value> = ps::published(container)
        .iter()
        .map(|port| json!({ "PrivatePort": port, "PublicPort": port, "Type": "tcp" }))
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
        "State": container.state().word(),
        "Status": ps::status(machine, container),
        "NetworkSettings": { "Networks": networks(machine, container) },
        "Mounts": inspect::mounts(container),
        "Name": "",
        "Config": null,
        "NetworkingConfig": null,
        "Platform": null,
        "DefaultReadOnlyNonRecursive": false,
    })
}

fn networks(machine: &Machine, container: &Container) -> Value {
    let mut settings = network_settings(machine, container);
    settings.get_mut("Networks").map(Value::take).unwrap_or_else(|| json!({}))
}

fn network_settings(machine: &Machine, container: &Container) -> Value {
    let mut settings = inspect::network_settings(machine, container);
    if let Some(fields) = settings.as_object_mut() {
        fields.insert("SecondaryIPAddresses".into(), Value::Null);
        fields.insert("SecondaryIPv6Addresses".into(), Value::Null);
    }
    let networks = settings.get_mut("Networks").and_then(Value::as_object_mut);
    for network in networks.into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(fields) = network.as_object_mut() {
            fields.insert("DNSNames".into(), Value::Null);
        }
    }
    settings
}

/// `GET /containers/ID/json`
pub(super) fn inspected(machine: &Machine, container: &Container) -> Value {
    let record = container.record();
    let mut value = inspect::value(machine, container);
    let live = record.state.live();
    let Some(fields) = value.as_object_mut() else { return value };
    for key in [
        "ImageDigest",
        "ImageName",
        "Rootfs",
        "Pod",
        "StaticDir",
        "OCIConfigPath",
        "OCIRuntime",
        "ConmonPidFile",
        "PidFile",
        "EffectiveCaps",
        "BoundingCaps",
        "Dependencies",
        "Namespace",
        "IsInfra",
        "IsService",
        "KubeExitCodePropagation",
        "lockNumber",
        "UseImageHosts",
        "UseImageHostname",
    ] {
        fields.shift_remove(key);
    }
    fields.insert("Name".into(), json!(format!("/{}", record.name)));
    fields.insert("Image".into(), json!(format!("sha256:{}", container.image)));
    fields.insert("LogPath".into(), json!(container.log()));
    fields.insert("Platform".into(), json!("linux"));
    fields.insert("SizeRootFs".into(), json!(0));
    fields.insert(
        "State".into(),
        json!({
            "Status": record.state.word(),
            "Running": live.is_some(),
            "Paused": record.state.word() == "paused",
            "Restarting": false,
            "OOMKilled": false,
            "Dead": false,
            "Pid": live.map_or(0, |live| live.pid),
            "ExitCode": record.exit_code,
            "Error": "",
            "StartedAt": stamp_or_never(record.started),
            "FinishedAt": record.finished.map_or_else(|| NEVER.to_owned(), crate::simulation::engine::time::stamp),
        }),
    );
    fields.insert("NetworkSettings".into(), network_settings(machine, container));
    if let Some(host) = fields.get_mut("HostConfig").and_then(Value::as_object_mut) {
        for key in [
            "AutoRemoveImage",
            "CgroupConf",
            "CgroupManager",
            "CgroupMode",
            "Cgroups",
            "DiskQuota",
            "HostsFile",
            "KernelMemory",
        ] {
            host.shift_remove(key);
        }
        host.insert("LogConfig".into(), json!({ "Type": "json-file", "Config": null }));
        host.insert("CgroupnsMode".into(), json!(""));
        for key in ["DeviceCgroupRules", "DeviceRequests", "MaskedPaths", "ReadonlyPaths"] {
            host.insert(key.into(), Value::Null);
        }
    }
    if let Some(config) = fields.get_mut("Config").and_then(Value::as_object_mut) {
        config.insert("Entrypoint".into(), json!([]));
        config.insert("StopSignal".into(), json!("15"));
        for key in [
            "Annotations",
            "HealthcheckOnFailureAction",
            "HealthLogDestination",
            "HealthcheckMaxLogCount",
            "HealthcheckMaxLogSize",
            "CreateCommand",
            "Umask",
            "Timeout",
            "Passwd",
            "sdNotifyMode",
        ] {
            config.shift_remove(key);
        }
    }
    value
}

/// One event as a line of `GET /events`.
pub(super) fn event(event: &Event) -> Value {
    // Docker's word for the end of a container.
    let action = if event.status == "died" { "die" } else { event.status };
    let mut attributes = serde_json::Map::new();
    if let Some(code) = event.exit_code {
        attributes.insert("containerExitCode".into(), json!(code.to_string()));
        attributes.insert("exitCode".into(), json!(code.to_string()));
    }
    for (key, value) in &event.labels {
        attributes.insert(key.clone(), json!(value));
    }
    attributes.insert("image".into(), json!(event.image));
    attributes.insert("name".into(), json!(event.name));
    attributes.insert("podId".into(), json!(""));
    json!({
        "status": action,
        "id": event.id,
        "from": event.image,
        "Type": "container",
        "Action": action,
        "Actor": { "ID": event.id, "Attributes": attributes },
        "scope": "local",
        "time": event.at.as_secs(),
        "timeNano": event.at.as_nanos() as u64,
    })
}
