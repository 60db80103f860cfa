//! Rendered screens of scripted sessions, compared with those kept in `snapshots/`.

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

use super::look::{Glyphs, Look};
use super::screen::draw;
use super::theme::{ColourDepth, Theme};
use crate::migrate::{FailedMigration, MigrationEvent, MigrationId, Severity, Stage, Summary, Whereabouts};
use crate::session::sample_fleet::*;
use crate::session::{Effect, Happening, LinkState, NoticeLevel, Question, QuestionId, QuestionKind};

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

pub(super) fn look(depth: ColourDepth, glyphs: Glyphs) -> Look {
    Look { theme: Theme::dark(depth).unwrap(), glyphs, zone: TimeZone::UTC }
}

fn buffer(session: &Session, look: &Look) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, session.state.columns, session.state.rows));
    draw(&session.state, look, &mut buffer);
    buffer
}

pub(super) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = ratatui::text::Span::raw(symbol).width().saturating_sub(1);
            line.push_str(symbol);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn screen(session: &Session) -> String {
    text(&buffer(session, &look(ColourDepth::True, Glyphs::Unicode)))
}

/// The same session on all sizes, one snapshot each.
fn on_all_sizes(name: &str, script: impl Fn(&mut Session)) {
    for (columns, rows) in SIZES {
        let mut session = Session::new(columns, rows);
        script(&mut session);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), screen(&session));
    }
}

fn mixed(session: &mut Session) {
    session.happen_all(fleet());
    session.happen_all([
        Happening::Link {
            host: name("h2"),
            state: LinkState::Retrying {
                cause: "no route to host 192.0.2.7 port 22; is the machine up?".into(),
                next_try_at_ms: session.at_ms + 4_000,
            },
        },
        Happening::Link {
            host: name("h3"),
            state: LinkState::Refused {
                cause:
                    "the host key changed: line 3 of known_hosts has SHA256:aaaa, the host shows SHA256:bbbb"
                        .into(),
            },
        },
    ]);
}

fn migration(event: MigrationEvent) -> Happening {
    Happening::Migration { id: MigrationId(1), event }
}

/// Chooses redis on h1, opens the dialog, answers the checks, confirms.
fn ordered(session: &mut Session) {
    session.happen_all(fleet());
    session.keys("<enter> j j m");
    session.happen(Happening::Considered { request: request("redis", "h1", "h2"), checks: good_checks() });
    session.keys("<enter>");
}

fn half_way(session: &mut Session) {
    ordered(session);
    let id = MigrationId(1);
    let events = [
        MigrationEvent::Started { request: request("redis", "h1", "h2") },
        MigrationEvent::StageStarted { stage: Stage::Checks, at: 0.0 },
        MigrationEvent::StageFinished { time: time(Stage::Checks, 0.0, 0.21, None) },
        MigrationEvent::StageStarted { stage: Stage::Image, at: 0.21 },
        MigrationEvent::StageFinished { time: time(Stage::Image, 0.21, 0.68, Some(43_000_000)) },
        MigrationEvent::StageStarted { stage: Stage::Checkpoint, at: 0.9 },
        MigrationEvent::StageFinished { time: time(Stage::Checkpoint, 0.9, 0.55, Some(221_249_536)) },
        MigrationEvent::StageStarted { stage: Stage::Transfer, at: 1.0 },
        MigrationEvent::Progress {
            stage: Stage::Transfer,
            at: 2.1,
            bytes: 120_000_000,
            expected: Some(221_249_536),
        },
    ];
    session.happen_all(events.map(|event| Happening::Migration { id, event }));
}

fn finished(session: &mut Session) {
    half_way(session);
    let stages = vec![
        time(Stage::Checks, 0.0, 0.21, None),
        time(Stage::Image, 0.21, 0.68, Some(43_000_000)),
        time(Stage::Checkpoint, 0.9, 0.55, Some(221_249_536)),
        time(Stage::Transfer, 1.0, 1.9, Some(221_249_536)),
        time(Stage::Restore, 2.9, 0.62, None),
        time(Stage::Verify, 3.52, 0.09, None),
        time(Stage::Remove, 3.61, 0.2, None),
    ];
    session.happen(migration(MigrationEvent::Finished {
        summary: Summary {
            request: request("redis", "h1", "h2"),
            stages,
            total: 3.81,
            downtime: 2.71,
            client_gap: None,
            bytes: 221_249_536,
            wire_bytes: 80_123_456,
            warnings: vec!["the clock of h2 is 3 s ahead".into()],
            way: crate::migrate::Way::TwoPhase,
            marks: Vec::new(),
        },
    }));
}

fn failed(session: &mut Session) {
    half_way(session);
    session.happen_all([
        migration(MigrationEvent::StageFinished { time: time(Stage::Transfer, 1.0, 1.9, Some(221_249_536)) }),
        migration(MigrationEvent::StageStarted { stage: Stage::Restore, at: 2.9 }),
        migration(MigrationEvent::Failed {
            failure: FailedMigration {
                request: request("redis", "h1", "h2"),
                reason: crate::migrate::Reason::Failed,
                stage: Stage::Restore,
                cause: "h2: podman container restore ended with exit code 125".into(),
                log_line: Some(
                    "Error (criu/sockets.c:123): Can't get 1:16 opt: Operation not supported".into(),
                ),
                explanation: Some(Box::new(crate::migrate::explain::explain(
                    "Error (criu/sockets.c:123): Can't get 1:16 opt: Operation not supported",
                ))),
                whereabouts: Whereabouts::BackOnSource,
                advice: "install CRIU 4.2.1 on h2, then try again".into(),
            },
        }),
    ]);
}

#[test]
fn a_fleet_with_containers() {
    on_all_sizes("fleet", |session| {
        session.happen_all(fleet());
    });
}

fn hurried(session: &mut Session) {
    session.happen_all(fleet());
    session.happen(simulated("hot-host", 10, true));
}

fn stopped_on_the_way(session: &mut Session) {
    half_way(session);
    session.happen(simulated("hot-host", 60, false));
}

#[test]
fn a_simulated_fleet() {
    on_all_sizes("simulated", hurried);
    on_all_sizes("simulated_paused", stopped_on_the_way);
    let mut session = Session::new(80, 24);
    hurried(&mut session);
    session.keys("?");
    insta::assert_snapshot!("simulated_help", screen(&session));
}

#[test]
fn a_simulated_fleet_is_called_so_at_any_width() {
    for columns in 60..=200 {
        let mut session = Session::new(columns, 16);
        stopped_on_the_way(&mut session);
        session.happen(simulated(&"a very long scenario's name ".repeat(9), 100, false));
        for number in 0..12 {
            let text = "May I?".into();
            let kind = QuestionKind::Confirm;
            let id = QuestionId(number);
            session.happen(Happening::Asked { question: Question { id, host: name("h2"), text, kind } });
        }
        let text = screen(&session);
        let title = text.lines().next().unwrap();
        assert!(title.contains(" drover  SIMULATED PAUSED ×100 "), "{columns}: {title}");
        assert!(title.contains("hosts live 3/3"), "{columns}: {title}");
    }
}

#[test]
fn hosts_that_are_away() {
    on_all_sizes("away", mixed);
    let mut session = Session::new(80, 24);
    mixed(&mut session);
    session.keys("j");
    insta::assert_snapshot!("away_chosen", screen(&session));
}

#[test]
fn events_scrolled_back() {
    let mut session = Session::new(80, 24);
    session.happen_all(fleet());
    for number in 1..30 {
        let text = format!("event {number}: {}", "the same long story ".repeat(number % 5));
        session.happen(Happening::Notice { level: NoticeLevel::Info, host: Some(name("h2")), text });
    }
    session.keys("<backtab> k k k");
    insta::assert_snapshot!("events_scrolled", screen(&session));
    session.keys("g");
    insta::assert_snapshot!("events_first", screen(&session));
}

#[test]
fn before_anything_is_known() {
    let mut session = Session::new(80, 24);
    session.happen(started(&["h1", "h2", "h3"]));
    insta::assert_snapshot!("start", screen(&session));
}

#[test]
fn a_large_fleet_in_one_line_each() {
    let mut session = Session::new(80, 24);
    let names: Vec<String> = (1..=40).map(|number| format!("node-{number:02}")).collect();
    session.happen(started(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    for host in &names[..30] {
        session.happen_all([live(host, 12), sampled(host, sample(0.37, 4 * GIB, 2 * GIB, &[]))]);
    }
    session.keys("G k k");
    insta::assert_snapshot!("many_hosts", screen(&session));
}

#[test]
fn choosing_a_destination() {
    on_all_sizes("move_checking", |session| {
        session.happen_all(fleet());
        session.keys("l m");
    });
    on_all_sizes("move_passing", |session| {
        session.happen_all(fleet());
        session.keys("l m");
        session
            .happen(Happening::Considered { request: request("counter", "h1", "h2"), checks: good_checks() });
    });
    let mut session = Session::new(60, 16);
    session.happen_all(fleet()).keys("l m");
    session.happen(Happening::Considered { request: request("counter", "h1", "h2"), checks: bad_checks() });
    insta::assert_snapshot!("move_refused_60x16", screen(&session));
    session.keys("<enter>");
    insta::assert_snapshot!("move_refused_60x16_enter", screen(&session));
    on_all_sizes("move_refused", |session| {
        session.happen_all(fleet());
        session.happen(Happening::Link { host: name("h3"), state: LinkState::Connecting });
        session.keys("l m");
        session
            .happen(Happening::Considered { request: request("counter", "h1", "h2"), checks: bad_checks() });
        session.keys("<enter>");
    });
}

fn explained(session: &mut Session) {
    session.happen_all(fleet()).keys("l m");
    let request = request("counter", "h1", "h2");
    session.happen(Happening::Considered { request, checks: explained_checks() });
}

#[test]
fn checks_are_explained_and_passed_over() {
    on_all_sizes("move_explained", explained);
    let passed_over = |session: &mut Session| {
        explained(session);
        session.keys("o <tab> k");
    };
    on_all_sizes("move_passed_over", passed_over);
    let mut session = Session::new(80, 24);
    explained(&mut session);
    session.keys("<tab> G");
    insta::assert_snapshot!("move_last_check", screen(&session));
}

#[test]
fn a_host_that_does_not_fit_is_not_proposed() {
    on_all_sizes("move_unfit", |session| {
        session.happen_all(fleet()).happen_all(all_seen()).keys("l m");
    });
}

fn matrix(session: &mut Session) {
    session.happen_all(fleet()).happen_all(all_seen()).keys("M l");
}

#[test]
fn the_matrix_of_hosts() {
    on_all_sizes("matrix", matrix);
    let mut session = Session::new(80, 24);
    session.happen_all(fleet()).keys("M");
    insta::assert_snapshot!("matrix_unknown", screen(&session));
    let mut session = Session::new(80, 24);
    let names: Vec<String> = (1..=30).map(|number| format!("node-{number:02}")).collect();
    session.happen(started(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    for host in &names {
        session.happen(seen(host, |_| {}));
    }
    session.keys("M G <right> <right> <right> <right> <right> <right> <right> <right>");
    insta::assert_snapshot!("matrix_large", screen(&session));
}

#[test]
fn a_migration_on_its_way() {
    on_all_sizes("running", half_way);
    let mut session = Session::new(60, 16);
    half_way(&mut session);
    insta::assert_snapshot!("running_60x16", screen(&session));
}

#[test]
fn a_migration_that_ended_well() {
    on_all_sizes("finished", finished);
}

#[test]
fn a_migration_that_failed() {
    on_all_sizes("failed", failed);
    let mut session = Session::new(80, 24);
    failed(&mut session);
    session.keys("d");
    insta::assert_snapshot!("failed_details", screen(&session));
}

#[test]
fn leaving_and_cancelling_ask() {
    let mut session = Session::new(80, 24);
    half_way(&mut session);
    session.keys("q");
    insta::assert_snapshot!("quit", screen(&session));
    session.keys("<esc> c <tab>");
    insta::assert_snapshot!("cancel", screen(&session));
}

#[test]
fn the_help() {
    on_all_sizes("help", |session| {
        session.happen_all(fleet()).keys("?");
    });
    let mut session = Session::new(80, 24);
    session.happen_all(fleet()).keys("? G");
    insta::assert_snapshot!("help_end", screen(&session));
}

#[test]
fn questions_of_a_host() {
    let question = |kind, text: &str| Happening::Asked {
        question: Question { id: QuestionId(7), host: name("h2"), text: text.into(), kind },
    };
    let mut session = Session::new(80, 24);
    session.happen_all(fleet());
    session.happen(question(
        QuestionKind::Confirm,
        "h2.example has never been seen before. It shows the ED25519 key\nSHA256:vKdqVDmJ3VXmQYX0rA1uR2S8n0Q0gk7uYyWc3v1c2aA\nAccept it and remember it in known_hosts?",
    ));
    insta::assert_snapshot!("question_confirm", screen(&session));
    session.keys("n");
    session.happen(question(QuestionKind::Secret, "Passphrase for ~/.ssh/id_ed25519"));
    insta::assert_snapshot!("question_secret", screen(&session));
}

#[test]
fn a_filter() {
    let mut session = Session::new(80, 24);
    session.happen_all(fleet()).keys("/ e b");
    insta::assert_snapshot!("filter_typing", screen(&session));
    session.keys("x");
    insta::assert_snapshot!("filter_empty", screen(&session));
    session.keys("<backspace> <enter>");
    insta::assert_snapshot!("filter_kept", screen(&session));
}

#[test]
fn a_terminal_that_is_too_small() {
    for (columns, rows) in [(59, 30), (40, 10), (12, 3), (1, 1)] {
        let mut session = Session::new(columns, rows);
        session.happen_all(fleet());
        insta::assert_snapshot!(format!("too_small_{columns}x{rows}"), screen(&session));
    }
}

#[test]
fn a_terminal_that_is_too_small_can_be_left_while_a_migration_runs() {
    let mut session = Session::new(50, 12);
    half_way(&mut session);
    session.happen(migration(MigrationEvent::Started { request: request("redis", "h1", "h2") }));
    session.effects.clear();
    session.keys("q");
    insta::assert_snapshot!("too_small_quit", screen(&session));
    session.keys("y");
    assert_eq!(session.effects, [Effect::Cancel(MigrationId(1)), Effect::Quit]);
}

#[test]
fn hostile_names_stay_in_their_cells() {
    let mut session = Session::new(80, 24);
    session.happen_all([
        started(&["h1"]),
        live("h1", 3),
        listed(
            "h1",
            vec![
                container("a1", "\u{1b}[2J\u{1b}]0;gotcha\u{7}", "evil\r\nimage"),
                container("a2", "日本語のコンテナの名前がとても長い", "localhost/画像"),
                container("a3", &"x".repeat(500), &"y".repeat(500)),
                container("a4", "\u{202e}desrever\u{200d}", "e\u{301}\u{fe0f}"),
            ],
        ),
        Happening::Notice {
            level: NoticeLevel::Error,
            host: Some(name("h1")),
            text: "line one\nline two \u{1b}[31m red \u{9b}1m".into(),
        },
    ]);
    let text = screen(&session);
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    insta::assert_snapshot!("hostile", text);
}

/// What is left to tell things apart without colour: weight, dimness, reversal.
fn modifiers(buffer: &Buffer) -> String {
    let mut lines = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        for x in 0..buffer.area.width {
            let modifier = buffer[(x, y)].modifier;
            line.push(match () {
                () if modifier.contains(Modifier::REVERSED) => 'r',
                () if modifier.contains(Modifier::BOLD) => 'b',
                () if modifier.contains(Modifier::UNDERLINED) => 'u',
                () if modifier.contains(Modifier::DIM) => '.',
                () => ' ',
            });
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

#[test]
fn without_colour_no_cell_has_one_and_everything_is_still_told() {
    for (case, script) in [
        ("mixed", mixed as fn(&mut Session)),
        ("running", half_way),
        ("failed", failed),
        ("finished", finished),
        ("simulated", stopped_on_the_way),
        ("explained", explained),
        ("matrix", matrix),
    ] {
        let mut session = Session::new(80, 24);
        script(&mut session);
        let buffer = buffer(&session, &look(ColourDepth::None, Glyphs::Unicode));
        for cell in &buffer.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
        insta::assert_snapshot!(format!("no_colour_{case}"), text(&buffer) + "\n" + &modifiers(&buffer));
    }
}

#[test]
fn with_sixteen_colours_only_those_are_used() {
    for script in [mixed as fn(&mut Session), half_way, failed] {
        let mut session = Session::new(120, 40);
        script(&mut session);
        for cell in &buffer(&session, &look(ColourDepth::Sixteen, Glyphs::Unicode)).content {
            for colour in [cell.fg, cell.bg] {
                assert!(!matches!(colour, Color::Rgb(..) | Color::Indexed(_)), "{colour:?}");
            }
        }
    }
}

#[test]
fn without_unicode_only_ascii_is_drawn() {
    for (case, script) in [
        ("mixed", mixed as fn(&mut Session)),
        ("running", half_way),
        ("finished", finished),
        ("simulated", stopped_on_the_way),
    ] {
        let mut session = Session::new(80, 24);
        script(&mut session);
        let text = text(&buffer(&session, &look(ColourDepth::None, Glyphs::Ascii)));
        assert!(text.is_ascii());
        insta::assert_snapshot!(format!("ascii_{case}"), text);
    }
}

#[test]
fn severities_differ_by_word() {
    let mut session = Session::new(80, 24);
    session.happen_all(fleet()).keys("l m");
    let checks = [Severity::Pass, Severity::Info, Severity::Warning, Severity::Error]
        .map(|severity| check("memory", severity, "seen", "fix it"));
    session
        .happen(Happening::Considered { request: request("counter", "h1", "h2"), checks: checks.to_vec() });
    let text = screen(&session);
    for word in ["✓ ok", "· note", "! warning", "✗ error", "→ fix it"] {
        assert!(text.contains(word), "{word}\n{text}");
    }
}
