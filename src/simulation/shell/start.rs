//! How a shell begins and ends: its own command line, its input, and what takes its process over.

use std::time::Duration;

use super::expand::LONGEST;
use super::flow::{Step, Tail, Unwind};
use super::jobs::FORK_STEPS;
use super::state::{Shell, State};
use super::syntax::Parser;
use super::variables::Variables;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::process::{Process, Ran};
use crate::simulation::machine::programs::{self, Outside, Resolved};
use crate::simulation::machine::signal::Signal;

/// How a shell ended.
#[derive(Debug)]
pub enum End {
    /// With an exit code.
    Code(u8),
    /// By a signal.
    Killed(Signal),
    /// Other words run in its place.
    Exec(Vec<String>),
}

/// Runs a shell, and the shells that take its place, one after the other: they must not pile up.
pub(super) async fn main(process: &mut Process, words: &[String]) -> Ran {
    let mut words = words.to_vec();
    let mut steps = 0;
    loop {
        match Box::pin(begin(process, &words, &mut steps)).await {
            End::Code(code) => return Ok(code),
            End::Killed(Signal::Pipe) => return Err(Errno::BrokenPipe),
            End::Killed(signal) => return Ok(128 + signal.number()),
            End::Exec(next) => {
                process.set_words(&next);
                match programs::resolve(process, &next) {
                    Ok(Resolved::Shell(next)) => words = next,
                    Ok(Resolved::Other(program)) => return program(process, &next).await,
                    Err(error) => {
                        let name = next.first().map(String::as_str).unwrap_or_default();
                        process.complain(format!("sh: 1: {name}: {error}")).await;
                        return Ok(127);
                    }
                }
            }
        }
    }
}

/// What a shell is told to run.
enum Source {
    /// `-c`
    Text(String),
    File(String),
    Standard,
}

/// Runs one shell. The steps go on from one to the next, so that shells that do nothing but exec let time pass.
async fn begin(process: &mut Process, words: &[String], steps: &mut u32) -> End {
    let mut shell = Shell::new(process, words.first().map_or("sh", String::as_str));
    shell.steps = *steps;
    let source = match shell.arguments(words).await {
        Ok(source) => source,
        Err(end) => return end,
    };
    let step = match source {
        Source::Text(text) => shell.evaluate(&text, Tail::Last).await,
        Source::Standard => shell.read_commands().await,
        Source::File(path) => match shell.process.content(&path) {
            Ok(content) => {
                let text = String::from_utf8_lossy(&content).into_owned();
                shell.evaluate(&text, Tail::Last).await
            }
            Err(error) => {
                let reason = if error == Errno::NotFound { "No such file".into() } else { error.to_string() };
                shell.process.complain(format!("{}: 0: cannot open {path}: {reason}", shell.name)).await;
                return End::Code(2);
            }
        },
    };
    let end = shell.finish(step).await;
    *steps = shell.steps.wrapping_sub(shell.steps_paid).wrapping_add(FORK_STEPS);
    end
}

impl<'p> Shell<'p> {
    /// A shell that has run nothing yet.
    pub fn new(process: &'p mut Process, name: &str) -> Self {
        let mut variables = Variables::imported(&process.environment);
        let directory = variables
            .value("PWD")
            .filter(|path| path.starts_with('/'))
            .filter(|path| {
                let found = process.find(path, crate::simulation::machine::namespace::LastLink::Follow);
                found.is_ok_and(|place| place.path == process.directory)
            })
            .unwrap_or(&process.directory)
            .to_owned();
        let parent = process.parent().to_string();
        for (name, value) in [
            ("IFS", " \t\n"),
            ("OPTIND", "1"),
            ("PPID", &parent),
            ("PS1", "# "),
            ("PS2", "> "),
            ("PS4", "+ "),
            ("PWD", &directory),
        ] {
            let _ = variables.set(name, value);
        }
        let state = State {
            variables,
            name: name.to_owned(),
            id: process.id(),
            line: 1,
            directory,
            ..State::default()
        };
        Self { process, state }
    }

    /// Understands the shell's own command line.
    async fn arguments(&mut self, words: &[String]) -> Result<Source, End> {
        let mut rest = words.iter().skip(1).peekable();
        let mut command = false;
        while let Some(word) = rest.next_if(|word| word.len() > 1 && word.starts_with(['-', '+'])) {
            if word == "--" {
                break;
            }
            let on = word.starts_with('-');
            let long = word.strip_prefix("--").is_some();
            for letter in word.chars().skip(1).filter(|_| !long) {
                match letter {
                    'c' => command = true,
                    // A login shell reads /etc/profile, of which there is none here.
                    'l' => {}
                    'o' => {
                        let name = rest.next().map(String::as_str).unwrap_or_default();
                        let known = super::options::OPTIONS.iter().find(|(_, known)| *known == name);
                        if let Some((letter, _)) = known {
                            self.options.switch(*letter, on);
                        }
                    }
                    letter => {
                        if !self.options.switch(letter, on) {
                            self.process
                                .complain(format!("{}: 0: Illegal option -{letter}", self.name))
                                .await;
                            return Err(End::Code(2));
                        }
                    }
                }
            }
        }
        let standard = self.options.has('s');
        let source = if command {
            let Some(text) = rest.next() else {
                self.process.complain(format!("{}: 0: -c requires an argument", self.name)).await;
                return Err(End::Code(2));
            };
            if let Some(name) = rest.next() {
                self.name = name.clone();
            }
            Source::Text(text.clone())
        } else {
            match rest.next_if(|_| !standard) {
                Some(path) => {
                    self.name = path.clone();
                    Source::File(path.clone())
                }
                None => {
                    self.interactive = self.options.has('i');
                    Source::Standard
                }
            }
        };
        self.parameters = rest.cloned().collect();
        Ok(source)
    }

    /// Runs what stands on standard input, line after line, so that commands can read what follows them.
    async fn read_commands(&mut self) -> Step {
        if self.interactive {
            self.process.catch(Signal::Interrupt);
        }
        let mut text = String::new();
        let mut line = 1;
        loop {
            self.prompt(!text.is_empty()).await;
            let more = match self.next_line().await {
                Ok(more) => more,
                Err(()) => {
                    text.clear();
                    self.process.complain("").await;
                    continue;
                }
            };
            let ended = more.is_none();
            text.push_str(&more.unwrap_or_default());
            let mut parser = Parser::new(&text, line);
            let parsed = parser.next_line();
            let unfinished = match &parsed {
                Ok(_) => parser.cut_short(),
                Err(error) => error.at_end,
            };
            if unfinished && !ended {
                continue;
            }
            line += text.matches('\n').count() as u32;
            text.clear();
            let step = match parsed {
                Ok(None) => Ok(()),
                Ok(Some(list)) => self.list(&list, Tail::More).await,
                Err(error) => {
                    self.complain_syntax(&error).await;
                    Err(Unwind::Failed)
                }
            };
            match step {
                Err(Unwind::Failed | Unwind::Break(_) | Unwind::Continue(_)) if self.interactive => {
                    (self.depth, self.tested, self.loops) = (0, 0, 0);
                    self.builtin = None;
                    self.covered.clear();
                }
                Err(unwind) => return Err(unwind),
                Ok(()) => {}
            }
            if ended {
                return Ok(());
            }
        }
    }

    /// The next line of standard input with its end; none where there is no more, an error where a signal came
    /// first. It is read byte by byte.
    async fn next_line(&self) -> Result<Option<String>, ()> {
        let mut line = Vec::new();
        let mut count = 0_u32;
        loop {
            count = count.wrapping_add(1);
            if count.is_multiple_of(1_024) {
                // Each byte is a call of the kernel's.
                Box::pin(self.process.machine.spend(Duration::from_millis(1))).await;
            }
            let byte = tokio::select! {
                biased;
                byte = self.process.read(0, 1) => byte.unwrap_or_default(),
                () = self.process.interrupted(), if self.interactive => {
                    self.process.caught();
                    return Err(());
                }
            };
            let Some(byte) = byte.first() else { break };
            line.push(*byte);
            if *byte == b'\n' || line.len() > LONGEST {
                break;
            }
        }
        Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
    }

    async fn prompt(&self, goes_on: bool) {
        if !self.interactive {
            return;
        }
        let prompt = if goes_on {
            "> ".to_owned()
        } else {
            let home = self.variables.value("HOME").unwrap_or_default();
            let directory = match self.directory.strip_prefix(home) {
                Some(rest) if !home.is_empty() && (rest.is_empty() || rest.starts_with('/')) => {
                    format!("~{rest}")
                }
                _ => self.directory.clone(),
            };
            format!("root@{}:{directory}# ", self.process.machine.plan.name)
        };
        let _ = self.process.write(2, prompt).await;
    }
}

/// Serves somebody who sits at a terminal: reads commands line by line from standard input, with prompts on
/// standard error. Whoever opens the terminal puts its line discipline before it.
pub async fn interactive(mut process: Process) -> u8 {
    let outside = Outside::of(&process);
    let words: Vec<String> = ["-sh", "-i"].map(str::to_owned).into();
    process.set_words(&words[..1]);
    let body = async {
        match main(&mut process, &words).await {
            Ok(code) => code,
            Err(_) => 128 + Signal::Pipe.number(),
        }
    };
    outside.or(body).await
}
