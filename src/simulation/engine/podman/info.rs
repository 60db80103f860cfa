//! `podman info` and `podman version`.

use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::parse;
use super::{Done, output, template};
use crate::simulation::engine::container::State;
use crate::simulation::engine::{PODMAN_SOCKET, disk, versions};
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Architecture, CgroupVersion, Engine, Runtime};

/// How long `podman info` looks around beyond its start.
const LOOK: Duration = Duration::from_millis(50);

/// Podman's version on a host.
pub(super) fn version(machine: &Machine) -> String {
    machine.plan.podman.as_ref().map(ToString::to_string).unwrap_or_default()
}

/// Go's word for the architecture.
pub(super) fn architecture(machine: &Machine) -> &'static str {
    match machine.plan.architecture {
        Architecture::X86_64 => "amd64",
        Architecture::Aarch64 => "arm64",
    }
}

/// `podman info`
pub(super) async fn info(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("info", "format/f= debug/D", words)?;
    let machine = process.machine.clone();
    machine.spend(LOOK).await;
    let value = value(&machine);
    let text = match arguments.value("format") {
        Some("json") => output::indented(&value, 2),
        Some(wanted) => template::fill("info", wanted, &value)? + "\n",
        None => yaml(&value),
    };
    process.out(text).await?;
    Ok(())
}

/// `podman version`
pub(super) async fn say_version(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("version", "format/f=", words)?;
    let machine = process.machine.clone();
    let own = version_value(&machine);
    let text = match arguments.value("format") {
        Some("json") => json!({ "Client": own }).to_string() + "\n",
        Some(wanted) => {
            // Older templates name the fields without the client before them.
            let value = json!({ "Client": own, "Server": own, "Version": version(&machine) });
            template::fill("version", wanted, &value)? + "\n"
        }
        None => format!(
            "Client:        Podman Engine\nVersion:       {0}\nAPI Version:   {0}\nGo Version:    go1.24.4\n\
             Built:         Sun Dec 21 16:42:01 2025\nBuild Origin:  Debian\nOS/Arch:       linux/{1}\n",
            version(&machine),
            architecture(&machine)
        ),
    };
    process.out(text).await?;
    Ok(())
}

fn version_value(machine: &Machine) -> Value {
    let version = version(machine);
    json!({
        "APIVersion": version,
        "Version": version,
        "GoVersion": "go1.24.4",
        "GitCommit": "",
        "BuiltTime": "Sun Dec 21 16:42:01 2025",
        "Built": 1_766_335_321,
        "BuildOrigin": "Debian",
        "OsArch": format!("linux/{}", architecture(machine)),
        "Os": "linux",
    })
}

/// What `podman info --format json` and `GET /libpod/info` say.
pub(super) fn value(machine: &Machine) -> Value {
    let plan = &machine.plan;
    let containers = machine.containers.of(Engine::Podman);
    let count = |wanted: fn(State) -> bool| containers.iter().filter(|one| wanted(one.state())).count();
    let running = count(|state| matches!(state, State::Running(_)));
    let paused = count(|state| matches!(state, State::Paused(_)));
    let version_one = plan.cgroup == CgroupVersion::One;
    let controllers: &[&str] = if version_one {
        &["cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer", "hugetlb", "pids"]
    } else {
        &["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"]
    };
    let words: Vec<&str> = plan.distribution.split_whitespace().collect();
    let distribution = words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    let number =
        words.iter().find(|word| word.starts_with(|c: char| c.is_ascii_digit())).copied().unwrap_or_default();
    let codename =
        plan.distribution.rsplit_once('(').map(|(_, name)| name.trim_end_matches(')')).unwrap_or_default();
    let runtime = plan.runtime.word();
    let runtime_version = match plan.runtime {
        Runtime::Crun => versions::CRUN.to_owned(),
        Runtime::Runc => format!(
            "runc version {}\nspec: 1.2.0\ngo: go1.24.4\nlibseccomp: 2.6.0",
            plan.runc.as_ref().map(ToString::to_string).unwrap_or_default()
        ),
    };
    let free = plan.memory.saturating_sub(plan.memory_used).saturating_sub(machine.containers.memory());
    let up = machine.uptime().as_secs();
    let mut uptime = format!("{}h {}m {}.00s", up / 3600, up / 60 % 60, up % 60);
    if up >= 24 * 3600 {
        uptime.push_str(&format!(" (Approximately {:.2} days)", up as f64 / 86_400.0));
    }
    json!({
        "host": {
            "arch": architecture(machine),
            "buildahVersion": "1.39.3",
            "cgroupManager": "cgroupfs",
            "cgroupVersion": if version_one { "v1" } else { "v2" },
            "cgroupControllers": controllers,
            "conmon": { "package": "conmon_2.1.12-4_amd64", "path": "/usr/bin/conmon", "version": "conmon version 2.1.12, commit: unknown" },
            "cpus": plan.cores,
            "cpuUtilization": { "userPercent": 1.39, "systemPercent": 1.3, "idlePercent": 97.31 },
            "databaseBackend": "sqlite",
            "distribution": { "distribution": distribution, "version": number, "codename": codename },
            "eventLogger": "file",
            "freeLocks": 2048usize.saturating_sub(containers.len()),
            "hostname": plan.name.to_string(),
            "idMappings": { "gidmap": null, "uidmap": null },
            "kernel": plan.kernel,
            "logDriver": "k8s-file",
            "memFree": free,
            "memTotal": plan.memory,
            "networkBackend": "netavark",
            "networkBackendInfo": {
                "backend": "netavark",
                "version": "netavark 1.14.0",
                "package": "netavark_1.14.0-2_amd64",
                "path": "/usr/lib/podman/netavark",
                "dns": { "version": "aardvark-dns 1.14.0", "package": "aardvark-dns_1.14.0-3_amd64", "path": "/usr/lib/podman/aardvark-dns" },
            },
            "ociRuntime": { "name": runtime, "package": format!("{runtime}_1.21-1_amd64"), "path": format!("/usr/bin/{runtime}"), "version": runtime_version },
            "os": "linux",
            "remoteSocket": { "path": PODMAN_SOCKET, "exists": disk::node(machine, PODMAN_SOCKET).is_some() },
            "rootlessNetworkCmd": "pasta",
            "serviceIsRemote": false,
            "security": {
                "apparmorEnabled": false,
                "capabilities": "CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_NET_BIND_SERVICE,CAP_SETFCAP,CAP_SETGID,CAP_SETPCAP,CAP_SETUID,CAP_SYS_CHROOT",
                "rootless": false,
                "seccompEnabled": true,
                "seccompProfilePath": "/usr/share/containers/seccomp.json",
                "selinuxEnabled": false,
            },
            "slirp4netns": { "executable": "", "package": "", "version": "" },
            "pasta": { "executable": "/usr/bin/pasta", "package": "passt_0.0~git20250503.587980c-2+deb13u1_amd64", "version": "" },
            "swapFree": plan.swap,
            "swapTotal": plan.swap,
            "uptime": uptime,
            "variant": "",
            "linkmode": "dynamic",
        },
        "store": {
            "configFile": "/usr/share/containers/storage.conf",
            "containerStore": { "number": containers.len(), "paused": paused, "running": running, "stopped": containers.len() - running - paused },
            "graphDriverName": "overlay",
            "graphOptions": {},
            "graphRoot": "/var/lib/containers/storage",
            "graphRootAllocated": machine.disk.capacity(),
            "graphRootUsed": machine.disk.used(),
            "graphStatus": {
                "Backing Filesystem": "extfs",
                "Native Overlay Diff": "true",
                "Supports d_type": "true",
                "Supports shifting": "true",
                "Supports volatile": "true",
                "Using metacopy": "false",
            },
            "imageCopyTmpDir": "/var/tmp",
            "imageStore": { "number": machine.containers.images.all().len() },
            "runRoot": "/run/containers/storage",
            "volumePath": "/var/lib/containers/storage/volumes",
            "transientStore": false,
        },
        "registries": {},
        "plugins": {
            "volume": ["local"],
            "network": ["bridge", "macvlan", "ipvlan"],
            "log": ["k8s-file", "none", "passthrough", "journald"],
            "authorization": null,
        },
        "version": version_value(machine),
    })
}

/// The same as YAML, keys in order, as `podman info` prints it for people.
fn yaml(value: &Value) -> String {
    let mut text = String::new();
    lines(value, 0, &mut text);
    text
}

fn lines(value: &Value, depth: usize, text: &mut String) {
    let Some(fields) = value.as_object() else { return };
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| key.to_string());
    for (key, value) in fields {
        let indent = "  ".repeat(depth);
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                text.push_str(&format!("{indent}{key}:\n"));
                lines(value, depth + 1, text);
            }
            Value::Array(values) if !values.is_empty() => {
                text.push_str(&format!("{indent}{key}:\n"));
                for value in values {
                    text.push_str(&format!("{indent}- {}\n", template::printed(value)));
                }
            }
            Value::Object(_) => text.push_str(&format!("{indent}{key}: {{}}\n")),
            Value::Array(_) => text.push_str(&format!("{indent}{key}: []\n")),
            Value::Null => text.push_str(&format!("{indent}{key}: null\n")),
            Value::String(words) if words.contains('\n') => {
                text.push_str(&format!("{indent}{key}: |-\n"));
                for line in words.lines() {
                    text.push_str(&format!("{indent}  {line}\n"));
                }
            }
            Value::String(words) if words.is_empty() => text.push_str(&format!("{indent}{key}: \"\"\n")),
            Value::String(words) if words.contains(": ") => {
                text.push_str(&format!("{indent}{key}: '{words}'\n"))
            }
            // What would be read as another type stands in quotation marks.
            Value::String(words) if words.parse::<f64>().is_ok() || words == "true" || words == "false" => {
                text.push_str(&format!("{indent}{key}: \"{words}\"\n"));
            }
            other => text.push_str(&format!("{indent}{key}: {}\n", template::printed(other))),
        }
    }
}
