//! The laptop's own figures.

use sysinfo::System;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Pace, WatchEnd};

/// What the machine on which drover runs is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaptopFigures {
    /// Share of all processors in use, 0 to 1.
    pub cpu: f64,
    /// Memory available, bytes.
    pub memory_available: u64,
    /// Memory in all, bytes.
    pub memory_total: u64,
}

/// Tells the laptop's figures at the pace of the hosts' samples.
pub async fn laptop(mut pace: watch::Receiver<Pace>, out: mpsc::Sender<LaptopFigures>) -> WatchEnd {
    let mut system = match System::new() {
        Ok(system) => system,
        Err(error) => {
            return WatchEnd::Lost { cause: format!("this machine's figures cannot be read: {error}") };
        }
    };
    // A share is the difference to the reading before: the first one only sets the mark. The library needs
    // some time between two, for the system counts in hundredths of a second.
    system.refresh_cpu_usage();
    let mut last = Instant::now();
    let mut wait = Some(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
    loop {
        let wake = wait.or(pace.borrow_and_update().interval()).map(|interval| last + interval);
        tokio::select! {
            () = out.closed() => return WatchEnd::Stopped,
            changed = pace.changed() => {
                if changed.is_err() {
                    return WatchEnd::Stopped;
                }
            }
            () = async { match wake { Some(wake) => sleep_until(wake).await, None => std::future::pending().await } } => {
                wait = None;
                last = Instant::now();
                system.refresh_cpu_usage();
                system.refresh_memory();
                let figures = LaptopFigures {
                    cpu: f64::from(system.global_cpu_usage() / 100.0).clamp(0.0, 1.0),
                    memory_available: system.available_memory(),
                    memory_total: system.total_memory(),
                };
                if out.send(figures).await.is_err() {
                    return WatchEnd::Stopped;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_has_figures() {
        let (pace, receiver) = watch::channel(Pace::Shown);
        let (out, mut figures) = mpsc::channel(1);
        let task = tokio::spawn(laptop(receiver, out));
        let figures = figures.recv().await.unwrap();
        assert!((0.0..=1.0).contains(&figures.cpu), "{figures:?}");
        assert!(figures.memory_total > 64 << 20, "{figures:?}");
        assert!((1..=figures.memory_total).contains(&figures.memory_available), "{figures:?}");
        drop(pace);
        assert_eq!(task.await.unwrap(), WatchEnd::Stopped);
    }
}
