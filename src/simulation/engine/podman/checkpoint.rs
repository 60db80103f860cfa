//! `podman container checkpoint`: freeze, write, end, export, in Podman's order.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::parse;
use super::config::{self, checkpoint_directory};
use super::{Done, Failed, find, output};
use crate::simulation::engine::archive::{Archive, Compression, compressed};
use crate::simulation::engine::container::{Container, Images, State};
use crate::simulation::engine::criu::{self, Allowed, Stats, Stopped};
use crate::simulation::engine::{disk, image::OVERLAY};
use crate::simulation::failure::{Effect, Failure, failure};
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Device, Kind, Node};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Engine, Peculiarity, Stage};

const KNOWN: &str = "export/e= compress/c= ignore-rootfs ignore-volumes tcp-established file-locks keep/k leave-running/R print-stats all/a latest/l pre-checkpoint/P with-previous create-image=";

/// Bytes of an archive made each second: plain, gzip, zstd. zstd as seen on the lab, where it is slow because it
/// shares its processor with tar.
const RATES: [(Compression, f64); 3] =
    [(Compression::None, 1.2e9), (Compression::Gzip, 400e6), (Compression::Zstd, 250e6)];

/// From the end of the processes to the answer, beside what the archive takes.
const AFTER: Duration = Duration::from_millis(40);

/// How a container is to be checkpointed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub allowed: Allowed,
    pub export: Option<Compression>,
    pub ignore_rootfs: bool,
    pub ignore_volumes: bool,
    pub keep: bool,
    pub leave_running: bool,
}

/// What came of it.
pub(super) struct Checkpointed {
    pub stats: Stats,
    pub archive: Option<Content>,
}

/// `podman container checkpoint`
pub(super) async fn command(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("container checkpoint", KNOWN, words)?;
    let machine = process.machine.clone();
    let export = arguments.value("export").map(str::to_owned);
    let compression = match arguments.value("compress") {
        None | Some("zstd") => Compression::Zstd,
        Some("gzip") => Compression::Gzip,
        Some("none") => Compression::None,
        Some(other) => {
            return Err(Failed::new(format!(
                "selected compression algorithm (\"{other}\") not supported. Please select one from: gzip, none, zstd"
            )));
        }
    };
    for flag in ["ignore-rootfs", "ignore-volumes"] {
        if arguments.has(flag) && export.is_none() {
            return Err(Failed::new(format!("--{flag} can only be used with --export")));
        }
    }
    if arguments.has("pre-checkpoint") || arguments.has("with-previous") {
        // Needs soft-dirty tracking, which no simulated kernel has.
        let words =
            failure("F27").map(|failure| failure.stderr(Stage::Checkpoint, machine.plan.runtime, &[]));
        return Err(Failed::new(words.unwrap_or_default().trim_start_matches("Error: ").to_owned()));
    }
    let containers: Vec<Arc<Container>> = if arguments.has("all") {
        machine
            .containers
            .of(Engine::Podman)
            .into_iter()
            .filter(|one| matches!(one.state(), State::Running(_)))
            .collect()
    } else {
        arguments.words.iter().map(|wanted| find(&machine, wanted)).collect::<Result<_, _>>()?
    };
    if containers.is_empty() && !arguments.has("all") {
        return Err(Failed::new("you must provide at least one name or id"));
    }
    let options = Options {
        allowed: Allowed {
            tcp_established: arguments.has("tcp-established"),
            file_locks: arguments.has("file-locks"),
        },
        export: export.is_some().then_some(compression),
        ignore_rootfs: arguments.has("ignore-rootfs"),
        ignore_volumes: arguments.has("ignore-volumes"),
        keep: arguments.has("keep"),
        leave_running: arguments.has("leave-running"),
    };
    let began = machine.clock.now();
    let mut statistics = Vec::new();
    for (container, wanted) in containers.iter().zip(arguments.words.iter().chain(std::iter::repeat(&""))) {
        // Opened before anything is frozen, for reading and writing: a FIFO whose reader is gone hangs it.
        let file = match &export {
            Some(path) => {
                let regular = process
                    .find(path, LastLink::Follow)
                    .is_ok_and(|place| matches!(place.node.kind, Kind::File(_)));
                let access = if regular { Access::Write } else { Access::ReadWrite };
                let opened = process.open(path, access).await;
                Some(opened.map_err(|error| {
                    Failed::new(format!(
                        "creating checkpoint export file {path:?}: open {path}: {}",
                        error.to_string().to_lowercase()
                    ))
                })?)
            }
            None => None,
        };
        let done = checkpoint(&machine, container, options).await?;
        if let (Some(archive), Some(file)) = (done.archive, file) {
            for (index, piece) in archive.pieces().iter().enumerate() {
                let written = file.write(piece.clone()).await;
                written.map_err(|error| {
                    Failed::new(format!(
                        "write {}: {}",
                        export.as_deref().unwrap_or_default(),
                        error.to_string().to_lowercase()
                    ))
                })?;
                if index == 0 {
                    transfer(&machine, container).await?;
                }
            }
        }
        statistics.push(json!({
            "Id": container.id,
            "runtime_checkpoint_duration": (done.stats.freezing + done.stats.frozen).as_micros() as u64,
            "criu_statistics": {
                "freezing_time": done.stats.freezing.as_micros() as u64,
                "frozen_time": done.stats.frozen.as_micros() as u64,
                "memdump_time": done.stats.memory.as_micros() as u64,
                "memwrite_time": done.stats.memory.as_micros() as u64 / 2,
                "pages_scanned": done.stats.pages,
                "pages_written": done.stats.pages,
            },
        }));
        if !arguments.has("print-stats") {
            let said = if wanted.is_empty() { container.id.as_str() } else { wanted };
            process.out(format!("{said}\n")).await?;
        }
    }
    if arguments.has("print-stats") {
        let duration = (machine.clock.now() - began).as_micros() as u64;
        let value: Value =
            json!({ "podman_checkpoint_duration": duration, "container_statistics": statistics });
        process.out(output::indented(&value, 4)).await?;
    }
    Ok(())
}

/// The archive is on its way.
pub(super) async fn transfer(machine: &Machine, container: &Container) -> Done {
    match machine.reached(Stage::Transfer, &container.name()).await {
        Some(failure) => Err(said(machine, container, failure, Stage::Transfer)),
        None => Ok(()),
    }
}

/// A failure of the catalogue in Podman's words.
pub(super) fn said(machine: &Machine, container: &Container, failure: &Failure, stage: Stage) -> Failed {
    let name = container.name();
    let log = format!(
        "`{}/{}`",
        container.static_directory(),
        if stage == Stage::Restore { "restore.log" } else { "dump.log" }
    );
    let pid = container.pid().unwrap_or_default().to_string();
    let blanks = [
        ("container", name.as_str()),
        ("id", container.id.as_str()),
        ("pid", pid.as_str()),
        ("log", log.as_str()),
        ("image", container.image_name.as_str()),
    ];
    let text = failure.stderr(stage, machine.plan.runtime, &blanks);
    Failed::Said(text.trim_start_matches("Error: ").to_owned(), failure.exit_code)
}

/// What Podman says when CRIU has given up.
pub(super) fn wrapped(machine: &Machine, container: &Container, stopped: &Stopped, stage: Stage) -> Failed {
    if let Stopped::Failed(failure) = stopped {
        return said(machine, container, failure, stage);
    }
    let restoring = stage == Stage::Restore;
    let log =
        format!("{}/{}", container.static_directory(), if restoring { "restore.log" } else { "dump.log" });
    let doing = if restoring { "restoring" } else { "checkpointing" };
    Failed::new(match machine.plan.runtime {
        crate::simulation::scenario::Runtime::Crun => {
            format!("OCI runtime error: crun: CRIU {doing} failed -52.  Please check CRIU logfile `{log}`")
        }
        crate::simulation::scenario::Runtime::Runc => {
            let kind = if restoring { "NOTIFY" } else { "DUMP" };
            format!("OCI runtime error: runc: criu failed: type {kind} errno 0\nlog file: {log}")
        }
    })
}

/// Whether CRIU is there and new enough for Podman.
pub(super) fn criu_is_there(machine: &Machine) -> Done {
    match &machine.plan.criu {
        None => Err(Failed::new(
            "failed to check for criu version: exec: \"criu\": executable file not found in $PATH",
        )),
        Some(version) => {
            let numbers = version.numbers();
            let part = |index: usize| numbers.get(index).copied().unwrap_or_default();
            let number = part(0) * 10_000 + part(1) * 100 + part(2);
            if number < 31_100 {
                return Err(Failed::new(format!(
                    "checkpoint/restore requires at least CRIU 31100, current version is {number}"
                )));
            }
            Ok(())
        }
    }
}

/// Checkpoints one container.
pub(super) async fn checkpoint(
    machine: &Machine,
    container: &Arc<Container>,
    options: Options,
) -> Result<Checkpointed, Failed> {
    criu_is_there(machine)?;
    let state = container.state();
    if !matches!(state, State::Running(_)) {
        return Err(Failed::new(format!(
            "{:?} is not running, cannot checkpoint: container state improper",
            state.word()
        )));
    }
    if container.is(Peculiarity::AutoRemove) && options.export.is_none() {
        return Err(Failed::new(
            "cannot checkpoint containers that have been started with '--rm' unless '--export' is used",
        ));
    }
    let ordered = machine.reached(Stage::Checkpoint, &container.name()).await;
    let effect = ordered.and_then(|failure| failure.effect(Stage::Checkpoint));
    if let (Some(failure), Some(Effect::Untouched)) = (ordered, effect) {
        return Err(said(machine, container, failure, Stage::Checkpoint));
    }
    let own = container.static_directory();
    let directory = checkpoint_directory(&container.id);
    let dumped =
        criu::dump(machine, container, &directory, &format!("{own}/dump.log"), options.allowed, ordered)
            .await;
    // Podman says what the runtime says, and that is that CRIU failed; that the disk is full stands in the log only.
    let stats = dumped.map_err(|stopped| wrapped(machine, container, &stopped, Stage::Checkpoint))?;
    let status = config::network_status(machine, container);
    let calendar = machine.calendar();
    if options.leave_running {
        criu::thaw(machine, container);
    } else {
        let dumped = container.state().live();
        machine.containers.end(container, 0);
        container.change(|record| (record.images, record.dumped) = (Images::Kept, dumped));
    }
    container.change(|record| record.checkpointed = Some(calendar));
    machine.spend(AFTER).await;
    let result = finish(
        machine,
        container,
        options,
        stats,
        &status,
        ordered.filter(|_| effect == Some(Effect::ExitedImagesKept)),
    )
    .await;
    machine.containers.tell(container, "checkpoint", None);
    if !options.keep {
        for name in ["dump.log", "stats-dump", "config.dump", "spec.dump"] {
            disk::remove(machine, &format!("{own}/{name}"));
        }
    }
    let archive = result?;
    if container.is(Peculiarity::AutoRemove) && !options.leave_running {
        machine.containers.remove(container);
    }
    Ok(Checkpointed { stats, archive })
}

/// Writes what Podman adds to CRIU's images, and the archive if one is wanted.
async fn finish(
    machine: &Machine,
    container: &Container,
    options: Options,
    stats: Stats,
    status: &Value,
    ordered: Option<&'static Failure>,
) -> Result<Option<Content>, Failed> {
    if let Some(failure) = ordered {
        return Err(said(machine, container, failure, Stage::Checkpoint));
    }
    let own = container.static_directory();
    let full = |error: Errno| Failed::new(format!("write {own}: {}", error.to_string().to_lowercase()));
    let write = |name: &str, content: Content, mode: u32| {
        disk::put(machine, &format!("{own}/{name}"), content, mode).map(|_| ()).map_err(full)
    };
    let mut empty = Archive::default();
    empty.directory(".", disk::metadata(machine, 0o1777));
    write("devshm-checkpoint.tar", empty.finish(), 0o644)?;
    write("config.dump", config::dump(container).to_string().into(), 0o600)?;
    write("spec.dump", config::spec(container).to_string().into(), 0o600)?;
    write("network.status", output::indented(status, 2).trim_end().to_owned().into(), 0o600)?;
    write("stats-dump", format!("{stats:?}").into(), 0o644)?;
    let Some(compression) = options.export else { return Ok(None) };
    let plain = export(machine, container, options);
    let rate = RATES.into_iter().find(|(way, _)| *way == compression).map_or(1e9, |(_, rate)| rate);
    machine.spend(Duration::from_secs_f64(plain.length() as f64 / rate)).await;
    let packed =
        compressed(&plain, compression).map_err(|_| Failed::new("compressing the checkpoint archive"))?;
    // It lies on the disk as a whole before a byte of it is given away.
    if !disk::has_room(machine, "/var/tmp", packed.length()) {
        return Err(Failed::new(format!(
            "writing tar file: write /var/tmp/checkpoint{}: no space left on device",
            container.short_id()
        )));
    }
    Ok(Some(packed))
}

/// The archive, uncompressed.
fn export(machine: &Machine, container: &Container, options: Options) -> Content {
    let own = container.static_directory();
    let mut archive = Archive::default();
    let everything = |_: &str, _: &Node| true;
    for name in [
        "artifacts",
        "devshm-checkpoint.tar",
        "config.dump",
        "spec.dump",
        "network.status",
        "stats-dump",
        "ctr.log",
        "checkpoint",
    ] {
        if let Some(node) = disk::node(machine, &format!("{own}/{name}")) {
            archive.tree(name, &node, &everything);
        }
    }
    let metadata = disk::metadata(machine, 0o600);
    if !options.ignore_rootfs {
        let (changed, deleted) = difference(machine, container);
        archive.file("rootfs-diff.tar", metadata, &changed);
        if !deleted.is_empty() {
            archive.file("deleted.files", metadata, &Content::from(json!(deleted).to_string()));
        }
    }
    if !options.ignore_volumes {
        for volume in &container.plan.volumes {
            let place = machine.containers.volumes.get(&volume.name).map(|volume| volume.mountpoint());
            if let Some(node) = place.and_then(|place| disk::node(machine, &place)) {
                let mut inner = Archive::default();
                inner.tree("", &node, &everything);
                archive.file(&format!("volumes/{}.tar", volume.name), metadata, &inner.finish());
            }
        }
    }
    archive.finish()
}

/// What Podman itself finds changed. As in Podman up to 5.4, a file of the image that was modified is left out
/// unless the host itself has a file of that path.
fn difference(machine: &Machine, container: &Container) -> (Content, Vec<String>) {
    let lowers: Vec<Node> = container
        .layers
        .iter()
        .filter_map(|layer| disk::node(machine, &format!("{OVERLAY}/{layer}/diff")))
        .collect();
    let in_image = |path: &str| {
        lowers
            .iter()
            .any(|lower| path.split('/').try_fold(lower.clone(), |here, name| here.entry(name)).is_ok())
    };
    let mut deleted = Vec::new();
    let mut archive = Archive::default();
    if let Some(upper) = disk::node(machine, &container.upper()) {
        collect_deleted("", &upper, &mut deleted);
        archive.tree("", &upper, &|path, node| match node.kind {
            Kind::Device(Device::Whiteout) => false,
            _ if node.is_directory() => true,
            _ => !in_image(path) || disk::node(machine, &format!("/{path}")).is_some(),
        });
    }
    (archive.finish(), deleted)
}

fn collect_deleted(path: &str, node: &Node, deleted: &mut Vec<String>) {
    for name in node.names().unwrap_or_default() {
        let Ok(inner) = node.entry(&name) else { continue };
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        if matches!(inner.kind, Kind::Device(Device::Whiteout)) {
            deleted.push(path);
        } else if inner.is_directory() {
            collect_deleted(&path, &inner, deleted);
        }
    }
}
