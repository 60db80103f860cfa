//! `command`, `type`, and the builtins that do nothing.

use super::{find, operands};
use crate::simulation::machine::programs;
use crate::simulation::shell::flow::{Step, Tail, Unwind};
use crate::simulation::shell::state::Shell;
use crate::simulation::shell::syntax::RESERVED;

/// `true`, `:` and what has no effect here.
pub async fn yes(_shell: &mut Shell<'_>, _words: &[String], _tail: Tail) -> Step<u8> {
    Ok(0)
}

/// `false`
pub async fn no(_shell: &mut Shell<'_>, _words: &[String], _tail: Tail) -> Step<u8> {
    Ok(1)
}

/// `command`
pub async fn command(shell: &mut Shell<'_>, words: &[String], tail: Tail) -> Step<u8> {
    let mut words = words;
    // `command command …` is done here, not within itself.
    while let [_, next, _, ..] = words
        && next == "command"
    {
        words = words.get(1..).unwrap_or_default();
    }
    match operands(words) {
        [flag, names @ ..] if flag == "-v" => return tell(shell, names, Manner::Short).await,
        [flag, names @ ..] if flag == "-V" => return tell(shell, names, Manner::Long).await,
        [flag, rest @ ..] if flag == "-p" => run(shell, rest, tail).await,
        rest => run(shell, rest, tail).await,
    }
}

async fn run(shell: &mut Shell<'_>, words: &[String], tail: Tail) -> Step<u8> {
    let Some(name) = words.first() else { return Ok(0) };
    let builtin = shell.builtin.take();
    let step = match find(name) {
        Some(found) => match shell.builtin(&found, words, tail).await {
            Err(Unwind::Failed) => Ok(()),
            step => step,
        },
        None => shell.program(words.to_vec(), tail).await,
    };
    shell.builtin = builtin;
    step.map(|()| shell.status)
}

/// `type`
pub async fn kind(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    tell(shell, operands(words), Manner::Long).await
}

/// How much is told about a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Short,
    Long,
}

async fn tell(shell: &mut Shell<'_>, names: &[String], manner: Manner) -> Step<u8> {
    let mut text = String::new();
    let mut status = 0;
    // `command` looks at one name.
    let names = if manner == Manner::Short { names.get(..1).unwrap_or_default() } else { names };
    for name in names {
        let (short, long) = if RESERVED.contains(&name.as_str()) {
            (name.clone(), "is a shell keyword".to_owned())
        } else if let Some(builtin) = find(name).filter(|builtin| builtin.special) {
            (builtin.name.to_owned(), "is a special shell builtin".to_owned())
        } else if shell.functions.contains_key(name) {
            (name.clone(), "is a shell function".to_owned())
        } else if find(name).is_some() {
            (name.clone(), "is a shell builtin".to_owned())
        } else if let Ok(place) = programs::locate(shell.process, name) {
            let path = if name.contains('/') { name.clone() } else { place.path };
            (path.clone(), format!("is {path}"))
        } else {
            status = 127;
            if manner == Manner::Long {
                text.push_str(&format!("{name}: not found\n"));
            }
            continue;
        };
        match manner {
            Manner::Short => text.push_str(&format!("{short}\n")),
            Manner::Long => text.push_str(&format!("{name} {long}\n")),
        }
    }
    let said = shell.say(text).await?;
    Ok(if status == 0 { said } else { status })
}
