//! One host: its disk, its first process, and when it is ready.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use super::base::Built;
use super::cgroup::Layout;
use super::error::file;
use super::places::{Places, private_directory, write};
use super::program::{SYSTEM_PATH, last_lines, remove_tree, run};
use super::record::{HostRecord, ProcessMark, Record};
use super::{LabError, LabName, keys, network};

/// A host is ready within 2 s here, and took 70 s in an emulated machine that had a fifth of a processor.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often a condition without an event is looked at.
const POLL: Duration = Duration::from_millis(15);

/// Everything the hosts of a lab have in common.
pub(super) struct Site<'a> {
    pub name: &'a LabName,
    pub places: &'a Places,
    pub record: &'a Record,
    pub layout: &'a Layout,
    pub built: &'a Built,
}

/// What a host does with the sample workloads when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workloads {
    /// Runs all of them; its storage has their images.
    Create,
    /// Runs those it has, as a machine does that starts its services after a reboot.
    Resume,
    /// Nothing.
    Leave,
}

impl Workloads {
    /// The word that the host's first process understands.
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Resume => "resume",
            Self::Leave => "leave",
        }
    }
}

/// Starts a host and waits until it is ready. The caller has made sure that nothing of it runs.
pub(super) fn start(
    site: &Site<'_>,
    host: &HostRecord,
    workloads: Workloads,
) -> Result<ProcessMark, LabError> {
    let failed =
        |step: &'static str| move |cause: String| LabError::Host { host: host.name.clone(), step, cause };
    let directory = site.places.host(&host.name);
    prepare_disk(site, host, &directory, workloads)?;
    write_configuration(site, host, &directory.join("config"))?;
    let mut starting = spawn(site, host, &directory, workloads)?;
    let result = (|| {
        starting.expect("entered").map_err(failed("making its namespaces"))?;
        let init = starting.first_process().map_err(failed("making its namespaces"))?;
        network::connect(site.name, site.record, host, init.pid)?;
        starting.answer("connected\n").map_err(failed("connecting it"))?;
        wait_until_ready(site.record, host, init).map_err(failed("waiting for sshd and Podman"))?;
        if workloads != Workloads::Leave {
            starting.expect("samples").map_err(failed("starting the sample workloads"))?;
        }
        Ok(init)
    })();
    let Starting { mut child, .. } = starting;
    if result.is_err() {
        // With it go all processes of the host: the caller removes the rest.
        let _ = child.kill();
    }
    // Somebody has to take its exit status should it end before drover does.
    std::thread::spawn(move || child.wait());
    result
}

fn prepare_disk(
    site: &Site<'_>,
    host: &HostRecord,
    directory: &Path,
    workloads: Workloads,
) -> Result<(), LabError> {
    if workloads == Workloads::Create {
        // Its first start never came to its end: what it has is half-made, such as a container that Podman
        // was killed over.
        remove_tree(&directory.join("containers"))?;
        remove_tree(&directory.join("upper"))?;
    }
    for part in ["upper", "work", "root", "config"] {
        private_directory(&directory.join(part))?;
    }
    // These two are seen inside, where everybody may look: as / and through the overlay.
    for part in ["upper", "config"] {
        let path = directory.join(part);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .map_err(file("opening", &path))?;
    }
    let containers = directory.join("containers");
    if containers.is_dir() {
        return Ok(());
    }
    // Only the host that runs the samples has their images: the others get them with the containers.
    let partial = directory.join("containers.partial");
    remove_tree(&partial)?;
    if workloads == Workloads::Create {
        run(
            "copying the sample images",
            Command::new("cp")
                .args(["--archive", "--reflink=auto", "--"])
                .arg(&site.built.storage)
                .arg(&partial),
        )?;
    } else {
        private_directory(&partial)?;
    }
    std::fs::rename(&partial, &containers).map_err(|cause| LabError::Host {
        host: host.name.clone(),
        step: "preparing its storage",
        cause: cause.to_string(),
    })
}

/// Tells a host, running or not, the names, addresses and keys of all hosts.
pub(super) fn write_names(places: &Places, record: &Record, host: &HostRecord) -> Result<(), LabError> {
    let directory = places.host(&host.name).join("names");
    private_directory(&directory)?;
    let mut names = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost\n");
    for other in &record.hosts {
        names.push_str(&format!("{} {}\n", record.address(other), other.name));
    }
    let keys = keys::known_hosts(places, record)?;
    for (name, text) in [("hosts", names), ("ssh_known_hosts", keys)] {
        let path = directory.join(name);
        // In place: a running host has this very file mounted.
        std::fs::write(&path, text).map_err(file("writing", &path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644))
            .map_err(file("opening", &path))?;
    }
    Ok(())
}

/// Writes the layer between the base and what the host itself has changed.
fn write_configuration(site: &Site<'_>, host: &HostRecord, config: &Path) -> Result<(), LabError> {
    let place = |path: &str, mode: u32, text: &str| {
        let target = config.join(path);
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).map_err(file("making", parent))?;
        }
        write(&target, mode, text.as_bytes())
    };
    let identity = keys::key(&site.places.identity(), &site.name.mark())?;
    let host_key = keys::host_key(site.places, &host.name)?;
    let read = |path: &Path| std::fs::read_to_string(path).map_err(file("reading", path));
    place("etc/hostname", 0o644, &format!("{}\n", host.name))?;
    // Two files that are mounted over these, so that they can change while the host runs.
    place("etc/hosts", 0o644, "")?;
    place("etc/ssh/ssh_known_hosts", 0o644, "")?;
    place("etc/ssh/sshd_config", 0o644, include_str!("scripts/sshd_config"))?;
    place(
        "etc/ssh/ssh_host_ed25519_key",
        0o600,
        &read(&site.places.state.join(format!("keys/host-{}", host.name)))?,
    )?;
    place("etc/ssh/ssh_host_ed25519_key.pub", 0o644, &format!("{}\n", keys::public_line(&host_key)))?;
    place("etc/containers/containers.conf", 0o644, include_str!("scripts/containers.conf"))?;
    place(
        "etc/docker/daemon.json",
        0o644,
        "{\"experimental\": true, \"data-root\": \"/var/lib/containers/docker\"}\n",
    )?;
    place("root/.ssh/authorized_keys", 0o600, &format!("{}\n", keys::public_line(&identity)))?;
    // The hosts of a lab reach each other, as those of a cluster often do. The key opens nothing else.
    place("root/.ssh/id_ed25519", 0o600, &read(&site.places.identity())?)?;
    place("usr/local/sbin/drover-init", 0o755, include_str!("scripts/init.sh"))?;
    for private in ["root", "root/.ssh"] {
        let path = config.join(private);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700))
            .map_err(file("closing", &path))?;
    }
    Ok(())
}

/// A host that is coming up.
struct Starting {
    child: Child,
    lines: Receiver<String>,
    log: PathBuf,
    late: PathBuf,
    deadline: Instant,
}

fn spawn(
    site: &Site<'_>,
    host: &HostRecord,
    directory: &Path,
    workloads: Workloads,
) -> Result<Starting, LabError> {
    let log = directory.join("start.log");
    let log_file = std::fs::File::create(&log).map_err(file("writing", &log))?;
    let scripts = site.places.run.join("scripts");
    let quota = site.record.cpus.map_or_else(|| "max".to_string(), |cpus| cpus.quota().to_string());
    let mut child = Command::new("setsid")
        .args(["unshare", "--mount", "--", "sh"])
        .arg(scripts.join("join.sh"))
        .args([site.name.group(&host.name), site.record.memory.get().to_string(), quota])
        .arg(site.places.mounts())
        .arg(scripts.join("enter.sh"))
        .args(site.layout.arguments())
        .env_clear()
        .env("PATH", SYSTEM_PATH)
        .env("DROVER_HOST", &host.name)
        .env("DROVER_DIRECTORY", directory)
        .env("DROVER_BASE", &site.built.base)
        .env("DROVER_LXCFS", site.places.run.join("lxcfs"))
        .env("DROVER_ADDRESS", site.record.address(host))
        .env("DROVER_GATEWAY", site.record.gateway())
        .env("DROVER_WORKLOADS", workloads.word())
        .env("DROVER_HIERARCHIES", site.layout.inside())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log_file)
        .spawn()
        .map_err(|error| LabError::Host {
            host: host.name.clone(),
            step: "making its namespaces",
            cause: error.to_string(),
        })?;
    // A host says a handful of lines; the thread ends with the last of them.
    let (sender, lines) = sync_channel(16);
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(stdout.take(64 << 10)).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    }
    let late = directory.join("upper/var/log/drover-init.log");
    Ok(Starting { child, lines, log, late, deadline: Instant::now() + PATIENCE })
}

impl Starting {
    /// Waits for a word from the host.
    fn expect(&self, word: &str) -> Result<(), String> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) if line == word => Ok(()),
            Ok(line) => Err(crate::fleet::printable(line.strip_prefix("failed ").unwrap_or(&line))),
            Err(RecvTimeoutError::Timeout) => Err(format!("no answer for {} s", PATIENCE.as_secs())),
            Err(RecvTimeoutError::Disconnected) => Err(format!("it ended: {}", self.last_words())),
        }
    }

    fn last_words(&self) -> String {
        let early = std::fs::read_to_string(&self.log).unwrap_or_default();
        let late = std::fs::read_to_string(&self.late).unwrap_or_default();
        let said = last_lines(&format!("{late}\n{early}"), 3);
        if said.is_empty() { "it said nothing".into() } else { said }
    }

    fn answer(&mut self, text: &str) -> Result<(), String> {
        // Taking it closes it afterwards: the host needs no more from us.
        let mut stdin = self.child.stdin.take().ok_or("its input is closed")?;
        stdin.write_all(text.as_bytes()).map_err(|error| error.to_string())
    }

    /// The host's first process: the only child of the program that made the namespaces.
    fn first_process(&self) -> Result<ProcessMark, String> {
        let parent = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .map_err(|error| format!("its first process was not found: {error}"))?;
        children
            .split_whitespace()
            .next()
            .and_then(|pid| pid.parse().ok())
            .and_then(ProcessMark::of)
            .ok_or_else(|| format!("its first process ended: {}", self.last_words()))
    }
}

/// Waits until sshd and the Podman service answer, as seen from outside.
fn wait_until_ready(record: &Record, host: &HostRecord, init: ProcessMark) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    let address = record.address(host);
    loop {
        let services = services(&address, init);
        if services == Services::Ready {
            return Ok(());
        }
        if !init.lives() {
            return Err("its first process ended".into());
        }
        if Instant::now() > deadline {
            return Err(format!("{services} for {} s", PATIENCE.as_secs()));
        }
        std::thread::sleep(POLL);
    }
}

/// Whether CRIU says that it can work on this kernel, asked inside a host that is up.
pub(super) fn check_criu(init: ProcessMark) -> Result<(), LabError> {
    let pid = init.pid.to_string();
    run(
        "asking CRIU about this kernel",
        Command::new("nsenter").args(["--target", &pid, "--all", "--root", "criu", "check"]),
    )
    .map(drop)
    .map_err(|error| LabError::Kernel(format!("CRIU cannot work on it: {error}")))
}

/// Which services of a host answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Services {
    Ready,
    NoSshd,
    NoPodman,
}

impl std::fmt::Display for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Ready => "sshd and Podman answer",
            Self::NoSshd => "sshd does not answer",
            Self::NoPodman => "the Podman service does not answer",
        })
    }
}

/// Asks a host's services once.
pub(super) fn services(address: &str, init: ProcessMark) -> Services {
    if !sshd_answers(address) {
        Services::NoSshd
    } else if podman(init, "/_ping").is_none() {
        Services::NoPodman
    } else {
        Services::Ready
    }
}

fn sshd_answers(address: &str) -> bool {
    // A cable's length away, an answer takes milliseconds; a host that is short of processor time needs more.
    let patience = Duration::from_secs(3);
    let Ok(socket) = format!("{address}:22").parse::<SocketAddr>() else { return false };
    let Ok(mut stream) = TcpStream::connect_timeout(&socket, patience) else { return false };
    let mut greeting = [0; 4];
    stream.set_read_timeout(Some(patience)).is_ok()
        && stream.read_exact(&mut greeting).is_ok()
        && &greeting == b"SSH-"
}

/// Asks a host's Podman service through its socket, which can be reached by way of its first process.
pub(super) fn podman(init: ProcessMark, path: &str) -> Option<Vec<u8>> {
    let socket = format!("/proc/{}/root/run/podman/podman.sock", init.pid);
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    // With HTTP/1.0 the answer is not cut into chunks and ends with the connection.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: podman\r\n\r\n").as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.take(4 << 20).read_to_end(&mut answer).ok()?;
    let ok = answer.starts_with(b"HTTP/1.0 200") || answer.starts_with(b"HTTP/1.1 200");
    let body = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    ok.then(|| answer.split_off(body))
}
