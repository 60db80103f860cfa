//! What is carried from host to host: the image, the file-system difference, and what the hosts say of it.

use tokio::io::AsyncWriteExt;

use super::error::MigrateError;
use super::preflight::Image;
use super::report::Reporter;
use super::stream::{Broken, finish, relay};
use super::survey::Party;
use crate::engine::{Codec, Inspected};
use crate::fleet::{HostName, printable};
use crate::ssh::{Process, Remote, RemoteError};

/// Streams the image while the container still runs.
pub async fn ship_image(
    from: &Party,
    to: &Party,
    container: &Inspected,
    presence: Image,
    codec: Codec,
    reporter: &Reporter,
) -> Result<u64, MigrateError> {
    let image = match presence {
        Image::Ship if !container.image_name.is_empty() => &container.image_name,
        _ => &container.image_id,
    };
    let (save, load) = (from.engine.save_image(image, codec), to.engine.load_image(codec));
    let (mut save, mut load) = tokio::try_join!(from.remote.spawn(&save), to.remote.spawn(&load))?;
    let mut progress = reporter.progress();
    match relay(&mut *save.stdout, &mut *load.stdin, &mut progress).await {
        Err(Broken::Source(error)) => return Err(lost(&*from.remote, error)),
        Err(Broken::Destination(error)) => {
            finish(&*to.remote, load, "loading the image").await?;
            return Err(lost(&*to.remote, error));
        }
        Ok(()) => {}
    }
    finish(&*from.remote, save, "saving the image").await?;
    finish(&*to.remote, load, "loading the image").await?;
    if to.engine.has_image(&container.image_id).await? {
        Ok(progress.bytes())
    } else {
        Err(step(to.host(), "the image was loaded, but its id is another one"))
    }
}

/// Streams the file-system difference and answers with the deleted paths as JSON and the bytes shipped.
pub async fn ship_difference(
    from: &Party,
    to: &Party,
    difference: &mut Process,
    mut arrive: Process,
    reporter: &Reporter,
) -> Result<(String, u64), MigrateError> {
    let source_lost = |error: std::io::Error| lost(&*from.remote, error);
    difference.stdin.write_all(b"go\n").await.map_err(source_lost)?;
    let mut reader = tokio::io::BufReader::new(&mut *difference.stdout);
    let deleted = read_names(&mut reader).await.map_err(source_lost)?;
    let mut deleted_names = Vec::with_capacity(deleted.len());
    for name in deleted {
        // Podman's list is JSON, which cannot hold other bytes.
        let name = String::from_utf8(name).map_err(|name| {
            let name = printable(&String::from_utf8_lossy(name.as_bytes()));
            step(from.host(), &format!("the name of a deleted file is not UTF-8: {name}"))
        })?;
        deleted_names.push(name.trim_start_matches("./").to_owned());
    }
    let mut progress = reporter.progress();
    match relay(&mut reader, &mut *arrive.stdin, &mut progress).await {
        Err(Broken::Source(error)) => return Err(lost(&*from.remote, error)),
        Err(Broken::Destination(error)) => {
            finish(&*to.remote, arrive, "receiving the changed files").await?;
            return Err(lost(&*to.remote, error));
        }
        Ok(()) => {}
    }
    let arrived = finish(&*to.remote, arrive, "receiving the changed files").await?;
    let (_, bytes) = hash_and_length(&arrived)
        .ok_or_else(|| step(to.host(), "receiving the changed files ended without their hash"))?;
    if bytes != progress.bytes() {
        return Err(step(to.host(), "the changed files arrived incomplete"));
    }
    let deleted = serde_json::to_string(&deleted_names)
        .map_err(|error| step(from.host(), &format!("the list of deleted files: {error}")))?;
    Ok((deleted, bytes))
}

/// Reads names, each ended by NUL, up to the empty one.
async fn read_names(reader: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> std::io::Result<Vec<Vec<u8>>> {
    use tokio::io::AsyncBufReadExt;
    let mut names = Vec::new();
    loop {
        let mut name = Vec::new();
        reader.read_until(0, &mut name).await?;
        match name.pop() {
            Some(0) if name.is_empty() => return Ok(names),
            Some(0) => names.push(name),
            _ => {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    "the list of deleted files broke off",
                ));
            }
        }
    }
}

/// Waits for the end of a departure and returns the archive's hash.
pub async fn departed(remote: &dyn Remote, depart: Process) -> Result<String, MigrateError> {
    let (status, stderr) = match depart.ended.await {
        Ok(ended) => ended?,
        Err(_) => return Err(lost(remote, std::io::ErrorKind::ConnectionAborted.into())),
    };
    let stderr = String::from_utf8_lossy(&stderr);
    let hash = stderr.lines().rev().find_map(|line| line.strip_prefix("departed "));
    match hash {
        Some(hash) if status.success() => Ok(hash.trim().to_owned()),
        _ => {
            let cause = stderr.lines().rfind(|line| line.starts_with("Error")).unwrap_or("no reason given");
            Err(MigrateError::Step {
                cause: format!("{}: the checkpoint failed ({status}): {}", remote.host(), printable(cause)),
                log_line: stderr.lines().find_map(|line| line.strip_prefix("criu: ")).map(printable),
            })
        }
    }
}

/// `HASH BYTES`, the last line of what receives a stream.
pub fn hash_and_length(output: &[u8]) -> Option<(String, u64)> {
    let text = String::from_utf8_lossy(output);
    let (hash, bytes) = text.trim_end().rsplit('\n').next()?.split_once(' ')?;
    Some((hash.to_owned(), bytes.trim().parse().ok()?))
}

/// The time of a restore, once the script has said that it worked.
pub fn since(output: &[u8]) -> Option<f64> {
    let text = String::from_utf8_lossy(output);
    let restored = text.lines().any(|line| line == "restored");
    text.lines().find_map(|line| line.strip_prefix("since ")?.parse().ok()).filter(|_| restored)
}

/// A failed step of a host, in words.
pub fn step(host: &HostName, cause: &str) -> MigrateError {
    MigrateError::Step { cause: format!("{host}: {cause}"), log_line: None }
}

/// A connection that ended in the middle.
pub fn lost(remote: &dyn Remote, error: std::io::Error) -> MigrateError {
    RemoteError::Connection { host: remote.host().clone(), cause: error.to_string() }.into()
}
