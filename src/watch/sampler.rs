//! One host's sampling: asks the loop on the host for samples at the wanted pace.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::frame::{Frame, FrameReader};
use super::rates::Rates;
use super::reading::Reading;
use super::{Pace, WatchEnd, WatchMessage};
use crate::fleet::printable;
use crate::ssh::{Command, Process, Remote};

const LOOP: &str = include_str!("loop.sh");

/// A sample takes milliseconds on a sound host, and one round trip; five seconds are a host in trouble.
const SAMPLE_TIMEOUT: Duration = Duration::from_secs(5);

/// So many bytes without a single sample are no sample that is late: the largest is 1 MiB.
const FLOOD: usize = 4 << 20;

/// After the loop's output has ended its exit status is on its way already.
const EXIT_STATUS_TIMEOUT: Duration = Duration::from_secs(2);

/// Samples a host until the connection ends or nobody listens: runs the loop on one long-lived channel and
/// asks it for samples at the pace that `pace` holds. A change of pace to a faster one takes effect at once.
pub async fn watch(
    remote: Arc<dyn Remote>,
    mut pace: watch::Receiver<Pace>,
    out: mpsc::Sender<WatchMessage>,
) -> WatchEnd {
    let no_arguments: [&str; 0] = [];
    let mut process = match remote.spawn(&Command::script(LOOP, no_arguments)).await {
        Ok(process) => process,
        Err(error) => return WatchEnd::Lost { cause: error.to_string() },
    };
    let mut frames = FrameReader::default();
    let mut rates = Rates::default();
    let mut buffer = vec![0u8; 32 * 1024];
    let mut since_sample = 0usize;
    let mut sequence = 0u64;
    let mut asked: Option<Asked> = None;
    let mut last_asked: Option<Instant> = None;
    loop {
        let interval = pace.borrow_and_update().interval();
        let wake = match (&asked, interval) {
            (Some(asked), _) => Some(asked.patience_ends),
            (None, Some(interval)) => Some(last_asked.map_or_else(Instant::now, |last| last + interval)),
            (None, None) => None,
        };
        tokio::select! {
            biased;
            () = out.closed() => return WatchEnd::Stopped,
            changed = pace.changed() => {
                if changed.is_err() {
                    return WatchEnd::Stopped;
                }
            }
            read = process.stdout.read(&mut buffer) => {
                let bytes = match read {
                    Ok(0) => return ended(process).await,
                    Ok(count) => &buffer[..count],
                    Err(error) => return WatchEnd::Lost { cause: printable(&error.to_string()) },
                };
                since_sample += bytes.len();
                for frame in frames.push(bytes) {
                    let answer = asked.take_if(|asked| matches!(&frame, Ok(frame) if frame.sequence == asked.sequence));
                    let message = match frame.map_err(|error| error.to_string()) {
                        // A frame that nobody asked for, or an answer that was given up: not of now.
                        Ok(_) if answer.is_none() => continue,
                        Ok(frame) => understand(&frame, &mut rates, answer),
                        Err(cause) => {
                            asked = None;
                            Err(cause)
                        }
                    };
                    let message = match message {
                        Ok(message) => {
                            since_sample = 0;
                            message
                        }
                        Err(cause) => {
                            rates.gap();
                            WatchMessage::Gap { cause }
                        }
                    };
                    if out.send(message).await.is_err() {
                        return WatchEnd::Stopped;
                    }
                }
                if since_sample > FLOOD {
                    return WatchEnd::Flood;
                }
            }
            () = async { match wake { Some(wake) => sleep_until(wake).await, None => std::future::pending().await } } => {
                if let Some(asked) = &mut asked {
                    // No second request: they would pile up behind the first.
                    asked.patience_ends += SAMPLE_TIMEOUT;
                    rates.gap();
                    let waited = asked.at.elapsed();
                    if out.send(WatchMessage::Unresponsive { waited }).await.is_err() {
                        return WatchEnd::Stopped;
                    }
                    continue;
                }
                sequence += 1;
                let request = format!("{sequence}\n");
                let written = async {
                    process.stdin.write_all(request.as_bytes()).await?;
                    process.stdin.flush().await
                };
                match tokio::time::timeout(SAMPLE_TIMEOUT, written).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return ended(process).await,
                    Err(_) => return WatchEnd::Lost { cause: "the sampling channel takes no more requests".into() },
                }
                let now = Instant::now();
                last_asked = Some(now);
                asked = Some(Asked { sequence, at: now, clock_ms: laptop_clock_ms(), patience_ends: now + SAMPLE_TIMEOUT });
            }
        }
    }
}

/// A request that waits for its sample.
struct Asked {
    sequence: u64,
    at: Instant,
    /// The laptop's clock at that moment, Unix milliseconds.
    clock_ms: i64,
    patience_ends: Instant,
}

fn understand(frame: &Frame, rates: &mut Rates, answer: Option<Asked>) -> Result<WatchMessage, String> {
    let reading = Reading::parse(frame).map_err(|error| error.to_string())?;
    let mut sample = rates.sample(reading);
    // The first answer also waits for the loop to start, which would be taken for time on the way.
    sample.clock_skew_ms = answer.filter(|asked| asked.sequence > 1).map(|asked| {
        // The host read its clock some half a round trip after the request left.
        let half = i64::try_from(asked.at.elapsed().as_millis() / 2).unwrap_or(0);
        sample.host_clock_ms.saturating_sub(asked.clock_ms.saturating_add(half))
    });
    Ok(WatchMessage::Sampled(sample))
}

fn laptop_clock_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Says why a process whose streams have ended did end.
async fn ended(process: Process) -> WatchEnd {
    let Process { stdin, ended, .. } = process;
    drop(stdin);
    match tokio::time::timeout(EXIT_STATUS_TIMEOUT, ended).await {
        Ok(Ok(Ok((status, stderr)))) => {
            let stderr = String::from_utf8_lossy(&stderr);
            let last = stderr.lines().rev().find(|line| !line.trim().is_empty());
            let cause = match last {
                Some(line) => format!("{status}: {}", printable(line.trim())),
                None => status.to_string(),
            };
            WatchEnd::LoopEnded { cause }
        }
        Ok(Ok(Err(error))) => WatchEnd::Lost { cause: error.to_string() },
        Ok(Err(_)) | Err(_) => WatchEnd::Lost { cause: "the connection ended".into() },
    }
}

#[cfg(test)]
mod tests;
