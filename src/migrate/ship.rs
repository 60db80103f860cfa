//! What is carried from host to host: the image, the file-system difference, and what the hosts say of it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::error::MigrateError;
use super::preflight::Image;
use super::report::Reporter;
use super::stream::{Broken, copy, finish, relay};
use super::survey::Party;
use crate::engine::{Codec, Inspected};
use crate::fleet::{HostName, printable};
use crate::ssh::{Command, Process, Remote, RemoteError};

/// Streams the image while the container still runs.
pub async fn ship_image(
    from: &Party,
    to: &Party,
    container: &Inspected,
    presence: Image,
    codec: Codec,
    reporter: &Reporter,
) -> Result<u64, MigrateError> {
    // By its name only where the name still means this image; a name that is taken there stays as it is.
    let named = presence == Image::Ship
        && !container.image_name.is_empty()
        && from.engine.image_id(&container.image_name).await?.as_ref() == Some(&container.image_id);
    let image = if named { &container.image_name } else { &container.image_id };
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
    if !to.engine.has_image(&container.image_id).await? {
        return Err(step(to.host(), "the image was loaded, but its id is another one"));
    }
    if presence == Image::Ship && !named && !container.image_name.is_empty() {
        to.engine.tag_image(&container.image_id, &container.image_name).await?;
    }
    Ok(progress.bytes())
}

/// A script on the source that has opened its view of the container's files and waits for the order to go on.
pub struct View {
    process: Process,
}

/// How long a source may take to open a view: a mount and a look at a list of mounts, on a busy host.
const VIEW_TIMEOUT: Duration = Duration::from_secs(30);

impl View {
    /// Starts it and waits until it is ready, so that what can fail fails before anything is frozen.
    pub async fn open(from: &Party, command: &Command) -> Result<Self, MigrateError> {
        let mut process = from.remote.spawn(command).await?;
        let mut greeting = [0; 6];
        let ready = tokio::time::timeout(VIEW_TIMEOUT, process.stdout.read_exact(&mut greeting)).await;
        match ready {
            Ok(Ok(_)) if greeting == *b"ready\n" => Ok(Self { process }),
            Ok(_) => {
                finish(&*from.remote, process, "looking at the container's files").await?;
                Err(step(from.host(), "looking at the container's files ended without a word"))
            }
            Err(_) => Err(step(from.host(), "looking at the container's files takes too long")),
        }
    }

    /// Says that the container is frozen.
    async fn go(&mut self, from: &Party) -> Result<(), MigrateError> {
        self.process.stdin.write_all(b"go\n").await.map_err(|error| lost(&*from.remote, error))
    }

    /// Lets it go and waits for all that it prints.
    pub async fn describe(mut self, from: &Party) -> Result<Vec<u8>, MigrateError> {
        self.go(from).await?;
        finish(&*from.remote, self.process, "describing the changed files").await
    }
}

/// Streams the file-system difference and answers with the deleted paths as JSON and the bytes shipped.
pub async fn ship_difference(
    from: &Party,
    to: &Party,
    mut view: View,
    mut arrive: Process,
    reporter: &Reporter,
) -> Result<(String, u64), MigrateError> {
    view.go(from).await?;
    let mut process = view.process;
    let names = read_names(&mut process.stdout).await;
    let (deleted, rest) = match names {
        Ok(names) => names,
        Err(_) => {
            // Its own words say more than a list that broke off.
            finish(&*from.remote, process, "reading the changed files").await?;
            return Err(step(from.host(), "the list of deleted files broke off"));
        }
    };
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
    let head = arrive.stdin.write_all(&rest).await.map_err(Broken::Destination);
    progress.add(rest.len() as u64);
    let relayed = match head {
        Ok(()) => relay(&mut *process.stdout, &mut *arrive.stdin, &mut progress).await,
        Err(broken) => Err(broken),
    };
    match relayed {
        Err(Broken::Source(error)) => return Err(lost(&*from.remote, error)),
        Err(Broken::Destination(error)) => {
            finish(&*to.remote, arrive, "receiving the changed files").await?;
            return Err(lost(&*to.remote, error));
        }
        Ok(()) => {}
    }
    finish(&*from.remote, process, "reading the changed files").await?;
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

/// Streams what has changed in the root file system to where it belongs, and answers with the bytes shipped.
pub async fn ship_changes(
    from: &Party,
    to: &Party,
    mut view: View,
    mut place: Process,
) -> Result<u64, MigrateError> {
    view.go(from).await?;
    let mut process = view.process;
    let Ok((removed, rest)) = read_names(&mut process.stdout).await else {
        finish(&*from.remote, process, "reading the changed files").await?;
        return Err(step(from.host(), "the list of deleted files broke off"));
    };
    let list: Vec<u8> = removed.iter().flat_map(|name| name.iter().copied().chain([0])).collect();
    let head = [format!("{}\n", list.len()).as_bytes(), &list, &rest].concat();
    let mut bytes = head.len() as u64;
    let relayed = async {
        place.stdin.write_all(&head).await.map_err(Broken::Destination)?;
        bytes += copy(&mut *process.stdout, &mut *place.stdin).await?;
        Ok(())
    };
    match relayed.await {
        Err(Broken::Source(error)) => return Err(lost(&*from.remote, error)),
        Err(Broken::Destination(error)) => {
            finish(&*to.remote, place, "placing the changed files").await?;
            return Err(lost(&*to.remote, error));
        }
        Ok(()) => {}
    }
    finish(&*from.remote, process, "reading the changed files").await?;
    let output = finish(&*to.remote, place, "placing the changed files").await?;
    if !output.ends_with(b"placed\n") {
        return Err(step(to.host(), "the changed files are not in their place"));
    }
    Ok(bytes)
}

/// Reads names, each ended by NUL, up to the empty one; and what came behind it already.
async fn read_names(reader: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(Vec<Vec<u8>>, Vec<u8>)> {
    let (mut bytes, mut names, mut start) = (Vec::new(), Vec::new(), 0);
    loop {
        while let Some(length) = bytes[start..].iter().position(|byte| *byte == 0) {
            let name: &[u8] = &bytes[start..start + length];
            start += length + 1;
            if name.is_empty() {
                return Ok((names, bytes.split_off(start)));
            }
            names.push(name.to_vec());
        }
        if reader.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
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
                log_line: super::explain::criu_line(&stderr),
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

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// However the bytes are cut into pieces, the names and what follows them come out.
        #[test]
        fn names_end_at_the_empty_one(names: Vec<[u8; 3]>, rest: Vec<u8>, piece in 1usize..9) {
            let names: Vec<Vec<u8>> = names.iter().map(|name| name.map(|byte| byte | 1).to_vec()).collect();
            let mut bytes: Vec<u8> = names.iter().flat_map(|name| name.iter().copied().chain([0])).collect();
            bytes.push(0);
            bytes.extend(&rest);
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (read, mut behind) = runtime.block_on(async {
                let mut reader = bytes.chunks(piece).fold(
                    Box::new(tokio::io::empty()) as Box<dyn AsyncRead + Unpin>,
                    |before, chunk| Box::new(before.chain(chunk)),
                );
                let (read, mut behind) = read_names(&mut reader).await.unwrap();
                reader.read_to_end(&mut behind).await.unwrap();
                (read, behind)
            });
            proptest::prop_assert_eq!(read, names);
            proptest::prop_assert_eq!(std::mem::take(&mut behind), rest);
        }
    }

    #[test]
    fn hashes_and_times_are_found() {
        assert_eq!(hash_and_length(b"noise\nabc 12\n"), Some(("abc".into(), 12)));
        assert_eq!(hash_and_length(b""), None);
        assert_eq!(since(b"since 12.5\nrestored\n"), Some(12.5));
        assert_eq!(since(b"since 12.5\n"), None);
    }
}
