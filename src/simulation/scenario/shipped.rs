//! The scenarios that are part of the program: a lecture's worth.

use std::path::Path;

use super::{Scenario, ScenarioError};
use crate::fleet::position::suggestion;

/// One of them, not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The word by which it is asked for.
    pub name: &'static str,
    /// Its TOML, which a person may take as a beginning for another one.
    pub text: &'static str,
}

/// The one that is opened when none is asked for.
pub const DEFAULT: &str = "healthy";

const SHIPPED: [Shipped; 7] = [
    Shipped { name: DEFAULT, text: include_str!("../scenarios/healthy.toml") },
    Shipped { name: "hot-host", text: include_str!("../scenarios/hot-host.toml") },
    Shipped { name: "kernel-mismatch", text: include_str!("../scenarios/kernel-mismatch.toml") },
    Shipped { name: "flaky-link", text: include_str!("../scenarios/flaky-link.toml") },
    Shipped { name: "restore-fails", text: include_str!("../scenarios/restore-fails.toml") },
    Shipped { name: "host-dies", text: include_str!("../scenarios/host-dies.toml") },
    Shipped { name: "hundred-hosts", text: include_str!("../scenarios/hundred-hosts.toml") },
];

/// No scenario of this name is shipped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario “{}”; {nearest}", crate::fleet::printable(name))]
pub struct NotShipped {
    name: String,
    nearest: String,
}

/// All of them, the default one first.
pub fn shipped() -> &'static [Shipped] {
    &SHIPPED
}

impl Shipped {
    /// The one of a name.
    pub fn find(name: &str) -> Result<Self, NotShipped> {
        SHIPPED.iter().find(|shipped| shipped.name == name).copied().ok_or_else(|| {
            let known: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
            NotShipped { name: name.to_string(), nearest: suggestion(name, &known) }
        })
    }

    /// Reads it; `seed` goes before its own.
    pub fn load(&self, seed: Option<u64>) -> Result<Scenario, ScenarioError> {
        Scenario::parse(self.name, self.text, Path::new(self.name), seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::simulation::scenario::{Action, Bearer, Metric, Status, Trigger, Whom};

    fn load(name: &str) -> Scenario {
        Shipped::find(name).unwrap().load(None).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn all_can_be_read_and_say_what_they_are_for() {
        for shipped in shipped() {
            let scenario = load(shipped.name);
            assert_eq!(scenario.name, shipped.name);
            assert_ne!(scenario.title, shipped.name);
            assert!(scenario.teaches.len() > 30 && scenario.try_this.len() >= 3, "{}", shipped.name);
            assert!(scenario.hosts.len() >= 3 && !scenario.loads.is_empty(), "{}", shipped.name);
        }
    }

    #[test]
    fn a_move_takes_seconds_in_all_of_them() {
        for scenario in shipped().iter().map(|shipped| load(shipped.name)) {
            for container in &scenario.containers {
                assert!(container.memory <= 256 << 20, "{} {}", scenario.name, container.name);
            }
        }
    }

    #[test]
    fn the_default_one_looks_alive() {
        let healthy = load(DEFAULT);
        assert_eq!((healthy.hosts.len(), healthy.events.len()), (4, 0));
        let running = healthy.containers.iter().filter(|one| one.status == Status::Running);
        assert!((10..=14).contains(&running.clone().count()));
        assert!(running.clone().all(|one| (20 << 20..=200 << 20).contains(&one.memory)));
        for host in &healthy.hosts {
            assert!(running.clone().any(|one| one.host == host.name), "{}", host.name);
        }
    }

    #[test]
    fn a_hundred_hosts_have_thirty_containers_each() {
        let hundred = load("hundred-hosts");
        assert_eq!((hundred.hosts.len(), hundred.containers.len()), (100, 3000));
        for host in &hundred.hosts {
            assert_eq!(hundred.containers.iter().filter(|one| one.host == host.name).count(), 30);
        }
        assert_eq!((hundred.hosts[0].name.as_str(), hundred.hosts[99].name.as_str()), ("h001", "h100"));
    }

    #[test]
    fn what_is_to_happen_happens_in_a_move() {
        for (name, wanted) in
            [("flaky-link", "CutLink"), ("restore-fails", "Fail"), ("host-dies", "Die { host: Destination")]
        {
            let scenario = load(name);
            let during = |event: &&crate::simulation::scenario::EventPlan| {
                matches!(event.trigger, Trigger::During { .. })
                    && format!("{:?}", event.action).starts_with(wanted)
            };
            assert!(scenario.events.iter().any(|event| during(&event)), "{name}: {:?}", scenario.events);
        }
        let dies = &load("host-dies").events[0];
        assert!(matches!(dies.action, Action::Die { host: Whom::Destination, .. }));
    }

    #[test]
    fn no_host_needs_more_memory_than_it_has() {
        for scenario in shipped().iter().map(|shipped| load(shipped.name)) {
            for host in &scenario.hosts {
                let containers: u64 = scenario
                    .containers
                    .iter()
                    .filter(|one| one.host == host.name)
                    .map(|one| one.memory)
                    .sum();
                let loads: f64 = scenario
                    .loads
                    .iter()
                    .filter(|load| load.metric == Metric::Memory)
                    .filter(|load| match &load.on {
                        Bearer::Host(name) => *name == host.name,
                        Bearer::Container(origin) => origin.host == host.name,
                    })
                    .map(|load| {
                        (0..900).map(|second| load.shape.at(Duration::from_secs(second))).fold(0.0, f64::max)
                    })
                    .sum();
                let used = host.memory_used + containers + loads as u64;
                // And a container can still be moved there: drover keeps 256 MiB in reserve.
                assert!(used + (400 << 20) <= host.memory, "{} {}: {used}", scenario.name, host.name);
            }
        }
    }

    #[test]
    fn what_to_press_is_a_key_of_the_console() {
        let readme = include_str!("../../../README.md");
        let keys = readme.split("<!-- keys: begin -->").nth(1).unwrap();
        for scenario in shipped().iter().map(|shipped| load(shipped.name)) {
            for step in &scenario.try_this {
                let words: Vec<&str> = step.split([' ', ',', '.', ';', ':']).collect();
                for pair in words.windows(2).filter(|pair| pair[0].eq_ignore_ascii_case("press")) {
                    assert!(keys.contains(&format!("`{}`", pair[1])), "{}: {step}", scenario.name);
                }
            }
        }
    }

    #[test]
    fn another_name_gets_the_nearest_one() {
        let error = Shipped::find("hot-hsot").unwrap_err().to_string();
        assert_eq!(error, "there is no scenario “hot-hsot”; did you mean “hot-host”?");
        assert!(Shipped::find("\u{1b}[2J").unwrap_err().to_string().contains("known are “healthy”"));
    }
}
