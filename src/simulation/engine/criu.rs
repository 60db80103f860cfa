//! CRIU: processes written out and made again, for whichever engine asks; and the `criu` command.
//!
//! An image begins with CRIU's magic numbers and goes on with JSON of ours where CRIU has protocol buffers: only
//! the restore below reads it. The inventory holds length and hash of every other image.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::container::{Container, Freezer};
use super::criu_log::{self, Log};
use super::disk;
use super::pages::{self, PAGE, noise};
use super::program::Program;
use crate::fleet::HostName;
use crate::simulation::failure::{Effect, Failure, failure};
use crate::simulation::load::Level;
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::{Process, Ran};
use crate::simulation::scenario::{CgroupVersion, ContainerPlan, Peculiarity, Stage, Version, Workload};

/// The first bytes of every image: `IMG_COMMON_MAGIC` of criu/include/magic.h.
const MAGIC: &[u8; 4] = &0x5456_4319u32.to_le_bytes();

/// A dump without memory, measured on the lab with a freezer that is shut already.
const DUMP: Duration = Duration::from_millis(60);

/// CRIU asks a freezer of version 1 that is not shut again after so long.
const FREEZING: Duration = Duration::from_millis(100);

/// A restore without memory, measured on the lab.
const RESTORE: Duration = Duration::from_millis(120);

/// Bytes of memory written and read each second, measured on the lab with 512 MiB.
const WRITE_RATE: f64 = 1.2e9;
const READ_RATE: f64 = 1.5e9;

/// What a dump or a restore is allowed to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// `--tcp-established`
    pub tcp_established: bool,
    /// `--file-locks`
    pub file_locks: bool,
}

/// What CRIU counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Until all processes stood still.
    pub freezing: Duration,
    /// While they stood still.
    pub frozen: Duration,
    /// Writing, or reading, their memory.
    pub memory: Duration,
    /// Pages.
    pub pages: u64,
}

/// Why a dump or a restore ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// As the catalogue says.
    Failed(&'static Failure),
    /// With these last lines in the log.
    Lines(Vec<String>),
    /// A file could not be written.
    Disk(Errno),
}

/// A process as `core-1.img` describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Core {
    /// What it has done.
    pub program: Program,
    /// Its first name and host.
    origin: (String, String),
    workload: String,
    memory: u64,
    dirty_rate: u64,
    cpu: f64,
    sockets: u32,
    peculiar: Vec<String>,
    /// Of what is drawn for it.
    pub seed: u64,
}

/// What `inventory.img` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Inventory {
    criu: String,
    architecture: String,
    cpu_flags: Vec<String>,
    tcp_established: bool,
    file_locks: bool,
    images: BTreeMap<String, (u64, String)>,
}

impl Core {
    fn of(container: &Container) -> Self {
        let plan = &container.plan;
        let record = container.record();
        let word = |wanted: &Peculiarity| {
            Peculiarity::ALL.into_iter().find(|(_, one)| one == wanted).map(|(word, _)| word.to_owned())
        };
        Self {
            program: record.program,
            origin: (plan.host.to_string(), plan.name.clone()),
            workload: plan.workload.word().into(),
            memory: plan.memory,
            dirty_rate: plan.dirty_rate,
            cpu: plan.cpu.get(),
            sockets: plan.sockets,
            peculiar: plan.peculiar.iter().filter_map(word).collect(),
            seed: container.seed,
        }
    }

    /// Puts what is a process' own into a plan.
    pub fn complete(&self, plan: &mut ContainerPlan) {
        let workloads = [Workload::Counter, Workload::Redis, Workload::Web, Workload::Looper, Workload::Idle];
        if let Some(workload) = workloads.into_iter().find(|workload| workload.word() == self.workload) {
            plan.workload = workload;
        }
        if let Ok(host) = HostName::new(&self.origin.0) {
            plan.host = host;
        }
        plan.name = self.origin.1.clone();
        plan.memory = self.memory;
        plan.dirty_rate = self.dirty_rate;
        plan.cpu = Level::new(self.cpu).unwrap_or_default();
        plan.sockets = self.sockets;
        let known =
            |word: &String| Peculiarity::ALL.into_iter().find(|(one, _)| one == word).map(|(_, one)| one);
        plan.peculiar = self.peculiar.iter().filter_map(known).collect();
    }
}

/// Reads the process from images, as far as it can be read: a restore finds out what is wrong with them.
pub fn core(content: &Content) -> Option<Core> {
    image_json(content)
}

fn image_json<T: for<'a> Deserialize<'a>>(content: &Content) -> Option<T> {
    let whole = content.whole();
    serde_json::from_slice(whole.get(8..)?).ok()
}

/// An image: the magic numbers, then this.
fn image(number: u32, body: &[u8]) -> Content {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(body);
    Content::from(Bytes::from(bytes))
}

fn json_image(number: u32, value: &impl Serialize) -> Content {
    image(number, &serde_json::to_vec(value).unwrap_or_default())
}

/// Small images that hold nothing here: name, magic number, bytes as seen on the lab.
const OTHERS: [(&str, u32, usize); 15] = [
    ("cgroup.img", 0x5933_0429, 4948),
    ("fdinfo-2.img", 0x5632_4021, 56),
    ("files.img", 0x5630_3138, 417),
    ("fs-1.img", 0x5135_1034, 18),
    ("ids-1.img", 0x5447_3117, 36),
    ("ipcns-var-11.img", 0x5343_3116, 82),
    ("mm-1.img", 0x5749_2820, 539),
    ("mountpoints-13.img", 0x5527_5214, 4087),
    ("netns-10.img", 0x5933_2917, 26),
    ("pstree.img", 0x5027_3030, 20),
    ("seccomp.img", 0x6426_2530, 18668),
    ("timens-0.img", 0x4309_5117, 34),
    ("tmpfs-dev-103.tar.gz.img", 0x5647_1117, 379),
    ("tmpfs-dev-106.tar.gz.img", 0x5647_1118, 284),
    ("utsns-12.img", 0x5447_3203, 34),
];

/// Why a container cannot be dumped with what is allowed.
fn objection(container: &Container, allowed: Allowed) -> Option<&'static Failure> {
    if container.plan.sockets > 0 && !allowed.tcp_established {
        return failure("F29");
    }
    if container.is(Peculiarity::FileLock) && !allowed.file_locks {
        return failure("F39");
    }
    container.plan.peculiar.iter().find_map(|one| failure(one.failure()?))
}

/// Freezes a container's processes and writes them into a directory, with a log at `log`. Where it fails they run
/// on; where it works they stand still until the engine ends them or thaws them ([`thaw`]).
pub async fn dump(
    machine: &Machine,
    container: &Container,
    directory: &str,
    log: &str,
    allowed: Allowed,
    ordered: Option<&'static Failure>,
) -> Result<Stats, Stopped> {
    let was = container.record().freezer;
    let freezing = if machine.plan.cgroup == CgroupVersion::One && was == Freezer::Thawed {
        FREEZING
    } else {
        Duration::from_millis(1)
    };
    machine.spend(freezing).await;
    machine.containers.freeze(container, Freezer::Frozen);
    let memory = Duration::from_secs_f64(container.memory() as f64 / WRITE_RATE);
    let stats = Stats { freezing, frozen: DUMP + memory, memory, pages: container.memory().div_ceil(PAGE) };
    let mut written = criu_log::dump(machine, container, stats);
    let ordered = ordered.filter(|failure| failure.effect(Stage::Checkpoint) == Some(Effect::RunsOn));
    let result = match ordered.or_else(|| objection(container, allowed)) {
        Some(failure) => {
            machine.spend(DUMP / 2).await;
            Err(Stopped::Failed(failure))
        }
        None => {
            machine.spend(DUMP + memory).await;
            container.change(|record| record.program.dumps += 1);
            write(machine, container, directory, allowed).await.map_err(Stopped::Disk)
        }
    };
    match &result {
        Ok(()) => written.finish_dump(),
        Err(stopped) => {
            written.fail(stopped, Stage::Checkpoint, container);
            disk::remove(machine, directory);
        }
    }
    // Without room for the log there is none.
    let _ = disk::put(machine, log, written.text(), 0o600);
    if result.is_err() {
        machine.containers.freeze(container, was);
    }
    result.map(|()| stats)
}

/// Lets dumped processes run on.
pub fn thaw(machine: &Machine, container: &Container) {
    machine.containers.freeze(container, Freezer::Thawed);
}

async fn write(
    machine: &Machine,
    container: &Container,
    directory: &str,
    allowed: Allowed,
) -> Result<(), Errno> {
    disk::remove(machine, directory);
    disk::directory(machine, directory, 0o700)?;
    let core = Core::of(container);
    let memory = pages::pages(core.seed, core.program.dumps, container.memory());
    if !disk::has_room(machine, directory, memory.length()) {
        return Err(Errno::NoSpace);
    }
    let map: Vec<(u64, u64)> = vec![(0x40_0000, memory.length() / PAGE)];
    let mut images = vec![
        ("core-1.img", json_image(0x5505_3847, &core)),
        ("pagemap-1.img", json_image(0x5608_4025, &map)),
        ("pages-1.img", memory),
    ];
    for (name, number, length) in OTHERS {
        images.push((name, image(number, &noise(core.seed ^ u64::from(number), length.saturating_sub(8)))));
    }
    let mut inventory = Inventory {
        criu: machine.plan.criu.as_ref().map(Version::to_string).unwrap_or_default(),
        architecture: machine.plan.architecture.to_string(),
        cpu_flags: machine.plan.cpu_flags.clone(),
        tcp_established: allowed.tcp_established,
        file_locks: allowed.file_locks,
        images: BTreeMap::new(),
    };
    for (name, content) in images {
        inventory.images.insert(name.to_owned(), (content.length(), pages::hash(&content).await));
        disk::put(machine, &format!("{directory}/{name}"), content, 0o644)?;
    }
    let descriptors = "[\"/dev/null\",\"pipe:[54372]\",\"pipe:[54373]\"]";
    disk::put(machine, &format!("{directory}/descriptors.json"), descriptors, 0o700)?;
    disk::put(machine, &format!("{directory}/inventory.img"), json_image(0x5831_3116, &inventory), 0o644)?;
    Ok(())
}

/// Reads the images in a directory and makes sure that they can be restored here and are whole. The container is
/// ready to go on after it; nothing of it runs yet.
pub async fn restore(
    machine: &Machine,
    container: &Container,
    directory: &str,
    log: &str,
    allowed: Allowed,
    ordered: Option<&'static Failure>,
) -> Result<Stats, Stopped> {
    let length = container.plan.memory.next_multiple_of(PAGE);
    let memory = Duration::from_secs_f64(length as f64 / READ_RATE);
    let stats = Stats { freezing: Duration::ZERO, frozen: RESTORE + memory, memory, pages: length / PAGE };
    let mut written = criu_log::restore(machine, container, stats);
    let result = async {
        machine.spend(RESTORE).await;
        let half = |failure: &Failure| {
            matches!(
                failure.effect(Stage::Restore),
                Some(Effect::HalfMade | Effect::HalfMadeWithControlGroups)
            )
        };
        if let Some(failure) = ordered.filter(|failure| half(failure)) {
            return Err(Stopped::Failed(failure));
        }
        let core = check(machine, directory, allowed).await?;
        machine.spend(memory).await;
        let used = machine.plan.memory_used + machine.containers.memory();
        if used.saturating_add(length) > machine.plan.memory + machine.plan.swap {
            return Err(lines(["Error (criu/cr-restore.c:1480): 1 killed by signal 9: Killed"]));
        }
        container.change(|record| record.program = core.program.clone());
        Ok(())
    }
    .await;
    match &result {
        Ok(()) => written.finish_restore(),
        Err(stopped) => written.fail(stopped, Stage::Restore, container),
    }
    let _ = disk::put(machine, log, written.text(), 0o600);
    result.map(|()| stats)
}

fn lines<const N: usize>(lines: [&str; N]) -> Stopped {
    Stopped::Lines(lines.map(str::to_owned).to_vec())
}

async fn check(machine: &Machine, directory: &str, allowed: Allowed) -> Result<Core, Stopped> {
    let image = |name: &str| disk::read(machine, &format!("{directory}/{name}"));
    let inventory: Option<Inventory> = image("inventory.img").as_ref().and_then(image_json);
    let Some(inventory) = inventory else {
        return Err(lines(["Error (criu/image.c:88): Failed to read the inventory"]));
    };
    let named = |id: &str| failure(id).map_or_else(|| lines([]), Stopped::Failed);
    if inventory.architecture != machine.plan.architecture.word() {
        return Err(named("F24"));
    }
    let numbers = |text: &str| Version::new(text).map(|version| version.numbers()).unwrap_or_default();
    let own = machine.plan.criu.as_ref().map(Version::numbers).unwrap_or_default();
    // The images' format changes with the first two numbers.
    if numbers(&inventory.criu).into_iter().take(2).gt(own.into_iter().take(2)) {
        return Err(named("F68"));
    }
    if inventory.tcp_established && !allowed.tcp_established {
        let core: Option<Core> = image("core-1.img").as_ref().and_then(core);
        if core.is_some_and(|core| core.sockets > 0) {
            return Err(named("F30"));
        }
    }
    for (name, (length, hash)) in &inventory.images {
        let Some(content) = image(name) else {
            let line = format!("Error (criu/image.c:465): Unable to open {name}: No such file or directory");
            return Err(if name.starts_with("pages") {
                lines([
                    "pie: 1: Error (criu/pie/restorer.c:1907): Can't read pages data (-9)",
                    "pie: 1: Error (criu/pie/restorer.c:2332): Restorer fail 1",
                ])
            } else {
                lines([line.as_str()])
            });
        };
        if content.length() != *length || pages::hash(&content).await != *hash {
            let line = format!(
                "Error (criu/pagemap.c:432): {name}: {} bytes that are not those of the dump ({length})",
                content.length()
            );
            return Err(lines([line.as_str()]));
        }
    }
    image("core-1.img")
        .as_ref()
        .and_then(core)
        .ok_or_else(|| lines(["Error (criu/image.c:702): Unable to read core-1.img"]))
}

/// Whether what was dumped may use instructions that this processor does not have.
pub fn lacks_instructions(machine: &Machine, directory: &str) -> bool {
    let inventory = disk::read(machine, &format!("{directory}/inventory.img"));
    let inventory: Option<Inventory> = inventory.as_ref().and_then(image_json);
    inventory.is_some_and(|inventory| {
        // Flags that are a property of the machine below and not of what programs may use.
        let own = |flag: &&String| !machine.plan.cpu_flags.contains(flag) && !flag.starts_with("hypervisor");
        inventory.cpu_flags.iter().any(|flag| own(&flag))
    })
}

/// `criu`: its version, and whether it works here.
pub async fn main(process: &mut Process, words: &[String]) -> Ran {
    let machine = process.machine.clone();
    let version = machine.plan.criu.as_ref().map(Version::to_string).unwrap_or_default();
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    match words.as_slice() {
        ["--version" | "-V", ..] => {
            process.out(format!("Version: {version}\n")).await?;
            Ok(0)
        }
        ["check"] | ["check", "--all" | "--extra"] => {
            machine.spend(Duration::from_millis(40)).await;
            if let Some(failure) = machine.reached(Stage::Checks, "").await {
                for line in failure.criu_log(Stage::Checks, &[]) {
                    process.complain(line).await;
                }
                return Ok(1);
            }
            // What it found out about the kernel is kept until the next boot.
            if let Ok(file) = process.open("/run/criu.kdat", Access::Write).await {
                let _ = file.write(Bytes::from_static(b"kdat")).await;
            }
            process.out("Looks good.\n").await?;
            Ok(0)
        }
        ["check", "--feature", feature] => {
            machine.spend(Duration::from_millis(10)).await;
            match *feature {
                "mem_dirty_track" => {
                    process.complain("Warn  (criu/cr-check.c:824): Dirty tracking is OFF. Memory snapshot will not work.").await;
                    Ok(1)
                }
                "uffd"
                | "uffd-noncoop"
                | "timens"
                | "seccomp_filters"
                | "network_lock_nftables"
                | "loginuid" => {
                    process.out(format!("{feature} is supported\n")).await?;
                    Ok(0)
                }
                _ => {
                    process
                        .complain(format!("Error (criu/cr-check.c:1720): Unknown feature: {feature}"))
                        .await;
                    Ok(1)
                }
            }
        }
        ["cpuinfo", "dump" | "check"] => Ok(0),
        _ => {
            process
                .complain("Error (criu/crtools.c:278): this criu knows --version, check and cpuinfo only")
                .await;
            Ok(1)
        }
    }
}

impl Log {
    fn fail(&mut self, stopped: &Stopped, stage: Stage, container: &Container) {
        let pid = container.pid().unwrap_or(1).to_string();
        let name = container.name();
        let blanks = [("pid", pid.as_str()), ("container", name.as_str()), ("id", container.id.as_str())];
        let lines = match stopped {
            Stopped::Failed(failure) => failure.criu_log(stage, &blanks),
            Stopped::Lines(lines) => {
                let mut lines = lines.clone();
                lines.push("Error (criu/cr-restore.c:2331): Restoring FAILED.".into());
                lines
            }
            Stopped::Disk(error) => vec![
                format!("Error (criu/page-xfer.c:267): Unable to spill data: {error}"),
                "Error (criu/cr-dump.c:2111): Dumping FAILED.".into(),
            ],
        };
        for line in lines {
            self.line(&line);
        }
    }
}
