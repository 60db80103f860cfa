//! `docker exec`: a program of the container's image, in the container's files.

use std::sync::Arc;

use super::arguments::parse;
use super::{Done, Failed, Refused, daemon};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::disk;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::namespace::{Mount, Namespace};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs;

/// `docker exec`
pub(super) async fn command(process: &mut Process, words: &[&str]) -> Done {
    let arguments =
        parse("exec", "interactive/i tty/t detach/d env/e= user/u= workdir/w= privileged +", words)?;
    let machine = process.machine.clone();
    let [wanted, words @ ..] = arguments.words.as_slice() else {
        return Err(Failed::new("\"docker exec\" requires at least 2 arguments.\nSee 'docker exec --help'."));
    };
    let container = daemon::find(&machine, wanted)?;
    match container.state() {
        State::Running(_) => {}
        State::Paused(_) => {
            let text = format!("Container {wanted} is paused, unpause the container before exec");
            return Err(Refused::internal(text).into());
        }
        State::Created | State::Exited => {
            return Err(Refused::internal(daemon::not_running(&container)).into());
        }
    }
    let environment: Vec<String> = arguments.values("env").map(str::to_owned).collect();
    machine.containers.tell(&container, "exec", None);
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    let code = inside(process, &container, words, &environment).await?;
    machine.containers.tell(&container, "exec_died", Some(code));
    if code == 0 { Ok(()) } else { Err(Failed::Silent(code)) }
}

/// Runs words in a container and returns their exit code.
pub(super) async fn inside(
    process: &Process,
    container: &Arc<Container>,
    words: Vec<String>,
    environment: &[String],
) -> Result<u8, Failed> {
    let gone = || {
        Failed::Said(
            "OCI runtime exec failed: exec failed: the container's root is not mounted: unknown".into(),
            126,
        )
    };
    let child = enter(process, container, environment).ok_or_else(gone)?;
    let name = words.first().cloned().unwrap_or_default();
    let failed = |why: &str, code| {
        let text = format!(
            "OCI runtime exec failed: exec failed: unable to start container process: exec: {name:?}: {why}: unknown"
        );
        Err(Failed::Said(text, code))
    };
    match programs::locate(&child, &name) {
        Ok(_) => Ok(programs::run(child, words).await),
        Err(Errno::NotFound) if name.contains('/') => failed("stat: no such file or directory", 127),
        Err(Errno::NotFound) => failed("executable file not found in $PATH", 127),
        Err(_) => failed("permission denied", 126),
    }
}

/// A child of a process in a container: in its files, with its environment.
pub(in crate::simulation::engine) fn enter(
    process: &Process,
    container: &Container,
    environment: &[String],
) -> Option<Process> {
    let machine = &process.machine;
    let root = disk::node(machine, &container.merged())?;
    let mut child = process.fork();
    child.namespace = Arc::new(Namespace::new(root));
    let volumes = machine.containers.volumes_of(container.plan.engine);
    for volume in &container.plan.volumes {
        let place = volumes.get(&volume.name).map(|volume| volume.mountpoint());
        if let Some(root) = place.and_then(|place| disk::node(machine, &place)) {
            child.namespace.mount(Mount {
                at: volume.path.clone(),
                root,
                kind: "ext4".into(),
                source: "/dev/vda1".into(),
                options: "rw,relatime".into(),
            });
        }
    }
    child.directory = container.directory.clone();
    let added = [format!("HOSTNAME={}", container.short_id()), "HOME=/root".into()];
    child.environment = added
        .iter()
        .chain(&container.environment)
        .chain(environment)
        .filter_map(|pair| pair.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect();
    Some(child)
}
