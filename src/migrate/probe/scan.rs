//! What a container's processes are like: what they have open, whom they talk to, what they do to memory.

use std::collections::{BTreeMap, BTreeSet};

/// One process of the container, in its host's numbering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// The kernel's letter for what it does: R, S, D, Z, T, t, …
    pub state: char,
    /// The process that traces it; 0 for none.
    pub tracer: u32,
    /// Its name, untrusted text.
    pub name: String,
}

/// What kind of file a process has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileType {
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// Anything else, or not known.
    #[default]
    Other,
}

/// Something special that a process has open or mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The process.
    pub pid: u32,
    /// What the kernel says that it is, untrusted text: `/tmp/x (deleted)`, `anon_inode:[io_uring]`, …
    pub target: String,
    /// Bytes, where they were asked.
    pub size: u64,
    /// Names that the file still has.
    pub links: u64,
    /// What it is.
    pub kind: FileType,
    /// Whether it is mapped into memory and not a descriptor.
    pub mapped: bool,
}

/// A TCP socket of the container's network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSocket {
    /// Its address as the kernel prints it, hexadecimal.
    pub local: String,
    /// Its peer's.
    pub remote: String,
    /// 1 established, 3 half open, 10 listening (include/net/tcp_states.h).
    pub state: u8,
    /// Its number.
    pub inode: u64,
}

impl TcpSocket {
    /// Whether its peer is on the same host.
    fn is_inner(&self) -> bool {
        is_loopback(&self.remote)
    }

    /// Whether its own address is the loopback's.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.local)
    }

    /// Whether it is bound to one address of the host.
    pub fn is_bound(&self) -> bool {
        self.local.split(':').next().is_some_and(|address| address.bytes().any(|byte| byte != b'0'))
    }
}

/// 127.0.0.0/8, the same within IPv6, or ::1, as the kernel prints them.
fn is_loopback(address: &str) -> bool {
    let address = address.split(':').next().unwrap_or_default();
    let four = address.get(address.len().saturating_sub(8)..).unwrap_or_default();
    let mapped = address.len() == 8 || address.starts_with("0000000000000000FFFF0000");
    mapped && four.ends_with("7F") || address == "00000000000000000000000001000000"
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scan {
    /// Its processes.
    pub tasks: Vec<Task>,
    /// Descriptors and mappings out of the ordinary, by path under /proc.
    pub open: BTreeMap<String, Descriptor>,
    /// Numbers of all its sockets; none where they could not be read.
    pub sockets: Option<BTreeSet<u64>>,
    /// TCP sockets of its network.
    pub tcp: Vec<TcpSocket>,
    /// Pairs of connected Unix sockets in its network, own and peer's number.
    pub unix: Vec<(u64, u64)>,
    /// MPTCP sockets in its network.
    pub mptcp: u64,
    /// Locks on files: kind, process, file.
    pub locks: Vec<(String, u32, String)>,
    /// Mounts that are shared with others: word and mount point.
    pub shared_mounts: Vec<(String, String)>,
    /// Whether memory of it was mapped by uprobes, and whether it uses Linux' old asynchronous IO or Java's counters.
    pub mappings: BTreeSet<&'static str>,
    /// Whether its control group is frozen already.
    pub frozen: bool,
    /// Resident memory of all processes, bytes; none where there is too much of it to be walked.
    pub resident: Option<u64>,
    /// Memory of its own that it has written to, bytes.
    pub private_dirty: Option<u64>,
    /// Anonymous memory, bytes.
    pub anonymous: u64,
    /// Memory in swap, bytes.
    pub swap: u64,
    /// The capabilities of its first process at most.
    pub capabilities: Option<u64>,
    /// Whether it runs under a seccomp filter.
    pub seccomp: bool,
    pub(in crate::migrate) faults: Vec<(f64, f64)>,
}

impl Scan {
    /// Takes in a line of the script.
    pub(super) fn take(&mut self, key: &str, value: &str) {
        let number = || value.trim().parse::<u64>().unwrap_or_default();
        let mut words = value.split_whitespace();
        let mut word = || words.next().unwrap_or_default();
        match key {
            "process" => {
                let (pid, parent) = (word().parse().unwrap_or(0), word().parse().unwrap_or(0));
                let (state, tracer) = (word().chars().next().unwrap_or('?'), word().parse().unwrap_or(0));
                let name = value.splitn(5, ' ').nth(4).unwrap_or_default().trim().to_owned();
                self.tasks.push(Task { pid, parent, state, tracer, name });
            }
            "fd" => {
                if let Some((path, target)) = value.split_once(' ') {
                    self.at(path).target = target.to_owned();
                }
            }
            "kind" => {
                let (path, size, links) = (word(), word(), word());
                let kind = match value.splitn(4, ' ').nth(3).unwrap_or_default() {
                    "b" | "block special file" => FileType::Block,
                    "c" | "character special file" => FileType::Character,
                    _ => FileType::Other,
                };
                // Of a file that is neither deleted nor a device nobody asks.
                if kind != FileType::Other || self.open.contains_key(path) {
                    let (size, links) = (size.parse().unwrap_or(0), links.parse().unwrap_or(0));
                    let found = self.at(path);
                    (found.size, found.links, found.kind) = (size, links, kind);
                }
            }
            "map" => self.mapped(value),
            "sockets" => {
                self.sockets = Some(value.split_whitespace().filter_map(|n| n.parse().ok()).collect())
            }
            "tcp" => {
                let (local, remote) = (word().to_owned(), word().to_owned());
                let state = u8::from_str_radix(word(), 16).unwrap_or_default();
                let inode = word().parse().unwrap_or_default();
                self.tcp.push(TcpSocket { local, remote, state, inode });
            }
            "unix" => self.unix.extend(word().parse().ok().zip(word().parse().ok())),
            "mptcp" => self.mptcp = number(),
            "lock" => {
                let (kind, pid, file) = (word().to_owned(), word().parse().unwrap_or(0), word().to_owned());
                self.locks.push((kind, pid, file));
            }
            "mount" => {
                if let Some((how, at)) = value.split_once(' ') {
                    self.shared_mounts.push((how.to_owned(), at.to_owned()));
                }
            }
            "freezer" => self.frozen = matches!(value.trim(), "FROZEN" | "FREEZING" | "1"),
            "resident" => self.resident = Some(number()),
            "private-dirty" => self.private_dirty = Some(number()),
            "anonymous" => self.anonymous = number(),
            "swap" => self.swap = number(),
            "container-capabilities" => self.capabilities = u64::from_str_radix(value.trim(), 16).ok(),
            "seccomp" => self.seccomp = value.trim() == "2",
            "faults" => self.faults.extend(word().parse().ok().zip(word().parse().ok())),
            _ => {}
        }
    }

    fn at(&mut self, path: &str) -> &mut Descriptor {
        let found = self.open.entry(path.to_owned()).or_default();
        if found.pid == 0 {
            found.pid = path.split('/').nth(2).and_then(|pid| pid.parse().ok()).unwrap_or_default();
        }
        found
    }

    /// A line of /proc/PID/maps behind its file's name.
    fn mapped(&mut self, value: &str) {
        for (mark, word) in [("[uprobes]", "uprobes"), ("/[aio]", "aio"), ("/hsperfdata", "hsperfdata")] {
            if value.contains(mark) {
                self.mappings.insert(word);
            }
        }
        let Some((file, line)) = value.split_once(':') else { return };
        let Some((range, _)) = line.split_once(' ') else { return };
        let Some(target) = line.find(" /").or_else(|| line.find(" anon_inode:")).map(|at| line[at..].trim())
        else {
            return;
        };
        let path = format!("{}map_files/{range}", file.trim_end_matches("maps"));
        let found = self.at(&path);
        (found.target, found.mapped) = (target.to_owned(), true);
    }

    /// Connections that lead out of the container.
    pub fn connections(&self) -> impl Iterator<Item = &TcpSocket> {
        self.tcp_in(1).filter(|socket| !socket.is_inner())
    }

    /// Its own sockets in a state; half-open ones have no number and belong to the whole network.
    pub fn tcp_in(&self, state: u8) -> impl Iterator<Item = &TcpSocket> {
        self.tcp.iter().filter(move |socket| socket.state == state && (state == 3 || self.owns(socket.inode)))
    }

    fn owns(&self, inode: u64) -> bool {
        self.sockets.as_ref().is_none_or(|own| own.contains(&inode))
    }

    /// Connected Unix sockets whose other end is outside of the container.
    pub fn outer_unix(&self) -> usize {
        let Some(own) = &self.sockets else { return 0 };
        self.unix.iter().filter(|(local, peer)| own.contains(local) && !own.contains(peer)).count()
    }

    /// Processes that came into the container from outside, such as by `exec`: no parent within, and not the first.
    pub fn joined(&self, first: u32) -> impl Iterator<Item = &Task> {
        let within = |pid: u32| self.tasks.iter().any(|task| task.pid == pid);
        self.tasks.iter().filter(move |task| task.pid != first && !within(task.parent))
    }

    /// Locks of its processes, and a file on which somebody outside has one, too.
    pub fn own_locks(&self) -> (usize, Option<String>) {
        let own = |pid: u32| self.tasks.iter().any(|task| task.pid == pid);
        let files: BTreeSet<&str> =
            self.locks.iter().filter(|lock| own(lock.1)).map(|lock| lock.2.as_str()).collect();
        let foreign =
            |lock: &&(String, u32, String)| !own(lock.1) && lock.1 > 0 && files.contains(lock.2.as_str());
        let outside = self.locks.iter().find(foreign);
        (self.locks.iter().filter(|lock| own(lock.1)).count(), outside.map(|lock| lock.2.clone()))
    }

    /// Bytes each second that come newly into use, from page faults while the script ran. A floor: writing to a page that
    /// is there already is not seen.
    pub fn growth(&self) -> Option<f64> {
        const PAGE: f64 = 4096.0;
        let (first, last) = self.faults.first().zip(self.faults.last())?;
        let seconds = last.0 - first.0;
        (seconds > 0.0).then(|| (last.1 - first.1).max(0.0) * PAGE / seconds)
    }

    #[cfg(test)]
    pub(in crate::migrate) fn set_growth(&mut self, rate: f64) {
        self.faults = vec![(0.0, 0.0), (1.0, rate / 4096.0)];
    }

    /// The name of a process, for messages.
    pub fn name_of(&self, pid: u32) -> &str {
        self.tasks.iter().find(|task| task.pid == pid).map_or("?", |task| &task.name)
    }
}
