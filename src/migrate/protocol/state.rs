//! What each side of a transaction can be in, from the words on disk and what the host's processes and engine say.

use serde::{Deserialize, Serialize};

/// The word in the source's `state` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceWord {
    /// Everything is ready, the container runs.
    Prepared,
    /// Its processes are frozen.
    Frozen,
    /// Its images are complete.
    Dumped,
    /// The source has promised never to thaw by itself.
    Handed,
    /// It runs again.
    Thawed,
    /// It was ended because the destination has it.
    Committed,
    /// It was ended and its images are kept, since nobody said anything.
    Kept,
    /// It was ended and no complete images are left.
    Lost,
}

impl SourceWord {
    /// Reads a word; none when it is not one of ours.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "prepared" => Self::Prepared,
            "frozen" => Self::Frozen,
            "dumped" => Self::Dumped,
            "handed" => Self::Handed,
            "thawed" => Self::Thawed,
            "committed" => Self::Committed,
            "kept" => Self::Kept,
            "lost" => Self::Lost,
            _ => return None,
        })
    }
}

/// The word in the destination's `state` file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationWord {
    /// The restore is being made ready.
    Preparing,
    /// The restore waits for `go`.
    Waiting,
    /// `go` was accepted; the outcome is not known yet.
    Released,
    /// The engine says that it is restored.
    Restored,
    /// The engine could not restore it; what was made is being removed.
    Failed,
    /// What the restore made is removed.
    Undone,
}

impl DestinationWord {
    /// Reads a word; none when it is not one of ours.
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "preparing" => Self::Preparing,
            "waiting" => Self::Waiting,
            "released" => Self::Released,
            "restored" => Self::Restored,
            "failed" => Self::Failed,
            "undone" => Self::Undone,
            _ => return None,
        })
    }
}

/// What a host's engine knows of the container, when nothing of ours holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineView {
    /// It does not know it.
    Absent,
    /// It knows it, nothing runs, and a complete checkpoint lies in its directory.
    StoppedWithImages,
    /// It knows it, nothing runs, and no complete checkpoint is there.
    Stopped,
    /// It does not answer in time.
    Silent,
}

/// Whether a process of the transaction still lives on a host: the hook, the wrapper, their supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// It lives and decides for its side.
    Alive,
    /// It is gone; what it left is all there is.
    Gone,
}

/// What was seen on the source, host and engine together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceView {
    /// The word on disk, when there is one.
    pub word: Option<SourceWord>,
    /// The hook that holds the container frozen, or the supervisor that is about to.
    pub holder: Party,
    /// Whether processes of the container exist, and may run.
    pub processes: Processes,
    /// The engine's word; asked only when no processes exist.
    pub engine: EngineView,
}

/// Whether processes of a container exist on a host, read from the control groups and not from the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Processes {
    /// None.
    None,
    /// Some, and the freezer of their control group is shut.
    Frozen,
    /// Some, and nothing of the kernel's keeps them from running.
    Free,
}

/// The source, for [`super::recovery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceState {
    /// The container runs, or ran on and ended by itself, and nothing of the transaction holds it.
    Running,
    /// The transaction holds it, or is about to, and has not promised anything.
    Frozen,
    /// It is frozen and stays so until somebody says commit or abort.
    Handed,
    /// It is stopped; its complete images are on the source's disk.
    Kept,
    /// It was stopped after commit; it is not removed yet.
    Committed,
    /// The source has no such container.
    Absent,
    /// It is stopped and no complete images are there.
    Lost,
    /// The source, or its engine, does not answer.
    Unreachable,
}

/// The destination, for [`super::recovery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DestinationState {
    /// Nothing of the container or of the transaction is there.
    Absent,
    /// A restore is prepared and waits; nothing runs.
    Waiting,
    /// It was told to start, or is undoing; the outcome is not known yet.
    Released,
    /// The container runs there.
    Restored,
    /// A container is there and does not run.
    Failed,
    /// What was made is removed and cannot start any more; only the record is left.
    Undone,
    /// The destination, or its engine, does not answer.
    Unreachable,
}

/// What has been decided about a container that was started at the destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Nothing yet.
    #[default]
    Open,
    /// It stays; the source's copy goes.
    Commit,
    /// It goes; the source's copy runs again.
    Undo,
}

impl Intent {
    /// Reads the word in the destination's `decision`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "commit" => Some(Self::Commit),
            "undo" => Some(Self::Undo),
            _ => None,
        }
    }
}

impl SourceState {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::Running,
        Self::Frozen,
        Self::Handed,
        Self::Kept,
        Self::Committed,
        Self::Absent,
        Self::Lost,
        Self::Unreachable,
    ];

    /// Judges what was seen. Processes are believed before words: a hook that was killed cannot say so.
    pub fn of(view: SourceView) -> Self {
        use SourceWord::{Committed, Dumped, Frozen, Handed, Prepared};
        match (view.holder, view.word) {
            (Party::Alive, Some(Handed)) => return Self::Handed,
            (Party::Alive, Some(Prepared | Frozen | Dumped) | None) => return Self::Frozen,
            // These words are final; whoever wrote them is only ending.
            (Party::Alive | Party::Gone, _) => {}
        }
        match (view.processes, view.engine, view.word) {
            // Its hook is dead, but the freezer still holds it as if it were not.
            (Processes::Frozen, _, Some(Handed)) => Self::Handed,
            (Processes::Frozen, _, _) => Self::Frozen,
            (Processes::Free, _, _) => Self::Running,
            (Processes::None, EngineView::Silent, _) => Self::Unreachable,
            (Processes::None, EngineView::Absent, _) => Self::Absent,
            (Processes::None, EngineView::Stopped | EngineView::StoppedWithImages, Some(Committed)) => {
                Self::Committed
            }
            // It ran on after its thaw and ended by itself: images of then are older than its end.
            (
                Processes::None,
                EngineView::Stopped | EngineView::StoppedWithImages,
                Some(SourceWord::Thawed),
            ) => Self::Running,
            (Processes::None, EngineView::StoppedWithImages, _) => Self::Kept,
            (Processes::None, EngineView::Stopped, _) => Self::Lost,
        }
    }

    /// In words, after the host's name.
    pub fn words(self) -> &'static str {
        match self {
            Self::Running => "runs it",
            Self::Frozen => "holds it frozen",
            Self::Handed => "holds it frozen for good",
            Self::Kept => "keeps it stopped, with its images",
            Self::Committed => "keeps it stopped after commit",
            Self::Absent => "does not have it",
            Self::Lost => "has it stopped, without images",
            Self::Unreachable => "does not answer",
        }
    }
}

/// What was seen on the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DestinationView {
    /// The word on disk, when there is one.
    pub word: Option<DestinationWord>,
    /// The wrapper that waits, or the supervisor of the restore.
    pub holder: Party,
    /// Whether processes of the container exist.
    pub processes: Processes,
    /// The engine's word; asked only when no processes exist.
    pub engine: EngineView,
    /// Whether a record of the transaction is there.
    pub record: Record,
}

/// Whether a host has a transaction's durable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// It has.
    Present,
    /// It has not.
    Missing,
}

impl DestinationState {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Absent,
        Self::Waiting,
        Self::Released,
        Self::Restored,
        Self::Failed,
        Self::Undone,
        Self::Unreachable,
    ];

    /// Judges what was seen.
    pub fn of(view: DestinationView) -> Self {
        use DestinationWord::{Failed, Preparing, Released, Undone, Waiting};
        match (view.holder, view.word) {
            (Party::Alive, Some(Preparing | Waiting)) => return Self::Waiting,
            // Without a word it is the way of kept images, whose restore has no words.
            (Party::Alive, Some(Released | Failed) | None) => return Self::Released,
            (Party::Alive | Party::Gone, _) => {}
        }
        match (view.processes, view.engine, view.record) {
            (Processes::Free | Processes::Frozen, ..) => Self::Restored,
            (Processes::None, EngineView::Silent, _) => Self::Unreachable,
            (Processes::None, EngineView::Stopped | EngineView::StoppedWithImages, _) => Self::Failed,
            (Processes::None, EngineView::Absent, Record::Present) => Self::Undone,
            (Processes::None, EngineView::Absent, Record::Missing) if view.word == Some(Undone) => {
                Self::Undone
            }
            (Processes::None, EngineView::Absent, Record::Missing) => Self::Absent,
        }
    }

    /// In words, after the host's name.
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "does not have it",
            Self::Waiting => "has a restore prepared",
            Self::Released => "is restoring it",
            Self::Restored => "runs it",
            Self::Failed => "has it stopped",
            Self::Undone => "has undone its restore",
            Self::Unreachable => "does not answer",
        }
    }
}
