//! Signals, as far as programs on the simulated hosts use them.

use std::fmt;
use std::str::FromStr;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// 1
    Hangup,
    /// 2
    Interrupt,
    /// 3
    Quit,
    /// 9
    Kill,
    /// 10
    User1,
    /// 12
    User2,
    /// 13
    Pipe,
    /// 14
    Alarm,
    /// 15
    Terminate,
    /// 18
    Continue,
    /// 19
    Stop,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Hangup,
        Self::Interrupt,
        Self::Quit,
        Self::Kill,
        Self::User1,
        Self::User2,
        Self::Pipe,
        Self::Alarm,
        Self::Terminate,
        Self::Continue,
        Self::Stop,
    ];

    /// Its number on Linux.
    pub fn number(self) -> u8 {
        match self {
            Self::Hangup => 1,
            Self::Interrupt => 2,
            Self::Quit => 3,
            Self::Kill => 9,
            Self::User1 => 10,
            Self::User2 => 12,
            Self::Pipe => 13,
            Self::Alarm => 14,
            Self::Terminate => 15,
            Self::Continue => 18,
            Self::Stop => 19,
        }
    }

    /// Its name without `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hangup => "HUP",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::User1 => "USR1",
            Self::User2 => "USR2",
            Self::Pipe => "PIPE",
            Self::Alarm => "ALRM",
            Self::Terminate => "TERM",
            Self::Continue => "CONT",
            Self::Stop => "STOP",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Signal {
    type Err = ();

    /// A number, or a name with or without `SIG`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        Self::ALL
            .into_iter()
            .find(|signal| signal.name() == name || Ok(signal.number()) == name.parse())
            .ok_or(())
    }
}
