//! One host: its connection's states, its samples, its containers.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::fleet::{HostName, printable};
use crate::session::{Happening, LinkState, NoticeLevel};
use crate::ssh::{self, Connection, Host};
use crate::watch::{Pace, WatchEnd, WatchMessage, containers, watch};

/// Messages of one host that may wait: a sample and a list, and what was said meanwhile.
const MESSAGES: usize = 8;

/// Watches a host until nobody listens any more.
pub async fn watch_over(
    host: Arc<Host>,
    began: Instant,
    paces: watch::Receiver<Pace>,
    happenings: mpsc::Sender<Happening>,
) {
    let states = link_states(&host, began, &happenings);
    let samples = sessions(&host, paces, &happenings);
    tokio::select! {
        () = states => {}
        () = samples => {}
    }
}

async fn link_states(host: &Host, began: Instant, happenings: &mpsc::Sender<Happening>) {
    let mut states = host.states();
    loop {
        let state = match &*states.borrow_and_update() {
            ssh::LinkState::Connecting => LinkState::Connecting,
            ssh::LinkState::Live { round_trip } => {
                LinkState::Live { round_trip_ms: u32::try_from(round_trip.as_millis()).unwrap_or(u32::MAX) }
            }
            ssh::LinkState::Retrying { cause, next_try } => LinkState::Retrying {
                cause: cause.clone(),
                next_try_at_ms: (began.elapsed() + *next_try).as_millis() as u64,
            },
            ssh::LinkState::Refused { cause } => LinkState::Refused { cause: cause.clone() },
        };
        let happening = Happening::Link { host: host.spec().name.clone(), state };
        if happenings.send(happening).await.is_err() || states.changed().await.is_err() {
            return;
        }
    }
}

/// Watches over each connection that comes, one after the other.
async fn sessions(host: &Host, paces: watch::Receiver<Pace>, happenings: &mpsc::Sender<Happening>) {
    let mut states = host.states();
    loop {
        let live = states.wait_for(|state| matches!(state, ssh::LinkState::Live { .. })).await.is_ok();
        if !live {
            return;
        }
        if let Some(connection) = host.connection() {
            let end = one_session(host, connection, paces.clone(), happenings).await;
            if let Some(WatchEnd::LoopEnded { .. } | WatchEnd::Flood) = end {
                let text = end.map(|end| end.to_string()).unwrap_or_default();
                notice(happenings, &host.spec().name, &text).await;
            }
        }
        // The next session belongs to the next state: what has ended is not begun again on the same connection.
        if states.changed().await.is_err() {
            return;
        }
    }
}

async fn one_session(
    host: &Host,
    connection: Connection,
    paces: watch::Receiver<Pace>,
    happenings: &mpsc::Sender<Happening>,
) -> Option<WatchEnd> {
    let (sender, mut messages) = mpsc::channel(MESSAGES);
    let remote: Arc<Connection> = Arc::new(connection);
    let name = &host.spec().name;
    let telling = async {
        while let Some(message) = messages.recv().await {
            let happening = match message {
                WatchMessage::Sampled(sample) => Happening::Sampled { host: name.clone(), sample },
                WatchMessage::Containers(containers) => {
                    Happening::Containers { host: name.clone(), containers }
                }
                WatchMessage::ContainersUnknown { cause } => {
                    Happening::ContainersUnknown { host: name.clone(), cause }
                }
                WatchMessage::Unresponsive { waited } => warning(
                    name,
                    &format!("no sample for {} s although the connection is up", waited.as_secs()),
                ),
                WatchMessage::Gap { cause } => warning(name, &cause),
            };
            if happenings.send(happening).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        end = watch(remote.clone(), paces, sender.clone()) => Some(end),
        end = containers(remote, host.spec().engine, sender) => Some(end),
        () = telling => None,
    }
}

fn warning(host: &HostName, text: &str) -> Happening {
    Happening::Notice { level: NoticeLevel::Warning, host: Some(host.clone()), text: printable(text) }
}

async fn notice(happenings: &mpsc::Sender<Happening>, host: &HostName, text: &str) {
    let _ = happenings.send(warning(host, text)).await;
}
