//! A real sshd on a loopback port, with its own configuration and keys in a temporary directory.
//!
//! Each connection is served by an `sshd -i` of its own, so no port has to be guessed, nothing has to be
//! waited for, and dropping the value ends every process that it started.

use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use drover::fleet::{Engine, HostName, HostSpec, Sudo};
use drover::ssh::config::{NoConfiguration, Person};
use drover::ssh::{Connector, NoPrompter, Prompter};

/// Where Debian, Fedora and Arch have it.
const SSHD: [&str; 3] = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];

/// A running server.
pub struct Sshd {
    pub directory: tempfile::TempDir,
    pub port: u16,
    stop: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
    accept: Option<JoinHandle<()>>,
}

impl Sshd {
    /// Starts a server, or says in one line why there is none. Where the lab is required, that is a failure.
    pub fn start(options: &str) -> Option<Self> {
        let Some(program) = SSHD.into_iter().find(|path| Path::new(path).exists()) else {
            assert!(
                std::env::var_os("DROVER_REQUIRE_LAB").is_none(),
                "sshd is not installed (openssh-server)"
            );
            eprintln!("skipped: sshd is not installed (openssh-server)");
            return None;
        };
        // sshd wants this directory when it runs as root; the package makes it when the service starts.
        if is_root() {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        keygen(&path("host_ed25519"), "ed25519", "");
        keygen(&path("host_rsa"), "rsa", "");
        keygen(&path("user"), "ed25519", "");
        std::fs::copy(path("user.pub"), path("authorized_keys")).unwrap();
        let mut config = String::new();
        for line in [
            format!("HostKey {}", path("host_ed25519").display()),
            format!("HostKey {}", path("host_rsa").display()),
            format!("AuthorizedKeysFile {}", path("authorized_keys").display()),
            "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes".into(),
            "KbdInteractiveAuthentication no\nPidFile none\nLogLevel VERBOSE\nPrintMotd no".into(),
        ] {
            writeln!(config, "{line}").unwrap();
        }
        // sshd takes the first value of an option.
        std::fs::write(path("sshd_config"), format!("{options}\n{config}")).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, children) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let serve = Serve {
            program,
            config: path("sshd_config"),
            log: path("log"),
            stop: stop.clone(),
            children: children.clone(),
        };
        let accept = Some(std::thread::spawn(move || serve.run(&listener)));
        let sshd = Self { directory, port, stop, children, accept };
        sshd.trust("host_ed25519", "");
        Some(sshd)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Records one of the server's keys in the `known_hosts` file, instead of what was there.
    pub fn trust(&self, key: &str, marker: &str) {
        let key = std::fs::read_to_string(self.path(&format!("{key}.pub"))).unwrap();
        std::fs::write(self.path("known_hosts"), format!("{marker}[127.0.0.1]:{} {key}", self.port)).unwrap();
    }

    /// What the fleet file would say of this server.
    pub fn spec(&self, name: &str) -> HostSpec {
        HostSpec {
            name: HostName::new(name).unwrap(),
            address: "127.0.0.1".into(),
            user: Some(user()),
            port: Some(self.port),
            identity: vec![self.path("user")],
            jump: Vec::new(),
            known_hosts: vec![self.path("known_hosts")],
            engine: Engine::Podman,
            sudo: Sudo::Never,
            labels: std::collections::BTreeMap::new(),
            host_key_check: drover::fleet::HostKeyCheck::default(),
            memory_reserve: 0,
        }
    }

    /// A person whose home is the server's directory, so that nobody's ~/.ssh is read.
    pub fn person(&self) -> Person {
        Person { user: user(), home: self.directory.path().join("home"), agent: None }
    }

    pub fn connector(&self) -> Connector {
        Connector::with(self.person(), NoConfiguration::new(self.person()))
    }

    /// Kills the processes that serve the connections, as a power cut would.
    pub fn cut(&self) {
        for child in self.children.lock().unwrap().iter_mut() {
            end_with_descendants(child);
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(accept) = self.accept.take() {
            accept.join().unwrap();
        }
        self.cut();
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.log());
        }
    }
}

struct Serve {
    program: &'static str,
    config: PathBuf,
    log: PathBuf,
    stop: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
}

impl Serve {
    fn run(self, listener: &TcpListener) {
        while let Ok((stream, _)) = listener.accept() {
            if self.stop.load(Ordering::SeqCst) {
                return;
            }
            let log = std::fs::OpenOptions::new().append(true).create(true).open(&self.log).unwrap();
            let (input, output) = (stream.try_clone().unwrap(), stream);
            let child = Command::new(self.program)
                .args(["-i", "-e", "-f"])
                .arg(&self.config)
                .stdin(Stdio::from(OwnedFd::from(input)))
                .stdout(Stdio::from(OwnedFd::from(output)))
                .stderr(Stdio::from(log))
                .spawn()
                .unwrap();
            self.children.lock().unwrap().push(child);
        }
    }
}

/// Ends a process of ours and what it started, parents first: a server that sees its command end would still say so.
fn end_with_descendants(child: &mut Child) {
    if matches!(child.try_wait(), Ok(None)) {
        let mut descendants = Vec::new();
        collect_descendants(child.id(), &mut descendants);
        // An error means that it ended meanwhile.
        let _ = child.kill();
        for pid in descendants {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
        }
        let _ = child.wait();
    }
}

fn collect_descendants(pid: u32, found: &mut Vec<u32>) {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()) {
        found.push(child);
        collect_descendants(child, found);
    }
}

pub fn user() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

pub fn is_root() -> bool {
    user() == "root"
}

/// Runs ssh-keygen for a new key.
pub fn keygen(file: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "drover test", "-f"]).arg(file);
    if kind == "rsa" {
        command.args(["-b", "2048"]);
    }
    run(&mut command);
}

/// Runs a tool that must succeed.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn nobody() -> Arc<dyn Prompter> {
    Arc::new(NoPrompter)
}
