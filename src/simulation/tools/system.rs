//! Who and what a host is: id, whoami, uname, hostname, which, pwd; and kill.

use super::call::{Call, Grammar, Outcome, fail, quoted};
use super::show::known_name;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::locate;
use crate::simulation::machine::signal::Signal;

/// id(1): everybody here is root.
pub(super) async fn id(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "aGgnruz",
            long: &[("group", 'g'), ("groups", 'G'), ("name", 'n'), ("real", 'r'), ("user", 'u')],
            wrong: 1,
        },
    )?;
    let user = match call.operands.first() {
        None => 0,
        Some(name) => match super::show::identity(process, "/etc/passwd", name) {
            Some(id) if known_name(process, "/etc/passwd", id).is_some() => id,
            _ => return fail(format!("{}: no such user", quoted(name))),
        },
    };
    let text = match (call.last_of("ugG"), call.has('n')) {
        (None, true) => return fail("cannot print only names or real IDs in default format"),
        (Some('u'), true) => known_name(process, "/etc/passwd", user).unwrap_or_else(|| user.to_string()),
        (Some(_), true) => known_name(process, "/etc/group", user).unwrap_or_else(|| user.to_string()),
        (Some(_), false) => user.to_string(),
        (None, false) => {
            let name = |file: &str| match known_name(process, file, user) {
                Some(name) => format!("{user}({name})"),
                None => user.to_string(),
            };
            let (user, group) = (name("/etc/passwd"), name("/etc/group"));
            format!("uid={user} gid={group} groups={group}")
        }
    };
    process.out(text + "\n").await?;
    Ok(0)
}

/// whoami(1)
pub(super) async fn whoami(process: &mut Process, _words: &[String]) -> Outcome {
    let name = known_name(process, "/etc/passwd", 0).unwrap_or_else(|| "root".into());
    process.out(name + "\n").await?;
    Ok(0)
}

/// uname(1)
pub(super) async fn uname(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "asnrvmpio",
            long: &[
                ("all", 'a'),
                ("kernel-name", 's'),
                ("nodename", 'n'),
                ("kernel-release", 'r'),
                ("kernel-version", 'v'),
                ("machine", 'm'),
                ("processor", 'p'),
                ("hardware-platform", 'i'),
                ("operating-system", 'o'),
            ],
            wrong: 1,
        },
    )?;
    if let Some(extra) = call.operands.first() {
        return fail(format!("extra operand {}\nTry 'uname --help' for more information.", quoted(extra)));
    }
    let plan = &process.machine.plan;
    let values = [
        ('s', "Linux".to_owned()),
        ('n', plan.name.to_string()),
        ('r', plan.kernel.clone()),
        ('v', kernel_version(&plan.kernel)),
        ('m', plan.architecture.to_string()),
        ('p', "unknown".to_owned()),
        ('i', "unknown".to_owned()),
        ('o', "GNU/Linux".to_owned()),
    ];
    let wanted = |key: &char| match call.options.is_empty() {
        true => *key == 's',
        // What is not known is left out of `-a`.
        false => call.has(*key) || call.has('a') && !matches!(*key, 'p' | 'i'),
    };
    let words: Vec<&str> =
        values.iter().filter(|(key, _)| wanted(key)).map(|(_, value)| value.as_str()).collect();
    process.out(words.join(" ") + "\n").await?;
    Ok(0)
}

/// The `-v` of a kernel, which distributions make of its version.
fn kernel_version(release: &str) -> String {
    match release.split_once('+') {
        Some((version, _)) => format!("#1 SMP PREEMPT_DYNAMIC Debian {version}-1"),
        None => "#1 SMP PREEMPT_DYNAMIC".to_owned(),
    }
}

/// hostname(1)
pub(super) async fn hostname(process: &mut Process, words: &[String]) -> Outcome {
    let call =
        Call::parse(words, &Grammar { short: "sfdiI", long: &[("short", 's'), ("fqdn", 'f')], wrong: 1 })?;
    if !call.operands.is_empty() {
        return fail("you must be root to change the host name");
    }
    let name = process.machine.plan.name.to_string();
    process.out(name + "\n").await?;
    Ok(0)
}

/// which(1)
pub(super) async fn which(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "as", long: &[], wrong: 2 })?;
    let mut code = u8::from(call.operands.is_empty());
    for name in &call.operands {
        if name.contains('/') {
            match locate(process, name) {
                Ok(_) => process.out(format!("{name}\n")).await?,
                Err(_) => code = 1,
            }
            continue;
        }
        let path = process.environment.get("PATH").cloned().unwrap_or_default();
        let mut found = false;
        for directory in path.split(':') {
            let place = format!("{directory}/{name}");
            if (!found || call.has('a')) && locate(process, &place).is_ok() {
                found = true;
                process.out(place + "\n").await?;
            }
        }
        if !found {
            code = 1;
        }
    }
    Ok(code)
}

/// pwd(1)
pub(super) async fn pwd(process: &mut Process, _words: &[String]) -> Outcome {
    process.out(process.directory.clone() + "\n").await?;
    Ok(0)
}

/// kill(1)
pub(super) async fn kill(process: &mut Process, words: &[String]) -> Outcome {
    let mut signal = Signal::Terminate;
    // Whether the process is there.
    let mut only_ask = false;
    let mut rest = words.get(1..).unwrap_or_default();
    while let Some(option) = rest.first().and_then(|word| word.strip_prefix('-')) {
        let text = match option {
            "-" => {
                rest = &rest[1..];
                break;
            }
            "l" | "L" | "-list" => {
                let names: Vec<&str> = Signal::ALL.iter().map(|signal| signal.name()).collect();
                process.out(names.join("\n") + "\n").await?;
                return Ok(0);
            }
            "s" | "-signal" | "n" => {
                rest = &rest[1..];
                rest.first().cloned().unwrap_or_default()
            }
            other => other.strip_prefix("-signal=").or(other.strip_prefix('s')).unwrap_or(other).to_owned(),
        };
        rest = rest.get(1..).unwrap_or_default();
        only_ask = text == "0";
        if !only_ask {
            match text.parse() {
                Ok(parsed) => signal = parsed,
                Err(()) => return fail(format!("{}: invalid signal", quoted(&text))),
            }
        }
    }
    if rest.is_empty() {
        return fail("not enough arguments");
    }
    let mut code = 0;
    for text in rest {
        let Ok(id) = text.parse::<u32>() else {
            return fail(format!("failed to parse argument: {}", quoted(text)));
        };
        match process.machine.processes.get(id) {
            Some(entry) if !only_ask => entry.signal(signal),
            Some(_) => {}
            None => {
                process.complain(format!("kill: sending signal to {id} failed: No such process")).await;
                code = 1;
            }
        }
    }
    Ok(code)
}
