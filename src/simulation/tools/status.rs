//! How a host does: free, uptime, nproc; and which version a program has.

use super::call::{Call, Grammar, Outcome, base, fail};
use super::show::human;
use super::time;
use crate::simulation::machine::process::Process;

/// What a program says when it is asked for its version, and nothing if it is not.
pub(super) fn version(words: &[String]) -> Option<String> {
    if words.len() != 2 || words[1] != "--version" {
        return None;
    }
    let name = base(words);
    // As Debian 13 has them.
    Some(match name {
        "tar" => "tar (GNU tar) 1.35\n".to_owned(),
        "find" | "xargs" => format!("{name} (GNU findutils) 4.10.0\n"),
        "grep" | "egrep" | "fgrep" => format!("{name} (GNU grep) 3.11\n"),
        "sed" => "sed (GNU sed) 4.9\n".to_owned(),
        "gzip" | "gunzip" | "zcat" => format!("{name} 1.13\n"),
        "zstd" | "unzstd" | "zstdcat" => "*** Zstandard CLI (64-bit) v1.5.7, by Yann Collet ***\n".to_owned(),
        "awk" | "mawk" => "mawk 1.3.4 20250131\n".to_owned(),
        "curl" => "curl 8.14.1 (x86_64-pc-linux-gnu) libcurl/8.14.1\nProtocols: http\n".to_owned(),
        "cmp" => "cmp (GNU diffutils) 3.10\n".to_owned(),
        "ps" | "free" | "uptime" | "kill" => format!("{name} from procps-ng 4.0.4\n"),
        "lscpu" | "mount" | "umount" | "unshare" | "mountpoint" | "setsid" => {
            format!("{name} from util-linux 2.41\n")
        }
        "sudo" => "Sudo version 1.9.16p2\n".to_owned(),
        "echo" | "printf" | "true" | "false" | "which" | "hostname" | "clear" | "test" | "[" | "ip"
        | "ss" | "hexdump" => return None,
        _ => format!("{name} (GNU coreutils) 9.7\n"),
    })
}

/// nproc(1)
pub(super) async fn nproc(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(words, &Grammar { short: "", long: &[("all", 'a'), ("ignore=", 'i')], wrong: 1 })?;
    let ignored = call.value('i').and_then(|text| text.parse().ok()).unwrap_or(0);
    let count = process.machine.plan.cores.saturating_sub(ignored).max(1);
    process.out(format!("{count}\n")).await?;
    Ok(0)
}

/// lscpu(1), as far as a plan knows a processor
pub(super) async fn lscpu(process: &mut Process, _words: &[String]) -> Outcome {
    let plan = &process.machine.plan;
    let rows = [
        ("Architecture:", plan.architecture.to_string()),
        ("CPU(s):", plan.cores.to_string()),
        ("Model name:", plan.cpu_model.clone()),
        ("Flags:", plan.cpu_flags.join(" ")),
    ];
    let text: String = rows.iter().map(|(title, value)| format!("{title:<33}{value}\n")).collect();
    process.out(text).await?;
    Ok(0)
}

/// uptime(1)
pub(super) async fn uptime(process: &mut Process, words: &[String]) -> Outcome {
    let call =
        Call::parse(words, &Grammar { short: "ps", long: &[("pretty", 'p'), ("since", 's')], wrong: 1 })?;
    let (now, up) = (process.machine.calendar(), process.machine.uptime());
    let minutes = up.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let text = if call.has('s') {
        time::format(now.saturating_sub(up), "%F %T")
    } else if call.has('p') {
        let parts = [(days, "day"), (hours, "hour"), (minutes, "minute")];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, unit)| format!("{number} {unit}{}", if *number == 1 { "" } else { "s" }))
            .collect();
        format!("up {}", parts.join(", "))
    } else {
        let days = match days {
            0 => String::new(),
            1 => "1 day, ".to_owned(),
            days => format!("{days} days, "),
        };
        let clock = if hours > 0 { format!("{hours:>2}:{minutes:02}") } else { format!("{minutes} min") };
        let load = process.content("/proc/loadavg").unwrap_or_default();
        let load = String::from_utf8_lossy(&load);
        let mut load: Vec<&str> = load.split_whitespace().take(3).collect();
        load.resize(3, "0.00");
        let now = time::format(now, "%T");
        format!(" {now} up {days}{clock},  1 user,  load average: {}", load.join(", "))
    };
    process.out(text + "\n").await?;
    Ok(0)
}

/// free(1)
pub(super) async fn free(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "bkmghtw",
            long: &[
                ("bytes", 'b'),
                ("kibi", 'k'),
                ("mebi", 'm'),
                ("gibi", 'g'),
                ("human", 'h'),
                ("total", 't'),
                ("wide", 'w'),
            ],
            wrong: 1,
        },
    )?;
    let text = match process.content("/proc/meminfo") {
        Ok(text) => text,
        Err(error) => return fail(format!("Error: /proc must be mounted ({error})")),
    };
    let text = String::from_utf8_lossy(&text);
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let show = |bytes: u64| match call.last_of("bkmgh") {
        Some('b') => bytes.to_string(),
        Some('m') => (bytes >> 20).to_string(),
        Some('g') => (bytes >> 30).to_string(),
        Some('h') if bytes < 1024 => format!("{bytes}B"),
        Some('h') => human(bytes) + "i",
        _ => (bytes >> 10).to_string(),
    };
    let (total, available) = (figure("MemTotal"), figure("MemAvailable"));
    let cache = figure("Buffers") + figure("Cached") + figure("SReclaimable");
    let (swap, swap_free) = (figure("SwapTotal"), figure("SwapFree"));
    let row = |title: &str, values: &[u64]| {
        let cells: String = values.iter().map(|value| format!("{:>12}", show(*value))).collect();
        format!("{title:<8}{}\n", &cells)
    };
    let mut out = String::from("        ");
    for title in ["total", "used", "free", "shared", "buff/cache", "available"] {
        out.push_str(&format!("{title:>12}"));
    }
    out.push('\n');
    let used = total.saturating_sub(available);
    out.push_str(&row("Mem:", &[total, used, figure("MemFree"), figure("Shmem"), cache, available]));
    out.push_str(&row("Swap:", &[swap, swap - swap_free.min(swap), swap_free]));
    if call.has('t') {
        out.push_str(&row(
            "Total:",
            &[total + swap, used + swap - swap_free.min(swap), figure("MemFree") + swap_free],
        ));
    }
    process.out(out).await?;
    Ok(0)
}
