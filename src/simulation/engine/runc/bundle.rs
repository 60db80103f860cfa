//! Bundles: a directory with config.json and a root file system.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Done, EXISTS, Failed, state};
use crate::simulation::digest;
use crate::simulation::engine::container::{Container, Spec};
use crate::simulation::engine::containers::Beginning;
use crate::simulation::engine::containers::NotMade;
use crate::simulation::engine::disk;
use crate::simulation::engine::image::{self, Image};
use crate::simulation::engine::pages::pages;
use crate::simulation::engine::texts;
use crate::simulation::load::Level;
use crate::simulation::machine::Machine;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{ContainerPlan, Engine, Runtime, Status, Workload};

/// Where the bundles of a scenario are.
const BUNDLES: &str = "/srv/bundles";

/// Makes the bundle of a scenario's container and starts it if it is to run.
pub fn furnish(machine: &Machine, plan: &ContainerPlan, seed: u64) -> Result<(), NotMade> {
    let directory = format!("{BUNDLES}/{}", plan.name);
    let rootfs = disk::directory(machine, &super::rootfs(&directory), 0o755)?;
    let (config, members) = image::contents(plan.workload, &plan.image, machine.plan.architecture);
    image::unpack(&rootfs, &members)?;
    for file in &plan.files {
        let mut content = pages(seed ^ file.size, 0, file.size);
        content.resize(file.size);
        disk::put(machine, &format!("{}{}", super::rootfs(&directory), file.path), content, 0o644)?;
    }
    let of = |key: &str| config.pointer(&format!("/config/{key}")).cloned();
    let mut text = plain();
    if let Some(process) = text.get_mut("process").and_then(Value::as_object_mut) {
        process.insert("terminal".into(), json!(false));
        process.insert("args".into(), of("Cmd").unwrap_or_else(|| json!(["/bin/sleep", "infinity"])));
        process.insert("cwd".into(), of("WorkingDir").unwrap_or_else(|| json!("/")));
    }
    if let Some(fields) = text.as_object_mut() {
        fields.insert("root".into(), json!({ "path": "rootfs", "readonly": false }));
        if !plan.labels.is_empty() {
            fields.insert("annotations".into(), json!(plan.labels));
        }
    }
    disk::put(machine, &format!("{directory}/config.json"), written(&text), 0o644)?;
    if plan.status == Status::Running {
        let container = build(machine, &plan.name, &directory, plan.clone(), &text, seed)?;
        machine.containers.start(&container, Beginning::Anew)?;
        state::write(machine, &container);
        machine.containers.tell(&container, "start", None);
    }
    Ok(())
}

/// As `runc spec` writes it.
fn written(config: &Value) -> String {
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut bytes = Vec::new();
    // Into memory everything goes.
    let _ = serde::Serialize::serialize(
        config,
        &mut serde_json::Serializer::with_formatter(&mut bytes, formatter),
    );
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What `runc spec` writes.
fn plain() -> Value {
    let capabilities = json!(["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    json!({
        "ociVersion": "1.2.0",
        "process": {
            "terminal": true,
            "user": { "uid": 0, "gid": 0 },
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities, "ambient": capabilities },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "runc",
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
            { "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] },
        ],
        "linux": {
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": [{ "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }, { "type": "cgroup" }],
            "maskedPaths": ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}

/// `runc spec`
pub(super) async fn spec(process: &mut Process, words: &[&str]) -> Done {
    let arguments = super::parse("spec", "bundle/b= rootless", words)?;
    let directory = directory(process, arguments.value("bundle")).map_err(Failed::new)?;
    let path = format!("{directory}/config.json");
    if disk::node(&process.machine, &path).is_some() {
        return Err(Failed::new("File config.json exists. Remove it first"));
    }
    disk::put(&process.machine, &path, written(&plain()), 0o644)
        .map(|_| ())
        .map_err(|error| Failed::new(format!("open config.json: {}", error.to_string().to_lowercase())))
}

/// The directory of a bundle: the one that was named, or the working directory.
pub(super) fn directory(process: &Process, named: Option<&str>) -> Result<String, String> {
    let wanted = named.unwrap_or(".");
    match process.find(wanted, LastLink::Follow) {
        Ok(place) if place.node.is_directory() => Ok(place.path),
        Ok(_) => Err(format!("chdir {wanted}: not a directory")),
        Err(error) => Err(format!("chdir {wanted}: {}", error.to_string().to_lowercase())),
    }
}

/// What runs when a bundle says so.
fn workload(arguments: &[String]) -> Workload {
    let first = arguments.first().map(String::as_str).unwrap_or_default();
    match first.rsplit('/').next().unwrap_or_default() {
        "counter" => Workload::Counter,
        "redis-server" => Workload::Redis,
        "web" => Workload::Web,
        "sh" if arguments.iter().any(|word| word.starts_with("while :")) => Workload::Looper,
        _ => Workload::Idle,
    }
}

/// Makes a container of a bundle; it does not run yet.
pub(super) fn container(machine: &Machine, id: &str, directory: &str) -> Result<Arc<Container>, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '+');
    if id.is_empty() || !id.chars().all(allowed) {
        return Err("invalid container ID format".into());
    }
    let content = disk::read(machine, &format!("{directory}/config.json"));
    let content = content.ok_or("JSON specification file config.json not found")?;
    let config: Value =
        serde_json::from_slice(&content.whole()).map_err(|error| format!("invalid config.json: {error}"))?;
    if disk::node(machine, &super::rootfs(directory)).is_none() {
        return Err(format!("invalid rootfs: stat {}: no such file or directory", super::rootfs(directory)));
    }
    let annotations = config.get("annotations").and_then(Value::as_object).into_iter().flatten();
    let plan = ContainerPlan {
        name: id.to_owned(),
        host: machine.plan.name.clone(),
        engine: Engine::Runc,
        workload: workload(&arguments(&config)),
        image: directory.to_owned(),
        memory: 1 << 20,
        dirty_rate: 8 << 10,
        cpu: Level::new(0.002).unwrap_or_default(),
        sockets: 0,
        ports: Vec::new(),
        volumes: Vec::new(),
        files: Vec::new(),
        peculiar: Default::default(),
        status: Status::Running,
        labels: annotations
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
    };
    let seed = machine.clock.now().as_nanos() as u64;
    build(machine, id, directory, plan, &config, seed).map_err(|error| match error {
        NotMade::NameInUse(_) | NotMade::IdInUse => EXISTS.to_owned(),
        NotMade::Disk(error) => format!("mkdir /run/runc/{id}: {}", error.to_string().to_lowercase()),
    })
}

fn arguments(config: &Value) -> Vec<String> {
    texts(config.pointer("/process/args"))
}

fn build(
    machine: &Machine,
    id: &str,
    directory: &str,
    plan: ContainerPlan,
    config: &Value,
    seed: u64,
) -> Result<Arc<Container>, NotMade> {
    let of = |path: &str| config.pointer(path).cloned().unwrap_or_default();
    // A bundle has no image: what a container takes from one stands in its configuration.
    let image = Image {
        id: String::new(),
        digest: String::new(),
        names: Vec::new(),
        layers: Vec::new(),
        size: 0,
        text: String::new(),
        config: json!({ "config": { "Cmd": of("/process/args"), "Env": of("/process/env"), "WorkingDir": of("/process/cwd") } }),
    };
    let hash = digest(format!("{seed}/{}/{id}", machine.plan.name));
    machine.containers.create(Spec {
        seed: u64::from_str_radix(&hash[..15], 16).unwrap_or(seed),
        id: id.to_owned(),
        name: id.to_owned(),
        command: arguments(config),
        plan,
        image,
        image_name: directory.to_owned(),
        network: None,
        runtime: Runtime::Runc,
        created: machine.calendar(),
        create_command: Vec::new(),
    })
}
