//! `runc checkpoint` and `runc restore`.

use std::time::Duration;

use super::{Done, Failed, bundle, find, one, parse, state};
use crate::simulation::engine::container::{Container, State};
use crate::simulation::engine::containers::Beginning;
use crate::simulation::engine::criu::{self, Allowed, Stopped};
use crate::simulation::engine::disk;
use crate::simulation::engine::podman::Arguments;
use crate::simulation::failure::{Effect, Failure, Speaker};
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Runtime, Stage};

const CHECKPOINT: &str = "image-path= work-path= parent-path= leave-running tcp-established ext-unix-sk shell-job lazy-pages status-fd= page-server= file-locks pre-dump manage-cgroups-mode= empty-ns= auto-dedup";
const RESTORE: &str = "console-socket= image-path= work-path= tcp-established ext-unix-sk shell-job file-locks manage-cgroups-mode= bundle/b= detach/d pid-file= no-subreaper no-pivot empty-ns= auto-dedup lazy-pages lsm-profile= lsm-mount-context=";

/// What runC does around CRIU: 0.16 s for a restore on an idle host of the lab.
const AROUND: Duration = Duration::from_millis(35);

fn allowed(machine: &Machine, arguments: &Arguments<'_>) -> Allowed {
    let files = super::configured(machine);
    Allowed {
        tcp_established: files.tcp_established || arguments.has("tcp-established"),
        file_locks: files.file_locks || arguments.has("file-locks"),
    }
}

/// A path from where the process stands.
fn absolute(process: &Process, path: &str) -> String {
    if path.starts_with('/') {
        path.trim_end_matches('/').to_owned()
    } else {
        format!("{}/{path}", process.directory.trim_end_matches('/'))
    }
}

/// A failure of the catalogue in runC's words; `log` is CRIU's, as runC names it.
pub(super) fn said(
    machine: &Machine,
    container: &Container,
    failure: &Failure,
    stage: Stage,
    log: &str,
) -> Failed {
    let name = container.name();
    let pid = state::pid(machine, container).to_string();
    let blanks = [("container", name.as_str()), ("id", name.as_str()), ("pid", pid.as_str()), ("log", log)];
    let text = failure.stderr(stage, Runtime::Runc, &blanks);
    let text = text.trim_start_matches("Error: ");
    // The catalogue has the words of an engine above the runtime.
    let own = ["OCI runtime error: runc: ", "OCI runtime error: crun: "]
        .iter()
        .find_map(|start| text.strip_prefix(start));
    if failure.speaker == Speaker::Criu { by_criu("NOTIFY", log) } else { Failed::new(own.unwrap_or(text)) }
}

fn by_criu(kind: &str, log: &str) -> Failed {
    Failed::new(format!("criu failed: type {kind} errno 0\nlog file: {log}"))
}

/// Where CRIU's log goes, and how runC names it: without a work path it is named as CRIU names it.
fn log_of(process: &Process, arguments: &Arguments<'_>, images: &str, name: &str) -> (String, String) {
    match arguments.value("work-path") {
        Some(path) => {
            let path = format!("{}/{name}", absolute(process, path));
            (path.clone(), path)
        }
        None => (format!("{images}/{name}"), name.to_owned()),
    }
}

/// `runc checkpoint`
pub(super) async fn checkpoint(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("checkpoint", CHECKPOINT, words)?;
    let machine = process.machine.clone();
    let container = find(&machine, one("checkpoint", &arguments.words)?)?;
    if machine.plan.criu.is_none() {
        return Err(Failed::new("exec: \"criu\": executable file not found in $PATH"));
    }
    let state = container.state();
    if matches!(state, State::Created | State::Exited) {
        let word = if state == State::Created { "created" } else { "stopped" };
        return Err(Failed::new(format!("Container cannot be checkpointed in {word} state")));
    }
    if arguments.has("pre-dump") {
        // Needs soft-dirty tracking, which no simulated kernel has.
        return Err(Failed::new("CRIU is missing features"));
    }
    let images = absolute(process, arguments.value("image-path").unwrap_or("checkpoint"));
    let (log, named) = log_of(process, &arguments, &images, "dump.log");
    let ordered = machine.reached(Stage::Checkpoint, &container.name()).await;
    let effect = ordered.and_then(|failure| failure.effect(Stage::Checkpoint));
    if let (Some(failure), Some(Effect::Untouched)) = (ordered, effect) {
        return Err(said(&machine, &container, failure, Stage::Checkpoint, &named));
    }
    machine.spend(AROUND).await;
    let dumped =
        criu::dump(&machine, &container, &images, &log, allowed(&machine, &arguments), ordered).await;
    if let Err(stopped) = dumped {
        super::log(process, "error", "container still running").await;
        return Err(match stopped {
            Stopped::Failed(failure) => said(&machine, &container, failure, Stage::Checkpoint, &named),
            Stopped::Lines(_) | Stopped::Disk(_) => by_criu("NOTIFY", &named),
        });
    }
    if arguments.has("leave-running") {
        criu::thaw(&machine, &container);
    } else {
        // Its state goes with its processes; its bundle stays.
        machine.containers.end(&container, 0);
        machine.containers.remove(&container);
    }
    match (ordered, effect) {
        (Some(failure), Some(Effect::ExitedImagesKept)) => {
            Err(said(&machine, &container, failure, Stage::Checkpoint, &named))
        }
        _ => Ok(()),
    }
}

/// `runc restore`
pub(super) async fn restore(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("restore", RESTORE, words)?;
    let machine = process.machine.clone();
    let id = one("restore", &arguments.words)?;
    let directory = bundle::directory(process, arguments.value("bundle")).map_err(Failed::new)?;
    let images = absolute(process, arguments.value("image-path").unwrap_or("checkpoint"));
    let (log, named) = log_of(process, &arguments, &images, "restore.log");
    if find(&machine, id).is_ok() {
        return Err(Failed::new(super::EXISTS));
    }
    if disk::node(&machine, &format!("{images}/descriptors.json")).is_none() {
        return Err(Failed::new(format!("open {images}/descriptors.json: no such file or directory")));
    }
    let core = disk::read(&machine, &format!("{images}/core-1.img")).as_ref().and_then(criu::core);
    let mut container = bundle::container(&machine, id, &directory).map_err(Failed::new)?;
    let ordered = machine.reached(Stage::Restore, id).await;
    let effect = ordered.and_then(|failure| failure.effect(Stage::Restore));
    if let (Some(failure), Some(Effect::Untouched)) = (ordered, effect) {
        machine.containers.remove(&container);
        return Err(said(&machine, &container, failure, Stage::Restore, &named));
    }
    // CRIU opens the program's files by their paths: another root file system does not have them.
    let mut fits = true;
    if let Some(core) = core {
        let mut plan = container.plan.clone();
        core.complete(&mut plan);
        fits = plan.workload == container.plan.workload;
        container = machine.containers.replan(&container, plan, core.seed);
    }
    machine.spend(AROUND).await;
    let restored = if fits {
        criu::restore(&machine, &container, &images, &log, allowed(&machine, &arguments), ordered).await
    } else {
        Err(Stopped::Lines(Vec::new()))
    };
    if let Err(stopped) = restored {
        // runC takes away what it has made; the bundle stays.
        machine.containers.remove(&container);
        let whole = disk::node(&machine, &format!("{images}/inventory.img")).is_some();
        return Err(match stopped {
            Stopped::Failed(failure) => said(&machine, &container, failure, Stage::Restore, &named),
            Stopped::Lines(_) | Stopped::Disk(_) => by_criu(if whole { "NOTIFY" } else { "RESTORE" }, &named),
        });
    }
    let dies = effect == Some(Effect::RestoredThenDies) || criu::lacks_instructions(&machine, &images);
    let started = machine.containers.start(&container, Beginning::Restored);
    started.map_err(|error| Failed::new(error.to_string().to_lowercase()))?;
    state::write(&machine, &container);
    super::write_pid(process, &container, arguments.value("pid-file"));
    if dies {
        // The first of the missing instructions comes soon.
        machine.containers.die_soon(&container, 128 + 4);
    }
    if !arguments.has("detach") {
        machine.containers.gone(&container).await;
        let code = container.record().exit_code;
        machine.containers.remove(&container);
        return if code == 0 { Ok(()) } else { Err(Failed::Silent(code)) };
    }
    Ok(())
}
