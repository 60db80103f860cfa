//! The protocol's promises over all orders of events, and that the checks would notice if one were broken.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;

use proptest::prelude::*;

use super::model::{Model, Mutation};
use super::*;

/// Visits every state that can be reached; answers how many there are, or the first that breaks a promise.
fn explore(start: Model, mutation: Mutation) -> Result<usize, String> {
    let mut seen = HashSet::from([start.clone()]);
    let mut next = VecDeque::from([start]);
    let mut settled = HashSet::new();
    while let Some(model) = next.pop_front() {
        model.check()?;
        // What recovery makes of it depends on the hosts alone.
        if settled.insert((model.source, model.destination, model.decision, model.restarted)) {
            ends_with_one_copy(&model)?;
        }
        for successor in model.successors(mutation) {
            if seen.insert(successor.clone()) {
                next.push_back(successor);
            }
        }
    }
    Ok(seen.len())
}

/// (c) and (d): recovery ends, with one running copy, and a second one finds nothing to do.
fn ends_with_one_copy(model: &Model) -> Result<(), String> {
    let settled = model.settle()?;
    if settled.running() != 1 && !model.restarted {
        return Err(format!("{} copies run after recovery: {settled:?} from {model:?}", settled.running()));
    }
    if settled.settle()? != settled {
        return Err(format!("a second recovery changes {settled:?}"));
    }
    Ok(())
}

#[test]
fn every_order_of_events_keeps_every_promise_with_one_recovery() {
    let states = explore(Model::new(1, 2), Mutation::None).unwrap();
    assert!(states > 5_000, "only {states} states were reached");
}

#[test]
fn two_recoveries_at_once_keep_every_promise() {
    let states = explore(Model::new(2, 1), Mutation::None).unwrap();
    assert!(states > 5_000, "only {states} states were reached");
}

#[test]
fn the_checks_notice_a_broken_protocol() {
    let broken = ["two copies run", "no copy is left", "0 copies run after recovery"];
    for mutation in [
        Mutation::ThawAfterHanded,
        Mutation::GoBeforeAnswer,
        Mutation::UndoIgnoresDecision,
        Mutation::CommitIgnoresDecision,
        Mutation::AbortWithoutClosing,
        Mutation::RestoreWithoutClosing,
        Mutation::KeepsNothing,
        Mutation::GoAfterUndone,
    ] {
        let found = explore(Model::new(1, 2), mutation).map(|states| format!("nothing in {states} states"));
        let found = found.unwrap_or_else(|found| found);
        assert!(broken.iter().any(|words| found.contains(words)), "{mutation:?}: {found}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Longer ways with more faults and two recoveries than can be visited one by one.
    #[test]
    fn long_ways_with_many_faults_keep_every_promise(
        choices in proptest::collection::vec(any::<u16>(), 1..120),
        faults in 0_u8..12,
    ) {
        let mut model = Model::new(2, faults);
        for choice in choices {
            let mut successors = model.successors(Mutation::None);
            if successors.is_empty() {
                break;
            }
            let chosen = usize::from(choice) % successors.len();
            model = successors.swap_remove(chosen);
            prop_assert_eq!(model.check(), Ok(()));
            prop_assert_eq!(ends_with_one_copy(&model), Ok(()));
        }
    }
}

#[test]
fn a_move_without_faults_ends_well() {
    let mut phases = vec![Phase::Begin];
    while let Some((next, _)) = step(*phases.last().unwrap(), Report::Done) {
        phases.push(next);
    }
    let words: Vec<&str> = phases.iter().map(|phase| phase.word()).collect();
    let all = ["begin", "prepare", "perform", "hand", "finish", "decide", "commit", "confirm", "ended"];
    assert_eq!(words, all);
    assert_eq!(phases.last(), Some(&Phase::Ended(End::Moved)));
}

#[test]
fn every_report_ends_every_phase_in_a_few_steps() {
    for mut phase in [Phase::Begin, Phase::Perform, Phase::Hand, Phase::Finish, Phase::Decide, Phase::Commit]
    {
        for report in [Report::Failed, Report::Lost] {
            let mut steps = 0;
            while let Some((next, _)) = step(phase, report) {
                phase = next;
                steps += 1;
            }
            assert!(matches!(phase, Phase::Ended(_)) && steps < 5, "{phase:?} after {steps}");
        }
    }
}

#[test]
fn nothing_that_may_run_is_touched_while_the_other_side_is_silent() {
    for source in SourceState::ALL {
        for intent in [Intent::Open, Intent::Commit, Intent::Undo] {
            let action = recovery(source, DestinationState::Unreachable, intent);
            // Only a source that has promised nothing goes its own way.
            let own = source == SourceState::Frozen && action == Recovery::ThawSource;
            assert!(own || matches!(action, Recovery::Hold(_)), "{source:?}: {action:?}");
        }
    }
    for intent in [Intent::Open, Intent::Commit, Intent::Undo] {
        let action = recovery(SourceState::Unreachable, DestinationState::Restored, intent);
        assert_eq!(action, Recovery::Hold(Why::SourceUnreachable));
    }
}

#[test]
fn two_running_copies_are_an_alarm_whatever_was_decided() {
    for intent in [Intent::Open, Intent::Commit, Intent::Undo] {
        assert_eq!(recovery(SourceState::Running, DestinationState::Restored, intent), Recovery::Alarm);
    }
}

/// The table in the documentation; `DROVER_UPDATE_TABLE=1 cargo test --lib protocol` writes it anew.
#[test]
fn the_documented_table_is_the_real_one() {
    let mut table = String::from("| source \\ destination |");
    for destination in DestinationState::ALL {
        write!(table, " {} |", destination.words()).unwrap();
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(DestinationState::ALL.len()));
    table.push('\n');
    for source in SourceState::ALL {
        write!(table, "| {} |", source.words()).unwrap();
        for destination in DestinationState::ALL {
            let words = [Intent::Open, Intent::Commit, Intent::Undo]
                .map(|intent| recovery(source, destination, intent).word());
            let [open, commit, undo] = words;
            let mut cell = open.to_owned();
            if commit != open {
                write!(cell, "; {commit} once commit is recorded").unwrap();
            }
            if undo != open {
                write!(cell, "; {undo} once undo is recorded").unwrap();
            }
            write!(table, " {cell} |").unwrap();
        }
        table.push('\n');
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/migrate/protocol/table.md");
    if std::env::var_os("DROVER_UPDATE_TABLE").is_some_and(|value| value == "1") {
        std::fs::write(path, table).unwrap();
        return;
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), table);
}

#[test]
fn processes_are_believed_before_words() {
    let view = |word, holder, processes, engine| SourceView { word, holder, processes, engine };
    let killed = view(Some(SourceWord::Handed), Party::Gone, Processes::Free, EngineView::Silent);
    assert_eq!(SourceState::of(killed), SourceState::Running, "its hook was killed and the kernel let it go");
    let kept = view(Some(SourceWord::Handed), Party::Gone, Processes::None, EngineView::StoppedWithImages);
    assert_eq!(SourceState::of(kept), SourceState::Kept);
    let ended = view(Some(SourceWord::Thawed), Party::Gone, Processes::None, EngineView::StoppedWithImages);
    assert_eq!(SourceState::of(ended), SourceState::Running, "its images are older than its end");
    let rebooted = view(None, Party::Gone, Processes::None, EngineView::Stopped);
    assert_eq!(SourceState::of(rebooted), SourceState::Lost);
    let to = |word, holder, processes, engine| DestinationView {
        word,
        holder,
        processes,
        engine,
        record: Record::Present,
    };
    let orphan = to(Some(DestinationWord::Released), Party::Gone, Processes::Free, EngineView::Silent);
    assert_eq!(DestinationState::of(orphan), DestinationState::Restored);
    let ended = to(Some(DestinationWord::Restored), Party::Gone, Processes::None, EngineView::Stopped);
    assert_eq!(DestinationState::of(ended), DestinationState::Failed);
    let expired = to(Some(DestinationWord::Waiting), Party::Gone, Processes::None, EngineView::Absent);
    assert_eq!(DestinationState::of(expired), DestinationState::Undone);
}
