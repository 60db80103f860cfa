//! Up, down, and single hosts.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::base::{Built, build};
use super::cgroup::{self, Layout};
use super::host::{self, Site, Workloads};
use super::lock::Lock;
use super::places::{Owner, Places, private_directory, write};
use super::program::remove_tree;
use super::progress::{Progress, Report};
use super::record::{ProcessMark, Record, Samples, boot, check_owner, claim};
use super::{LabError, LabName, Options, keys, lxcfs, machine, network};

/// A lab that is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lab {
    /// Its name.
    pub name: LabName,
    /// The fleet file that leads to its hosts.
    pub fleet_file: PathBuf,
    /// Its hosts.
    pub hosts: Vec<LabHost>,
}

/// One host of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabHost {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
}

/// What becomes of the hosts' disks when a lab goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disks {
    /// They are removed.
    Remove,
    /// They are kept for the next `up`.
    Keep,
}

/// A lab's places, locked.
struct Locked {
    places: Places,
    record: Option<Record>,
    lock: Lock,
}

fn lock(name: &LabName, report: Report<'_>) -> Result<Locked, LabError> {
    machine::check()?;
    let places = Places::of(name)?;
    // A lab of somebody else is refused at once, whatever its owner is doing with it.
    check_owner(name, &places, None)?;
    let lock = Lock::take(&places.lock, || {
        report(Progress::Note(format!("another drover is working on the lab “{name}”: waiting for it")));
    })?;
    let record = Record::load(&places)?;
    check_owner(name, &places, record.as_ref())?;
    Ok(Locked { places, record, lock })
}

/// Brings a lab up, or what of it is missing.
pub fn ensure_up(options: &Options, report: Report<'_>) -> Result<Lab, LabError> {
    let name = &options.name;
    machine::check()?;
    machine::check_tools()?;
    let Locked { places, record, lock: _lock } = lock(name, report)?;
    let layout = Layout::read()?;
    let mut built = build(&places, options.mirror.as_ref(), report)?;
    claim(&places)?;
    let mut record = plan(options, record, &built, report);
    // Hosts that are up stand on the base they were started with, and their disks are made for it.
    if record.base.is_dir() {
        built.base.clone_from(&record.base);
    } else {
        record.base.clone_from(&built.base);
    }

    let missing: Vec<String> =
        record.hosts.iter().filter(|host| host.init.is_none()).map(|host| host.name.clone()).collect();
    if missing.len() == record.hosts.len() {
        record.since = now();
        record.boot = boot();
    }
    // Whatever an `up` that was killed has left of them.
    let groups: Vec<String> = missing.iter().map(|host| name.group(host)).collect();
    cgroup::sweep(&layout, &places, &groups)?;
    {
        let _lock = Lock::take(&Places::network_lock(), || {})?;
        let wanted = (record.network != 0 || missing.len() < record.hosts.len()).then_some(record.network);
        record.network = network::bring_up(name, wanted)?;
    }
    for host in record.hosts.iter().filter(|host| host.init.is_some()) {
        network::reconnect(name, &record, host)?;
    }
    keys::write_all(name, &places, &record)?;
    for host in &record.hosts {
        host::write_names(&places, &record, host)?;
    }
    record.store(&places)?;
    if missing.len() < record.hosts.len() && !lxcfs::answers(&places) {
        report(Progress::Note(
            "lxcfs does not answer, so the running hosts cannot show memory and load of their own: \
             “drover lab down --keep”, then up, may mend it"
                .into(),
        ));
    }
    if !missing.is_empty() {
        start_lxcfs(&places, report);
        report(Progress::Step(format!("starting {}", missing.join(", "))));
        // When all were down this is the whole fleet's morning; when one was, a power cut is being mended.
        let others = if missing.len() == record.hosts.len() { Workloads::Resume } else { Workloads::Leave };
        start_hosts(name, &places, &layout, &built, &mut record, &missing, others)?;
        record.samples = Samples::Started;
        record.store(&places)?;
        if let Some(init) = record.hosts.iter().find_map(|host| host.init) {
            host::check_criu(init)?;
        }
    }
    Ok(lab(name, &places, &record))
}

/// Starts lxcfs. A lab without it is still a lab: the hosts' limits hold, they only do not see them.
fn start_lxcfs(places: &Places, report: Report<'_>) {
    if let Err(error) = lxcfs::start(places) {
        report(Progress::Note(format!(
            "{error}. The hosts will show this machine's memory and load instead of their own"
        )));
    }
}

fn lab(name: &LabName, places: &Places, record: &Record) -> Lab {
    let hosts = record
        .hosts
        .iter()
        .map(|host| LabHost { name: host.name.clone(), address: record.address(host) })
        .collect();
    Lab { name: name.clone(), fleet_file: places.fleet(), hosts }
}

/// What the lab shall be: as it is, with the hosts that are missing. What cannot be changed while it runs
/// is said, never done by force.
fn plan(options: &Options, found: Option<Record>, built: &Built, report: Report<'_>) -> Record {
    let fresh = || Record {
        owner: Owner::current(),
        boot: boot(),
        since: now(),
        network: 0,
        memory: options.memory.unwrap_or_default(),
        cpus: options.cpus,
        base: built.base.clone(),
        samples: Samples::Due,
        hosts: Vec::new(),
    };
    let mut record = found.unwrap_or_else(fresh);
    let running = record.hosts.iter().any(|host| host.init.is_some());
    let have = record.hosts.len();
    let wanted = usize::from(options.hosts.map_or(if have == 0 { 3 } else { 0 }, |count| count.get()));
    for index in have + 1..=wanted {
        // At most fifty.
        record.hosts.push(Record::new_host(u8::try_from(index).unwrap_or(u8::MAX)));
    }
    if options.hosts.is_some() && wanted < have {
        report(Progress::Note(format!(
            "the lab has {have} hosts and keeps them: “drover lab down”, then “up --hosts {wanted}” makes it smaller"
        )));
    }
    let mut differs = |what: &str, is: String, asked: String| {
        report(Progress::Note(format!(
            "the running lab's hosts have {is} {what} and keep it: “drover lab down”, then up, gives them {asked}"
        )));
    };
    if let Some(memory) = options.memory.filter(|memory| *memory != record.memory) {
        if running {
            differs("of memory", record.memory.to_string(), memory.to_string());
        } else {
            record.memory = memory;
        }
    }
    if let Some(cpus) = options.cpus.filter(|cpus| Some(*cpus) != record.cpus) {
        if running {
            let is = record.cpus.map_or_else(|| "all".into(), |cpus| cpus.to_string());
            differs("processors", is, cpus.to_string());
        } else {
            record.cpus = Some(cpus);
        }
    }
    record
}

/// Starts several hosts at once and remembers those that came up, also when others did not.
fn start_hosts(
    name: &LabName,
    places: &Places,
    layout: &Layout,
    built: &Built,
    record: &mut Record,
    names: &[String],
    others: Workloads,
) -> Result<(), LabError> {
    write_scripts(places)?;
    let snapshot = record.clone();
    let site = Site { name, places, record: &snapshot, layout, built };
    let results: Vec<(String, Result<ProcessMark, LabError>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = snapshot
            .hosts
            .iter()
            .filter(|host| names.contains(&host.name))
            .map(|host| {
                let site = &site;
                let first = host.number == snapshot.hosts[0].number;
                let workloads =
                    if first && snapshot.samples == Samples::Due { Workloads::Create } else { others };
                (host.name.clone(), scope.spawn(move || host::start(site, host, workloads)))
            })
            .collect();
        threads
            .into_iter()
            .map(|(host, thread)| {
                let result = thread.join().unwrap_or_else(|_| {
                    Err(LabError::Host {
                        host: host.clone(),
                        step: "starting it",
                        cause: "drover failed".into(),
                    })
                });
                (host, result)
            })
            .collect()
    });
    let mut failure = None;
    let mut failed_groups = Vec::new();
    for (host, result) in results {
        match result {
            Ok(mark) => {
                for known in record.hosts.iter_mut().filter(|known| known.name == host) {
                    known.init = Some(mark);
                }
            }
            Err(error) => {
                failed_groups.push(name.group(&host));
                failure.get_or_insert(error);
            }
        }
    }
    record.store(places)?;
    cgroup::sweep(layout, places, &failed_groups)?;
    failure.map_or(Ok(()), Err)
}

fn write_scripts(places: &Places) -> Result<(), LabError> {
    let directory = places.run.join("scripts");
    private_directory(&directory)?;
    write(&directory.join("join.sh"), 0o600, include_bytes!("scripts/join.sh"))?;
    write(&directory.join("enter.sh"), 0o600, include_bytes!("scripts/enter.sh"))
}

/// Takes a lab down: afterwards it has no process, mount, device, namespace or control group.
pub fn down(name: &LabName, disks: Disks, report: Report<'_>) -> Result<(), LabError> {
    let Locked { places, record, lock } = lock(name, report)?;
    let layout = Layout::read()?;
    let mut groups = layout.groups_of(name);
    if let Some(record) = &record {
        // Groups in hierarchies that are mounted nowhere are known by the record alone.
        groups.extend(record.hosts.iter().map(|host| name.group(&host.name)));
        groups.sort();
        groups.dedup();
    }
    cgroup::sweep(&layout, &places, &groups)?;
    for device in network::marked(name) {
        // Cables go with their hosts, maybe just now.
        let _ = network::remove_marked(&device);
    }
    network::remove(name)?;
    lxcfs::stop(&places)?;
    match (disks, record) {
        (Disks::Keep, Some(mut record)) => {
            for host in &mut record.hosts {
                host.init = None;
            }
            record.store(&places)?;
        }
        _ => remove_state(&places)?,
    }
    check_nothing_left(name, &places, &layout)?;
    remove_tree(&places.run)?;
    lock.remove(&places.lock)
}

/// Removes what `up` has put into the state directory, and the directory itself if nothing else is in it.
fn remove_state(places: &Places) -> Result<(), LabError> {
    for part in ["hosts", "keys", "known_hosts", "fleet.toml", "lab.json"] {
        remove_tree(&places.state.join(part))?;
    }
    // Not empty or not there: either is fine.
    let _ = std::fs::remove_dir(&places.state);
    Ok(())
}

fn check_nothing_left(name: &LabName, places: &Places, layout: &Layout) -> Result<(), LabError> {
    let mut left = layout.groups_of(name);
    left.extend(network::marked(name));
    if lxcfs::is_mounted(&places.run.join("lxcfs")) {
        left.push(places.run.join("lxcfs").display().to_string());
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(LabError::Left { lab: name.to_string(), left: left.join(", ") })
    }
}

fn require(name: &LabName, record: Option<Record>) -> Result<Record, LabError> {
    record.ok_or_else(|| LabError::NoLab(name.to_string()))
}

/// Ends a host as a power cut does. Its disk stays.
pub fn kill_host(name: &LabName, host: &str, report: Report<'_>) -> Result<(), LabError> {
    let Locked { places, record, lock: _lock } = lock(name, report)?;
    let mut record = require(name, record)?;
    let found = record.host(name, host)?.clone();
    cgroup::sweep(&Layout::read()?, &places, &[name.group(&found.name)])?;
    network::disconnect(&record, &found);
    for known in record.hosts.iter_mut().filter(|known| known.name == found.name) {
        known.init = None;
    }
    record.store(&places)
}

/// Starts a host again with the disk it had. Its containers are as a power cut left them.
pub fn start_host(name: &LabName, host: &str, report: Report<'_>) -> Result<(), LabError> {
    machine::check_tools()?;
    let Locked { places, record, lock: _lock } = lock(name, report)?;
    let mut record = require(name, record)?;
    let found = record.host(name, host)?.clone();
    if found.init.is_some() {
        return Ok(());
    }
    let layout = Layout::read()?;
    let mut built = build(&places, None, report)?;
    if record.base.is_dir() {
        built.base.clone_from(&record.base);
    }
    cgroup::sweep(&layout, &places, &[name.group(&found.name)])?;
    {
        let _lock = Lock::take(&Places::network_lock(), || {})?;
        network::bring_up(name, Some(record.network))?;
    }
    start_lxcfs(&places, report);
    start_hosts(name, &places, &layout, &built, &mut record, &[found.name], Workloads::Leave)
}

/// The command that opens a shell on a host, or runs `words` there.
pub fn shell(name: &LabName, host: &str, words: &[String]) -> Result<Command, LabError> {
    machine::check()?;
    let places = Places::of(name)?;
    let record = Record::load(&places)?;
    check_owner(name, &places, record.as_ref())?;
    let record = require(name, record)?;
    let found = record.host(name, host)?;
    if found.init.is_none() {
        return Err(LabError::HostDown(found.name.clone()));
    }
    let mut command = ssh(&places, &record.address(found));
    if let Some((program, arguments)) = words.split_first() {
        let remote = crate::ssh::Command::new(program).arguments(arguments);
        command.arg("--").arg(remote.to_string());
    }
    Ok(command)
}

fn ssh(places: &Places, address: &str) -> Command {
    let option = |key: &str, path: &Path| format!("{key}=\"{}\"", path.display());
    let mut command = Command::new("ssh");
    // No configuration but ours: neither the user's aliases nor keys have a say in the lab.
    command
        .args(["-F", "/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes"])
        .args(["-o", "LogLevel=ERROR", "-o", "GlobalKnownHostsFile=/dev/null"])
        .args(["-o", &option("UserKnownHostsFile", &places.known_hosts())])
        .args(["-o", &option("IdentityFile", &places.identity())])
        .arg(format!("root@{address}"));
    command
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
