//! What each host can do: told at the beginning from what was seen before, looked at when a host is live and what is
//! known is old, and whenever somebody asks.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::migrate::{HostFacts, Remembered, keep, probe, recall};
use crate::session::{Happening, LookAt};
use crate::ssh::{self, Host};

/// After this what is known of a host is looked at again when it is live, seconds.
const OLD: i64 = 600;

/// Whether hosts are looked at unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// As soon as they are live, when what is known of them is old.
    Look,
    /// Never: in a simulation, a failure that waits for the checks of a move must not be used up.
    Wait,
}

/// The session's wall clock.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// When the session began.
    pub began: Instant,
    /// The same as Unix milliseconds.
    pub clock_ms: i64,
}

impl WallClock {
    fn now(self) -> i64 {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.clock_ms.saturating_add(elapsed) / 1000
    }
}

/// Looks over one host for as long as somebody listens.
pub async fn look_over(
    host: Arc<Host>,
    notes: Option<PathBuf>,
    clock: WallClock,
    unasked: Unasked,
    mut orders: watch::Receiver<Option<LookAt>>,
    happenings: mpsc::Sender<Happening>,
) {
    let mut known = match &notes {
        Some(file) => recall(file).await,
        None => None,
    };
    if let Some(known) = &known
        && !tell(&host, known, &happenings).await
    {
        return;
    }
    let mut states = host.states();
    let old = known.as_ref().is_none_or(|known| clock.now() - known.taken > OLD);
    let mut wanted = old && unasked == Unasked::Look;
    loop {
        let live = states.wait_for(|state| matches!(state, ssh::LinkState::Live { .. }));
        tokio::select! {
            live = live, if wanted => {
                if live.is_err() {
                    return;
                }
            }
            changed = orders.changed() => {
                if changed.is_err() {
                    return;
                }
                let order = *orders.borrow_and_update();
                // Of a host that is away nothing can be seen; when it is live again it is looked at after all.
                wanted |= order == Some(LookAt::All) || known.is_none();
                continue;
            }
        }
        wanted = false;
        let Some(connection) = host.connection() else { continue };
        let facts: Option<HostFacts> = known.as_ref().map(|known| known.facts.clone());
        let Ok(facts) = probe(&connection, facts).await else { continue };
        let taken = clock.now();
        if let Some(file) = &notes {
            keep(file, &facts, taken).await;
        }
        let seen = Remembered { facts, taken };
        if !tell(&host, &seen, &happenings).await {
            return;
        }
        known = Some(seen);
    }
}

async fn tell(host: &Host, seen: &Remembered, happenings: &mpsc::Sender<Happening>) -> bool {
    let (host, facts) = (host.spec().name.clone(), Box::new(seen.facts.clone()));
    happenings.send(Happening::Facts { host, facts, taken: seen.taken }).await.is_ok()
}
