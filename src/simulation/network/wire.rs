//! Wires: bytes arrive later than they were sent, no faster than the link carries, and sometimes not at all.
//!
//! A loss costs a TCP connection twice: the segment is sent again after a round trip, and the sender slows
//! down. For the latter the throughput is held below MSS/RTT · 1.22/√p (Mathis, Semke, Mahdavi, Ott: “The
//! Macroscopic Behavior of the TCP Congestion Avoidance Algorithm”, 1997).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::simulation::clock::Clock;
use crate::simulation::locked;
use crate::simulation::scenario::LinkPlan;

/// What one packet of Ethernet carries for TCP, bytes.
const SEGMENT: f64 = 1448.0;

/// How much is taken from a sender at a time.
const PIECE: usize = 32 << 10;

/// Pieces under way at most; as many as fit into a kernel's usual receive window of 6 MiB.
const UNDER_WAY: usize = 192;

/// How long drover leaves sent bytes without acknowledgement before it takes a connection as lost (ssh/dial.rs).
const UNACKNOWLEDGED: Duration = Duration::from_secs(20);

/// tokio's timers are no finer: what is due sooner is not waited for, and what was waited for too long is made up.
const GRAIN: Duration = Duration::from_millis(1);
const BURST: Duration = Duration::from_millis(5);

/// A link's state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Condition {
    /// What it is like.
    pub plan: LinkPlan,
    /// Whether anything passes.
    pub passage: Passage,
}

/// Whether anything passes a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// All does.
    Open,
    /// Nothing does, and nobody is told.
    Cut,
}

/// A link between two places, shared by all connections over it.
#[derive(Debug)]
pub struct Wire {
    clock: Arc<Clock>,
    condition: watch::Sender<Condition>,
    /// When each direction has sent all that was given to it.
    free: [Mutex<Option<Instant>>; 2],
    random: Mutex<SmallRng>,
}

/// The two directions of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the far end.
    There,
    /// To the near end.
    Back,
}

impl Wire {
    /// A link like this.
    pub fn new(clock: Arc<Clock>, plan: LinkPlan, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            clock,
            condition: watch::Sender::new(Condition { plan, passage: Passage::Open }),
            free: Default::default(),
            random: Mutex::new(SmallRng::seed_from_u64(seed)),
        })
    }

    /// Changes the link.
    pub fn change(&self, change: impl FnOnce(&mut Condition)) {
        self.condition.send_modify(change);
    }

    /// What the link is like now.
    pub fn condition(&self) -> Condition {
        *self.condition.borrow()
    }

    /// Lets one small packet pass each way, as a connection's first ones do.
    pub async fn pass(&self) {
        self.open().await;
        let delay = self.condition().plan.delay;
        self.clock.wire_sleep(2 * delay).await;
    }

    async fn open(&self) {
        let mut condition = self.condition.subscribe();
        let _ = condition.wait_for(|condition| condition.passage == Passage::Open).await;
    }

    /// Carries a connection until one side closes it. `passed` is told of all bytes that pass its far end.
    pub fn carry<N, F, P>(
        self: &Arc<Self>,
        near: N,
        far: F,
        passed: P,
    ) -> impl Future<Output = ()> + Send + use<N, F, P>
    where
        N: AsyncRead + AsyncWrite + Send + 'static,
        F: AsyncRead + AsyncWrite + Send + 'static,
        P: Fn(Direction, u64) + Send + Sync,
    {
        let wire = self.clone();
        async move {
            let (mut near_read, mut near_write) = tokio::io::split(near);
            let (mut far_read, mut far_write) = tokio::io::split(far);
            let given_up = {
                // When one direction ends, what is under way in the other still arrives.
                let there = wire.one_way(&mut near_read, &mut far_write, Direction::There, &passed);
                let back = wire.one_way(&mut far_read, &mut near_write, Direction::Back, &passed);
                let both = async {
                    tokio::join!(there, back);
                };
                tokio::select! {
                    () = both => false,
                    () = wire.gives_up() => true,
                }
            };
            drop((near_read, near_write));
            if given_up {
                // The far end hears of it when something passes again.
                wire.open().await;
            }
        }
    }

    /// Waits until the near end gives up a connection on which nothing has passed for too long: what it sends by
    /// then, if only a sign of life, is not acknowledged (TCP_USER_TIMEOUT).
    async fn gives_up(&self) {
        let mut condition = self.condition.subscribe();
        loop {
            let _ = condition.wait_for(|condition| condition.passage == Passage::Cut).await;
            let healed = condition.wait_for(|condition| condition.passage == Passage::Open);
            if tokio::time::timeout(self.clock.wire_time(UNACKNOWLEDGED), healed).await.is_err() {
                return;
            }
        }
    }

    async fn one_way(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        direction: Direction,
        passed: &(impl Fn(Direction, u64) + Sync),
    ) {
        let (sender, mut arriving) = mpsc::channel::<(Instant, Bytes)>(UNDER_WAY);
        let sending = async move {
            let mut buffer = vec![0; PIECE];
            while let Ok(count) = from.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                let late = self.send(count, direction).await;
                if direction == Direction::Back {
                    passed(direction, count as u64);
                }
                if sender.send((late, Bytes::copy_from_slice(&buffer[..count]))).await.is_err() {
                    break;
                }
            }
        };
        let receiving = async move {
            while let Some((late, bytes)) = arriving.recv().await {
                sleep_until(late).await;
                self.open().await;
                if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
                    return;
                }
                if direction == Direction::There {
                    passed(direction, bytes.len() as u64);
                }
            }
            let _ = to.shutdown().await;
        };
        tokio::join!(sending, receiving);
    }

    /// Waits until so many bytes are on their way, and says when they arrive.
    async fn send(&self, count: usize, direction: Direction) -> Instant {
        self.open().await;
        let plan = self.condition().plan;
        let round_trip = 2 * plan.delay;
        let loss = plan.loss.get();
        let mut time = plan.rate.time_for(count as u64);
        let mut again = Duration::ZERO;
        if loss > 0.0 {
            let bytes_per_second = SEGMENT * 1.22 / (round_trip.as_secs_f64().max(1e-4) * loss.sqrt());
            time = time.max(Duration::from_secs_f64(count as f64 / bytes_per_second));
            let segments = (count as f64 / SEGMENT).ceil();
            let any_lost = 1.0 - (1.0 - loss).powf(segments);
            if locked(&self.random).random::<f64>() < any_lost {
                // A small message has none behind it to report the gap: only the time-out (RFC 6298, 200 ms on
                // Linux) brings it again.
                again = if segments < 4.0 { round_trip + Duration::from_millis(200) } else { round_trip };
            }
        }
        let ready = {
            let mut free = locked(&self.free[direction as usize]);
            let now = Instant::now();
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            let ready = free.filter(|free| *free > earliest).unwrap_or(now) + self.clock.wire_time(time);
            *free = Some(ready);
            ready
        };
        if ready > Instant::now() + GRAIN {
            sleep_until(ready).await;
        }
        Instant::now() + self.clock.wire_time(plan.delay + again)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::load::Share;
    use crate::simulation::scenario::Rate;

    fn wire(plan: LinkPlan) -> Arc<Wire> {
        Wire::new(Arc::new(Clock::new(Duration::ZERO)), plan, 1)
    }

    /// How long so many bytes take through a wire.
    async fn time_for(wire: &Arc<Wire>, bytes: usize) -> Duration {
        let (near, near_wire) = tokio::io::duplex(1 << 20);
        let (far_wire, mut far) = tokio::io::duplex(1 << 20);
        tokio::spawn(wire.carry(near_wire, far_wire, |_, _| {}));
        let began = Instant::now();
        tokio::spawn(async move {
            let mut near = near;
            near.write_all(&vec![7; bytes]).await.unwrap();
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert_eq!(received.len(), bytes);
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_take_the_time_that_rate_and_delay_imply() {
        let plan = LinkPlan { delay: Duration::from_millis(40), ..LinkPlan::default() };
        let time = time_for(&wire(plan), 12_500_000).await;
        assert!(time.abs_diff(Duration::from_millis(140)) < Duration::from_millis(8), "{time:?}");
        let fast = LinkPlan { rate: Rate::Unlimited, delay: Duration::ZERO, loss: Share::NONE };
        assert!(time_for(&wire(fast), 12_500_000).await < Duration::from_millis(2));
    }

    #[tokio::test(start_paused = true)]
    async fn loss_makes_it_slow() {
        let loss = Share::new(0.01).unwrap();
        let plan = LinkPlan { delay: Duration::from_millis(10), loss, ..LinkPlan::default() };
        // 1448 · 1.22 / (0.02 s · 0.1) = 883 kB/s
        let time = time_for(&wire(plan), 883_000).await;
        assert!(time > Duration::from_millis(900) && time < Duration::from_millis(1_400), "{time:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_wire_carries_nothing_until_it_heals() {
        let wire = wire(LinkPlan::default());
        wire.change(|condition| condition.passage = Passage::Cut);
        let heals = wire.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(10)).await;
            heals.change(|condition| condition.passage = Passage::Open);
        });
        assert!(time_for(&wire, 1_000).await >= Duration::from_secs(10));
    }
}
