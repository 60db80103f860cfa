//! One lxcfs per lab: it gives each host a /proc/meminfo, /proc/stat, … of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::LabError;
use super::error::file;
use super::places::{Places, private_directory};
use super::program::{SYSTEM_PATH, find, run};
use super::record::ProcessMark;

/// It answers within 50 ms here; ten seconds are for a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a condition without an event is looked at.
const POLL: Duration = Duration::from_millis(10);

/// The process that serves this lab, found by its command line: it outlives a drover that was killed before
/// it could write down what it had started.
fn process(places: &Places) -> Option<ProcessMark> {
    let wanted = places.run.join("lxcfs");
    let wanted = wanted.to_string_lossy();
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let command = std::fs::read(entry.path().join("cmdline")).ok()?;
        let mut words = command.split(|byte| *byte == 0);
        let program = words.next()?;
        let ours = program.ends_with(b"lxcfs") && words.any(|word| word == wanted.as_bytes());
        ours.then(|| ProcessMark::of(pid)).flatten()
    })
}

/// Whether it serves its files.
pub(super) fn answers(places: &Places) -> bool {
    std::fs::read(places.run.join("lxcfs/proc/meminfo")).is_ok()
}

/// Starts it unless it runs.
pub(super) fn start(places: &Places) -> Result<(), LabError> {
    if answers(places) {
        return Ok(());
    }
    let directory = places.run.join("lxcfs");
    stop(places)?;
    private_directory(&directory)?;
    let log = places.run.join("lxcfs.log");
    let log_file = std::fs::File::create(&log).map_err(file("writing", &log))?;
    let program = find("lxcfs").unwrap_or_else(|| "lxcfs".into());
    let mut child = Command::new("setsid")
        .arg(program)
        .args(["--foreground", "--enable-loadavg", "--enable-cfs", "--pidfile"])
        .arg(places.run.join("lxcfs.pid"))
        .arg(&directory)
        .env_clear()
        .env("PATH", SYSTEM_PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_file)
        .spawn()
        .map_err(|error| LabError::Program {
            step: "starting lxcfs",
            program: "lxcfs".into(),
            cause: error.to_string(),
        })?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if answers(places) {
            break;
        }
        if matches!(child.try_wait(), Ok(Some(_))) || Instant::now() > deadline {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            return Err(LabError::Program {
                step: "starting lxcfs",
                program: "lxcfs".into(),
                cause: super::program::last_lines(&said, 3),
            });
        }
        std::thread::sleep(POLL);
    }
    // Somebody has to take its exit status should it end before drover does.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Removes its mount and ends it.
pub(super) fn stop(places: &Places) -> Result<(), LabError> {
    let directory = places.run.join("lxcfs");
    while is_mounted(&directory) {
        run("removing the lxcfs mount", Command::new("umount").arg("--lazy").arg(&directory))?;
    }
    if let Some(process) = process(places) {
        end(process);
    }
    Ok(())
}

/// Whether its mount is there.
pub(super) fn is_mounted(directory: &Path) -> bool {
    let wanted = directory.to_string_lossy();
    std::fs::read_to_string("/proc/self/mountinfo")
        .is_ok_and(|mounts| mounts.lines().any(|line| line.split(' ').nth(4) == Some(&*wanted)))
}

/// Ends the process at once: it keeps nothing, and when asked politely it first waits for its load average
/// thread, which looks up every five seconds.
fn end(process: ProcessMark) {
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else { return };
    // It may have ended by itself since.
    let _ = kill_process(pid, Signal::KILL);
    let deadline = Instant::now() + PATIENCE;
    while process.lives() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
}
