//! `podman exec`: a program of the container's image, in the container's files.

use std::sync::Arc;

use super::arguments::parse;
use super::{Done, Failed, find};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::inside::enter;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs;

/// `podman exec`
pub(super) async fn exec(process: &mut Process, words: &[&str]) -> Done {
    let arguments =
        parse("exec", "interactive/i tty/t detach/d env/e= user/u= workdir/w= privileged latest/l +", words)?;
    let machine = process.machine.clone();
    let [wanted, command @ ..] = arguments.words.as_slice() else {
        return Err(Failed::new(
            "must provide a non-empty command to start an exec session: invalid argument",
        ));
    };
    let container = find(&machine, wanted)?;
    if !matches!(container.state(), State::Running(_)) {
        return Err(Failed::Said(
            "can only create exec sessions on running containers: container state improper".into(),
            255,
        ));
    }
    if command.is_empty() {
        return Err(Failed::new(
            "must provide a non-empty command to start an exec session: invalid argument",
        ));
    }
    let environment: Vec<String> = arguments.values("env").map(str::to_owned).collect();
    machine.containers.tell(&container, "exec", None);
    let words = command.iter().map(|word| (*word).to_owned()).collect();
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
    let child = enter(process, container, environment)
        .ok_or_else(|| Failed::new("the container's root is not mounted"))?;
    let name = words.first().cloned().unwrap_or_default();
    match programs::locate(&child, &name) {
        Ok(_) => Ok(programs::run(child, words).await),
        Err(Errno::NotFound) => Err(Failed::Said(
            format!(
                "crun: executable file `{name}` not found in $PATH: No such file or directory: OCI runtime attempted to invoke a command that was not found"
            ),
            127,
        )),
        Err(error) => {
            Err(Failed::Said(format!("crun: open executable: {error}: OCI permission denied"), 126))
        }
    }
}
