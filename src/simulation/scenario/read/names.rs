//! What a scenario calls its hosts and containers, and which one a word means.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::some_of;
use crate::fleet::HostName;
use crate::fleet::position::suggestion;
use crate::fleet::values::{found, line};
use crate::simulation::scenario::{End, LAPTOP, Origin, Place, Which, Whom};

/// Words that stand for something else than a host of that name.
pub(super) const RESERVED: [&str; 4] = [LAPTOP, ROLES[0], ROLES[1], "all"];

/// The hosts of a move.
const ROLES: [&str; 2] = ["source", "destination"];

/// Everything that has been named so far.
#[derive(Default)]
pub(super) struct Names {
    pub hosts: Vec<HostName>,
    /// The hosts of a name with `{}`.
    pub host_families: BTreeMap<String, Vec<HostName>>,
    pub containers: Vec<Origin>,
    /// The containers of a name with `{}`.
    pub container_families: BTreeMap<String, Vec<Origin>>,
    /// Containers without a known host: to name one is no second mistake.
    pub lost: Vec<String>,
    /// Whether some names are missing because of other mistakes: an unknown one is no mistake then. The
    /// scenario is refused in any case.
    pub incomplete: bool,
}

/// During which events moves are spoken of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// At some time: there need not be a move.
    AnyTime,
    /// During a move.
    Move,
}

impl Names {
    /// One host.
    pub fn host(&self, value: &DeValue<'_>) -> Result<HostName, String> {
        self.host_or(value, &[])
    }

    /// One host, where some other words could have been meant, too.
    fn host_or(&self, value: &DeValue<'_>, besides: &[&str]) -> Result<HostName, String> {
        let word = line(value)?;
        match &self.family_of_hosts(&word, besides)?[..] {
            [host] => Ok(host.clone()),
            hosts => Err(format!("expected one host, and “{word}” are {}", hosts.len())),
        }
    }

    /// Any number of hosts: names, families, `all`.
    pub fn hosts(&self, value: &DeValue<'_>) -> Result<Vec<HostName>, String> {
        each(value, |word| self.family_of_hosts(word, &["all"]))
    }

    fn family_of_hosts(&self, word: &str, besides: &[&str]) -> Result<Vec<HostName>, String> {
        if word == "all" && !self.hosts.is_empty() {
            return Ok(self.hosts.clone());
        }
        if let Some(family) = self.host_families.get(word) {
            return Ok(family.clone());
        }
        match self.hosts.iter().find(|host| host.as_str() == word) {
            Some(host) => Ok(vec![host.clone()]),
            None if self.incomplete => {
                HostName::new("unknown").map(|host| vec![host]).map_err(|e| e.to_string())
            }
            None => {
                let known: Vec<&str> = self
                    .hosts
                    .iter()
                    .map(HostName::as_str)
                    .chain(self.host_families.keys().map(String::as_str))
                    .chain(besides.iter().copied())
                    .collect();
                Err(format!("unknown host “{word}”; {}", nearest(word, &known)))
            }
        }
    }

    /// Any number of places: those of [`Names::hosts`] and the laptop.
    pub fn places(&self, value: &DeValue<'_>) -> Result<Vec<Place>, String> {
        let word = line(value)?;
        if word == LAPTOP {
            return Ok(vec![Place::Laptop]);
        }
        Ok(self.family_of_hosts(&word, &[LAPTOP, "all"])?.into_iter().map(Place::Host).collect())
    }

    /// One host of an event.
    pub fn whom(&self, value: &DeValue<'_>, moment: Moment) -> Result<Whom, String> {
        self.whom_or(value, moment, &ROLES)
    }

    fn whom_or(&self, value: &DeValue<'_>, moment: Moment, besides: &[&str]) -> Result<Whom, String> {
        let role = match value.as_str() {
            Some("source") => Whom::Source,
            Some("destination") => Whom::Destination,
            _ => return self.host_or(value, besides).map(Whom::Host),
        };
        only_during_a_move(value.as_str().unwrap_or_default(), role, moment)
    }

    /// One end of a link of an event.
    pub fn end(&self, value: &DeValue<'_>, moment: Moment) -> Result<End, String> {
        if value.as_str() == Some(LAPTOP) {
            return Ok(End::Laptop);
        }
        self.whom_or(value, moment, &[LAPTOP, ROLES[0], ROLES[1]]).map(End::Host)
    }

    /// One container: its name, or `host/name` where there are several of that name.
    pub fn container(&self, value: &DeValue<'_>) -> Result<Origin, String> {
        let word = line(value)?;
        match &self.family_of_containers(&word)?[..] {
            [container] => Ok(container.clone()),
            containers => Err(format!("expected one container, and “{word}” are {}", containers.len())),
        }
    }

    /// Any number of containers: names, families, `all`.
    pub fn containers(&self, value: &DeValue<'_>) -> Result<Vec<Origin>, String> {
        each(value, |word| self.family_of_containers(word))
    }

    fn family_of_containers(&self, word: &str) -> Result<Vec<Origin>, String> {
        if word == "all" && !self.containers.is_empty() {
            return Ok(self.containers.clone());
        }
        if let Some(family) = self.container_families.get(word) {
            return Ok(family.clone());
        }
        let is_meant = |origin: &&Origin| match word.split_once('/') {
            Some((host, name)) => origin.host.as_str() == host && origin.name == name,
            None => origin.name == word,
        };
        let meant: Vec<Origin> = self.containers.iter().filter(is_meant).cloned().collect();
        match &meant[..] {
            [_] => Ok(meant),
            [] if self.incomplete || self.lost.iter().any(|lost| lost == word) => HostName::new("unknown")
                .map(|host| vec![Origin { host, name: word.to_string() }])
                .map_err(|error| error.to_string()),
            [] => {
                let mut known: Vec<&str> =
                    self.containers.iter().map(|origin| origin.name.as_str()).collect();
                known.extend(self.container_families.keys().map(String::as_str));
                known.dedup();
                Err(format!("unknown container “{word}”; {}", nearest(word, &known)))
            }
            several => Err(format!("“{word}” is the name of several: write one of {}", some_of(several))),
        }
    }

    /// A container of an event, which may be the one that is being moved.
    pub fn which(&self, value: &DeValue<'_>, moment: Moment) -> Result<Which, String> {
        match value.as_str() {
            Some("moving") => only_during_a_move("moving", Which::Moving, moment),
            _ => self.container(value).map(Which::Container),
        }
    }
}

fn only_during_a_move<T>(word: &str, meaning: T, moment: Moment) -> Result<T, String> {
    match moment {
        Moment::Move => Ok(meaning),
        Moment::AnyTime => {
            Err(format!("“{word}” is known only while a move runs: name one, or write during = …"))
        }
    }
}

/// What one word or each of a list stands for, without repetitions.
fn each<T: PartialEq>(
    value: &DeValue<'_>,
    read: impl Fn(&str) -> Result<Vec<T>, String>,
) -> Result<Vec<T>, String> {
    let mut all = Vec::new();
    match value {
        DeValue::Array(items) if items.is_empty() => return Err("expected at least one, found none".into()),
        DeValue::Array(items) => {
            for item in items.iter() {
                for one in read(&line(item.get_ref())?)? {
                    if all.contains(&one) {
                        return Err(format!("{} is there already: name each once", found(item.get_ref())));
                    }
                    all.push(one);
                }
            }
        }
        single => all = read(&line(single)?)?,
    }
    Ok(all)
}

/// The nearest of the known words, else some of them.
fn nearest(word: &str, known: &[&str]) -> String {
    let text = suggestion(word, known);
    if known.len() > 5 && !text.starts_with("did you mean") {
        format!("known are {}", some_of(known))
    } else {
        text
    }
}
