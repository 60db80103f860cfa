//! The network between the simulated machines.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::fleet::HostName;
use crate::simulation::load::Share;

/// What the operator's machine is called wherever a place is named.
pub const LAPTOP: &str = "laptop";

/// Where a link can end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The operator's machine, on which drover runs.
    Laptop,
    /// One of the hosts.
    Host(HostName),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Laptop => formatter.pad(LAPTOP),
            Self::Host(name) => name.fmt(formatter),
        }
    }
}

/// How many bits per second a link carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// As many as are sent.
    Unlimited,
    /// This many.
    Bits(NonZeroU64),
}

impl Rate {
    /// How long so many bytes take.
    pub fn time_for(self, bytes: u64) -> Duration {
        match self {
            Self::Unlimited => Duration::ZERO,
            Self::Bits(rate) => {
                let seconds = bytes as f64 * 8.0 / rate.get() as f64;
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
        }
    }
}

/// One link, the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkPlan {
    /// What it carries.
    pub rate: Rate,
    /// How long a packet takes one way.
    pub delay: Duration,
    /// The probability that a packet is lost.
    pub loss: Share,
}

impl Default for LinkPlan {
    /// A quiet server room: 1 Gbit/s, 0.25 ms, nothing lost.
    fn default() -> Self {
        let rate = NonZeroU64::new(1_000_000_000).map_or(Rate::Unlimited, Rate::Bits);
        Self { rate, delay: Duration::from_micros(250), loss: Share::NONE }
    }
}

/// All links.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    usual: LinkPlan,
    special: BTreeMap<(Place, Place), LinkPlan>,
}

impl Links {
    /// Links that are all alike.
    pub fn all_alike(usual: LinkPlan) -> Self {
        Self { usual, special: BTreeMap::new() }
    }

    /// Sets one link, and says what it was if it has been set already.
    pub fn set(&mut self, a: Place, b: Place, link: LinkPlan) -> Option<LinkPlan> {
        self.special.insert(ordered(a, b), link)
    }

    /// The link between two places; a place reaches itself at once.
    pub fn between(&self, a: &Place, b: &Place) -> LinkPlan {
        if a == b {
            return LinkPlan { rate: Rate::Unlimited, delay: Duration::ZERO, loss: Share::NONE };
        }
        self.special.get(&ordered(a.clone(), b.clone())).copied().unwrap_or(self.usual)
    }
}

fn ordered(a: Place, b: Place) -> (Place, Place) {
    if a <= b { (a, b) } else { (b, a) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_the_same_from_both_ends() {
        let place = |name: &str| Place::Host(HostName::new(name).unwrap());
        let slow = LinkPlan { delay: Duration::from_millis(40), ..LinkPlan::default() };
        let mut links = Links::default();
        assert_eq!(links.set(place("h2"), Place::Laptop, slow), None);
        assert_eq!(links.between(&Place::Laptop, &place("h2")), slow);
        assert_eq!(links.between(&place("h2"), &Place::Laptop), slow);
        assert_eq!(links.between(&place("h1"), &place("h2")), LinkPlan::default());
        assert_eq!(links.between(&place("h1"), &place("h1")).delay, Duration::ZERO);
        assert_eq!(links.set(Place::Laptop, place("h2"), slow), Some(slow));
    }

    #[test]
    fn bytes_take_their_time() {
        let gigabit = LinkPlan::default().rate;
        assert_eq!(gigabit.time_for(125_000_000), Duration::from_secs(1));
        assert_eq!(Rate::Unlimited.time_for(u64::MAX), Duration::ZERO);
        // Longer than any scenario, and still a duration.
        assert!(Rate::Bits(NonZeroU64::MIN).time_for(u64::MAX) > Duration::from_secs(1 << 60));
    }
}
