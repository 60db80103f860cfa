//! The containers of a machine: made, started, frozen, ended, removed.
//!
//! This is what an engine's commands and its API stand on. What is in here survives a reboot, as an engine's
//! database does; processes and mounts do not.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use super::belongings::{Networks, Volumes};
use super::container::{Address, Container, Ending, Freezer, Images as Kept, Live, Spec, State};
use super::disk;
use super::docker;
use super::events::Events;
use super::image::{Images, link_name};
use super::program;
use crate::simulation::locked;
use crate::simulation::machine::Machine;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::namespace::Mount;
use crate::simulation::machine::overlay::Overlay;
use crate::simulation::machine::signal::Signal;
use crate::simulation::scenario::{CgroupVersion, ContainerPlan, Engine, Peculiarity, Workload};

/// The containers of one machine, and what belongs to them.
#[derive(Debug)]
pub struct Containers {
    pub(super) machine: Weak<Machine>,
    table: Mutex<Table>,
    /// What happened to them.
    pub events: Events,
    /// Their images.
    pub images: Images,
    /// Their volumes.
    pub volumes: Volumes,
    /// Their networks.
    pub networks: Networks,
    /// What is Docker's of these, and its own.
    pub docker: docker::Store,
}

#[derive(Debug, Default)]
struct Table {
    all: Vec<Arc<Container>>,
    locks: u32,
    /// Control groups that failed restores have left, by the container's id.
    left_groups: BTreeSet<String>,
}

/// Why no container was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFound {
    /// None has this name or id.
    Missing,
    /// Several ids begin so.
    Ambiguous,
}

/// Why a container was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotMade {
    /// Its name is that of the container with this id.
    NameInUse(String),
    /// Its id is taken.
    IdInUse,
    /// A file could not be written.
    Disk(Errno),
}

impl From<Errno> for NotMade {
    fn from(error: Errno) -> Self {
        Self::Disk(error)
    }
}

/// Whether a container begins anew or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// Its program starts.
    Anew,
    /// Its program goes on where it was frozen.
    Restored,
}

impl Containers {
    /// None yet, on a machine that is being made.
    pub fn new(machine: Weak<Machine>) -> Self {
        Self {
            machine,
            table: Mutex::default(),
            events: Events::default(),
            images: Images::default(),
            volumes: Volumes::default(),
            networks: Networks::default(),
            docker: docker::Store::default(),
        }
    }

    /// All, the oldest first.
    pub fn all(&self) -> Vec<Arc<Container>> {
        locked(&self.table).all.clone()
    }

    /// Those of an engine, the oldest first.
    pub fn of(&self, engine: Engine) -> Vec<Arc<Container>> {
        self.all().into_iter().filter(|container| container.plan.engine == engine).collect()
    }

    /// The volumes of an engine.
    pub fn volumes_of(&self, engine: Engine) -> &Volumes {
        if engine == Engine::Docker { &self.docker.volumes } else { &self.volumes }
    }

    /// The networks of an engine.
    pub fn networks_of(&self, engine: Engine) -> &Networks {
        if engine == Engine::Docker { &self.docker.networks } else { &self.networks }
    }

    /// Those with processes.
    pub fn running(&self) -> Vec<Arc<Container>> {
        self.all().into_iter().filter(|container| container.state().live().is_some()).collect()
    }

    /// The one to which a process belongs.
    pub fn of_process(&self, pid: u32) -> Option<Arc<Container>> {
        self.all().into_iter().find(|container| container.pid() == Some(pid))
    }

    /// One by its name, its id or the beginning of that.
    pub fn find(&self, wanted: &str) -> Result<Arc<Container>, NotFound> {
        Self::find_in(self.all(), wanted)
    }

    /// The same among those of an engine.
    pub fn find_of(&self, engine: Engine, wanted: &str) -> Result<Arc<Container>, NotFound> {
        Self::find_in(self.of(engine), wanted)
    }

    fn find_in(all: Vec<Arc<Container>>, wanted: &str) -> Result<Arc<Container>, NotFound> {
        let exact = all.iter().find(|container| container.id == wanted || container.name() == wanted);
        if let Some(container) = exact {
            return Ok(container.clone());
        }
        let mut matching =
            all.into_iter().filter(|container| !wanted.is_empty() && container.id.starts_with(wanted));
        let first = matching.next().ok_or(NotFound::Missing)?;
        if matching.next().is_some() { Err(NotFound::Ambiguous) } else { Ok(first) }
    }

    /// The control groups that are there, by the container's id: those of containers with processes, and those
    /// that failed restores have left.
    pub fn control_groups(&self) -> BTreeSet<String> {
        let running = self.running().into_iter().map(|container| container.id.clone());
        let left = locked(&self.table).left_groups.clone();
        running.chain(left).collect()
    }

    /// The paths of those control groups. Only Podman leaves any: runC takes its own away whatever happens.
    pub fn control_group_paths(&self) -> BTreeSet<String> {
        let running = self.running().into_iter().map(|container| container.control_group());
        let left = locked(&self.table).left_groups.clone();
        running.chain(left.iter().map(|id| super::container::control_group(id))).collect()
    }

    /// Leaves the control groups of a container that is not there.
    pub fn leave_control_group(&self, id: &str) {
        locked(&self.table).left_groups.insert(id.to_owned());
    }

    /// Removes a container's control groups, as `rmdir` does: only where nothing is in them.
    pub fn remove_control_group(&self, id: &str) -> Result<(), Errno> {
        if self.running().iter().any(|container| container.id == id) {
            return Err(Errno::Busy);
        }
        if locked(&self.table).left_groups.remove(id) { Ok(()) } else { Err(Errno::NotFound) }
    }

    /// Whether left control groups keep a container from being restored: those of version 1 cannot be set up twice.
    pub fn is_hindered(&self, machine: &Machine, id: &str) -> bool {
        machine.plan.cgroup == CgroupVersion::One && locked(&self.table).left_groups.contains(id)
    }

    /// Memory that their processes use, bytes.
    pub fn memory(&self) -> u64 {
        self.running().iter().map(|container| container.memory()).sum()
    }

    /// Makes a container with its files; it does not run yet.
    pub fn create(&self, spec: Spec) -> Result<Arc<Container>, NotMade> {
        let machine = self.machine.upgrade().ok_or(Errno::NoProcess)?;
        let all = self.of(spec.plan.engine);
        if all.iter().any(|other| other.id == spec.id) {
            return Err(NotMade::IdInUse);
        }
        if let Some(other) = all.iter().find(|other| other.name() == spec.name) {
            return Err(NotMade::NameInUse(other.id.clone()));
        }
        let lock = {
            let mut table = locked(&self.table);
            table.locks += 1;
            table.locks - 1
        };
        let container = Arc::new(Container::new(spec, lock));
        if let Err(error) = self.make_files(&machine, &container) {
            remove_files(&machine, &container);
            return Err(error.into());
        }
        locked(&self.table).all.push(container.clone());
        self.tell(&container, "create", None);
        Ok(container)
    }

    fn make_files(&self, machine: &Machine, container: &Container) -> Result<(), Errno> {
        if container.plan.engine == Engine::Runc {
            // All of its files are in its bundle, which is there before it and stays after it.
            return disk::directory(machine, &container.static_directory(), 0o711).map(|_| ());
        }
        let overlay = container.overlay();
        let place = container.place();
        let upper = disk::directory(machine, &container.upper(), 0o755)?;
        disk::directory(machine, &format!("{place}/work"), 0o700)?;
        disk::directory(machine, &container.merged(), 0o755)?;
        let link = link_name(&container.layer);
        disk::put(machine, &format!("{place}/link"), link.clone(), 0o644)?;
        let lowers: Vec<String> =
            container.layers.iter().rev().map(|layer| format!("l/{}", link_name(layer))).collect();
        disk::put(machine, &format!("{place}/lower"), lowers.join(":"), 0o644)?;
        disk::link(machine, &format!("{overlay}/l/{link}"), &format!("../{}/diff", container.layer))?;
        let own = container.static_directory();
        let directories: &[(&str, u32)] = match container.plan.engine {
            Engine::Docker => &[("checkpoints", 0o700), ("mounts", 0o710)],
            Engine::Podman | Engine::Runc => &[("artifacts", 0o755), ("secrets", 0o755), ("shm", 0o1777)],
        };
        for (name, mode) in directories {
            disk::directory(machine, &format!("{own}/{name}"), *mode)?;
        }
        if container.plan.engine == Engine::Docker {
            docker::make_files(machine, container)?;
        }
        // Files of a system that no image here has.
        for file in &container.plan.files {
            let seed = container.seed
                ^ file.path.bytes().fold(0, |sum: u64, byte| sum * 31 % 65_521 + u64::from(byte));
            let mut content = super::pages::pages(seed, 0, file.size);
            content.resize(file.size);
            disk::put(machine, &format!("{}{}", container.upper(), file.path), content, 0o644)?;
        }
        upper.change(|metadata| metadata.modified = container.created);
        for volume in &container.plan.volumes {
            let volumes = self.volumes_of(container.plan.engine);
            if volumes.get(&volume.name).is_none() {
                volumes.create(machine, &volume.name, volume.size)?;
            }
        }
        Ok(())
    }

    /// Mounts a container's root file system, and says whether that worked.
    pub fn mount(&self, machine: &Machine, container: &Container) -> Result<(), Errno> {
        let (merged, overlay) = (container.merged(), container.overlay());
        if container.plan.engine == Engine::Runc {
            return disk::node(machine, &merged).map(|_| ()).ok_or(Errno::NotFound);
        }
        if machine.namespace.mount_of(&merged).is_some_and(|mount| mount.at == merged) {
            return Ok(());
        }
        let lowers: Option<Vec<_>> = container
            .layers
            .iter()
            .rev()
            .map(|layer| disk::node(machine, &format!("{overlay}/{layer}/diff")))
            .collect();
        let lowers = lowers.ok_or(Errno::NotFound)?;
        let upper = disk::node(machine, &container.upper()).ok_or(Errno::NotFound)?;
        let root = Overlay::mounted(lowers, Some(upper)).ok_or(Errno::NotFound)?;
        let lower: Vec<String> =
            container.layers.iter().rev().map(|layer| format!("{overlay}/l/{}", link_name(layer))).collect();
        machine.namespace.mount(Mount {
            at: merged,
            root,
            kind: "overlay".into(),
            source: "overlay".into(),
            options: format!(
                "rw,relatime,lowerdir={},upperdir={},workdir={}/work",
                lower.join(":"),
                container.upper(),
                container.place()
            ),
        });
        Ok(())
    }

    /// Gives a container an address, the wanted one or the next.
    pub fn assign(&self, container: &Container, wanted: Option<Address>) -> Option<Address> {
        let network = container.network.as_deref()?;
        let address = wanted.or_else(|| {
            let engine = container.plan.engine;
            let taken: Vec<Ipv4Addr> =
                self.holders_of(engine, network).into_iter().map(|(address, _)| address.ip).collect();
            let ip = self.networks_of(engine).next_address(network, &taken)?;
            if engine == Engine::Docker {
                return Some(Address { ip, mac: docker::mac(ip) });
            }
            // Locally administered, drawn from the container's id and its address.
            let hash = crate::simulation::digest(format!("{} {ip}", container.id));
            let byte =
                |index: usize| u8::from_str_radix(hash.get(index..index + 2).unwrap_or("0"), 16).unwrap_or(0);
            let mac = [byte(0) & 0xfc | 2, byte(2), byte(4), byte(6), byte(8), byte(10)];
            Some(Address { ip, mac })
        });
        container.change(|record| record.address = address);
        address
    }

    /// The addresses in use on a network, with those who have them.
    pub fn holders(&self, network: &str) -> Vec<(Address, Arc<Container>)> {
        self.holders_of(Engine::Podman, network)
    }

    /// The same of a network of some engine.
    pub fn holders_of(&self, engine: Engine, network: &str) -> Vec<(Address, Arc<Container>)> {
        let on_it =
            self.of(engine).into_iter().filter(|container| container.network.as_deref() == Some(network));
        on_it.filter_map(|container| Some((container.record().address?, container))).collect()
    }

    /// Lets a container's processes begin, or go on.
    pub fn start(&self, container: &Arc<Container>, beginning: Beginning) -> Result<(), Errno> {
        let machine = self.machine.upgrade().ok_or(Errno::NoProcess)?;
        self.mount(&machine, container)?;
        if container.record().address.is_none() {
            self.assign(container, None);
        }
        let now = machine.clock.now();
        let workload = container.plan.workload;
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let parent = match container.plan.engine {
            Engine::Podman => Some(words(&[
                "/usr/bin/conmon",
                "--api-version",
                "1",
                "-c",
                &container.id,
                "-u",
                &container.id,
            ])),
            Engine::Docker => Some(docker::shim(&container.id)),
            Engine::Runc => None,
        };
        let ignored = Signal::ALL.into_iter().filter(|signal| *signal != Signal::Kill).collect();
        let conmon = parent.map(|parent| machine.processes.enter(1, now, parent, ignored).id);
        let command = if workload == Workload::Counter && container.command.len() == 1 {
            [words(&["/bin/sh"]), container.command.clone()].concat()
        } else {
            container.command.clone()
        };
        let first = machine.processes.enter(conmon.unwrap_or(1), now, command, program::ignored(workload));
        let live = Live { pid: first.id, conmon: conmon.unwrap_or(first.id) };
        let base = self.counted(&machine, container);
        let calendar = machine.calendar();
        let life = container.change(|record| {
            record.state = State::Running(live);
            record.freezer = Freezer::Thawed;
            record.ending = Ending::Itself;
            record.images = Kept::None;
            record.exit_code = 0;
            record.started = Some(calendar);
            record.life += 1;
            if beginning == Beginning::Anew {
                let dumps = record.program.dumps;
                record.program = program::Program { base, written: base, dumps, ..Default::default() };
                record.restored = None;
            } else {
                record.restored = Some(calendar);
            }
            record.program.ran_before = record.program.ran;
            record.program.go(now);
            record.life
        });
        let pids: &[(&str, u32)] = match container.plan.engine {
            Engine::Podman => &[("pidfile", live.pid), ("conmon.pid", live.conmon)],
            Engine::Docker => &[("init.pid", live.pid)],
            Engine::Runc => &[],
        };
        for (name, pid) in pids {
            let _ =
                disk::put(&machine, &format!("{}/{name}", container.run_directory()), pid.to_string(), 0o644);
        }
        if beginning == Beginning::Anew {
            for line in program::greeting(workload) {
                self.say(&machine, container, line, Duration::ZERO);
            }
        }
        self.settle_one(&machine, container);
        let (weak, container, ended) = (self.machine.clone(), container.clone(), first.ended());
        tokio::spawn(async move {
            let Some(signal) = ended.await else { return };
            if let Some(machine) = weak.upgrade() {
                let code = program::exit_code(container.plan.workload, signal);
                machine.containers.ended(&container, life, code);
            }
        });
        Ok(())
    }

    /// Its first process has ended.
    fn ended(&self, container: &Arc<Container>, life: u64, code: u8) {
        let record = container.record();
        if record.life != life || record.state.live().is_none() {
            return;
        }
        self.end(container, code);
        self.tell(container, "died", Some(code));
        self.tell(container, "cleanup", None);
        if container.is(Peculiarity::AutoRemove) {
            self.remove(container);
        } else if container.is(Peculiarity::RestartAlways) && record.ending == Ending::Itself {
            // A disk without room for a log line does not keep it from starting.
            if self.start(container, Beginning::Anew).is_ok() {
                self.tell(container, "start", None);
            }
        }
    }

    /// Ends a container's processes and takes its mounts away; nobody is told.
    pub fn end(&self, container: &Container, code: u8) {
        let Some(machine) = self.machine.upgrade() else { return };
        self.settle_one(&machine, container);
        let now = machine.clock.now();
        let calendar = machine.calendar();
        let live = container.change(|record| {
            let live = record.state.live();
            record.program.stop(now);
            record.state = State::Exited;
            record.freezer = Freezer::Thawed;
            record.address = None;
            record.exit_code = code;
            record.finished = Some(calendar);
            live
        });
        if let Some(live) = live {
            machine.processes.leave(live.pid);
            machine.processes.leave(live.conmon);
        }
        let _ = machine.namespace.unmount(&container.merged());
        if container.plan.engine != Engine::Runc {
            disk::remove(&machine, &container.run_directory());
        }
    }

    /// Sends a signal to a container's first process.
    pub fn signal(&self, container: &Container, signal: Signal) {
        let Some(machine) = self.machine.upgrade() else { return };
        if let Some(entry) = container.pid().and_then(|pid| machine.processes.get(pid)) {
            entry.signal(signal);
        }
    }

    /// Lets a container's first process end by itself in a moment.
    pub fn die_soon(&self, container: &Arc<Container>, code: u8) {
        const MOMENT: Duration = Duration::from_millis(50);
        let (weak, container, life) = (self.machine.clone(), container.clone(), container.record().life);
        tokio::spawn(async move {
            let Some(clock) = weak.upgrade().map(|machine| machine.clock.clone()) else { return };
            clock.sleep(MOMENT).await;
            if let Some(machine) = weak.upgrade() {
                machine.containers.ended(&container, life, code);
            }
        });
    }

    /// Waits until a container has no processes.
    pub async fn gone(&self, container: &Container) {
        // Its end is told; what was told before listening began is seen at once.
        loop {
            let mut events = self.events.listen();
            if container.state().live().is_none() {
                return;
            }
            let _ = events.recv().await;
        }
    }

    /// Shuts or opens a container's freezer, as a write into its control group does.
    pub fn freeze(&self, container: &Container, freezer: Freezer) {
        let Some(machine) = self.machine.upgrade() else { return };
        self.settle_one(&machine, container);
        let now = machine.clock.now();
        container.change(|record| {
            record.freezer = freezer;
            match (freezer, record.state) {
                (Freezer::Thawed, State::Running(_)) => record.program.go(now),
                _ => record.program.stop(now),
            }
        });
    }

    /// `podman pause` and `unpause`; the states must fit.
    pub fn pause(&self, container: &Container, paused: bool) {
        let Some(machine) = self.machine.upgrade() else { return };
        self.settle_one(&machine, container);
        let now = machine.clock.now();
        container.change(|record| {
            if let Some(live) = record.state.live() {
                record.state = if paused { State::Paused(live) } else { State::Running(live) };
                if paused { record.program.stop(now) } else { record.program.go(now) }
            }
        });
        self.tell(container, if paused { "pause" } else { "unpause" }, None);
    }

    /// Puts a container with another plan in the place of one of the same id, and gives it back.
    pub(super) fn replan(
        &self,
        container: &Arc<Container>,
        plan: ContainerPlan,
        seed: u64,
    ) -> Arc<Container> {
        let other = Arc::new(container.with_plan(plan, seed));
        for place in &mut locked(&self.table).all {
            if Arc::ptr_eq(place, container) {
                *place = other.clone();
            }
        }
        other
    }

    /// Takes a container away with its files; its processes end first.
    pub fn remove(&self, container: &Arc<Container>) {
        let Some(machine) = self.machine.upgrade() else { return };
        if container.state().live().is_some() {
            self.end(container, 137);
            self.tell(container, "died", Some(137));
        }
        let _ = machine.namespace.unmount(&container.merged());
        locked(&self.table).all.retain(|other| !Arc::ptr_eq(other, container));
        remove_files(&machine, container);
        let _ = self.remove_control_group(&container.id);
        self.tell(container, "remove", None);
    }

    /// Tells what happened to a container.
    pub fn tell(&self, container: &Container, status: &'static str, exit_code: Option<u8>) {
        let at = self.machine.upgrade().map(|machine| machine.calendar()).unwrap_or_default();
        self.events.tell(container, status, at, exit_code);
    }

    /// The power is gone: what ran has ended without a word.
    pub fn power_cut(&self) {
        for container in self.running() {
            self.end(&container, 137);
        }
        let mut table = locked(&self.table);
        table.left_groups.clear();
        // What runC knows of is in memory only.
        table.all.retain(|container| container.plan.engine != Engine::Runc);
    }
}

fn remove_files(machine: &Machine, container: &Container) {
    if container.plan.engine == Engine::Runc {
        return disk::remove(machine, &container.static_directory());
    }
    disk::remove(machine, &container.place());
    disk::remove(machine, &format!("{}/l/{}", container.overlay(), link_name(&container.layer)));
    let own = container.static_directory();
    disk::remove(machine, own.trim_end_matches("/userdata"));
    disk::remove(machine, container.run_directory().trim_end_matches("/userdata"));
}
