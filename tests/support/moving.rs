//! Moving containers between the hosts of a lab, and looking at what became of them: where a container really
//! runs is read from the control groups of this machine, not from what anybody says.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::{Duration, Instant};

use super::{Lab, wait_until};

/// Long enough for the slowest way back: a host that does not answer is given up after about 20 s of
/// unanswered keepalives, and asked again for about a minute.
pub const LONG_PATIENCE: Duration = Duration::from_secs(150);

static ALONE: Mutex<()> = Mutex::new(());
/// The lab whose hosts all have the images.
static STOCKED: Mutex<String> = Mutex::new(String::new());

/// A host of the lab, seen from outside.
pub struct Host {
    pub name: String,
    /// Its first process in the machine's own numbering.
    pub(super) init: u64,
    /// The machine's end of its network cable.
    pub cable: String,
    address: String,
    mounts: BTreeSet<String>,
}

/// The lab for one test alone; what a test does to it is undone when this goes.
pub struct Scene {
    pub lab: Arc<Lab>,
    pub hosts: Vec<Host>,
    _alone: MutexGuard<'static, ()>,
}

/// How a `drover migrate` ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Asserts that it ended with this code and that its message has all these words.
    pub fn says(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "no “{word}” in {self:#?}");
        }
    }

    /// The JSON on standard output.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// A `drover migrate` that is under way.
pub struct Moving {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    /// Ends it when it hangs; gone with this.
    _deadline: mpsc::Sender<()>,
}

impl Moving {
    /// Reads on until a line begins with this; fails when the command ends before.
    pub fn until(&mut self, beginning: &str) {
        loop {
            let start = self.said.len();
            let count = self.stderr.read_line(&mut self.said).unwrap();
            assert!(count > 0, "ended before “{beginning}”: {}", self.said);
            if self.said[start..].starts_with(beginning) {
                return;
            }
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_raw(self.child.id() as i32).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// Waits for its end.
    pub fn end(mut self) -> Outcome {
        let mut stdout = String::new();
        self.stderr.read_to_string(&mut self.said).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        Outcome { code: self.child.wait().unwrap().code(), stdout, stderr: self.said }
    }
}

impl Scene {
    /// The shared lab with all images on every host; none where there can be none.
    pub fn begin() -> Option<Self> {
        let lab = Lab::shared()?;
        let alone = ALONE.lock().unwrap_or_else(|broken| broken.into_inner());
        let mut stocked = STOCKED.lock().unwrap_or_else(|broken| broken.into_inner());
        let status = lab.status();
        let hosts = status["hosts"].as_array().unwrap();
        let mut scene = Self { lab, hosts: hosts.iter().map(Host::new).collect(), _alone: alone };
        if *stocked != scene.lab.name {
            for name in ["counter", "redis", "web"] {
                let image = format!("localhost/drover/{name}:latest");
                let script = format!(
                    "set -e; podman save --quiet {image} >/tmp/image
                     for host in h2 h3; do ssh $host podman load --quiet </tmp/image >/dev/null; done; rm /tmp/image"
                );
                scene.ssh("h1", &script);
            }
            // The engine keeps some mounts from its first container on.
            for host in ["h2", "h3"] {
                let first = "podman run --rm localhost/drover/counter:latest id";
                scene.ssh(host, first);
            }
            scene.lab.name.clone_into(&mut stocked);
        }
        for host in &mut scene.hosts {
            host.mounts = host.mounts();
        }
        Some(scene)
    }

    /// Runs a shell script on a host, which must succeed.
    pub fn ssh(&self, host: &str, script: &str) -> String {
        self.lab.ssh(host, script)
    }

    pub fn host(&self, name: &str) -> &Host {
        self.hosts.iter().find(|host| host.name == name).unwrap()
    }

    /// Starts a container from a sample image and answers its id.
    pub fn run(&self, host: &str, name: &str, words: &str) -> String {
        self.ssh(host, &format!("podman run --detach --name {name} {words}"))
    }

    /// A container that counts on its output, started under this name.
    pub fn counter(&self, host: &str, name: &str) -> String {
        self.run(host, name, "localhost/drover/counter:latest")
    }

    /// A container that counts and has much memory that does not compress.
    pub fn heavy(&self, host: &str, name: &str, mebibytes: u32) -> String {
        let program = format!(
            "$|=1; open F, q(/dev/urandom); read F, $x, {mebibytes}<<20; while (1) {{ print ++$n, qq(\\n); select undef, undef, undef, 0.2 }}"
        );
        let id = self.run(host, name, &format!("localhost/drover/web:latest perl -e '{program}'"));
        wait_until("it has filled its memory", || self.log(host, name).last().copied());
        id
    }

    /// `drover migrate …`, to be given more words.
    pub fn command(&self, container: &str, from: &str, to: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drover"));
        command.args(["migrate", container, "--from", from, "--to", to, "--yes"]);
        command.env("DROVER_FLEET", self.lab.fleet_file()).stdin(Stdio::null());
        command
    }

    /// Moves and waits for the end.
    pub fn migrate(&self, container: &str, from: &str, to: &str) -> Outcome {
        Self::begin_of(self.command(container, from, to)).end()
    }

    /// Begins a move.
    pub fn start(&self, container: &str, from: &str, to: &str) -> Moving {
        Self::begin_of(self.command(container, from, to))
    }

    /// Starts a command whose output is wanted.
    pub fn begin_of(mut command: Command) -> Moving {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (deadline, ended) = mpsc::channel::<()>();
        let process = rustix::process::Pid::from_raw(child.id() as i32).unwrap();
        std::thread::spawn(move || {
            if ended.recv_timeout(LONG_PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
            }
        });
        Moving { child, stderr, said: String::new(), _deadline: deadline }
    }

    /// The numbers that a container has printed, of which none may be missing or double.
    pub fn log(&self, host: &str, name: &str) -> Vec<u64> {
        let log = self.ssh(host, &format!("podman logs {name} 2>&1"));
        let numbers: Vec<u64> = log.lines().map(|line| line.parse().expect(line)).collect();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "{name} on {host} has gaps or repetitions");
        numbers
    }

    /// The hosts on which a container has processes.
    pub fn places(&self, id: &str) -> BTreeSet<String> {
        let group = format!("libpod-{id}");
        let mark = format!("drover-{}-", self.lab.name);
        let mut places = BTreeSet::new();
        for process in processes() {
            let groups = std::fs::read_to_string(process.join("cgroup")).unwrap_or_default();
            let line = groups.lines().find(|line| line.contains(&group) && !line.contains("conmon"));
            if let Some(rest) = line.and_then(|line| line.split_once(&mark)) {
                places.insert(rest.1.split('/').next().unwrap().to_owned());
            }
        }
        places
    }

    /// Asserts that a counting container runs on this host alone, counts on from `seen`, and never lost or
    /// repeated a number.
    pub fn counts_on(&self, host: &str, name: &str, id: &str, seen: u64) {
        wait_until("it counts on", || self.log(host, name).last().filter(|last| **last > seen).copied());
        assert_eq!(self.places(id), BTreeSet::from([host.to_owned()]), "{name} runs exactly once");
    }

    /// The first process of a container, in its host's numbering.
    pub fn process(&self, host: &str, name: &str) -> String {
        self.ssh(host, &format!("podman inspect --format '{{{{.State.Pid}}}}' {name}"))
    }

    /// Asserts that a host neither has the container nor anything of ours, and no mount more than before.
    pub fn nothing_left(&self, host: &str, containers: &[&str]) {
        let seen = self.host(host);
        self.nothing_of_ours(host);
        let names = self.ssh(host, "podman ps --all --external --format '{{.Names}}' | sort");
        assert_eq!(names.lines().collect::<Vec<_>>(), containers, "containers of {host}");
        let mounts = seen.mounts();
        let changed: Vec<_> = mounts.symmetric_difference(&seen.mounts).collect();
        assert!(changed.is_empty(), "mounts of {host}: {changed:#?}");
        if containers.is_empty() {
            assert_eq!(self.groups(host), [""; 0], "control groups of {host}");
        }
    }

    /// The control groups of containers on a host.
    fn groups(&self, host: &str) -> Vec<String> {
        let mark = format!("*/drover-{}-{host}/*libpod-*", self.lab.name);
        let words = ["/sys/fs/cgroup", "-type", "d", "-path", &mark, "-not", "-path", "*conmon*"];
        let found = Command::new("find").args(words).output().unwrap();
        String::from_utf8(found.stdout).unwrap().lines().map(String::from).collect()
    }

    /// Asserts that neither files nor processes nor mounts of ours are on a host.
    pub fn nothing_of_ours(&self, host: &str) {
        let seen = self.host(host);
        let mut last = Vec::new();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            // The engine's own processes that clean up may need a moment.
            last = seen.traces();
            if last.is_empty() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("left behind on {host}: {last:#?}");
    }

    /// Pulls a host's plug.
    pub fn kill(&self, host: &str) {
        assert!(self.lab.command("kill").arg(host).status().unwrap().success());
    }

    /// Starts a killed host anew; none of its containers run then.
    pub fn revive(&mut self, host: &str) {
        assert!(self.lab.command("start").arg(host).status().unwrap().success());
        let status = self.lab.status();
        let found = status["hosts"].as_array().unwrap().iter().find(|entry| entry["name"] == host);
        let mounts =
            std::mem::take(&mut self.hosts.iter_mut().find(|seen| seen.name == host).unwrap().mounts);
        *self.hosts.iter_mut().find(|seen| seen.name == host).unwrap() =
            Host { mounts, ..Host::new(found.unwrap()) };
    }

    /// Waits for long for something that has no event.
    pub fn wait_long<T>(&self, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + LONG_PATIENCE;
        loop {
            if let Some(value) = condition() {
                return value;
            }
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for host in &self.hosts {
            host.plug();
            host.full_speed();
        }
        let script =
            "for fifo in /run/drover/*/verdict /run/drover/*/release; do
                [ -p \"$fifo\" ] && timeout 1 sh -c 'echo abort >\"$1\"' drover \"$fifo\"
            done
            rm -rf /etc/criu/default.conf /etc/criu/fail /etc/criu/reached /usr/local/bin/date /run/drover /var/lib/drover /root/*.tar /var/tmp/drover-* /dev/shm/drover-*
            umount /var/tmp /dev/shm/full 2>/dev/null
            for name in $(podman ps --all --format '{{.Names}}' | grep -vxE 'counter|redis|web'); do
                podman rm --force --time 0 \"$name\"
            done";
        let tidy = |host: &Host| {
            self.lab.command("shell").args([&host.name, "--", "sh", "-c", script]).output().is_ok()
        };
        std::thread::scope(|scope| {
            for host in &self.hosts {
                scope.spawn(move || tidy(host));
            }
        });
    }
}

impl Host {
    fn new(status: &serde_json::Value) -> Self {
        let address = status["address"].as_str().unwrap();
        let network = address.split('.').nth(2).unwrap();
        let name = status["name"].as_str().unwrap().to_owned();
        let cable = format!("drv{network}-{name}");
        let address = address.to_owned();
        Self { name, init: status["pid"].as_u64().unwrap(), cable, address, mounts: BTreeSet::new() }
    }

    /// One of its files, as this machine sees it.
    pub fn path(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.init)).join(path.trim_start_matches('/'))
    }

    /// Its mounts save those that the engine keeps from its first container on.
    fn mounts(&self) -> BTreeSet<String> {
        let mounts = std::fs::read_to_string(format!("/proc/{}/mounts", self.init)).unwrap();
        let fields = mounts.lines().map(|line| line.split(' ').take(3).collect::<Vec<_>>().join(" "));
        fields.filter(|mount| mount != "tmpfs /run/netns tmpfs").collect()
    }

    /// Files, processes and mounts of ours.
    pub fn traces(&self) -> Vec<String> {
        let mut traces = Vec::new();
        for directory in ["/run/drover", "/var/lib/drover"] {
            if self.path(directory).exists() {
                let found = Command::new("find").arg(self.path(directory)).output().unwrap();
                traces.push(format!("{directory}: {}", String::from_utf8_lossy(&found.stdout)));
            }
        }
        for directory in ["/var/tmp", "/dev/shm", "/tmp"] {
            let entries = std::fs::read_dir(self.path(directory)).unwrap().flatten();
            let ours = entries.filter(|entry| entry.file_name().as_bytes().starts_with(b"drover"));
            traces.extend(ours.map(|entry| format!("{directory}: {}", entry.file_name().display())));
        }
        let namespace = std::fs::read_link(format!("/proc/{}/ns/pid", self.init)).unwrap();
        for process in processes() {
            if std::fs::read_link(process.join("ns/pid")).is_ok_and(|other| other == namespace) {
                let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
                let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
                let program = words[0].rsplit('/').next().unwrap_or_default();
                let ours = match program {
                    "sh" => words.get(3).is_some_and(|word| word == "drover"),
                    "podman" => words.get(1).is_none_or(|word| word != "system"),
                    "criu" | "crun" | "zstd" | "gzip" | "tar" | "tee" | "sha256sum" | "unshare" | "find" => {
                        true
                    }
                    _ => false,
                };
                if ours {
                    traces.push(format!("{}: {}", process.display(), words.join(" ")));
                }
            }
        }
        let mounts = std::fs::read_to_string(format!("/proc/{}/mounts", self.init)).unwrap();
        let ours = mounts.lines().filter(|line| {
            let mut fields = line.split(' ');
            fields.next() == Some("drover") || fields.next().is_some_and(|point| point.contains("drover"))
        });
        traces.extend(ours.map(String::from));
        traces
    }

    /// Pulls its network cable out.
    pub fn unplug(&self) {
        assert!(self.ip(&["link", "set", "dev", &self.cable, "down"]));
    }

    /// Puts the cable back in.
    pub fn plug(&self) {
        self.ip(&["link", "set", "dev", &self.cable, "up"]);
    }

    /// Kills some of its processes, by their numbers from [`Host::processes_with`].
    pub fn end(&self, processes: &[i32]) {
        for process in processes {
            let process = rustix::process::Pid::from_raw(*process).unwrap();
            let _ = rustix::process::kill_process(process, rustix::process::Signal::KILL);
        }
    }

    /// Whether this machine has a connection to its sshd.
    pub fn is_connected(&self) -> bool {
        let octets =
            self.address.split('.').rev().map(|octet| format!("{:02X}", octet.parse::<u8>().unwrap()));
        let remote = format!(" {}:0016 01 ", octets.collect::<String>());
        std::fs::read_to_string("/proc/net/tcp").unwrap().contains(&remote)
    }

    fn ip(&self, words: &[&str]) -> bool {
        Command::new("ip").args(words).status().unwrap().success()
    }

    /// Slows what it receives.
    pub fn slow(&self, rate: &str) {
        let words = ["qdisc", "replace", "dev", &self.cable, "root", "tbf", "rate", rate];
        let tc = Command::new("tc").args(words).args(["burst", "64k", "latency", "100ms"]).status();
        assert!(tc.unwrap().success());
    }

    /// Ends that.
    pub fn full_speed(&self) {
        let words = ["qdisc", "del", "dev", &self.cable, "root"];
        let _ = Command::new("tc").args(words).stderr(Stdio::null()).status();
    }

    /// Processes of this host whose command line has this word, in this machine's numbering.
    pub fn processes_with(&self, word: &str) -> Vec<i32> {
        let namespace = std::fs::read_link(format!("/proc/{}/ns/pid", self.init)).unwrap();
        let here = |process: &PathBuf| {
            std::fs::read_link(process.join("ns/pid")).is_ok_and(|other| other == namespace)
                && String::from_utf8_lossy(&std::fs::read(process.join("cmdline")).unwrap_or_default())
                    .contains(word)
        };
        let numbers = processes().into_iter().filter(here);
        numbers.map(|process| process.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
    }
}

/// The directories of all living processes under /proc.
pub(super) fn processes() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let living = |process: &PathBuf| {
        std::fs::read_to_string(process.join("stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
    };
    let number = |process: &PathBuf| {
        process.file_name().is_some_and(|name| name.as_bytes().iter().all(u8::is_ascii_digit))
    };
    entries.filter(number).filter(living).collect()
}
