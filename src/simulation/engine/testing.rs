//! What the tests of all engines need: containers of a scenario, further machines, commands and requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;

use super::disk;
use crate::fleet::HostName;
use crate::simulation::load::Level;
use crate::simulation::machine::Machine;
use crate::simulation::machine::files::{Kind, Service};
use crate::simulation::machine::programs::run_words;
use crate::simulation::scenario::{ContainerPlan, Engine, FilePlan, HostPlan, Status, Workload};

/// A container of a scenario.
pub(super) fn plan(name: &str, engine: Engine, workload: Workload) -> ContainerPlan {
    ContainerPlan {
        name: name.into(),
        host: HostName::new("h1").unwrap(),
        engine,
        workload,
        image: workload.image(),
        memory: 3 << 20,
        dirty_rate: 0,
        cpu: Level::new(0.25).unwrap(),
        sockets: 0,
        ports: Vec::new(),
        volumes: Vec::new(),
        files: vec![FilePlan { path: "/var/lib/data.bin".into(), size: 100_000 }],
        peculiar: Default::default(),
        status: Status::Running,
        labels: BTreeMap::from([("drover.sample".into(), name.into())]),
    }
}

/// A machine that differs from another one, with the same clock.
pub(super) fn changed(like: &Machine, change: impl FnOnce(&mut HostPlan)) -> Arc<Machine> {
    let mut plan = like.plan.clone();
    change(&mut plan);
    Machine::new(plan, like.clock.clone(), like.loads.clone())
}

/// A machine of another name, with the same clock.
pub(super) fn another(like: &Machine, name: &str) -> Arc<Machine> {
    changed(like, |plan| plan.name = HostName::new(name).unwrap())
}

/// Exit code, output and errors of a program with these words.
pub(super) async fn run(machine: &Arc<Machine>, program: &str, words: &str) -> (u8, String, String) {
    let words: Vec<&str> = std::iter::once(program).chain(words.split_whitespace()).collect();
    run_words(machine, &words, b"").await
}

/// What a successful command says.
pub(super) async fn said(machine: &Arc<Machine>, program: &str, words: &str) -> String {
    let (code, out, err) = run(machine, program, words).await;
    assert_eq!((code, err.as_str()), (0, ""), "{program} {words}: {out}");
    out
}

/// Exit code and errors of one that fails.
pub(super) async fn error(machine: &Arc<Machine>, program: &str, words: &str) -> (u8, String) {
    let (code, out, err) = run(machine, program, words).await;
    assert_ne!(code, 0, "{program} {words}: {out}");
    (code, err)
}

/// The number that a counter has said last.
pub(super) async fn count(machine: &Arc<Machine>, program: &str, name: &str) -> u64 {
    said(machine, program, &format!("logs --tail 1 {name}")).await.trim().parse().unwrap()
}

/// Copies a file or a directory to another machine, as the network would.
pub(super) fn carry(from: &Machine, to: &Machine, path: &str, place: &str) {
    let node = disk::node(from, path).unwrap();
    if node.is_directory() {
        disk::directory(to, place, node.metadata().mode).unwrap();
        for name in node.names().unwrap() {
            let inner = node.entry(&name).unwrap();
            if let Kind::Link(target) = &inner.kind {
                disk::link(to, &format!("{place}/{name}"), target).unwrap();
            } else {
                carry(from, to, &format!("{path}/{name}"), &format!("{place}/{name}"));
            }
        }
    } else {
        disk::put(to, place, node.content().unwrap(), node.metadata().mode).unwrap();
    }
}

/// The headers of an answer.
pub(super) type Headers = BTreeMap<String, String>;

/// One request to the API behind a socket.
pub(super) async fn ask(
    machine: &Arc<Machine>,
    socket: &str,
    method: &str,
    path: &str,
    body: Bytes,
) -> (StatusCode, Headers, Bytes) {
    let node = disk::node(machine, socket).unwrap();
    let Kind::Socket(service) = &node.kind else { unreachable!() };
    let (near, far) = tokio::io::duplex(1 << 16);
    let service: Arc<dyn Service> = service.clone();
    tokio::spawn(async move { service.serve(far).await });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    let request =
        Request::builder().method(method).uri(path).header("Host", "d").body(Full::new(body)).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let (head, body) = response.into_parts();
    let headers = head
        .headers
        .iter()
        .map(|(key, value)| (key.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    (head.status, headers, body.collect().await.unwrap().to_bytes())
}
