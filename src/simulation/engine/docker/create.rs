//! New containers: `docker run`, `docker create` and `POST /containers/create`.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::arguments::{parse, some};
use super::{Done, Failed, Refused, daemon, exec};
use crate::simulation::digest;
use crate::simulation::engine::container::{Container, Spec};
use crate::simulation::engine::containers::NotMade;
use crate::simulation::engine::image::with_tag;
use crate::simulation::engine::texts as texts_of;
use crate::simulation::load::Level;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{
    ContainerPlan, Engine, Peculiarity, Runtime, Status, VolumePlan, Workload,
};

const KNOWN: &str = "detach/d name= publish/p= volume/v= env/e= label/l= rm tty/t interactive/i network= restart= privileged pid= ipc= pull= quiet/q hostname/h= memory/m= cpus= log-driver= init stop-timeout= security-opt= cap-add= user/u= workdir/w= ip= mac-address= +";

/// `docker run`, `docker create`
pub(super) async fn command(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let arguments = parse(action, KNOWN, words)?;
    some(action, &arguments.words)?;
    let machine = process.machine.clone();
    let [reference, own @ ..] = arguments.words.as_slice() else { return Ok(()) };
    let mut labels = Map::new();
    for label in arguments.values("label") {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        labels.insert(key.to_owned(), json!(value));
    }
    let mut ports = Map::new();
    for port in arguments.values("publish") {
        let inner = port.rsplit(':').next().unwrap_or(port);
        let outer = port.rsplit(':').nth(1).unwrap_or(inner);
        let key = if inner.contains('/') { inner.to_owned() } else { format!("{inner}/tcp") };
        ports.insert(key, json!([{ "HostIp": "", "HostPort": outer }]));
    }
    let body = json!({
        "Image": reference,
        "Cmd": if own.is_empty() { Value::Null } else { json!(own) },
        "Env": arguments.values("env").collect::<Vec<_>>(),
        "Labels": labels,
        "Tty": arguments.has("tty"),
        "HostConfig": {
            "Binds": arguments.values("volume").collect::<Vec<_>>(),
            "PortBindings": ports,
            "NetworkMode": arguments.value("network").unwrap_or("default"),
            "RestartPolicy": { "Name": arguments.value("restart").unwrap_or("no") },
            "AutoRemove": arguments.has("rm"),
            "Privileged": arguments.has("privileged"),
            "PidMode": arguments.value("pid").unwrap_or_default(),
            "IpcMode": arguments.value("ipc").unwrap_or_default(),
        },
    });
    let refused = |refused: Refused| {
        Failed::Said(
            format!(
                "docker: Error response from daemon: {}.\nSee 'docker {action} --help'.",
                refused.message.trim_end_matches('.')
            ),
            125,
        )
    };
    if machine.containers.docker.images.find(reference).is_none() {
        process.complain(format!("Unable to find image '{}' locally", with_tag(reference))).await;
        let server = reference.split_once('/').map_or("registry-1.docker.io", |(server, _)| server);
        let text = format!("Get \"https://{server}/v2/\": dial tcp: lookup {server}: no such host");
        return Err(refused(Refused::internal(text)));
    }
    let container = create(&machine, arguments.value("name"), &body).map_err(refused)?;
    if action == "create" {
        process.out(format!("{}\n", container.id)).await?;
        return Ok(());
    }
    daemon::start(&machine, &container).await.map_err(refused)?;
    if arguments.has("detach") {
        process.out(format!("{}\n", container.id)).await?;
        return Ok(());
    }
    if own.is_empty() {
        machine.containers.gone(&container).await;
    } else {
        // Its first process is what was asked for: it ends with it.
        let words = own.iter().map(|word| (*word).to_owned()).collect();
        let code = exec::inside(process, &container, words, &[]).await;
        machine.containers.end(&container, *code.as_ref().unwrap_or(&127));
        machine.containers.tell(&container, "died", Some(*code.as_ref().unwrap_or(&127)));
        if container.is(Peculiarity::AutoRemove) {
            machine.containers.remove(&container);
        }
        code?;
    }
    match container.record().exit_code {
        0 => Ok(()),
        code => Err(Failed::Silent(code)),
    }
}

/// `POST /containers/create`
pub(super) fn create(machine: &Machine, name: Option<&str>, body: &Value) -> Result<Arc<Container>, Refused> {
    let text = |path: &str| body.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let is = |path: &str| body.pointer(path).and_then(Value::as_bool).unwrap_or_default();
    let texts = |path: &str| texts_of(body.pointer(path));
    let reference = text("/Image");
    let image = machine.containers.docker.images.find(reference);
    let missing = || Refused::new(StatusCode::NOT_FOUND, format!("No such image: {}", with_tag(reference)));
    let image = image.ok_or_else(missing)?;
    let number = machine.containers.all().len();
    let id = digest(format!("docker {} {} {number}", machine.plan.name, machine.clock.now().as_nanos()));
    let name = name.map_or_else(
        || format!("nifty_{}", id.get(..6).unwrap_or_default()),
        |name| name.trim_start_matches('/').to_owned(),
    );
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.len() < 2 || !name.chars().all(allowed) || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        let text = format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        return Err(Refused::new(StatusCode::BAD_REQUEST, text));
    }
    let own = texts("/Cmd");
    let network = match text("/HostConfig/NetworkMode") {
        "" | "default" => "bridge",
        other => other,
    };
    let host = network == "host";
    if !host && machine.containers.docker.networks.get(network).is_none() {
        return Err(Refused::new(StatusCode::NOT_FOUND, format!("network {network} not found")));
    }
    let peculiar = [
        (is("/HostConfig/AutoRemove"), Peculiarity::AutoRemove),
        (is("/Tty"), Peculiarity::Terminal),
        (is("/HostConfig/Privileged"), Peculiarity::Privileged),
        (text("/HostConfig/RestartPolicy/Name") == "always", Peculiarity::RestartAlways),
        (host, Peculiarity::HostNetwork),
        (text("/HostConfig/PidMode") == "host", Peculiarity::HostProcesses),
        (text("/HostConfig/IpcMode") == "host", Peculiarity::HostIpc),
    ];
    let mut volumes = Vec::new();
    for bind in texts("/HostConfig/Binds") {
        let mut parts = bind.split(':');
        let (Some(name), Some(path)) = (parts.next().filter(|name| !name.starts_with('/')), parts.next())
        else {
            let text =
                format!("invalid mount config: {bind}: this simulated docker knows named volumes only");
            return Err(Refused::new(StatusCode::BAD_REQUEST, text));
        };
        volumes.push(VolumePlan { name: name.into(), size: 0, path: path.into() });
    }
    let bound = body.pointer("/HostConfig/PortBindings").and_then(Value::as_object);
    let ports =
        bound.into_iter().flatten().filter_map(|(port, _)| port.split('/').next()?.parse().ok()).collect();
    let labels = body.get("Labels").and_then(Value::as_object).into_iter().flatten();
    let plan = ContainerPlan {
        name: name.clone(),
        host: machine.plan.name.clone(),
        engine: Engine::Docker,
        workload: if own.is_empty() { image.workload().unwrap_or(Workload::Idle) } else { Workload::Idle },
        image: reference.to_owned(),
        memory: 1 << 20,
        dirty_rate: 8 << 10,
        cpu: Level::new(0.002).unwrap_or_default(),
        sockets: 0,
        ports,
        volumes,
        files: Vec::new(),
        peculiar: peculiar.into_iter().filter(|(is, _)| *is).map(|(_, one)| one).collect(),
        status: Status::Running,
        labels: labels
            .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
    };
    let spec = Spec {
        seed: u64::from_str_radix(&id[..15], 16).unwrap_or_default(),
        id,
        name: name.clone(),
        plan,
        command: if own.is_empty() { image.command() } else { own },
        image,
        image_name: reference.to_owned(),
        network: (!host).then(|| network.to_owned()),
        runtime: Runtime::Runc,
        created: machine.calendar(),
        create_command: Vec::new(),
    };
    machine.containers.create(spec).map_err(|error| match error {
        NotMade::NameInUse(id) => daemon::name_in_use(&name, &id),
        NotMade::IdInUse => Refused::internal("id is already in use"),
        NotMade::Disk(error) => {
            Refused::internal(format!("mkdir {}: {}", super::OVERLAY, error.to_string().to_lowercase()))
        }
    })
}
