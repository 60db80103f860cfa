//! What CRIU writes while it works, in its format: seconds since it began, then the line.

use std::time::Duration;

use super::container::Container;
use super::criu::Stats;
use crate::simulation::machine::Machine;
use crate::simulation::scenario::Version;

/// A log that is being written.
pub struct Log {
    text: String,
    at: Duration,
    step: Duration,
}

impl Log {
    /// `lasts` is spread over so many lines as a log of this length has.
    fn new(lasts: Duration) -> Self {
        Self { text: String::new(), at: Duration::ZERO, step: lasts / 60 }
    }

    /// One line more.
    pub fn line(&mut self, line: &str) {
        let at = self.at;
        // What the parasite and the restorer say comes through a pipe, without a time of its own when it is late.
        self.text.push_str(&format!("({:02}.{:06}) {line}\n", at.as_secs(), at.subsec_micros()));
        self.at += self.step;
    }

    fn lines<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) {
        for line in lines {
            self.line(line);
        }
    }

    /// All of it.
    pub fn text(&self) -> String {
        self.text.clone()
    }

    /// The end of a dump that worked.
    pub fn finish_dump(&mut self) {
        self.lines([
            "----------------------------------------",
            "Namespaces dump complete",
            "cg: Dumping 1 sets",
            "cg: Writing CG image",
            "unix: Dumping external sockets",
            "Writing image inventory (version 1)",
            "Running post-dump scripts",
            "Unfreezing tasks into 2",
            "Writing stats",
            "Dumping finished successfully",
        ]);
    }

    /// The end of a restore that worked.
    pub fn finish_restore(&mut self) {
        self.lines([
            "pie: 1: 1: Restored",
            "Running post-restore scripts",
            "mnt: Switching to new ns to clean ghosts",
            "net: Unlock network",
            "Running network-unlock scripts",
            "Run late stage hook from criu master for external devices",
            "Running pre-resume scripts",
            "Restore finished successfully. Tasks resumed.",
            "Writing stats",
            "Running post-resume scripts",
        ]);
    }
}

fn begin(machine: &Machine, lasts: Duration) -> Log {
    let plan = &machine.plan;
    let mut log = Log::new(lasts);
    let version = plan.criu.as_ref().map(Version::to_string).unwrap_or_default();
    log.line("Unable to get $HOME directory, local configuration file will not be used.");
    log.line(&format!("Version: {version} (gitid 0)"));
    log.line(&format!(
        "Running on {} Linux {} #1 SMP PREEMPT_DYNAMIC @0 {}",
        plan.name, plan.kernel, plan.architecture
    ));
    log.line("Loaded kdat cache from /run/criu.kdat");
    log.line("Hugetlb size 2 Mb is supported but cannot get dev's number");
    log
}

/// The beginning of a dump, up to where it may fail.
pub fn dump(machine: &Machine, container: &Container, stats: Stats) -> Log {
    let pid = container.pid().unwrap_or_default();
    let command = container.command.first().map(String::as_str).unwrap_or_default();
    let name: String = command.rsplit('/').next().unwrap_or_default().chars().take(15).collect();
    let mut log = begin(machine, stats.freezing + stats.frozen);
    log.lines(["Will dump/restore TCP connections", "========================================"]);
    log.line(&format!("Dumping processes (pid: {pid} comm: {name})"));
    log.line("========================================");
    log.line("Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted");
    log.lines([
        "Running pre-dump scripts",
        "irmap: No irmap cache",
        "cpu: fpu:1 fxsr:1 xsave:1 xsaveopt:1 xsavec:1 xgetbv1:1 xsaves:1",
    ]);
    log.line(match machine.plan.cgroup {
        crate::simulation::scenario::CgroupVersion::One => "Detected cgroup V1 freezer",
        crate::simulation::scenario::CgroupVersion::Two => "Detected cgroup V2 freezer",
    });
    log.line(&format!(
        "freezing processes: 1 attempts with 100 ms steps, cgroup {}",
        container.control_group()
    ));
    log.line(&format!("Seized task {pid}, state 0"));
    log.line("Running network-lock scripts");
    log.line("----------------------------------------");
    log.line(&format!("Collecting fds (pid: {pid})"));
    log.line("----------------------------------------");
    log.line(&format!("Dumping task (pid: {pid} comm: {name})"));
    log.line(&format!("Pagemap generated: {} pages (0 lazy) 0 holes", stats.pages));
    log
}

/// The beginning of a restore, up to where it may fail.
pub fn restore(machine: &Machine, container: &Container, stats: Stats) -> Log {
    let mut log = begin(machine, stats.frozen);
    log.line("Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted");
    log.lines([
        "Reading image tree",
        "Add mnt ns 13 pid 1",
        "Add net ns 10 pid 1",
        "Add pid ns 9 pid 1",
        "pstree pid_max=1",
    ]);
    log.line("Will restore in 6c020000 namespaces");
    log.line(&format!(
        "cg: Preparing cgroups yard (cgroups restore mode 0x4) for {}",
        container.control_group()
    ));
    log.line("mnt: Move the root to /tmp/.criu.mntns.pPPVhE/13-0000000000");
    log.line(&format!("pr1-1 Read pages of {} bytes", stats.pages * super::pages::PAGE));
    log
}
