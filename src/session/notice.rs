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

    /// Scrolls by lines; positive is towards older ones. At least one line stays in sight.
    pub(crate) fn scroll(&mut self, lines: isize, capacity: usize) {
        let most = self.lines.len().saturating_sub(capacity.max(1));
        self.back = self.back.saturating_add_signed(lines).min(most);
    }

    /// Lines hidden below the view.
    pub(crate) fn back(&self) -> usize {
        self.back
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The lines in sight, oldest first.
    pub(crate) fn seen(&self, capacity: usize) -> impl DoubleEndedIterator<Item = &Notice> {
        let end = self.lines.len() - self.back.min(self.lines.len());
        let start = end.saturating_sub(capacity);
        self.lines.range(start..end)
    }
}
