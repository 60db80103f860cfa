//! `export`, `readonly`, `local` and `unset`.

use super::operands;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::simple::declaration;
use crate::simulation::shell::state::Shell;
use crate::simulation::shell::syntax::is_name;

/// `export` and `readonly`
pub async fn export(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let locks = words.first().is_some_and(|name| name == "readonly");
    let names = operands(words);
    if names.is_empty() || names.first().is_some_and(|name| name == "-p") {
        let verb = if locks { "readonly " } else { "export " };
        let listed = shell.variables.all().filter(
            |(_, variable)| {
                if locks { variable.readonly } else { variable.exported }
            },
        );
        let text: String = listed.map(|(name, variable)| declaration(verb, name, variable)).collect();
        return shell.say(text).await;
    }
    for word in names {
        let (name, value) = parted(word);
        if !is_name(name) {
            return shell.fail(format!("{name}: bad variable name")).await;
        }
        if let Some(value) = value {
            let builtin = shell.builtin.clone();
            shell.assign(name, value.to_owned()).await?;
            shell.builtin = builtin;
        }
        shell.variables.mark(name, |variable| {
            if locks {
                variable.readonly = true;
            } else {
                variable.exported = true;
            }
        });
    }
    Ok(0)
}

/// `local`
pub async fn local(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    if shell.covered.is_empty() {
        return shell.fail("not in a function").await;
    }
    for word in operands(words) {
        let (name, value) = parted(word);
        if !is_name(name) {
            return shell.fail(format!("{name}: bad variable name")).await;
        }
        let before = shell.variables.get(name).cloned();
        if let Some(covered) = shell.covered.last_mut()
            && !covered.iter().any(|(known, _)| known == name)
        {
            covered.push((name.to_owned(), before));
        }
        if let Some(value) = value {
            shell.assign(name, value.to_owned()).await?;
        }
    }
    Ok(0)
}

/// `unset`
pub async fn unset(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let (functions, names) = match operands(words) {
        [flag, rest @ ..] if flag == "-f" => (true, rest),
        [flag, rest @ ..] if flag == "-v" => (false, rest),
        rest => (false, rest),
    };
    for name in names {
        if functions {
            shell.functions.remove(name);
        } else if !is_name(name) {
            return shell.fail(format!("{name}: bad variable name")).await;
        } else if shell.variables.unset(name).is_err() {
            return shell.fail(format!("{name}: is read only")).await;
        }
    }
    Ok(0)
}

fn parted(word: &str) -> (&str, Option<&str>) {
    match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    }
}
