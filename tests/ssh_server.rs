//! The SSH room against servers in this process that misbehave in every way known.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, dead_code)]

#[path = "support/ssh_server.rs"]
mod ssh_server;

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drover::fleet::{HostKeyCheck, HostName, HostSpec, Sudo};
use drover::ssh::{
    Backoff, Command, ConnectError, Connection, ExitStatus, Host, HostKeyRefusal, LinkState, NoPrompter,
    Process, Prompter, Purpose, Remote, RemoteError, Retry, SESSION_LIMIT, Secret, Step,
};
use russh::keys::{Algorithm, EcdsaCurve};
use ssh_server::{Act, Answer, Channels, FakeHost, Fleet, private};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// Far above anything these tests wait for: reaching it means that something hangs.
const HANGS: Duration = Duration::from_secs(60);

fn nobody() -> Arc<dyn Prompter> {
    Arc::new(NoPrompter)
}

/// Answers from a list, and keeps the questions.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<&'static str>>,
    questions: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(answers: impl IntoIterator<Item = &'static str>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), questions: Mutex::default() })
    }

    fn asked(&self) -> Vec<String> {
        self.questions.lock().unwrap().clone()
    }

    fn answer(&self, text: &str) -> Option<&'static str> {
        self.questions.lock().unwrap().push(text.to_string());
        self.answers.lock().unwrap().pop_front()
    }
}

#[async_trait]
impl Prompter for Scripted {
    async fn confirm(&self, _: &HostName, text: &str) -> bool {
        // A person who reads for ten minutes.
        tokio::time::sleep(Duration::from_secs(600)).await;
        self.answer(text) == Some("yes")
    }

    async fn secret(&self, _: &HostName, text: &str) -> Option<Secret> {
        self.answer(text).map(|answer| Secret::new(answer.into()))
    }
}

fn says(acts: Vec<Act>) -> Arc<FakeHost> {
    FakeHost::new(move |_| acts.clone())
}

async fn connect(fleet: &Fleet, spec: &HostSpec) -> Result<Connection, ConnectError> {
    timeout(HANGS, fleet.connector().connect(spec, Purpose::Commands, &nobody())).await.expect("hangs")
}

/// Runs one command on a host that does as told.
async fn outcome(acts: Vec<Act>) -> Result<drover::ssh::Output, RemoteError> {
    let fleet = Fleet::new();
    let spec = fleet.add("h1", &says(acts));
    let connection = connect(&fleet, &spec).await.unwrap();
    timeout(HANGS, connection.output(&Command::new("x"), b"")).await.expect("hangs")
}

fn cause(result: Result<drover::ssh::Output, RemoteError>) -> String {
    match result {
        Err(RemoteError::Connection { cause, .. }) => cause,
        other => panic!("{other:?}"),
    }
}

// ---- how commands end ----

#[tokio::test]
async fn an_exit_status_without_output_is_enough() {
    let output = outcome(vec![Act::Exit(3)]).await.unwrap();
    assert_eq!((output.status, output.stdout), (ExitStatus::Code(3), vec![]));
}

#[tokio::test]
async fn output_after_the_exit_status_still_counts() {
    let acts = vec![Act::Exit(0), Act::Out(b"late".to_vec()), Act::Err(b"later".to_vec()), Act::Eof];
    let output = outcome(acts).await.unwrap();
    assert_eq!((output.stdout, output.stderr), (b"late".to_vec(), b"later".to_vec()));
}

#[tokio::test]
async fn a_channel_closed_without_exit_status_is_an_error() {
    assert!(cause(outcome(vec![Act::Out(b"half".to_vec())]).await).contains("in the middle of the output"));
    assert!(cause(outcome(vec![Act::Out(b"x".to_vec()), Act::Eof]).await).contains("without an exit status"));
}

#[tokio::test]
async fn a_command_that_cannot_be_started_is_an_error() {
    assert!(cause(outcome(vec![Act::Refuse]).await).contains("refused to start"));
}

/// Trap 2: a dead connection must never look like the end of the output.
#[tokio::test]
async fn a_lost_connection_is_an_error_of_the_stream_and_of_the_outcome() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Out(b"first half".to_vec()), Act::ReadAll, Act::Cut]);
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let Process { mut stdin, mut stdout, ended } = connection.spawn(&Command::new("x")).await.unwrap();
    let mut half = [0; 10];
    stdout.read_exact(&mut half).await.unwrap();
    stdin.shutdown().await.unwrap();
    let error = timeout(HANGS, stdout.read(&mut half)).await.expect("hangs").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionAborted);
    assert!(matches!(ended.await.unwrap(), Err(RemoteError::Connection { .. })));
    assert!(!timeout(HANGS, connection.closed()).await.expect("hangs").is_empty());
    assert!(connection.is_closed());
    assert!(matches!(connection.spawn(&Command::new("x")).await, Err(RemoteError::Connection { .. })));
}

#[tokio::test]
async fn a_forwarded_socket_ends_cleanly_or_with_an_error() {
    let fleet = Fleet::new();
    let host = FakeHost::new(|path| match path {
        "/good" => vec![Act::Echo, Act::Eof],
        _ => vec![Act::Out(b"part".to_vec()), Act::ReadAll, Act::Cut],
    });
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let mut good = connection.forward_socket("/good").await.unwrap();
    good.write_all(b"ping").await.unwrap();
    good.shutdown().await.unwrap();
    let mut bytes = Vec::new();
    timeout(HANGS, good.read_to_end(&mut bytes)).await.expect("hangs").unwrap();
    assert_eq!(bytes, b"ping");
    let mut bad = connection.forward_socket("/bad").await.unwrap();
    bad.shutdown().await.unwrap();
    assert!(timeout(HANGS, bad.read_to_end(&mut bytes)).await.expect("hangs").is_err());
}

#[tokio::test]
async fn input_for_a_command_that_ended_does_not_hang() {
    let fleet = Fleet::new();
    let connection = connect(&fleet, &fleet.add("h1", &says(vec![Act::Exit(1)]))).await.unwrap();
    // More than every window and queue on the way.
    let input = vec![0; 16 << 20];
    let output = timeout(HANGS, connection.output(&Command::new("x"), &input)).await.expect("hangs").unwrap();
    assert_eq!(output.status, ExitStatus::Code(1));
}

#[tokio::test]
async fn only_the_end_of_standard_error_is_kept() {
    let acts = vec![Act::Err(vec![b'a'; 200 << 10]), Act::Err(b"last words".to_vec()), Act::Exit(1)];
    let output = outcome(acts).await.unwrap();
    assert_eq!(output.stderr.len(), 64 << 10);
    assert!(output.stderr.ends_with(b"alast words"));
}

// ---- trap 1: channels do not freeze each other ----

fn flooding() -> Arc<FakeHost> {
    FakeHost::new(|line| match line {
        "flood" => vec![Act::Flood],
        _ => vec![Act::Out(b"pong".to_vec()), Act::Exit(0)],
    })
}

#[tokio::test]
async fn an_unread_channel_is_given_up_and_the_others_go_on() {
    let fleet = Fleet::new();
    let connection = connect(&fleet, &fleet.add("h1", &flooding())).await.unwrap();
    let Process { mut stdout, ended, .. } = connection.spawn(&Command::new("flood")).await.unwrap();
    let pong = timeout(HANGS, connection.run(&Command::new("ping"))).await.expect("frozen").unwrap();
    assert_eq!(pong, b"pong");
    assert!(timeout(HANGS, ended).await.expect("never given up").unwrap().is_err());
    let mut bytes = Vec::new();
    let error = timeout(HANGS, stdout.read_to_end(&mut bytes)).await.expect("hangs").unwrap_err();
    assert!(error.to_string().contains("bulk connection"), "{error}");
    assert!((6 << 20..10 << 20).contains(&bytes.len()), "{}", bytes.len());
    assert_eq!(connection.run(&Command::new("ping")).await.unwrap(), b"pong");
}

#[tokio::test]
async fn a_discarded_flood_does_not_freeze_the_others() {
    let fleet = Fleet::new();
    let connection = connect(&fleet, &fleet.add("h1", &flooding())).await.unwrap();
    // Only the outcome is of interest: the output is thrown away as it comes.
    let Process { ended: _ended, .. } = connection.spawn(&Command::new("flood")).await.unwrap();
    let pong = timeout(HANGS, connection.run(&Command::new("ping"))).await.expect("frozen").unwrap();
    assert_eq!(pong, b"pong");
}

#[tokio::test(start_paused = true)]
async fn a_bulk_connection_waits_for_its_reader() {
    let fleet = Fleet::new();
    let spec = fleet.add("h1", &flooding());
    let connection = fleet.connector().connect(&spec, Purpose::Bulk, &nobody()).await.unwrap();
    let Process { mut stdout, ended: _ended, .. } = connection.spawn(&Command::new("flood")).await.unwrap();
    let mut bytes = vec![0; 1 << 20];
    // Longer than a connection for commands would have waited.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..64 {
        timeout(HANGS, stdout.read_exact(&mut bytes)).await.expect("hangs").unwrap();
    }
}

#[tokio::test]
async fn dropping_a_process_hangs_it_up_and_frees_its_place() {
    let fleet = Fleet::new();
    let host = FakeHost::new(|line| match line {
        "wait" => vec![Act::Wait],
        "flood" => vec![Act::Flood],
        _ => vec![Act::Exit(0)],
    });
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let mut hung_up = host.hung_up.subscribe();
    let mut running = Vec::new();
    for name in ["wait", "flood"].into_iter().cycle().take(SESSION_LIMIT) {
        running.push(connection.spawn(&Command::new(name)).await.unwrap());
    }
    drop(running);
    timeout(HANGS, hung_up.wait_for(|count| *count > 0)).await.expect("not hung up").unwrap();
    timeout(HANGS, connection.run(&Command::new("true"))).await.expect("no place").unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_command_deaf_to_the_hang_up_loses_its_channel_all_the_same() {
    let fleet = Fleet::new();
    let host = FakeHost::new(|line| if line == "deaf" { vec![Act::Deaf] } else { vec![Act::Exit(0)] });
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let mut running = Vec::new();
    for _ in 0..SESSION_LIMIT {
        running.push(connection.spawn(&Command::new("deaf")).await.unwrap());
    }
    drop(running);
    let begun = Instant::now();
    connection.run(&Command::new("true")).await.unwrap();
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn at_most_eight_commands_run_at_once_and_a_ninth_waits_its_turn() {
    let fleet = Fleet::new();
    let host = FakeHost::new(|line| match line {
        "cat" => vec![Act::ReadAll, Act::Exit(0)],
        _ => vec![Act::Exit(0)],
    });
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let mut running = Vec::new();
    for _ in 0..SESSION_LIMIT {
        running.push(connection.spawn(&Command::new("cat")).await.unwrap());
    }
    let error = connection.spawn(&Command::new("true")).await.err().unwrap();
    assert!(error.to_string().contains("8 commands already run"), "{error}");
    // Sockets do not count.
    connection.forward_socket("/x").await.unwrap();
    let true_command = Command::new("true");
    let (ninth, _) = tokio::join!(connection.run(&true_command), async { drop(running.pop()) });
    ninth.unwrap();
}

#[tokio::test]
async fn a_refused_channel_is_told_clearly() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    host.change(|behaviour| behaviour.channels = Channels::Refuse);
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let error = connection.run(&Command::new("x")).await.unwrap_err();
    assert!(error.to_string().contains("no resources left for a session"), "{error}");
}

/// Trap 3.
#[tokio::test]
async fn every_channel_that_the_server_opens_is_turned_away() {
    let fleet = Fleet::new();
    let host = says(vec![Act::OpenChannels, Act::Exit(0)]);
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let refused = timeout(HANGS, connection.run(&Command::new("x"))).await.expect("hangs").unwrap();
    assert_eq!(refused, b"7");
}

// ---- becoming root ----

async fn sudo(user: &str, sudo: Sudo, probe: Vec<Act>) -> Result<Vec<u8>, RemoteError> {
    let fleet = Fleet::new();
    let host = FakeHost::new(move |line| match line {
        probing if probing.contains("sudo -n true") => probe.clone(),
        line => vec![Act::Out(line.as_bytes().to_vec()), Act::Exit(0)],
    });
    let spec = HostSpec { user: Some(user.into()), sudo, ..fleet.add("h1", &host) };
    connect(&fleet, &spec).await.unwrap().run(&Command::new("podman").argument("ps")).await
}

#[tokio::test]
async fn sudo_is_used_only_where_it_is_needed() {
    let answers = |text: &str| vec![Act::Out(text.as_bytes().to_vec()), Act::Exit(0)];
    assert_eq!(sudo("root", Sudo::Auto, vec![]).await.unwrap(), b"podman ps");
    assert_eq!(sudo("jo", Sudo::Never, vec![]).await.unwrap(), b"podman ps");
    assert_eq!(sudo("toor", Sudo::Auto, answers("root\n")).await.unwrap(), b"podman ps");
    assert_eq!(sudo("jo", Sudo::Auto, answers("sudo\n")).await.unwrap(), b"sudo -n -- podman ps");
    assert_eq!(sudo("root", Sudo::Always, answers("sudo\n")).await.unwrap(), b"sudo -n -- podman ps");
}

#[tokio::test]
async fn sudo_that_wants_a_password_is_told_with_what_to_do() {
    let probe = vec![Act::Err(b"sudo: a password is required\n".to_vec()), Act::Exit(1)];
    let error = sudo("jo", Sudo::Auto, probe).await.unwrap_err().to_string();
    assert!(error.contains("a password is required") && error.contains("NOPASSWD"), "{error}");
}

// ---- host keys ----

#[tokio::test(start_paused = true)]
async fn a_changed_key_is_refused_in_every_mode_with_both_fingerprints_and_the_line() {
    let fleet = Fleet::new();
    let host = says(vec![]);
    let spec = fleet.add("h1", &host);
    let old = host.behaviour.lock().unwrap().key.public_key().clone();
    let new = private(Algorithm::Ed25519);
    host.change(|behaviour| behaviour.key = new.clone());
    for mode in [HostKeyCheck::Strict, HostKeyCheck::Ask, HostKeyCheck::AcceptNew] {
        let yes: Arc<dyn Prompter> = Scripted::new(["yes"; 3]);
        let connector = fleet.connector().host_keys(mode);
        let error = connector.connect(&spec, Purpose::Commands, &yes).await.err().unwrap();
        let text = error.to_string();
        for print in [
            drover::ssh::known_hosts::fingerprint(&old),
            drover::ssh::known_hosts::fingerprint(new.public_key()),
        ] {
            assert!(text.contains(&print), "{text}");
        }
        assert!(text.contains("known_hosts_h1:1"), "{text}");
        assert_eq!(error.retry(), Retry::Pointless);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_key_is_refused_even_if_it_is_also_on_record() {
    let fleet = Fleet::new();
    let host = says(vec![]);
    let spec = fleet.add("h1", &host);
    let record = std::fs::read_to_string(&spec.known_hosts[0]).unwrap();
    std::fs::write(&spec.known_hosts[0], format!("{record}@revoked {record}")).unwrap();
    let error = connect(&fleet, &spec).await.err().unwrap();
    assert!(error.to_string().contains("@revoked at") && error.to_string().contains(":2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_is_refused_asked_about_or_recorded() {
    let fleet = Fleet::new();
    let spec = fleet.add("h1", &says(vec![]));
    let file = spec.known_hosts[0].clone();
    std::fs::write(&file, "").unwrap();
    let connector = |mode| fleet.connector().host_keys(mode);

    let error = connect(&fleet, &spec).await.err().unwrap();
    let ConnectError::HostKey { refusal, .. } = &error else { panic!("{error}") };
    assert!(matches!(**refusal, HostKeyRefusal::Unknown { .. }), "{error}");

    let no = Scripted::new(["no"]);
    let asker: Arc<dyn Prompter> = no.clone();
    let error = connector(HostKeyCheck::Ask).connect(&spec, Purpose::Commands, &asker).await.err().unwrap();
    assert!(error.to_string().contains("not accepted"), "{error}");
    assert!(no.asked()[0].contains("SHA256:"), "{:?}", no.asked());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "");

    // The person takes ten minutes, which no time-out of ours may count.
    let asker: Arc<dyn Prompter> = Scripted::new(["yes"]);
    connector(HostKeyCheck::Ask).connect(&spec, Purpose::Commands, &asker).await.unwrap();
    connect(&fleet, &spec).await.unwrap();

    std::fs::write(&file, "").unwrap();
    connector(HostKeyCheck::AcceptNew).connect(&spec, Purpose::Commands, &nobody()).await.unwrap();
    connect(&fleet, &spec).await.unwrap();
}

#[tokio::test]
async fn a_host_known_by_another_type_of_key_is_not_merely_unknown() {
    let fleet = Fleet::new();
    let host = says(vec![]);
    let spec = fleet.add("h1", &host);
    host.change(|behaviour| {
        behaviour.key = private(Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 });
    });
    let accepting = fleet.connector().host_keys(HostKeyCheck::AcceptNew);
    let error = accepting.connect(&spec, Purpose::Commands, &nobody()).await.err().unwrap();
    assert!(error.to_string().contains("ssh-ed25519 is on record"), "{error}");
}

// ---- logging in ----

#[tokio::test]
async fn a_refused_login_says_what_is_offered_and_what_was_tried() {
    let fleet = Fleet::new();
    let host = says(vec![]);
    let spec = fleet.add("h1", &host);
    host.change(|behaviour| behaviour.authorized.clear());
    let error = connect(&fleet, &spec).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("root could not log in") && text.contains("accepts publickey"), "{text}");
    assert!(text.contains("/user: refused"), "{text}");
    assert_eq!(error.retry(), Retry::Pointless);
    let missing = HostSpec { identity: vec!["/nonexistent/key".into()], ..spec };
    let text = connect(&fleet, &missing).await.err().unwrap().to_string();
    assert!(text.contains("/nonexistent/key: No such file"), "{text}");
}

#[tokio::test]
async fn a_private_key_that_others_can_read_is_not_used() {
    let fleet = Fleet::new();
    let spec = fleet.add("h1", &says(vec![]));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&spec.identity[0], open).unwrap();
    let error = connect(&fleet, &spec).await.err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn asking_for_an_attempt_during_one_does_not_make_another() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    host.delay(Duration::from_millis(50));
    let link = Host::start(fleet.add("h1", &host), fleet.connector(), nobody(), Backoff::default());
    link.reconnect_now();
    let connection = link.live().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(host.dialled.load(Ordering::SeqCst), 1);
    link.reconnect_now();
    connection.closed().await;
    link.live().await.unwrap().run(&Command::new("x")).await.unwrap();
}

#[tokio::test]
async fn a_password_is_asked_for_last_corrected_and_remembered() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    let spec = fleet.add("h1", &host);
    host.change(|behaviour| {
        behaviour.authorized.clear();
        behaviour.password = Some("right".into());
    });
    let asker = Scripted::new(["wrong", "right"]);
    let prompter: Arc<dyn Prompter> = asker.clone();
    let connector = fleet.connector();
    connector.connect(&spec, Purpose::Commands, &prompter).await.unwrap();
    connector.connect(&spec, Purpose::Bulk, &prompter).await.unwrap();
    assert_eq!(asker.asked(), ["Password of root@h1:22:", "That was not right. Password of root@h1:22:"]);
}

#[tokio::test]
async fn keyboard_interactive_questions_reach_the_person() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    let spec = fleet.add("h1", &host);
    host.change(|behaviour| {
        behaviour.authorized.clear();
        behaviour.code = Some("123456".into());
    });
    let asker = Scripted::new(["000000", "123456"]);
    let prompter: Arc<dyn Prompter> = asker.clone();
    fleet.connector().connect(&spec, Purpose::Commands, &prompter).await.unwrap();
    assert_eq!(asker.asked(), ["Second factor\nCode:"; 2]);
    let error = connect(&fleet, &spec).await.err().unwrap().to_string();
    assert!(error.contains("keyboard-interactive: nobody answered"), "{error}");
}

// ---- time-outs, reconnecting ----

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_given_up_in_time() {
    let fleet = Fleet::new();
    let host = says(vec![]);
    let spec = fleet.add("h1", &host);
    host.change(|behaviour| behaviour.answer = Answer::Silence);
    let begun = Instant::now();
    let error = connect(&fleet, &spec).await.err().unwrap();
    assert!(matches!(error, ConnectError::Timeout { step: Step::Handshake, .. }), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 15);
    assert_eq!(error.retry(), Retry::Worthwhile);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_hangs_is_found_by_keepalives() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Wait]);
    let connection = connect(&fleet, &fleet.add("h1", &host)).await.unwrap();
    let process = connection.spawn(&Command::new("x")).await.unwrap();
    host.flow(false);
    let begun = Instant::now();
    assert_eq!(connection.closed().await, "the host stopped answering");
    assert!(begun.elapsed() <= Duration::from_secs(21), "{:?}", begun.elapsed());
    assert!(process.ended.await.unwrap().is_err());
}

async fn wait_for(host: &Host, what: impl Fn(&LinkState) -> bool) -> LinkState {
    let mut states = host.states();
    let state = timeout(Duration::from_secs(600), states.wait_for(|state| what(state))).await;
    state.expect("never came").unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn a_lost_host_comes_back_after_growing_pauses() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    let spec = fleet.add("h1", &host);
    let link = Host::start(spec, fleet.connector(), nobody(), Backoff::new(|| 1.0));
    wait_for(&link, |state| matches!(state, LinkState::Live { .. })).await;
    link.live().await.unwrap();
    host.change(|behaviour| behaviour.answer = Answer::Refuse);
    host.cut();
    let mut states = link.states();
    let mut pauses = Vec::new();
    while pauses.len() < 7 {
        states.changed().await.unwrap();
        if let LinkState::Retrying { next_try, cause } = &*states.borrow_and_update() {
            assert!(!cause.is_empty());
            pauses.push(next_try.as_secs());
        }
    }
    assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    assert!(matches!(link.run(&Command::new("x")).await, Err(RemoteError::Connection { .. })));
    host.change(|behaviour| behaviour.answer = Answer::Serve);
    let begun = Instant::now();
    link.reconnect_now();
    wait_for(&link, |state| matches!(state, LinkState::Live { .. })).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    link.run(&Command::new("x")).await.unwrap();
    link.bulk().await.unwrap().run(&Command::new("x")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_host_is_not_hammered_until_somebody_says_so() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    let spec = fleet.add("h1", &host);
    let good = host.behaviour.lock().unwrap().key.clone();
    host.change(|behaviour| behaviour.key = private(Algorithm::Ed25519));
    let link = Host::start(spec, fleet.connector(), nobody(), Backoff::default());
    let state = wait_for(&link, |state| matches!(state, LinkState::Refused { .. })).await;
    let LinkState::Refused { cause } = state else { unreachable!() };
    assert!(cause.contains("CHANGED"), "{cause}");
    assert!(link.live().await.is_err());
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(host.dialled.load(Ordering::SeqCst), 1);
    host.change(|behaviour| behaviour.key = good);
    link.reconnect_now();
    wait_for(&link, |state| matches!(state, LinkState::Live { .. })).await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_host_never_delays_another() {
    let fleet = Fleet::new();
    let (dead, good) = (says(vec![]), says(vec![Act::Exit(0)]));
    dead.change(|behaviour| behaviour.answer = Answer::Silence);
    let mut dead_links = Vec::new();
    let spec = fleet.add("dead", &dead);
    let connector = fleet.connector();
    for _ in 0..20 {
        dead_links.push(Host::start(spec.clone(), connector.clone(), nobody(), Backoff::default()));
    }
    let begun = Instant::now();
    let link = Host::start(fleet.add("good", &good), connector, nobody(), Backoff::default());
    link.live().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    // Not more logins at once than sshd takes without dropping some.
    assert!(dead.dialled.load(Ordering::SeqCst) <= 8);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_host_ends_its_connection() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Exit(0)]);
    let link = Host::start(fleet.add("h1", &host), fleet.connector(), nobody(), Backoff::default());
    let connection = link.live().await.unwrap();
    drop(link);
    connection.run(&Command::new("still")).await.unwrap();
    connection.disconnect().await;
    connection.closed().await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(host.dialled.load(Ordering::SeqCst), 1);
}

// ---- cost ----

/// The clock stands still but for the wire, so what passes is the number of round trips.
#[tokio::test(start_paused = true)]
async fn connecting_and_the_first_command_cost_few_round_trips() {
    let fleet = Fleet::new();
    let host = says(vec![Act::Out(b"out".to_vec()), Act::Exit(0)]);
    let spec = fleet.add("h1", &host);
    host.delay(Duration::from_millis(50));
    let begun = Instant::now();
    let connection = connect(&fleet, &spec).await.unwrap();
    let connected = begun.elapsed();
    connection.run(&Command::new("x")).await.unwrap();
    let first = begun.elapsed() - connected;
    // Half for the versions, and one each for algorithms, keys, service, offered key and signature.
    assert!(connected <= Duration::from_millis(550), "{connected:?}");
    // Opening the channel and the command; the half is the wire, which here carries one packet at a time.
    assert!(first <= Duration::from_millis(250), "{first:?}");
}

/// Trap 6: a command per sample would cost a login shell each; one channel answers again and again.
#[tokio::test]
async fn one_channel_answers_many_questions() {
    let fleet = Fleet::new();
    let connection = connect(&fleet, &fleet.add("h1", &says(vec![Act::Echo, Act::Exit(0)]))).await.unwrap();
    let Process { mut stdin, mut stdout, ended } = connection.spawn(&Command::new("cat")).await.unwrap();
    let mut line = [0; 4];
    for _ in 0..100 {
        stdin.write_all(b"ask\n").await.unwrap();
        timeout(HANGS, stdout.read_exact(&mut line)).await.expect("hangs").unwrap();
        assert_eq!(&line, b"ask\n");
    }
    drop(stdin);
    assert_eq!(ended.await.unwrap().unwrap().0, ExitStatus::Code(0));
}

/// Trap 9: closing a channel must not need a runtime where it is dropped.
#[test]
fn streams_may_be_dropped_after_the_runtime() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let fleet = Fleet::new();
    let spec = fleet.add("h1", &says(vec![Act::Wait]));
    let held = runtime.block_on(async {
        let connection = connect(&fleet, &spec).await.unwrap();
        let process = connection.spawn(&Command::new("x")).await.unwrap();
        let socket = connection.forward_socket("/x").await.unwrap();
        (connection, process, socket)
    });
    drop(runtime);
    assert!(held.0.is_closed());
    drop(held);
}
