//! Logging in: keys from files and the agent, certificates, questions to the person, in an order that costs
//! few round trips and never asks a person what a key can answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::client::{AuthResult, Handle, KeyboardInteractiveAuthResponse};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{
    Certificate, HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, load_openssh_certificate,
};
use russh::{MethodKind, MethodSet};
use tokio::net::UnixStream;

use super::config::Target;
use super::error::LoginReport;
use super::handshake::ClientHandler;
use super::keyring::KeyRing;
use super::pause::Pause;
use super::prompt::Prompter;
use crate::fleet::{HostName, printable};

/// One answer of the server. Wrong passwords are delayed by PAM for some 2 s; 20 s is a dead server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// A wrong passphrase or password may be corrected twice, as with OpenSSH (`NumberOfPasswordPrompts 3`).
const ATTEMPTS: usize = 3;
/// A server may ask several rounds of questions; more than this is not a login any more.
const QUESTION_ROUNDS: usize = 10;

/// How a login failed.
pub(super) enum LoginError {
    Refused(LoginReport),
    Timeout(Duration),
}

pub(super) struct Login<'a> {
    handle: &'a mut Handle<ClientHandler>,
    host: &'a HostName,
    target: &'a Target,
    place: &'a str,
    prompter: &'a dyn Prompter,
    ring: &'a KeyRing,
    pause: &'a Pause,
    /// None until the server has said which methods it takes.
    methods: Option<MethodSet>,
    report: LoginReport,
    rsa_hash: Option<Option<HashAlg>>,
    tried: Vec<PublicKey>,
}

/// What to do after one attempt.
enum Next {
    LoggedIn,
    GoOn,
    /// Nothing further can be tried on this connection.
    Stop,
    HungUp,
}

/// A key file that needs its passphrase.
struct Locked {
    path: PathBuf,
    text: String,
}

impl<'a> Login<'a> {
    pub(super) fn new(
        handle: &'a mut Handle<ClientHandler>,
        host: &'a HostName,
        target: &'a Target,
        place: &'a str,
        prompter: &'a dyn Prompter,
        ring: &'a KeyRing,
        pause: &'a Pause,
    ) -> Self {
        Self {
            handle,
            host,
            target,
            place,
            prompter,
            ring,
            pause,
            methods: None,
            report: LoginReport::default(),
            rsa_hash: None,
            tried: Vec::new(),
        }
    }

    /// Tries everything there is, in order; `none` is never tried, since it costs a round trip.
    pub(super) async fn run(mut self) -> Result<(), LoginError> {
        match self.all().await? {
            Next::LoggedIn => Ok(()),
            next => {
                self.report.hung_up = matches!(next, Next::HungUp);
                if let Some(methods) = &self.methods {
                    self.report.offered =
                        methods.iter().map(|method| <&str>::from(method).to_string()).collect();
                }
                Err(LoginError::Refused(self.report))
            }
        }
    }

    async fn all(&mut self) -> Result<Next, LoginError> {
        let mut locked = Vec::new();
        let own = self.target.own_identities.clone();
        let mut next = self.files(&own, Missing::Mention, &mut locked).await?;
        if matches!(next, Next::GoOn) {
            next = self.agent().await?;
        }
        if matches!(next, Next::GoOn) {
            let configured = self.target.settings.identity_files.clone();
            next = self.files(&configured, Missing::Skip, &mut locked).await?;
        }
        if matches!(next, Next::GoOn) {
            next = self.locked_files(locked).await?;
        }
        if matches!(next, Next::GoOn) && self.takes(MethodKind::KeyboardInteractive) {
            next = self.keyboard_interactive().await?;
        }
        if matches!(next, Next::GoOn) && self.takes(MethodKind::Password) {
            next = self.password().await?;
        }
        Ok(next)
    }

    /// Whether the server takes a method, as far as is known.
    fn takes(&self, method: MethodKind) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.contains(&method))
    }

    fn judge(&mut self, what: String, result: Result<AuthResult, russh::Error>) -> Next {
        match result {
            Ok(AuthResult::Success) => Next::LoggedIn,
            Ok(AuthResult::Failure { remaining_methods, .. }) if remaining_methods.is_empty() => {
                self.report.tried.push(format!("{what}: no answer"));
                Next::HungUp
            }
            Ok(AuthResult::Failure { remaining_methods, partial_success }) => {
                let outcome = if partial_success { "accepted, but more is required" } else { "refused" };
                self.report.tried.push(format!("{what}: {outcome}"));
                self.methods = Some(remaining_methods);
                Next::GoOn
            }
            Err(russh::Error::SendError | russh::Error::RecvError | russh::Error::Disconnect) => Next::HungUp,
            Err(error) => {
                self.report.tried.push(format!("{what}: {}", printable(&error.to_string())));
                Next::GoOn
            }
        }
    }

    // ---- key files ----

    async fn files(
        &mut self,
        paths: &[PathBuf],
        missing: Missing,
        locked: &mut Vec<Locked>,
    ) -> Result<Next, LoginError> {
        for path in paths {
            if !self.takes(MethodKind::PublicKey) {
                break;
            }
            let text = match tokio::fs::read_to_string(path).await {
                Ok(text) => text,
                Err(error) if missing == Missing::Skip && error.kind() == std::io::ErrorKind::NotFound => {
                    continue;
                }
                Err(error) => {
                    self.report.tried.push(format!("{}: {error}", path.display()));
                    continue;
                }
            };
            match decode(text.clone(), None).await {
                Ok(key) => match self.key(path, Arc::new(key)).await? {
                    Next::GoOn => {}
                    done => return Ok(done),
                },
                Err(russh::keys::Error::KeyIsEncrypted) => match self.ring.key(path, &text) {
                    Some(key) => match self.key(path, key).await? {
                        Next::GoOn => {}
                        done => return Ok(done),
                    },
                    None => locked.push(Locked { path: path.clone(), text }),
                },
                Err(error) => self.report.tried.push(format!("{}: {error}", path.display())),
            }
        }
        Ok(Next::GoOn)
    }

    /// Offers a key: first under each certificate that belongs to it, then by itself.
    async fn key(&mut self, path: &Path, key: Arc<PrivateKey>) -> Result<Next, LoginError> {
        let public = key.public_key().clone();
        if self.tried.iter().any(|tried| tried.key_data() == public.key_data()) {
            return Ok(Next::GoOn);
        }
        self.tried.push(public.clone());
        let pause = self.pause;
        for (file, certificate) in self.certificates(path, &public).await {
            let user = self.target.settings.user.clone();
            let attempt = self.handle.authenticate_openssh_cert(user, key.clone(), certificate);
            let result = timed(pause, attempt).await?;
            match self.judge(format!("certificate {}", file.display()), result) {
                Next::GoOn => {}
                done => return Ok(done),
            }
        }
        let hash = self.hash_for(&public).await?;
        let user = self.target.settings.user.clone();
        let attempt = self.handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, hash));
        let result = timed(pause, attempt).await?;
        Ok(self.judge(format!("key {}", path.display()), result))
    }

    /// `KEY-cert.pub` beside the key, and the configured files that are for this key.
    async fn certificates(&self, path: &Path, key: &PublicKey) -> Vec<(PathBuf, Certificate)> {
        let mut beside = path.as_os_str().to_owned();
        beside.push("-cert.pub");
        let mut found = Vec::new();
        for file in
            std::iter::once(PathBuf::from(beside)).chain(self.target.settings.certificate_files.clone())
        {
            let path = file.clone();
            let loaded = tokio::task::spawn_blocking(move || load_openssh_certificate(path)).await;
            if let Ok(Ok(certificate)) = loaded
                && certificate.public_key() == key.key_data()
            {
                found.push((file, certificate));
            }
        }
        found
    }

    /// RSA keys must name their hash, or the SHA-1 signature that modern servers refuse would be used.
    async fn hash_for(&mut self, key: &PublicKey) -> Result<Option<HashAlg>, LoginError> {
        if !key.algorithm().is_rsa() {
            return Ok(None);
        }
        if self.rsa_hash.is_none() {
            let asked = self.handle.best_supported_rsa_hash();
            let best = timed(self.pause, asked).await?;
            // A server that says nothing is one of before 2018; SHA-256 has been in OpenSSH since 7.2 (2016).
            self.rsa_hash = Some(match best {
                Ok(Some(hash)) => hash.or(Some(HashAlg::Sha256)),
                _ => Some(HashAlg::Sha256),
            });
        }
        Ok(self.rsa_hash.flatten())
    }

    async fn locked_files(&mut self, locked: Vec<Locked>) -> Result<Next, LoginError> {
        for Locked { path, text } in locked {
            if !self.takes(MethodKind::PublicKey) {
                break;
            }
            if let Some(public) = public_half(&path).await
                && self.tried.iter().any(|tried| tried.key_data() == public.key_data())
            {
                continue;
            }
            match self.unlock(&path, text).await {
                Some(key) => match self.key(&path, key).await? {
                    Next::GoOn => {}
                    done => return Ok(done),
                },
                None => self.report.tried.push(format!("{}: locked, no right passphrase", path.display())),
            }
        }
        Ok(Next::GoOn)
    }

    async fn unlock(&self, path: &Path, text: String) -> Option<Arc<PrivateKey>> {
        let _turn = self.pause.during(self.ring.turn(&path.to_string_lossy())).await;
        // Another host's connection may have asked for it meanwhile.
        if let Some(key) = self.ring.key(path, &text) {
            return Some(key);
        }
        for attempt in 0..ATTEMPTS {
            let again = if attempt == 0 { "" } else { "That was not right. " };
            let question = format!("{again}Passphrase of the key {}:", path.display());
            let answer = self.pause.during(self.prompter.secret(self.host, &question)).await?;
            // Deriving the key takes a noticeable time by design; it must not hold up other tasks.
            if let Ok(key) = decode(text.clone(), Some(answer)).await {
                let key = Arc::new(key);
                self.ring.keep_key(path, text, key.clone());
                return Some(key);
            }
        }
        None
    }

    // ---- agent ----

    async fn agent(&mut self) -> Result<Next, LoginError> {
        let Some(socket) = self.target.agent.clone() else { return Ok(Next::GoOn) };
        if !self.takes(MethodKind::PublicKey) {
            return Ok(Next::GoOn);
        }
        let opened = async {
            let mut agent = AgentClient::connect_uds(&socket).await?;
            // Agents that know nothing of binding refuse it, which only matters for bound keys.
            if let Some(binding) = self.handle.agent_session_binding() {
                let _ = agent.bind_session(binding, false).await;
            }
            let identities = agent.request_identities().await?;
            Ok::<_, russh::keys::Error>((agent, identities))
        };
        let (mut agent, identities) = match timed(self.pause, opened).await? {
            Ok(opened) => opened,
            Err(error) => {
                self.report.tried.push(format!("agent {}: {error}", socket.display()));
                return Ok(Next::GoOn);
            }
        };
        for identity in self.in_order(identities).await {
            if !self.takes(MethodKind::PublicKey) {
                break;
            }
            match self.agent_key(&mut agent, identity).await? {
                Next::GoOn => {}
                done => return Ok(done),
            }
        }
        Ok(Next::GoOn)
    }

    /// Keys that are also configured as files come first; with `IdentitiesOnly` they come alone.
    async fn in_order(&self, identities: Vec<AgentIdentity>) -> Vec<AgentIdentity> {
        let mut configured = Vec::new();
        for path in self.target.own_identities.iter().chain(&self.target.settings.identity_files) {
            configured.extend(public_half(path).await);
        }
        let is_configured = |identity: &AgentIdentity| {
            configured.iter().any(|key| key.key_data() == identity.public_key().key_data())
        };
        let (mut first, rest): (Vec<_>, Vec<_>) = identities.into_iter().partition(is_configured);
        if self.target.offers_all_agent_keys() {
            first.extend(rest);
        }
        first
    }

    async fn agent_key(
        &mut self,
        agent: &mut AgentClient<UnixStream>,
        identity: AgentIdentity,
    ) -> Result<Next, LoginError> {
        let public = identity.public_key().into_owned();
        let hash = self.hash_for(&public).await?;
        let what = format!("agent's {} “{}”", public.algorithm(), printable(identity.comment()));
        let user = self.target.settings.user.clone();
        let pause = self.pause;
        // The agent may ask for a touch or a confirmation, so the wait for it does not count.
        let result = match identity {
            AgentIdentity::Certificate { certificate, .. } => {
                let attempt = self.handle.authenticate_certificate_with(user, certificate, hash, agent);
                pause.during(attempt).await
            }
            AgentIdentity::PublicKey { key, .. } => {
                if self.tried.iter().any(|tried| tried.key_data() == key.key_data()) {
                    return Ok(Next::GoOn);
                }
                self.tried.push(public);
                pause.during(self.handle.authenticate_publickey_with(user, key, hash, agent)).await
            }
        };
        match result {
            Ok(result) => Ok(self.judge(what, Ok(result))),
            Err(error) => {
                self.report.tried.push(format!("{what}: the agent would not sign ({error})"));
                Ok(if self.handle.is_closed() { Next::HungUp } else { Next::GoOn })
            }
        }
    }

    // ---- questions to the person ----

    async fn keyboard_interactive(&mut self) -> Result<Next, LoginError> {
        for _ in 0..ATTEMPTS {
            let user = self.target.settings.user.clone();
            let started = self.handle.authenticate_keyboard_interactive_start(user, None::<String>);
            let mut response = timed(self.pause, started).await?;
            let mut answered = Answered::Nothing;
            for _ in 0..QUESTION_ROUNDS {
                let (name, instructions, prompts) = match response {
                    Ok(KeyboardInteractiveAuthResponse::InfoRequest { name, instructions, prompts }) => {
                        (name, instructions, prompts)
                    }
                    _ => break,
                };
                let mut answers = Vec::new();
                for prompt in prompts {
                    let question = [&name, &instructions, &prompt.prompt]
                        .map(|text| text.trim())
                        .into_iter()
                        .filter(|text| !text.is_empty())
                        .collect::<Vec<_>>()
                        .join("\n");
                    let question = question.lines().map(printable).collect::<Vec<_>>().join("\n");
                    let Some(answer) = self.pause.during(self.prompter.secret(self.host, &question)).await
                    else {
                        self.report.tried.push("keyboard-interactive: nobody answered".into());
                        // The server still waits for an answer; password would be refused now, so stop here.
                        self.methods
                            .get_or_insert_with(|| MethodSet::from(&[MethodKind::KeyboardInteractive][..]));
                        return Ok(Next::Stop);
                    };
                    answers.push(answer.expose().to_string());
                    answered = Answered::Something;
                }
                let sent = self.handle.authenticate_keyboard_interactive_respond(answers);
                response = timed(self.pause, sent).await?;
            }
            let result = match response {
                Ok(KeyboardInteractiveAuthResponse::Success) => Ok(AuthResult::Success),
                Ok(KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success }) => {
                    Ok(AuthResult::Failure { remaining_methods, partial_success })
                }
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { .. }) => Err(russh::Error::Inconsistent),
                Err(error) => Err(error),
            };
            match self.judge("keyboard-interactive".into(), result) {
                Next::GoOn
                    if answered == Answered::Something && self.takes(MethodKind::KeyboardInteractive) => {}
                next => return Ok(next),
            }
        }
        Ok(Next::GoOn)
    }

    async fn password(&mut self) -> Result<Next, LoginError> {
        let user = self.target.settings.user.clone();
        let account = format!("{user}@{}", self.place);
        let _turn = self.pause.during(self.ring.turn(&account)).await;
        let mut kept = self.ring.password(&account);
        for attempt in 0..ATTEMPTS {
            let again = if attempt == 0 { "" } else { "That was not right. " };
            let question = format!("{again}Password of {}:", printable(&account));
            let answer = match kept.take() {
                Some(kept) => Some(kept),
                None => self.pause.during(self.prompter.secret(self.host, &question)).await,
            };
            let Some(answer) = answer else {
                self.report.tried.push("password: nobody answered".into());
                return Ok(Next::GoOn);
            };
            let sent = self.handle.authenticate_password(user.clone(), answer.expose());
            let result = timed(self.pause, sent).await?;
            match result {
                Ok(AuthResult::Success) => self.ring.keep_password(&account, answer),
                _ => self.ring.forget_password(&account),
            }
            match self.judge("password".into(), result) {
                Next::GoOn if self.takes(MethodKind::Password) => {}
                next => return Ok(next),
            }
        }
        Ok(Next::GoOn)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Mention,
    Skip,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    Nothing,
    Something,
}

async fn timed<T>(pause: &Pause, work: impl Future<Output = T>) -> Result<T, LoginError> {
    pause.timeout(ANSWER_TIMEOUT, work).await.ok_or(LoginError::Timeout(ANSWER_TIMEOUT))
}

async fn decode(
    text: String,
    passphrase: Option<super::prompt::Secret>,
) -> Result<PrivateKey, russh::keys::Error> {
    let work =
        move || russh::keys::decode_secret_key(&text, passphrase.as_ref().map(super::prompt::Secret::expose));
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(russh::keys::Error::CouldNotReadKey))
}

/// The public half of a key file, from `KEY.pub` or from the file itself where that is not locked away.
async fn public_half(path: &Path) -> Option<PublicKey> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    if let Ok(text) = tokio::fs::read_to_string(PathBuf::from(beside)).await
        && let Ok(key) = PublicKey::from_openssh(text.trim())
    {
        return Some(key);
    }
    let text = tokio::fs::read_to_string(path).await.ok()?;
    if let Ok(key) = PublicKey::from_openssh(text.trim()) {
        return Some(key);
    }
    // OpenSSH's own format keeps the public half readable even when the key is encrypted.
    PrivateKey::from_openssh(&text).ok().map(|key| key.public_key().clone())
}
