//! One host's container lists: whole, and renewed when the engine says that something happened.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use super::limited::Limited;
use super::listing::{Known, Source};
use super::{WatchEnd, WatchMessage};
use crate::fleet::{Container, Engine, printable};
use crate::ssh::Remote;

/// A start or a move is a handful of events within a fraction of a second; one list answers them all, and
/// still seems to come at once.
const COALESCE: Duration = Duration::from_millis(200);

/// The engine does not say when it has begun to send events: what happened between the first list and that
/// moment is found by a second list.
const SETTLE: Duration = Duration::from_secs(1);

/// Where an engine knows no events: as often as a hidden host is sampled.
const SLOW_LIST: Duration = Duration::from_secs(10);

/// After a break: at first as soon as a restarted engine may be back, in the end as often as costs nothing.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Tells a host's containers on `out`, at first and after each change, as whole lists. Breaks are repaired:
/// it ends only when nobody listens any more. Drop it when the connection is gone.
pub async fn containers(
    remote: Arc<dyn Remote>,
    engine: Engine,
    out: mpsc::Sender<WatchMessage>,
) -> WatchEnd {
    let remote: Arc<dyn Remote> = Arc::new(Limited(remote));
    let mut teller = Teller { out, told: None };
    let mut pause = FIRST_PAUSE;
    loop {
        let mut listed = Listed::NotYet;
        let began = Instant::now();
        let closed = teller.out.clone();
        let round = async {
            match Source::find(&remote, engine).await {
                Ok(source) => follow(source, &mut teller, &mut listed).await,
                Err(cause) => cause,
            }
        };
        let cause = tokio::select! {
            biased;
            () = closed.closed() => return WatchEnd::Stopped,
            cause = round => cause,
        };
        // After a break the list that was told may still be true: a try is worth more than a complaint.
        if listed == Listed::NotYet {
            teller.tell(WatchMessage::ContainersUnknown { cause: printable(&cause) }).await;
        }
        if began.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tokio::select! {
            () = closed.closed() => return WatchEnd::Stopped,
            () = sleep(pause) => {}
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Whether a source has given a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listed {
    NotYet,
    Once,
}

/// Tells only what differs from what was told last.
struct Teller {
    out: mpsc::Sender<WatchMessage>,
    told: Option<WatchMessage>,
}

impl Teller {
    async fn tell(&mut self, message: WatchMessage) {
        if self.told.as_ref() != Some(&message) {
            self.told = Some(message.clone());
            // Whoever has stopped listening is noticed by the caller.
            let _ = self.out.send(message).await;
        }
    }
}

type Listing = BoxFuture<'static, Result<(Vec<Container>, Known), String>>;

/// Follows one source until it breaks, and says how.
async fn follow(source: Source, teller: &mut Teller, listed: &mut Listed) -> String {
    let events = source.events();
    let slow = if events.is_none() { Some(SLOW_LIST) } else { None };
    let mut events = events.unwrap_or_else(|| stream::pending().boxed());
    let mut known = Known::new();
    // To which containers something happened while a list was under way.
    let mut stale = BTreeSet::new();
    let mut listing: Option<Listing> = None;
    let mut next_list = Some(Instant::now());
    loop {
        let due = match (&listing, next_list) {
            (None, Some(at)) => sleep_until(at).boxed(),
            _ => std::future::pending().boxed(),
        };
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(id)) => {
                    match id {
                        Some(id) => {
                            known.remove(&id);
                            stale.insert(id);
                        }
                        None => {
                            stale.extend(std::mem::take(&mut known).into_keys());
                        }
                    }
                    let soon = Instant::now() + COALESCE;
                    next_list = Some(next_list.map_or(soon, |at| at.min(soon)));
                }
                Some(Err(cause)) => return format!("the engine's events broke off: {cause}"),
                None => return "the engine's events ended".into(),
            },
            list = async { match &mut listing { Some(listing) => listing.await, None => std::future::pending().await } } => {
                listing = None;
                match list {
                    Ok((containers, details)) => {
                        known = details;
                        known.retain(|id, _| !stale.contains(id));
                        stale.clear();
                        if *listed == Listed::NotYet {
                            *listed = Listed::Once;
                            next_list = next_list.or(Some(Instant::now() + SETTLE));
                        }
                        if let Some(slow) = slow {
                            next_list = Some(Instant::now() + slow);
                        }
                        teller.tell(WatchMessage::Containers(containers)).await;
                    }
                    Err(cause) => {
                        *listed = Listed::NotYet;
                        return cause;
                    }
                }
            }
            () = due => {
                next_list = None;
                stale.clear();
                listing = Some(source.clone().list(known.clone()).boxed());
            }
        }
    }
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
