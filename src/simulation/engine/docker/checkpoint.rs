//! Checkpoints of Docker: directories of CRIU's images under a container's own, or where one wants them.
//!
//! Neither the writable layer nor volumes nor a log is in one: who moves a container takes those himself.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::daemon::{not_running, ports_are_free, words};
use super::files::{run_directory, static_directory, task_directory};
use super::{Refused, daemon};
use crate::simulation::engine::container::{Container, Images};
use crate::simulation::engine::containers::Beginning;
use crate::simulation::engine::criu::{self, Stopped};
use crate::simulation::engine::disk;
use crate::simulation::engine::runc::configured;
use crate::simulation::failure::{Effect, Failure, Speaker};
use crate::simulation::machine::Machine;
use crate::simulation::scenario::{ContainerPlan, Peculiarity, Stage};

/// The daemon and containerd around a checkpoint, beside CRIU's own time: 0.20 s on an idle host of the lab.
const AROUND_CHECKPOINT: Duration = Duration::from_millis(80);

/// The same around a restore.
const AROUND_RESTORE: Duration = Duration::from_millis(140);

/// Bytes each second: containerd packs the images into an archive and unpacks it again, on the way in and on the
/// way out (checkpoint-restore/criu issue 2519: 5 GB in 40 s of which CRIU takes 5).
const COPY_RATE: f64 = 150e6;

/// What becomes of the processes after a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// They end.
    Exit,
    /// They run on.
    RunOn,
}

/// Where the checkpoints of a container are.
fn root(container: &Container, directory: Option<&str>) -> String {
    match directory.filter(|directory| !directory.is_empty()) {
        Some(directory) => directory.trim_end_matches('/').to_owned(),
        None => format!("{}/checkpoints", static_directory(&container.id)),
    }
}

/// The names of its checkpoints.
pub(super) fn list(machine: &Machine, container: &Container, directory: Option<&str>) -> Vec<String> {
    let Some(root) = disk::node(machine, &root(container, directory)) else { return Vec::new() };
    let is_directory = |name: &String| root.entry(name).is_ok_and(|node| node.is_directory());
    root.names().unwrap_or_default().into_iter().filter(is_directory).collect()
}

/// Takes one away.
pub(super) fn remove(
    machine: &Machine,
    container: &Container,
    wanted: &str,
    id: &str,
    directory: Option<&str>,
) -> Result<(), Refused> {
    if !list(machine, container, directory).iter().any(|name| name == id) {
        return Err(Refused::internal(format!("checkpoint {id} does not exist for container {wanted}")));
    }
    disk::remove(machine, &format!("{}/{id}", root(container, directory)));
    Ok(())
}

fn is_valid(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    id.len() > 1 && id.starts_with(|c: char| c.is_ascii_alphanumeric()) && id.chars().all(allowed)
}

/// Bytes of all files in a directory, copied there and back.
async fn copy(machine: &Machine, directory: &str) {
    let names = disk::node(machine, directory).and_then(|node| node.names().ok()).unwrap_or_default();
    let bytes: u64 = names
        .iter()
        .filter_map(|name| disk::read(machine, &format!("{directory}/{name}")))
        .map(|content| content.length())
        .sum();
    machine.spend(Duration::from_secs_f64(bytes as f64 / COPY_RATE)).await;
}

/// `POST /containers/ID/checkpoints`; `wanted` is what the person called the container.
pub(super) async fn create(
    machine: &Machine,
    container: &Arc<Container>,
    wanted: &str,
    id: &str,
    directory: Option<&str>,
    then: Then,
) -> Result<(), Refused> {
    if container.state().live().is_none() {
        return Err(Refused::new(StatusCode::CONFLICT, not_running(container)));
    }
    if !is_valid(id) {
        return Err(Refused::internal(format!(
            "Invalid checkpoint ID ({id}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
        )));
    }
    if list(machine, container, directory).iter().any(|name| name == id) {
        return Err(Refused::internal(format!(
            "cannot checkpoint container {wanted}: checkpoint with name {id} already exists for container {wanted}"
        )));
    }
    let failed = |text: String| Refused::internal(format!("Cannot checkpoint container {wanted}: {text}"));
    let log = format!("{}/criu-dump.log", run_directory(&container.id));
    let by_criu = || {
        format!(
            "runc did not terminate successfully: exit status 1: criu failed: type NOTIFY errno 0 path= {}/criu-dump.log: unknown",
            task_directory(&container.id)
        )
    };
    if machine.plan.criu.is_none() {
        return Err(failed("runc did not terminate successfully: exit status 1: exec: \"criu\": executable file not found in $PATH: unknown".into()));
    }
    let said = |failure: &'static Failure| {
        let text = if failure.speaker == Speaker::Criu {
            by_criu()
        } else {
            words(failure, Stage::Checkpoint, container)
        };
        failed(text)
    };
    let ordered = machine.reached(Stage::Checkpoint, &container.name()).await;
    let effect = ordered.and_then(|failure| failure.effect(Stage::Checkpoint));
    if let (Some(failure), Some(Effect::Untouched)) = (ordered, effect) {
        return Err(said(failure));
    }
    let place = format!("{}/{id}", root(container, directory));
    machine.containers.tell(container, "pause", None);
    let dumped = criu::dump(machine, container, &place, &log, configured(machine), ordered).await;
    if let Err(stopped) = dumped {
        machine.containers.tell(container, "unpause", None);
        return Err(match stopped {
            Stopped::Failed(failure) => said(failure),
            Stopped::Lines(_) | Stopped::Disk(_) => failed(by_criu()),
        });
    }
    disk::remove(machine, &log);
    let calendar = machine.calendar();
    container.change(|record| record.checkpointed = Some(calendar));
    if then == Then::RunOn {
        criu::thaw(machine, container);
        machine.containers.tell(container, "unpause", None);
    }
    machine.spend(AROUND_CHECKPOINT).await;
    copy(machine, &place).await;
    if then == Then::Exit {
        // The runtime kills what it has dumped.
        machine.containers.end(container, 137);
        container.change(|record| record.images = Images::Kept);
    }
    machine.containers.tell(container, "checkpoint", None);
    if then == Then::Exit {
        machine.containers.tell(container, "died", Some(137));
    }
    if let (Some(failure), Some(Effect::ExitedImagesKept)) = (ordered, effect) {
        return Err(said(failure));
    }
    if container.is(Peculiarity::AutoRemove) && then == Then::Exit {
        machine.containers.remove(container);
    }
    Ok(())
}

/// `POST /containers/ID/start?checkpoint=…`
pub(super) async fn start(
    machine: &Machine,
    container: &Arc<Container>,
    id: &str,
    directory: Option<&str>,
) -> Result<daemon::Changed, Refused> {
    if directory.is_some_and(|directory| !directory.is_empty()) {
        return Err(Refused::new(StatusCode::FORBIDDEN, "custom checkpointdir is not supported"));
    }
    if container.state().live().is_some() {
        return Ok(daemon::Changed::No);
    }
    let result = restore(machine, container, id).await;
    machine
        .containers
        .docker
        .set_error(&container.id, result.as_ref().err().map(|refused| refused.message.as_str()));
    result.map(|()| daemon::Changed::Yes)
}

async fn restore(machine: &Machine, container: &Arc<Container>, id: &str) -> Result<(), Refused> {
    let name = container.name();
    if !list(machine, container, None).iter().any(|one| one == id) {
        return Err(Refused::internal(format!("checkpoint {id} does not exist for container /{name}")));
    }
    ports_are_free(machine, container)?;
    let place = format!("{}/{id}", root(container, None));
    let log = format!("{}/work/restore.log", run_directory(&container.id));
    let by_criu = |kind: &str| {
        Refused::internal(format!(
            "OCI runtime restore failed: criu failed: type {kind} errno 0\nlog file: {}/work/restore.log: unknown",
            task_directory(&container.id)
        ))
    };
    let said = |failure: &'static Failure| {
        if failure.speaker == Speaker::Criu {
            by_criu("NOTIFY")
        } else {
            Refused::internal(words(failure, Stage::Restore, container))
        }
    };
    let ordered = machine.reached(Stage::Restore, &name).await;
    let effect = ordered.and_then(|failure| failure.effect(Stage::Restore));
    if let (Some(failure), Some(Effect::Untouched)) = (ordered, effect) {
        return Err(said(failure));
    }
    machine.spend(AROUND_RESTORE).await;
    copy(machine, &place).await;
    let core = disk::read(machine, &format!("{place}/core-1.img")).as_ref().and_then(criu::core);
    // CRIU opens the program's files by their paths: another image does not have them.
    let mut container = container.clone();
    if let Some(core) = core {
        let mut plan = container.plan.clone();
        core.complete(&mut plan);
        if plan.workload != container.plan.workload {
            return Err(by_criu("NOTIFY"));
        }
        keep_own(&mut plan, &container.plan);
        container = machine.containers.replan(&container, plan, core.seed);
    }
    if let Err(stopped) = criu::restore(machine, &container, &place, &log, configured(machine), ordered).await
    {
        // The work directory goes with the task (moby issue 40529): nobody can read CRIU's log.
        disk::remove(machine, &run_directory(&container.id));
        let whole = disk::node(machine, &format!("{place}/inventory.img")).is_some();
        return Err(match stopped {
            Stopped::Failed(failure) => said(failure),
            Stopped::Lines(_) | Stopped::Disk(_) => by_criu(if whole { "NOTIFY" } else { "RESTORE" }),
        });
    }
    let dies = effect == Some(Effect::RestoredThenDies) || criu::lacks_instructions(machine, &place);
    if effect == Some(Effect::RestoredIncomplete) {
        lose_a_file(machine, &container);
    }
    machine.containers.start(&container, Beginning::Restored).map_err(|error| {
        Refused::internal(format!(
            "error creating overlay mount to {}: {}",
            container.merged(),
            error.to_string().to_lowercase()
        ))
    })?;
    machine.containers.tell(&container, "start", None);
    if dies {
        // The first of the missing instructions comes soon.
        machine.containers.die_soon(&container, 128 + 4);
    }
    Ok(())
}

/// What is the container's and not its processes' stays as it was made here.
fn keep_own(plan: &mut ContainerPlan, own: &ContainerPlan) {
    const CONTAINER: [Peculiarity; 8] = [
        Peculiarity::Terminal,
        Peculiarity::Privileged,
        Peculiarity::HostNetwork,
        Peculiarity::HostProcesses,
        Peculiarity::HostIpc,
        Peculiarity::AutoRemove,
        Peculiarity::RestartAlways,
        Peculiarity::SystemdUnit,
    ];
    plan.peculiar.retain(|one| !CONTAINER.contains(one));
    plan.peculiar.extend(own.peculiar.iter().filter(|one| CONTAINER.contains(one)).copied());
}

/// The first changed file of the image is as in the image again.
fn lose_a_file(machine: &Machine, container: &Container) {
    fn first(path: &str, node: &crate::simulation::machine::files::Node) -> Option<String> {
        node.names().ok()?.into_iter().find_map(|name| {
            let inner = node.entry(&name).ok()?;
            let path = format!("{path}/{name}");
            if inner.is_directory() { first(&path, &inner) } else { Some(path) }
        })
    }
    let upper = container.upper();
    if let Some(path) = disk::node(machine, &upper).and_then(|node| first(&upper, &node)) {
        disk::remove(machine, &path);
    }
}
