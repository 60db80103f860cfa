//! `wait`, `kill`, `jobs` and `trap`.

use super::operands;
use crate::simulation::machine::programs::Running;
use crate::simulation::machine::signal::Signal;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::state::Shell;
use crate::simulation::shell::variables::quoted;

/// `wait`
pub async fn wait(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let ids = operands(words);
    if ids.is_empty() {
        while let Some((id, running)) = shell.jobs.first_key_value() {
            let (id, running) = (*id, running.clone());
            if let Err(signal) = wait_for(shell, running).await {
                return Ok(128 + signal.number());
            }
            shell.jobs.remove(&id);
        }
        return Ok(0);
    }
    let mut status = 0;
    for word in ids {
        let id = shell.number(word).await?;
        let known = u32::try_from(id).ok().and_then(|id| shell.jobs.get(&id).cloned());
        let Some(running) = known else {
            status = 127;
            continue;
        };
        // Its exit code can be asked for again.
        match wait_for(shell, running).await {
            Ok(code) => status = code,
            Err(signal) => return Ok(128 + signal.number()),
        }
    }
    Ok(status)
}

/// The exit code of a job, or the signal for a trap that came first.
async fn wait_for(shell: &mut Shell<'_>, mut running: Running) -> Result<u8, Signal> {
    let interrupted = shell.process.interrupted();
    tokio::select! {
        biased;
        () = interrupted => {
            let caught = shell.process.caught();
            // They are put back: their commands run before the next one of the script.
            if let Some(entry) = shell.process.machine.processes.get(shell.process.id()) {
                caught.iter().for_each(|signal| entry.signal(*signal));
            }
            Err(caught.first().copied().unwrap_or(Signal::Interrupt))
        }
        code = running.wait() => Ok(code),
    }
}

/// `jobs`
pub async fn jobs(shell: &mut Shell<'_>, _words: &[String], _tail: Tail) -> Step<u8> {
    let mut text = String::new();
    for (index, id) in shell.jobs.keys().enumerate() {
        let entry = shell.process.machine.processes.get(*id);
        let (state, words) = match entry {
            Some(entry) => ("Running", crate::simulation::locked(&entry.words).join(" ")),
            None => ("Done", String::new()),
        };
        text.push_str(format!("[{}] + {state}                 {words}", index + 1).trim_end());
        text.push('\n');
    }
    shell.say(text).await
}

/// `kill`
pub async fn kill(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let words = words.get(1..).unwrap_or_default();
    let (signal, ids) = match words {
        [flag, rest @ ..] if flag == "-l" => {
            if let Some(number) = rest.first() {
                let number =
                    number.parse::<u8>().map(|number| if number > 128 { number - 128 } else { number });
                let found = number.ok().and_then(|number| number.to_string().parse::<Signal>().ok());
                return match found {
                    Some(signal) => shell.say(format!("{signal}\n")).await,
                    None => shell.fail(format!("invalid signal number or exit status: {}", rest[0])).await,
                };
            }
            let names: String = Signal::ALL.iter().map(|signal| format!("{signal}\n")).collect();
            return shell.say(names).await;
        }
        [flag, name, rest @ ..] if flag == "-s" => (name.as_str(), rest),
        [flag, rest @ ..] if flag == "--" => ("TERM", rest),
        [flag, rest @ ..] if flag.len() > 1 && flag.starts_with('-') => (flag.trim_start_matches('-'), rest),
        rest => ("TERM", rest),
    };
    let ids = if ids.first().is_some_and(|id| id == "--") { ids.get(1..).unwrap_or_default() } else { ids };
    let wanted = match signal {
        "0" | "EXIT" => None,
        name => match name.parse::<Signal>() {
            Ok(signal) => Some(signal),
            Err(()) => {
                let letter: String = signal.chars().take(1).collect();
                return shell.refuse(2, format!("Illegal option -{letter}")).await;
            }
        },
    };
    if ids.is_empty() {
        let usage = "Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]... or\nkill -l [exitstatus]";
        return shell.refuse(2, usage).await;
    }
    let mut status = 0;
    for word in ids {
        let Ok(id) = word.parse::<u32>() else {
            return shell.refuse(2, format!("Illegal number: {word}")).await;
        };
        match shell.process.machine.processes.get(id) {
            Some(entry) => {
                if let Some(signal) = wanted {
                    entry.signal(signal);
                }
            }
            // The first process is always there and takes no signal from anybody.
            None if id == 1 => {}
            None => {
                shell.complain("No such process\n").await;
                status = 1;
            }
        }
    }
    // What was sent to this very process takes effect now.
    tokio::task::yield_now().await;
    Ok(status)
}

/// `trap`
pub async fn trap(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let rest = operands(words);
    let (action, conditions) = match rest {
        [] => {
            let name = |condition: &Option<Signal>| condition.map_or("EXIT", Signal::name);
            let lines = shell
                .traps
                .all()
                .map(|(condition, action)| format!("trap -- {} {}\n", quoted(action), name(condition)));
            let text: String = lines.collect();
            return shell.say(text).await;
        }
        [only] => (None, std::slice::from_ref(only)),
        [first, conditions @ ..] if first == "-" => (None, conditions),
        // A number in the first place names a signal, too.
        [first, ..] if first.parse::<u8>().is_ok() => (None, rest),
        [action, conditions @ ..] => (Some(action.as_str()), conditions),
    };
    for name in conditions {
        let condition = match name.as_str() {
            "0" | "EXIT" => None,
            name => match name.parse::<Signal>() {
                Ok(signal) => Some(signal),
                Err(()) => {
                    shell.process.complain(format!("trap: {name}: bad trap")).await;
                    return Ok(1);
                }
            },
        };
        let process = &*shell.process;
        shell.state.traps.change(process, condition, action);
    }
    Ok(0)
}
