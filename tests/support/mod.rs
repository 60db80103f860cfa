//! What the tests on real hosts have in common: a lab that is shared by the tests of a process and gone
//! when the process is, however that ends.

#![allow(dead_code, reason = "each test file takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests may")]

pub mod case;
pub mod interrupted;
pub mod moving;
pub mod tree;
pub mod victim;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// Longer than anything on a lab takes on a busy machine; the tests wait for conditions, not for this.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Why no lab can be made here, if none can.
fn reason_against() -> Option<&'static str> {
    if !cfg!(target_os = "linux") {
        Some("a lab needs Linux")
    } else if !rustix::process::geteuid().is_root() {
        Some("a lab needs root")
    } else {
        None
    }
}

/// Whether a lab must be had: then a test fails where it would otherwise not run.
fn required() -> bool {
    std::env::var_os("DROVER_REQUIRE_LAB").is_some_and(|value| value == "1")
}

/// Says why a test does not run, or fails it where it has to.
pub fn not_run(reason: &str) {
    assert!(!required(), "DROVER_REQUIRE_LAB=1, but {reason}");
    eprintln!("not run: {reason}");
}

/// A lab of the tests.
pub struct Lab {
    pub name: String,
    state: PathBuf,
    /// Takes the lab down when its input ends: at the latest when this process does.
    guard: Option<Child>,
}

static SHARED: Mutex<Weak<Lab>> = Mutex::new(Weak::new());

impl Lab {
    /// The lab that all tests of this process share, three hosts with the samples on the first; none (and a
    /// line that says why) where there can be none. Tests of other processes have labs of their own.
    pub fn shared() -> Option<Arc<Self>> {
        // A test that failed has not broken the lab.
        let mut shared = SHARED.lock().unwrap_or_else(|broken| broken.into_inner());
        if let Some(lab) = shared.upgrade() {
            return Some(lab);
        }
        let lab = Arc::new(Self::unused("s")?);
        let output = lab.up(&[]);
        if !output.status.success() {
            not_run(&format!("the lab did not come up: {}", String::from_utf8_lossy(&output.stderr)));
            return None;
        }
        *shared = Arc::downgrade(&lab);
        Some(lab)
    }

    /// A lab of one test's own, not yet up. `tag` is one letter or two that no other test uses.
    pub fn unused(tag: &str) -> Option<Self> {
        if let Some(reason) = reason_against() {
            not_run(reason);
            return None;
        }
        let name = format!("t{}{tag}", std::process::id());
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        std::fs::create_dir_all(&state).unwrap();
        let mut lab = Self { name, state, guard: None };
        let script =
            "read -r _; \"$1\" lab down --name \"$2\" >/dev/null && rm -rf --one-file-system -- \"$3\"";
        let mut guard = Command::new("setsid");
        guard.args(["sh", "-c", script, "guard", env!("CARGO_BIN_EXE_drover"), &lab.name]).arg(&lab.state);
        lab.guard = Some(lab.places(&mut guard).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
        Some(lab)
    }

    fn places<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("XDG_STATE_HOME", &self.state)
    }

    /// Where the lab keeps its files.
    pub fn state(&self) -> PathBuf {
        self.state.join("drover/lab").join(&self.name)
    }

    /// The fleet file that leads to the hosts.
    pub fn fleet_file(&self) -> PathBuf {
        self.state().join("fleet.toml")
    }

    /// `drover lab VERB --name …`, to be given more words.
    pub fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drover"));
        self.places(&mut command).args(["lab", verb, "--name", &self.name]).stdin(Stdio::null());
        command
    }

    /// Runs `drover lab up` with more words.
    pub fn up(&self, words: &[&str]) -> Output {
        let mut command = self.command("up");
        if required() {
            command.arg("--yes");
        }
        command.args(words).output().unwrap()
    }

    /// Runs a shell script on a host, which must succeed, and answers what it printed.
    pub fn ssh(&self, host: &str, script: &str) -> String {
        let output = self.command("shell").args([host, "--", "sh", "-c", script]).output().unwrap();
        assert!(
            output.status.success(),
            "{host}: {script}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    /// The lab's status.
    pub fn status(&self) -> serde_json::Value {
        let output = self.command("status").arg("--json").output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no status: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// A host's address.
    pub fn address(&self, host: &str) -> String {
        let status = self.status();
        let found = status["hosts"].as_array().unwrap().iter().find(|entry| entry["name"] == host);
        found.unwrap()["address"].as_str().unwrap().to_string()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

/// Looks at a condition for which there is no event until it holds.
pub fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
