//! The real console on a pseudo-terminal, read as a terminal reads it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// Longer than anything that the console waits for takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a terminal is told when it is taken and when it is given back.
const ENTER_ALTERNATE: &str = "\u{1b}[?1049h";
const LEAVE_ALTERNATE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

/// A running console.
pub struct Console {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    written: Vec<u8>,
    terminal: vt100::Parser,
    /// The terminal's settings before there was a console.
    settings: String,
}

impl Drop for Console {
    fn drop(&mut self) {
        // After a failed assertion the process may still be there.
        let _ = self.child.kill();
    }
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

impl Console {
    /// Opens the console on a fleet file. `home` keeps it away from anybody's own configuration.
    pub fn open(fleet_file: &Path, home: &Path, (columns, rows): (u16, u16)) -> Self {
        Self::run(&[OsStr::new("--fleet"), fleet_file.as_os_str()], home, (columns, rows))
    }

    /// Starts drover with some arguments; `home` holds all configuration that it finds.
    pub fn run(arguments: &[&OsStr], home: &Path, (columns, rows): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let settings = format!("{:?}", pair.master.get_termios().unwrap());
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_drover"));
        command.args(arguments);
        command.cwd(home);
        for name in ["NO_COLOR", "SSH_AUTH_SOCK", "DROVER_FLEET", "XDG_CONFIG_HOME"] {
            command.env_remove(name);
        }
        for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LC_ALL", "C.UTF-8")] {
            command.env(name, value);
        }
        command.env("HOME", home);
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            // A terminal that nobody has open any more ends in an error.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keys: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
            output,
            written: Vec::new(),
            terminal: vt100::Parser::new(rows, columns, 0),
            settings,
        }
    }

    /// Types. What follows Escape at once would be read as one key with it, so a test waits for its effect first.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Changes the size of the window.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.screen_mut().set_size(rows, columns);
        self.master.resize(size(columns, rows)).unwrap();
    }

    /// Sends the process a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.process_id().unwrap().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// What stands on the screen, line by line.
    pub fn screen(&self) -> String {
        let screen = self.terminal.screen();
        let (_, columns) = screen.size();
        screen.rows(0, columns).map(|row| row.trim_end().to_string() + "\n").collect()
    }

    /// Waits until a text stands on the screen.
    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                // A living fleet never falls silent, so the deadline counts for what comes, too.
                Ok(bytes) if !left.is_zero() => self.take_in(&bytes),
                _ => panic!("waited in vain for “{what}”; on the screen:\n{}", self.screen()),
            }
        }
    }

    fn take_in(&mut self, bytes: &[u8]) {
        self.terminal.process(bytes);
        self.written.extend(bytes);
    }

    /// Waits until the process has ended; answers its exit code.
    pub fn wait_for_end(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) if !left.is_zero() => self.take_in(&bytes),
                Err(RecvTimeoutError::Disconnected) => break,
                _ => panic!("it does not end; on the screen:\n{}", self.screen()),
            }
        }
        // Nobody has the terminal open any more.
        self.child.wait().unwrap().exit_code()
    }

    /// The lines of a pane (or dialog) whose title begins with a word, between its top border and its bottom border.
    fn pane(&self, title: &str) -> Vec<String> {
        let screen: Vec<Vec<char>> = self.screen().lines().map(|line| line.chars().collect()).collect();
        let wanted: Vec<char> = title.chars().collect();
        for (y, line) in screen.iter().enumerate() {
            for x in (0..line.len()).filter(|x| line[*x] == '╭') {
                // Between corner and title there may be a mark of what has the keys.
                let begins = (x + 1..line.len().min(x + 4)).any(|start| line[start..].starts_with(&wanted));
                let Some(width) = line[x..].iter().position(|c| *c == '╮').filter(|_| begins) else {
                    continue;
                };
                return screen[y..]
                    .iter()
                    .map(|line| line.iter().skip(x + 1).take(width - 1).collect::<String>())
                    .skip(1)
                    .take_while(|line| !line.starts_with('─'))
                    .collect();
            }
        }
        panic!("no pane is called “{title}”; on the screen:\n{}", self.screen())
    }

    /// What a pane says in words, without what differs from run to run: gauges and curves are left out, a number
    /// is `#`, an amount of memory `# bytes`, and a sentence that goes on in the next line is one line.
    pub fn pane_masked(&self, title: &str) -> String {
        let mut text = String::new();
        for line in self.pane(title) {
            let words = line.split_whitespace().filter(|word| !word.chars().all(is_drawing)).map(masked);
            let words = words.collect::<Vec<_>>().join(" ");
            let indent = line.chars().take_while(|c| *c == ' ').count();
            let goes_on = indent >= CONTINUATION && !words.is_empty();
            text.push_str(if goes_on { " " } else { "\n" });
            text.push_str(&words);
        }
        for unit in ["B", "KiB", "MiB", "GiB"] {
            text = text.replace(&format!("# {unit}"), "# bytes");
        }
        text.trim().to_string()
    }

    /// Whether the terminal passes each key on at once.
    pub fn is_raw(&self) -> bool {
        format!("{:?}", self.master.get_termios().unwrap()) != self.settings
    }

    /// That the terminal was taken once, given back once, and is as it was.
    pub fn assert_given_back(&self) {
        self.assert_given_back_each_time(1);
    }

    /// That the terminal was taken some times, given back as often, and is as it was.
    pub fn assert_given_back_each_time(&self, times: usize) {
        let written = String::from_utf8_lossy(&self.written);
        let places = |text: &str| written.match_indices(text).map(|(place, _)| place).collect::<Vec<_>>();
        let (entered, left) = (places(ENTER_ALTERNATE), places(LEAVE_ALTERNATE));
        assert_eq!((entered.len(), left.len()), (times, times), "taken and given back {entered:?} {left:?}");
        assert!(entered < left);
        assert!(!places(SHOW_CURSOR).is_empty());
        let screen = self.terminal.screen();
        assert!(!screen.alternate_screen(), "the alternate screen was left");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert!(!screen.bracketed_paste(), "pasted text comes as typed text again");
        assert_eq!(
            format!("{:?}", self.master.get_termios().unwrap()),
            self.settings,
            "the settings are as before"
        );
    }
}

/// A line that is indented by so much goes on with the sentence above it.
const CONTINUATION: usize = 8;

/// Gauges, bars and curves.
fn is_drawing(c: char) -> bool {
    matches!(c, '▁'..='▏' | '─'..='╿')
}

/// A word, or what kind of number it is.
fn masked(word: &str) -> String {
    if word.starts_with(|c: char| c.is_ascii_digit() || c == '<') {
        format!("#{}", word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '<' || c == '.'))
    } else {
        word.to_string()
    }
}
