//! What a simulated fleet is like and what happens to it: one TOML file, checked as a whole.
//!
//! In comes a text; out goes a [`Scenario`] that cannot contradict itself, or every mistake with line and
//! column. Every key that is not listed here is refused.
//!
//! ```toml
//! title = "a flaky link"                  # for the title bar and the list
//! teaches = "what a cut link does to a move"
//! try = ["Press m on counter and choose h2."]
//! seed = 7                                # of all that is drawn; 0 without it
//!
//! [host]                                  # holds for every host that does not say otherwise
//! memory = "4G"
//!
//! [[hosts]]
//! name = "h{}"                            # with count: h1, h2, …, all of equal width
//! count = 3
//!
//! [link]                                  # every link that is not listed
//! rate = "1 Gbit/s"                       # bits per second, decimal units; or "unlimited"
//! delay = "0.25 ms"                       # one way
//! loss = "0.1 %"                          # always in percent, so that 0.5 cannot mean a half
//!
//! [[links]]
//! between = ["laptop", "h1"]              # the laptop is the machine on which drover runs
//! delay = "40 ms"
//!
//! [[containers]]
//! name = "web-{}"
//! host = "h{}"                            # a name, a list, the {} name of several hosts, or "all"
//! per_host = 2                            # so many on each; or count = 5, dealt out in turn
//! workload = "web"                        # counter, redis, web, looper, idle
//! memory = "40M"
//!
//! [[loads]]
//! container = "web-{}"                    # or host = …; a name, "host/name", a list, a {} name, or "all"
//! metric = "cpu"                          # cores; memory; network, disk: "10M/s"
//! shape = "square"
//! high = 0.8
//! period = "25 s"
//! duty = "40 %"
//! stagger = "3 s"                         # each bearer lags so much behind the one before
//!
//! [[events]]
//! during = "transfer"                     # or at = "30 s" since the world began
//! of = "web-1"                            # only moves of this container
//! on = "h2"                               # only moves from or to this host
//! times = 1                               # or "always"
//! what = "cut-link"
//! between = ["laptop", "destination"]     # during a move also "source" and "destination"
//! for = "10 s"                            # without it: for good
//! ```
//!
//! **Hosts**: `name`, `count`, `memory` (4G), `memory_used` (300M), `swap` (0), `cores` (4), `disk` (40G),
//! `disk_used` (4G), `architecture` (x86_64, aarch64), `kernel`, `distribution`, `criu`, `podman`, `docker`,
//! `runc` (versions, or "none"), `runtime` (crun, runc), `cgroup` (2, 1), `cpu_flags`, `without_cpu_flags`,
//! `cpu_model`, `clock_skew` ("-2 s"), `boot` ("3 d").
//!
//! **Containers**: `name`, `host`, `count`, `per_host`, `engine` (podman, docker, runc), `workload`, `image`,
//! `memory`, `dirty_rate` ("1M/s"), `cpu` (cores), `sockets`, `ports`, `volumes` (`name`, `size`, `path`),
//! `files` (`path`, `size`), `peculiar` (see [`Peculiarity::ALL`]), `status` (running, exited), `labels`.
//!
//! **Shapes** of loads ([`crate::simulation::load::Load`] says what they do): `constant` (`level`), `square`
//! (`low`, `high`, `period`, `duty`, `phase`), `ramp` (`from`, `to`, `begin`, `over`), `burst` (`low`, `high`,
//! `every`, `lasts`, `rhythm` regular or irregular), `diurnal` (`low`, `high`, `period`, `peak`: the time of
//! the first peak since the world began), `moving` (`low`, `high`, `dwell`: the bearers take turns).
//!
//! **Events**: `cut-link` (`between`, `for`), `slow-link` (`between`, `rate`, `delay`, `loss`, `for`),
//! `fill-disk` (`host`, `path`, `leave`, `for`), `use-memory` (`host`, `amount`, `for`), `fail` (`failure`, an
//! id of [`crate::simulation::failure`]), `host-dies`, `host-hangs` (`host`, `for`), `jump-clock` (`host`,
//! `by`), `run-container` (`container`, a table as above), `start-container`, `stop-container`,
//! `remove-container` (`container`, a name or "moving"), `restart-engine` (`host`, `engine`).

mod container;
mod event;
mod host;
mod link;
mod read;
mod shipped;
mod values;

use std::path::{Path, PathBuf};

use crate::fleet::Problem;
use crate::fleet::file::{NoText, ProblemList, text_of};

pub use container::{ContainerPlan, Engine, FilePlan, Origin, Peculiarity, Status, VolumePlan, Workload};
pub use event::{
    Action, Bearer, End, EventPlan, Lasting, LoadPlan, Metric, Stage, Times, Trigger, Which, Whom,
};
pub use host::{Architecture, CgroupVersion, HostPlan, Runtime, Version};
pub use link::{LAPTOP, LinkPlan, Links, Place, Rate};
pub use shipped::{DEFAULT, Shipped, shipped};

/// A world and what happens in it, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The word by which it is asked for.
    pub name: String,
    /// What the title bar says.
    pub title: String,
    /// What it teaches, in a sentence.
    pub teaches: String,
    /// What to try, one step each.
    pub try_this: Vec<String>,
    /// Of all that is drawn: equal seeds give equal worlds.
    pub seed: u64,
    /// The hosts; never empty.
    pub hosts: Vec<HostPlan>,
    /// The network between them.
    pub links: Links,
    /// The containers that are there when the world begins.
    pub containers: Vec<ContainerPlan>,
    /// What uses hosts and containers.
    pub loads: Vec<LoadPlan>,
    /// What happens.
    pub events: Vec<EventPlan>,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("the scenario {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file can be read and is wrong.
    #[error("{}", ProblemList(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Every mistake, in the file's order; never empty.
        problems: Vec<Problem>,
    },
}

impl Scenario {
    /// Reads a file; it is called by the file's name without its ending. `seed` goes before the file's own.
    pub fn load(path: &Path, seed: Option<u64>) -> Result<Self, ScenarioError> {
        match text_of(path, "scenario") {
            Ok(text) => {
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                Self::parse(&name.unwrap_or_default(), &text, path, seed)
            }
            Err(NoText::Unreadable(cause)) => {
                Err(ScenarioError::Unreadable { path: path.to_path_buf(), cause })
            }
            Err(NoText::NotUtf8(problem)) => {
                Err(ScenarioError::Invalid { path: path.to_path_buf(), problems: vec![problem] })
            }
        }
    }

    /// Reads a text as the scenario of a name; `path` is what messages call it, `seed` goes before the text's own.
    pub fn parse(name: &str, text: &str, path: &Path, seed: Option<u64>) -> Result<Self, ScenarioError> {
        read::read(name, text, seed)
            .map_err(|problems| ScenarioError::Invalid { path: path.to_path_buf(), problems })
    }
}

#[cfg(test)]
mod tests;
