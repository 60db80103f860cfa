//! `[[events]]`.

use toml::de::{DeTable, DeValue};

use super::containers::{self, ENGINES};
use super::links::pair;
use super::names::{Moment, Names};
use super::{Entry, Reader, key_span};
use crate::fleet::position::suggestion;
use crate::fleet::values::{found, memory, word};
use crate::fleet::{HostName, bytes};
use crate::simulation::failure::{self, Failure};
use crate::simulation::scenario::{
    Action, ContainerPlan, End, EventPlan, Lasting, Stage, Times, Trigger, Which, Whom, values,
};

const KEYS: [&str; 6] = ["at", "during", "of", "on", "times", "what"];

#[derive(Clone, Copy)]
enum What {
    CutLink,
    SlowLink,
    FillDisk,
    UseMemory,
    Fail,
    Die,
    Hang,
    JumpClock,
    RunContainer,
    StartContainer,
    StopContainer,
    RemoveContainer,
    RestartEngine,
}

const WHAT: [(&str, What); 13] = [
    ("cut-link", What::CutLink),
    ("slow-link", What::SlowLink),
    ("fill-disk", What::FillDisk),
    ("use-memory", What::UseMemory),
    ("fail", What::Fail),
    ("host-dies", What::Die),
    ("host-hangs", What::Hang),
    ("jump-clock", What::JumpClock),
    ("run-container", What::RunContainer),
    ("start-container", What::StartContainer),
    ("stop-container", What::StopContainer),
    ("remove-container", What::RemoveContainer),
    ("restart-engine", What::RestartEngine),
];

impl What {
    /// The keys that it has besides those of every event.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::CutLink => &["between", "for"],
            Self::SlowLink => &["between", "rate", "delay", "loss", "for"],
            Self::FillDisk => &["host", "path", "leave", "for"],
            Self::UseMemory => &["host", "amount", "for"],
            Self::Fail => &["failure"],
            Self::Die | Self::Hang => &["host", "for"],
            Self::JumpClock => &["host", "by"],
            Self::RunContainer | Self::StartContainer | Self::StopContainer | Self::RemoveContainer => {
                &["container"]
            }
            Self::RestartEngine => &["host", "engine"],
        }
    }
}

/// What a container of an event cannot say of itself: it is one, on one host, and begins to run.
const NOT_OF_ONE: [&str; 3] = ["status", "count", "per_host"];

impl Reader<'_, '_> {
    pub(super) fn events(&mut self, top: &DeTable<'_>) -> Vec<EventPlan> {
        let mut events = Vec::new();
        for entry in self.tables(top, "events") {
            let what = self.need(&entry, "what", "\"cut-link\"", |value| word(value, &WHAT));
            let trigger = self.trigger(&entry);
            let moment = if entry.1.contains_key("during") { Moment::Move } else { Moment::AnyTime };
            let times = self.times(&entry, moment);
            let Some(what) = what else { continue };
            self.known_only(entry.1, &[&KEYS, what.keys()]);
            let action = self.action(&entry, what, moment);
            let (Some(trigger), Some(action)) = (trigger, action) else { continue };
            self.at_its_stage(&entry, &trigger, &action);
            events.push(EventPlan { trigger, action, times });
        }
        events
    }

    fn trigger(&mut self, entry: &Entry<'_, '_>) -> Option<Trigger> {
        let table = entry.1;
        let at = self.get(table, "at", values::duration);
        let stage = self.get(table, "during", |value| word(value, &Stage::ALL));
        let container = self.refer(table, "of", Names::container);
        let host = self.refer(table, "on", Names::host);
        match (table.contains_key("at"), table.contains_key("during")) {
            (true, true) => {
                let text = "at: “during” says already when: keep one of them";
                self.document.problem(key_span(entry, "at"), text);
            }
            (false, false) => {
                self.absent(entry, "nothing says when: add at = \"30 s\" or during = \"transfer\"");
            }
            (true, false) => {
                for key in ["of", "on"] {
                    if table.contains_key(key) {
                        let text = format!("{key}: narrows “during”, which is not there: leave it out");
                        self.document.problem(key_span(entry, key), text);
                    }
                }
            }
            (false, true) => {}
        }
        match at {
            Some(at) => Some(Trigger::At(at)),
            None => Some(Trigger::During { stage: stage?, container, host }),
        }
    }

    fn times(&mut self, entry: &Entry<'_, '_>, moment: Moment) -> Times {
        let read = |value: &DeValue<'_>| match value.as_str() {
            Some("always") => Ok(Times::Always),
            Some(_) => Err(format!("expected a number or “always”, found {}", found(value))),
            None => values::whole(value, 1..=1_000_000).map(|times| Times::Count(times as u32)),
        };
        let times = self.get(entry.1, "times", read);
        if times.is_some() && moment == Moment::AnyTime {
            let text = "times: what happens at one time happens once: leave it out";
            self.document.problem(key_span(entry, "times"), text);
        }
        times.unwrap_or(Times::Count(1))
    }

    fn action(&mut self, entry: &Entry<'_, '_>, what: What, moment: Moment) -> Option<Action> {
        let table = entry.1;
        Some(match what {
            What::CutLink => {
                let between = self.between(entry, moment);
                let lasting = self.lasting(table);
                Action::CutLink { between: between?, lasting }
            }
            What::SlowLink => {
                let between = self.between(entry, moment);
                let rate = self.get(table, "rate", values::rate);
                let delay = self.get(table, "delay", values::duration);
                let loss = self.get(table, "loss", values::share);
                if !["rate", "delay", "loss"].iter().any(|key| table.contains_key(*key)) {
                    self.absent(entry, "nothing says how the link changes: add rate, delay or loss");
                }
                let lasting = self.lasting(table);
                Action::SlowLink { between: between?, rate, delay, loss, lasting }
            }
            What::FillDisk => {
                let host = self.whom(entry, moment);
                let path = self.get(table, "path", values::path);
                let leave = self.get(table, "leave", memory).unwrap_or_default();
                let lasting = self.lasting(table);
                let path = path.unwrap_or_else(|| "/var/lib/containers".into());
                Action::FillDisk { host: host?, path, leave, lasting }
            }
            What::UseMemory => {
                let host = self.whom(entry, moment);
                let amount = self.need(entry, "amount", "\"1G\"", memory);
                let lasting = self.lasting(table);
                Action::UseMemory { host: host?, amount: amount?, lasting }
            }
            What::Fail => Action::Fail { failure: self.need(entry, "failure", "\"F12\"", a_failure)? },
            What::Die => {
                let host = self.whom(entry, moment);
                let lasting = self.lasting(table);
                Action::Die { host: host?, lasting }
            }
            What::Hang => {
                let host = self.whom(entry, moment);
                let lasting = self.lasting(table);
                Action::Hang { host: host?, lasting }
            }
            What::JumpClock => {
                let host = self.whom(entry, moment);
                let by = self.need(entry, "by", "\"-2 min\"", values::signed_duration);
                Action::JumpClock { host: host?, by: by? }
            }
            What::RunContainer => Action::RunContainer(Box::new(self.run(entry)?)),
            What::StartContainer => Action::StartContainer(self.which(entry, moment)?),
            What::StopContainer => Action::StopContainer(self.which(entry, moment)?),
            What::RemoveContainer => Action::RemoveContainer(self.which(entry, moment)?),
            What::RestartEngine => {
                let host = self.whom(entry, moment);
                let engine = self.get(table, "engine", |value| word(value, &ENGINES)).unwrap_or_default();
                if let Some(Whom::Host(host)) = &host {
                    self.without_engine(entry, std::slice::from_ref(host), engine);
                }
                Action::RestartEngine { host: host?, engine }
            }
        })
    }

    fn lasting(&mut self, table: &DeTable<'_>) -> Lasting {
        match self.get(table, "for", values::period) {
            Some(time) => Lasting::For(time.get()),
            None => Lasting::ForGood,
        }
    }

    fn whom(&mut self, entry: &Entry<'_, '_>, moment: Moment) -> Option<Whom> {
        self.must_refer(entry, "host", "\"h1\"", |names, value| names.whom(value, moment))
    }

    fn which(&mut self, entry: &Entry<'_, '_>, moment: Moment) -> Option<Which> {
        self.must_refer(entry, "container", "\"web-1\"", |names, value| names.which(value, moment))
    }

    fn between(&mut self, entry: &Entry<'_, '_>, moment: Moment) -> Option<[End; 2]> {
        self.must_refer(entry, "between", "[\"laptop\", \"h1\"]", |names, value| {
            let [a, b] = pair(value)?;
            let ends = [names.end(a, moment)?, names.end(b, moment)?];
            if ends[0] == ends[1] { Err("expected two different ends".into()) } else { Ok(ends) }
        })
    }

    /// The container that someone else makes.
    fn run(&mut self, entry: &Entry<'_, '_>) -> Option<ContainerPlan> {
        self.missing(entry, "container", "{ name = \"x\", host = \"h1\", workload = \"web\" }");
        let inner = self.table(entry.1, "container")?;
        let known: Vec<&str> = containers::KEYS.into_iter().filter(|key| !NOT_OF_ONE.contains(key)).collect();
        self.known_only(inner.1, &[&known]);
        let host = self.must_refer(&inner, "host", "\"h1\"", Names::host);
        let name = self.need(&inner, "name", "\"x\"", values::single_name);
        let (host, name): (HostName, String) = (host?, name?);
        let plan = self.container(&inner, &name, &host);
        self.without_engine(&inner, std::slice::from_ref(&host), plan.engine);
        let all = self.host(&host).map_or(u64::MAX, |host| host.memory);
        if plan.memory > all {
            let text =
                format!("memory: {host} has {}, and “{name}” would take {}", bytes(all), bytes(plan.memory));
            self.document.problem(key_span(&inner, "memory"), text);
        }
        if self.names.containers.contains(&plan.origin()) {
            let text = format!("name: there is a “{name}” on {host} already: choose another name");
            self.document.problem(key_span(&inner, "name"), text);
        }
        Some(plan)
    }

    /// A failure comes at its own stage; to wait for another one would be to wait for ever.
    fn at_its_stage(&mut self, entry: &Entry<'_, '_>, trigger: &Trigger, action: &Action) {
        if let (Trigger::During { stage, .. }, Action::Fail { failure }) = (trigger, action)
            && failure.effect(*stage).is_none()
        {
            let word = failure.stages().next().map_or("checkpoint", |stage| stage.word());
            let text = format!("during: {} comes at another stage: write during = \"{word}\"", failure.id);
            self.document.problem(key_span(entry, "during"), text);
        }
    }
}

/// A failure of the catalogue by its id.
fn a_failure(value: &DeValue<'_>) -> Result<&'static Failure, String> {
    let word = value.as_str().unwrap_or_default();
    failure::failure(word).ok_or_else(|| {
        let known: Vec<&str> = failure::all().iter().map(|failure| failure.id.as_str()).collect();
        format!(
            "expected a failure that can be simulated, found {}; {}",
            found(value),
            suggestion(word, &known)
        )
    })
}
