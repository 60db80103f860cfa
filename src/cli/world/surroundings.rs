//! What the tasks behind a console stand on besides the fleet: the network, the clock, this machine. The real thing,
//! or what a demonstration and tests put in its place.

use tokio::sync::{mpsc, watch};

use crate::session::{Happening, PaceOrder, SimulationPace};
use crate::ssh::{Backoff, Connector};
use crate::watch::{LaptopFigures, Pace, laptop};

/// What the tasks stand on.
pub struct Surroundings {
    /// How hosts are reached.
    pub connector: Connector,
    /// Where the figures of the machine that drover runs on come from.
    pub laptop: LaptopSource,
    /// The wall clock at the session's beginning, Unix milliseconds.
    pub clock_ms: i64,
    /// Where the fleet is a simulated one.
    pub simulation: Option<SimulationControl>,
    /// How far pauses between attempts to connect are spread out.
    pub spread: Spread,
    /// The journal of real migrations; none where nothing is real.
    pub journal: Option<std::path::PathBuf>,
}

/// How pauses between attempts to connect are spread out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// By chance, so that a fleet does not come back all at once.
    ByChance,
    /// Not at all, so that what happens is always the same.
    Never,
}

impl Spread {
    /// The pauses of one host.
    pub(super) fn backoff(self) -> Backoff {
        match self {
            Self::ByChance => Backoff::default(),
            Self::Never => Backoff::new(|| 1.0),
        }
    }
}

impl Surroundings {
    /// The person's own SSH, this machine, the time of day, real hosts.
    pub fn real() -> Self {
        Self {
            connector: Connector::new(),
            laptop: LaptopSource::ThisMachine,
            clock_ms: jiff::Timestamp::now().as_millisecond(),
            simulation: None,
            spread: Spread::ByChance,
            journal: crate::migrate::journal::Journal::place(),
        }
    }
}

/// Where the figures of the machine that drover runs on come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LaptopSource {
    /// They are read at the pace of samples.
    ThisMachine,
    /// They never change; for screens that must not depend on the machine.
    Fixed(LaptopFigures),
}

impl LaptopSource {
    /// Tells the figures for as long as somebody listens.
    pub(super) async fn tell(self, happenings: mpsc::Sender<Happening>) {
        match self {
            Self::Fixed(figures) => {
                let _ = happenings.send(happening(figures)).await;
            }
            Self::ThisMachine => {
                let (_pace, paces) = watch::channel(Pace::Hidden);
                let (sender, mut read) = mpsc::channel::<LaptopFigures>(1);
                let telling = async {
                    while let Some(figures) = read.recv().await {
                        if happenings.send(happening(figures)).await.is_err() {
                            return;
                        }
                    }
                };
                tokio::select! {
                    _ = laptop(paces, sender) => {}
                    () = telling => {}
                }
            }
        }
    }
}

fn happening(figures: LaptopFigures) -> Happening {
    Happening::Laptop {
        cpu: figures.cpu,
        memory_available: figures.memory_available,
        memory_total: figures.memory_total,
    }
}

/// The handle on a simulation, by which the console shows its pace and changes it.
pub struct SimulationControl {
    /// What is simulated, in a word or two, for the title bar.
    pub scenario: String,
    /// Where a person's orders go. An order for which the channel has no room is dropped: the title bar shows that
    /// nothing came of it.
    pub orders: mpsc::Sender<PaceOrder>,
    /// How the simulation's time goes, now and after each change.
    pub paces: watch::Receiver<SimulationPace>,
}

impl SimulationControl {
    /// How time goes now.
    pub(super) fn state(&self) -> Happening {
        Happening::Simulation { scenario: self.scenario.clone(), pace: *self.paces.borrow() }
    }

    /// Passes an order on.
    pub(super) fn order(&self, order: PaceOrder) {
        let _ = self.orders.try_send(order);
    }

    /// Tells every change of pace for as long as there is a simulation and somebody listens.
    pub(super) fn tell(&self, happenings: mpsc::Sender<Happening>) -> impl Future<Output = ()> + use<> {
        let (scenario, mut paces) = (self.scenario.clone(), self.paces.clone());
        async move {
            while paces.changed().await.is_ok() {
                let pace = *paces.borrow_and_update();
                let happening = Happening::Simulation { scenario: scenario.clone(), pace };
                if happenings.send(happening).await.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;
    use std::sync::Arc;

    use super::super::Tasks;
    use super::*;
    use crate::fleet::Fleet;
    use crate::session::{Effect, SimulationMotion};

    const FIGURES: LaptopFigures =
        LaptopFigures { cpu: 0.25, memory_available: 3 << 30, memory_total: 4 << 30 };

    fn pace(speed: u32, motion: SimulationMotion) -> SimulationPace {
        SimulationPace { speed: NonZeroU32::new(speed).unwrap(), motion }
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulation_is_told_from_the_beginning_and_takes_orders() {
        let fleet = Fleet {
            title: "demo".into(),
            path: "demo.toml".into(),
            hosts: Vec::new(),
            groups: BTreeMap::new(),
        };
        let (orders, mut given) = mpsc::channel(1);
        let (paces, receiver) = watch::channel(pace(1, SimulationMotion::Running));
        let simulation = SimulationControl { scenario: "hot-host".into(), orders, paces: receiver };
        let surroundings = Surroundings {
            connector: Connector::new(),
            laptop: LaptopSource::Fixed(FIGURES),
            clock_ms: 1_795_177_985_000,
            simulation: Some(simulation),
            spread: Spread::Never,
            journal: None,
        };
        let (tasks, mut world) = Tasks::start(Arc::new(fleet), surroundings);

        // Both are there before any task has run, so that the first frame has them.
        let first = world.events.try_recv().unwrap();
        assert!(matches!(first, Happening::Started { clock_ms: 1_795_177_985_000, .. }), "{first:?}");
        let told = |pace| Happening::Simulation { scenario: "hot-host".into(), pace };
        assert_eq!(world.events.try_recv().unwrap(), told(pace(1, SimulationMotion::Running)));
        let figures = world.events.recv().await.unwrap();
        assert!(
            matches!(figures, Happening::Laptop { cpu: 0.25, memory_total: 0x1_0000_0000, .. }),
            "{figures:?}"
        );

        paces.send(pace(10, SimulationMotion::Paused)).unwrap();
        assert_eq!(world.events.recv().await.unwrap(), told(pace(10, SimulationMotion::Paused)));

        for order in [PaceOrder::GoOn, PaceOrder::Slower] {
            world.effects.send(Effect::SimulationPace(order)).await.unwrap();
            assert_eq!(given.recv().await, Some(order));
        }
        drop(world);
        tasks.finish().await;
        assert_eq!(given.recv().await, None, "nobody holds the simulation any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulation_that_does_not_listen_holds_nobody_up() {
        let (orders, mut given) = mpsc::channel(1);
        let (_paces, paces) = watch::channel(pace(1, SimulationMotion::Running));
        let control = SimulationControl { scenario: "deaf".into(), orders, paces };
        control.order(PaceOrder::Pause);
        control.order(PaceOrder::Faster);
        assert_eq!((given.recv().await, given.try_recv().ok()), (Some(PaceOrder::Pause), None));
    }
}
