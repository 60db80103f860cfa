//! find(1): an expression ([`expression`]) that is asked for every name below the starting points.

mod expression;
mod show;

use std::time::Duration;

use self::expression::{Action, Expression, Test, parse};
use super::call::{Failure, Outcome, quoted};
use super::glob;
use super::path::inside;
use super::show::{disk_usage, known_name};
use super::wrap::run_child;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Kind, Node};
use crate::simulation::machine::namespace::{LastLink, Place};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::locate;

/// findutils give one program as much as this.
const MOST_BYTES: usize = 128 << 10;

/// find(1)
pub(super) async fn find(process: &mut Process, words: &[String]) -> Outcome {
    let mut rest = words.get(1..).unwrap_or_default();
    let mut last = LastLink::Keep;
    let mut start_last = LastLink::Keep;
    while let Some(option) = rest.first().filter(|word| matches!(word.as_str(), "-H" | "-L" | "-P")) {
        (last, start_last) = match option.as_str() {
            "-H" => (LastLink::Keep, LastLink::Follow),
            "-L" => (LastLink::Follow, LastLink::Follow),
            _ => (LastLink::Keep, LastLink::Keep),
        };
        rest = &rest[1..];
    }
    let is_expression =
        |word: &String| word.starts_with('-') && word.len() > 1 || matches!(word.as_str(), "(" | "!");
    let split = rest.iter().position(is_expression).unwrap_or(rest.len());
    let (paths, words) = rest.split_at(split);
    let plan = parse(process, words).map_err(|text| Failure::Said(1, text))?;
    let mut run = Run {
        last,
        plan: &plan,
        now: process.machine.calendar(),
        out: String::new(),
        batches: vec![Vec::new(); plan.batches],
        code: 0,
        quit: false,
        complaints: Vec::new(),
    };
    let dot = [".".to_owned()];
    for path in if paths.is_empty() { &dot[..] } else { paths } {
        match process.find(path, start_last).or_else(|_| process.find(path, LastLink::Keep)) {
            Ok(place) => run.start(process, path, place).await?,
            Err(error) => run.complain(process, format!("find: {}: {error}", quoted(path))).await,
        }
        if run.quit {
            break;
        }
    }
    run.flush(process).await?;
    let mut commands = Vec::new();
    plan.expression.each_batch(&mut |index, command| commands.push((index, command.to_vec())));
    for (index, command) in commands {
        run.batch(process, index, &command).await?;
    }
    Ok(run.code)
}

struct Visit {
    /// The path as it is shown.
    path: String,
    /// How long the starting point in it is.
    start: usize,
    depth: usize,
    place: Place,
}

impl Visit {
    fn node(&self) -> &Node {
        &self.place.node
    }

    fn name(&self) -> &str {
        match self.path.trim_end_matches('/').rsplit('/').next() {
            Some("") | None => "/",
            Some(name) => name,
        }
    }
}

struct Run<'a> {
    last: LastLink,
    plan: &'a expression::Plan,
    now: Duration,
    out: String,
    batches: Vec<Vec<String>>,
    code: u8,
    quit: bool,
    complaints: Vec<String>,
}

enum Step {
    Enter(Visit),
    /// With `-depth`, after what is in it.
    Leave(Visit),
}

impl Run<'_> {
    async fn complain(&mut self, process: &Process, text: String) {
        self.code = 1;
        process.complain(text).await;
    }

    async fn flush(&mut self, process: &Process) -> Result<(), Errno> {
        if !self.out.is_empty() {
            process.out(std::mem::take(&mut self.out)).await?;
        }
        Ok(())
    }

    async fn start(&mut self, process: &Process, path: &str, place: Place) -> Result<(), Failure> {
        let mount = process.namespace.mount_of(&place.path).map(|mount| mount.at);
        let mut steps =
            vec![Step::Enter(Visit { path: path.to_owned(), start: path.len(), depth: 0, place })];
        while let Some(step) = steps.pop() {
            let visit = match step {
                Step::Leave(visit) => {
                    self.visit(process, &visit).await?;
                    if self.quit {
                        return Ok(());
                    }
                    continue;
                }
                Step::Enter(visit) => visit,
            };
            let mut pruned = false;
            if !self.plan.depth_first {
                pruned = self.visit(process, &visit).await?;
            }
            if self.quit {
                return Ok(());
            }
            let other = || process.namespace.mount_of(&visit.place.path).map(|mount| mount.at) != mount;
            if pruned
                || !visit.node().is_directory()
                || visit.depth >= self.plan.deepest
                || self.plan.one_device && visit.depth > 0 && other()
            {
                if self.plan.depth_first {
                    self.visit(process, &visit).await?;
                }
                continue;
            }
            let names = match visit.node().names() {
                Ok(names) => names,
                Err(error) => {
                    // What has gone meanwhile is no error of a living directory.
                    if process.find(&visit.place.path, LastLink::Keep).is_ok() {
                        self.complain(process, format!("find: {}: {error}", quoted(&visit.path))).await;
                    }
                    continue;
                }
            };
            let mut inner = Vec::with_capacity(names.len());
            for name in names {
                let below = inside(&visit.place.path, &name);
                let found = process.find(&below, self.last).or_else(|_| process.find(&below, LastLink::Keep));
                if let Ok(place) = found {
                    inner.push(Step::Enter(Visit {
                        path: inside(&visit.path, &name),
                        start: visit.start,
                        depth: visit.depth + 1,
                        place,
                    }));
                }
            }
            if self.plan.depth_first {
                steps.push(Step::Leave(visit));
            }
            steps.extend(inner.into_iter().rev());
        }
        Ok(())
    }

    /// Asks the expression about one name; whether what is in it is left out.
    async fn visit(&mut self, process: &Process, visit: &Visit) -> Result<bool, Failure> {
        if visit.depth < self.plan.shallowest {
            return Ok(false);
        }
        let mut pruned = false;
        self.ask(process, &self.plan.expression, visit, &mut pruned).await?;
        for text in std::mem::take(&mut self.complaints) {
            self.flush(process).await?;
            self.complain(process, text).await;
        }
        if self.out.len() >= 32 << 10 {
            self.flush(process).await?;
        }
        Ok(pruned)
    }

    fn ask<'a>(
        &'a mut self,
        process: &'a Process,
        expression: &'a Expression,
        visit: &'a Visit,
        pruned: &'a mut bool,
    ) -> futures::future::BoxFuture<'a, Result<bool, Failure>> {
        Box::pin(async move {
            Ok(match expression {
                Expression::And(one, other) => {
                    self.ask(process, one, visit, pruned).await?
                        && !self.quit
                        && self.ask(process, other, visit, pruned).await?
                }
                Expression::Or(one, other) => {
                    self.ask(process, one, visit, pruned).await?
                        || !self.quit && self.ask(process, other, visit, pruned).await?
                }
                Expression::List(one, other) => {
                    self.ask(process, one, visit, pruned).await?;
                    !self.quit && self.ask(process, other, visit, pruned).await?
                }
                Expression::Not(inner) => !self.ask(process, inner, visit, pruned).await?,
                Expression::Test(test) => self.test(process, test, visit),
                Expression::Action(action) => self.act(process, action, visit, pruned).await?,
            })
        })
    }

    fn test(&self, process: &Process, test: &Test, visit: &Visit) -> bool {
        let node = visit.node();
        let metadata = node.metadata();
        let age = |unit: u64| self.now.saturating_sub(metadata.modified).as_secs() / unit;
        match test {
            Test::Yes => true,
            Test::No => false,
            Test::Type(letters) => letters.contains(&node.type_letter()),
            Test::Name(pattern, case) => glob::fits(pattern, visit.name(), *case),
            Test::Path(pattern, case) => glob::fits(pattern, &visit.path, *case),
            Test::LinkName(pattern) => match &node.kind {
                Kind::Link(target) => glob::fits(pattern, target, glob::Case::Exact),
                _ => false,
            },
            Test::Regex(regex) => regex.is_match(visit.path.as_bytes()),
            Test::Newer(time) => metadata.modified > *time,
            Test::Minutes(range) => range.has(age(60)),
            Test::Days(range) => range.has(age(86_400)),
            Test::Size(range, unit) => range.has(node.size().div_ceil(*unit)),
            Test::Empty => match node.names() {
                Ok(names) => names.is_empty(),
                Err(_) => node.type_letter() == 'f' && node.size() == 0,
            },
            Test::Mode(wanted) => wanted.fits(metadata.mode),
            Test::User(user) => metadata.user == *user,
            Test::Group(group) => metadata.group == *group,
            Test::NoUser => known_name(process, "/etc/passwd", metadata.user).is_none(),
            Test::NoGroup => known_name(process, "/etc/group", metadata.group).is_none(),
            Test::Inode(range) => range.has(node.number),
            Test::Links(range) => range.has(super::show::links(node) as u64),
            Test::Same(number) => node.number == *number,
            Test::Access(bits) => metadata.mode & bits != 0 || *bits != 0o111,
        }
    }

    async fn act(
        &mut self,
        process: &Process,
        action: &Action,
        visit: &Visit,
        pruned: &mut bool,
    ) -> Result<bool, Failure> {
        match action {
            Action::Print(end) => {
                self.out.push_str(&visit.path);
                self.out.push(*end);
            }
            Action::Printf(pieces) => show::show(process, pieces, visit, &mut self.out),
            Action::List => {
                let blocks = disk_usage(visit.node()) / 1024;
                self.out.push_str(&show::long(process, visit, blocks, self.now));
            }
            Action::Prune => *pruned = true,
            Action::Quit => self.quit = true,
            Action::Delete => {
                if visit.path == "." {
                    return Ok(true);
                }
                if let Err(error) = process.remove(&visit.path) {
                    let text = format!("find: cannot delete {}: {error}", quoted(&visit.path));
                    self.complaints.push(text);
                    return Ok(false);
                }
            }
            Action::Run { words, in_directory } => {
                self.flush(process).await?;
                let (shown, directory) = match in_directory {
                    true => (
                        format!("./{}", visit.name()),
                        visit.place.path.rsplit_once('/').map(|(above, _)| format!("{above}/")),
                    ),
                    false => (visit.path.clone(), None),
                };
                let words: Vec<String> = words.iter().map(|word| word.replace("{}", &shown)).collect();
                let mut child = process.fork();
                child.directory = directory.unwrap_or_else(|| process.directory.clone());
                if child.directory.len() > 1 {
                    child.directory = child.directory.trim_end_matches('/').to_owned();
                }
                if child.directory.is_empty() {
                    child.directory = "/".to_owned();
                }
                return match run_child(&child, &words).await {
                    Ok(code) => Ok(code == 0),
                    // The child that could not become the program says so; find itself goes on.
                    Err(error) => {
                        process.complain(format!("find: {}: {error}", quoted(&words[0]))).await;
                        Ok(false)
                    }
                };
            }
            Action::Batch(index, command) => {
                self.batches[*index].push(visit.path.clone());
                let size: usize = self.batches[*index].iter().map(|path| path.len() + 1).sum();
                if size >= MOST_BYTES {
                    self.batch(process, *index, command).await?;
                }
            }
        }
        Ok(true)
    }

    /// Runs `-exec … +` for what has been collected.
    async fn batch(&mut self, process: &Process, index: usize, command: &[String]) -> Result<(), Failure> {
        let paths = std::mem::take(&mut self.batches[index]);
        if paths.is_empty() {
            return Ok(());
        }
        self.flush(process).await?;
        let words: Vec<String> = command.iter().cloned().chain(paths).collect();
        if let Err(error) = locate(process, &words[0]) {
            self.complain(process, format!("find: {}: {error}", quoted(&words[0]))).await;
            return Ok(());
        }
        if run_child(process, &words).await? != 0 {
            self.code = 1;
        }
        Ok(())
    }
}
