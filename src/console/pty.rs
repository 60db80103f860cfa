//! The terminal is given back exactly once, however the console ends: tried in a process of its own on a
//! pseudo-terminal, with the made-up world of `demo`.

use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// A loaded machine with two cores may take seconds for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    seen: String,
    /// How much of it has been waited for.
    read: usize,
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a failed assertion the process may still be there.
        let _ = self.child.kill();
    }
}

impl Terminal {
    fn new(program: &str, arguments: &[&str], demo: &str) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        for (name, value) in [
            ("TERM", "xterm-256color"),
            ("LC_ALL", "C.UTF-8"),
            ("DROVER_DEMO", demo),
            ("PS1", "shell-ready "),
        ] {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self {
            master: pair.master,
            child,
            keys,
            output,
            seen: String::new(),
            read: 0,
            bytes: Vec::new(),
            screen: vt100::Parser::new(24, 80, 0),
        }
    }

    fn console(demo: &str) -> Self {
        Self::test("console::demo::plays", demo)
    }

    fn start_screen() -> Self {
        Self::test("console::start::tests::plays", "")
    }

    /// One test of this program, in a process of its own.
    fn test(name: &str, demo: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        Self::new(&program.to_string_lossy(), &["--ignored", "--exact", name, "--nocapture"], demo)
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until this text comes, after the one that was waited for before.
    fn wait_for(&mut self, text: &str) {
        self.wait(text, |terminal| terminal.seen[terminal.read..].contains(text));
        let found = self.seen[self.read..].find(text).unwrap();
        self.read += found + text.len();
    }

    /// Waits until this text can be read on the screen.
    fn wait_until_shown(&mut self, text: &str) {
        self.wait(text, |terminal| terminal.shown().contains(text));
    }

    fn wait(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            // The made-up fleet never falls silent, so the deadline is looked at before every report.
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) if !left.is_zero() => self.take_in(&bytes),
                _ => panic!("{what:?} did not come; seen:\n{}", self.shown()),
            }
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.bytes.extend(bytes);
        self.seen = String::from_utf8_lossy(&self.bytes).into_owned();
    }

    /// Waits until the process has ended and everything has been read.
    fn wait_for_end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(bytes) = self.output.recv_timeout(PATIENCE) {
            assert!(Instant::now() < deadline, "it does not end; seen:\n{}", self.shown());
            self.take_in(&bytes);
        }
        self.child.wait().unwrap().exit_code()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.process_id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    fn count(&self, text: &str) -> usize {
        self.seen.matches(text).count()
    }

    /// The screen as a terminal would show it.
    fn shown(&self) -> String {
        self.screen.screen().contents()
    }

    fn is_raw(&self) -> bool {
        let settings = self.master.get_termios().unwrap();
        !format!("{:?}", settings.local_flags).contains("ICANON")
    }

    /// Taken once, given back once, in the right order.
    fn assert_given_back(&self) {
        assert_eq!((self.count(ENTER), self.count(LEAVE), self.count(SHOW_CURSOR)), (1, 1, 1));
        assert!(self.seen.find(ENTER) < self.seen.find(LEAVE));
        assert!(!self.is_raw());
    }
}

#[test]
fn leaving_gives_the_terminal_back() {
    let mut terminal = Terminal::console("");
    terminal.wait_until_shown("hosts live 3");
    assert!(terminal.is_raw());
    terminal.press("q");
    terminal.wait_for_end();
    terminal.assert_given_back();
    assert!(terminal.shown().contains("ended: Quit"), "{}", terminal.shown());
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP] {
        let mut terminal = Terminal::console("");
        terminal.wait_until_shown("hosts live 3");
        terminal.signal(signal);
        terminal.wait_for_end();
        terminal.assert_given_back();
        assert!(terminal.shown().contains("ended: Terminated"), "{}", terminal.shown());
    }
}

#[test]
fn a_panic_gives_the_terminal_back_before_it_is_reported() {
    let mut terminal = Terminal::console("panic");
    terminal.wait_until_shown("hosts live 3");
    terminal.press("GR");
    terminal.wait_for_end();
    terminal.assert_given_back();
    let (left, report) = (terminal.seen.find(LEAVE), terminal.seen.find("a fault made for a test"));
    assert!(report.is_some() && left < report, "{}", terminal.seen);
    assert!(terminal.shown().contains("drover stopped because of a fault"), "{}", terminal.shown());
}

#[test]
fn stopped_the_shell_has_a_sane_terminal_and_fg_brings_the_screen_back() {
    let mut terminal = Terminal::new("/bin/sh", &["-i"], "");
    let program = std::env::current_exe().unwrap();
    terminal.wait_for("shell-ready");
    terminal.press(&format!(
        "{} --ignored --exact console::demo::plays --nocapture\n",
        program.to_string_lossy()
    ));
    terminal.wait_until_shown("hosts live 3");
    terminal.press("\u{1a}");
    terminal.wait_for(LEAVE);
    terminal.wait_for("shell-ready");
    assert!(!terminal.is_raw());
    terminal.press("fg\n");
    terminal.wait_for(ENTER);
    terminal.wait_until_shown("hosts live 3");
    terminal.wait_until_shown("Enter containers");
    assert!(terminal.is_raw());
    terminal.press("q");
    terminal.wait_for("shell-ready");
    assert_eq!((terminal.count(ENTER), terminal.count(LEAVE)), (2, 2));
    terminal.press("exit\n");
    terminal.wait_for_end();
}

#[test]
fn keys_move_a_container_and_a_secret_is_never_shown() {
    let mut terminal = Terminal::console("question");
    terminal.wait_until_shown("Passphrase");
    terminal.press("correct horse q\r");
    terminal.wait_until_shown("Enter containers");
    terminal.press("l");
    terminal.wait_until_shown("m move");
    terminal.press("m");
    terminal.wait_until_shown("name is free");
    terminal.press("\r");
    terminal.wait_until_shown("downtime");
    terminal.press("q");
    terminal.wait_for_end();
    assert!(!terminal.seen.contains("correct") && !terminal.seen.contains("horse"));
}

#[test]
fn the_demo_and_hosts_to_import_are_chosen_on_the_start_screen() {
    for (keys, chosen) in [
        (vec!["d"], "chosen: Demo"),
        (vec!["j", "\r"], "chosen: Demo"),
        (vec!["i", " ", "j", " ", "\r"], "chosen: Import([HostName(\"web\"), HostName(\"db.example.org\")])"),
        (vec!["q"], "chosen: Leave"),
    ] {
        let mut terminal = Terminal::start_screen();
        terminal.wait_until_shown("the demo: a simulated fleet");
        assert!(terminal.is_raw());
        for key in keys {
            terminal.press(key);
        }
        terminal.wait_for_end();
        terminal.assert_given_back();
        assert!(terminal.shown().contains(chosen), "{}", terminal.shown());
    }
}

#[test]
fn signals_end_the_start_screen_and_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP] {
        let mut terminal = Terminal::start_screen();
        terminal.wait_until_shown("the demo: a simulated fleet");
        terminal.signal(signal);
        terminal.wait_for_end();
        terminal.assert_given_back();
        assert!(terminal.shown().contains("chosen: Leave"), "{}", terminal.shown());
    }
}
