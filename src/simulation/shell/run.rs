//! Lists, pipelines and compound commands.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use super::flow::{Step, Tail, Unwind};
use super::jobs::Work;
use super::pattern::Pattern;
use super::state::Shell;
use super::syntax::{AndOr, Command, Course, GoesOn, Joint, Kind, List, Parser, Pipeline, Redirect};
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::pipe::Pipe;

/// Constructs that run within one another before a script is ended: each takes some of this thread's stack.
const DEEPEST: u32 = 100;

/// Background commands whose exit codes are kept although they have ended.
const MOST_ENDED: usize = 100;

/// After so many commands others get their turn.
const TURN: u32 = 32;

/// So many commands take a millisecond of a processor: a loop that does nothing else lets time pass, too.
const PER_MILLISECOND: u32 = 512;

impl Shell<'_> {
    /// Runs a text as commands, line after line.
    pub fn evaluate<'a>(&'a mut self, text: &'a str, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            self.deeper().await?;
            let depth = self.depth;
            let mut parser = Parser::new(text, 1);
            let mut step = Ok(());
            let mut next = parser.next_line();
            loop {
                let list = match next {
                    Ok(Some(list)) => list,
                    Ok(None) => break,
                    Err(error) => {
                        self.complain_syntax(&error).await;
                        step = Err(Unwind::Failed);
                        break;
                    }
                };
                next = parser.next_line();
                let tail = if matches!(next, Ok(None)) { tail } else { Tail::More };
                step = self.list(&list, tail).await;
                if step.is_err() {
                    break;
                }
            }
            self.depth = depth - 1;
            step
        })
    }

    async fn deeper(&mut self) -> Step {
        if self.depth >= DEEPEST {
            return self.fail(format!("Maximum function recursion depth ({DEEPEST}) reached")).await;
        }
        self.depth += 1;
        Ok(())
    }

    /// Runs a list.
    pub fn list<'a>(&'a mut self, list: &'a List, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            for (index, item) in list.0.iter().enumerate() {
                match item.course {
                    Course::Foreground => {
                        let tail = if index + 1 == list.0.len() { tail } else { Tail::More };
                        self.and_or(&item.list, tail).await?;
                    }
                    Course::Background => self.in_background(&item.list).await?,
                }
            }
            Ok(())
        })
    }

    fn in_background<'a>(&'a mut self, list: &'a Arc<AndOr>) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let mut process = self.fork().await?;
            // Without job control nobody's keys are for it.
            if let Ok(null) = process.null() {
                process.files.insert(0, null);
            }
            let tested = std::mem::take(&mut self.tested);
            let running = self.spawn(process, Work::AndOr(list.clone()));
            self.tested = tested;
            self.background = Some(running.id);
            if self.jobs.len() >= MOST_ENDED {
                self.jobs.retain(|_, running| running.code().is_none());
            }
            self.jobs.insert(running.id, running);
            self.status = 0;
            Ok(())
        })
    }

    /// Runs pipelines joined by `&&` and `||`.
    pub fn and_or<'a>(&'a mut self, list: &'a AndOr, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            for (index, (joint, pipeline)) in list.0.iter().enumerate() {
                match joint {
                    Joint::And if self.status != 0 => continue,
                    Joint::Or if self.status == 0 => continue,
                    Joint::Start | Joint::And | Joint::Or => {}
                }
                if index + 1 < list.0.len() {
                    self.tested += 1;
                    let step = self.pipeline(pipeline, Tail::More).await;
                    self.tested -= 1;
                    step?;
                } else {
                    self.pipeline(pipeline, tail).await?;
                }
            }
            Ok(())
        })
    }

    fn pipeline<'a>(&'a mut self, pipeline: &'a Pipeline, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            if pipeline.negated {
                self.tested += 1;
                let step = self.commands(&pipeline.commands, Tail::More).await;
                self.tested -= 1;
                step?;
                self.status = u8::from(self.status == 0);
                return Ok(());
            }
            self.commands(&pipeline.commands, tail).await?;
            if self.status != 0 && self.options.has('e') && self.tested == 0 {
                return Err(Unwind::Exit);
            }
            Ok(())
        })
    }

    fn commands<'a>(&'a mut self, commands: &'a [Arc<Command>], tail: Tail) -> BoxFuture<'a, Step> {
        match commands {
            [command] => self.command(command, tail),
            commands => self.piped(commands),
        }
    }

    fn piped<'a>(&'a mut self, commands: &'a [Arc<Command>]) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let mut all = Vec::with_capacity(commands.len());
            let mut input = None;
            for (index, command) in commands.iter().enumerate() {
                let mut process = self.fork().await?;
                if let Some(input) = input.take() {
                    process.files.insert(0, input);
                }
                if index + 1 < commands.len() {
                    let (reader, writer) = Pipe::ends();
                    process.files.insert(1, OpenFile::writer(writer));
                    input = Some(OpenFile::reader(reader));
                }
                all.push(self.spawn(process, Work::Command(command.clone())));
            }
            for mut running in all {
                self.status = running.wait().await;
            }
            self.deliver().await
        })
    }

    /// Runs one command.
    pub fn command<'a>(&'a mut self, command: &'a Arc<Command>, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            self.take_turns().await;
            self.deliver().await?;
            self.deeper().await?;
            let depth = self.depth;
            let step = self.command_here(command, tail).await;
            self.depth = depth - 1;
            step
        })
    }

    /// Lets others have their turn, and time pass.
    async fn take_turns(&mut self) {
        let before = self.steps_paid;
        self.steps = self.steps.wrapping_add(1);
        let done = self.steps.wrapping_sub(before);
        if done >= PER_MILLISECOND {
            self.steps_paid = self.steps;
            Box::pin(self.process.machine.spend(Duration::from_millis(1))).await;
        } else if self.steps.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }

    fn command_here<'a>(&'a mut self, command: &'a Arc<Command>, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            match &command.kind {
                Kind::Simple { assignments, words } => {
                    return self.simple(command, assignments, words, tail).await;
                }
                Kind::Function { name, body } => {
                    self.functions.insert(name.clone(), body.clone());
                    self.status = 0;
                    return Ok(());
                }
                Kind::Subshell(list) if tail == Tail::More || self.traps.any() => {
                    return self.subshell(list, &command.redirects).await;
                }
                _ => {}
            }
            self.line = command.line;
            let mut saved = Vec::new();
            let step = match self.redirect(&command.redirects, &mut saved).await {
                Ok(true) => self.compound(&command.kind, tail).await,
                Ok(false) => Ok(()),
                Err(unwind) => Err(unwind),
            };
            // Other words that take the process over find its files as they are within.
            if !matches!(step, Err(Unwind::Exec(_))) {
                self.restore(saved);
            }
            step
        })
    }

    fn subshell<'a>(&'a mut self, list: &'a Arc<List>, redirects: &'a [Redirect]) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let mut saved = Vec::new();
            let step = match self.redirect(redirects, &mut saved).await {
                Ok(true) => match self.fork().await {
                    Ok(process) => {
                        let mut running = self.spawn(process, Work::List(list.clone()));
                        self.status = running.wait().await;
                        Ok(())
                    }
                    Err(unwind) => Err(unwind),
                },
                Ok(false) => Ok(()),
                Err(unwind) => Err(unwind),
            };
            self.restore(saved);
            step?;
            self.deliver().await
        })
    }

    fn compound<'a>(&'a mut self, kind: &'a Kind, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            match kind {
                Kind::Simple { .. } | Kind::Function { .. } => Ok(()),
                Kind::Subshell(list) => {
                    self.list(list, Tail::Last).await?;
                    Err(Unwind::Exit)
                }
                Kind::Group(list) => self.list(list, tail).await,
                Kind::If { arms, otherwise } => {
                    for (condition, body) in arms {
                        if self.condition(condition).await? {
                            return self.list(body, tail).await;
                        }
                    }
                    self.status = 0;
                    match otherwise {
                        Some(otherwise) => self.list(otherwise, tail).await,
                        None => Ok(()),
                    }
                }
                Kind::Loop { goes_on, condition, body } => {
                    let wanted = *goes_on == GoesOn::While;
                    let mut status = 0;
                    self.loops += 1;
                    let step = loop {
                        match self.condition(condition).await {
                            Ok(holds) if holds != wanted => break Ok(()),
                            Ok(_) => {}
                            Err(unwind) => match turned(unwind) {
                                Turn::Next => continue,
                                Turn::Out(step) => break step,
                            },
                        }
                        let step = self.list(body, Tail::More).await;
                        status = self.status;
                        if let Err(unwind) = step
                            && let Turn::Out(step) = turned(unwind)
                        {
                            break step;
                        }
                    };
                    self.loops -= 1;
                    if step.is_ok() {
                        self.status = status;
                    }
                    step
                }
                Kind::For { name, words, body } => {
                    let values = match words {
                        Some(words) => self.fields(words).await?,
                        None => self.parameters.clone(),
                    };
                    self.status = 0;
                    self.loops += 1;
                    let mut result = Ok(());
                    for value in values {
                        let step = match self.assign(name, value).await {
                            Ok(()) => self.list(body, Tail::More).await,
                            Err(unwind) => Err(unwind),
                        };
                        if let Err(unwind) = step
                            && let Turn::Out(step) = turned(unwind)
                        {
                            result = step;
                            break;
                        }
                    }
                    self.loops -= 1;
                    result
                }
                Kind::Case { word, arms } => {
                    let value: Vec<char> = self.single(word).await?.chars().collect();
                    self.status = 0;
                    for (patterns, body) in arms {
                        for pattern in patterns {
                            let glyphs = self.glyphs(pattern).await?;
                            if Pattern::of(&glyphs).matches(&value) {
                                return self.list(body, tail).await;
                            }
                        }
                    }
                    Ok(())
                }
            }
        })
    }

    fn condition<'a>(&'a mut self, list: &'a List) -> BoxFuture<'a, Step<bool>> {
        Box::pin(async move {
            self.tested += 1;
            let step = self.list(list, Tail::More).await;
            self.tested -= 1;
            step?;
            Ok(self.status == 0)
        })
    }
}

/// What a loop does after its body did not come to its end.
enum Turn {
    /// It goes on.
    Next,
    /// It ends.
    Out(Step),
}

fn turned(unwind: Unwind) -> Turn {
    match unwind {
        Unwind::Continue(1) => Turn::Next,
        Unwind::Continue(more) => Turn::Out(Err(Unwind::Continue(more - 1))),
        Unwind::Break(1) => Turn::Out(Ok(())),
        Unwind::Break(more) => Turn::Out(Err(Unwind::Break(more - 1))),
        other => Turn::Out(Err(other)),
    }
}
