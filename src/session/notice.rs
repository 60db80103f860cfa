//! The list of what happened, for people.

use std::collections::VecDeque;

use super::NoticeLevel;
use crate::fleet::HostName;

/// Lines kept: hours of an ordinary session, and little memory.
pub(crate) const KEPT: usize = 500;

/// One line of the event list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    pub(crate) at_ms: u64,
    pub(crate) level: NoticeLevel,
    pub(crate) host: Option<HostName>,
    pub(crate) text: String,
}

/// The newest lines, and how far back the person has scrolled.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Notices {
    lines: VecDeque<Notice>,
    back: usize,
}

impl Notices {
    /// Adds a line. Whoever reads older lines keeps seeing them.
    pub(crate) fn push(&mut self, notice: Notice) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(notice);
        if self.back > 0 {
            self.back = (self.back + 1).min(self.lines.len() - 1);
        }
    }

    /// Scrolls; positive is towards older ones. At least one stays in sight.
    pub(crate) fn scroll(&mut self, notices: isize) {
        self.back = self.back.saturating_add_signed(notices).min(self.lines.len().saturating_sub(1));
    }

    /// How many newer ones there are than the last in sight.
    pub(crate) fn back(&self) -> usize {
        self.back
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The last so many down to where the person has scrolled, oldest first.
    pub(crate) fn seen(&self, count: usize) -> impl DoubleEndedIterator<Item = &Notice> {
        let end = self.lines.len() - self.back;
        self.lines.range(end.saturating_sub(count)..end)
    }

    /// Those after them.
    pub(crate) fn newer(&self) -> impl Iterator<Item = &Notice> {
        self.lines.range(self.lines.len() - self.back..)
    }
}
