//! Acting on one host: one step, under a lock of the host, safe to repeat.

use crate::fleet::ContainerId;
use crate::migrate::identity::TransactionId;
use crate::migrate::protocol::Intent;
use crate::ssh::{Command, Remote, RemoteError};

/// A step on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act<'a> {
    /// At the destination: record a decision, unless the other one is recorded there.
    Decide(Intent),
    /// At the destination: record undo, end and remove what the restore made, with these volumes.
    Close(&'a [String]),
    /// At the source: let it thaw. Only after [`Act::Close`] has answered [`Answer::Closed`].
    Abort,
    /// At the source: wait until it has thawed by its own clock.
    AwaitThaw,
    /// At the source: restore from the kept images. Only after [`Answer::Closed`], too.
    RestoreKept,
    /// At the source: end its copy and remove it. Only after [`Answer::Committed`].
    Commit,
    /// On either: remove record, decision, lock and directories.
    Tidy,
}

/// What is true on the host after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing of the container is there, and nothing can start it any more.
    Closed,
    /// Commit is recorded.
    Committed,
    /// Undo is recorded.
    Undo,
    /// The host has no record of the transaction any more: it was tidied.
    Gone,
    /// It runs there.
    Running,
    /// It is there and does not run.
    Stopped,
    /// It is removed.
    Removed,
    /// Everything of the transaction is removed.
    Tidied,
    /// Anything else: a step that did not reach its purpose, in the host's words.
    Other(String),
}

/// The command for a step; also for the transaction, whose commit and undo must obey the same decision.
pub fn command(act: &Act<'_>, tx: &TransactionId, container: &ContainerId) -> Command {
    let script = concat!(include_str!("scripts/common.sh"), include_str!("scripts/act.sh"));
    let (verb, more): (&str, Vec<String>) = match act {
        Act::Decide(Intent::Commit) => ("decide", vec!["commit".into()]),
        Act::Decide(Intent::Undo | Intent::Open) => ("decide", vec!["undo".into()]),
        Act::Close(volumes) => ("close", volumes.to_vec()),
        Act::Abort => ("thaw", vec!["abort".into()]),
        Act::AwaitThaw => ("thaw", vec!["wait".into()]),
        Act::RestoreKept => ("restore", Vec::new()),
        Act::Commit => ("commit", Vec::new()),
        Act::Tidy => ("tidy", Vec::new()),
    };
    Command::script(script, [verb, tx.as_str(), &container.0]).arguments(more)
}

/// Carries out a step.
pub async fn act(
    remote: &dyn Remote,
    act: &Act<'_>,
    tx: &TransactionId,
    container: &ContainerId,
) -> Result<Answer, RemoteError> {
    let output = remote.output(&command(act, tx, container), &[]).await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().last().unwrap_or_default().trim();
    let complaint = crate::fleet::printable(String::from_utf8_lossy(&output.stderr).trim());
    Ok(match said {
        _ if !output.status.success() => Answer::Other(format!("{} ({complaint})", output.status)),
        "closed" => Answer::Closed,
        "commit" | "committed" => Answer::Committed,
        "undo" => Answer::Undo,
        "gone" => Answer::Gone,
        "running" => Answer::Running,
        "stopped" if complaint.is_empty() => Answer::Stopped,
        "stopped" => Answer::Other(complaint),
        "removed" => Answer::Removed,
        "tidied" => Answer::Tidied,
        "foreign" => Answer::Other("a container with its id is there that this move did not make".into()),
        "left-over" => Answer::Other(format!("the container could not be removed: {complaint}")),
        "held" => Answer::Other("a process of the move still holds it".into()),
        "silent" => Answer::Other("the engine does not answer".into()),
        other => Answer::Other(crate::fleet::printable(other)),
    })
}
