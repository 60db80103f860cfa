//! What the watching tasks are told, and what they tell.

use std::time::Duration;

use super::Sample;
use crate::fleet::Container;

/// How often a host is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// It is on the screen: every second, the shortest time in which /proc's counters say something.
    Shown,
    /// It is not: often enough for a sparkline and for choosing a destination.
    #[default]
    Hidden,
    /// Not at all; the host does nothing for drover.
    Off,
}

impl Pace {
    /// Time from one sample to the next.
    pub fn interval(self) -> Option<Duration> {
        match self {
            Self::Shown => Some(Duration::from_secs(1)),
            Self::Hidden => Some(Duration::from_secs(10)),
            Self::Off => None,
        }
    }
}

/// What a host's watching tasks say.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchMessage {
    /// A sample.
    Sampled(Sample),
    /// A sample was asked for and has not come; said again after each further time-out.
    Unresponsive {
        /// Time since it was asked for.
        waited: Duration,
    },
    /// An answer came that is no sample; the next one may be.
    Gap {
        /// Why, printable.
        cause: String,
    },
    /// All containers of the host, running or not.
    Containers(Vec<Container>),
    /// The containers could not be listed; listing goes on being tried.
    ContainersUnknown {
        /// Why, and what to do, printable.
        cause: String,
    },
}

/// Why watching a host ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// Nobody wants to know any more.
    #[error("watching was stopped")]
    Stopped,
    /// The connection is gone, or the command could not be started.
    #[error("{cause}")]
    Lost {
        /// What the transport said, and what to do, printable.
        cause: String,
    },
    /// The loop on the host ended by itself.
    #[error("the sampling loop on the host ended: {cause}")]
    LoopEnded {
        /// Its exit status and the end of its standard error, printable.
        cause: String,
    },
    /// The host sends without end what is no sample.
    #[error("the host floods the sampling channel with something that is no sample; check its login scripts")]
    Flood,
}
