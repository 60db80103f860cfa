//! Three parties, a bad network and two people who recover: the protocol as a graph of states, for the tests.
//!
//! Every step of a host is atomic (its scripts hold a lock and its hook is one process); everything between hosts is
//! not: messages are lost, doubled and late, any party may end at any moment, and a recovery acts on what it saw,
//! however old that is by then.

use super::*;

/// Takes in a state that some change leads to.
type Add<'a> = dyn FnMut(&dyn Fn(&mut Model)) + 'a;

/// What goes from one party to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Message {
    Prepare,
    Freeze,
    Hand,
    Go,
    Judge,
    Decide,
    Commit,
    Remove,
    Undo,
    Abort,
    /// To the laptop: what became of the order of this phase.
    Reply(Phase, Report),
}

/// A fault that is built into the model on purpose, to see that the checks find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    None,
    /// The source's lease thaws although it has promised.
    ThawAfterHanded,
    /// The laptop sends `go` together with `handed`.
    GoBeforeAnswer,
    /// Undo does not look at the decision.
    UndoIgnoresDecision,
    /// Commit does not look at the decision.
    CommitIgnoresDecision,
    /// Recovery thaws the source before it has closed the destination.
    AbortWithoutClosing,
    /// Recovery trusts that a destination that it saw closed once is still so.
    RestoreWithoutClosing,
    /// The source drops its images when nobody says anything.
    KeepsNothing,
    /// The wrapper takes a `go` also after its lease.
    GoAfterUndone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    Prepared,
    Dumped,
    Handed,
    /// Runs, and the transaction can do nothing here any more.
    Running,
    Kept,
    Committed,
    Removed,
    /// Stopped and no images: only a mutation leads here.
    Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Destination {
    Absent,
    Waiting,
    Restoring,
    Running,
    Failed,
    Undone,
}

/// One recovery, between two of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rescuer {
    Idle,
    SawSource(SourceState),
    SawDestination(DestinationState, Intent),
    Acts(Op),
}

/// What a recovery does on one host, atomically there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    CloseDestination(Then),
    AbortSource,
    Decide,
    Commit,
    Remove,
    RestoreKept,
}

/// What follows when the destination is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Then {
    Nothing,
    AbortSource,
    RestoreKept,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Model {
    pub laptop: Option<Phase>,
    pub source: Source,
    pub destination: Destination,
    pub decision: Intent,
    /// In flight, sorted: they may arrive in any order.
    pub messages: Vec<Message>,
    pub rescuers: Vec<Rescuer>,
    /// How many faults may still be injected.
    pub faults: u8,
    /// A host was started anew after commit: what runs then is nobody's promise.
    pub restarted: bool,
}

impl Model {
    pub fn new(rescuers: usize, faults: u8) -> Self {
        Self {
            laptop: Some(Phase::Prepare),
            source: Source::Prepared,
            destination: Destination::Absent,
            decision: Intent::Open,
            messages: vec![Message::Prepare],
            rescuers: vec![Rescuer::Idle; rescuers],
            faults,
            restarted: false,
        }
    }

    fn send(&mut self, message: Message) {
        self.messages.push(message);
        self.messages.sort_unstable();
    }

    fn reply(&mut self, phase: Phase, report: Report) {
        self.send(Message::Reply(phase, report));
    }

    /// Every state that one event leads to.
    pub fn successors(&self, mutation: Mutation) -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            if next != *self {
                all.push(next);
            }
        };
        for (index, message) in self.messages.iter().copied().enumerate() {
            if index > 0 && self.messages[index - 1] == message {
                continue;
            }
            // An undo waits on its host until the restore's outcome is known.
            if !(message == Message::Undo && self.destination == Destination::Restoring) {
                add(&|next| {
                    next.messages.remove(index);
                    next.deliver(message, mutation);
                });
            }
            if self.faults > 0 {
                add(&|next| {
                    next.faults -= 1;
                    next.messages.remove(index);
                    next.lose(message);
                });
                if self.messages.len() < 4 {
                    add(&|next| {
                        next.faults -= 1;
                        next.send(message);
                    });
                }
            }
        }
        // Leases know nothing of what is under way: they may end at any time. They end nothing twice.
        add(&|next| next.source_lease(mutation));
        add(&|next| {
            if next.destination == Destination::Waiting {
                next.destination = Destination::Undone;
            }
        });
        match self.destination {
            Destination::Restoring => {
                add(&|next| next.destination = Destination::Running);
                add(&|next| next.destination = Destination::Failed);
            }
            Destination::Failed if self.decision != Intent::Commit => {
                add(&|next| next.destination = Destination::Undone);
            }
            _ => {}
        }
        if self.faults > 0 {
            if self.laptop.is_some_and(|phase| !matches!(phase, Phase::Ended(_))) {
                add(&|next| {
                    next.faults -= 1;
                    next.laptop = None;
                });
                // The operator cancels, or a step fails on the laptop.
                add(&|next| {
                    next.faults -= 1;
                    if next.laptop.is_some_and(Phase::can_cancel) {
                        next.report(Report::Failed, mutation);
                    }
                });
            }
            if matches!(
                self.destination,
                Destination::Running | Destination::Waiting | Destination::Restoring
            ) {
                add(&|next| {
                    next.faults -= 1;
                    next.restarted |= next.decision == Intent::Commit;
                    next.destination = Destination::Failed;
                });
            }
            if matches!(self.source, Source::Dumped | Source::Handed) {
                add(&|next| {
                    next.faults -= 1;
                    next.source = Source::Kept;
                });
            }
        }
        for index in 0..self.rescuers.len() {
            self.rescue(index, mutation, &mut add);
        }
        all
    }

    /// The hook's lease ends: `lost`, or `expired`.
    fn source_lease(&mut self, mutation: Mutation) {
        self.source = match self.source {
            Source::Prepared | Source::Dumped => Source::Running,
            Source::Handed if mutation == Mutation::ThawAfterHanded => Source::Running,
            Source::Handed if mutation == Mutation::KeepsNothing => Source::Lost,
            Source::Handed => Source::Kept,
            other => other,
        };
    }

    /// Whoever waits for a lost message is told that the host does not answer.
    fn lose(&mut self, message: Message) {
        let phase = match message {
            Message::Reply(phase, _) => phase,
            _ => match self.laptop {
                Some(phase) => phase,
                None => return,
            },
        };
        self.reply(phase, Report::Lost);
    }

    fn deliver(&mut self, message: Message, mutation: Mutation) {
        match message {
            Message::Prepare => {
                if self.destination == Destination::Absent {
                    self.destination = Destination::Waiting;
                }
                self.reply(Phase::Prepare, done(self.destination == Destination::Waiting));
            }
            Message::Freeze => {
                if self.source == Source::Prepared {
                    self.source = Source::Dumped;
                }
                self.reply(Phase::Perform, done(self.source == Source::Dumped));
            }
            Message::Hand => {
                if self.source == Source::Dumped {
                    self.source = Source::Handed;
                }
                self.reply(Phase::Hand, done(self.source == Source::Handed));
            }
            Message::Go => {
                let late = mutation == Mutation::GoAfterUndone && self.destination == Destination::Undone;
                if self.destination == Destination::Waiting || late {
                    self.destination = Destination::Restoring;
                }
                self.send(Message::Judge);
            }
            Message::Judge => match self.destination {
                Destination::Restoring => self.send(Message::Judge),
                Destination::Running => self.reply(Phase::Finish, Report::Done),
                _ => self.reply(Phase::Finish, Report::Failed),
            },
            Message::Decide => {
                let decided = self.decide();
                self.reply(Phase::Decide, if decided { Report::Done } else { Report::Overruled });
            }
            Message::Commit => {
                let stopped = self.commit_source();
                self.reply(Phase::Commit, done(stopped));
            }
            Message::Remove => {
                self.remove();
                self.reply(Phase::Confirm, done(self.source == Source::Removed));
            }
            Message::Undo => {
                let report = match self.close(mutation) {
                    true => Report::Done,
                    false => Report::Overruled,
                };
                self.reply(Phase::Undo, report);
            }
            Message::Abort => {
                self.abort_source();
                self.reply(Phase::Abort, done(self.source == Source::Running));
            }
            Message::Reply(phase, report) => {
                if self.laptop == Some(phase) {
                    self.report(report, mutation);
                }
            }
        }
    }

    /// The laptop's next step; it is the code of the program.
    fn report(&mut self, report: Report, mutation: Mutation) {
        let Some((next, order)) = self.laptop.and_then(|phase| step(phase, report)) else { return };
        self.laptop = Some(next);
        match order {
            None | Some(Order::Begin) => {}
            Some(Order::Prepare) => self.send(Message::Prepare),
            Some(Order::Freeze) => self.send(Message::Freeze),
            Some(Order::Hand) => {
                self.send(Message::Hand);
                if mutation == Mutation::GoBeforeAnswer {
                    self.send(Message::Go);
                }
            }
            Some(Order::Go) => self.send(Message::Go),
            Some(Order::Decide) => self.send(Message::Decide),
            Some(Order::Commit) => self.send(Message::Commit),
            Some(Order::Confirm) => self.send(Message::Remove),
            Some(Order::Undo) => self.send(Message::Undo),
            Some(Order::Abort) => self.send(Message::Abort),
            Some(Order::Tidy) => self.laptop = Some(Phase::Ended(End::Back)),
        }
    }

    fn decide(&mut self) -> bool {
        if self.decision == Intent::Open && self.destination == Destination::Running {
            self.decision = Intent::Commit;
        }
        self.decision == Intent::Commit
    }

    /// Undo at the destination; false when commit is recorded there.
    fn close(&mut self, mutation: Mutation) -> bool {
        if self.decision == Intent::Commit && mutation != Mutation::UndoIgnoresDecision {
            return false;
        }
        if mutation != Mutation::UndoIgnoresDecision {
            self.decision = Intent::Undo;
        }
        self.destination = Destination::Undone;
        true
    }

    fn commit_source(&mut self) -> bool {
        if matches!(self.source, Source::Handed | Source::Kept) {
            self.source = Source::Committed;
        }
        matches!(self.source, Source::Committed | Source::Removed)
    }

    fn remove(&mut self) {
        if matches!(self.source, Source::Committed | Source::Kept | Source::Lost) {
            self.source = Source::Removed;
        }
    }

    fn abort_source(&mut self) {
        if matches!(self.source, Source::Prepared | Source::Dumped | Source::Handed) {
            self.source = Source::Running;
        }
    }

    /// What a recovery sees of the source now.
    pub fn seen_source(&self) -> SourceState {
        match self.source {
            Source::Prepared | Source::Dumped => SourceState::Frozen,
            Source::Handed => SourceState::Handed,
            Source::Running => SourceState::Running,
            Source::Kept => SourceState::Kept,
            Source::Committed => SourceState::Committed,
            Source::Removed => SourceState::Absent,
            Source::Lost => SourceState::Lost,
        }
    }

    /// What a recovery sees of the destination now.
    pub fn seen_destination(&self) -> DestinationState {
        match self.destination {
            Destination::Absent => DestinationState::Absent,
            Destination::Waiting => DestinationState::Waiting,
            Destination::Restoring => DestinationState::Released,
            Destination::Running => DestinationState::Restored,
            Destination::Failed => DestinationState::Failed,
            Destination::Undone => DestinationState::Undone,
        }
    }

    fn rescue(&self, index: usize, mutation: Mutation, add: &mut Add<'_>) {
        let now = self.rescuers[index];
        let mut become_ = |rescuer: Rescuer, change: &dyn Fn(&mut Self)| {
            add(&|next| {
                change(next);
                next.rescuers[index] = rescuer;
            });
        };
        let nothing = |_: &mut Self| {};
        match now {
            Rescuer::Idle => {
                // Both orders of looking, and a host that does not answer.
                become_(Rescuer::SawSource(self.seen_source()), &nothing);
                become_(Rescuer::SawDestination(self.seen_destination(), self.decision), &nothing);
                if self.faults > 0 {
                    become_(Rescuer::SawSource(SourceState::Unreachable), &|next| next.faults -= 1);
                    become_(Rescuer::SawDestination(DestinationState::Unreachable, Intent::Open), &|next| {
                        next.faults -= 1
                    });
                }
            }
            Rescuer::SawSource(source) => {
                let op = first_op(recovery(source, self.seen_destination(), self.decision), source, mutation);
                become_(op.map_or(Rescuer::Idle, Rescuer::Acts), &nothing);
            }
            Rescuer::SawDestination(destination, intent) => {
                let source = self.seen_source();
                let op = first_op(recovery(source, destination, intent), source, mutation);
                become_(op.map_or(Rescuer::Idle, Rescuer::Acts), &nothing);
            }
            Rescuer::Acts(op) => {
                if self.faults > 0 {
                    become_(Rescuer::Idle, &|next| next.faults -= 1);
                }
                let mut next = self.clone();
                if let Some(following) = next.operate(op, mutation) {
                    become_(following, &|changed| {
                        changed.operate(op, mutation);
                    });
                }
            }
        }
    }

    /// Carries out one step of a recovery; none when it has to wait on that host.
    fn operate(&mut self, op: Op, mutation: Mutation) -> Option<Rescuer> {
        Some(match op {
            Op::CloseDestination(_) if self.destination == Destination::Restoring => return None,
            Op::CloseDestination(then) => match (self.close(mutation), then) {
                (true, Then::AbortSource) => Rescuer::Acts(Op::AbortSource),
                (true, Then::RestoreKept) => Rescuer::Acts(Op::RestoreKept),
                (true, Then::Nothing) | (false, _) => Rescuer::Idle,
            },
            Op::AbortSource => {
                self.abort_source();
                Rescuer::Idle
            }
            Op::Decide => match self.decide() || mutation == Mutation::CommitIgnoresDecision {
                true => Rescuer::Acts(Op::Commit),
                false => Rescuer::Idle,
            },
            Op::Commit => match self.commit_source() || self.source == Source::Lost {
                true => Rescuer::Acts(Op::Remove),
                false => Rescuer::Idle,
            },
            Op::Remove => {
                self.remove();
                Rescuer::Idle
            }
            Op::RestoreKept => {
                if self.source == Source::Kept {
                    self.source = Source::Running;
                }
                Rescuer::Idle
            }
        })
    }

    /// Whether it runs, or is being started, at so many places.
    pub fn running(&self) -> usize {
        usize::from(matches!(self.source, Source::Prepared | Source::Running))
            + usize::from(matches!(self.destination, Destination::Running | Destination::Restoring))
    }

    /// What must hold in every state.
    pub fn check(&self) -> Result<(), String> {
        if self.running() > 1 {
            return Err(format!("two copies run: {self:?}"));
        }
        let source = !matches!(self.source, Source::Removed | Source::Lost);
        let destination = matches!(self.destination, Destination::Running | Destination::Restoring);
        if !source && !destination && !self.restarted {
            return Err(format!("no copy is left: {self:?}"));
        }
        Ok(())
    }

    /// Lets everybody go but one recovery, which all hosts answer; then the container must run exactly once.
    pub fn settle(&self) -> Result<Self, String> {
        let mut model = self.clone();
        model.laptop = None;
        model.messages.clear();
        model.rescuers = vec![Rescuer::Idle];
        for _ in 0..12 {
            let (source, destination) = (model.seen_source(), model.seen_destination());
            match recovery(source, destination, model.decision) {
                Recovery::Tidy | Recovery::Hold(_) | Recovery::Alarm => return Ok(model),
                Recovery::WaitForOutcome => model.destination = Destination::Running,
                action => {
                    let Some(mut op) = first_op(action, source, Mutation::None) else {
                        return Err(format!("{action:?} does nothing in {model:?}"));
                    };
                    while let Some(Rescuer::Acts(next)) = model.operate(op, Mutation::None) {
                        op = next;
                    }
                }
            }
            model.check()?;
        }
        Err(format!("recovery does not end from {self:?}"))
    }
}

fn done(done: bool) -> Report {
    if done { Report::Done } else { Report::Failed }
}

/// With what an action begins; the same steps in the same order as the program's.
fn first_op(action: Recovery, source: SourceState, mutation: Mutation) -> Option<Op> {
    match action {
        Recovery::AbortBoth | Recovery::ThawSource if mutation == Mutation::AbortWithoutClosing => {
            Some(Op::AbortSource)
        }
        Recovery::RestoreKept if mutation == Mutation::RestoreWithoutClosing => Some(Op::RestoreKept),
        Recovery::AbortBoth => Some(Op::CloseDestination(Then::AbortSource)),
        Recovery::UndoDestination => Some(Op::CloseDestination(Then::Nothing)),
        // A source that has promised nothing thaws by its own lease.
        Recovery::ThawSource => {
            (source == SourceState::Handed).then_some(Op::CloseDestination(Then::AbortSource))
        }
        Recovery::CommitForward => Some(Op::Decide),
        Recovery::RestoreKept => Some(Op::CloseDestination(Then::RestoreKept)),
        Recovery::Tidy | Recovery::WaitForOutcome | Recovery::Hold(_) | Recovery::Alarm => None,
    }
}
