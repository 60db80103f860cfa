//! The SSH room against a real sshd.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "support/sshd.rs"]
mod sshd;

use drover::ssh::{Command, ExitStatus, Purpose, Remote};
use sshd::{Sshd, nobody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[tokio::test]
async fn a_command_runs_with_input_output_stderr_and_exit_code() {
    let Some(sshd) = Sshd::start("") else { return };
    let connection = sshd.connector().connect(&sshd.spec("h1"), Purpose::Commands, &nobody()).await.unwrap();
    let command = Command::script("cat; echo \"$1\" >&2; exit 7", ["it's $HOME"]);
    let output = connection.output(&command, b"input").await.unwrap();
    assert_eq!(output.status, ExitStatus::Code(7));
    assert_eq!(output.stdout, b"input");
    assert_eq!(output.stderr, b"it's $HOME\n");
}

#[tokio::test]
async fn a_forwarded_socket_carries_bytes_both_ways() {
    let Some(sshd) = Sshd::start("") else { return };
    let path = sshd.path("echo.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let echo = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap()
    });
    let connection = sshd.connector().connect(&sshd.spec("h1"), Purpose::Commands, &nobody()).await.unwrap();
    let mut socket = connection.forward_socket(path.to_str().unwrap()).await.unwrap();
    socket.write_all(b"there and back").await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"there and back");
    assert_eq!(echo.await.unwrap(), 14);
}
