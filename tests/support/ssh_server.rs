//! Hosts in this process: russh servers behind a network of pipes, with scripted commands and with faults.
//!
//! A [`Network`] is what the connector dials into; a [`FakeHost`] answers commands by its script. Nothing
//! touches a real network, and with tokio's paused clock hours pass at once.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use drover::fleet::{Engine, HostName, HostSpec, Sudo};
use drover::ssh::config::{NoConfiguration, Person};
use drover::ssh::{Connector, Dial, Duplex};
use russh::keys::key::safe_rng;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Response, Session};
use russh::{
    Channel, ChannelId, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, MethodKind,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

/// What a scripted command does, one thing after another.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes to standard output.
    Out(Vec<u8>),
    /// Writes to standard error.
    Err(Vec<u8>),
    /// Reads its input to the end and writes it to standard output.
    Echo,
    /// Reads its input to the end.
    ReadAll,
    /// Writes for ever.
    Flood,
    /// Sends an exit status.
    Exit(u32),
    /// Sends the end of output.
    Eof,
    /// Says that the command cannot be started.
    Refuse,
    /// Cuts the connection.
    Cut,
    /// Waits until it hears SIGHUP or the channel is closed.
    Wait,
    /// Waits until the channel is closed, deaf to signals.
    Deaf,
    /// Opens channels towards the client, which must all be turned away, and reports how many were.
    OpenChannels,
}

/// A script: the acts for a command line.
pub type Script = Arc<dyn Fn(&str) -> Vec<Act> + Send + Sync>;

/// How a host behaves besides its commands.
pub struct Behaviour {
    pub key: PrivateKey,
    /// Keys that may log in.
    pub authorized: Vec<PublicKey>,
    /// The right password, where passwords are taken.
    pub password: Option<String>,
    /// The right answer to “Code:”, where keyboard-interactive is taken.
    pub code: Option<String>,
    pub script: Script,
    pub answer: Answer,
    pub channels: Channels,
}

/// What happens to somebody who dials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Serve,
    Refuse,
    /// Takes the connection and says nothing.
    Silence,
}

/// What happens to somebody who opens a channel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    Open,
    Refuse,
}

/// A host.
pub struct FakeHost {
    pub behaviour: Mutex<Behaviour>,
    /// False makes every wire stand still, as if the host hung.
    flowing: watch::Sender<bool>,
    /// How long every packet takes in one direction.
    delay: watch::Sender<Duration>,
    /// Counts up to cut every connection.
    cuts: watch::Sender<usize>,
    pub dialled: AtomicUsize,
    /// How often a command of the host heard SIGHUP.
    pub hung_up: watch::Sender<usize>,
}

impl FakeHost {
    pub fn new(script: impl Fn(&str) -> Vec<Act> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            behaviour: Mutex::new(Behaviour {
                key: private(Algorithm::Ed25519),
                authorized: Vec::new(),
                password: None,
                code: None,
                script: Arc::new(script),
                answer: Answer::Serve,
                channels: Channels::Open,
            }),
            flowing: watch::Sender::new(true),
            delay: watch::Sender::new(Duration::ZERO),
            cuts: watch::Sender::new(0),
            dialled: AtomicUsize::new(0),
            hung_up: watch::Sender::new(0),
        })
    }

    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.behaviour.lock().unwrap());
    }

    /// Ends every connection at once.
    pub fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Puts the host at a distance.
    pub fn delay(&self, delay: Duration) {
        self.delay.send_replace(delay);
    }

    /// Makes the host hang, or go on.
    pub fn flow(&self, flowing: bool) {
        self.flowing.send_replace(flowing);
    }
}

pub fn private(algorithm: Algorithm) -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), algorithm).unwrap()
}

/// The network: hosts by address.
#[derive(Clone, Default)]
pub struct Network(Arc<Mutex<HashMap<String, Arc<FakeHost>>>>);

#[async_trait]
impl Dial for Network {
    async fn dial(&self, address: &str, _: u16) -> io::Result<Box<dyn Duplex>> {
        let host = self.0.lock().unwrap().get(address).cloned();
        let host = host.ok_or_else(|| io::Error::from(io::ErrorKind::HostUnreachable))?;
        host.dialled.fetch_add(1, Ordering::SeqCst);
        let (near, near_wire) = tokio::io::duplex(256 << 10);
        let (far_wire, far) = tokio::io::duplex(256 << 10);
        let answer = host.behaviour.lock().unwrap().answer;
        match answer {
            Answer::Refuse => return Err(io::ErrorKind::ConnectionRefused.into()),
            Answer::Silence => {
                tokio::spawn(async move {
                    let _held = near_wire;
                    std::future::pending::<()>().await;
                });
                return Ok(Box::new(near));
            }
            Answer::Serve => {}
        }
        let mut cuts = host.cuts.subscribe();
        let wires = || Wires { flowing: host.flowing.subscribe(), delay: host.delay.subscribe() };
        let (up, down) = (wires(), wires());
        tokio::spawn(async move {
            let (near_read, near_write) = tokio::io::split(near_wire);
            let (far_read, far_write) = tokio::io::split(far_wire);
            tokio::select! {
                () = wire(near_read, far_write, up) => {}
                () = wire(far_read, near_write, down) => {}
                _ = cuts.changed() => {}
            }
        });
        tokio::spawn(serve(host, far));
        Ok(Box::new(near))
    }
}

struct Wires {
    flowing: watch::Receiver<bool>,
    delay: watch::Receiver<Duration>,
}

impl Wires {
    async fn arrive(&self) -> bool {
        let delay = *self.delay.borrow();
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        true
    }
}

async fn wire(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut wires: Wires) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count) = from.read(&mut buffer).await
        && count > 0
        && wires.arrive().await
        && wires.flowing.wait_for(|flowing| *flowing).await.is_ok()
        && to.write_all(&buffer[..count]).await.is_ok()
    {}
}

async fn serve(host: Arc<FakeHost>, stream: tokio::io::DuplexStream) {
    let config = {
        let behaviour = host.behaviour.lock().unwrap();
        let mut methods = russh::MethodSet::from(&[MethodKind::PublicKey][..]);
        if behaviour.code.is_some() {
            methods.push(MethodKind::KeyboardInteractive);
        }
        if behaviour.password.is_some() {
            methods.push(MethodKind::Password);
        }
        server::Config {
            keys: vec![behaviour.key.clone()],
            methods,
            inactivity_timeout: None,
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..server::Config::default()
        }
    };
    let handler = Serving { host, channels: HashMap::new() };
    if let Ok(session) = server::run_stream(Arc::new(config), stream, handler).await {
        // How a session ends is the client's story to tell.
        let _ = session.await;
    }
}

/// A refusal after which every method may be tried again, as with sshd.
fn again() -> Auth {
    let all = [MethodKind::PublicKey, MethodKind::KeyboardInteractive, MethodKind::Password];
    Auth::Reject { proceed_with_methods: Some(russh::MethodSet::from(&all[..])), partial_success: false }
}

struct Serving {
    host: Arc<FakeHost>,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl server::Handler for Serving {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let behaviour = self.host.behaviour.lock().unwrap();
        let known = behaviour.authorized.iter().any(|known| known.key_data() == key.public_key.key_data());
        Ok(if known { Auth::Accept } else { again() })
    }

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        let right = self.host.behaviour.lock().unwrap().password.as_deref() == Some(password);
        Ok(if right { Auth::Accept } else { again() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let code = self.host.behaviour.lock().unwrap().code.clone();
        let Some(code) = code else { return Ok(again()) };
        Ok(match response {
            None => Auth::Partial {
                name: "Second factor".into(),
                instructions: "".into(),
                prompts: vec![("Code:".into(), false)].into(),
            },
            Some(mut answers) => match answers.next() {
                Some(answer) if answer == code.as_bytes() => Auth::Accept,
                _ => again(),
            },
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let channels = self.host.behaviour.lock().unwrap().channels;
        match channels {
            Channels::Open => {
                self.channels.insert(channel.id(), channel);
                reply.accept().await;
            }
            Channels::Refuse => reply.reject(ChannelOpenFailure::ResourceShortage).await,
        }
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        let script = self.host.behaviour.lock().unwrap().script.clone();
        reply.accept().await;
        tokio::spawn(play(self.host.clone(), channel, script(path), None));
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let script = self.host.behaviour.lock().unwrap().script.clone();
        let acts = script(&String::from_utf8_lossy(line));
        let Some(channel) = self.channels.remove(&id) else { return Ok(()) };
        if matches!(acts.first(), Some(Act::Refuse)) {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        tokio::spawn(play(self.host.clone(), channel, acts, Some(session.handle())));
        Ok(())
    }

    async fn signal(&mut self, _: ChannelId, signal: russh::Sig, _: &mut Session) -> Result<(), Self::Error> {
        if matches!(signal, russh::Sig::HUP) {
            self.host.hung_up.send_modify(|count| *count += 1);
        }
        Ok(())
    }
}

async fn play(host: Arc<FakeHost>, channel: Channel<Msg>, acts: Vec<Act>, session: Option<server::Handle>) {
    let (mut read, write) = channel.split();
    for act in acts {
        if perform(&host, &mut read, &write, act, session.as_ref()).await.is_none() {
            return;
        }
    }
    let _ = write.close().await;
}

/// Performs one act; none when the channel ended.
async fn perform(
    host: &FakeHost,
    read: &mut ChannelReadHalf,
    write: &ChannelWriteHalf<Msg>,
    act: Act,
    session: Option<&server::Handle>,
) -> Option<()> {
    let mut hung_up = host.hung_up.subscribe();
    match act {
        Act::Out(bytes) => write.data_bytes(bytes).await.ok(),
        Act::Err(bytes) => write.extended_data_bytes(1, bytes).await.ok(),
        Act::Exit(code) => write.exit_status(code).await.ok(),
        Act::Eof => write.eof().await.ok(),
        Act::Echo | Act::ReadAll => loop {
            match read.wait().await? {
                ChannelMsg::Data { data } if matches!(act, Act::Echo) => write.data_bytes(data).await.ok()?,
                ChannelMsg::Eof => return Some(()),
                ChannelMsg::Close => return None,
                _ => {}
            }
        },
        Act::Flood => loop {
            tokio::select! {
                sent = write.data_bytes(vec![b'x'; 32 << 10]) => sent.ok()?,
                _ = hung_up.changed() => return Some(()),
                message = read.wait() => {
                    if matches!(message, None | Some(ChannelMsg::Close)) {
                        return None;
                    }
                }
            }
        },
        Act::Wait | Act::Deaf => loop {
            tokio::select! {
                message = read.wait() => {
                    if matches!(message?, ChannelMsg::Close) {
                        return None;
                    }
                }
                _ = hung_up.changed(), if matches!(act, Act::Wait) => return Some(()),
            }
        },
        Act::Cut => {
            host.cut();
            None
        }
        Act::Refuse => Some(()),
        Act::OpenChannels => {
            let session = session?;
            let mut refused = 0;
            refused += usize::from(session.channel_open_agent().await.is_err());
            refused += usize::from(session.channel_open_session().await.is_err());
            refused += usize::from(session.channel_open_x11("127.0.0.1", 1).await.is_err());
            refused += usize::from(session.channel_open_direct_streamlocal("/tmp/x").await.is_err());
            refused += usize::from(session.channel_open_forwarded_streamlocal("/tmp/x").await.is_err());
            refused += usize::from(session.channel_open_direct_tcpip("h", 1, "h", 2).await.is_err());
            refused += usize::from(session.channel_open_forwarded_tcpip("h", 1, "h", 2).await.is_err());
            write.data_bytes(refused.to_string().into_bytes()).await.ok()
        }
    }
}

/// A fleet of fake hosts, with the client's side: keys, known_hosts and connector.
pub struct Fleet {
    pub directory: tempfile::TempDir,
    pub network: Network,
    pub user_key: PrivateKey,
}

impl Fleet {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let user_key = private(Algorithm::Ed25519);
        let text = user_key.to_openssh(Default::default()).unwrap();
        let file = directory.path().join("user");
        std::fs::write(&file, text.as_bytes()).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self { directory, network: Network::default(), user_key }
    }

    /// Puts a host on the network that trusts the fleet's key, and records its key.
    pub fn add(&self, name: &str, host: &Arc<FakeHost>) -> HostSpec {
        let key = host.behaviour.lock().unwrap().key.public_key().to_openssh().unwrap();
        host.change(|behaviour| behaviour.authorized.push(self.user_key.public_key().clone()));
        let known_hosts = self.directory.path().join(format!("known_hosts_{name}"));
        std::fs::write(&known_hosts, format!("{name} {key}\n")).unwrap();
        self.network.0.lock().unwrap().insert(name.into(), host.clone());
        HostSpec {
            name: HostName::new(name).unwrap(),
            address: name.into(),
            user: Some("root".into()),
            port: None,
            identity: vec![self.directory.path().join("user")],
            jump: Vec::new(),
            known_hosts: vec![known_hosts],
            engine: Engine::Podman,
            sudo: Sudo::Auto,
            labels: std::collections::BTreeMap::new(),
            host_key_check: drover::fleet::HostKeyCheck::default(),
            memory_reserve: 0,
        }
    }

    pub fn connector(&self) -> Connector {
        let person = Person { user: "jo".into(), home: self.directory.path().join("home"), agent: None };
        Connector::with(person.clone(), NoConfiguration::new(person)).over(self.network.clone())
    }
}
