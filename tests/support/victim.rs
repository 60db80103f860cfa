//! Finding what a move runs on a host, to kill it at a moment of the test's choice.

use std::path::{Path, PathBuf};

use super::moving::{Host, Scene, processes};
use super::wait_until;

/// A process that a move has on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The engine's command that checkpoints or restores.
    Podman,
    /// CRIU itself, doing that.
    Criu,
    /// The shell that outlives the connection.
    Supervisor,
    /// The script that keeps the source frozen.
    Action,
    /// The destination's wrapper of CRIU that waits for the images.
    Wrapper,
    /// The runtime that asked for CRIU.
    Runtime,
}

impl Host {
    /// The state that the one move under way here has written down.
    pub fn state(&self) -> Option<String> {
        let entries = std::fs::read_dir(self.path("/run/drover")).ok()?.flatten();
        let states = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("state")).ok());
        states.map(|state| state.trim().to_owned()).next()
    }

    /// Waits for that state.
    pub fn until_state(&self, state: &str) {
        let mut last = None;
        wait_until(&format!("{} is {state}", self.name), || {
            last = self.state();
            (last.as_deref() == Some(state)).then_some(())
        });
    }

    /// These processes of the move, in this machine's numbering.
    pub fn find(&self, victim: Victim) -> Vec<i32> {
        let namespace = std::fs::read_link(format!("/proc/{}/ns/pid", self.init)).unwrap();
        let supervisor = self.supervisor();
        let chosen = processes().into_iter().filter(|process| {
            if !std::fs::read_link(process.join("ns/pid")).is_ok_and(|other| other == namespace) {
                return false;
            }
            let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
            let words: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
            let program = words[0].rsplit('/').next().unwrap_or_default();
            let second = words.get(1).map(|word| word.as_ref()).unwrap_or_default();
            match victim {
                Victim::Podman => program == "podman" && words.iter().any(|word| word == "--file-locks"),
                // It changes its command line, and has children that are not yet what they will be.
                Victim::Criu => is_criu(process) && !parent(process).is_some_and(|parent| is_criu(&parent)),
                Victim::Action => program == "sh" && second.ends_with("/action"),
                Victim::Wrapper => program == "sh" && second.ends_with("/bin/criu"),
                Victim::Runtime => program == "crun" && words.iter().any(|word| word == "--image-path"),
                Victim::Supervisor => {
                    let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
                    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
                    supervisor.is_some()
                        && numbers.and_then(|line| line.split_whitespace().last()) == supervisor.as_deref()
                }
            }
        });
        chosen.map(|process| process.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
    }

    /// Kills all of them; there has to be one.
    pub fn slay(&self, victim: Victim) {
        let found = wait_until(&format!("{victim:?} runs on {}", self.name), || {
            Some(self.find(victim)).filter(|found| !found.is_empty())
        });
        self.end(&found);
    }

    /// The number of the detached shell in the host's own numbering.
    fn supervisor(&self) -> Option<String> {
        let entries = std::fs::read_dir(self.path("/run/drover")).ok()?.flatten();
        let numbers = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("pid")).ok());
        numbers.map(|number| number.trim().to_owned()).next()
    }
}

fn is_criu(process: &Path) -> bool {
    std::fs::read_link(process.join("exe")).is_ok_and(|program| program.ends_with("criu"))
}

fn parent(process: &Path) -> Option<PathBuf> {
    let status = std::fs::read_to_string(process.join("status")).ok()?;
    let number = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Some(Path::new("/proc").join(number.trim()))
}

impl Scene {
    /// Makes CRIU on a host wait at one of its stages, until [`Scene::criu_goes_on`].
    pub fn criu_waits_at(&self, host: &str, stage: &str) {
        let script = format!(
            "mkdir -p /etc/criu && printf '#!/bin/sh\\n[ \"$CRTOOLS_SCRIPT_ACTION\" = {stage} ] || exit 0\\n: >/etc/criu/reached\\nwhile [ -e /etc/criu/reached ]; do sleep 0.05; done\\n' >/etc/criu/fail &&
             rm -f /etc/criu/reached && chmod 755 /etc/criu/fail && echo 'action-script /etc/criu/fail' >/etc/criu/default.conf"
        );
        self.ssh(host, &script);
    }

    /// Waits until it waits.
    pub fn until_criu_waits(&self, host: &str) {
        let reached = self.host(host).path("/etc/criu/reached");
        wait_until(&format!("CRIU waits on {host}"), || reached.exists().then_some(()));
    }

    /// Ends that, for later runs of CRIU too. The one that waits asks the script again at its next stages.
    pub fn criu_goes_on(&self, host: &str) {
        let script = "cd /etc/criu && printf '#!/bin/sh\\n' >now && chmod 755 now && mv now fail && rm -f default.conf reached";
        self.ssh(host, script);
    }
}
