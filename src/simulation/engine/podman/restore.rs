//! `podman container restore`: from an archive, or from the images beside the container. What is checked, and in
//! which order, and what a failure leaves is as seen with Podman 5.4.2.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::parse;
use super::checkpoint::{criu_is_there, said, wrapped};
use super::config::{self, Arrived, checkpoint_directory};
use super::{Done, Failed, output};
use crate::simulation::engine::archive::{self, Member, What};
use crate::simulation::engine::container::{Container, Spec, State, static_directory};
use crate::simulation::engine::containers::{Beginning, NotMade};
use crate::simulation::engine::criu::{self, Allowed, Stats};
use crate::simulation::engine::{disk, image};
use crate::simulation::failure::{Effect, Failure};
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Engine, Peculiarity, Stage};

const KNOWN: &str = "import/i= tcp-established tcp-close file-locks keep/k name/n= ignore-rootfs ignore-volumes ignore-static-ip ignore-static-mac print-stats all/a latest/l publish/p= pod= import-previous=";

/// From the command to the first question to CRIU, and from there to the answer, measured on the lab.
const BEFORE: Duration = Duration::from_millis(50);
const AFTER: Duration = Duration::from_millis(30);

/// Bytes of an archive unpacked each second.
const UNPACK_RATE: f64 = 1.5e9;

/// Between two tries to pull an image.
const PULL_PAUSE: Duration = Duration::from_secs(1);

/// How a container is to be restored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub allowed: Allowed,
    pub keep: bool,
    pub name: Option<String>,
    pub ignore_rootfs: bool,
    pub ignore_volumes: bool,
    pub ignore_static_ip: bool,
    pub ignore_static_mac: bool,
}

/// `podman container restore`
pub(super) async fn command(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("container restore", KNOWN, words)?;
    let machine = process.machine.clone();
    let options = Options {
        allowed: Allowed {
            tcp_established: arguments.has("tcp-established"),
            file_locks: arguments.has("file-locks"),
        },
        keep: arguments.has("keep"),
        name: arguments.value("name").map(str::to_owned),
        ignore_rootfs: arguments.has("ignore-rootfs"),
        ignore_volumes: arguments.has("ignore-volumes"),
        ignore_static_ip: arguments.has("ignore-static-ip"),
        ignore_static_mac: arguments.has("ignore-static-mac"),
    };
    if options.name.is_some() && options.allowed.tcp_established {
        return Err(Failed::new("--tcp-established cannot be used with --name"));
    }
    let began = machine.clock.now();
    let mut restored: Vec<(Arc<Container>, Stats, String)> = Vec::new();
    if let Some(path) = arguments.value("import") {
        let content = process
            .find(path, crate::simulation::machine::namespace::LastLink::Follow)
            .and_then(|place| place.node.content());
        let content = content.map_err(|error| {
            let error = error.to_string().to_lowercase();
            Failed::new(format!("failed extracting runtime information from {path}: failed to open checkpoint archive {path} for import: open {path}: {error}"))
        })?;
        let members = members(content).map_err(|cause| {
            Failed::new(format!("failed extracting runtime information from {path}: unpacking of checkpoint archive {path} failed: {cause}"))
        })?;
        let (container, stats) = import(&machine, members, path, &options, Some(process)).await?;
        let said = container.id.clone();
        restored.push((container, stats, said));
    } else {
        if arguments.words.is_empty() && !arguments.has("all") {
            return Err(Failed::new("you must provide at least one name or id"));
        }
        let all: Vec<String> = machine
            .containers
            .of(Engine::Podman)
            .into_iter()
            .filter(|one| one.state() == State::Exited && one.record().checkpointed.is_some())
            .map(|one| one.id.clone())
            .collect();
        let wanted: Vec<String> = if arguments.has("all") {
            all
        } else {
            arguments.words.iter().map(|word| (*word).to_owned()).collect()
        };
        for wanted in wanted {
            let container = machine
                .containers
                .find_of(Engine::Podman, &wanted)
                .map_err(|_| Failed::new(format!("no such container or image: {wanted}")))?;
            let stats = again(&machine, &container, &options).await?;
            restored.push((container, stats, wanted));
        }
    }
    if arguments.has("print-stats") {
        let duration = (machine.clock.now() - began).as_micros() as u64;
        let statistics: Vec<Value> = restored
            .iter()
            .map(|(container, stats, _)| {
                json!({
                    "Id": container.id,
                    "runtime_restore_duration": (stats.frozen + BEFORE).as_micros() as u64,
                    "criu_statistics": {
                        "pages_compared": 9,
                        "pages_skipped_cow": 2,
                        "forking_time": 412,
                        "restore_time": stats.frozen.as_micros() as u64,
                        "pages_restored": stats.pages,
                    },
                })
            })
            .collect();
        let value = json!({ "podman_restore_duration": duration, "container_statistics": statistics });
        process.out(output::indented(&value, 4)).await?;
    } else {
        for (_, _, said) in restored {
            process.out(format!("{said}\n")).await?;
        }
    }
    Ok(())
}

/// The members of an archive, by path.
pub(super) type Members = BTreeMap<String, Member>;

/// Reads an archive, however it was compressed.
pub(super) fn members(content: Content) -> Result<Members, &'static str> {
    let plain = archive::decompressed(content).map_err(|_| "unexpected EOF")?;
    let members = archive::read(&plain).map_err(|_| "unexpected EOF")?;
    // A later member of the same path counts, as when one tar unpacks over another.
    Ok(members.into_iter().map(|member| (member.path.clone(), member)).collect())
}

fn file<'a>(members: &'a Members, path: &str) -> Option<&'a Content> {
    members.get(path)?.content()
}

/// Restores a container from the images that lie beside it.
pub(super) async fn again(
    machine: &Machine,
    container: &Arc<Container>,
    options: &Options,
) -> Result<Stats, Failed> {
    criu_is_there(machine)?;
    machine.spend(BEFORE).await;
    if container.state().live().is_some() {
        return Err(Failed::new(format!(
            "container {} is running or paused, cannot restore: container state improper",
            container.id
        )));
    }
    let status = disk::read(machine, &format!("{}/network.status", container.static_directory()));
    let address = status.as_ref().and_then(config::address).filter(|_| !options.ignore_static_ip);
    // No stage of a move: the container comes back where it was.
    finish(machine, container, options, address, None).await
}

/// Restores a container from an archive.
pub(super) async fn import(
    machine: &Machine,
    members: Members,
    archive: &str,
    options: &Options,
    said_to: Option<&mut Process>,
) -> Result<(Arc<Container>, Stats), Failed> {
    criu_is_there(machine)?;
    machine.spend(BEFORE).await;
    let missing = |name: &str| Failed::new(format!("open {archive}/{name}: no such file or directory"));
    if file(&members, "spec.dump").is_none() {
        return Err(missing("spec.dump"));
    }
    let arrived = file(&members, "config.dump").ok_or_else(|| missing("config.dump"))?;
    let arrived =
        config::read(machine, arrived).ok_or_else(|| Failed::new("json: unexpected end of JSON input"))?;
    let ordered = machine.reached(Stage::Restore, &arrived.name).await;
    let core = file(&members, "checkpoint/core-1.img").and_then(criu::core);
    let mut plan = arrived.plan.clone();
    if let Some(core) = &core {
        core.complete(&mut plan);
    }
    let seed = core.map_or(0, |core| core.seed);
    let name = options.name.clone().unwrap_or_else(|| arrived.name.clone());
    fits(machine, &arrived, &plan, archive, options, said_to).await?;
    let image = machine
        .containers
        .images
        .find(&arrived.image)
        .ok_or_else(|| Failed::new(format!("{}: image not known", arrived.image)))?;
    let id = if options.name.is_some() {
        crate::simulation::digest(format!("{} as {name} at {}", arrived.id, machine.calendar().as_nanos()))
    } else {
        arrived.id.clone()
    };
    let spec = Spec {
        id,
        name: name.clone(),
        plan: crate::simulation::scenario::ContainerPlan { files: Vec::new(), ..plan },
        image,
        image_name: arrived.image_name.clone(),
        command: arrived.command.clone(),
        network: arrived.network.clone(),
        runtime: arrived.runtime,
        created: machine.calendar(),
        create_command: arrived.create_command.clone(),
        seed,
    };
    if let (Some(failure), Some(Effect::Untouched)) =
        (ordered, ordered.and_then(|failure| failure.effect(Stage::Restore)))
    {
        // Words about a container that is never made.
        let blanks = [
            ("container", name.as_str()),
            ("id", arrived.id.as_str()),
            ("archive", archive),
            ("image", arrived.image_name.as_str()),
        ];
        let text = failure.stderr(Stage::Restore, machine.plan.runtime, &blanks);
        return Err(Failed::Said(text.trim_start_matches("Error: ").to_owned(), failure.exit_code));
    }
    let container = machine.containers.create(spec).map_err(|error| not_made(&name, error))?;
    unpack(machine, &container, &members, options).await?;
    let address = file(&members, "network.status").and_then(config::address);
    let address = address.filter(|_| !options.ignore_static_ip && options.name.is_none());
    let stats = finish(machine, &container, options, address, ordered).await?;
    if let Some(failure) = machine.reached(Stage::Verify, &container.name()).await {
        return Err(said(machine, &container, failure, Stage::Verify));
    }
    Ok((container, stats))
}

/// Why storage or database refuse a container.
pub(super) fn not_made(name: &str, error: NotMade) -> Failed {
    Failed::new(match error {
        NotMade::IdInUse => "creating container storage: that ID is already in use".into(),
        NotMade::NameInUse(id) => format!(
            "creating container storage: the container name {name:?} is already in use by {id}. You have to remove that container to be able to reuse that name: that name is already in use, or use --replace to instruct Podman to do so."
        ),
        NotMade::Disk(error) => format!("creating container storage: {}", error.to_string().to_lowercase()),
    })
}

/// Whether a container can come here at all; nothing is made yet.
async fn fits(
    machine: &Machine,
    arrived: &Arrived,
    plan: &crate::simulation::scenario::ContainerPlan,
    archive: &str,
    options: &Options,
    said_to: Option<&mut Process>,
) -> Done {
    let containers = &machine.containers;
    if arrived.runtime != machine.plan.runtime {
        return Err(Failed::new(format!(
            "checkpoint archive {archive} was created with runtime '{}' and cannot be restored with runtime '{}'",
            arrived.runtime.word(),
            machine.plan.runtime.word()
        )));
    }
    if plan.peculiar.contains(&Peculiarity::Pod) {
        return Err(Failed::new("cannot restore pod container without --pod"));
    }
    if !options.ignore_volumes {
        for volume in &arrived.plan.volumes {
            if containers.volumes.get(&volume.name).is_some() {
                return Err(Failed::new(format!(
                    "volume with name {} already exists. Use --ignore-volumes to not restore content of volumes",
                    volume.name
                )));
            }
        }
    }
    if containers.images.find(&arrived.image).is_none()
        && containers.images.find(&arrived.image_name).is_none()
    {
        return Err(pull(machine, &arrived.image_name, said_to).await);
    }
    if let Some(network) = &arrived.network
        && containers.networks.get(network).is_none()
    {
        return Err(Failed::new(format!(
            "unable to find network with name or ID {network}: network not found"
        )));
    }
    Ok(())
}

/// There is no registry in this world: three tries, a second apart, then the last one's words.
pub(super) async fn pull(machine: &Machine, image: &str, mut said_to: Option<&mut Process>) -> Failed {
    let registry = image.split('/').next().unwrap_or_default();
    let cause = format!(
        "initializing source docker://{image}: pinging container registry {registry}: Get \"https://{registry}/v2/\": dial tcp [::1]:443: connect: connection refused"
    );
    if let Some(process) = said_to.as_deref_mut() {
        process.complain(format!("Trying to pull {image}...")).await;
    }
    for attempt in 1..=3 {
        if let Some(process) = said_to.as_deref_mut() {
            let quoted = cause.replace('"', "\\\"");
            let time =
                crate::simulation::engine::time::stamp(Duration::from_secs(machine.calendar().as_secs()));
            process.complain(format!("time=\"{time}\" level=warning msg=\"Failed, retrying in 1s ... ({attempt}/3). Error: {quoted}\"")).await;
        }
        machine.clock.sleep(PULL_PAUSE).await;
    }
    Failed::new(cause)
}

/// Puts what an archive holds where it belongs. A disk that becomes full leaves what is there so far.
async fn unpack(machine: &Machine, container: &Container, members: &Members, options: &Options) -> Done {
    let own = static_directory(&container.id);
    let length: u64 = members
        .values()
        .map(|member| if let What::File(content) = &member.what { content.length() } else { 0 })
        .sum();
    machine.spend(Duration::from_secs_f64(length as f64 / UNPACK_RATE)).await;
    let full = |path: &str| {
        let path = path.to_owned();
        move |error: crate::simulation::machine::errno::Errno| {
            Failed::new(format!("write {path}: {}", error.to_string().to_lowercase()))
        }
    };
    for (path, member) in members {
        let place = format!("{own}/{path}");
        match &member.what {
            What::Directory => {
                disk::directory(machine, &place, member.metadata.mode).map_err(full(&place))?;
            }
            What::File(content)
                if !path.starts_with("volumes/") && path != "config.dump" && path != "spec.dump" =>
            {
                disk::put(machine, &place, content.clone(), member.metadata.mode).map_err(full(&place))?;
            }
            _ => {}
        }
    }
    let upper =
        disk::node(machine, &container.upper()).ok_or_else(|| Failed::new("the writable layer is gone"))?;
    if !options.ignore_rootfs {
        if let Some(difference) = file(members, "rootfs-diff.tar") {
            let changed = archive::read(difference)
                .map_err(|_| Failed::new("applying root file-system diff file: unexpected EOF"))?;
            image::unpack(&upper, &changed).map_err(full(&container.upper()))?;
        }
        if let Some(deleted) = file(members, "deleted.files") {
            let deleted: Vec<String> = serde_json::from_slice(&deleted.whole()).unwrap_or_default();
            machine.containers.mount(machine, container).map_err(full(&container.merged()))?;
            for path in deleted {
                disk::remove(machine, &format!("{}/{}", container.merged(), path.trim_start_matches('/')));
            }
            let _ = machine.namespace.unmount(&container.merged());
        }
    }
    if !options.ignore_volumes {
        for volume in &container.plan.volumes {
            let Some(content) = file(members, &format!("volumes/{}.tar", volume.name)) else { continue };
            let inner = archive::read(content)
                .map_err(|_| Failed::new(format!("volume {}: unexpected EOF", volume.name)))?;
            let place = format!("{}/{}/_data", crate::simulation::engine::belongings::VOLUMES, volume.name);
            let node = disk::directory(machine, &place, 0o755).map_err(full(&place))?;
            image::unpack(&node, &inner).map_err(full(&place))?;
        }
    }
    Ok(())
}

/// From images on the disk to running processes.
async fn finish(
    machine: &Machine,
    container: &Arc<Container>,
    options: &Options,
    address: Option<crate::simulation::engine::container::Address>,
    ordered: Option<&'static Failure>,
) -> Result<Stats, Failed> {
    let own = container.static_directory();
    let directory = checkpoint_directory(&container.id);
    if disk::node(machine, &format!("{directory}/inventory.img")).is_none() {
        return Err(Failed::new(format!(
            "a complete checkpoint for this container cannot be found, cannot restore: faccessat {directory}/inventory.img: no such file or directory"
        )));
    }
    let network = container.network.as_deref().and_then(|name| machine.containers.networks.get(name));
    if let (Some(address), Some(network)) = (address, &network) {
        let holders = machine.containers.holders(&network.name);
        if let Some((_, other)) =
            holders.iter().find(|(taken, other)| taken.ip == address.ip && other.id != container.id)
        {
            return Err(Failed::new(format!(
                "IPAM error: requested ip address {} is already allocated to container ID {}",
                address.ip, other.id
            )));
        }
        if !network.has(address.ip) {
            return Err(Failed::new(format!(
                "requested static ip {} not in any subnet on network {}",
                address.ip, network.name
            )));
        }
    }
    machine.containers.assign(container, address);
    let result = processes(machine, container, options, &own, &directory, ordered).await;
    if result.is_err() {
        container.change(|record| record.address = None);
    }
    result
}

async fn processes(
    machine: &Machine,
    container: &Arc<Container>,
    options: &Options,
    own: &str,
    directory: &str,
    ordered: Option<&'static Failure>,
) -> Result<Stats, Failed> {
    for port in super::ps::published(container) {
        let taken = machine
            .containers
            .running()
            .iter()
            .any(|other| other.id != container.id && other.plan.ports.contains(port));
        if taken {
            return Err(Failed::new(format!(
                "cannot listen on the TCP port: listen tcp4 :{port}: bind: address already in use"
            )));
        }
    }
    if machine.containers.is_hindered(machine, &container.id) {
        return Err(Failed::new("OCI runtime error: crun: write file `devices.deny`: Invalid argument"));
    }
    let effect = ordered.and_then(|failure| failure.effect(Stage::Restore));
    let restored =
        criu::restore(machine, container, directory, &format!("{own}/restore.log"), options.allowed, ordered)
            .await;
    let stats = restored.map_err(|stopped| {
        // As seen: Podman removes no control group of a restore that failed.
        machine.containers.leave_control_group(&container.id);
        wrapped(machine, container, &stopped, Stage::Restore)
    })?;
    machine.spend(AFTER).await;
    let dies = effect == Some(Effect::RestoredThenDies) || criu::lacks_instructions(machine, directory);
    if effect == Some(Effect::RestoredIncomplete) {
        lose_a_file(machine, container);
    }
    machine.containers.start(container, Beginning::Restored).map_err(|error| {
        Failed::new(format!(
            "mounting the container's root file system: {}",
            error.to_string().to_lowercase()
        ))
    })?;
    machine.containers.tell(container, "restore", None);
    if !options.keep {
        for name in [
            "checkpoint",
            "restore.log",
            "stats-dump",
            "network.status",
            "devshm-checkpoint.tar",
            "rootfs-diff.tar",
            "deleted.files",
            "dump.log",
        ] {
            disk::remove(machine, &format!("{own}/{name}"));
        }
    }
    if dies {
        // The first of the missing instructions comes soon.
        machine.containers.die_soon(container, 128 + 4);
    }
    Ok(stats)
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
