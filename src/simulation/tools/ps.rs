//! ps(1)

use std::collections::BTreeSet;
use std::time::Duration;

use super::call::{Call, Failure, Grammar, Outcome};
use super::time;
use crate::simulation::locked;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;

/// What ps shows of a process.
struct Task {
    id: u32,
    parent: u32,
    words: Vec<String>,
    command: String,
    started: Duration,
    state: String,
    /// Resident and whole memory, bytes.
    resident: u64,
    size: u64,
    /// Processor time used.
    time: Duration,
}

/// Linux' clock ticks for each second, as /proc shows them.
const TICKS: u64 = 100;

/// All processes: those of the machine's table and those that only /proc knows.
fn tasks(process: &Process) -> Vec<Task> {
    let machine = &process.machine;
    let entries = machine.processes.all();
    let mut ids: BTreeSet<u32> = entries.iter().map(|entry| entry.id).collect();
    if let Ok(place) = process.find("/proc", LastLink::Follow) {
        ids.extend(place.node.names().unwrap_or_default().iter().filter_map(|name| name.parse::<u32>().ok()));
    }
    let read = |id: u32, file: &str| {
        let bytes = process.content(&format!("/proc/{id}/{file}")).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut tasks = Vec::new();
    for id in ids {
        let entry = entries.iter().find(|entry| entry.id == id);
        let words = match (read(id, "cmdline").filter(|text| !text.is_empty()), entry) {
            (Some(text), _) => text.trim_end_matches('\0').split('\0').map(str::to_owned).collect(),
            (None, Some(entry)) => locked(&entry.words).clone(),
            (None, None) => Vec::new(),
        };
        let status = read(id, "status").unwrap_or_default();
        let line = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let kibibytes = |name: &str| {
            line(name).and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
        };
        let stat = read(id, "stat").unwrap_or_default();
        let fields: Vec<&str> =
            stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok());
        let since_boot = ticks(19).map(|ticks| Duration::from_millis(ticks * 1000 / TICKS));
        let boot = machine.calendar().saturating_sub(machine.uptime());
        let age = entry.map(|entry| machine.clock.now().saturating_sub(entry.started));
        let started = match (since_boot, age) {
            (Some(since), _) => boot + since,
            (None, age) => machine.calendar().saturating_sub(age.unwrap_or_default()),
        };
        let program = words.first().map(|word: &String| word.rsplit('/').next().unwrap_or(word).to_owned());
        let command = read(id, "comm").map(|text| text.trim_end().to_owned()).or(program).unwrap_or_default();
        let parent = line("PPid").and_then(|text| text.parse().ok()).or(entry.map(|entry| entry.parent));
        if words.is_empty() && command.is_empty() {
            continue;
        }
        tasks.push(Task {
            id,
            parent: parent.unwrap_or(0),
            state: line("State")
                .and_then(|text| text.get(..1))
                .unwrap_or(if id == process.id() { "R" } else { "S" })
                .to_owned(),
            resident: kibibytes("VmRSS"),
            size: kibibytes("VmSize"),
            time: Duration::from_millis((ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0)) * 1000 / TICKS),
            words,
            command,
            started,
        });
    }
    tasks
}

impl Task {
    fn arguments(&self) -> String {
        match self.words.is_empty() {
            true => format!("[{}]", self.command),
            false => self.words.join(" "),
        }
    }

    fn elapsed(&self, process: &Process) -> Duration {
        process.machine.calendar().saturating_sub(self.started)
    }

    fn column(&self, process: &Process, name: &str) -> Option<(&'static str, bool, String)> {
        let memory = process.machine.plan.memory.max(1);
        let start = if self.elapsed(process) < Duration::from_secs(86_400) { "%H:%M" } else { "%b%d" };
        let elapsed = self.elapsed(process);
        let share = |part: f64| format!("{:.1}", part * 100.0);
        let processor = if elapsed.is_zero() { 0.0 } else { self.time.as_secs_f64() / elapsed.as_secs_f64() };
        Some(match name {
            "pid" | "tgid" => ("PID", true, self.id.to_string()),
            "ppid" => ("PPID", true, self.parent.to_string()),
            "pgid" | "pgrp" => ("PGID", true, self.id.to_string()),
            "user" | "euser" | "uname" | "uid_hack" => ("USER", false, "root".to_owned()),
            "uid" | "euid" => ("UID", true, "0".to_owned()),
            "comm" | "ucmd" => ("COMMAND", false, self.command.clone()),
            "args" | "cmd" | "command" => {
                (if name == "cmd" { "CMD" } else { "COMMAND" }, false, self.arguments())
            }
            "stat" => ("STAT", false, self.state.clone()),
            "s" | "state" => ("S", false, self.state.clone()),
            "tty" | "tt" | "tname" => (if name == "tty" { "TTY" } else { "TT" }, false, "?".to_owned()),
            "rss" | "rssize" => ("RSS", true, (self.resident >> 10).to_string()),
            "vsz" | "vsize" => ("VSZ", true, (self.size >> 10).to_string()),
            "pmem" | "%mem" => ("%MEM", true, share(self.resident as f64 / memory as f64)),
            "pcpu" | "%cpu" => ("%CPU", true, share(processor)),
            "c" => ("C", true, format!("{:.0}", processor * 100.0)),
            "start" | "start_time" | "bsdstart" => ("START", true, time::format(self.started, start)),
            "stime" => ("STIME", false, time::format(self.started, start)),
            "lstart" => ("STARTED", true, time::format(self.started, "%a %b %e %T %Y")),
            "etimes" => ("ELAPSED", true, elapsed.as_secs().to_string()),
            "etime" => ("ELAPSED", true, clock(elapsed)),
            "time" | "cputime" => ("TIME", true, format!("{:0>8}", long_clock(self.time))),
            "bsdtime" => {
                ("TIME", true, format!("{}:{:02}", self.time.as_secs() / 60, self.time.as_secs() % 60))
            }
            _ => return None,
        })
    }
}

fn long_clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// `[[DD-]hh:]mm:ss`
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 3_600 % 24) {
        (0, 0) => format!("{:02}:{:02}", seconds / 60, seconds % 60),
        (0, _) => long_clock(time),
        (days, hours) => format!("{days}-{hours:02}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// ps(1)
pub(super) async fn ps(process: &mut Process, words: &[String]) -> Outcome {
    // BSD's options have no dash.
    let mut words = words.to_vec();
    let mut bsd = String::new();
    if let Some(word) = words.get(1)
        && !word.starts_with('-')
        && word.chars().all(|c| "auxwfej".contains(c))
    {
        bsd = words.remove(1);
    }
    let call = Call::parse(
        &words,
        &Grammar {
            short: "AaefFljwp:o:C:u:U:H",
            long: &[
                ("pid=", 'p'),
                ("format=", 'o'),
                ("no-headers", 'N'),
                ("no-heading", 'N'),
                ("sort=", 'S'),
                ("ppid=", 'P'),
                ("forest", 'H'),
                ("user=", 'u'),
            ],
            wrong: 1,
        },
    )?;
    let numbers = |key: char| -> Option<Vec<u32>> {
        let texts = call.options.iter().filter(|(given, _)| *given == key);
        let numbers: Vec<u32> =
            texts.flat_map(|(_, text)| text.split([',', ' '])).filter_map(|text| text.parse().ok()).collect();
        call.has(key).then_some(numbers)
    };
    let (ids, parents) = (numbers('p'), numbers('P'));
    let all = call.has('e') || call.has('A') || bsd.contains('x') || bsd.contains('a');
    let mut shown = tasks(process);
    shown.retain(|task| match (&ids, &parents, call.value('C')) {
        (Some(ids), ..) => ids.contains(&task.id),
        (None, Some(parents), _) => parents.contains(&task.parent),
        (None, None, Some(names)) => names.split(',').any(|name| name == task.command),
        (None, None, None) => {
            all || call.has('u') || call.has('U') || task.id == process.id() || task.id == process.parent()
        }
    });
    let columns: Vec<String> = if call.has('o') {
        let texts = call.options.iter().filter(|(key, _)| *key == 'o');
        texts
            .flat_map(|(_, text)| text.split(if text.contains('=') { '\u{0}' } else { ',' }))
            .flat_map(|text| text.split(','))
            .map(|name| name.trim().to_owned())
            .collect()
    } else if bsd.contains('u') {
        "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,bsdtime,command".split(',').map(str::to_owned).collect()
    } else if call.has('f') || call.has('F') {
        "user=UID,pid,ppid,c,stime,tty,time,cmd".split(',').map(str::to_owned).collect()
    } else if bsd.is_empty() {
        "pid,tty,time,comm=CMD".split(',').map(str::to_owned).collect()
    } else {
        "pid,tty,stat,bsdtime,command".split(',').map(str::to_owned).collect()
    };
    let columns: Vec<(&str, Option<&str>)> = columns
        .iter()
        .map(|column| {
            column.split_once('=').map_or((column.as_str(), None), |(name, title)| (name, Some(title)))
        })
        .collect();
    if let Some(key) = call.value('S') {
        let name = key.trim_start_matches(['-', '+']);
        let value = |task: &Task| match name {
            "rss" => task.resident,
            "vsz" => task.size,
            "pcpu" | "%cpu" | "time" => task.time.as_millis() as u64,
            _ => u64::from(task.id),
        };
        shown.sort_by_key(value);
        if key.starts_with('-') {
            shown.reverse();
        }
    }
    let sample = Task {
        id: 1,
        parent: 0,
        words: Vec::new(),
        command: String::new(),
        started: Duration::ZERO,
        state: String::new(),
        resident: 0,
        size: 0,
        time: Duration::ZERO,
    };
    let mut titles = Vec::new();
    for (name, title) in &columns {
        match sample.column(process, name) {
            Some((usual, right, _)) => titles.push((title.unwrap_or(usual).to_owned(), right)),
            None => {
                let text = format!("unknown user-defined format specifier \"{name}\"");
                return Err(Failure::Said(1, format!("error: {text}")));
            }
        }
    }
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|task| {
            columns.iter().filter_map(|(name, _)| task.column(process, name)).map(|column| column.2).collect()
        })
        .collect();
    let mut out = String::new();
    let headers = !call.has('N') && titles.iter().any(|(title, _)| !title.is_empty());
    let head = headers.then(|| titles.iter().map(|(title, _)| title.clone()).collect::<Vec<_>>());
    for row in head.iter().chain(&rows) {
        let mut line = String::new();
        for (at, cell) in row.iter().enumerate() {
            let (title, right) = &titles[at];
            // procps' own least widths: 7 for ids, 8 for users and commands.
            let least = match columns[at].0 {
                "pid" | "ppid" | "pgid" | "vsz" => 7,
                "user" | "comm" | "tty" => 8,
                "rss" => 5,
                "stat" => 4,
                "%cpu" | "pcpu" | "%mem" | "pmem" => 4,
                _ => 0,
            };
            let widest = rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
            let width = least.max(title.len()).max(if at + 1 == row.len() { 0 } else { widest });
            if at > 0 {
                line.push(' ');
            }
            match (at + 1 == row.len() && !right, *right) {
                (true, _) => line.push_str(cell),
                (false, true) => line.push_str(&format!("{cell:>width$}")),
                (false, false) => line.push_str(&format!("{cell:<width$}")),
            }
        }
        out.push_str(&line);
        out.push('\n');
    }
    process.out(out).await?;
    Ok(u8::from(rows.is_empty()))
}
