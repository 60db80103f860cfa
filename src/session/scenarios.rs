//! Fold scenarios from `tests/scenarios/*.toml`: events and keys in, state and effects out.
//!
//! A scenario says what happens step by step and, after any step, what must then be so. Effects are compared as
//! words (`migrate 1 counter h1 h2`) and must be exactly those since the last expectation of effects.

use std::path::PathBuf;

use serde::Deserialize;

use super::action::find;
use super::sample_fleet::*;
use super::state::Focus;
use super::{Change, Dialog, Effect, Event, Happening, Key, Layer, LookAt, Phase, Standing};
use crate::fleet::{Container, ContainerStatus};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Scenario {
    /// What it shows, for the reader.
    about: String,
    /// Columns and rows; 80 by 24 unless told.
    size: Option<(u16, u16)>,
    /// The fleet's hosts.
    hosts: Vec<String>,
    step: Vec<Step>,
}

/// One thing that happens, and what must be so afterwards.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Step {
    /// Milliseconds since the session began; 100 after the step before unless told.
    at: Option<u64>,
    /// Keys, one after the other.
    keys: Option<String>,
    /// Hosts become live.
    live: Option<Vec<String>>,
    containers: Option<Listing>,
    reading: Option<Reading>,
    /// Any event, as recordings hold it.
    event: Option<Box<Happening>>,
    #[serde(default)]
    expect: Expect,
}

/// A host has these running containers; a name that begins with `-` does not run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    host: String,
    names: Vec<String>,
}

/// A host has this many MiB available of 2048, and this share of its processors in use.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reading {
    host: String,
    free: u64,
    cpu: f64,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Expect {
    /// `none` or `visible`, for the last event of the step.
    change: Option<String>,
    effects: Option<Vec<String>>,
    /// `hosts`, `containers`, `events`.
    focus: Option<String>,
    host: Option<String>,
    /// Name of the container under the cursor; empty for none.
    container: Option<String>,
    /// Names in the list, in order.
    rows: Option<Vec<String>>,
    filter: Option<String>,
    /// The layer that has the keys: `panes`, `filter`, `help`, `details`, `move`, `confirm`, `question`, `secret`.
    layer: Option<String>,
    /// The chosen destination.
    destination: Option<String>,
    /// All destinations, those that cannot be chosen in brackets.
    destinations: Option<Vec<String>>,
    /// Part of the reason why Enter did nothing.
    complaint: Option<String>,
    /// Part of the newest line of the event list.
    notice: Option<String>,
    notices: Option<usize>,
    /// `running`, `cancelling`, `finished`, `failed`: that of the shown migration; `none` when none is shown.
    migration: Option<String>,
    wants_seconds: Option<bool>,
    /// The words about a simulated fleet in the title; empty for a real one.
    simulation: Option<String>,
    /// Keys that do something now.
    offered: Option<Vec<String>>,
    /// Keys that do nothing now.
    idle: Option<Vec<String>>,
}

fn word(effect: &Effect) -> String {
    let asked =
        |request: &crate::migrate::Request| format!("{} {} {}", request.container, request.from, request.to);
    match effect {
        Effect::Consider(request) => format!("consider {}", asked(request)),
        Effect::Look(LookAt::Unseen) => "look at the unseen".into(),
        Effect::Look(LookAt::All) => "look at all".into(),
        Effect::Migrate(id, request) => {
            let passed: Vec<&str> = request.overrides.iter().map(String::as_str).collect();
            let passed =
                if passed.is_empty() { String::new() } else { format!(" passing over {}", passed.join(" ")) };
            format!("migrate {} {}{passed}", id.0, asked(request))
        }
        Effect::Cancel(id) => format!("cancel {}", id.0),
        Effect::Reconnect(host) => format!("reconnect {host}"),
        Effect::Answer(id, yes) => format!("answer {} {}", id.0, if *yes { "yes" } else { "no" }),
        Effect::AnswerSecret(id) => format!("answer-secret {}", id.0),
        Effect::Focus(hosts) => {
            let names: Vec<&str> = hosts.iter().map(|host| host.as_str()).collect();
            format!("focus {}", names.join(" "))
        }
        Effect::SimulationPace(order) => format!("pace {order:?}").to_lowercase(),
        Effect::Copy(text) => format!("copy {text}"),
        Effect::Suspend => "suspend".into(),
        Effect::Quit => "quit".into(),
    }
}

fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Panes => "panes",
        Layer::Filter => "filter",
        Layer::Help => "help",
        Layer::Details => "details",
        Layer::Matrix => "matrix",
        Layer::Move => "move",
        Layer::Confirm => "confirm",
        Layer::Question => "question",
        Layer::Secret => "secret",
    }
}

impl Listing {
    fn happening(&self) -> Happening {
        let make = |shown: &String| {
            let runs = !shown.starts_with('-');
            let shown = shown.trim_start_matches('-');
            let status = if runs { ContainerStatus::Running } else { ContainerStatus::Exited };
            Container { status, ..container(&format!("id-of-{shown}"), shown, "localhost/image:latest") }
        };
        listed(&self.host, self.names.iter().map(make).collect())
    }
}

impl Step {
    /// What happens in this step; exactly one of its words must be there.
    fn happenings(&self, place: &str) -> Vec<Happening> {
        let mut kinds = Vec::new();
        if let Some(keys) = &self.keys {
            kinds.push(Key::parse_all(keys).unwrap().into_iter().map(key).collect());
        }
        if let Some(hosts) = &self.live {
            kinds.push(hosts.iter().map(|host| live(host, 3)).collect());
        }
        kinds.extend(self.containers.as_ref().map(|listing| vec![listing.happening()]));
        kinds.extend(self.reading.as_ref().map(|reading| {
            vec![sampled(&reading.host, sample(reading.cpu, 2 * GIB, reading.free * MIB, &[]))]
        }));
        kinds.extend(self.event.as_ref().map(|event| vec![(**event).clone()]));
        assert_eq!(kinds.len(), 1, "{place}: a step is one thing");
        kinds.remove(0)
    }
}

impl Expect {
    fn check(self, place: &str, session: &mut Session, change: Option<Change>) {
        let state = &session.state;
        let same = |what: &str, expected: Option<String>, found: String| {
            if let Some(expected) = expected {
                assert_eq!(found, expected, "{place}: {what}");
            }
        };
        same("change", self.change, format!("{:?}", change.unwrap_or(Change::None)).to_lowercase());
        let focus = match state.focus {
            Focus::Hosts => "hosts",
            Focus::Containers => "containers",
            Focus::Events => "events",
        };
        same("focus", self.focus, focus.into());
        same("host", self.host, state.chosen_host().map(|host| host.name().to_string()).unwrap_or_default());
        same(
            "container",
            self.container,
            state.chosen_container().map(|c| c.name.clone()).unwrap_or_default(),
        );
        if let Some(rows) = self.rows {
            let found: Vec<String> = state.container_rows().iter().map(|row| row.name.clone()).collect();
            assert_eq!(found, rows, "{place}: rows");
        }
        same("filter", self.filter, state.filter.clone());
        same("layer", self.layer, layer(state.context().layer).into());
        let dialog = state.dialogs.last().and_then(|dialog| match dialog {
            Dialog::Move(dialog) => Some(dialog),
            _ => None,
        });
        let chosen = dialog.and_then(|dialog| dialog.chosen.as_ref());
        same("destination", self.destination, chosen.map(ToString::to_string).unwrap_or_default());
        if let Some(destinations) = self.destinations {
            let shown = |candidate: super::Candidate| match candidate.standing {
                Standing::Choosable { .. } => candidate.host.to_string(),
                Standing::Unfit(_) => format!("!{}", candidate.host),
                Standing::Not(_) => format!("({})", candidate.host),
            };
            let found: Vec<String> = dialog
                .map(|dialog| state.candidates(dialog))
                .unwrap_or_default()
                .into_iter()
                .map(shown)
                .collect();
            assert_eq!(found, destinations, "{place}: destinations");
        }
        let part = |what: &str, expected: Option<String>, found: Option<String>| {
            if let Some(expected) = expected {
                let found = found.unwrap_or_default();
                assert!(found.contains(&expected), "{place}: {what} is {found:?}, not about {expected:?}");
            }
        };
        part("complaint", self.complaint, dialog.and_then(|dialog| dialog.complaint.clone()));
        part("notice", self.notice, state.notices.seen(usize::MAX).last().map(|notice| notice.text.clone()));
        if let Some(count) = self.notices {
            assert_eq!(state.notices.len(), count, "{place}: notices");
        }
        let phase = match state.shown_track().map(|track| &track.phase) {
            None => "none",
            Some(Phase::Running) => "running",
            Some(Phase::Cancelling) => "cancelling",
            Some(Phase::Finished(_)) => "finished",
            Some(Phase::Failed(_)) => "failed",
        };
        same("migration", self.migration, phase.into());
        if let Some(wants) = self.wants_seconds {
            assert_eq!(state.wants_seconds(), wants, "{place}: wants seconds");
        }
        let simulation =
            state.simulation.as_ref().map(|it| format!("{} {}", it.words().join(" "), it.scenario));
        same("simulation", self.simulation, simulation.unwrap_or_default());
        let works = |key: &str| find(Key::parse_all(key).unwrap()[0], state.context()).is_some();
        for key in self.offered.unwrap_or_default() {
            assert!(works(&key), "{place}: {key} does nothing");
        }
        for key in self.idle.unwrap_or_default() {
            assert!(!works(&key), "{place}: {key} does something");
        }
        if let Some(effects) = self.effects {
            let found: Vec<String> = session.effects.drain(..).map(|effect| word(&effect)).collect();
            assert_eq!(found, effects, "{place}: effects");
        }
    }
}

fn run(file: &str, scenario: Scenario) {
    let (columns, rows) = scenario.size.unwrap_or((80, 24));
    let mut session = Session::new(columns, rows);
    let hosts: Vec<&str> = scenario.hosts.iter().map(String::as_str).collect();
    session.happen(started(&hosts));
    session.effects.clear();
    for (number, step) in scenario.step.into_iter().enumerate() {
        let place = format!("{file} ({}), step {}", scenario.about, number + 1);
        if let Some(at) = step.at {
            session.at_ms = at;
        }
        let mut change = None;
        for (index, what) in step.happenings(&place).into_iter().enumerate() {
            if index > 0 || step.at.is_none() {
                session.at_ms += 100;
            }
            let outcome = session.state.apply(&Event { at_ms: session.at_ms, what });
            session.effects.extend(outcome.effects);
            change = Some(outcome.change);
        }
        step.expect.check(&place, &mut session, change);
    }
}

#[test]
fn all_scenarios_come_out_as_they_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut played = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
        let shown = file.file_name().unwrap().to_string_lossy().into_owned();
        let scenario = toml::from_str(&std::fs::read_to_string(file).unwrap());
        run(&shown, scenario.unwrap_or_else(|error| panic!("{shown}: {error}")));
        played += 1;
    }
    assert!(played >= 8, "only {played} scenarios were found");
}

#[test]
fn a_scenario_with_an_unknown_word_is_refused() {
    let scenario = |step: &str| {
        toml::from_str::<Scenario>(&format!(
            "about = \"x\"\nhosts = [\"h1\"]\n[[step]]\nkeys = \"j\"\n{step}\n"
        ))
    };
    assert!(scenario("").is_ok());
    for step in [
        "expect = { hosst = \"h1\" }",
        "keyz = \"j\"",
        "reading = { host = \"h1\", free = 1, cpu = 0.1, x = 1 }",
    ] {
        assert!(scenario(step).is_err(), "{step}");
    }
}

#[test]
#[should_panic(expected = "step 1: host")]
fn a_wrong_expectation_is_noticed() {
    let text = "about = \"x\"\nhosts = [\"h1\"]\n[[step]]\nkeys = \"j\"\nexpect = { host = \"h2\" }\n";
    run("made up", toml::from_str(text).unwrap());
}
