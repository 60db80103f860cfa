//! Simple commands: assignments, functions, builtins and programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::builtins::{self, Builtin};
use super::flow::{Step, Tail, Unwind};
use super::redirect::Saved;
use super::state::Shell;
use super::syntax::{Command, Piece, Word, is_name};
use super::variables::{Variable, quoted};
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::programs;

/// Variables as they were before.
type Covered = Vec<(String, Option<Variable>)>;

/// What a name of a command stands for.
enum Found {
    Special(Builtin),
    Function(Arc<Command>),
    Builtin(Builtin),
    Program,
}

impl Shell<'_> {
    /// Gives a variable a value; an error ends the shell.
    pub async fn assign(&mut self, name: &str, value: String) -> Step {
        if self.variables.set(name, value).is_err() {
            return self.fail(format!("{name}: is read only")).await;
        }
        match name {
            "PATH" => {
                let path = self.variables.value("PATH").unwrap_or_default().to_owned();
                self.process.environment.insert("PATH".into(), path);
            }
            "OPTIND" => self.letters = 0,
            _ => {}
        }
        if self.options.has('a') {
            self.variables.mark(name, |variable| variable.exported = true);
        }
        Ok(())
    }

    /// What children are given.
    pub fn environment(&self) -> BTreeMap<String, String> {
        self.variables.exported()
    }

    pub(super) fn simple<'a>(
        &'a mut self,
        command: &'a Command,
        assignments: &'a [(String, Word)],
        words: &'a [Word],
        tail: Tail,
    ) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            self.line = command.line;
            self.substituted = None;
            let fields = self.command_fields(words).await?;
            let Some(name) = fields.first() else { return self.only_assignments(command, assignments).await };
            let found = match builtins::find(name) {
                Some(builtin) if builtin.special => Found::Special(builtin),
                builtin => match (self.functions.get(name), builtin) {
                    (Some(function), _) => Found::Function(function.clone()),
                    (None, Some(builtin)) => Found::Builtin(builtin),
                    (None, None) => Found::Program,
                },
            };
            // `exec` without a command changes the shell's own files.
            let lasts = name == "exec";
            let mut saved = Saved::new();
            match self.redirect(&command.redirects, &mut saved).await {
                Ok(true) => {}
                failed => {
                    self.restore(saved);
                    return match (failed, &found) {
                        (Ok(_), Found::Special(_)) => Err(Unwind::Failed),
                        (Ok(_), _) => Ok(()),
                        (Err(unwind), _) => Err(unwind),
                    };
                }
            }
            let covered = match self.assign_all(assignments, &fields).await {
                Ok(covered) => covered,
                Err(unwind) => {
                    self.restore(saved);
                    return Err(unwind);
                }
            };
            let special = matches!(found, Found::Special(_));
            let step = match found {
                Found::Special(builtin) => {
                    // Of the special ones only `exec` has a program to give them to.
                    if lasts && fields.len() > 1 {
                        self.export(&covered);
                    }
                    self.builtin(&builtin, &fields, tail).await
                }
                Found::Function(body) => self.call(&body, &fields).await,
                Found::Builtin(builtin) => self.builtin(&builtin, &fields, tail).await,
                Found::Program => {
                    self.export(&covered);
                    self.program(fields, tail).await
                }
            };
            if matches!(step, Err(Unwind::Exec(_))) {
                return step;
            }
            if !special {
                for (name, before) in covered.into_iter().rev() {
                    self.uncover(&name, before);
                }
            }
            if !(lasts && step.is_ok()) {
                self.restore(saved);
            }
            step
        })
    }

    /// The words of a command. After `export` and its like an assignment is not split.
    fn command_fields<'a>(&'a mut self, words: &'a [Word]) -> BoxFuture<'a, Step<Vec<String>>> {
        Box::pin(async move {
            let declares = match words.first().map(Vec::as_slice) {
                Some([Piece::Text(name)]) => matches!(name.as_str(), "export" | "readonly" | "local"),
                _ => false,
            };
            if !declares {
                return self.fields(words).await;
            }
            let mut fields = Vec::new();
            for word in words {
                let assigned = match word.first() {
                    Some(Piece::Text(text)) => text.split_once('=').is_some_and(|(name, _)| is_name(name)),
                    _ => false,
                };
                if assigned {
                    fields.push(self.single(word).await?);
                } else {
                    fields.extend(self.fields(std::slice::from_ref(word)).await?);
                }
            }
            Ok(fields)
        })
    }

    fn only_assignments<'a>(
        &'a mut self,
        command: &'a Command,
        assignments: &'a [(String, Word)],
    ) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let mut saved = Saved::new();
            let redirected = self.redirect(&command.redirects, &mut saved).await;
            self.restore(saved);
            if !redirected? {
                return Ok(());
            }
            self.assign_all(assignments, &[]).await?;
            self.status = self.substituted.unwrap_or(0);
            Ok(())
        })
    }

    /// Assigns all, and gives back what the variables were before. Says the command where `set -x` wants it.
    fn assign_all<'a>(
        &'a mut self,
        assignments: &'a [(String, Word)],
        fields: &'a [String],
    ) -> BoxFuture<'a, Step<Covered>> {
        Box::pin(async move {
            let mut covered = Vec::new();
            let mut said = Vec::new();
            for (name, word) in assignments {
                let value = self.assigned(word).await?;
                if self.options.has('x') {
                    said.push(format!("{name}={value}"));
                }
                covered.push((name.clone(), self.variables.get(name).cloned()));
                self.assign(name, value).await?;
            }
            if self.options.has('x') {
                said.extend(fields.iter().cloned());
                let prompt = self.variables.value("PS4").unwrap_or("+ ").to_owned();
                self.process.complain(format!("{prompt}{}", said.join(" "))).await;
            }
            Ok(covered)
        })
    }

    /// Lets programs see what was assigned.
    fn export(&mut self, covered: &Covered) {
        for (name, _) in covered {
            self.variables.mark(name, |variable| variable.exported = true);
        }
    }

    fn uncover(&mut self, name: &str, before: Option<Variable>) {
        self.variables.restore(name, before);
        if name == "PATH" {
            let path = self.variables.value("PATH").unwrap_or_default().to_owned();
            self.process.environment.insert("PATH".into(), path);
        }
    }

    fn call<'a>(&'a mut self, body: &'a Arc<Command>, fields: &'a [String]) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let arguments = fields.iter().skip(1).cloned().collect();
            let parameters = std::mem::replace(&mut self.parameters, arguments);
            let loops = std::mem::take(&mut self.loops);
            self.covered.push(Vec::new());
            let step = self.command(body, Tail::More).await;
            for (name, before) in self.covered.pop().unwrap_or_default().into_iter().rev() {
                self.uncover(&name, before);
            }
            self.loops = loops;
            self.parameters = parameters;
            match step {
                Err(Unwind::Return) => Ok(()),
                step => step,
            }
        })
    }

    /// Runs a builtin and takes its exit code over.
    pub fn builtin<'a>(
        &'a mut self,
        builtin: &'a Builtin,
        fields: &'a [String],
        tail: Tail,
    ) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let before = self.builtin.replace(fields.first().cloned().unwrap_or_default());
            let step = (builtin.run)(self, fields, tail).await;
            self.builtin = before;
            match step {
                Ok(status) => {
                    self.status = status;
                    Ok(())
                }
                // Only the special ones end the shell.
                Err(Unwind::Failed) if !builtin.special => Ok(()),
                Err(unwind) => Err(unwind),
            }
        })
    }

    /// Runs a program and waits for it, or lets it take the process over.
    pub fn program<'a>(&'a mut self, fields: Vec<String>, tail: Tail) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let Some(name) = fields.first() else { return Ok(()) };
            if let Err(error) = programs::locate(self.process, name) {
                let (status, reason) = match error {
                    _ if name.is_empty() => (127, Errno::Denied.to_string()),
                    Errno::NotFound | Errno::NotADirectory => (127, "not found".to_owned()),
                    error => (126, error.to_string()),
                };
                self.complain(format!("{name}: {reason}")).await;
                self.status = status;
                return Ok(());
            }
            if tail == Tail::Last && !self.traps.any() {
                return Err(Unwind::Exec(fields));
            }
            let process = self.fork().await?;
            let mut running = self.spawn_program(process, fields);
            self.status = running.wait().await;
            self.deliver().await
        })
    }
}

/// A variable as a command that makes it so.
pub fn declaration(verb: &str, name: &str, variable: &Variable) -> String {
    match &variable.value {
        Some(value) => format!("{verb}{name}={}\n", quoted(value)),
        None => format!("{verb}{name}\n"),
    }
}
