//! Time-outs that stand still while a person is being asked: a host is not slow because somebody reads a
//! fingerprint.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// Shared between whoever asks and whoever waits with a time-out.
#[derive(Clone, Debug)]
pub(super) struct Pause {
    asking: watch::Sender<usize>,
}

impl Pause {
    pub(super) fn new() -> Self {
        Self { asking: watch::Sender::new(0) }
    }

    /// Runs something during which no time-out counts.
    pub(super) async fn during<T>(&self, question: impl Future<Output = T>) -> T {
        let _asking = Asking::new(&self.asking);
        question.await
    }

    /// Waits for a future at most `limit`, not counting pauses. After a pause the whole limit starts anew.
    pub(super) async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut asking = self.asking.subscribe();
        tokio::pin!(work);
        let mut deadline = Instant::now() + limit;
        loop {
            let paused = *asking.borrow_and_update() > 0;
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                _ = asking.changed() => deadline = Instant::now() + limit,
                () = tokio::time::sleep_until(deadline), if !paused => return None,
            }
        }
    }
}

/// Counts one question for as long as it is open, also when its future is dropped.
struct Asking<'a>(&'a watch::Sender<usize>);

impl<'a> Asking<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_stands_still_while_a_person_is_asked() {
        let pause = Pause::new();
        let slow_answer = pause.during(tokio::time::sleep(Duration::from_secs(600)));
        assert!(pause.timeout(Duration::from_secs(10), slow_answer).await.is_some());
        let slow_host = tokio::time::sleep(Duration::from_secs(11));
        assert!(pause.timeout(Duration::from_secs(10), slow_host).await.is_none());
    }
}
