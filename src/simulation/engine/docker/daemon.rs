//! What the daemon does with containers when it is asked, by the API or by a command.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;

use super::{Refused, values};
use crate::simulation::engine::container::{Container, Ending, State};
use crate::simulation::engine::containers::{Beginning, NotFound};
use crate::simulation::failure::Failure;
use crate::simulation::machine::Machine;
use crate::simulation::machine::signal::Signal;
use crate::simulation::scenario::{Engine, Peculiarity, Runtime, Stage};

/// How long containerd and runC take to start a container, on an idle host of the lab.
const START: Duration = Duration::from_millis(140);

/// How long they take to put an ended one away.
const PUT_AWAY: Duration = Duration::from_millis(20);

/// How long a container may take to end before it is killed.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a request changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// It did.
    Yes,
    /// It was so already.
    No,
}

/// A container by what a person calls it.
pub(super) fn find(machine: &Machine, wanted: &str) -> Result<Arc<Container>, Refused> {
    machine.containers.find_of(Engine::Docker, wanted.trim_start_matches('/')).map_err(|error| match error {
        NotFound::Missing => Refused::new(StatusCode::NOT_FOUND, format!("No such container: {wanted}")),
        NotFound::Ambiguous => Refused::new(
            StatusCode::BAD_REQUEST,
            format!("multiple IDs found with provided prefix: {wanted}"),
        ),
    })
}

/// What is said of a container that does not run.
pub(super) fn not_running(container: &Container) -> String {
    format!("container {} is not running", container.id)
}

/// A failure of the catalogue in the daemon's words, where it is not one of CRIU's.
pub(super) fn words(failure: &Failure, stage: Stage, container: &Container) -> String {
    let name = container.name();
    let blanks = [
        ("container", name.as_str()),
        ("id", container.id.as_str()),
        ("image", container.image_name.as_str()),
    ];
    let text = failure.stderr(stage, Runtime::Runc, &blanks);
    let text = text.trim_start_matches("Error: ");
    // The catalogue has Podman's words for what the runtime says.
    ["OCI runtime error: crun: ", "OCI runtime error: runc: "]
        .iter()
        .find_map(|start| text.strip_prefix(start))
        .map_or_else(|| text.to_owned(), |rest| format!("OCI runtime error: {rest}"))
}

/// Makes sure that nobody else has a container's ports.
pub(super) fn ports_are_free(machine: &Machine, container: &Container) -> Result<(), Refused> {
    for port in values::published(container) {
        let taken = machine
            .containers
            .running()
            .iter()
            .any(|other| other.id != container.id && other.plan.ports.contains(port));
        if taken {
            return Err(Refused::internal(format!(
                "driver failed programming external connectivity on endpoint {} ({}): Bind for 0.0.0.0:{port} failed: port is already allocated",
                container.name(),
                container.id
            )));
        }
    }
    Ok(())
}

/// Starts a container anew.
pub(super) async fn start(machine: &Machine, container: &Arc<Container>) -> Result<Changed, Refused> {
    match container.state() {
        State::Running(_) => return Ok(Changed::No),
        State::Paused(_) => {
            return Err(Refused::new(
                StatusCode::CONFLICT,
                "cannot start a paused container, try unpause instead",
            ));
        }
        State::Created | State::Exited => {}
    }
    let result = begin(machine, container).await;
    machine
        .containers
        .docker
        .set_error(&container.id, result.as_ref().err().map(|refused| refused.message.as_str()));
    result.map(|()| Changed::Yes)
}

async fn begin(machine: &Machine, container: &Arc<Container>) -> Result<(), Refused> {
    ports_are_free(machine, container)?;
    machine.spend(START).await;
    let started = machine.containers.start(container, Beginning::Anew);
    started.map_err(|error| {
        Refused::internal(format!(
            "failed to create task for container: {}",
            error.to_string().to_lowercase()
        ))
    })?;
    machine.containers.tell(container, "start", None);
    Ok(())
}

/// Asks a container to end, and ends it when it has not after a while.
pub(super) async fn stop(machine: &Machine, container: &Arc<Container>, patience: Duration) -> Changed {
    if container.state().live().is_none() {
        return Changed::No;
    }
    if let State::Paused(_) = container.state() {
        machine.containers.pause(container, false);
    }
    container.change(|record| record.ending = Ending::Ordered);
    machine.containers.tell(container, "kill", None);
    machine.containers.signal(container, Signal::Terminate);
    tokio::select! {
        () = machine.containers.gone(container) => {}
        () = machine.clock.sleep(patience) => {
            machine.containers.tell(container, "kill", None);
            machine.containers.signal(container, Signal::Kill);
            machine.containers.gone(container).await;
        }
    }
    machine.spend(PUT_AWAY).await;
    machine.containers.tell(container, "stop", None);
    Changed::Yes
}

/// Sends a signal; `wanted` is what the person called the container.
pub(super) async fn kill(
    machine: &Machine,
    container: &Arc<Container>,
    wanted: &str,
    signal: &str,
) -> Result<(), Refused> {
    let parsed: Signal = signal.parse().map_err(|()| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            format!("cannot kill container: {wanted}: invalid signal: {signal}"),
        )
    })?;
    if container.state().live().is_none() {
        let text = format!("cannot kill container: {wanted}: {}", not_running(container));
        return Err(Refused::new(StatusCode::CONFLICT, text));
    }
    container.change(|record| record.ending = Ending::Ordered);
    machine.containers.tell(container, "kill", None);
    machine.containers.signal(container, parsed);
    if parsed == Signal::Kill {
        machine.containers.gone(container).await;
        machine.spend(PUT_AWAY).await;
    }
    Ok(())
}

/// Stops a container's processes, and lets them go on.
pub(super) fn pause(machine: &Machine, container: &Container, paused: bool) -> Result<(), Refused> {
    let id = &container.id;
    match (container.state(), paused) {
        (State::Running(_), true) | (State::Paused(_), false) => {
            machine.containers.pause(container, paused);
            Ok(())
        }
        (State::Paused(_), true) => {
            Err(Refused::new(StatusCode::CONFLICT, format!("Container {id} is already paused")))
        }
        (_, true) => Err(Refused::new(StatusCode::CONFLICT, not_running(container))),
        (_, false) => Err(Refused::internal(format!("Container {id} is not paused"))),
    }
}

/// Takes a container away; one with processes only by force.
pub(super) async fn remove(
    machine: &Machine,
    container: &Arc<Container>,
    force: bool,
) -> Result<(), Refused> {
    let name = container.name();
    let why = match container.state() {
        State::Running(_) => Some("container is running: stop the container before removing or force remove"),
        State::Paused(_) => Some("container is paused and must be unpaused first"),
        State::Created | State::Exited => None,
    };
    if let Some(why) = why.filter(|_| !force) {
        return Err(Refused::new(
            StatusCode::CONFLICT,
            format!("cannot remove container \"/{name}\": {why}"),
        ));
    }
    if let Some(failure) = machine.reached(Stage::Remove, &name).await {
        return Err(Refused::internal(words(failure, Stage::Remove, container)));
    }
    if container.state().live().is_some() {
        container.change(|record| record.ending = Ending::Ordered);
        machine.containers.tell(container, "kill", None);
        machine.containers.signal(container, Signal::Kill);
        machine.containers.gone(container).await;
    }
    machine.spend(PUT_AWAY).await;
    // One that is removed at its end is gone already.
    if !container.is(Peculiarity::AutoRemove) || find(machine, &container.id).is_ok() {
        machine.containers.remove(container);
    }
    machine.containers.docker.set_error(&container.id, None);
    Ok(())
}

/// Gives a container another name.
pub(super) fn rename(machine: &Machine, container: &Container, name: &str) -> Result<(), Refused> {
    if let Ok(other) = machine.containers.find_of(Engine::Docker, name)
        && other.name() == name
    {
        return Err(name_in_use(name, &other.id));
    }
    container.change(|record| record.name = name.to_owned());
    machine.containers.tell(container, "rename", None);
    Ok(())
}

/// What is said of a name that another container has.
pub(super) fn name_in_use(name: &str, id: &str) -> Refused {
    Refused::new(
        StatusCode::CONFLICT,
        format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
        ),
    )
}
