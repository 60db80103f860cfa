use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;
use proptest::prelude::*;

#[test]
fn the_list_of_podman() {
    let text = br#"[{"AutoRemove":false,"Command":["/bin/counter"],"CreatedAt":"14 minutes ago","Exited":false,
        "Id":"5bc2f59787b1ca84e2dced6d12283c51cacee2757b1c96eb6f4de6d7c597d96f","Image":"localhost/counter:latest",
        "Labels":null,"Names":["counter"],"Pid":3233,"StartedAt":1795178376,"State":"running","Created":1795178375},
        {"Id":"aa","Names":null,"Pid":0,"StartedAt":-62135596800,"State":"created","Labels":{"a":"b"}},
        {"Id":"-rf"}]"#;
    let containers = podman_containers(text).unwrap();
    insta::assert_debug_snapshot!(containers);
}

#[test]
fn the_list_of_runc() {
    assert_eq!(runc_containers(b"null"), Ok(vec![]));
    let text = br#"[{"ociVersion":"1.2.0","id":"redis","pid":77,"status":"running","bundle":"/srv/redis",
        "rootfs":"/srv/redis/rootfs","created":"2026-11-20T12:38:31.67235666Z","owner":""}]"#;
    let containers = runc_containers(text).unwrap();
    assert_eq!((containers[0].pid, containers[0].created), (Some(77), 1_795_178_311));
    assert_eq!(containers[0].status, ContainerStatus::Running);
}

#[test]
fn commands_in_a_container_do_not_renew_the_list() {
    assert!(!changes_the_list("exec_start: sh"));
    assert!(!changes_the_list("health_status: healthy"));
    for action in ["start", "died", "checkpoint", "restore", "rename", "remove", "pause", ""] {
        assert!(changes_the_list(action), "{action}");
    }
}

/// Runs the script with a stand-in for Podman and gives back its streams.
fn follow_events(podman: &str) -> (tempfile::TempDir, tokio::process::Child) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("podman");
    std::fs::write(&program, podman).unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let child = tokio::process::Command::new("sh")
        .args(["-c", PODMAN_EVENTS])
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (directory, child)
}

#[tokio::test]
async fn podman_events_end_with_the_connection() {
    let (_directory, mut child) = follow_events("#!/bin/sh\necho an event\nexec sleep 1000\n");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("an event"));
    drop(child.stdin.take());
    // The stand-in holds the output open: its end is the end of the stand-in.
    let end = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
    assert_eq!(end.unwrap().unwrap(), None);
}

#[tokio::test]
async fn podman_events_that_end_by_themselves_are_noticed() {
    let (_directory, mut child) = follow_events("#!/bin/sh\nexit 3\n");
    let stdin = child.stdin.take();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let end = tokio::time::timeout(Duration::from_secs(10), lines.next_line()).await;
    assert_eq!(end.unwrap().unwrap(), None);
    drop(stdin);
}

proptest! {
    #[test]
    fn nonsense_never_panics(output in any::<Vec<u8>>()) {
        prop_assert!(podman_containers(&output).is_err() || output.starts_with(b"["));
        prop_assert!(runc_containers(&output).is_err() || output.starts_with(b"[") || output.starts_with(b"null"));
    }
}
