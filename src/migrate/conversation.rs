//! Talking by lines with one side of a two-phase move.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, Take};
use tokio::sync::mpsc;

use super::error::MigrateError;
use super::ship::{lost, step};
use crate::fleet::printable;
use crate::ssh::{ExitStatus, Process, Remote, RemoteError};

/// Both hosts count beats of five seconds, and miss three or four before they take us for gone.
const BEAT: Duration = Duration::from_secs(2);

/// Longer than any line of ours; what CRIU says is cut there.
const LONGEST_LINE: u64 = 4096;

/// What a side says.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// One of our words: `prepared`, `dumped`, `handed`, `waiting`.
    Word(String),
    /// A stage began or ended: its word, and seconds of the host's clock since 1970.
    Stamp(String, f64),
    /// The host's clock, seconds since 1970.
    Time(f64),
    /// The detached part is over.
    Outcome(String),
    /// A line of the engine or of CRIU.
    Quote(String),
}

impl Answer {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ');
        let number = |word: Option<&str>| word.and_then(|word| word.parse::<f64>().ok());
        match (words.next(), words.next()) {
            (Some("stamp"), Some(word)) => match number(words.next()) {
                Some(seconds) => Self::Stamp(word.to_owned(), seconds),
                None => Self::Quote(line.to_owned()),
            },
            (Some("time"), seconds) => {
                number(seconds).map_or_else(|| Self::Quote(line.to_owned()), Self::Time)
            }
            (Some("outcome"), Some(word)) => Self::Outcome(word.to_owned()),
            (Some(word @ ("prepared" | "dumped" | "handed" | "waiting")), None) => {
                Self::Word(word.to_owned())
            }
            _ => Self::Quote(line.to_owned()),
        }
    }
}

/// How a process ended, and the end of its standard error.
type Ended = tokio::sync::oneshot::Receiver<Result<(ExitStatus, Vec<u8>), RemoteError>>;

/// One side. Dropping it ends the connection's input, which the host takes for our end.
pub struct Side<'a> {
    remote: &'a dyn Remote,
    what: &'static str,
    words: mpsc::Sender<&'static str>,
    answers: BufReader<Take<Box<dyn AsyncRead + Send + Unpin>>>,
    ended: Option<Ended>,
    /// Seconds to add to the host's clock to have this machine's.
    offset: f64,
    stamps: Vec<(String, f64)>,
    quotes: Vec<String>,
}

impl<'a> Side<'a> {
    /// Begins to talk, with `first` as the beginning of its input. `what` is for messages: “the checkpoint”.
    pub fn new(remote: &'a dyn Remote, what: &'static str, process: Process, first: Vec<u8>) -> Self {
        let Process { mut stdin, stdout, ended } = process;
        let (words, mut said) = mpsc::channel::<&'static str>(8);
        tokio::spawn(async move {
            if stdin.write_all(&first).await.is_err() {
                return;
            }
            drop(first);
            let mut beat = tokio::time::interval(BEAT);
            beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut begun = false;
            loop {
                let word = tokio::select! {
                    biased;
                    word = said.recv() => match word {
                        Some(word) => word,
                        None => break,
                    },
                    // The first word is an order that the host waits for.
                    _ = beat.tick(), if begun => "alive",
                };
                begun = true;
                if stdin.write_all(format!("{word}\n").as_bytes()).await.is_err() {
                    break;
                }
            }
        });
        Self {
            remote,
            what,
            words,
            answers: BufReader::new(stdout.take(LONGEST_LINE)),
            ended: Some(ended),
            offset: 0.0,
            stamps: Vec::new(),
            quotes: Vec::new(),
        }
    }

    /// Says one word.
    pub async fn say(&mut self, word: &'static str) -> Result<(), MigrateError> {
        let gone = || lost(self.remote, std::io::ErrorKind::BrokenPipe.into());
        self.words.send(word).await.map_err(|_| gone())
    }

    /// The next thing that it says.
    async fn hear(&mut self) -> Result<Answer, MigrateError> {
        let mut line = Vec::new();
        self.answers.get_mut().set_limit(LONGEST_LINE);
        self.answers.read_until(b'\n', &mut line).await.map_err(|error| lost(self.remote, error))?;
        if line.is_empty() {
            return Err(self.end().await);
        }
        let answer = Answer::parse(String::from_utf8_lossy(&line).trim_end());
        match &answer {
            Answer::Stamp(word, seconds) => self.stamps.push((word.clone(), *seconds)),
            Answer::Quote(line) if self.quotes.len() < 64 => self.quotes.push(line.clone()),
            _ => {}
        }
        Ok(answer)
    }

    /// Its end before it said what was expected of it.
    async fn end(&mut self) -> MigrateError {
        let Some(ended) = self.ended.take() else {
            return step(self.remote.host(), &format!("{} ended without a word", self.what));
        };
        match ended.await {
            Err(_) => lost(self.remote, std::io::ErrorKind::ConnectionAborted.into()),
            Ok(Err(error)) => error.into(),
            Ok(Ok((status, stderr))) => {
                let stderr = String::from_utf8_lossy(&stderr);
                let words = stderr.lines().rfind(|line| !line.trim().is_empty()).map(printable);
                let words = words.map(|words| format!(": {words}")).unwrap_or_default();
                step(self.remote.host(), &format!("{} failed ({status}){words}", self.what))
            }
        }
    }

    /// Its detached part came to an end that was not wanted.
    fn failed(&self, outcome: &str) -> MigrateError {
        let mut podman = self.quotes.iter().filter_map(|line| line.strip_prefix("podman: "));
        let cause = podman.rfind(|line| line.starts_with("Error")).unwrap_or(match outcome {
            "gone" => "its process was ended from outside",
            "thawed" => "the host let the container run on",
            _ => "no reason given",
        });
        MigrateError::Step {
            cause: format!("{}: {} failed: {}", self.remote.host(), self.what, printable(cause)),
            log_line: super::explain::criu_line(&self.quotes.join("\n")),
        }
    }

    /// Listens until it says this word.
    pub async fn until(&mut self, word: &str) -> Result<(), MigrateError> {
        loop {
            match self.hear().await? {
                Answer::Word(said) if said == word => return Ok(()),
                Answer::Outcome(outcome) => return Err(self.failed(&outcome)),
                _ => {}
            }
        }
    }

    /// Listens until one of these stages is stamped.
    pub async fn until_stamp(&mut self, words: &[&str]) -> Result<(), MigrateError> {
        loop {
            match self.hear().await? {
                Answer::Stamp(said, _) if words.contains(&said.as_str()) => return Ok(()),
                Answer::Outcome(outcome) => return Err(self.failed(&outcome)),
                _ => {}
            }
        }
    }

    /// Listens until its detached part has this outcome; any other is an error.
    pub async fn until_outcome(&mut self, outcome: &str) -> Result<(), MigrateError> {
        loop {
            if let Answer::Outcome(said) = self.hear().await? {
                return if said == outcome { Ok(()) } else { Err(self.failed(&said)) };
            }
        }
    }

    /// Compares clocks. The second of two questions counts: the first also starts programs.
    pub async fn compare_clocks(&mut self) -> Result<(), MigrateError> {
        for _ in 0..2 {
            let asked = Instant::now();
            self.say("time").await?;
            let theirs = loop {
                match self.hear().await? {
                    Answer::Time(seconds) => break seconds,
                    Answer::Outcome(outcome) => return Err(self.failed(&outcome)),
                    _ => {}
                }
            };
            self.offset = now() - asked.elapsed().as_secs_f64() / 2.0 - theirs;
        }
        Ok(())
    }

    /// When a stage was stamped, in seconds of this machine's clock since 1970.
    pub fn stamped(&self, word: &str) -> Option<f64> {
        self.stamps.iter().rfind(|(stamp, _)| stamp == word).map(|(_, seconds)| seconds + self.offset)
    }

    /// When a stage was stamped, in seconds of the host's own clock since 1970.
    pub fn stamped_there(&self, word: &str) -> Option<f64> {
        self.stamps.iter().rfind(|(stamp, _)| stamp == word).map(|(_, seconds)| *seconds)
    }

    /// All stamps, in seconds of this machine's clock since 1970.
    pub fn stamps(&self) -> impl Iterator<Item = (&str, f64)> {
        self.stamps.iter().map(|(word, seconds)| (word.as_str(), seconds + self.offset))
    }
}

/// This machine's clock, seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Waits until a script says that it is ready to read.
pub async fn ready(remote: &dyn Remote, process: &mut Process, what: &str) -> Result<(), MigrateError> {
    let mut greeting = [0; 6];
    match process.stdout.read_exact(&mut greeting).await {
        Ok(_) if greeting == *b"ready\n" => Ok(()),
        _ => Err(step(remote.host(), &format!("{what} did not begin"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_answers() {
        assert_eq!(Answer::parse("stamp frozen 12.5"), Answer::Stamp("frozen".into(), 12.5));
        assert_eq!(Answer::parse("outcome kept"), Answer::Outcome("kept".into()));
        assert_eq!(Answer::parse("time 1.25"), Answer::Time(1.25));
        assert_eq!(Answer::parse("handed"), Answer::Word("handed".into()));
        assert_eq!(Answer::parse("stamp frozen soon"), Answer::Quote("stamp frozen soon".into()));
        assert_eq!(Answer::parse("podman: Error: x"), Answer::Quote("podman: Error: x".into()));
        assert_eq!(Answer::parse(""), Answer::Quote(String::new()));
    }
}
