//! These programs against the real ones: the same words, the same input, the same files must give the same output,
//! the same messages and the same exit code, so that the simulation cannot drift from the truth.

mod awk;
mod curl;
mod files;
mod hosts;
mod streams;
mod tar;
mod text;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use crate::simulation::locked;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::run_process;
use crate::simulation::machine::{Machine, machine_for_tests};

/// A program's exit code, output and errors.
type Ran = (u8, String, String);

/// A simulated host and a directory that there is on it and on this machine.
pub(super) struct Twins {
    pub machine: Arc<Machine>,
    directory: tempfile::TempDir,
    /// Its path without links.
    pub path: String,
    /// Where the two were not the same.
    differences: Mutex<Vec<String>>,
}

impl Drop for Twins {
    fn drop(&mut self) {
        let differences = std::mem::take(&mut *locked(&self.differences));
        if !std::thread::panicking() {
            assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
        }
    }
}

/// Whether this machine has GNU's programs; others (macOS, busybox) speak differently.
fn gnu() -> bool {
    let says = |program: &str, word: &str| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(word))
    };
    cfg!(target_os = "linux")
        && says("ls", "GNU coreutils")
        && says("find", "GNU findutils")
        && says("tar", "GNU tar")
}

impl Twins {
    /// Nothing where there is nothing to compare with.
    pub async fn new() -> Option<Self> {
        if !gnu() {
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = std::fs::canonicalize(directory.path()).unwrap().to_str().unwrap().to_owned();
        let machine = machine_for_tests();
        let (code, _, errors) = run_process(Process::new(&machine), &["mkdir", "-p", &path], b"").await;
        assert_eq!((code, errors.as_str()), (0, ""));
        Some(Self { machine, directory, path, differences: Mutex::default() })
    }

    /// A process of the simulated host in the directory.
    pub fn process(&self) -> Process {
        let mut process = Process::new(&self.machine);
        process.directory = process.find(&self.path, LastLink::Follow).unwrap().path;
        process.mask = 0o022;
        process
    }

    pub async fn simulated(&self, words: &[&str], input: &[u8]) -> Ran {
        run_process(self.process(), words, input).await
    }

    pub fn real(&self, words: &[&str], input: &[u8]) -> Ran {
        let mut child = Command::new(words[0])
            .args(&words[1..])
            .current_dir(&self.path)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("LC_ALL", "C")
            .env("TZ", "UTC0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feed = std::thread::spawn(move || {
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feed.join().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code().unwrap() as u8, text(output.stdout), text(output.stderr))
    }

    /// Runs the same on both and compares all that can be seen.
    pub async fn same(&self, words: &[&str], input: &[u8]) {
        let real = self.real(words, input);
        let simulated = self.simulated(words, input).await;
        self.equal(words, &simulated, &real);
    }

    /// Notes where two results differ.
    pub fn equal<T: PartialEq + std::fmt::Debug>(&self, words: &[&str], simulated: &T, real: &T) {
        if simulated != real {
            let text = format!("{words:?}\n  simulated {simulated:?}\n  real      {real:?}");
            locked(&self.differences).push(text);
        }
    }

    /// The same for a row of calls, separated by line ends, whose words are separated by blanks; `''` is an empty
    /// word, and `~` stands for a blank in a word.
    pub async fn all_same(&self, calls: &str, input: &[u8]) {
        for line in calls.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<String> = line
                .split_whitespace()
                .map(|word| if word == "''" { String::new() } else { word.replace('~', " ") })
                .collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            self.same(&words, input).await;
        }
    }

    /// Puts a file into both directories.
    pub async fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.real_path(name), bytes).unwrap();
        let (code, _, errors) = self.simulated(&["tee", name], bytes).await;
        assert_eq!((code, errors.as_str()), (0, ""));
    }

    pub fn real_path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}
