//! Keeps a host connected: one connection for watching and commands, made anew whenever it is lost, with
//! growing pauses. Every host has a task of its own, so a dead one never delays another.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::Command;
use super::connect::Connector;
use super::connection::{Connection, Purpose};
use super::error::{ConnectError, Retry};
use super::prompt::Prompter;
use super::remote::{Duplex, Process, Remote, RemoteError};
use crate::fleet::{HostName, HostSpec};

/// How often a live connection's round trip is measured. It is shown to people, who need no more.
const MEASURE_INTERVAL: Duration = Duration::from_secs(10);
/// A connection that held for this long was sound, so the next pause is short again.
const SOUND: Duration = Duration::from_secs(30);
/// The first pause; a restarted sshd is back within about a second.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause: a person who has just repaired a host should not wait longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a host's connection is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It is being made.
    Connecting,
    /// It works.
    Live {
        /// The last measured round trip.
        round_trip: Duration,
    },
    /// It failed and will be tried again by itself.
    Retrying {
        /// What happened, in words for a person.
        cause: String,
        /// The pause until the next attempt, counted from when this state was published.
        next_try: Duration,
    },
    /// It failed in a way that only a person can mend; it is tried again when somebody says so.
    Refused {
        /// What happened and what to do.
        cause: String,
    },
}

/// Pauses between attempts: doubling, capped, and spread out, so that a fleet behind one jump host does not
/// come back all at once.
pub struct Backoff {
    failures: u32,
    random: Box<dyn FnMut() -> f64 + Send>,
}

impl Backoff {
    /// With a source of numbers between 0 and 1.
    pub fn new(random: impl FnMut() -> f64 + Send + 'static) -> Self {
        Self { failures: 0, random: Box::new(random) }
    }

    /// The next pause: between half and the whole of what is due.
    pub fn next_pause(&mut self) -> Duration {
        let due = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(LONGEST_PAUSE);
        self.failures = self.failures.saturating_add(1);
        due.mul_f64(0.5 + (self.random)().clamp(0.0, 1.0) / 2.0)
    }

    /// Begins again with the first pause.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(rand::random::<f64>)
    }
}

/// A host that is kept connected. Dropping it ends its task and its connection.
pub struct Host {
    spec: HostSpec,
    connector: Connector,
    prompter: Arc<dyn Prompter>,
    states: watch::Receiver<LinkState>,
    current: watch::Receiver<Option<Connection>>,
    wake: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Host {
    /// Begins to connect, and goes on until the value is dropped.
    pub fn start(
        spec: HostSpec,
        connector: Connector,
        prompter: Arc<dyn Prompter>,
        backoff: Backoff,
    ) -> Self {
        let (state, states) = watch::channel(LinkState::Connecting);
        let (offer, current) = watch::channel(None);
        let wake = Arc::new(Notify::new());
        let keeper = Keeper {
            spec: spec.clone(),
            connector: connector.clone(),
            prompter: prompter.clone(),
            backoff,
            state,
            offer,
            wake: wake.clone(),
        };
        let task = tokio::spawn(keeper.run());
        Self { spec, connector, prompter, states, current, wake, task }
    }

    /// What the fleet file says of the host.
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// The state of the connection, and every change of it.
    pub fn states(&self) -> watch::Receiver<LinkState> {
        self.states.clone()
    }

    /// The connection for watching and commands, if it is live.
    pub fn connection(&self) -> Option<Connection> {
        self.current.borrow().clone().filter(|connection| !connection.is_closed())
    }

    /// Waits until the connection is live; an error once it is refused, since then a person has to act.
    pub async fn live(&self) -> Result<Connection, RemoteError> {
        let (mut current, mut states) = (self.current.clone(), self.states.clone());
        let refused = states.wait_for(|state| matches!(state, LinkState::Refused { .. }));
        tokio::select! {
            biased;
            live = current.wait_for(|current| current.as_ref().is_some_and(|live| !live.is_closed())) => live.ok().and_then(|live| live.clone()),
            _ = refused => None,
        }
        .ok_or_else(|| self.not_live())
    }

    /// Opens another connection for one big stream.
    pub async fn bulk(&self) -> Result<Connection, ConnectError> {
        self.connector.connect(&self.spec, Purpose::Bulk, &self.prompter).await
    }

    /// Tries again at once, whatever the state; a live connection is made anew.
    pub fn reconnect_now(&self) {
        self.wake.notify_one();
    }

    fn not_live(&self) -> RemoteError {
        let cause = match &*self.states.borrow() {
            LinkState::Connecting | LinkState::Live { .. } => "it is not connected yet".to_string(),
            LinkState::Retrying { cause, .. } | LinkState::Refused { cause } => cause.clone(),
        };
        RemoteError::Connection { host: self.spec.name.clone(), cause }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Remote for Host {
    fn host(&self) -> &HostName {
        &self.spec.name
    }

    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError> {
        let connection = self.connection().ok_or_else(|| self.not_live())?;
        connection.spawn(command).await
    }

    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError> {
        let connection = self.connection().ok_or_else(|| self.not_live())?;
        connection.forward_socket(path).await
    }
}

/// The task behind a [`Host`].
struct Keeper {
    spec: HostSpec,
    connector: Connector,
    prompter: Arc<dyn Prompter>,
    backoff: Backoff,
    state: watch::Sender<LinkState>,
    offer: watch::Sender<Option<Connection>>,
    wake: Arc<Notify>,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            self.state.send_replace(LinkState::Connecting);
            let attempt = self.connector.connect(&self.spec, Purpose::Commands, &self.prompter);
            let attempt = attempt.await;
            // Asking for an attempt while one is under way asks for that one.
            let _ = self.wake.notified().now_or_never();
            let cause = match attempt {
                Ok(connection) => {
                    let begun = Instant::now();
                    let cause = self.hold(connection).await;
                    self.offer.send_replace(None);
                    if begun.elapsed() >= SOUND {
                        self.backoff.reset();
                    }
                    match cause {
                        Some(cause) => cause,
                        None => continue,
                    }
                }
                Err(error) if error.retry() == Retry::Pointless => {
                    self.state.send_replace(LinkState::Refused { cause: error.to_string() });
                    self.wake.notified().await;
                    self.backoff.reset();
                    continue;
                }
                Err(error) => error.to_string(),
            };
            let next_try = self.backoff.next_pause();
            self.state.send_replace(LinkState::Retrying { cause, next_try });
            tokio::select! {
                () = sleep(next_try) => {}
                () = self.wake.notified() => self.backoff.reset(),
            }
        }
    }

    /// Holds a connection for as long as it lives; none when somebody asked for a new one.
    async fn hold(&mut self, connection: Connection) -> Option<String> {
        // It can be used at once; measuring costs a round trip that nobody needs to wait for.
        self.offer.send_replace(Some(connection.clone()));
        let Some(mut shown) = connection.round_trip().await else {
            return Some(connection.closed().await);
        };
        self.state.send_replace(LinkState::Live { round_trip: shown });
        let measure = async {
            loop {
                sleep(MEASURE_INTERVAL).await;
                let Some(round_trip) = connection.round_trip().await else { return };
                if differs(shown, round_trip) {
                    shown = round_trip;
                    self.state.send_replace(LinkState::Live { round_trip });
                }
            }
        };
        tokio::select! {
            cause = connection.closed() => Some(cause),
            () = self.wake.notified() => {
                connection.disconnect().await;
                None
            }
            // It ends only when the connection does.
            () = measure => Some(connection.closed().await),
        }
    }
}

/// Whether a person would see the difference: small changes would only make the screen restless.
fn differs(shown: Duration, measured: Duration) -> bool {
    let (low, high) = (shown.min(measured), shown.max(measured));
    high - low > Duration::from_millis(5).max(low / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_cap_and_spread() {
        let mut longest = Backoff::new(|| 1.0);
        let pauses: Vec<u64> = (0..8).map(|_| longest.next_pause().as_millis() as u64).collect();
        assert_eq!(pauses, [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
        let mut shortest = Backoff::new(|| 0.0);
        assert_eq!(shortest.next_pause(), Duration::from_millis(500));
        assert_eq!(shortest.next_pause(), Duration::from_millis(1000));
        shortest.reset();
        assert_eq!(shortest.next_pause(), Duration::from_millis(500));
    }

    #[test]
    fn only_visible_changes_of_the_round_trip_are_told() {
        let ms = Duration::from_millis;
        assert!(!differs(ms(1), ms(4)));
        assert!(!differs(ms(40), ms(50)));
        assert!(differs(ms(40), ms(80)));
        assert!(differs(ms(80), ms(20)));
    }
}
