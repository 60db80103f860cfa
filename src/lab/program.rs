//! Running the machine's own programs and reading what they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::LabError;

/// Where the machine's programs are. A person's own PATH has no say in what runs as root, and that of a
/// plain “su” lacks the sbin directories.
pub(super) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a program that must succeed and returns its standard output.
pub(super) fn run(step: &'static str, command: &mut Command) -> Result<String, LabError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |cause: String| LabError::Program { step, program: program.clone(), cause };
    let output = command
        .env("PATH", SYSTEM_PATH)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = if stderr.trim().is_empty() { output.status.to_string() } else { last_lines(&stderr, 3) };
    Err(failed(said))
}

/// `ip` with its arguments.
pub(super) fn ip<const N: usize>(step: &'static str, arguments: [&str; N]) -> Result<String, LabError> {
    run(step, Command::new("ip").args(arguments))
}

/// The last lines of a text, harmless and on one line.
pub(super) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let first = lines.len().saturating_sub(count);
    lines[first..].iter().map(|line| crate::fleet::printable(line)).collect::<Vec<_>>().join(" / ")
}

/// A shell script in namespaces of its own that ends with us: when drover is killed, the script, all that
/// it started and all that it mounted are gone.
pub(super) fn contained(script: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--", "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"])
        .args(["--mount-proc", "--", "sh"])
        .arg(script)
        .env("PATH", SYSTEM_PATH)
        // Not the words of one of many languages where they are read by drover.
        .env("LC_ALL", "C.UTF-8");
    command
}

/// Where a program is, if it is there.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    SYSTEM_PATH.split(':').map(|directory| Path::new(directory).join(program)).find(|path| path.is_file())
}

/// Removes a tree of ours, never stepping into anything mounted inside it.
pub(super) fn remove_tree(path: &Path) -> Result<(), LabError> {
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    run("removing old files", Command::new("rm").args(["-rf", "--one-file-system", "--"]).arg(path)).map(drop)
}
