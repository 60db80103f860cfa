//! The SSH server of a simulated host: real SSH, with commands run by the host's own shell.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session};
use russh::{
    Channel, ChannelId, ChannelMsg, ChannelOpenFailure, ChannelReadHalf, ChannelWriteHalf, MethodKind,
};
use tokio::io::DuplexStream;

use super::terminal::{Line, shown};
use crate::simulation::machine::files::Kind;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::pipe::{Pipe, ReadEnd, WriteEnd};
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{Running, start, start_program};
use crate::simulation::machine::signal::Signal;
use crate::simulation::machine::{Machine, Power};
use crate::simulation::scenario::Place;
use crate::simulation::shell;
use crate::simulation::world::World;

/// OpenSSH's own sizes (channels.h, CHAN_SES_WINDOW_DEFAULT and CHAN_SES_PACKET_DEFAULT).
const WINDOW: u32 = 2 << 20;
const PACKET: u32 = 32 << 10;

/// How much of a program's output goes into one message.
const PIECE: usize = 256 << 10;

/// The keys of a world: one for all hosts, one for whoever may log in.
pub struct Keys {
    /// The hosts' own.
    pub host: PrivateKey,
    /// That of the operator.
    pub operator: PrivateKey,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Keys")
    }
}

impl Keys {
    /// Fresh ones.
    pub fn new() -> Result<Self, russh::keys::ssh_key::Error> {
        let fresh = || {
            let mut random = russh::keys::key::safe_rng();
            PrivateKey::random(&mut random, russh::keys::Algorithm::Ed25519)
        };
        Ok(Self { host: fresh()?, operator: fresh()? })
    }

    /// The operator's private key as the text of a file.
    pub fn operator_text(&self) -> Result<String, russh::keys::ssh_key::Error> {
        self.operator.to_openssh(LineEnding::LF).map(|text| text.to_string())
    }

    /// A line of known_hosts for a host's address.
    pub fn known(&self, address: &str) -> Result<String, russh::keys::ssh_key::Error> {
        Ok(format!("{address} {}\n", self.host.public_key().to_openssh()?))
    }

    fn may_log_in(&self, key: &PublicKey) -> bool {
        self.operator.public_key().key_data() == key.key_data()
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(world: Arc<World>, machine: Arc<Machine>, stream: DuplexStream) {
    let configuration = server::Config {
        server_id: russh::SshId::Standard("SSH-2.0-OpenSSH_10.0p2 drover-simulated".into()),
        keys: vec![world.keys.host.clone()],
        methods: russh::MethodSet::from(&[MethodKind::PublicKey][..]),
        window_size: WINDOW,
        maximum_packet_size: PACKET,
        inactivity_timeout: None,
        auth_rejection_time: Duration::from_millis(100),
        auth_rejection_time_initial: Some(Duration::ZERO),
        ..server::Config::default()
    };
    let mut power = machine.power();
    let handler = Handler { world, machine, channels: HashMap::new(), terminals: HashSet::new() };
    let serving = async {
        if let Ok(session) = server::run_stream(Arc::new(configuration), stream, handler).await {
            // How a session ends is the client's story to tell.
            let _ = session.await;
        }
    };
    tokio::select! {
        () = serving => {}
        // The wire's end stays open: nobody tells the client.
        _ = power.wait_for(|power| *power == Power::Off) => {}
    }
}

struct Handler {
    world: Arc<World>,
    machine: Arc<Machine>,
    channels: HashMap<ChannelId, Channel<Msg>>,
    /// Channels with a terminal.
    terminals: HashSet<ChannelId>,
}

impl Handler {
    /// Stands still while the machine does.
    async fn awake(&self) {
        let mut power = self.machine.power();
        let _ = power.wait_for(|power| *power != Power::Hung).await;
    }
}

impl server::Handler for Handler {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: server::VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        self.awake().await;
        if user == "root" && self.world.keys.may_log_in(key.public_key) {
            return Ok(Auth::Accept);
        }
        Ok(Auth::Reject { proceed_with_methods: None, partial_success: false })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.awake().await;
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.awake().await;
        let found = self.machine.namespace.find("/", path, LastLink::Follow);
        let service = found.ok().and_then(|place| match &place.node.kind {
            Kind::Socket(service) => Some(service.clone()),
            _ => None,
        });
        let Some(service) = service else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        reply.accept().await;
        let (near, far) = tokio::io::duplex(PIECE);
        tokio::spawn(async move { service.serve(far).await });
        tokio::spawn(join(channel, near));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        address: &str,
        _port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.awake().await;
        let Some(machine) = self.world.machine_at(address) else {
            reply.reject(ChannelOpenFailure::ConnectFailed).await;
            return Ok(());
        };
        let (near, far) = tokio::io::duplex(PIECE);
        let from = Place::Host(self.machine.plan.name.clone());
        let network = super::Network::from(&self.world, from);
        tokio::spawn(async move {
            match network.reach(&machine, far).await {
                Ok(()) => {
                    reply.accept().await;
                    join(channel, near).await;
                }
                Err(_) => reply.reject(ChannelOpenFailure::ConnectFailed).await,
            }
        });
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(russh::Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.terminals.insert(id);
        session.channel_success(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        line: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.awake().await;
        let Some(channel) = self.channels.remove(&id) else { return Ok(()) };
        session.channel_success(id)?;
        let words = ["sh".into(), "-c".into(), String::from_utf8_lossy(line).into_owned()];
        let terminal = self.terminals.contains(&id);
        tokio::spawn(run(self.machine.clone(), channel, terminal, move |process| {
            start_program(process, words.into())
        }));
        Ok(())
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.awake().await;
        let Some(channel) = self.channels.remove(&id) else { return Ok(()) };
        session.channel_success(id)?;
        let terminal = self.terminals.contains(&id);
        tokio::spawn(run(self.machine.clone(), channel, terminal, move |process| {
            if terminal {
                start(process, shell::interactive)
            } else {
                start_program(process, vec!["sh".into()])
            }
        }));
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }
}

/// Passes bytes between a channel and a stream until both have ended.
async fn join(channel: Channel<Msg>, stream: DuplexStream) {
    let mut channel = channel.into_stream();
    let mut stream = stream;
    let _ = tokio::io::copy_bidirectional(&mut channel, &mut stream).await;
}

/// Runs something with its descriptors on a channel.
async fn run(
    machine: Arc<Machine>,
    channel: Channel<Msg>,
    terminal: bool,
    begin: impl FnOnce(Process) -> Running,
) {
    let mut process = Process::new(&machine);
    let ((in_reader, in_writer), (out_reader, out_writer), (err_reader, err_writer)) =
        (Pipe::ends(), Pipe::ends(), Pipe::ends());
    process.files.insert(0, OpenFile::reader(in_reader));
    process.files.insert(1, OpenFile::writer(out_writer));
    process.files.insert(2, OpenFile::writer(err_writer));
    let mut running = begin(process);
    let id = running.id;
    let (read, write) = channel.split();
    let output = async {
        tokio::join!(
            tell(&machine, out_reader, &write, None, terminal),
            tell(&machine, err_reader, &write, Some(1), terminal),
        );
        let code = running.wait().await;
        let _ = write.eof().await;
        let _ = write.exit_status(u32::from(code)).await;
        let _ = write.close().await;
    };
    tokio::select! {
        () = output => {}
        // The channel is closed: what the program still writes goes nowhere, and it hears so (SIGPIPE).
        () = listen(&machine, read, in_writer, &write, id, terminal) => {}
    }
}

/// Passes a program's output on.
async fn tell(
    machine: &Machine,
    reader: ReadEnd,
    write: &ChannelWriteHalf<Msg>,
    extended: Option<u32>,
    terminal: bool,
) {
    let mut power = machine.power();
    loop {
        let bytes = reader.read(PIECE).await;
        if bytes.is_empty() {
            return;
        }
        let _ = power.wait_for(|power| *power != Power::Hung).await;
        let bytes = if terminal { Bytes::from(shown(&bytes)) } else { bytes };
        let sent = match extended {
            Some(kind) if !terminal => write.extended_data_bytes(kind, bytes).await,
            _ => write.data_bytes(bytes).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Passes what the client sends to a program, until the channel is closed.
async fn listen(
    machine: &Arc<Machine>,
    mut read: ChannelReadHalf,
    writer: WriteEnd,
    write: &ChannelWriteHalf<Msg>,
    id: u32,
    terminal: bool,
) {
    let mut writer = Some(writer);
    let mut line = Line::default();
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                let data = if terminal {
                    let typed = line.type_bytes(&data);
                    if !typed.echo.is_empty() && write.data_bytes(typed.echo).await.is_err() {
                        return;
                    }
                    if let Some(signal) = typed.signal {
                        for child in machine.processes.below(id) {
                            child.signal(signal);
                        }
                    }
                    if typed.end {
                        writer = None;
                    }
                    Bytes::from(typed.input)
                } else {
                    data
                };
                // Whoever closes its input does not want the rest.
                if let Some(open) = &writer
                    && open.write(data).await.is_err()
                {
                    writer = None;
                }
            }
            ChannelMsg::Eof => writer = None,
            ChannelMsg::Signal { signal } => {
                let name = format!("{signal:?}");
                if let Ok(signal) = name.parse::<Signal>() {
                    // sshd signals the process group, which all children without a group of their own are in.
                    let own = machine.processes.get(id);
                    for process in own.into_iter().chain(machine.processes.below(id)) {
                        process.signal(signal);
                    }
                }
            }
            ChannelMsg::Close => break,
            _ => {}
        }
    }
}
