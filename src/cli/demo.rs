//! `drover demo`: a simulated fleet, in the console or behind loopback ports.

#[cfg(test)]
mod audience;
mod listen;
#[cfg(test)]
mod stories;

use std::io::Write;
use std::num::NonZeroU32;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::sync::{mpsc, watch};

use super::exit::Exit;
use super::world::{LaptopSource, SimulationControl, Spread, Surroundings, Tasks};
use crate::console::ConsoleOptions;
use crate::session::{PaceOrder, SimulationMotion, SimulationPace};
use crate::simulation::clock::{Clock, Flow, Pace};
use crate::simulation::scenario::{DEFAULT, Scenario, Shipped, shipped};
use crate::simulation::world::World;

/// Orders that may wait: what a person presses faster than the clock takes them.
const ORDERS: usize = 16;

/// `drover demo`.
#[derive(Clone, Debug, Default, Args)]
pub struct DemoArguments {
    /// What happens in it: a name from --list, or a scenario file
    #[arg(long, value_name = "NAME|FILE")]
    pub scenario: Option<String>,
    /// Say what there is to see, what it teaches, and what to try
    #[arg(long)]
    pub list: bool,
    /// Let other programs connect: print addresses and a fleet file instead of opening the console
    #[arg(long)]
    pub listen: bool,
    /// Where chance begins: the same number gives the same demonstration
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Simulated seconds in one real second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub speed: Option<u32>,
}

/// Runs it.
pub fn run(arguments: &DemoArguments) -> anyhow::Result<ExitCode> {
    if arguments.list {
        return list().map(Into::into);
    }
    let scenario = match scenario(arguments) {
        Ok(scenario) => scenario,
        Err(error) => {
            writeln!(std::io::stderr(), "{error}")?;
            return Ok(Exit::Fleet.into());
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let began = Duration::try_from(jiff::Timestamp::now().as_duration()).unwrap_or_default();
    let result = runtime.block_on(async {
        let world = World::begin(scenario, began)?;
        if let Some(speed) = arguments.speed {
            world.clock.set_pace(Pace { speed, flow: Flow::Running });
        }
        match arguments.listen {
            true => listen::run(&world).await,
            false => console(&world).await,
        }
    });
    runtime.shutdown_background();
    result.map(Into::into)
}

/// The scenario that was asked for: a file where the word looks like one, else one that is part of drover.
fn scenario(arguments: &DemoArguments) -> anyhow::Result<Scenario> {
    let asked = arguments.scenario.as_deref().unwrap_or(DEFAULT);
    if asked.contains('/') || asked.ends_with(".toml") {
        return Ok(Scenario::load(Path::new(asked), arguments.seed)?);
    }
    match Shipped::find(asked) {
        Ok(shipped) => Ok(shipped.load(arguments.seed)?),
        Err(unknown) => {
            anyhow::bail!(
                "{unknown}. “drover demo --list” shows all; a file's name ends in .toml or has a slash"
            )
        }
    }
}

fn list() -> anyhow::Result<Exit> {
    let mut text = String::new();
    for shipped in shipped() {
        let scenario = shipped.load(None)?;
        let usual = if shipped.name == DEFAULT { " (the one without --scenario)" } else { "" };
        text += &format!("{}{usual}: {}\n  teaches {}\n", shipped.name, scenario.title, scenario.teaches);
        for step in &scenario.try_this {
            text += &format!("  - {step}\n");
        }
        text.push('\n');
    }
    text +=
        "Open one with “drover demo --scenario NAME”, or write one of your own: the name of a TOML file.\n";
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads only the beginning has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

async fn console(world: &Arc<World>) -> anyhow::Result<Exit> {
    let (surroundings, pacing) = surroundings(world, LaptopSource::ThisMachine)?;
    let (tasks, console_world) = Tasks::start(Arc::new(world.fleet()), surroundings);
    let console = async {
        let ended = crate::console::run(ConsoleOptions::default(), console_world).await;
        tasks.finish().await;
        ended
    };
    tokio::select! {
        ended = console => {
            ended?;
        }
        () = pacing => {}
    }
    Ok(Exit::Done)
}

/// What the console stands on, and the task that carries its orders to the world's clock.
pub fn surroundings(
    world: &Arc<World>,
    laptop: LaptopSource,
) -> anyhow::Result<(Surroundings, impl Future<Output = ()> + use<>)> {
    let (orders, mut given) = mpsc::channel(ORDERS);
    let (paces, receiver) = watch::channel(shown(*world.clock.paces().borrow()));
    let simulation = SimulationControl { scenario: world.scenario.name.clone(), orders, paces: receiver };
    let surroundings = Surroundings {
        connector: world.connector()?,
        laptop,
        clock_ms: i64::try_from(world.clock.unix().as_millis()).unwrap_or(i64::MAX),
        simulation: Some(simulation),
        spread: Spread::Never,
        journal: None,
    };
    let clock: Arc<Clock> = world.clock.clone();
    let pacing = async move {
        while let Some(order) = given.recv().await {
            let pace = *clock.paces().borrow();
            let pace = match order {
                PaceOrder::Faster => pace.shifted(true),
                PaceOrder::Slower => pace.shifted(false),
                PaceOrder::Pause => Pace { flow: Flow::Paused, ..pace },
                PaceOrder::GoOn => Pace { flow: Flow::Running, ..pace },
            };
            clock.set_pace(pace);
            paces.send_replace(shown(pace));
        }
        // Without a console there are no orders, which is no reason to end.
        std::future::pending().await
    };
    Ok((surroundings, pacing))
}

fn shown(pace: Pace) -> SimulationPace {
    SimulationPace {
        speed: NonZeroU32::new(pace.speed).unwrap_or(NonZeroU32::MIN),
        motion: match pace.flow {
            Flow::Running => SimulationMotion::Running,
            Flow::Paused => SimulationMotion::Paused,
        },
    }
}
