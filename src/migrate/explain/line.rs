//! What a single line says.

use std::sync::LazyLock;

use regex::{Regex, bytes};

use super::catalogue::Catalogue;

/// What a line is to whoever looks for a cause.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// CRIU names a process: its number and its command.
    Named(u32, String),
    /// CRIU says that it has done its work.
    Finished,
    /// An error of CRIU; the text from its word `Error` on, and the place of its entry.
    Criu { text: String, entry: Option<usize> },
    /// What follows from an error of CRIU, with the process that it names.
    Cascade { pid: Option<u32>, last: bool },
    /// An engine's or runtime's error, and the place of its entry.
    Engine { entry: Option<usize> },
    /// Words that only lead to CRIU's log, with its path where they have it.
    Wrapper { log: Option<String> },
    /// Nothing of interest.
    Nothing,
}

struct Expressions {
    criu_error: Regex,
    named: Regex,
    finished: Regex,
    pid: Regex,
    log: Regex,
    error: Regex,
    quiet: Regex,
    criu_log: bytes::Regex,
    notable: bytes::Regex,
}

/// That each can be compiled is what a test is for.
static EXPRESSIONS: LazyLock<Option<Expressions>> = LazyLock::new(|| expressions().ok());

fn expressions() -> Result<Expressions, regex::Error> {
    Ok(Expressions {
        criu_error: Regex::new(r"Error \((?:[\w+.-]+/)*[\w+.-]+\.[chS]:\d+\)")?,
        named: Regex::new(
            r"SEIZE (\d+) \(comm ([^)]*)\)|\(pid: (\d+) comm: ([^)]*)\)|zombie (\d+) \(comm ([^)]*)\) found",
        )?,
        finished: Regex::new(r"(?:[Dd]umping|Restore) finished successfully")?,
        pid: Regex::new(r"\(pid: (\d+)\)")?,
        log: Regex::new("(?:logfile|log file:?|path=)[ `'\"]*(/[^\\s`'\":\\\\]+)")?,
        // After the marks of Podman, Docker, runC's and containerd's loggers, and of the Kubernetes tools.
        error: Regex::new(
            r#"(?i)(?:^|[\s"'(:])error:|\berror response from daemon|\blevel=(?:error|fatal|panic)\b|^(?:ERRO|FATA|PANI)\[|^(?:crun|runc|docker|podman|ctr|criu|crictl): "#,
        )?,
        quiet: Regex::new(r"(?i)\blevel=(?:warn|warning|info|debug|trace)\b|^(?:WARN|INFO|DEBU|TRAC)\[")?,
        criu_log: bytes::Regex::new(r"(?-u)^\s*(?:\(\d+\.\d+\)|pie: )")?,
        notable: bytes::Regex::new(r"(?-u)Error \(|comm|finished successfully")?,
    })
}

/// Whether a line may be passed over without another look: most of CRIU's log is like that.
pub(super) fn passes(line: &[u8]) -> bool {
    EXPRESSIONS
        .as_ref()
        .is_some_and(|expressions| expressions.criu_log.is_match(line) && !expressions.notable.is_match(line))
}

/// The process that a line names: its number and its command.
pub(super) fn named(line: &str) -> Option<(u32, String)> {
    let names = EXPRESSIONS.as_ref()?.named.captures(line)?;
    let mut groups = names.iter().skip(1).flatten().map(|group| group.as_str());
    let pid = groups.next()?.parse().ok()?;
    Some((pid, groups.next()?.to_owned()))
}

/// Reads a cleaned line.
pub(super) fn read(line: &str, catalogue: &Catalogue) -> Said {
    let Some(expressions) = EXPRESSIONS.as_ref() else { return Said::Nothing };
    if line.is_empty() {
        return Said::Nothing;
    }
    if let Some(error) = expressions.criu_error.find(line) {
        return criu_error(line, &line[error.start()..], expressions, catalogue);
    }
    if let Some((pid, command)) = named(line) {
        return Said::Named(pid, command);
    }
    if expressions.finished.is_match(line) {
        return Said::Finished;
    }
    if expressions.criu_log.is_match(line.as_bytes()) || expressions.quiet.is_match(line) {
        return Said::Nothing;
    }
    if let Some(entry) = catalogue.entry(line) {
        return Said::Engine { entry: Some(entry) };
    }
    if catalogue.wrappers.is_match(line) {
        let log = expressions.log.captures(line).and_then(|found| found.get(1));
        return Said::Wrapper { log: log.map(|path| path.as_str().to_owned()) };
    }
    if expressions.error.is_match(line) { Said::Engine { entry: None } } else { Said::Nothing }
}

fn criu_error(line: &str, error: &str, expressions: &Expressions, catalogue: &Catalogue) -> Said {
    if catalogue.harmless.is_match(error) {
        return Said::Nothing;
    }
    if catalogue.cascade.is_match(error) {
        let pid = expressions.pid.captures(error).and_then(|found| found.get(1)?.as_str().parse().ok());
        return Said::Cascade { pid, last: error.contains(" FAILED") };
    }
    // Quoted by a logger, the line ends with the logger's own mark.
    let quoted = line.contains("msg=\"");
    let text = if quoted { error.trim_end_matches('"') } else { error };
    Said::Criu { text: text.to_owned(), entry: catalogue.entry(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::explain::catalogue::catalogue;

    #[test]
    fn every_expression_is_one() {
        assert!(expressions().is_ok());
    }

    #[test]
    fn lines_are_told_apart() {
        let read = |line| super::read(line, catalogue());
        assert_eq!(read("(00.003649) SEIZE 1413 (comm odd): success"), Said::Named(1413, "odd".into()));
        assert_eq!(
            read("(00.01) Dumping task (pid: 1413 comm: redis-server)"),
            Said::Named(1413, "redis-server".into())
        );
        assert_eq!(
            read("(00.110842) Error (criu/cr-dump.c:1545): Dump files (pid: 590) failed with -1"),
            Said::Cascade { pid: Some(590), last: false }
        );
        assert_eq!(read("(00.2) Dumping finished successfully"), Said::Finished);
        assert_eq!(
            read(
                "(00.0) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted"
            ),
            Said::Nothing
        );
        let wrapper = "Error: OCI runtime error: crun: CRIU restoring failed -52.  Please check CRIU logfile `/v/userdata/restore.log`";
        assert_eq!(read(wrapper), Said::Wrapper { log: Some("/v/userdata/restore.log".into()) });
        let wrapper = r#"time="2026-11-21T18:04:49Z" level=error msg="criu failed: type NOTIFY errno 0\nlog file: /v/dump.log""#;
        assert_eq!(read(wrapper), Said::Wrapper { log: Some("/v/dump.log".into()) });
        let wrapper = "ctr: runc did not terminate successfully: exit status 1: criu failed: type DUMP errno 0 path= /run/redis/criu-dump.log: unknown";
        assert_eq!(read(wrapper), Said::Wrapper { log: Some("/run/redis/criu-dump.log".into()) });
        assert_eq!(read("Error: something new"), Said::Engine { entry: None });
        assert_eq!(read("Trying to pull localhost/odd:latest..."), Said::Nothing);
        assert!(passes(b"(00.003649) cg: Dumping value"));
        assert!(!passes(b"Error: no"));
    }
}
