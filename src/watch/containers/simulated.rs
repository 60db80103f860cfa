//! The lists of simulated Docker and runC, read by the very code that reads the real ones.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::*;
use crate::fleet::{ContainerStatus, HostName};
use crate::simulation::engine::disk;
use crate::simulation::load::Level;
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::programs::run_words;
use crate::simulation::machine::{Machine, machine_for_tests};
use crate::simulation::scenario::{ContainerPlan, Engine as Whose, Status, Workload};
use crate::ssh::{Command, Duplex, ExitStatus, Process, RemoteError};

/// A simulated host without SSH before it.
struct Simulated {
    host: HostName,
    machine: Arc<Machine>,
}

#[async_trait]
impl Remote for Simulated {
    fn host(&self) -> &HostName {
        &self.host
    }

    async fn spawn(&self, command: &Command) -> Result<Process, RemoteError> {
        let (send, ended) = oneshot::channel();
        let words: Vec<&str> = command.words().iter().map(String::as_str).collect();
        let (code, out, err) = run_words(&self.machine, &words, b"").await;
        let _ = send.send(Ok((ExitStatus::Code(code.into()), err.into_bytes())));
        let stdout = std::io::Cursor::new(out.into_bytes());
        Ok(Process { stdin: Box::new(tokio::io::sink()), stdout: Box::new(stdout), ended })
    }

    async fn forward_socket(&self, path: &str) -> Result<Box<dyn Duplex>, RemoteError> {
        let node = disk::node(&self.machine, path);
        let Some(Kind::Socket(service)) = node.as_ref().map(|node| &node.kind) else {
            return Err(RemoteError::Connection { host: self.host.clone(), cause: "no such socket".into() });
        };
        let (near, far) = tokio::io::duplex(64 * 1024);
        let service = service.clone();
        tokio::spawn(async move { service.serve(far).await });
        Ok(Box::new(near))
    }
}

fn plan(name: &str, engine: Whose, workload: Workload) -> ContainerPlan {
    ContainerPlan {
        name: name.into(),
        host: HostName::new("h1").unwrap(),
        engine,
        workload,
        image: workload.image(),
        memory: 1 << 20,
        dirty_rate: 0,
        cpu: Level::new(0.1).unwrap(),
        sockets: 0,
        ports: Vec::new(),
        volumes: Vec::new(),
        files: Vec::new(),
        peculiar: Default::default(),
        status: Status::Running,
        labels: [("drover.sample".to_owned(), name.to_owned())].into(),
    }
}

fn watched(machine: &Arc<Machine>, engine: Engine) -> mpsc::Receiver<WatchMessage> {
    let (out, told) = mpsc::channel(16);
    let remote = Simulated { host: HostName::new("h1").unwrap(), machine: machine.clone() };
    tokio::spawn(containers(Arc::new(remote), engine, out));
    told
}

async fn next(told: &mut mpsc::Receiver<WatchMessage>) -> Vec<Container> {
    match tokio::time::timeout(Duration::from_secs(60), told.recv()).await.unwrap().unwrap() {
        WatchMessage::Containers(containers) => containers,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn docker_is_followed_through_its_socket() {
    let machine = machine_for_tests();
    machine.furnish(&plan("counter", Whose::Docker, Workload::Counter), 1);
    machine.furnish(&plan("podman-s", Whose::Podman, Workload::Counter), 1);
    let began = i64::try_from(machine.calendar().as_secs()).unwrap();
    let mut told = watched(&machine, Engine::Docker);
    let listed = next(&mut told).await;
    let [counter] = listed.as_slice() else { panic!("{listed:?}") };
    let real = machine.containers.find_of(Whose::Docker, "counter").unwrap();
    assert_eq!((counter.name.as_str(), &counter.id.0), ("counter", &real.id));
    assert_eq!((counter.status, counter.pid), (ContainerStatus::Running, real.pid()));
    assert_eq!((counter.created, counter.started), (began, Some(began)));
    assert_eq!(counter.image, "localhost/drover/counter:latest");
    assert_eq!(counter.labels["drover.sample"], "counter");
    machine.clock.sleep(Duration::from_secs(10)).await;
    run_words(&machine, &["docker", "pause", "counter"], b"").await;
    assert_eq!(next(&mut told).await[0].status, ContainerStatus::Paused);
    run_words(&machine, &["docker", "rm", "-f", "counter"], b"").await;
    while !next(&mut told).await.is_empty() {}
}

#[tokio::test(start_paused = true)]
async fn runc_is_asked_again_and_again() {
    let machine = machine_for_tests();
    let mut told = watched(&machine, Engine::Runc);
    assert_eq!(next(&mut told).await, []);
    machine.furnish(&plan("bundle", Whose::Runc, Workload::Redis), 1);
    let listed = next(&mut told).await;
    let real = machine.containers.find_of(Whose::Runc, "bundle").unwrap();
    assert_eq!((listed[0].name.as_str(), listed[0].image.as_str()), ("bundle", "/srv/bundles/bundle"));
    assert_eq!((listed[0].status, listed[0].pid), (ContainerStatus::Running, real.pid()));
    assert_eq!(listed[0].labels["drover.sample"], "bundle");
}
