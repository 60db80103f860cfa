use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::super::testing::{Opened, ScriptedRemote};
use super::*;
use crate::fleet::ContainerStatus;
use crate::ssh::ExitStatus;

const A: &str = "aa00000000000000000000000000000000000000000000000000000000000000";
const B: &str = "bb00000000000000000000000000000000000000000000000000000000000000";

/// An engine that exists only as answers on forwarded streams.
#[derive(Clone)]
struct FakeEngine {
    /// Names and states that it lists.
    containers: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    /// Every request, as it comes: tests wait for these instead of for time.
    requests: mpsc::Sender<String>,
    /// Connections that asked for events.
    subscribers: mpsc::Sender<DuplexStream>,
}

impl FakeEngine {
    async fn serve(self, stream: DuplexStream) {
        let mut stream = BufReader::new(stream);
        loop {
            let mut request = String::new();
            let mut line = String::new();
            while stream.read_line(&mut line).await.is_ok_and(|count| count > 2) {
                request.push_str(&std::mem::take(&mut line));
            }
            let Some(path) = request.split_whitespace().nth(1).map(str::to_string) else { return };
            let path =
                path.split('?').next().unwrap().trim_start_matches("/v1.41").trim_start_matches("/v1.53");
            let body = match path {
                "/events" => {
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                    stream.get_mut().write_all(head.as_bytes()).await.unwrap();
                    self.subscribers.send(stream.into_inner()).await.unwrap();
                    let _ = self.requests.send(path.to_string()).await;
                    return;
                }
                "/version" => r#"{"ApiVersion":"1.41","MinAPIVersion":"1.24","Version":"5.4.2"}"#.to_string(),
                "/containers/json" => {
                    let containers = self.containers.lock().unwrap().clone();
                    let list = containers.iter().map(|(name, state)| {
                        let id = if *name == "a" { A } else { B };
                        format!(r#"{{"Id":"{id}","Names":["/{name}"],"Image":"i","Created":1,"State":"{state}","Labels":{{}}}}"#)
                    });
                    format!("[{}]", list.collect::<Vec<_>>().join(","))
                }
                path if path.ends_with("/json") => {
                    r#"{"State":{"Pid":782,"StartedAt":"2026-11-20T12:38:31.67235666Z"}}"#.to_string()
                }
                other => panic!("{other}"),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            stream.get_mut().write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            let _ = self.requests.send(path.to_string()).await;
        }
    }
}

struct Stage {
    engine: FakeEngine,
    requests: mpsc::Receiver<String>,
    subscribers: mpsc::Receiver<DuplexStream>,
    messages: mpsc::Receiver<WatchMessage>,
    task: tokio::task::JoinHandle<WatchEnd>,
}

fn stage(engine: Engine, socket: &str) -> Stage {
    let (remote, mut opened) = ScriptedRemote::new(&[socket]);
    let (requests_out, requests) = mpsc::channel(1000);
    let (subscribers_out, subscribers) = mpsc::channel(10);
    let (out, messages) = mpsc::channel(8);
    let fake = FakeEngine {
        containers: Arc::new(Mutex::new(vec![("a", "running")])),
        requests: requests_out,
        subscribers: subscribers_out,
    };
    let served = fake.clone();
    tokio::spawn(async move {
        while let Some(Opened { stream, .. }) = opened.recv().await {
            tokio::spawn(served.clone().serve(stream));
        }
    });
    let task = tokio::spawn(containers(Arc::new(remote), engine, out));
    Stage { engine: fake, requests, subscribers, messages, task }
}

async fn event(subscriber: &mut DuplexStream, action: &str, id: &str) {
    let event = format!(r#"{{"Type":"container","Action":"{action}","Actor":{{"ID":"{id}"}}}}"#) + "\n";
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    subscriber.write_all(chunk.as_bytes()).await.unwrap();
}

impl Stage {
    async fn names(&mut self) -> Vec<(String, ContainerStatus)> {
        match self.messages.recv().await.unwrap() {
            WatchMessage::Containers(list) => {
                list.into_iter().map(|found| (found.name, found.status)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    /// Passes over requests until the list has been asked for this many times.
    async fn lists(&mut self, count: usize) {
        let mut seen = 0;
        while seen < count {
            seen += usize::from(self.requests.recv().await.unwrap() == "/containers/json");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_renews_the_list_once_for_many() {
    let mut stage = stage(Engine::Podman, "/run/podman/podman.sock");
    let WatchMessage::Containers(first) = stage.messages.recv().await.unwrap() else { panic!() };
    assert_eq!(first[0].name, "a");
    assert_eq!((first[0].pid, first[0].started), (Some(782), Some(1_795_178_311)));
    let mut subscriber = stage.subscribers.recv().await.unwrap();
    stage.lists(2).await;

    stage.engine.containers.lock().unwrap().push(("b", "created"));
    for _ in 0..50 {
        event(&mut subscriber, "create", B).await;
    }
    let b = ("b".to_string(), ContainerStatus::Created);
    assert_eq!(stage.names().await, [("a".to_string(), ContainerStatus::Running), b.clone()]);

    // What does not change the list is not told again, and asks for nothing; an hour without events neither.
    event(&mut subscriber, "exec_start: sh", A).await;
    let quiet = tokio::time::timeout(Duration::from_secs(3600), stage.messages.recv()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    let mut lists = 0;
    while let Ok(request) = stage.requests.try_recv() {
        lists += usize::from(request == "/containers/json");
    }
    assert!((1..=2).contains(&lists), "{lists} lists for 50 events at once");

    stage.engine.containers.lock().unwrap()[0].1 = "exited";
    event(&mut subscriber, "died", A).await;
    assert_eq!(stage.names().await, [("a".to_string(), ContainerStatus::Exited), b]);

    drop(stage.messages);
    assert_eq!(stage.task.await.unwrap(), WatchEnd::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_broken_event_stream_is_opened_again_and_the_list_renewed() {
    let mut stage = stage(Engine::Docker, "/var/run/docker.sock");
    stage.names().await;
    drop(stage.subscribers.recv().await.unwrap());
    stage.engine.containers.lock().unwrap().clear();
    assert_eq!(stage.names().await, []);
    let mut subscriber = stage.subscribers.recv().await.unwrap();
    stage.engine.containers.lock().unwrap().push(("a", "paused"));
    event(&mut subscriber, "pause", A).await;
    assert_eq!(stage.names().await, [("a".to_string(), ContainerStatus::Paused)]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_not_there_is_named_and_tried_again() {
    let mut stage = stage(Engine::Docker, "/somewhere/else.sock");
    let WatchMessage::ContainersUnknown { cause } = stage.messages.recv().await.unwrap() else { panic!() };
    assert!(cause.starts_with("Docker does not answer at /var/run/docker.sock ("), "{cause}");
    assert!(cause.contains("refused by the test"), "{cause}");
    assert!(!stage.task.is_finished());
    drop(stage.messages);
    assert_eq!(stage.task.await.unwrap(), WatchEnd::Stopped);
}

#[tokio::test(start_paused = true)]
async fn automatic_choice_takes_docker_where_there_is_no_podman() {
    let (remote, mut opened) = ScriptedRemote::new(&[]);
    let (out, mut messages) = mpsc::channel(8);
    let task = tokio::spawn(containers(Arc::new(remote), Engine::Auto, out));
    let Opened { what, stream, ended } = opened.recv().await.unwrap();
    assert_eq!(what, "podman --version");
    ended.unwrap().send(Ok((ExitStatus::Code(127), b"sh: podman: not found".to_vec()))).unwrap();
    drop(stream);
    let Some(WatchMessage::ContainersUnknown { cause }) = messages.recv().await else { panic!() };
    assert!(
        cause.starts_with("there is neither Podman nor a Docker daemon (/var/run/docker.sock: "),
        "{cause}"
    );
    drop(messages);
    assert_eq!(task.await.unwrap(), WatchEnd::Stopped);
}

#[tokio::test(start_paused = true)]
async fn without_a_socket_podman_is_asked_by_command() {
    let (remote, mut opened) = ScriptedRemote::new(&[]);
    let (out, mut messages) = mpsc::channel(8);
    let task = tokio::spawn(containers(Arc::new(remote), Engine::Podman, out));
    let mut events = None;
    let mut state = "running";
    for expected in [ContainerStatus::Running, ContainerStatus::Exited] {
        loop {
            tokio::select! {
                process = opened.recv() => {
                    let Opened { what, mut stream, ended } = process.unwrap();
                    if what.contains("podman events --filter type=container --format json") {
                        events = Some((stream, ended));
                        continue;
                    }
                    assert_eq!(what, "podman ps --all --format json");
                    let list = format!(r#"[{{"Id":"{A}","Names":["a"],"State":"{state}","Pid":5}}]"#);
                    stream.write_all(list.as_bytes()).await.unwrap();
                    drop(stream);
                    let _ = ended.unwrap().send(Ok((ExitStatus::Code(0), Vec::new())));
                }
                message = messages.recv() => {
                    let Some(WatchMessage::Containers(list)) = message else { panic!("{message:?}") };
                    assert_eq!(list[0].status, expected);
                    break;
                }
            }
        }
        state = "exited";
        let (stream, _) = events.as_mut().unwrap();
        stream.write_all(format!("{{\"ID\":\"{A}\",\"Status\":\"died\"}}\n").as_bytes()).await.unwrap();
    }
    drop(messages);
    assert_eq!(task.await.unwrap(), WatchEnd::Stopped);
}
