//! `drover explain`: what an error means, without any host.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::exit::Exit;
use crate::fleet::printable;
use crate::migrate::explain::{Explanation, Log, Overriding, Process, Verdict, is_log, logs};

/// How deep logs are looked for in a directory: those of a container lie in `userdata` or `criu.work`.
const DEPTH: usize = 3;

/// `drover explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// A log, printed errors, a directory or an archive of a checkpoint; - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(arguments: &ExplainArguments) -> anyhow::Result<Exit> {
    let file = &arguments.file;
    let found = match read(file) {
        Ok(found) => found,
        Err(error) => {
            writeln!(std::io::stderr(), "{error:#}")?;
            return Ok(Exit::Failed);
        }
    };
    let mut out = std::io::stdout();
    if arguments.json {
        let answer = serde_json::json!({ "file": file.to_string_lossy(), "logs": found });
        writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?;
    } else {
        print(&mut out, file, &found)?;
    }
    let known = found.iter().any(|log| log.explanation.failure().is_some());
    Ok(if known { Exit::Done } else { Exit::Failed })
}

/// Reads whatever was named; an error names the file.
fn read(file: &Path) -> anyhow::Result<Vec<Log>> {
    let name = printable(&file.to_string_lossy());
    if file == Path::new("-") {
        let found = logs(std::io::stdin().lock()).context("standard input cannot be read")?;
        anyhow::ensure!(!found.is_empty(), "what came on standard input is an archive without {LOGS}");
        return Ok(found);
    }
    let cannot = || format!("{name} cannot be read");
    if file.is_dir() {
        let mut found = Vec::new();
        in_directory(file, file, DEPTH, &mut found).with_context(cannot)?;
        anyhow::ensure!(!found.is_empty(), "{name} is a directory without {LOGS}");
        return Ok(found);
    }
    let found = File::open(file).and_then(logs).with_context(cannot)?;
    anyhow::ensure!(
        !found.is_empty(),
        "{name} is an archive without {LOGS}; Podman keeps them beside the container: “podman container inspect --format '{{{{.StaticDir}}}}' NAME” says where"
    );
    Ok(found)
}

const LOGS: &str = "a dump.log or restore.log";

/// Explains every log in a directory, in the order of their names.
fn in_directory(top: &Path, directory: &Path, depth: usize, found: &mut Vec<Log>) -> std::io::Result<()> {
    let mut entries = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Not followed: a link may lead anywhere, round in circles too.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 1 {
            in_directory(top, &path, depth - 1, found)?;
        } else if kind.is_file() && is_log(&path) {
            let name = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
            let read = File::open(&path).and_then(logs)?;
            found.extend(read.into_iter().map(|log| Log { name: Some(name.clone()), ..log }));
        }
    }
    Ok(())
}

fn print(out: &mut dyn Write, file: &Path, found: &[Log]) -> std::io::Result<()> {
    for (number, log) in found.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        let name = log.name.as_deref().map(printable);
        let name = name.unwrap_or_else(|| match file.to_string_lossy() {
            dash if dash == "-" => "standard input".into(),
            file => printable(&file),
        });
        print_one(out, &name, &log.explanation)?;
    }
    Ok(())
}

fn print_one(out: &mut dyn Write, name: &str, explanation: &Explanation) -> std::io::Result<()> {
    let Some((line, number)) = explanation.line.as_ref().zip(explanation.number) else {
        return writeln!(out, "{name}: {}", explanation.meaning());
    };
    writeln!(out, "{line}")?;
    let about = match &explanation.process {
        Some(Process { pid, command: Some(command) }) => format!(", about process {pid} ({command})"),
        Some(Process { pid, command: None }) => format!(", about process {pid}"),
        None => String::new(),
    };
    writeln!(out, "    line {number} of {name}{about}")?;
    writeln!(out, "what   {}", explanation.meaning())?;
    if let Some(failure) = explanation.failure() {
        writeln!(out, "why    {}", failure.cause)?;
        writeln!(out, "fix    {}", failure.fix)?;
        let overriding = match failure.overriding {
            Overriding::Possible => "can make sense",
            Overriding::Useless => "would be of no use",
        };
        match &failure.check {
            Some(check) => writeln!(
                out,
                "check  “{check}” finds it before anything is frozen; overriding it {overriding}"
            )?,
            None => writeln!(out, "check  none: it cannot be seen before")?,
        }
    }
    let list = |references: &[crate::migrate::explain::Reference]| {
        let names = references.iter().map(|one| format!("{}, {}", one.id, one.title));
        names.collect::<Vec<_>>().join("; ")
    };
    if let Verdict::Wrapper { candidates } = &explanation.verdict
        && !candidates.is_empty()
    {
        writeln!(out, "maybe  {}, which says no more than this", list(candidates))?;
    }
    if explanation.also.is_empty() { Ok(()) } else { writeln!(out, "also   {}", list(&explanation.also)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, text: &str) -> String {
        let mut out = Vec::new();
        let found = logs(text.as_bytes()).unwrap();
        print(&mut out, Path::new(name), &found).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_known_error_is_told_with_all_that_is_known() {
        let text = "(00.1) SEIZE 590 (comm odd): success\n\
                    (00.2) Error (criu/files-reg.c:1031): Can't dump ghost file /spool of 2097152 size, increase limit\n\
                    (00.3) Error (criu/bfd.c:131): bfd: Error flushing image: No space left on device\n\
                    (00.4) Error (criu/cr-dump.c:1545): Dump files (pid: 590) failed with -1\n";
        insta::assert_snapshot!(told("dump.log", text));
    }

    #[test]
    fn what_is_not_known_is_said_plainly() {
        insta::assert_snapshot!(
            [
                told("-", "Error: something new\n"),
                told("empty.log", ""),
                told("-", "criu failed: type NOTIFY errno 0\nlog file: /v/restore.log\n"),
                told("-", "Error (criu/cr-dump.c:2111): Dumping FAILED.\n"),
            ]
            .join("---\n")
        );
    }

    #[test]
    fn logs_are_found_in_a_directory_and_errors_name_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let empty = read(path).unwrap_err().to_string();
        assert!(empty.contains("is a directory without a dump.log"), "{empty}");
        assert!(empty.contains(&*path.to_string_lossy()), "{empty}");
        std::fs::create_dir(path.join("criu.work")).unwrap();
        std::fs::write(path.join("criu.work/dump.log"), "Error (criu/cr-restore.c:1): Core march mismatch 2")
            .unwrap();
        std::fs::write(path.join("restore.log"), "").unwrap();
        std::fs::write(path.join("other.txt"), "Error: no").unwrap();
        std::os::unix::fs::symlink(path, path.join("round")).unwrap();
        let found = read(path).unwrap();
        let names: Vec<_> = found.iter().filter_map(|log| log.name.as_deref()).collect();
        assert_eq!(names, ["criu.work/dump.log", "restore.log"]);
        let missing = format!("{:#}", read(&path.join("missing.log")).unwrap_err());
        assert!(missing.contains("missing.log cannot be read: No such file"), "{missing}");
    }
}
