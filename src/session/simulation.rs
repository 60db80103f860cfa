//! What a session knows of a simulated fleet: that it is one, and how its time goes.

use super::{Change, SimulationMotion, SimulationPace, State};
use crate::fleet::printable;

/// The simulation behind the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Simulation {
    /// Printable.
    pub(crate) scenario: String,
    pub(crate) pace: SimulationPace,
}

impl Simulation {
    /// What must be said of it in the title bar, in this order: that it is none of the real ones, that it stands still,
    /// and that its seconds are shorter than real ones.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec!["SIMULATED".to_string()];
        if self.pace.motion == SimulationMotion::Paused {
            words.push("PAUSED".into());
        }
        if self.pace.speed.get() != 1 {
            words.push(format!("×{}", self.pace.speed));
        }
        words
    }
}

impl State {
    pub(super) fn simulated(&mut self, scenario: &str, pace: SimulationPace) -> Change {
        let now = Some(Simulation { scenario: printable(scenario), pace });
        Change::when(std::mem::replace(&mut self.simulation, now.clone()) != now)
    }

    /// Whether time stands still in the simulated fleet; nothing where the fleet is real.
    pub(super) fn simulation_motion(&self) -> Option<SimulationMotion> {
        self.simulation.as_ref().map(|simulation| simulation.pace.motion)
    }
}
