//! `GET /version` and `GET /info`: what the daemon is, and where.

use serde_json::{Value, json};

use super::values::{containers, is_paused};
use super::version;
use crate::simulation::digest;
use crate::simulation::engine::time::stamp;
use crate::simulation::machine::Machine;
use crate::simulation::scenario::{Architecture, CgroupVersion};

/// The version of the API.
pub(super) const API_VERSION: &str = "1.45";
/// The oldest that it still speaks.
pub(super) const OLDEST_API_VERSION: &str = "1.24";

/// Go's word for the architecture.
pub(super) fn architecture(machine: &Machine) -> &'static str {
    match machine.plan.architecture {
        Architecture::X86_64 => "amd64",
        Architecture::Aarch64 => "arm64",
    }
}

/// `GET /version`
pub(super) fn versions(machine: &Machine) -> Value {
    const BUILT: &str = "2026-08-13T05:35:47.000000000+00:00";
    let (version, architecture, kernel) = (version(machine), architecture(machine), &machine.plan.kernel);
    let runc = runc_version(machine);
    json!({
        "Platform": { "Name": "" },
        "Components": [
            { "Name": "Engine", "Version": version, "Details": {
                "ApiVersion": API_VERSION, "Arch": architecture, "BuildTime": BUILT, "Experimental": "true",
                "GitCommit": "411e817", "GoVersion": "go1.24.4", "KernelVersion": kernel,
                "MinAPIVersion": OLDEST_API_VERSION, "Os": "linux",
            } },
            { "Name": "containerd", "Version": "1.7.24~ds1", "Details": { "GitCommit": "1.7.24~ds1-6+deb13u1" } },
            { "Name": "runc", "Version": runc, "Details": { "GitCommit": format!("{runc}-2+b4") } },
            { "Name": "docker-init", "Version": "0.19.0", "Details": { "GitCommit": "" } },
        ],
        "Version": version,
        "ApiVersion": API_VERSION,
        "MinAPIVersion": OLDEST_API_VERSION,
        "GitCommit": "411e817",
        "GoVersion": "go1.24.4",
        "Os": "linux",
        "Arch": architecture,
        "KernelVersion": kernel,
        "Experimental": true,
        "BuildTime": BUILT,
    })
}

/// The daemon brings a runC of its own where none is installed.
pub(super) fn runc_version(machine: &Machine) -> String {
    machine.plan.runc.as_ref().map_or_else(|| "1.1.15+ds1".to_owned(), ToString::to_string)
}

/// `GET /info`
pub(super) fn info(machine: &Machine) -> Value {
    let plan = &machine.plan;
    let all = containers(machine);
    let paused = all.iter().filter(|one| is_paused(one)).count();
    let running = all.iter().filter(|one| one.state().live().is_some()).count() - paused;
    let numbers: String = plan.distribution.chars().filter(char::is_ascii_digit).collect();
    let runc = json!({ "path": "runc" });
    let mut value = json!({
        "ID": engine_id(machine),
        "Containers": all.len(),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": all.len() - running - paused,
        "Images": machine.containers.docker.images.all().len(),
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"], ["Using metacopy", "false"], ["Native Overlay Diff", "true"], ["userxattr", "false"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
            "Authorization": null,
            "Log": ["awslogs", "fluentd", "gcplogs", "gelf", "journald", "json-file", "local", "splunk", "syslog"],
        },
        "MemoryLimit": true,
        "SwapLimit": true,
        "CpuCfsPeriod": true,
        "CpuCfsQuota": true,
        "CPUShares": true,
        "CPUSet": true,
        "PidsLimit": true,
        "IPv4Forwarding": true,
        "BridgeNfIptables": true,
        "BridgeNfIp6tables": true,
        "Debug": false,
        "NFd": 30,
        "OomKillDisable": plan.cgroup == CgroupVersion::One,
        "NGoroutines": 53,
        "SystemTime": stamp(machine.calendar()),
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs",
        "CgroupVersion": if plan.cgroup == CgroupVersion::One { "1" } else { "2" },
        "NEventsListener": 0,
        "KernelVersion": plan.kernel,
        "OperatingSystem": plan.distribution,
        "OSVersion": numbers,
        "OSType": "linux",
        "Architecture": plan.architecture.word(),
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {
            "AllowNondistributableArtifactsCIDRs": null,
            "AllowNondistributableArtifactsHostnames": null,
            "InsecureRegistryCIDRs": ["127.0.0.0/8"],
            "IndexConfigs": { "docker.io": { "Name": "docker.io", "Mirrors": [], "Secure": true, "Official": true } },
            "Mirrors": null,
        },
        "NCPU": plan.cores,
        "MemTotal": plan.memory,
        "GenericResources": null,
        "DockerRootDir": "/var/lib/docker",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": plan.name.to_string(),
        "Labels": [],
        "ExperimentalBuild": true,
        "ServerVersion": version(machine),
    });
    let rest = json!({
        "Runtimes": { "io.containerd.runc.v2": runc, "runc": runc },
        "DefaultRuntime": "runc",
        "Swarm": { "NodeID": "", "NodeAddr": "", "LocalNodeState": "inactive", "ControlAvailable": false, "Error": "", "RemoteManagers": null },
        "LiveRestoreEnabled": false,
        "Isolation": "",
        "InitBinary": "docker-init",
        "ContainerdCommit": { "ID": "1.7.24~ds1-6+deb13u1", "Expected": "1.7.24~ds1-6+deb13u1" },
        "RuncCommit": { "ID": format!("{}-2+b4", runc_version(machine)), "Expected": format!("{}-2+b4", runc_version(machine)) },
        "InitCommit": { "ID": "", "Expected": "" },
        "SecurityOptions": ["name=seccomp,profile=builtin"],
        "CDISpecDirs": [],
        "Warnings": null,
    });
    if let (Some(fields), Value::Object(rest)) = (value.as_object_mut(), rest) {
        fields.extend(rest);
    }
    value
}

fn engine_id(machine: &Machine) -> String {
    let hash = digest(format!("docker of {}", machine.plan.name));
    format!("{}-{}-4{}-9{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
}
