//! `docker exec`: a program of the container's image, in the container's files.

use std::sync::Arc;

use super::arguments::parse;
use super::{Done, Failed, Refused, daemon};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::inside::enter;
use crate::simulation::machine::errno::Errno;
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

/// A container's environment with what the daemon adds.
pub(in crate::simulation::engine) fn environment(container: &Container) -> Vec<String> {
    let added = [format!("HOSTNAME={}", container.short_id()), "HOME=/root".into()];
    added.into_iter().chain(container.environment.iter().cloned()).collect()
}
