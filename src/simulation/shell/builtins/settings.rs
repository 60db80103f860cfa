//! `set`, `shift`, `getopts`, `umask` and what else a shell can be set to.

use super::operands;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::options::OPTIONS;
use crate::simulation::shell::simple::declaration;
use crate::simulation::shell::state::Shell;
use crate::simulation::shell::syntax::is_name;

/// `set`
pub async fn set(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    if words.len() == 1 {
        let known = shell.variables.all().filter(|(_, variable)| variable.value.is_some());
        let text: String = known.map(|(name, variable)| declaration("", name, variable)).collect();
        return shell.say(text).await;
    }
    let mut rest = words.iter().skip(1).peekable();
    let mut replaces = false;
    while let Some(word) = rest.next_if(|word| word.starts_with(['-', '+'])) {
        match word.as_str() {
            "--" => {
                replaces = true;
                break;
            }
            "-" => {
                shell.options.switch('x', false);
                shell.options.switch('v', false);
                break;
            }
            _ => {}
        }
        let on = word.starts_with('-');
        for letter in word.chars().skip(1) {
            if letter != 'o' {
                if !shell.options.switch(letter, on) {
                    return shell.fail(format!("Illegal option -{letter}")).await;
                }
                continue;
            }
            let Some(name) = rest.next() else { return list_options(shell, on).await };
            match OPTIONS.iter().find(|(_, known)| known == name) {
                Some((letter, _)) => {
                    shell.options.switch(*letter, on);
                }
                None => return shell.fail(format!("Illegal option -o {name}")).await,
            }
        }
    }
    if replaces || rest.peek().is_some() {
        shell.parameters = rest.cloned().collect();
    }
    Ok(0)
}

async fn list_options(shell: &mut Shell<'_>, readable: bool) -> Step<u8> {
    let mut text = String::new();
    if readable {
        text.push_str("Current option settings\n");
    }
    for (letter, name) in OPTIONS {
        let on = shell.options.has(letter);
        text.push_str(&match (readable, on) {
            (true, true) => format!("{name:<16}on\n"),
            (true, false) => format!("{name:<16}off\n"),
            (false, true) => format!("set -o {name}\n"),
            (false, false) => format!("set +o {name}\n"),
        });
    }
    shell.say(text).await
}

/// `shift`
pub async fn shift(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let count = match operands(words).first() {
        Some(word) => shell.number(word).await?,
        None => 1,
    };
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > shell.parameters.len() {
        return shell.fail("can't shift that many").await;
    }
    shell.parameters.drain(..count);
    Ok(0)
}

/// `getopts`
pub async fn getopts(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let [_, known, name, given @ ..] = words else {
        return shell.fail("Usage: getopts optstring var [arg...]").await;
    };
    if !is_name(name) {
        return shell.fail(format!("{name}: bad variable name")).await;
    }
    let given = if given.is_empty() { shell.parameters.clone() } else { given.to_vec() };
    let index: usize =
        shell.variables.value("OPTIND").and_then(|value| value.parse().ok()).unwrap_or(1).max(1);
    // Within a word OPTIND already names the next.
    let at = shell.letters.max(1);
    let place = if shell.letters > 0 { index.saturating_sub(2) } else { index - 1 };
    let word = given.get(place).filter(|word| word.len() > 1 && word.starts_with('-') && *word != "--");
    let Some(word) = word else {
        let ended = given.get(place).is_some_and(|word| word == "--");
        shell.assign("OPTIND", (index + usize::from(ended)).to_string()).await?;
        let _ = shell.variables.unset("OPTARG");
        shell.assign(name, "?".into()).await?;
        return Ok(1);
    };
    let letters: Vec<char> = word.chars().collect();
    let letter = letters.get(at).copied().unwrap_or('?');
    let (mut next, mut next_at) = (place + 2, if at + 1 < letters.len() { at + 1 } else { 0 });
    let quiet = known.starts_with(':');
    let position = known.find(letter).filter(|_| letter != ':');
    let wants = position.is_some_and(|at| known[at + letter.len_utf8()..].starts_with(':'));
    let (value, argument) = match position {
        None if quiet => ('?', Some(letter.to_string())),
        None => {
            shell.process.complain(format!("Illegal option -{letter}")).await;
            ('?', None)
        }
        Some(_) if wants => {
            let here: String = letters.iter().skip(at + 1).collect();
            let found = if here.is_empty() { given.get(place + 1).cloned() } else { Some(here.clone()) };
            (next, next_at) = (if here.is_empty() { place + 3 } else { place + 2 }, 0);
            match found {
                Some(found) => (letter, Some(found)),
                None => {
                    next = place + 2;
                    if quiet {
                        (':', Some(letter.to_string()))
                    } else {
                        shell.process.complain(format!("No arg for -{letter} option")).await;
                        ('?', None)
                    }
                }
            }
        }
        Some(_) => (letter, Some(String::new())),
    };
    shell.assign("OPTIND", next.to_string()).await?;
    shell.letters = next_at;
    match argument {
        Some(argument) => shell.assign("OPTARG", argument).await?,
        None => {
            let _ = shell.variables.unset("OPTARG");
        }
    }
    shell.assign(name, value.to_string()).await?;
    Ok(0)
}

/// `umask`
pub async fn umask(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let mask = shell.process.mask;
    match operands(words).first().map(String::as_str) {
        None => shell.say(format!("{mask:04o}\n")).await,
        Some("-S") => {
            let letters = |shift: u32| {
                let allowed = !(mask >> shift) & 7;
                [(4, 'r'), (2, 'w'), (1, 'x')]
                    .iter()
                    .filter(|(bit, _)| allowed & bit != 0)
                    .map(|(_, letter)| *letter)
                    .collect::<String>()
            };
            let text = format!("u={},g={},o={}\n", letters(6), letters(3), letters(0));
            shell.say(text).await
        }
        Some(text) => {
            let valid = !text.is_empty() && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
            match u32::from_str_radix(text, 8).ok().filter(|mask| valid && *mask <= 0o777) {
                Some(mask) => {
                    shell.process.mask = mask;
                    Ok(0)
                }
                None if text.starts_with(|first: char| first.is_ascii_digit()) => {
                    shell.fail(format!("Illegal number: {text}")).await
                }
                None => shell.fail(format!("Illegal mode: {text}")).await,
            }
        }
    }
}

/// `times`: the processors of a simulated host have not worked for it.
pub async fn times(shell: &mut Shell<'_>, _words: &[String], _tail: Tail) -> Step<u8> {
    shell.say("0m0.000000s 0m0.000000s\n0m0.000000s 0m0.000000s\n").await
}

/// `ulimit`: nothing is limited here.
pub async fn ulimit(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let asks = words.iter().skip(1).all(|word| word.starts_with('-'));
    if asks { shell.say("unlimited\n").await } else { Ok(0) }
}
