//! Any events in any order: nothing panics and the state keeps its promises.

use proptest::prelude::*;

use super::sample_fleet::*;
use super::{
    Change, Effect, Happening, Key, LinkState, NoticeLevel, Question, QuestionId, QuestionKind, State,
};
use crate::fleet::{Container, ContainerStatus};
use crate::migrate::{FailedMigration, MigrationEvent, MigrationId, Request, Stage, Summary, Whereabouts};

fn host() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["h1", "h2", "h3", "h4", "nobody"])
}

fn pressed() -> impl Strategy<Value = Key> {
    let words = "j k h l g G m m m M o o R c x d [ ] / s y R ? q q n y p + = - <enter> <enter> <esc> <esc> <tab> <backtab> <c-d> <c-u> \
                 <c-c> <c-z> <up> <down> <left> <right> <home> <end> <pageup> <pagedown> <backspace> <f5> e ! é";
    prop::sample::select(Key::parse_all(words).unwrap())
}

fn link() -> impl Strategy<Value = LinkState> {
    prop_oneof![
        Just(LinkState::Connecting),
        (0..500u32).prop_map(|round_trip_ms| LinkState::Live { round_trip_ms }),
        (0..60_000u64).prop_map(|next_try_at_ms| LinkState::Retrying {
            cause: "connection reset by peer".into(),
            next_try_at_ms
        }),
        Just(LinkState::Refused { cause: "the host key changed\nline 3".into() }),
    ]
}

fn containers() -> impl Strategy<Value = Vec<Container>> {
    let one = (
        0..8u32,
        prop::sample::select(vec!["counter", "redis", "web", "", "日本語", "a\u{1b}[31m"]),
        any::<bool>(),
    );
    prop::collection::vec(one, 0..12).prop_map(|all| {
        let make = |(id, shown, runs): (u32, &str, bool)| Container {
            status: if runs { ContainerStatus::Running } else { ContainerStatus::Exited },
            ..container(&format!("id{id}"), shown, "localhost/image:latest")
        };
        all.into_iter().map(make).collect()
    })
}

fn moved() -> impl Strategy<Value = Request> {
    (prop::sample::select(vec!["counter", "redis", "gone"]), host(), host())
        .prop_map(|(container, from, to)| request(container, from, to))
}

fn migration() -> impl Strategy<Value = MigrationEvent> {
    let stage = || prop::sample::select(Stage::ALL.to_vec());
    let when = || prop_oneof![0.0..100.0f64, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)];
    let summary = (moved(), when(), when()).prop_map(|(request, total, downtime)| Summary {
        request,
        stages: vec![time(Stage::Transfer, 0.5, downtime, Some(5))],
        total,
        downtime,
        client_gap: None,
        bytes: 5,
        wire_bytes: 3,
        warnings: vec!["mind the clock".into()],
        way: crate::migrate::Way::TwoPhase,
        marks: Vec::new(),
    });
    let failure = (moved(), stage()).prop_map(|(request, stage)| FailedMigration {
        request,
        reason: crate::migrate::Reason::Failed,
        stage,
        cause: "it broke".into(),
        log_line: Some("Error (criu/x.c:1): no".into()),
        explanation: Some(Box::new(crate::migrate::explain::explain("Error (criu/x.c:1): no"))),
        whereabouts: Whereabouts::BackOnSource,
        advice: "try again".into(),
    });
    prop_oneof![
        moved().prop_map(|request| MigrationEvent::Started { request }),
        (stage(), when()).prop_map(|(stage, at)| MigrationEvent::StageStarted { stage, at }),
        (stage(), when(), any::<u64>(), any::<Option<u64>>())
            .prop_map(|(stage, at, bytes, expected)| MigrationEvent::Progress { stage, at, bytes, expected }),
        (stage(), when(), when()).prop_map(|(stage, start, seconds)| MigrationEvent::StageFinished {
            time: time(stage, start, seconds, Some(9))
        }),
        summary.prop_map(|summary| MigrationEvent::Finished { summary }),
        failure.prop_map(|failure| MigrationEvent::Failed { failure }),
    ]
}

/// One event of any kind, keys most often.
pub(crate) fn happening() -> impl Strategy<Value = Happening> {
    let share = || prop_oneof![0.0..1.0f64, Just(0.5), Just(f64::NAN), Just(7.0)];
    let kind = prop_oneof![Just(QuestionKind::Confirm), Just(QuestionKind::Secret)];
    prop_oneof![
        12 => pressed().prop_map(key),
        1 => Just(started(&["h1", "h2", "h3", "h4"])),
        3 => (host(), link()).prop_map(|(host, state)| Happening::Link { host: name(host), state }),
        4 => (host(), share(), 0..4 * GIB).prop_map(|(host, cpu, free)| {
            sampled(host, sample(cpu, 2 * GIB, free, &[("id1", cpu, free / 3), ("id2", 0.1, 5)]))
        }),
        3 => (host(), containers()).prop_map(|(host, all)| listed(host, all)),
        1 => host().prop_map(|host| Happening::ContainersUnknown { host: name(host), cause: "no podman".into() }),
        1 => (0..4u64, kind).prop_map(|(id, kind)| Happening::Asked {
            question: Question { id: QuestionId(id), host: name("h1"), text: "May I?".into(), kind }
        }),
        1 => (0..4u64).prop_map(|id| Happening::Withdrawn { id: QuestionId(id) }),
        2 => (moved(), any::<bool>()).prop_map(|(request, good)| Happening::Considered {
            request,
            checks: if good { good_checks() } else { explained_checks() }
        }),
        2 => (host(), any::<bool>(), any::<i64>()).prop_map(|(host, able, taken)| match seen(host, |facts| {
            if !able {
                facts.criu.clear();
            }
        }) {
            Happening::Facts { host, facts, .. } => Happening::Facts { host, facts, taken },
            other => other,
        }),
        4 => (1..4u64, migration()).prop_map(|(id, event)| Happening::Migration { id: MigrationId(id), event }),
        1 => "\\PC{0,90}".prop_map(|text| Happening::Notice { level: NoticeLevel::Warning, host: None, text }),
        1 => (0..260u16, 0..80u16).prop_map(|(columns, rows)| Happening::Resized { columns, rows }),
        1 => prop::sample::select(vec![(80, 24), (120, 40), (200, 60)])
            .prop_map(|(columns, rows)| Happening::Resized { columns, rows }),
        1 => (1..9u32, any::<bool>()).prop_map(|(speed, runs)| simulated("a\u{1b}[31m fleet", speed, runs)),
        2 => Just(Happening::Second),
        1 => Just(Happening::Laptop { cpu: 0.2, memory_available: 1, memory_total: 2 }),
    ]
}

/// A session that has begun, and steps of some milliseconds with one event each.
pub(crate) fn steps() -> impl Strategy<Value = Vec<(u64, Happening)>> {
    let step = (prop_oneof![0..50u64, 0..1_500u64], happening());
    prop::collection::vec(step, 0..80).prop_map(|mut steps| {
        steps.insert(0, (0, Happening::Resized { columns: 80, rows: 24 }));
        let whole = fleet().into_iter().map(|what| (10, what));
        steps.splice(1..1, whole);
        steps
    })
}

fn promises(state: &State) {
    assert!(state.hosts.is_empty() || state.host_row < state.hosts.len());
    if let Some(host) = state.chosen_host() {
        let rows = state.container_rows();
        match &host.cursor.chosen {
            None => assert!(rows.is_empty()),
            Some(chosen) => assert_eq!(rows.get(host.cursor.row).map(|row| &row.id), Some(chosen)),
        }
    }
    let mut ids: Vec<MigrationId> = state.migrations.iter().map(|track| track.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), state.migrations.len(), "migration ids are unique");
    if let Some(layout) = state.layout() {
        let seen = state.host_offset..state.host_offset + layout.host_capacity();
        assert!(state.hosts.is_empty() || seen.contains(&state.host_row));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_events_keep_the_promises(steps in steps()) {
        let mut session = Session::new(80, 24);
        let mut ordered = Vec::new();
        for (pause, what) in steps {
            session.at_ms += pause;
            session.happen(what);
            promises(&session.state);
            for effect in session.effects.drain(..) {
                if let Effect::Migrate(id, _) = effect {
                    prop_assert!(!ordered.contains(&id), "an id is used once");
                    ordered.push(id);
                }
            }
        }
    }

    #[test]
    fn the_same_events_give_the_same_state(steps in steps()) {
        let run = || {
            let mut session = Session::new(80, 24);
            let changes: Vec<Change> =
                steps.iter().map(|(pause, what)| { session.at_ms += pause; session.happen(what.clone()) }).collect();
            (format!("{:?}", session.state), session.effects, changes)
        };
        prop_assert_eq!(run(), run());
    }
}
