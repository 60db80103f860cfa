//! The loop under a paused clock: what is drawn when, and what is not.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::Duration;

use crossterm::event::{Event as Reported, KeyCode, KeyEvent, KeyModifiers};
use futures::stream::{self, StreamExt};
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc;

use super::input::SecretAnswer;
use super::look::Glyphs;
use super::run::{ConsoleError, Ended, Ending, Loop, World};
use super::screens::look;
use super::terminal::{Host, Signal, Suspension};
use super::theme::ColourDepth;
use crate::session::sample_fleet::*;
use crate::session::{Effect, Happening, LinkState, Question, QuestionId, QuestionKind};

/// What was written, flush by flush.
#[derive(Clone, Default)]
pub(super) struct Paper(pub(super) Rc<RefCell<Vec<Vec<u8>>>>, Rc<RefCell<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = std::mem::take(&mut *self.1.borrow_mut());
        if !written.is_empty() {
            self.0.borrow_mut().push(written);
        }
        Ok(())
    }
}

/// The process around the loop. It can be stopped once; then nobody is there any more to bring it back.
pub(super) struct Process {
    pub(super) signals: mpsc::Receiver<Signal>,
    pub(super) stops: Rc<RefCell<u32>>,
}

impl Host for Process {
    async fn signal(&mut self) -> Signal {
        match self.signals.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    fn suspend(&mut self) -> io::Result<Suspension> {
        *self.stops.borrow_mut() += 1;
        Ok(if *self.stops.borrow() == 1 { Suspension::Coming } else { Suspension::Impossible })
    }

    fn resume(&mut self) -> io::Result<Option<(u16, u16)>> {
        Ok(Some((90, 30)))
    }

    fn is_shown(&self) -> bool {
        true
    }
}

/// The other ends of everything the console is connected to.
struct Ends {
    keys: mpsc::Sender<io::Result<Reported>>,
    events: mpsc::Sender<Happening>,
    signals: mpsc::Sender<Signal>,
    effects: mpsc::Receiver<Effect>,
    secrets: mpsc::Receiver<SecretAnswer>,
    paper: Paper,
    stops: Rc<RefCell<u32>>,
}

impl Ends {
    async fn event(&self, what: Happening) {
        self.events.send(what).await.unwrap();
    }

    async fn all(&self, happenings: impl IntoIterator<Item = Happening>) {
        for what in happenings {
            self.event(what).await;
        }
    }

    async fn press(&self, code: KeyCode) {
        self.keys.send(Ok(Reported::Key(KeyEvent::new(code, KeyModifiers::NONE)))).await.unwrap();
    }

    async fn text(&self, text: &str) {
        for c in text.chars() {
            self.press(KeyCode::Char(c)).await;
        }
    }

    fn frames(&self) -> usize {
        self.paper.0.borrow().len()
    }
}

/// Runs the console beside a script; the script decides when it ends.
async fn with<T>(script: impl AsyncFnOnce(&mut Ends) -> T) -> (Result<Ended, ConsoleError>, T) {
    let (keys, key_end) = mpsc::channel(1024);
    let (events, event_end) = mpsc::channel(1024);
    let (signals, signal_end) = mpsc::channel(4);
    let (effect_end, effects) = mpsc::channel(2);
    let (secret_end, secrets) = mpsc::channel(4);
    let paper = Paper::default();
    let stops = Rc::new(RefCell::new(0));
    let input = stream::unfold(key_end, |mut keys| async move { keys.recv().await.map(|key| (key, keys)) });
    let look = look(ColourDepth::True, Glyphs::Unicode);
    let host = Process { signals: signal_end, stops: stops.clone() };
    let world = World {
        began: tokio::time::Instant::now(),
        events: event_end,
        effects: effect_end,
        secrets: secret_end,
    };
    let console = Loop::new(CrosstermBackend::new(paper.clone()), host, &look);
    let mut ends = Ends { keys, events, signals, effects, secrets, paper, stops };
    tokio::join!(console.run(input.boxed_local(), world, (120, 40)), script(&mut ends))
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// A fleet whose sparklines are full of the same reading.
async fn steady(ends: &Ends) {
    ends.all(fleet()).await;
    ends.event(Happening::Laptop { cpu: 0.3, memory_available: 1, memory_total: 2 }).await;
    for _ in 0..200 {
        ends.event(sampled("h1", steady_sample())).await;
    }
    settle().await;
}

fn steady_sample() -> crate::watch::Sample {
    sample(0.5, 2 * GIB, GIB, &[("c0ffee01", 0.1, 3 * MIB)])
}

#[tokio::test(start_paused = true)]
async fn ten_silent_seconds_draw_nothing() {
    let (ended, (before, after)) = with(async |ends| {
        steady(ends).await;
        let before = ends.frames();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let after = ends.frames();
        ends.signals.send(Signal::Terminate).await.unwrap();
        (before, after)
    })
    .await;
    assert!(before > 0);
    assert_eq!(after, before);
    let ended = ended.unwrap();
    assert_eq!((ended.ending, ended.frames), (Ending::Terminated, before as u64));
}

#[tokio::test(start_paused = true)]
async fn ten_seconds_of_the_same_readings_draw_nothing() {
    let (_, (before, after)) = with(async |ends| {
        steady(ends).await;
        let before = ends.frames();
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut noise = steady_sample();
            // Figures that are not shown, and differences too small to be shown.
            noise.host_clock_ms += 1000;
            noise.cpu = Some(0.501);
            noise.disk_read = Some(4096.0);
            ends.event(sampled("h1", noise)).await;
            ends.event(Happening::Laptop { cpu: 0.3, memory_available: 1, memory_total: 2 }).await;
        }
        settle().await;
        let after = ends.frames();
        ends.signals.send(Signal::Terminate).await.unwrap();
        (before, after)
    })
    .await;
    assert_eq!(after, before);
}

#[tokio::test(start_paused = true)]
async fn a_countdown_draws_once_a_second_and_the_clock_once_a_minute() {
    let (_, (counting, still)) = with(async |ends| {
        steady(ends).await;
        let before = ends.frames();
        tokio::time::sleep(Duration::from_secs(120)).await;
        let still = ends.frames() - before;
        let state = LinkState::Retrying { cause: "no route".into(), next_try_at_ms: 1_000_000 };
        ends.event(Happening::Link { host: name("h2"), state }).await;
        settle().await;
        let before = ends.frames();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let counting = ends.frames() - before;
        ends.signals.send(Signal::Terminate).await.unwrap();
        (counting, still)
    })
    .await;
    assert_eq!((counting, still), (10, 2));
}

#[tokio::test(start_paused = true)]
async fn a_flood_is_drawn_at_its_pace_and_keys_come_through() {
    let (ended, frames) = with(async |ends| {
        steady(ends).await;
        let before = ends.frames();
        for number in 0..1000u32 {
            ends.event(sampled("h1", sample(f64::from(number % 100) / 100.0, 2 * GIB, GIB, &[]))).await;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let frames = ends.frames() - before;
        ends.press(KeyCode::Char('q')).await;
        frames
    })
    .await;
    assert!((25..=32).contains(&frames), "{frames}");
    assert_eq!(ended.unwrap().ending, Ending::Quit);
}

#[tokio::test(start_paused = true)]
async fn a_frame_is_one_write_between_marks() {
    let (_, ()) = with(async |ends| {
        steady(ends).await;
        ends.press(KeyCode::Char('j')).await;
        settle().await;
        ends.signals.send(Signal::Terminate).await.unwrap();
        for frame in ends.paper.0.borrow().iter() {
            let text = String::from_utf8_lossy(frame);
            assert!(text.starts_with("\u{1b}[?2026h") && text.ends_with("\u{1b}[?2026l"), "{text:?}");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn keys_become_effects_even_when_the_channel_is_full() {
    let (_, effects) = with(async |ends| {
        ends.all(fleet()).await;
        for host in ["h1", "h2", "h3"] {
            let state = LinkState::Refused { cause: "no".into() };
            ends.event(Happening::Link { host: name(host), state }).await;
        }
        settle().await;
        ends.text("RRRjRRRjRRR").await;
        settle().await;
        let mut effects = Vec::new();
        // The channel holds two; of what has to wait nothing is there twice.
        for _ in 0..4 {
            effects.push(ends.effects.recv().await.unwrap());
        }
        ends.press(KeyCode::Char('q')).await;
        effects
    })
    .await;
    assert!(matches!(effects[0], Effect::Focus(_)));
    assert_eq!(effects[1..], ["h1", "h2", "h3"].map(|host| Effect::Reconnect(name(host))));
}

#[tokio::test(start_paused = true)]
async fn a_secret_reaches_only_its_channel() {
    let question = Question {
        id: QuestionId(3),
        host: name("h1"),
        text: "Passphrase for id_ed25519".into(),
        kind: QuestionKind::Secret,
    };
    let (ended, answer) = with(async |ends| {
        ends.all(fleet()).await;
        ends.event(Happening::Asked { question }).await;
        settle().await;
        let before = ends.frames();
        ends.text("hunter2-q/m?").await;
        ends.keys.send(Ok(Reported::Paste("-pasted\n".into()))).await.unwrap();
        settle().await;
        assert_eq!(ends.frames(), before, "typing a secret shows nothing");
        ends.press(KeyCode::Enter).await;
        let answer = ends.secrets.recv().await.unwrap();
        assert!(matches!(ends.effects.recv().await, Some(Effect::Focus(_))));
        assert_eq!(ends.effects.recv().await, Some(Effect::AnswerSecret(QuestionId(3))));
        ends.press(KeyCode::Char('q')).await;
        let written: Vec<u8> = ends.paper.0.borrow().concat();
        assert!(!String::from_utf8_lossy(&written).contains("hunter2"));
        answer
    })
    .await;
    assert_eq!(answer.secret, "hunter2-q/m?-pasted");
    assert!(!format!("{:?}", ended.unwrap().state).contains("hunter2"));
}

#[tokio::test(start_paused = true)]
async fn pasted_text_is_no_command() {
    let (ended, ()) = with(async |ends| {
        ends.all(fleet()).await;
        settle().await;
        ends.keys.send(Ok(Reported::Paste("qqmjc".into()))).await.unwrap();
        settle().await;
        ends.text("/").await;
        ends.keys.send(Ok(Reported::Paste("re\u{1b}d\n".into()))).await.unwrap();
        settle().await;
        ends.signals.send(Signal::Terminate).await.unwrap();
    })
    .await;
    let ended = ended.unwrap();
    assert_eq!((ended.ending, ended.state.filter.as_str()), (Ending::Terminated, "red"));
}

#[tokio::test(start_paused = true)]
async fn suspended_and_continued_the_screen_is_drawn_whole() {
    let (ended, (stops, before, after)) = with(async |ends| {
        steady(ends).await;
        ends.keys
            .send(Ok(Reported::Key(KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL))))
            .await
            .unwrap();
        settle().await;
        let before = ends.frames();
        ends.signals.send(Signal::Continued).await.unwrap();
        settle().await;
        let after = ends.frames();
        let control_z = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
        let last = ends.paper.0.borrow().last().cloned().unwrap();
        assert!(String::from_utf8_lossy(&last).contains("drover"), "the title is drawn again");
        ends.keys.send(Ok(Reported::Key(control_z))).await.unwrap();
        settle().await;
        ends.signals.send(Signal::Terminate).await.unwrap();
        (*ends.stops.borrow(), before, after)
    })
    .await;
    assert_eq!(stops, 2);
    assert!(after > before);
    let state = ended.unwrap().state;
    let said = state.notices.seen(1).last().map(|notice| notice.text.clone()).unwrap_or_default();
    assert!(said.contains("job control"), "what cannot be done is said: {said}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_terminal_ends_the_console() {
    let (ended, ()) = with(async |ends| {
        ends.all(fleet()).await;
        settle().await;
        let (nothing, _) = mpsc::channel(1);
        ends.keys = nothing;
    })
    .await;
    assert_eq!(ended.unwrap().ending, Ending::Terminated);
    let (ended, ()) = with(async |ends| {
        ends.keys.send(Err(io::Error::from_raw_os_error(5))).await.unwrap();
    })
    .await;
    assert!(matches!(ended, Err(ConsoleError::Terminal(_))));
}

#[tokio::test(start_paused = true)]
async fn a_fault_elsewhere_ends_the_console() {
    let (ended, ()) = with(async |ends| {
        ends.signals.send(Signal::Fault).await.unwrap();
    })
    .await;
    assert!(matches!(ended, Err(ConsoleError::Fault)));
}
