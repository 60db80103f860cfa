//! Whether a container is well at its destination: not what an exit code says, but what answers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http_body_util::Empty;
use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use super::survey::Party;
use crate::fleet::{ContainerId, printable};
use crate::ssh::{Command, Remote};

/// How often a probe is tried while a client would wait, and how long one try may take.
const INTERVAL: Duration = Duration::from_millis(20);
const TRY: Duration = Duration::from_secs(2);
/// How long a container may take to answer after its restore; it does not start anew, it goes on.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a container has to answer before a move is taken for done.
///
/// Written as `tcp://ADDRESS:PORT`, `http://ADDRESS:PORT/PATH` or `exec:PROGRAM ARGUMENTS`. An address is one that this
/// machine reaches, such as the container's own on a macvlan network; `exec:` runs in the container, without a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Probe {
    /// A connection is accepted.
    Tcp {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A GET is answered with a status below 400.
    Http {
        /// Name or address.
        host: String,
        /// The port.
        port: u16,
        /// Path and query, with its slash.
        path: String,
    },
    /// A program in the container ends with code 0.
    Exec {
        /// The program and its arguments.
        words: Vec<String>,
    },
}

/// Why a probe cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is no probe: write tcp://ADDRESS:PORT, http://ADDRESS:PORT/PATH or exec:PROGRAM ARGUMENTS")]
pub struct NoProbe(String);

impl FromStr for Probe {
    type Err = NoProbe;

    fn from_str(text: &str) -> Result<Self, NoProbe> {
        let no_probe = || NoProbe(printable(text));
        let place = |place: &str, usual: Option<u16>| {
            // An IPv6 address has brackets, so its last colon is the port's all the same.
            let (host, port) = match place.rsplit_once(':').filter(|(host, _)| !host.ends_with(':')) {
                Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
                _ => (place, usual),
            };
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.filter(|port| *port != 0);
            (!host.is_empty()).then_some(()).and(port).map(|port| (host.to_owned(), port))
        };
        if let Some(rest) = text.strip_prefix("tcp://") {
            let (host, port) = place(rest.trim_end_matches('/'), None).ok_or_else(no_probe)?;
            return Ok(Self::Tcp { host, port });
        }
        if let Some(rest) = text.strip_prefix("http://") {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let (host, port) = place(authority, Some(80)).ok_or_else(no_probe)?;
            let path = if path.is_empty() { "/" } else { path };
            return Ok(Self::Http { host, port, path: path.to_owned() });
        }
        let words: Vec<String> =
            text.strip_prefix("exec:").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        if words.is_empty() { Err(no_probe()) } else { Ok(Self::Exec { words }) }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bracketed = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match self {
            Self::Tcp { host, port } => write!(formatter, "tcp://{}:{port}", bracketed(host)),
            Self::Http { host, port, path } => write!(formatter, "http://{}:{port}{path}", bracketed(host)),
            Self::Exec { words } => write!(formatter, "exec:{}", words.join(" ")),
        }
    }
}

impl TryFrom<String> for Probe {
    type Error = NoProbe;

    fn try_from(text: String) -> Result<Self, NoProbe> {
        text.parse()
    }
}

impl From<Probe> for String {
    fn from(probe: Probe) -> Self {
        probe.to_string()
    }
}

impl Probe {
    /// One try.
    async fn once(&self, party: &Party, container: &ContainerId) -> Result<(), String> {
        match self {
            Self::Tcp { host, port } => TcpStream::connect((host.as_str(), *port))
                .await
                .map(|_| ())
                .map_err(|error| error.to_string()),
            Self::Http { host, port, path } => {
                get(host, *port, path).await.map_err(|error| error.to_string())
            }
            Self::Exec { words } => {
                let command = Command::new("podman")
                    .arguments(["container", "exec", "--", &container.0])
                    .arguments(words.iter().cloned());
                let output = party.remote.output(&command, &[]).await.map_err(|error| error.to_string())?;
                if output.status.success() {
                    return Ok(());
                }
                let said = String::from_utf8_lossy(&output.stderr);
                Err(format!("{} {}", output.status, printable(said.trim())))
            }
        }
    }

    /// Tries until it is answered or patience ends; the error is the last one.
    pub async fn answered(&self, party: &Party, container: &ContainerId) -> Result<(), String> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let tried = tokio::time::timeout(TRY, self.once(party, container)).await;
            let cause = match tried {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(cause)) => cause,
                Err(_) => format!("no answer within {} s", TRY.as_secs()),
            };
            if tokio::time::Instant::now() >= end {
                return Err(cause);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

async fn get(host: &str, port: u16, path: &str) -> anyhow::Result<()> {
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await?;
    let request = hyper::Request::get(path)
        .header(hyper::header::HOST, format!("{host}:{port}"))
        .body(Empty::<Bytes>::new())?;
    let exchange = async move {
        let answer = sender.send_request(request).await?;
        anyhow::ensure!(answer.status().as_u16() < 400, "it answers {}", answer.status());
        Ok(())
    };
    // The connection ends with the exchange, whose sender it serves; an error of it is one of the exchange, too.
    tokio::join!(exchange, connection).0
}

/// Watches a probe from the order to freeze on, as a client would; see [`Watch::longest_gap`].
pub struct Watch {
    task: tokio::task::JoinHandle<()>,
    gap: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Watch {
    /// Begins; programs in the container are not watched, since they cannot run while it is frozen.
    pub fn begin(probe: &Probe) -> Option<Self> {
        let probe = match probe {
            Probe::Exec { .. } => return None,
            probe => probe.clone(),
        };
        let gap = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let longest = gap.clone();
        let task = tokio::spawn(async move {
            let mut answered = tokio::time::Instant::now();
            loop {
                let once = async {
                    match &probe {
                        Probe::Tcp { host, port } => TcpStream::connect((host.as_str(), *port)).await.is_ok(),
                        Probe::Http { host, port, path } => get(host, *port, path).await.is_ok(),
                        Probe::Exec { .. } => false,
                    }
                };
                // Shorter than the patience of the verdict: a connection request that was lost is sent again only
                // after a second.
                if tokio::time::timeout(INTERVAL * 10, once).await.unwrap_or(false) {
                    let now = tokio::time::Instant::now();
                    let gap = (now - answered).as_micros() as u64;
                    longest.fetch_max(gap, std::sync::atomic::Ordering::Relaxed);
                    answered = now;
                }
                tokio::time::sleep(INTERVAL).await;
            }
        });
        Some(Self { task, gap })
    }

    /// The longest time between two answers, seconds.
    pub fn longest_gap(&self) -> f64 {
        self.gap.load(std::sync::atomic::Ordering::Relaxed) as f64 / 1e6
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The ports on which a container listens: `PORT/tcp` and `PORT/udp` of its network namespace, sorted.
pub async fn listening(remote: &dyn Remote, pid: u32) -> Result<Vec<String>, crate::ssh::RemoteError> {
    let output =
        remote.run(&Command::script(include_str!("scripts/listening.sh"), [pid.to_string()])).await?;
    let mut ports: Vec<String> = String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| {
            let (port, kind) = line.split_once(' ')?;
            Some(format!("{}/{kind}", u16::from_str_radix(port, 16).ok()?))
        })
        .collect();
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_read_and_written() {
        for text in [
            "tcp://10.0.0.5:6379",
            "http://web.example:8080/health?x=1",
            "exec:redis-cli ping",
            "tcp://[::1]:22",
        ] {
            assert_eq!(text.parse::<Probe>().unwrap().to_string(), text);
        }
        let usual = Probe::Http { host: "web".into(), port: 80, path: "/".into() };
        assert_eq!("http://web".parse(), Ok(usual));
        for text in
            ["", "tcp://", "tcp://host", "tcp://host:0", "tcp://:5", "https://x", "exec:", "exec:  ", "redis"]
        {
            assert!(text.parse::<Probe>().unwrap_err().to_string().contains("tcp://ADDRESS:PORT"), "{text}");
        }
    }

    #[tokio::test]
    async fn a_get_is_judged_by_its_status() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serve = tokio::spawn(async move {
            for status in ["200 OK", "503 Service Unavailable"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 512];
                let count = stream.read(&mut request).await.unwrap();
                assert!(request[..count].starts_with(b"GET /health HTTP/1.1\r\n"));
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        get("127.0.0.1", port, "/health").await.unwrap();
        assert!(get("127.0.0.1", port, "/health").await.unwrap_err().to_string().contains("503"));
        serve.await.unwrap();
        assert!(get("127.0.0.1", port, "/health").await.is_err());
    }
}
