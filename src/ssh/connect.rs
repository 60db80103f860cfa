//! Makes connections: resolves the configuration, goes through the jump hosts, checks the host key, logs in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{self, Handle};
use russh::keys::PrivateKey;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::auth::{Login, LoginError};
use super::config::{HopAddress, HostResolver, Person, Query, SystemResolver, Target};
use super::connection::{Connection, Parts, Purpose};
use super::dial::{Dial, TcpDial};
use super::error::{ConnectError, HostKeyRefusal, LoginReport, Step};
use super::handshake::{ClientHandler, Ended, EndedBy, Ending, HandshakeError, Judge, describe};
use super::keyring::KeyRing;
use super::known_hosts::{KnownHosts, Lookup};
use super::pause::Pause;
use super::prompt::Prompter;
use super::remote::Duplex;
use super::tuning::configuration;
use crate::fleet::{HostKeyCheck, HostName, HostSpec, Sudo};

/// For hosts whose configuration has no ConnectTimeout. TCP sends its first packet again after 1, 3 and 7 s,
/// so this allows for three lost ones.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Versions, keys and host key, without the time in which a person is asked. A busy small host needs
/// seconds for its part of the arithmetic.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the reason of a connection that has just ended may take to come from its task to ours.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// sshd's `MaxStartups 10:30:100` begins to drop logins beyond 10 at a time.
const LOGINS_AT_ONCE: usize = 8;
/// Longer chains of jump hosts are a loop in the configuration.
const MAX_HOPS: usize = 8;

/// Connects to hosts. Clones share their settings and limits.
#[derive(Clone)]
pub struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    person: Person,
    resolver: Arc<dyn HostResolver>,
    dial: Arc<dyn Dial>,
    /// Instead of what the fleet file says of each host.
    check: Option<HostKeyCheck>,
    ring: Arc<KeyRing>,
    /// Host keys known beside those of files, as lines of known_hosts.
    known: Arc<str>,
    /// Logins under way per address; the lock is held only to find the entry.
    logins: Mutex<HashMap<(String, u16), Arc<Semaphore>>>,
}

impl Connector {
    /// For the person of this process, with ~/.ssh/config, plain TCP and strict host keys.
    pub fn new() -> Self {
        let person = Person::of_process();
        Self::with(person.clone(), SystemResolver::new(person))
    }

    /// For another person and with another source of settings.
    pub fn with(person: Person, resolver: impl HostResolver + 'static) -> Self {
        Self {
            shared: Arc::new(Shared {
                person,
                resolver: Arc::new(resolver),
                dial: Arc::new(TcpDial),
                check: None,
                ring: Arc::default(),
                known: "".into(),
                logins: Mutex::default(),
            }),
        }
    }

    /// The same with another way to treat unknown host keys.
    #[must_use]
    pub fn host_keys(self, check: HostKeyCheck) -> Self {
        self.changed(|shared| shared.check = Some(check))
    }

    /// The same over another network.
    #[must_use]
    pub fn over(self, dial: impl Dial + 'static) -> Self {
        self.changed(|shared| shared.dial = Arc::new(dial))
    }

    /// The same with a private key that is in no file; it is offered first.
    #[must_use]
    pub fn holding(self, key: PrivateKey) -> Self {
        self.changed(|shared| shared.ring = Arc::new(KeyRing::holding(key)))
    }

    /// The same with host keys that are in no file, as lines of known_hosts.
    #[must_use]
    pub fn knowing(self, lines: &str) -> Self {
        self.changed(|shared| shared.known = lines.into())
    }

    fn changed(self, change: impl FnOnce(&mut Shared)) -> Self {
        let mut shared = Shared {
            person: self.shared.person.clone(),
            resolver: self.shared.resolver.clone(),
            dial: self.shared.dial.clone(),
            check: self.shared.check,
            ring: self.shared.ring.clone(),
            known: self.shared.known.clone(),
            logins: Mutex::default(),
        };
        change(&mut shared);
        Self { shared: Arc::new(shared) }
    }

    /// Connects to a host of the fleet.
    pub async fn connect(
        &self,
        spec: &HostSpec,
        purpose: Purpose,
        prompter: &Arc<dyn Prompter>,
    ) -> Result<Connection, ConnectError> {
        let attempt = Attempt { shared: &self.shared, spec, purpose, prompter, pause: Pause::new() };
        let query = Target::query(spec).map_err(|error| attempt.misconfigured(error.to_string()))?;
        let settings = attempt.resolve(&query).await?;
        let target = Target::new(spec, settings, &self.shared.person)
            .map_err(|error| attempt.misconfigured(error.to_string()))?;
        attempt.reach(&target, spec.sudo, MAX_HOPS).await
    }
}

impl Default for Connector {
    fn default() -> Self {
        Self::new()
    }
}

/// One attempt to reach one host.
struct Attempt<'a> {
    shared: &'a Shared,
    spec: &'a HostSpec,
    purpose: Purpose,
    prompter: &'a Arc<dyn Prompter>,
    pause: Pause,
}

impl Attempt<'_> {
    fn host(&self) -> HostName {
        self.spec.name.clone()
    }

    fn misconfigured(&self, cause: String) -> ConnectError {
        ConnectError::Configuration { host: self.host(), cause }
    }

    async fn resolve(&self, query: &Query) -> Result<super::config::Settings, ConnectError> {
        self.shared.resolver.resolve(query).await.map_err(|cause| self.misconfigured(cause))
    }

    /// Connects to a machine, through its jump hosts if it has any.
    async fn reach(&self, target: &Target, sudo: Sudo, hops_left: usize) -> Result<Connection, ConnectError> {
        if let Some(command) = &target.settings.proxy_command {
            return Err(self.misconfigured(format!(
                "~/.ssh/config sets ProxyCommand “{}”, which drover does not run; use ProxyJump, or “jump” in \
                 the fleet file",
                crate::fleet::printable(command)
            )));
        }
        let (address, port) = (target.settings.host_name.clone(), target.settings.port);
        let place = place(&address, port);
        let limit = target.settings.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let jump = self.last_hop(target, hops_left).await?;
        // Only now: whoever held a place while waiting for a jump host's could block a host behind itself.
        let slots = self.login_slots(&address, port);
        let _slot = slots.acquire().await;
        let stream = match jump {
            Some(jump) => return self.through(target, &jump, sudo).await,
            None => match timeout(limit, self.shared.dial.dial(&address, port)).await {
                Ok(stream) => stream.map_err(|error| self.unreachable(&place, error.to_string()))?,
                Err(_) => return Err(self.late(place, Step::Tcp, limit)),
            },
        };
        self.establish(target, stream, sudo, &place).await
    }

    /// Connects to a machine from another one.
    async fn through(
        &self,
        target: &Target,
        jump: &Connection,
        sudo: Sudo,
    ) -> Result<Connection, ConnectError> {
        let (address, port) = (&target.settings.host_name, target.settings.port);
        let place = place(address, port);
        let limit = target.settings.connect_timeout.unwrap_or(CONNECT_TIMEOUT);
        let stream = match timeout(limit, jump.forward_tcp(address, port)).await {
            Ok(stream) => stream.map_err(|error| self.unreachable(&place, cause_of(error)))?,
            Err(_) => return Err(self.late(place, Step::Jump, limit)),
        };
        self.establish(target, stream, sudo, &place).await
    }

    /// Makes a connection of a stream.
    async fn establish(
        &self,
        target: &Target,
        stream: Box<dyn Duplex>,
        sudo: Sudo,
        place: &str,
    ) -> Result<Connection, ConnectError> {
        let (mut handle, ended) = self.handshake(target, stream, place).await?;
        self.log_in(target, &mut handle, &ended, place).await?;
        Ok(Connection::new(Parts {
            host: self.host(),
            user: target.settings.user.clone(),
            sudo,
            purpose: self.purpose,
            resolved_by: target.settings.resolved_by,
            handle,
            ended,
        }))
    }

    fn late(&self, address: String, step: Step, after: Duration) -> ConnectError {
        ConnectError::Timeout { host: self.host(), address, step, after }
    }

    /// Connects to the jump hosts one through another and returns the connection to the last.
    async fn last_hop(&self, target: &Target, hops_left: usize) -> Result<Option<Connection>, ConnectError> {
        let mut before: Vec<HopAddress> = Vec::new();
        let mut last = None;
        for hop in &target.hops {
            let Some(hops_left) = hops_left.checked_sub(1 + before.len()) else {
                return Err(self.misconfigured(format!(
                    "more than {MAX_HOPS} jump hosts; is one of them behind itself in ~/.ssh/config?"
                )));
            };
            let query = Query { address: hop.host.clone(), user: hop.user.clone(), port: hop.port };
            let settings = self.resolve(&query).await?;
            let machine = Target::hop(target, self.spec, settings, &self.shared.person)
                .map_err(|error| self.misconfigured(error.to_string()))?;
            let reached = match last.take() {
                // Only the nearest hop goes its own way, as with “ssh -J”.
                None => Box::pin(self.reach(&machine, Sudo::Never, hops_left)).await,
                Some(previous) => {
                    let slots = self.login_slots(&machine.settings.host_name, machine.settings.port);
                    let _slot = slots.acquire().await;
                    self.through(&machine, &previous, Sudo::Never).await
                }
            };
            last = Some(reached.map_err(|cause| match cause {
                deeper @ (ConnectError::Jump { .. } | ConnectError::Configuration { .. }) => deeper,
                cause => {
                    ConnectError::Jump { host: self.host(), hop: hop.host.clone(), cause: Box::new(cause) }
                }
            })?);
            before.push(hop.clone());
        }
        Ok(last)
    }

    fn unreachable(&self, place: &str, cause: String) -> ConnectError {
        ConnectError::Unreachable { host: self.host(), address: place.into(), cause }
    }

    fn login_slots(&self, address: &str, port: u16) -> Arc<Semaphore> {
        let mut logins = self.shared.logins.lock().unwrap_or_else(PoisonError::into_inner);
        logins
            .entry((address.to_string(), port))
            .or_insert_with(|| Arc::new(Semaphore::new(LOGINS_AT_ONCE)))
            .clone()
    }

    async fn handshake(
        &self,
        target: &Target,
        stream: Box<dyn Duplex>,
        place: &str,
    ) -> Result<(Handle<ClientHandler>, Ended), ConnectError> {
        let settings = &target.settings;
        let refused = |refusal| ConnectError::HostKey { host: self.host(), refusal: Box::new(refusal) };
        let files: Vec<_> =
            settings.user_known_hosts.iter().chain(&settings.global_known_hosts).cloned().collect();
        let known = tokio::task::spawn_blocking(move || KnownHosts::read(&files)).await;
        let mut known = match known {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => return Err(refused(HostKeyRefusal::Unreadable(error.to_string()))),
            Err(error) => return Err(refused(HostKeyRefusal::Unreadable(error.to_string()))),
        };
        known.parse(Path::new("the keys given to drover"), self.shared.known.as_bytes());
        for problem in known.problems() {
            tracing::warn!(line = %problem.location, cause = %problem.cause, "skipped a line of known_hosts");
        }
        let lookup = match &settings.host_key_alias {
            Some(alias) => Lookup::alias(alias),
            None => Lookup::new(&settings.host_name, settings.port),
        };
        let config = Arc::new(configuration(self.purpose, &known, &lookup));
        let (handler, ended) = ClientHandler::new(Judge {
            host: self.host(),
            address: settings.host_name.clone(),
            port: settings.port,
            lookup,
            known: Arc::new(known),
            mode: self.shared.check.unwrap_or(self.spec.host_key_check),
            naming: settings.naming,
            file: settings.user_known_hosts.first().cloned(),
            prompter: self.prompter.clone(),
            pause: self.pause.clone(),
        });
        let shaken = client::connect_stream(config, stream, handler);
        match self.pause.timeout(HANDSHAKE_TIMEOUT, shaken).await {
            Some(Ok(handle)) => Ok((handle, ended)),
            Some(Err(HandshakeError::Refused(refusal))) => {
                Err(ConnectError::HostKey { host: self.host(), refusal })
            }
            Some(Err(HandshakeError::Transport(error))) => Err(ConnectError::Protocol {
                host: self.host(),
                address: place.into(),
                step: Step::Handshake,
                cause: describe(&error),
            }),
            None => Err(ConnectError::Timeout {
                host: self.host(),
                address: place.into(),
                step: Step::Handshake,
                after: HANDSHAKE_TIMEOUT,
            }),
        }
    }

    async fn log_in(
        &self,
        target: &Target,
        handle: &mut Handle<ClientHandler>,
        ended: &Ended,
        place: &str,
    ) -> Result<(), ConnectError> {
        let host = self.host();
        let login =
            Login::new(handle, &host, target, place, &**self.prompter, &self.shared.ring, &self.pause);
        match login.run().await {
            Ok(()) => Ok(()),
            Err(LoginError::Timeout(after)) => {
                Err(ConnectError::Timeout { host, address: place.into(), step: Step::Authentication, after })
            }
            Err(LoginError::Refused(mut report)) if report.hung_up => {
                let mut ended = ended.clone();
                let ending = timeout(LAST_WORDS, ended.wait_for(Option::is_some)).await;
                let ending = ending.ok().and_then(Result::ok).and_then(|ending| ending.clone());
                match ending {
                    // As after too many wrong keys: it would end like this again.
                    Some(Ending { cause, by: EndedBy::Server }) if !report.tried.is_empty() => {
                        report.tried.push(cause);
                        Err(self.not_logged_in(target, report))
                    }
                    ending => Err(ConnectError::Protocol {
                        host,
                        address: place.into(),
                        step: Step::Authentication,
                        cause: ending.map_or("the host closed the connection".into(), |ending| ending.cause),
                    }),
                }
            }
            Err(LoginError::Refused(report)) => Err(self.not_logged_in(target, report)),
        }
    }

    fn not_logged_in(&self, target: &Target, report: LoginReport) -> ConnectError {
        ConnectError::Login {
            host: self.host(),
            user: crate::fleet::printable(&target.settings.user),
            report: Box::new(report),
        }
    }
}

fn place(address: &str, port: u16) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn cause_of(error: super::RemoteError) -> String {
    match error {
        super::RemoteError::Connection { cause, .. } => cause,
        other => other.to_string(),
    }
}
