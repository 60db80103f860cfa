//! The one registry of actions: what can be done, with which keys, and when.
//!
//! Key handling, the footer and the help all read [`ACTIONS`]; a key that works and is not in the help, or the
//! other way round, cannot be written down.

use super::state::{Focus, Typing};
use super::{Dialog, Key, QuestionKind, SimulationMotion, State};
use crate::migrate::Overriding;

/// What an action does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Do {
    Up,
    Down,
    First,
    Last,
    HalfUp,
    HalfDown,
    NextPane,
    PreviousPane,
    Open,
    Back,
    ToHosts,
    Filter,
    Sort,
    Move,
    Cancel,
    Dismiss,
    Details,
    NextMigration,
    PreviousMigration,
    Copy,
    Reconnect,
    Help,
    Quit,
    Suspend,
    KeepFilter,
    DropFilter,
    EraseFilter,
    WipeFilter,
    Close,
    Confirm,
    OtherChoice,
    Yes,
    No,
    SendSecret,
    RefuseSecret,
    Faster,
    Slower,
    Pause,
    GoOn,
    Matrix,
    Look,
    Left,
    Right,
    Override,
    OtherPart,
}

/// What has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Layer {
    /// No dialog is open.
    Panes,
    /// The filter is being typed.
    Filter,
    Help,
    Details,
    /// Which hosts fit each other.
    Matrix,
    Move,
    /// A yes-or-no dialog of drover's own.
    Confirm,
    /// A yes-or-no question of a host.
    Question,
    /// A passphrase is being typed.
    Secret,
}

impl Layer {
    pub(crate) const ALL: [Self; 9] = [
        Self::Panes,
        Self::Filter,
        Self::Help,
        Self::Details,
        Self::Matrix,
        Self::Move,
        Self::Confirm,
        Self::Question,
        Self::Secret,
    ];

    /// The heading of its keys in the help.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Panes => "Panes",
            Self::Filter => "While typing a filter",
            Self::Help => "In help, details and the choice of a destination",
            Self::Details => "In a migration's details",
            Self::Matrix => "In the matrix of hosts",
            Self::Move => "Choosing a destination",
            Self::Confirm => "Answering yes or no",
            Self::Question => "Answering a host's question",
            Self::Secret => "Typing a passphrase",
        }
    }
}

/// Something that must hold for an action to be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A container is under the cursor of the focused list.
    OnContainer,
    /// The hosts have the keys.
    OnHosts,
    /// The chosen host is not live.
    HostAway,
    /// The migration in the bottom pane is under way and has not been asked to stop.
    Moving,
    /// The migration in the bottom pane is over.
    Moved,
    /// A migration is in the bottom pane.
    MigrationShown,
    /// There are several migrations.
    SeveralMigrations,
    /// The containers have the keys.
    OnContainers,
    /// The chosen line of the checks can be passed over, or is.
    OnOverridable,
    /// The fleet is simulated.
    Simulated,
    /// The fleet is simulated, and its time goes on.
    TimeRuns,
    /// The fleet is simulated, and its time stands still.
    TimeStands,
}

impl Fact {
    /// All facts that only a simulated fleet can have.
    const OF_SIMULATION: [Self; 3] = [Self::Simulated, Self::TimeRuns, Self::TimeStands];

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The situation in which a key is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) layer: Layer,
    facts: u16,
}

impl Context {
    fn holds(self, fact: Fact) -> bool {
        self.facts & fact.bit() != 0
    }
}

/// One thing that a person can do.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) what: Do,
    pub(crate) keys: &'static [Key],
    pub(crate) layers: &'static [Layer],
    /// All of them must hold.
    pub(crate) facts: &'static [Fact],
    /// Word for the footer; empty keeps it to the help.
    pub(crate) label: &'static str,
    pub(crate) help: &'static str,
}

impl Action {
    /// Whether it keeps its place when the footer has no room for all.
    pub(crate) fn stays_in_footer(&self) -> bool {
        matches!(self.what, Do::Help | Do::Quit | Do::Close)
    }

    pub(crate) fn is_offered(&self, context: Context) -> bool {
        self.layers.contains(&context.layer) && self.facts.iter().all(|fact| context.holds(*fact))
    }

    fn is_within(&self, scope: Scope) -> bool {
        scope == Scope::Everything || !self.facts.iter().any(|fact| Fact::OF_SIMULATION.contains(fact))
    }
}

const fn action(
    what: Do,
    keys: &'static [Key],
    layers: &'static [Layer],
    facts: &'static [Fact],
    label: &'static str,
    help: &'static str,
) -> Action {
    Action { what, keys, layers, facts, label, help }
}

use Key::{
    BackTab, Backspace, Char, Ctrl, Down, End, Enter, Esc, Home, Left, PageDown, PageUp, Right, Tab, Up,
};

const PANES: &[Layer] = &[Layer::Panes];
const LISTS: &[Layer] = &[Layer::Panes, Layer::Move, Layer::Help, Layer::Details, Layer::Matrix];
/// Where a person watches, so that time can be stopped to look.
const WATCHING: &[Layer] = &[Layer::Panes, Layer::Move, Layer::Details];
const CHOICES: &[Layer] = &[Layer::Confirm, Layer::Question];

/// Every action, in the order of the footer and the help.
pub(crate) static ACTIONS: &[Action] = &[
    action(Do::Move, &[Char('m')], PANES, &[Fact::OnContainer], "move", "move the container to another host"),
    action(
        Do::Open,
        &[Enter, Right, Char('l')],
        PANES,
        &[Fact::OnHosts],
        "containers",
        "go to the host's containers",
    ),
    action(
        Do::Cancel,
        &[Char('c'), Char('x')],
        PANES,
        &[Fact::Moving],
        "cancel move",
        "cancel the running migration (asks)",
    ),
    action(
        Do::Details,
        &[Char('d')],
        PANES,
        &[Fact::MigrationShown],
        "details",
        "the migration's whole story",
    ),
    action(Do::Matrix, &[Char('M')], PANES, &[], "", "which hosts fit each other, all by all"),
    action(Do::Dismiss, &[Char('x')], PANES, &[Fact::Moved], "put away", "put the finished migration away"),
    action(Do::NextMigration, &[Char(']')], PANES, &[Fact::SeveralMigrations], "", "show the next migration"),
    action(
        Do::PreviousMigration,
        &[Char('[')],
        PANES,
        &[Fact::SeveralMigrations],
        "",
        "show the previous migration",
    ),
    action(
        Do::Reconnect,
        &[Char('R')],
        PANES,
        &[Fact::HostAway],
        "reconnect",
        "try the chosen host's connection now",
    ),
    action(Do::Pause, &[Char('p')], WATCHING, &[Fact::TimeRuns], "pause", "pause the simulated fleet"),
    action(Do::GoOn, &[Char('p')], WATCHING, &[Fact::TimeStands], "go on", "let the simulated fleet go on"),
    action(
        Do::Faster,
        &[Char('+'), Char('=')],
        WATCHING,
        &[Fact::Simulated],
        "faster",
        "let simulated time go faster",
    ),
    action(Do::Slower, &[Char('-')], WATCHING, &[Fact::Simulated], "slower", "let simulated time go slower"),
    action(Do::Filter, &[Char('/')], PANES, &[], "filter", "narrow by name or image; !word leaves out"),
    action(
        Do::Sort,
        &[Char('s')],
        PANES,
        &[Fact::OnContainers],
        "sort",
        "sort containers by name, cpu, memory, age",
    ),
    action(Do::Copy, &[Char('y')], PANES, &[], "copy", "copy the chosen name to the clipboard"),
    action(Do::NextPane, &[Tab], PANES, &[], "pane", "next pane"),
    action(Do::PreviousPane, &[BackTab], PANES, &[], "", "previous pane"),
    action(Do::Up, &[Up, Char('k')], LISTS, &[], "", "one line up"),
    action(Do::Down, &[Down, Char('j')], LISTS, &[], "", "one line down"),
    action(Do::First, &[Home, Char('g')], LISTS, &[], "", "first line"),
    action(Do::Last, &[End, Char('G')], LISTS, &[], "", "last line"),
    action(Do::HalfUp, &[Ctrl('u'), PageUp], LISTS, &[], "", "half a page up"),
    action(Do::HalfDown, &[Ctrl('d'), PageDown], LISTS, &[], "", "half a page down"),
    action(Do::Back, &[Esc], PANES, &[], "", "back: drop the filter, then go to the hosts"),
    action(Do::ToHosts, &[Left, Char('h')], PANES, &[], "", "go to the hosts"),
    action(Do::Suspend, &[Ctrl('z')], PANES, &[], "", "suspend drover; fg brings it back"),
    action(
        Do::KeepFilter,
        &[Enter, Down, Up],
        &[Layer::Filter],
        &[],
        "keep",
        "keep the filter and go to the list",
    ),
    action(Do::DropFilter, &[Esc], &[Layer::Filter], &[], "drop", "drop the filter"),
    action(Do::EraseFilter, &[Backspace], &[Layer::Filter], &[], "", "erase a character"),
    action(Do::WipeFilter, &[Ctrl('u')], &[Layer::Filter], &[], "empty", "erase all"),
    action(Do::Left, &[Left, Char('h')], &[Layer::Matrix], &[], "", "one column to the left"),
    action(Do::Right, &[Right, Char('l')], &[Layer::Matrix], &[], "", "one column to the right"),
    action(Do::Look, &[Char('R')], &[Layer::Matrix], &[], "look again", "look at every live host again"),
    action(
        Do::Override,
        &[Char('o')],
        &[Layer::Move],
        &[Fact::OnOverridable],
        "override",
        "pass over the chosen error, or do not",
    ),
    action(Do::OtherPart, &[Tab], &[Layer::Move], &[], "checks", "between destinations and checks"),
    action(Do::Confirm, &[Enter], &[Layer::Move], &[], "move it", "order the move, when no check refuses it"),
    action(Do::Confirm, &[Enter], CHOICES, &[], "choose", "take the highlighted answer"),
    action(
        Do::OtherChoice,
        &[Tab, Left, Right, BackTab, Char('h'), Char('l')],
        CHOICES,
        &[],
        "other answer",
        "highlight the other answer",
    ),
    action(Do::Yes, &[Char('y')], CHOICES, &[], "yes", "yes"),
    action(Do::No, &[Char('n'), Esc], CHOICES, &[], "no", "no"),
    action(Do::SendSecret, &[Enter], &[Layer::Secret], &[], "send", "send what was typed"),
    action(Do::RefuseSecret, &[Esc], &[Layer::Secret], &[], "do not answer", "close without an answer"),
    action(
        Do::Close,
        &[Esc, Char('q')],
        &[Layer::Help, Layer::Details, Layer::Move, Layer::Matrix],
        &[],
        "close",
        "close",
    ),
    action(Do::Close, &[Char('?')], &[Layer::Help], &[], "", "close"),
    action(
        Do::Help,
        &[Char('?')],
        &[Layer::Panes, Layer::Move, Layer::Details, Layer::Matrix],
        &[],
        "help",
        "this help",
    ),
    action(Do::Quit, &[Char('q'), Ctrl('c')], PANES, &[], "quit", "quit; asks while a migration runs"),
    action(
        Do::Quit,
        &[Ctrl('c')],
        &[
            Layer::Filter,
            Layer::Help,
            Layer::Details,
            Layer::Matrix,
            Layer::Move,
            Layer::Question,
            Layer::Secret,
        ],
        &[],
        "",
        "quit; asks while a migration runs",
    ),
    action(Do::No, &[Ctrl('c')], &[Layer::Confirm], &[], "", "no"),
];

/// A line of the help.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HelpLine {
    Heading(&'static str),
    Action { keys: String, help: &'static str },
}

/// How much there is to explain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// What can be done with real hosts.
    RealFleet,
    /// All that, and what only a simulated fleet lets be done.
    Everything,
}

/// The whole help: every action once, under the first layer in which it is offered.
pub(crate) fn help_lines(scope: Scope) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for layer in Layer::ALL {
        let group: Vec<&Action> = ACTIONS
            .iter()
            .filter(|action| action.layers.first() == Some(&layer) && action.is_within(scope))
            .collect();
        if group.is_empty() {
            continue;
        }
        lines.push(HelpLine::Heading(layer.heading()));
        for action in group {
            let keys: Vec<String> = action.keys.iter().map(Key::to_string).collect();
            lines.push(HelpLine::Action { keys: keys.join(" "), help: action.help });
        }
    }
    lines
}

/// What a key does in a situation.
pub(crate) fn find(key: Key, context: Context) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.keys.contains(&key) && action.is_offered(context))
}

impl State {
    /// What the help has to explain.
    pub(crate) fn scope(&self) -> Scope {
        if self.simulation.is_some() { Scope::Everything } else { Scope::RealFleet }
    }

    fn is_on_overridable(&self) -> bool {
        let Some(Dialog::Move(dialog)) = self.dialogs.last() else { return false };
        dialog.chosen_check().is_some_and(|check| check.overriding != Overriding::Impossible)
    }

    /// The situation now.
    pub(crate) fn context(&self) -> Context {
        let layer = match self.dialogs.last() {
            None if self.typing == Typing::Filter => Layer::Filter,
            None => Layer::Panes,
            Some(Dialog::Help { .. }) => Layer::Help,
            Some(Dialog::Details { .. }) => Layer::Details,
            Some(Dialog::Matrix { .. }) => Layer::Matrix,
            Some(Dialog::Move(_)) => Layer::Move,
            Some(Dialog::Quit { .. } | Dialog::Cancel { .. }) => Layer::Confirm,
            Some(Dialog::Question { question, .. }) => match question.kind {
                QuestionKind::Confirm => Layer::Question,
                QuestionKind::Secret => Layer::Secret,
            },
        };
        let shown = self.shown_track();
        let facts = [
            (Fact::OnContainer, self.focus == Focus::Containers && self.chosen_container().is_some()),
            (Fact::OnContainers, self.focus == Focus::Containers),
            (Fact::OnHosts, self.focus == Focus::Hosts && !self.hosts.is_empty()),
            (Fact::HostAway, self.chosen_host().is_some_and(|host| !host.is_live())),
            (Fact::Moving, shown.is_some_and(|track| track.phase == super::Phase::Running)),
            (Fact::Moved, shown.is_some_and(|track| !track.runs())),
            (Fact::MigrationShown, shown.is_some()),
            (Fact::SeveralMigrations, self.migrations.len() > 1),
            (Fact::OnOverridable, self.is_on_overridable()),
            (Fact::Simulated, self.simulation.is_some()),
            (Fact::TimeRuns, self.simulation_motion() == Some(SimulationMotion::Running)),
            (Fact::TimeStands, self.simulation_motion() == Some(SimulationMotion::Paused)),
        ];
        let held = facts.iter().filter(|(_, holds)| *holds);
        Context { layer, facts: held.fold(0, |bits, (fact, _)| bits | fact.bit()) }
    }
}

#[cfg(test)]
mod tests;
