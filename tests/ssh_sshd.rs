//! The SSH room against a real sshd.

// Helpers of tests may fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, missing_docs)]

#[path = "support/sshd.rs"]
mod sshd;

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drover::fleet::{HostKeyCheck, HostName, HostSpec};
use drover::ssh::config::{NoConfiguration, OpenSshResolver, Person, ResolvedBy};
use drover::ssh::{
    Backoff, Command, Connection, Connector, ExitStatus, Host, LinkState, Process, Prompter, Purpose, Remote,
    RemoteError, SESSION_LIMIT, Secret,
};
use sha2::{Digest, Sha256};
use sshd::{Sshd, keygen, nobody, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Far above anything these tests wait for: reaching it means that something hangs.
const HANGS: Duration = Duration::from_secs(60);

/// Gives one passphrase and keeps the questions.
struct Passphrase(&'static str, Mutex<Vec<String>>);

impl Passphrase {
    fn new(passphrase: &'static str) -> Arc<Self> {
        Arc::new(Self(passphrase, Mutex::default()))
    }
}

#[async_trait]
impl Prompter for Passphrase {
    async fn confirm(&self, _: &HostName, _: &str) -> bool {
        false
    }

    async fn secret(&self, _: &HostName, text: &str) -> Option<Secret> {
        self.1.lock().unwrap().push(text.into());
        Some(Secret::new(self.0.into()))
    }
}

async fn connect(sshd: &Sshd, spec: &HostSpec) -> Connection {
    connect_with(&sshd.connector(), spec).await
}

async fn connect_with(connector: &Connector, spec: &HostSpec) -> Connection {
    let connected = timeout(HANGS, connector.connect(spec, Purpose::Commands, &nobody())).await;
    connected.expect("hangs").unwrap_or_else(|error| panic!("{error}"))
}

async fn bulk(sshd: &Sshd) -> Connection {
    sshd.connector().connect(&sshd.spec("h1"), Purpose::Bulk, &nobody()).await.unwrap()
}

async fn works(connection: &Connection) {
    let output = timeout(HANGS, connection.run(&Command::new("echo").argument("it works"))).await;
    assert_eq!(output.expect("hangs").unwrap(), b"it works\n");
}

// ---- commands ----

#[tokio::test]
async fn a_command_runs_with_input_output_stderr_and_exit_code() {
    let Some(sshd) = Sshd::start("") else { return };
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let command = Command::script("cat; echo \"$1\" >&2; exit 7", ["it's $HOME"]);
    let output = connection.output(&command, b"input").await.unwrap();
    assert_eq!(output.status, ExitStatus::Code(7));
    assert_eq!(output.stdout, b"input");
    assert_eq!(output.stderr, b"it's $HOME\n");
    let killed = connection.output(&Command::script("kill -TERM $$", [""; 0]), b"").await.unwrap();
    assert_eq!(killed.status, ExitStatus::Signal);
    let error = connection.run(&Command::script("echo broken >&2; exit 3", [""; 0])).await.unwrap_err();
    assert_eq!(error.to_string(), "h1: “sh” failed with exit code 3: broken");
    assert!(connection.round_trip().await.unwrap() < HANGS);
}

#[tokio::test]
async fn every_byte_of_an_argument_arrives() {
    let Some(sshd) = Sshd::start("") else { return };
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let words: Vec<String> = (1..=0x7f_u8).map(|byte| format!("a{}b", char::from(byte))).collect();
    let command = Command::new("printf").argument("%s\\0").arguments(words.clone());
    let output = connection.run(&command).await.unwrap();
    let expected: String = words.iter().map(|word| format!("{word}\0")).collect();
    assert_eq!(output, expected.into_bytes());
}

/// Input of a hash-like but compressible-proof kind, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(next).flatten().take(length).collect()
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn sixty_four_mebibytes_travel_whole_in_both_directions() {
    let Some(sshd) = Sshd::start("") else { return };
    let (up, down) = tokio::join!(bulk(&sshd), bulk(&sshd));
    let bytes = noise(64 << 20);
    let expected = hex(&Sha256::digest(&bytes));
    let uploaded =
        timeout(HANGS, up.output(&Command::new("sha256sum"), &bytes)).await.expect("hangs").unwrap();
    assert!(uploaded.stdout.starts_with(expected.as_bytes()));
    std::fs::write(sshd.path("big"), &bytes).unwrap();
    let command = Command::new("cat").argument(sshd.path("big").to_str().unwrap());
    let Process { mut stdout, ended, .. } = down.spawn(&command).await.unwrap();
    let (mut hash, mut buffer, mut total) = (Sha256::new(), vec![0; 256 << 10], 0);
    loop {
        let count = timeout(HANGS, stdout.read(&mut buffer)).await.expect("hangs").unwrap();
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        total += count;
    }
    assert_eq!((total, hex(&hash.finalize())), (bytes.len(), expected));
    assert_eq!(ended.await.unwrap().unwrap().0, ExitStatus::Code(0));
    // Through one command at once: what goes in comes out.
    let both = timeout(HANGS, up.output(&Command::new("cat"), &bytes)).await.expect("hangs").unwrap();
    assert!(both.stdout == bytes);
}

/// Trap 1 against the real thing.
#[tokio::test]
async fn an_unread_stream_does_not_freeze_the_others() {
    let Some(sshd) = Sshd::start("") else { return };
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let Process { stdout: _unread, ended, .. } =
        connection.spawn(&Command::new("cat").argument("/dev/zero")).await.unwrap();
    for _ in 0..5 {
        works(&connection).await;
    }
    assert!(timeout(HANGS, ended).await.expect("never given up").unwrap().is_err());
    works(&connection).await;
}

#[tokio::test]
async fn a_dropped_process_sees_the_end_of_its_input() {
    let Some(sshd) = Sshd::start("") else { return };
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let fifo = sshd.path("fifo");
    run(std::process::Command::new("mkfifo").arg(&fifo));
    // The fifo's reader sees the end when the last writer is gone: when the remote command has ended.
    let command = Command::script("exec 3>\"$1\"; echo up >&3; exec cat", [fifo.to_str().unwrap()]);
    let process = connection.spawn(&command).await.unwrap();
    let mut reader = tokio::fs::File::open(&fifo).await.unwrap();
    let mut line = [0; 3];
    timeout(HANGS, reader.read_exact(&mut line)).await.expect("hangs").unwrap();
    drop(process);
    let mut rest = Vec::new();
    timeout(HANGS, reader.read_to_end(&mut rest)).await.expect("still runs").unwrap();
    works(&connection).await;
}

#[tokio::test]
async fn more_sessions_than_the_server_allows_are_refused_clearly() {
    let Some(sshd) = Sshd::start("MaxSessions 2") else { return };
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let _first = connection.spawn(&Command::new("cat")).await.unwrap();
    let _second = connection.spawn(&Command::new("cat")).await.unwrap();
    let error = connection.spawn(&Command::new("true")).await.err().unwrap().to_string();
    assert!(error.contains("a session for a command"), "{error}");
}

#[tokio::test]
async fn as_many_sessions_as_we_allow_ourselves_fit_the_default_and_many_more_take_turns() {
    let Some(sshd) = Sshd::start("") else { return };
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let mut running = Vec::new();
    for _ in 0..SESSION_LIMIT - 1 {
        running.push(connection.spawn(&Command::new("cat")).await.unwrap());
    }
    let mut more = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let connection = connection.clone();
        more.spawn(async move { works(&connection).await });
    }
    more.join_all().await;
    drop(running);
    works(&connection).await;
}

#[tokio::test]
async fn a_cut_connection_is_an_error_and_the_host_comes_back() {
    let Some(sshd) = Sshd::start("") else { return };
    let link = Host::start(sshd.spec("h1"), sshd.connector(), nobody(), Backoff::new(|| 0.0));
    let connection = timeout(HANGS, link.live()).await.expect("hangs").unwrap();
    let Process { mut stdout, ended, .. } =
        connection.spawn(&Command::script("echo one; exec sleep 600", [""; 0])).await.unwrap();
    let mut line = [0; 4];
    stdout.read_exact(&mut line).await.unwrap();
    let mut states = link.states();
    sshd.cut();
    assert!(timeout(HANGS, stdout.read(&mut line)).await.expect("hangs").is_err());
    assert!(matches!(ended.await.unwrap(), Err(RemoteError::Connection { .. })));
    let retrying = states.wait_for(|state| matches!(state, LinkState::Retrying { .. }));
    timeout(HANGS, retrying).await.expect("not seen").unwrap();
    works(&timeout(HANGS, link.live()).await.expect("not back").unwrap()).await;
}

// ---- sockets and jump hosts ----

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
    let connection = connect(&sshd, &sshd.spec("h1")).await;
    let mut socket = connection.forward_socket(path.to_str().unwrap()).await.unwrap();
    socket.write_all(b"there and back").await.unwrap();
    socket.shutdown().await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    assert_eq!(answer, b"there and back");
    assert_eq!(echo.await.unwrap(), 14);
    let error = connection.forward_socket("/nonexistent.sock").await.err().unwrap().to_string();
    assert!(error.contains("/nonexistent.sock"), "{error}");
}

#[tokio::test]
async fn jump_hosts_are_gone_through_one_by_one() {
    let Some(sshd) = Sshd::start("") else { return };
    let hop = format!("{}@127.0.0.1:{}", sshd::user(), sshd.port);
    let spec = HostSpec { jump: vec![hop.clone(), hop.clone()], ..sshd.spec("behind") };
    let connector = sshd.connector();
    let together = (0..10).map(|_| connect_with(&connector, &spec));
    let connections = timeout(HANGS, futures::future::join_all(together)).await.expect("block each other");
    works(&connections[9]).await;
    // A jump host that is not there is named.
    let spec = HostSpec { jump: vec![hop, "127.0.0.1:1".into()], ..spec };
    let error = sshd.connector().connect(&spec, Purpose::Commands, &nobody()).await.err().unwrap();
    assert!(error.to_string().contains("jump host 127.0.0.1 failed"), "{error}");
}

#[tokio::test]
async fn an_alias_of_the_ssh_configuration_is_followed() {
    let Some(sshd) = Sshd::start("") else { return };
    let (port, directory) = (sshd.port, sshd.directory.path().display().to_string());
    let user = sshd::user();
    let config = format!(
        "Host gate\n HostName 127.0.0.1\n Port {port}\nHost box\n HostName 127.0.0.1\n Port {port}\n ProxyJump gate\n\
         Host *\n User {user}\n IdentityFile {directory}/user\n UserKnownHostsFile {directory}/known_hosts\n"
    );
    std::fs::write(sshd.path("ssh_config"), config).unwrap();
    let resolver = OpenSshResolver::new(sshd.person()).with_config(sshd.path("ssh_config"));
    let connector = Connector::with(sshd.person(), resolver);
    let spec = HostSpec {
        address: "box".into(),
        user: None,
        port: None,
        identity: Vec::new(),
        known_hosts: Vec::new(),
        ..sshd.spec("box")
    };
    let connection = connect_with(&connector, &spec).await;
    assert_eq!(connection.resolved_by(), ResolvedBy::OpenSsh);
    works(&connection).await;
}

// ---- host keys ----

#[tokio::test]
async fn the_type_of_key_on_record_is_asked_for() {
    let Some(sshd) = Sshd::start("") else { return };
    sshd.trust("host_rsa", "");
    works(&connect(&sshd, &sshd.spec("h1")).await).await;
}

#[tokio::test]
async fn a_hashed_record_made_by_us_is_understood_by_openssh_and_by_us() {
    let Some(sshd) = Sshd::start("") else { return };
    std::fs::write(sshd.path("known_hosts"), "").unwrap();
    let accepting = sshd.connector().host_keys(HostKeyCheck::AcceptNew);
    connect_with(&accepting, &sshd.spec("h1")).await;
    run(std::process::Command::new("ssh-keygen").arg("-H").arg("-f").arg(sshd.path("known_hosts")));
    works(&connect(&sshd, &sshd.spec("h1")).await).await;
    let name = format!("[127.0.0.1]:{}", sshd.port);
    run(std::process::Command::new("ssh-keygen").args(["-F", &name, "-f"]).arg(sshd.path("known_hosts")));
}

#[tokio::test]
async fn a_host_certificate_is_accepted_from_its_authority_only() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("authority"), "ed25519", "");
    keygen(&sshd.path("stranger"), "ed25519", "");
    run(std::process::Command::new("ssh-keygen")
        .args(["-q", "-h", "-I", "host", "-n", "127.0.0.1", "-V", "-5m:+5m", "-s"])
        .arg(sshd.path("authority"))
        .arg(sshd.path("host_ed25519.pub")));
    let config = std::fs::read_to_string(sshd.path("sshd_config")).unwrap();
    let certificate = sshd.path("host_ed25519-cert.pub");
    std::fs::write(sshd.path("sshd_config"), format!("HostCertificate {}\n{config}", certificate.display()))
        .unwrap();
    sshd.trust("authority", "@cert-authority ");
    works(&connect(&sshd, &sshd.spec("h1")).await).await;
    sshd.trust("stranger", "@cert-authority ");
    let refused = sshd.connector().connect(&sshd.spec("h1"), Purpose::Commands, &nobody()).await;
    assert!(refused.err().unwrap().to_string().contains("not on record"));
}

// ---- logins ----

#[tokio::test]
async fn an_encrypted_key_is_unlocked_once_for_all_connections() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("locked"), "ed25519", "open sesame");
    std::fs::copy(sshd.path("locked.pub"), sshd.path("authorized_keys")).unwrap();
    let spec = HostSpec { identity: vec![sshd.path("locked")], ..sshd.spec("h1") };
    let person = Passphrase::new("open sesame");
    let prompter: Arc<dyn Prompter> = person.clone();
    let connector = sshd.connector();
    let (first, second) = tokio::join!(
        connector.connect(&spec, Purpose::Commands, &prompter),
        connector.connect(&spec, Purpose::Bulk, &prompter),
    );
    works(&first.unwrap()).await;
    works(&second.unwrap()).await;
    assert_eq!(person.1.lock().unwrap().len(), 1);

    let wrong = Passphrase::new("wrong");
    let prompter: Arc<dyn Prompter> = wrong.clone();
    let error = sshd.connector().connect(&spec, Purpose::Commands, &prompter).await.err().unwrap();
    assert_eq!(wrong.1.lock().unwrap().len(), 3);
    assert!(error.to_string().contains("locked, no right passphrase"), "{error}");
}

/// Trap 7.
#[tokio::test]
async fn an_rsa_key_signs_with_sha_2() {
    let Some(sshd) = Sshd::start("PubkeyAcceptedAlgorithms rsa-sha2-512,rsa-sha2-256") else { return };
    keygen(&sshd.path("rsa"), "rsa", "");
    std::fs::copy(sshd.path("rsa.pub"), sshd.path("authorized_keys")).unwrap();
    let spec = HostSpec { identity: vec![sshd.path("rsa")], ..sshd.spec("h1") };
    works(&connect(&sshd, &spec).await).await;
}

#[tokio::test]
async fn a_user_certificate_beside_its_key_logs_in() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("ca"), "ed25519", "");
    run(std::process::Command::new("ssh-keygen")
        .args(["-q", "-I", "jo", "-n", &sshd::user(), "-V", "-5m:+5m", "-s"])
        .arg(sshd.path("ca"))
        .arg(sshd.path("user.pub")));
    let ca = std::fs::read_to_string(sshd.path("ca.pub")).unwrap();
    std::fs::write(sshd.path("authorized_keys"), format!("cert-authority {ca}")).unwrap();
    works(&connect(&sshd, &sshd.spec("h1")).await).await;
}

/// An agent of our own, ended by its process id.
struct Agent(std::process::Child);

impl Drop for Agent {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn agent(sshd: &Sshd, key: &str) -> (Agent, Person) {
    let socket = sshd.path("agent.sock");
    let child = std::process::Command::new("ssh-agent")
        .args(["-D", "-a"])
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let agent = Agent(child);
    let answers = async {
        while tokio::net::UnixStream::connect(&socket).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    timeout(HANGS, answers).await.expect("the agent does not answer");
    run(std::process::Command::new("ssh-add").arg("-q").arg(sshd.path(key)).env("SSH_AUTH_SOCK", &socket));
    (agent, Person { agent: Some(socket), ..sshd.person() })
}

#[tokio::test]
async fn the_agent_signs_for_ed25519_and_rsa_keys() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("rsa"), "rsa", "");
    let (_agent, person) = agent(&sshd, "rsa").await;
    let authorized = std::fs::read_to_string(sshd.path("rsa.pub")).unwrap();
    let connector = Connector::with(person.clone(), NoConfiguration::new(person.clone()));
    // The server knows only the agent's key; the file of the fleet is tried first and refused.
    std::fs::write(sshd.path("authorized_keys"), authorized).unwrap();
    works(&connect_with(&connector, &sshd.spec("h1")).await).await;
    let without_file = HostSpec { identity: Vec::new(), ..sshd.spec("h1") };
    works(&connect_with(&connector, &without_file).await).await;
    run(std::process::Command::new("ssh-add")
        .arg("-q")
        .arg(sshd.path("user"))
        .env("SSH_AUTH_SOCK", person.agent.as_ref().unwrap()));
    std::fs::copy(sshd.path("user.pub"), sshd.path("authorized_keys")).unwrap();
    works(&connect_with(&connector, &without_file).await).await;
}

#[tokio::test]
async fn an_encrypted_key_in_the_agent_asks_nobody() {
    let Some(sshd) = Sshd::start("") else { return };
    let (_agent, person) = agent(&sshd, "user").await;
    // From now on the file is locked; the agent still holds the key.
    run(std::process::Command::new("ssh-keygen")
        .args(["-q", "-p", "-N", "secret", "-f"])
        .arg(sshd.path("user")));
    let connector = Connector::with(person.clone(), NoConfiguration::new(person));
    works(&connect_with(&connector, &sshd.spec("h1")).await).await;
}

#[tokio::test]
async fn too_many_keys_are_told_as_such() {
    let Some(sshd) = Sshd::start("MaxAuthTries 2") else { return };
    let names = ["k1", "k2", "k3"];
    for name in names {
        keygen(&sshd.path(name), "ed25519", "");
    }
    let spec = HostSpec { identity: names.map(|name| sshd.path(name)).into(), ..sshd.spec("h1") };
    let error = sshd.connector().connect(&spec, Purpose::Commands, &nobody()).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("Too many authentication failures") && text.contains("identity"), "{text}");
}

#[tokio::test]
async fn a_stranger_is_told_what_was_tried() {
    let Some(sshd) = Sshd::start("") else { return };
    keygen(&sshd.path("stranger"), "ed25519", "");
    let spec = HostSpec { identity: vec![sshd.path("stranger")], ..sshd.spec("h1") };
    let error = sshd.connector().connect(&spec, Purpose::Commands, &nobody()).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("accepts publickey") && text.contains("stranger: refused"), "{text}");
}
