//! What happens without anybody's doing: the scenario's events, at their times and during moves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::fleet::HostName;
use crate::simulation::failure::Failure;
use crate::simulation::locked;
use crate::simulation::machine::Machine;
use crate::simulation::network::wire::{Condition, Passage};
use crate::simulation::scenario::{
    Action, End, EventPlan, Lasting, Place, Scenario, Stage, Times, Trigger, Which, Whom,
};

use super::World;

/// How often it is looked whether the destination of a move has shown itself, and how long.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS: u32 = 400;

/// How long an engine's service is gone when it is restarted, as systemd restarts Podman's.
const ENGINE_RESTART: Duration = Duration::from_secs(2);

/// What is still to happen.
#[derive(Debug)]
pub(super) struct Happenings {
    waiting: Mutex<Vec<Waiting>>,
    /// Failures that the next move will meet at one of their stages.
    armed: Mutex<Vec<&'static Failure>>,
    /// What was done, in order, with the world's time.
    done: Mutex<Vec<(Duration, String)>>,
}

#[derive(Debug)]
struct Waiting {
    plan: EventPlan,
    left: Option<u32>,
}

/// A move, as far as the hosts know of it.
#[derive(Clone, Debug)]
struct Move {
    stage: Stage,
    /// The machine that has met the stage.
    at: HostName,
    container: String,
    /// The container's id.
    id: String,
}

impl Happenings {
    pub fn new(scenario: &Scenario) -> Self {
        let waiting = scenario
            .events
            .iter()
            .map(|plan| Waiting {
                plan: plan.clone(),
                left: match plan.times {
                    Times::Count(times) => Some(times),
                    Times::Always => None,
                },
            })
            .collect();
        Self { waiting: Mutex::new(waiting), armed: Mutex::default(), done: Mutex::default() }
    }
}

/// Lets the events with a time happen at their time.
pub(super) fn run(world: &Arc<World>) {
    for plan in &world.scenario.events {
        let Trigger::At(at) = plan.trigger else { continue };
        let (world, action) = (Arc::downgrade(world), plan.action.clone());
        tokio::spawn(async move {
            let Some(clock) = world.upgrade().map(|world| world.clock.clone()) else { return };
            clock.sleep_until(at).await;
            if let Some(world) = world.upgrade() {
                world.perform(&action, None).await;
            }
        });
    }
}

impl World {
    /// What has happened so far, with the world's time of each.
    pub fn history(&self) -> Vec<(Duration, String)> {
        locked(&self.happenings.done).clone()
    }

    fn note(&self, text: String) {
        locked(&self.happenings.done).push((self.clock.now(), text));
    }

    /// A machine has come to a stage of a move: lets happen what is to happen then, and returns the failure in
    /// which the stage ends, if it is to fail.
    pub(crate) async fn reached(
        self: &Arc<Self>,
        stage: Stage,
        machine: &Machine,
        container: &str,
    ) -> Option<&'static Failure> {
        // Where a move arrives the container is not there yet: its id is known where it comes from.
        let known = self.machines().find_map(|machine| machine.containers.find(container).ok());
        let id = known.map(|container| container.id.clone()).unwrap_or_default();
        let moving = Move { stage, at: machine.plan.name.clone(), container: container.to_owned(), id };
        for action in self.due(stage, &moving) {
            self.perform(&action, Some(&moving)).await;
        }
        let mut armed = locked(&self.happenings.armed);
        let index = armed.iter().position(|failure| failure.stages().any(|own| own == stage))?;
        let failure = armed.remove(index);
        drop(armed);
        self.note(format!("{} fails at {} with {}", container, moving.at, failure.id));
        Some(failure)
    }

    /// The actions that a move has met now; each is counted.
    fn due(&self, met: Stage, moving: &Move) -> Vec<Action> {
        let mut due = Vec::new();
        locked(&self.happenings.waiting).retain_mut(|waiting| {
            let Trigger::During { stage, container, host } = &waiting.plan.trigger else { return true };
            let fits = *stage == met
                && container.as_ref().is_none_or(|origin| origin.name == moving.container)
                && host.as_ref().is_none_or(|host| {
                    *host == moving.at || self.other_side(moving).is_some_and(|other| other == *host)
                });
            if !fits {
                return true;
            }
            due.push(waiting.plan.action.clone());
            match &mut waiting.left {
                Some(left) => {
                    *left -= 1;
                    *left > 0
                }
                None => true,
            }
        });
        due
    }

    /// The other host of a move: the one where a process speaks of the container.
    fn other_side(&self, moving: &Move) -> Option<HostName> {
        self.machines
            .values()
            .find(|machine| machine.plan.name != moving.at && machine.speaks_of(&moving.id))
            .map(|machine| machine.plan.name.clone())
    }

    /// Which hosts a move leaves and goes to. Where the container runs or is kept is the source.
    async fn sides(&self, moving: &Move) -> (Option<HostName>, Option<HostName>) {
        let mut other = None;
        for _ in 0..LOOKS {
            other = self.other_side(moving);
            if other.is_some() {
                break;
            }
            self.clock.sleep(LOOK).await;
        }
        match moving.stage {
            Stage::Checks | Stage::Checkpoint | Stage::Transfer | Stage::Remove => {
                (Some(moving.at.clone()), other)
            }
            Stage::Image | Stage::Restore | Stage::Verify => (other, Some(moving.at.clone())),
        }
    }

    async fn whom(&self, whom: &Whom, moving: Option<&Move>) -> Option<Arc<Machine>> {
        let name = match (whom, moving) {
            (Whom::Host(name), _) => Some(name.clone()),
            (Whom::Source, Some(moving)) => self.sides(moving).await.0,
            (Whom::Destination, Some(moving)) => self.sides(moving).await.1,
            (Whom::Source | Whom::Destination, None) => None,
        };
        self.machine(&name?).cloned()
    }

    async fn end(&self, end: &End, moving: Option<&Move>) -> Option<Place> {
        match end {
            End::Laptop => Some(Place::Laptop),
            End::Host(whom) => {
                self.whom(whom, moving).await.map(|machine| Place::Host(machine.plan.name.clone()))
            }
        }
    }

    async fn perform(self: &Arc<Self>, action: &Action, moving: Option<&Move>) {
        match action {
            Action::CutLink { between, lasting } => {
                self.change_link(between, moving, *lasting, "is cut", |condition| {
                    condition.passage = Passage::Cut;
                })
                .await;
            }
            Action::SlowLink { between, rate, delay, loss, lasting } => {
                let (rate, delay, loss) = (*rate, *delay, *loss);
                self.change_link(between, moving, *lasting, "changes", move |condition| {
                    let plan = &mut condition.plan;
                    plan.rate = rate.unwrap_or(plan.rate);
                    plan.delay = delay.unwrap_or(plan.delay);
                    plan.loss = loss.unwrap_or(plan.loss);
                })
                .await;
            }
            Action::FillDisk { host, path, leave, lasting } => {
                let Some(machine) = self.whom(host, moving).await else { return };
                let taken = machine.fill_disk(path, *leave);
                self.note(format!("the disk of {} at {path} fills up", machine.plan.name));
                self.later(*lasting, "the disk has room again", move |_| machine.empty_disk(taken));
            }
            Action::UseMemory { host, amount, lasting } => {
                let Some(machine) = self.whom(host, moving).await else { return };
                let amount = *amount;
                machine.use_memory(amount as i64);
                self.note(format!("memory of {} is used by something else", machine.plan.name));
                self.later(*lasting, "memory is free again", move |_| machine.use_memory(-(amount as i64)));
            }
            Action::Fail { failure } => locked(&self.happenings.armed).push(failure),
            Action::Die { host, lasting } => {
                let Some(machine) = self.whom(host, moving).await else { return };
                self.note(format!("{} loses its power", machine.plan.name));
                machine.cut_power();
                self.later(*lasting, "a host starts again", move |_| machine.boot());
            }
            Action::Hang { host, lasting } => {
                let Some(machine) = self.whom(host, moving).await else { return };
                self.note(format!("{} hangs", machine.plan.name));
                machine.hang(true);
                self.later(*lasting, "a host goes on", move |_| machine.hang(false));
            }
            Action::JumpClock { host, by } => {
                let Some(machine) = self.whom(host, moving).await else { return };
                self.note(format!("the clock of {} jumps", machine.plan.name));
                machine.jump_clock(*by);
            }
            Action::RunContainer(plan) => {
                let Some(machine) = self.machine(&plan.host) else { return };
                self.note(format!("someone starts {} on {}", plan.name, machine.plan.name));
                machine.furnish(plan, self.scenario.seed);
            }
            Action::StartContainer(which) => self.order(which, moving, "start"),
            Action::StopContainer(which) => self.order(which, moving, "stop"),
            Action::RemoveContainer(which) => self.order(which, moving, "remove"),
            Action::RestartEngine { host, engine } => {
                let Some(machine) = self.whom(host, moving).await else { return };
                self.note(format!("{} of {} is restarted", engine.word(), machine.plan.name));
                machine.stop_service(*engine);
                let engine = *engine;
                self.later(Lasting::For(ENGINE_RESTART), "an engine is back", move |_| {
                    machine.start_service(engine);
                });
            }
        }
    }

    /// Someone else does something to a container, wherever it is now.
    fn order(&self, which: &Which, moving: Option<&Move>, order: &str) {
        let name = match (which, moving) {
            (Which::Container(origin), _) => origin.name.as_str(),
            (Which::Moving, Some(moving)) => moving.id.as_str(),
            (Which::Moving, None) => return,
        };
        for machine in self.machines() {
            if machine.someone(order, name) {
                self.note(format!("someone else: {order} {name} on {}", machine.plan.name));
                return;
            }
        }
    }

    async fn change_link(
        self: &Arc<Self>,
        between: &[End; 2],
        moving: Option<&Move>,
        lasting: Lasting,
        word: &str,
        change: impl FnOnce(&mut Condition),
    ) {
        let [one, other] = between;
        let (Some(one), Some(other)) = (self.end(one, moving).await, self.end(other, moving).await) else {
            return;
        };
        let wire = self.wire(&one, &other);
        let before = wire.condition();
        wire.change(change);
        self.note(format!("the link between {one} and {other} {word}"));
        self.later(lasting, "a link is as before", move |_| wire.change(|condition| *condition = before));
    }

    /// Takes something back after its time.
    fn later(
        self: &Arc<Self>,
        lasting: Lasting,
        text: &'static str,
        undo: impl FnOnce(&Arc<World>) + Send + 'static,
    ) {
        let Lasting::For(time) = lasting else { return };
        let world = self.clone();
        tokio::spawn(async move {
            world.clock.sleep(time).await;
            undo(&world);
            world.note(text.into());
        });
    }
}
