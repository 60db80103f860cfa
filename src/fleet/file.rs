//! The fleet file as a whole: read from disk or from a text, or refused with every mistake in it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::read::read;
use super::{Environment, HostName, HostSpec, Problem};

/// Such a file is a page or two; more than this is some other file.
const LARGEST_FILE: u64 = 1 << 20;

/// What can be done by somebody who has no fleet file.
const WITHOUT_FLEET: &str = "  \
  drover lab            try it on real hosts on this machine (Linux, as root)
  drover demo           try it on a simulated fleet, which needs nothing
  drover fleet new      have a fleet file written in which every key is explained
  drover fleet import   have one written of hosts in ~/.ssh/config
  drover --fleet FILE   name one that is elsewhere";

/// What a fleet file says, checked and with defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// What the title bar calls it: the file's `title`, else the file's name.
    pub title: String,
    /// Where it was read.
    pub path: PathBuf,
    /// All hosts in the file's order; never empty.
    pub hosts: Vec<HostSpec>,
    /// Groups of hosts by name.
    pub groups: BTreeMap<String, Vec<HostName>>,
}

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A file that was asked for by name is not there.
    #[error(
        "there is no fleet file {}, which {origin} names: correct the path, or leave it out to have the usual \
         places searched", path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Who asked for it: `--fleet` or `$DROVER_FLEET`.
        origin: &'static str,
    },
    /// No place has one.
    #[error("no fleet file found. Looked at:\n{}\nWhat you can do:\n{WITHOUT_FLEET}", PathList(looked_at))]
    NoneFound {
        /// The places, in order.
        looked_at: Vec<PathBuf>,
    },
    /// The file cannot be read.
    #[error("the fleet file {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file can be read and is wrong.
    #[error("{}", ProblemList(path, problems))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Every mistake, in the file's order; never empty.
        problems: Vec<Problem>,
    },
}

struct PathList<'a>(&'a [PathBuf]);

impl fmt::Display for PathList<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, path) in self.0.iter().enumerate() {
            write!(formatter, "{}  {}", if index > 0 { "\n" } else { "" }, path.display())?;
        }
        Ok(())
    }
}

/// Why a file gives no text.
pub(crate) enum NoText {
    /// It cannot be read, or is too large.
    Unreadable(std::io::Error),
    /// It can be read and is no text.
    NotUtf8(Problem),
}

/// The text of a file written by a person; `kind` is what a message calls such a file.
pub(crate) fn text_of(path: &Path, kind: &str) -> Result<String, NoText> {
    let file = std::fs::File::open(path).map_err(NoText::Unreadable)?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(NoText::Unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        let text = format!("it is larger than 1 MiB, which no {kind} is");
        return Err(NoText::Unreadable(std::io::Error::other(text)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let start = error.utf8_error().valid_up_to();
        let valid = std::str::from_utf8(&error.as_bytes()[..start]).unwrap_or_default();
        // One more character stands for the bad byte, so that it has a place of its own.
        let shown = format!("{valid}\u{fffd}");
        NoText::NotUtf8(Problem::at(
            &shown,
            start..start,
            "this byte is not UTF-8 text: save the file as UTF-8",
        ))
    })
}

/// Every mistake of a file, one a line, as `path:line:column: what`.
pub(crate) struct ProblemList<'a>(pub(crate) &'a Path, pub(crate) &'a [Problem]);

impl fmt::Display for ProblemList<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, problems) = self;
        for (index, Problem { line, column, text }) in problems.iter().enumerate() {
            let line_break = if index > 0 { "\n" } else { "" };
            write!(formatter, "{line_break}{}:{line}:{column}: {text}", path.display())?;
        }
        Ok(())
    }
}

impl Fleet {
    /// Reads the file that [`super::locate`] finds.
    pub fn find(asked_for: Option<&Path>, environment: &Environment) -> Result<Self, FleetError> {
        Self::load(&super::locate(asked_for, environment)?, environment)
    }

    /// Reads one file.
    pub fn load(path: &Path, environment: &Environment) -> Result<Self, FleetError> {
        match text_of(path, "fleet file") {
            Ok(text) => Self::parse(&text, path, environment),
            Err(NoText::Unreadable(cause)) => Err(FleetError::Unreadable { path: path.to_path_buf(), cause }),
            Err(NoText::NotUtf8(problem)) => {
                Err(FleetError::Invalid { path: path.to_path_buf(), problems: vec![problem] })
            }
        }
    }

    /// Reads a text as if it were the file at `path`; relative paths in it are relative to that file.
    pub fn parse(text: &str, path: &Path, environment: &Environment) -> Result<Self, FleetError> {
        read(text, path, environment.home.as_deref())
            .map_err(|problems| FleetError::Invalid { path: path.to_path_buf(), problems })
    }

    /// The host of this name.
    pub fn host(&self, name: &HostName) -> Option<&HostSpec> {
        self.hosts.iter().find(|host| host.name == *name)
    }
}

#[cfg(test)]
mod tests;
