//! curl against a service behind a socket of a simulated host.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::simulation::machine::files::{Inode, Kind, Service};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::run_words;
use crate::simulation::machine::{Machine, machine_for_tests};

/// Answers with what it was asked, or with an error where the path says so.
struct Mirror;

#[async_trait::async_trait]
impl Service for Mirror {
    async fn serve(&self, mut stream: DuplexStream) {
        let mut request = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        let head = loop {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            request.extend_from_slice(&buffer[..read]);
            if let Some(at) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            if read == 0 {
                return;
            }
        };
        let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let wanted =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut length = request.len() - head;
        let mut sum: u64 = request[head..].iter().map(|byte| u64::from(*byte)).sum();
        while length < wanted {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            if read == 0 {
                return;
            }
            length += read;
            sum += buffer[..read].iter().map(|byte| u64::from(*byte)).sum::<u64>();
        }
        if text.starts_with("get /nothing") {
            return;
        }
        if text.starts_with("get /big") {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            for _ in 0..50 {
                let _ = stream.write_all(b"10000\r\n").await;
                let _ = stream.write_all(&[b'z'; 65536]).await;
                let _ = stream.write_all(b"\r\n").await;
            }
            let _ = stream.write_all(b"0\r\n\r\n").await;
            return;
        }
        let status = if text.contains("/bad") { "500 Internal Server Error" } else { "200 OK" };
        let headers: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let body = format!("{}\n{length} {sum}\n", headers.join("\n"));
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

fn machine() -> Arc<Machine> {
    let machine = machine_for_tests();
    let process = Process::new(&machine);
    let metadata = process.metadata(0o600);
    process
        .place("/run/mirror.sock", |parent| {
            Ok(Inode::new(&parent.filesystem, Kind::Socket(Arc::new(Mirror)), metadata))
        })
        .unwrap();
    machine
}

async fn curl(machine: &Arc<Machine>, words: &[&str]) -> (u8, String, String) {
    let words: Vec<&str> =
        ["curl", "--unix-socket", "/run/mirror.sock"].into_iter().chain(words.iter().copied()).collect();
    run_words(machine, &words, b"from stdin").await
}

#[tokio::test(start_paused = true)]
async fn requests_go_out_as_curl_sends_them() {
    let machine = machine();
    let get = curl(&machine, &["-s", "http://podman/v4.0.0/x?a=b&c"]).await;
    let expected = "get /v4.0.0/x?a=b&c http/1.1\nhost: podman\nuser-agent: curl/8.14.1\naccept: */*\n0 0\n";
    assert_eq!(get, (0, expected.to_owned(), String::new()));
    let words = [
        "--silent",
        "--request",
        "POST",
        "--header",
        "Content-Type: application/x-tar",
        "--header",
        "Expect:",
        "--data-binary",
        "@-",
        "http://d/x",
    ];
    let post = curl(&machine, &words).await.1;
    let sum: u32 = b"from stdin".iter().map(|byte| u32::from(*byte)).sum();
    assert!(post.starts_with("post /x http/1.1\n") && post.ends_with(&format!("\n10 {sum}\n")), "{post}");
    assert_eq!(post.matches("content-type: application/x-tar").count(), 1, "{post}");
    assert!(!post.contains("expect"), "{post}");
}

#[tokio::test(start_paused = true)]
async fn large_bodies_stream_both_ways() {
    let machine = machine();
    run_words(&machine, &["truncate", "-s", "5M", "/tmp/big"], b"").await;
    let (code, out, _) = curl(&machine, &["-s", "--data-binary", "@/tmp/big", "http://d/x"]).await;
    assert_eq!(code, 0);
    assert!(out.ends_with(&format!("\n{} 0\n", 5 << 20)), "{out}");
    assert_eq!(
        curl(&machine, &["-s", "-o", "/tmp/out", "http://d/big"]).await,
        (0, String::new(), String::new())
    );
    assert_eq!(
        run_words(&machine, &["stat", "-c", "%s", "/tmp/out"], b"").await.1,
        format!("{}\n", 50 << 16)
    );
    let (code, _, errors) = curl(&machine, &["-sS", "-o", "/dev/full", "http://d/big"]).await;
    assert_eq!(code, 23, "{errors}");
}

#[tokio::test(start_paused = true)]
async fn failures_have_curls_codes() {
    let machine = machine();
    let (code, out, errors) = curl(&machine, &["--silent", "--fail", "http://d/bad"]).await;
    assert_eq!((code, out.as_str(), errors.as_str()), (22, "", ""));
    let words = ["--silent", "--show-error", "--fail-with-body", "--output", "/tmp/answer", "http://d/bad"];
    let (code, out, errors) = curl(&machine, &words).await;
    assert_eq!((code, out.as_str()), (22, ""));
    assert_eq!(errors, "curl: (22) The requested URL returned error: 500\n");
    assert!(run_words(&machine, &["cat", "/tmp/answer"], b"").await.1.starts_with("get /bad"));
    assert_eq!(curl(&machine, &["-s", "http://d/nothing"]).await.0, 52);
    assert_eq!(
        curl(&machine, &["-s", "-w", "%{http_code}\\n", "-o", "/dev/null", "http://d/bad"]).await.1,
        "500\n"
    );
    let (code, _, errors) =
        run_words(&machine, &["curl", "-sS", "--unix-socket", "/run/none.sock", "http://d/x"], b"").await;
    assert_eq!(code, 7);
    assert!(errors.starts_with("curl: (7) Failed to connect to d port 80"), "{errors}");
    assert_eq!(run_words(&machine, &["curl", "-s", "http://127.0.0.1:9/"], b"").await.0, 7);
    assert_eq!(run_words(&machine, &["curl", "-s", "http://elsewhere/"], b"").await.0, 6);
}
