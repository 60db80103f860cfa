//! `podman run` and `podman create`: what somebody types to have one more container.

use std::sync::Arc;

use super::arguments::{Arguments, parse};
use super::lifecycle::start;
use super::restore::{not_made, pull};
use super::{Done, Failed, exec};
use crate::simulation::digest;
use crate::simulation::engine::container::{Container, Spec};
use crate::simulation::load::Level;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{ContainerPlan, Engine, Peculiarity, Status, VolumePlan, Workload};

const KNOWN: &str = "detach/d name= publish/p= volume/v= env/e= label/l= rm tty/t interactive/i network= restart= privileged pid= ipc= pull= quiet/q hostname/h= memory/m= cpus= replace log-driver= init stop-timeout= security-opt= cap-add= user/u= workdir/w= ip= mac-address= +";

/// `podman run`, `podman create`
pub(super) async fn run(process: &mut Process, command: &str, words: &[&str]) -> Done {
    let arguments = parse(command, KNOWN, words)?;
    let machine = process.machine.clone();
    let [reference, own @ ..] = arguments.words.as_slice() else {
        return Err(Failed::new("requires at least 1 arg(s), only received 0"));
    };
    if machine.containers.images.find(reference).is_none() {
        if !reference.contains('/') {
            return Err(Failed::new(format!(
                "short-name {reference:?} did not resolve to an alias and no unqualified-search registries are defined in \"/etc/containers/registries.conf\""
            )));
        }
        return Err(pull(&machine, reference, Some(process)).await);
    }
    let own: Vec<String> = own.iter().map(|word| (*word).to_owned()).collect();
    let said = std::iter::once("podman").chain(std::iter::once(command)).chain(words.iter().copied());
    let container = make(&machine, &arguments, reference, &own, said.map(str::to_owned).collect())?;
    if command == "create" {
        process.out(format!("{}\n", container.id)).await?;
        return Ok(());
    }
    let failed = |failed| match failed {
        // It stays, made and not started, and podman says so with another exit code.
        Failed::Said(text, _) => Failed::Said(text, 126),
        other => other,
    };
    start(&machine, &container).map_err(failed)?;
    if arguments.has("detach") {
        process.out(format!("{}\n", container.id)).await?;
        return Ok(());
    }
    if own.is_empty() {
        machine.containers.gone(&container).await;
    } else {
        let code = exec::inside(process, &container, own, &[]).await;
        machine.containers.end(&container, *code.as_ref().unwrap_or(&127));
        machine.containers.tell(&container, "died", code.as_ref().ok().copied());
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

fn make(
    machine: &Machine,
    arguments: &Arguments<'_>,
    reference: &str,
    own: &[String],
    create_command: Vec<String>,
) -> Result<Arc<Container>, Failed> {
    let images = &machine.containers.images;
    let image = images.find(reference).ok_or_else(|| Failed::new(format!("{reference}: image not known")))?;
    let number = machine.containers.all().len();
    let id = digest(format!("{} {} {number}", machine.plan.name, machine.clock.now().as_nanos()));
    let name = arguments.value("name").map_or_else(|| format!("container_{number}"), str::to_owned);
    if arguments.has("replace")
        && let Ok(old) = machine.containers.find_of(Engine::Podman, &name)
    {
        machine.containers.remove(&old);
    }
    let mut plan = ContainerPlan {
        name: name.clone(),
        host: machine.plan.name.clone(),
        engine: Engine::Podman,
        workload: image.workload().unwrap_or(Workload::Idle),
        image: reference.to_owned(),
        memory: 1 << 20,
        dirty_rate: 8 << 10,
        cpu: Level::new(0.002).unwrap_or_default(),
        sockets: 0,
        ports: Vec::new(),
        volumes: Vec::new(),
        files: Vec::new(),
        peculiar: Default::default(),
        status: Status::Running,
        labels: Default::default(),
    };
    if !own.is_empty() {
        plan.workload = Workload::Idle;
    }
    for port in arguments.values("publish") {
        let inner = port.rsplit(':').next().unwrap_or(port).trim_end_matches("/tcp");
        plan.ports
            .push(inner.parse().map_err(|_| Failed::new(format!("invalid port specification {port:?}")))?);
    }
    for volume in arguments.values("volume") {
        if let Some((name, path)) = volume.split_once(':').filter(|(name, _)| !name.starts_with('/')) {
            let path = path.split(':').next().unwrap_or(path).to_owned();
            plan.volumes.push(VolumePlan { name: name.to_owned(), size: 0, path });
        } else {
            return Err(Failed::new(format!("{volume}: this simulated podman knows named volumes only")));
        }
    }
    for label in arguments.values("label") {
        let (key, value) = label.split_once('=').unwrap_or((label, ""));
        plan.labels.insert(key.to_owned(), value.to_owned());
    }
    let host = arguments.value("network") == Some("host");
    let peculiar = [
        (arguments.has("rm"), Peculiarity::AutoRemove),
        (arguments.has("tty"), Peculiarity::Terminal),
        (arguments.has("privileged"), Peculiarity::Privileged),
        (arguments.value("restart") == Some("always"), Peculiarity::RestartAlways),
        (host, Peculiarity::HostNetwork),
        (arguments.value("pid") == Some("host"), Peculiarity::HostProcesses),
        (arguments.value("ipc") == Some("host"), Peculiarity::HostIpc),
    ];
    plan.peculiar = peculiar.into_iter().filter(|(is, _)| *is).map(|(_, one)| one).collect();
    let network =
        arguments.value("network").unwrap_or("podman").split(':').next().unwrap_or("podman").to_owned();
    if !host && machine.containers.networks.get(&network).is_none() {
        return Err(Failed::new(format!(
            "unable to find network with name or ID {network}: network not found"
        )));
    }
    let image_name = image.names.first().cloned().unwrap_or_else(|| image.id.clone());
    let spec = Spec {
        seed: u64::from_str_radix(&id[..15], 16).unwrap_or_default(),
        id,
        name: name.clone(),
        plan,
        command: if own.is_empty() { image.command() } else { own.to_vec() },
        image,
        image_name,
        network: (!host).then_some(network),
        runtime: machine.plan.runtime,
        created: machine.calendar(),
        create_command,
    };
    machine.containers.create(spec).map_err(|error| not_made(&name, error))
}
