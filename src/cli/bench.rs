//! `drover bench migrate`: a move by drover beside the same move by the engine's own commands, in one run on the
//! same hosts, so that a noisy machine is noisy for both.

use std::io::Write;
use std::sync::Arc;

use clap::Args;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::reach::FleetHosts;
use super::table;
use crate::fleet::{Fleet, HostName, HostSpec};
use crate::migrate::{Hosts, Request, Stage, Summary, migrate};
use crate::ssh::{Command, Connector, Remote, TerminalPrompter};

/// `drover bench migrate`.
#[derive(Debug, Args)]
pub struct BenchArguments {
    /// Name of a running container
    container: String,
    /// Host on which it runs
    #[arg(long, value_name = "HOST")]
    from: HostName,
    /// Host to which it is moved and from which it is brought back, again and again
    #[arg(long, value_name = "HOST")]
    to: HostName,
    /// How many moves of each kind
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: u16,
}

/// One move, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Timing {
    checkpoint: f64,
    transfer: f64,
    restore: f64,
    downtime: f64,
    total: f64,
}

impl Timing {
    fn of(summary: &Summary) -> Self {
        let stage =
            |stage| summary.stages.iter().filter(|time| time.stage == stage).map(|time| time.seconds).sum();
        Self {
            checkpoint: stage(Stage::Checkpoint),
            transfer: stage(Stage::Transfer),
            restore: stage(Stage::Restore),
            downtime: summary.downtime,
            total: summary.total,
        }
    }

    /// From the four stamps of the script.
    fn parse(output: &str) -> Option<Self> {
        let stamps: Vec<f64> = output.split_whitespace().map_while(|stamp| stamp.parse().ok()).collect();
        let [start, checkpoint, transfer, restore] = stamps.try_into().ok()?;
        Some(Self {
            checkpoint: checkpoint - start,
            transfer: transfer - checkpoint,
            restore: restore - transfer,
            downtime: restore - start,
            total: restore - start,
        })
    }

    fn cells(&self) -> Vec<String> {
        let all = [self.checkpoint, self.transfer, self.restore, self.downtime, self.total];
        all.iter().map(|seconds| format!("{seconds:.3}")).collect()
    }
}

/// The middle value of each column.
fn median(timings: &[Timing]) -> Timing {
    let middle = |column: fn(&Timing) -> f64| {
        let mut values: Vec<f64> = timings.iter().map(column).collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => f64::NAN,
            count if count % 2 == 1 => values[count / 2],
            count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
        }
    };
    Timing {
        checkpoint: middle(|timing| timing.checkpoint),
        transfer: middle(|timing| timing.transfer),
        restore: middle(|timing| timing.restore),
        downtime: middle(|timing| timing.downtime),
        total: middle(|timing| timing.total),
    }
}

struct Bench {
    hosts: Arc<FleetHosts>,
    request: Request,
    /// Where the source's own ssh finds the destination.
    address: String,
}

impl Bench {
    async fn drover(&self, request: Request) -> anyhow::Result<Timing> {
        let (sender, mut events) = mpsc::channel(64);
        let drain = async { while events.recv().await.is_some() {} };
        let (result, ()) =
            tokio::join!(migrate(request, self.hosts.clone(), sender, CancellationToken::new()), drain);
        match result {
            Ok(summary) => Ok(Timing::of(&summary)),
            Err(failure) => anyhow::bail!("the move failed in stage {}: {}", failure.stage, failure.cause),
        }
    }

    async fn back(&self) -> anyhow::Result<()> {
        let Request { container, from, to, .. } = self.request.clone();
        self.drover(Request::new(container, to, from)).await.map(|_| ())
    }

    async fn stock(&self) -> anyhow::Result<Timing> {
        let remote: Arc<dyn Remote> = self.hosts.connect(&self.request.from).await?;
        let words = [self.request.container.clone(), self.address.clone()];
        let output = remote.run(&Command::script(include_str!("stock.sh"), words)).await?;
        Timing::parse(&String::from_utf8_lossy(&output))
            .ok_or_else(|| anyhow::anyhow!("the stock commands did not print their times"))
    }
}

/// Runs the command.
pub async fn run(fleet: Arc<Fleet>, arguments: BenchArguments) -> anyhow::Result<Exit> {
    let BenchArguments { container, from, to, rounds } = arguments;
    let address = fleet.host(&to).map(|HostSpec { address, .. }| address.clone());
    let Some(address) = address else {
        anyhow::bail!("there is no host “{to}” in {}", fleet.path.display());
    };
    let hosts = Arc::new(FleetHosts::new(fleet, Connector::new(), Arc::new(TerminalPrompter::new())));
    let bench = Bench { hosts, request: Request::new(container, from, to), address };
    // The first move brings the image and warms both hosts: neither side is charged for it.
    bench.drover(bench.request.clone()).await?;
    bench.back().await?;
    let (mut stock, mut ours) = (Vec::new(), Vec::new());
    let mut notes = std::io::stderr();
    for round in 1..=rounds {
        stock.push(bench.stock().await?);
        bench.back().await?;
        ours.push(bench.drover(bench.request.clone()).await?);
        bench.back().await?;
        writeln!(notes, "round {round} of {rounds}")?;
    }
    print(&stock, &ours)?;
    Ok(Exit::Done)
}

fn print(stock: &[Timing], ours: &[Timing]) -> std::io::Result<()> {
    let (stock_median, our_median) = (median(stock), median(ours));
    let row = |name: &str, timing: &Timing| {
        let mut row = vec![name.to_owned()];
        row.extend(timing.cells());
        row
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    rows.extend(stock.iter().map(|timing| row("stock", timing)));
    rows.extend(ours.iter().map(|timing| row("drover", timing)));
    rows.push(row("stock median", &stock_median));
    rows.push(row("drover median", &our_median));
    let mut out = std::io::stdout();
    let head = ["SECONDS", "CHECKPOINT", "TRANSFER", "RESTORE", "DOWNTIME", "TOTAL"];
    for line in table::lines(&head, &rows) {
        writeln!(out, "{line}")?;
    }
    writeln!(
        out,
        "ratio drover/stock: total {:.2}, downtime {:.2} (stock: podman checkpoint --export; rsync; podman restore --import, run on the source, without removing it; drover: the whole command, with connections, checks, verification and removal)",
        our_median.total / stock_median.total,
        our_median.downtime / stock_median.downtime
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_stamps_make_a_timing() {
        let timing = Timing::parse("10.0 10.25 10.5 11.0\n").unwrap();
        assert_eq!((timing.checkpoint, timing.transfer, timing.restore), (0.25, 0.25, 0.5));
        assert_eq!((timing.downtime, timing.total), (1.0, 1.0));
        assert_eq!(Timing::parse("10.0 10.25"), None);
    }

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_two() {
        let timing = |total| Timing { checkpoint: 0.0, transfer: 0.0, restore: 0.0, downtime: 0.0, total };
        assert_eq!(median(&[timing(3.0), timing(1.0), timing(2.0)]).total, 2.0);
        assert_eq!(median(&[timing(3.0), timing(1.0)]).total, 2.0);
    }
}
