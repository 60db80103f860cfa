//! The start screen driven by key strings, and drawn.

use std::rc::Rc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use futures::stream;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use tokio::sync::mpsc;

use super::fold::{Page, Start, StartEvent, Step};
use super::view::draw;
use super::*;
use crate::console::idle::{Paper, Process};
use crate::console::look::Glyphs;
use crate::console::screens::{look, text};
use crate::console::theme::ColourDepth;
use crate::session::Key;

fn host(alias: &str, host_name: Option<&str>, port: Option<u16>, jump: &[&str]) -> ConfiguredHost {
    ConfiguredHost {
        alias: HostName::new(alias).unwrap(),
        host_name: host_name.map(String::from),
        user: port.map(|_| "ops".into()),
        port,
        jump: jump.iter().map(ToString::to_string).collect(),
    }
}

fn offers() -> Offers {
    let mut hosts = vec![
        host("web", Some("192.0.2.11"), Some(2222), &[]),
        host("db.example.org", None, None, &["gate", "inner"]),
        host("gate", Some("gate.example.org"), None, &[]),
    ];
    hosts.extend((1..=40).map(|number| host(&format!("node-{number:02}"), Some("192.0.2.99"), None, &[])));
    Offers {
        lab: LabOffer::Ready,
        fleet_file: "/home/jo/.config/drover/fleet.toml".into(),
        import: ImportOffer::Hosts {
            hosts, notes: vec!["“a/b” is left out".into(), "so is another".into()]
        },
    }
}

fn poor() -> Offers {
    Offers {
        lab: LabOffer::Impossible(crate::lab::LabError::NotLinux("macos").to_string()),
        import: ImportOffer::Nothing("there is no /home/jo/.ssh/config".into()),
        ..offers()
    }
}

/// Presses keys; gives the screen and what the last one led to.
fn pressed(start: &mut Start, keys: &str) -> Step {
    let mut step = Step::Same;
    for key in Key::parse_all(keys).unwrap() {
        step = start.apply(&StartEvent::Pressed(key));
    }
    step
}

fn after(keys: &str) -> (Start, Step) {
    let mut start = Start::new(offers(), (80, 24));
    let step = pressed(&mut start, keys);
    (start, step)
}

fn imported(aliases: &[&str]) -> Step {
    Step::Done(Chosen::Import(aliases.iter().map(|alias| HostName::new(*alias).unwrap()).collect()))
}

#[test]
fn letters_and_enter_take_an_offer() {
    for (keys, chosen) in [
        ("l", Chosen::Lab),
        ("<enter>", Chosen::Lab),
        ("d", Chosen::Demo),
        ("j <enter>", Chosen::Demo),
        ("<down> <down> <right>", Chosen::FleetFile),
        ("f", Chosen::FleetFile),
        ("G k k k k k <enter>", Chosen::Lab),
        ("q", Chosen::Leave),
        ("<esc>", Chosen::Leave),
        ("<c-c>", Chosen::Leave),
        ("i q", Chosen::Leave),
    ] {
        assert_eq!(after(keys).1, Step::Done(chosen), "{keys}");
    }
    assert_eq!(after("<c-z>").1, Step::Suspend);
}

#[test]
fn hosts_are_chosen_and_kept_over_a_look_back() {
    let (start, step) = after("i <space> j j <space> <esc>");
    assert_eq!((start.page, step), (Page::Offers, Step::Visible));
    assert_eq!(after("i <space> j j <space> <esc> i <enter>").1, imported(&["web", "gate"]));
    assert_eq!(after("i j <space> <space> <space> <enter>").1, imported(&["db.example.org"]));
    let Step::Done(Chosen::Import(all)) = after("i a <enter>").1 else { panic!("nothing was imported") };
    assert_eq!((all.len(), all[42].as_str()), (43, "node-40"));
    assert_eq!(after("i <space> a a <space> <enter>").1, imported(&["web"]));
}

#[test]
fn without_a_host_nothing_is_imported_and_the_screen_says_what_to_do() {
    let (mut start, step) = after("i <enter>");
    assert_eq!(step, Step::Visible);
    assert!(start.complaint.is_some_and(|text| text.contains("Space")));
    // The next key is a new attempt.
    pressed(&mut start, "j");
    assert_eq!(start.complaint, None);
}

#[test]
fn what_is_not_possible_is_not_chosen() {
    let mut start = Start::new(poor(), (80, 24));
    assert_eq!(
        pressed(&mut start.clone(), "<enter>"),
        Step::Done(Chosen::Demo),
        "the first that works is marked"
    );
    for keys in ["l", "i"] {
        assert_eq!(pressed(&mut start, keys), Step::Visible);
        assert!(start.complaint.is_some());
        assert_eq!(pressed(&mut start, "<enter>"), Step::Same, "and the same again changes nothing");
    }
    assert_eq!(start.page, Page::Offers);
}

#[test]
fn the_marked_host_is_always_in_sight() {
    let (mut start, _) = after("i");
    for keys in ["G", "<c-u>", "k", "g", "<pagedown> <pagedown>", "<end>", "<home>"] {
        pressed(&mut start, keys);
        for size in [(80, 24), (60, 16), (200, 60)] {
            start.apply(&StartEvent::Resized { columns: size.0, rows: size.1 });
            assert!((start.offset..start.offset + start.capacity()).contains(&start.row), "{keys} {size:?}");
            let alias = start.hosts()[start.row].alias.to_string();
            assert!(
                screen(&start).lines().any(|line| line.contains('▸') && line.contains(&alias)),
                "{keys} {size:?}"
            );
        }
    }
}

#[test]
fn keys_that_do_nothing_are_no_change() {
    assert_eq!(after("x").1, Step::Same);
    assert_eq!(after("k k k").1, Step::Same);
    assert_eq!(after("<space>").1, Step::Same);
    assert_eq!(after("i d f l").1, Step::Same);
}

#[test]
fn on_a_terminal_that_is_too_small_only_leaving_works() {
    let mut start = Start::new(offers(), (59, 30));
    for keys in ["l", "d", "f", "i", "<enter>"] {
        assert_eq!(pressed(&mut start, keys), Step::Same, "{keys}");
    }
    insta::assert_snapshot!("too_small", screen(&start));
    assert_eq!(pressed(&mut start, "q"), Step::Done(Chosen::Leave));
    for size in [(1, 1), (0, 0), (12, 3)] {
        start.apply(&StartEvent::Resized { columns: size.0, rows: size.1 });
        screen(&start);
    }
}

fn drawn(start: &Start, look: &Look) -> Buffer {
    let (columns, rows) = start.size();
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    draw(start, look, &mut buffer);
    buffer
}

fn screen(start: &Start) -> String {
    text(&drawn(start, &look(ColourDepth::True, Glyphs::Unicode)))
}

#[test]
fn the_first_page() {
    for (columns, rows) in [(60, 16), (80, 24), (120, 40)] {
        let mut start = Start::new(offers(), (columns, rows));
        insta::assert_snapshot!(format!("offers_{columns}x{rows}"), screen(&start));
        pressed(&mut start, "G");
        insta::assert_snapshot!(format!("offers_import_{columns}x{rows}"), screen(&start));
    }
}

#[test]
fn what_is_missing_is_said() {
    let mut start = Start::new(poor(), (60, 16));
    insta::assert_snapshot!("poor_demo", screen(&start));
    pressed(&mut start, "l");
    insta::assert_snapshot!("poor_lab", screen(&start));
    pressed(&mut start, "i");
    insta::assert_snapshot!("poor_import", screen(&start));
    let packages = ["mmdebstrap", "debian-archive-keyring", "lxcfs", "openssh-client"].map(String::from);
    let start = Start::new(Offers { lab: LabOffer::Lacks(packages.into()), ..offers() }, (60, 16));
    insta::assert_snapshot!("lab_lacks_60x16", screen(&start));
}

#[test]
fn the_list_of_hosts() {
    for (columns, rows) in [(60, 16), (80, 24), (120, 40)] {
        let mut start = Start::new(offers(), (columns, rows));
        pressed(&mut start, "i <space> j");
        insta::assert_snapshot!(format!("import_{columns}x{rows}"), screen(&start));
        pressed(&mut start, "<space> k <space> j <space> G <enter>");
        insta::assert_snapshot!(format!("import_end_{columns}x{rows}"), screen(&start));
    }
}

#[test]
fn without_colour_or_unicode_everything_is_still_told() {
    for (case, keys) in [("offers", "j"), ("import", "i <space> j")] {
        let mut start = Start::new(offers(), (80, 24));
        pressed(&mut start, keys);
        let plain = drawn(&start, &look(ColourDepth::None, Glyphs::Unicode));
        for cell in &plain.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
        }
        assert!(plain.content.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)));
        insta::assert_snapshot!(format!("no_colour_{case}"), text(&plain));
        let ascii = text(&drawn(&start, &look(ColourDepth::None, Glyphs::Ascii)));
        assert!(ascii.is_ascii());
        insta::assert_snapshot!(format!("ascii_{case}"), ascii);
    }
}

/// What can be read on the terminal after all frames.
fn shown(paper: &Paper, (columns, rows): (u16, u16)) -> String {
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    paper.0.borrow().iter().for_each(|frame| terminal.process(frame));
    terminal.screen().contents()
}

#[tokio::test(start_paused = true)]
async fn stopping_is_asked_for_and_coming_back_draws_everything_anew() {
    let (signals, signal_end) = mpsc::channel(4);
    let (keys, key_end) = mpsc::channel::<io::Result<Reported>>(16);
    let paper = Paper::default();
    let stops = Rc::default();
    let process = Process { signals: signal_end, stops: Rc::clone(&stops) };
    let input = stream::unfold(key_end, |mut keys| async move { keys.recv().await.map(|key| (key, keys)) });
    let look = look(ColourDepth::True, Glyphs::Unicode);
    let backend = CrosstermBackend::new(paper.clone());
    let running = turns(backend, process, Box::pin(input), &look, offers(), (80, 24));
    let settled = || tokio::time::sleep(std::time::Duration::from_secs(1));
    let script = async {
        let press = async |code, modifiers| {
            keys.send(Ok(Reported::Key(KeyEvent::new(code, modifiers)))).await.unwrap();
            settled().await;
        };
        settled().await;
        assert_eq!(paper.0.borrow().len(), 1, "one frame, and none while nothing happens");
        press(KeyCode::Char('x'), KeyModifiers::NONE).await;
        press(KeyCode::Char('z'), KeyModifiers::CONTROL).await;
        assert_eq!((*stops.borrow(), paper.0.borrow().len()), (1, 1), "neither changes the screen");

        // The terminal has another size when drover comes back.
        paper.0.borrow_mut().clear();
        signals.send(Signal::Continued).await.unwrap();
        settled().await;
        assert!(
            shown(&paper, (90, 30)).contains("the demo: a simulated fleet"),
            "{}",
            shown(&paper, (90, 30))
        );

        press(KeyCode::Char('z'), KeyModifiers::CONTROL).await;
        assert!(shown(&paper, (90, 30)).contains("not stopped"), "{}", shown(&paper, (90, 30)));
        press(KeyCode::Char('d'), KeyModifiers::NONE).await;
    };
    let (chosen, ()) = tokio::join!(running, script);
    assert_eq!(chosen.unwrap(), Chosen::Demo);
}

/// On a real terminal, for the tests that need a process of its own.
#[tokio::test]
#[ignore = "needs a terminal; the tests of the terminal start it in one of their own"]
async fn plays() {
    match choose(ConsoleOptions::default(), offers()).await {
        Ok(chosen) => println!("chosen: {chosen:?}"),
        Err(error) => println!("failed: {error}"),
    }
}
