//! Bytes from one host to the other, through this process and never onto its disk.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::MigrateError;
use super::report::Progress;
use crate::fleet::printable;
use crate::ssh::{Process, Remote, RemoteError};

/// Large enough that a system call moves several SSH packets, small enough to stay in the processor's cache.
const CHUNK: usize = 256 << 10;

/// Which side broke a relay.
pub enum Broken {
    /// Reading failed.
    Source(std::io::Error),
    /// Writing failed.
    Destination(std::io::Error),
}

/// Copies until the input ends, then ends the output; reports how far it is.
pub async fn relay(
    from: &mut (impl AsyncRead + Unpin + ?Sized),
    to: &mut (impl AsyncWrite + Unpin + ?Sized),
    progress: &mut Progress,
) -> Result<(), Broken> {
    each(from, to, |count| progress.add(count)).await
}

/// Copies until the input ends, then ends the output; answers with the bytes copied.
pub async fn copy(
    from: &mut (impl AsyncRead + Unpin + ?Sized),
    to: &mut (impl AsyncWrite + Unpin + ?Sized),
) -> Result<u64, Broken> {
    let mut bytes = 0;
    each(from, to, |count| bytes += count).await?;
    Ok(bytes)
}

async fn each(
    from: &mut (impl AsyncRead + Unpin + ?Sized),
    to: &mut (impl AsyncWrite + Unpin + ?Sized),
    mut copied: impl FnMut(u64),
) -> Result<(), Broken> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await.map_err(Broken::Source)?;
        if count == 0 {
            break;
        }
        to.write_all(&buffer[..count]).await.map_err(Broken::Destination)?;
        copied(count as u64);
    }
    to.shutdown().await.map_err(Broken::Destination)
}

/// Waits for a process to end and returns what it printed; a failure carries its words and CRIU's line.
pub async fn finish(remote: &dyn Remote, process: Process, what: &str) -> Result<Vec<u8>, MigrateError> {
    let Process { stdin, mut stdout, ended } = process;
    drop(stdin);
    let mut output = Vec::new();
    let lost = |cause: String| RemoteError::Connection { host: remote.host().clone(), cause };
    stdout.read_to_end(&mut output).await.map_err(|error| lost(error.to_string()))?;
    let (status, stderr) =
        ended.await.map_err(|_| lost("the connection ended before the command did".into()))??;
    if status.success() {
        return Ok(output);
    }
    let stderr = String::from_utf8_lossy(&stderr);
    Err(MigrateError::Step {
        cause: format!("{}: {what} failed ({status}){}", remote.host(), words(&stderr)),
        log_line: super::explain::criu_line(&stderr),
    })
}

/// The engine's own error in a script's standard error: its last line that says so, else its last line.
fn words(stderr: &str) -> String {
    let lines =
        || stderr.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("criu: "));
    let outcome = |line: &&str| matches!(*line, "stayed" | "lost");
    let line =
        lines().rfind(|line| line.starts_with("Error")).or_else(|| lines().rfind(|line| !outcome(line)));
    line.map(|line| format!(": {}", printable(line))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_error_is_found_among_its_words() {
        assert_eq!(words("warning\nError: no room\ncriu: Error (x)\nstayed\n"), ": Error: no room");
        assert_eq!(words("tar: short read\nlost\n"), ": tar: short read");
        assert_eq!(words(""), "");
    }
}
