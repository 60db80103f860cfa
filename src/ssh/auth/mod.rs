//! Logging in: keys from files and the agent, certificates, questions to the person, in an order that costs
//! few round trips and never asks a person what a key can answer.

mod agent;
mod files;
mod questions;

use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::{HashAlg, PublicKey};
use russh::{MethodKind, MethodSet};

use super::config::Target;
use super::error::LoginReport;
use super::handshake::ClientHandler;
use super::keyring::KeyRing;
use super::pause::Pause;
use super::prompt::Prompter;
use crate::fleet::{HostName, printable};
use files::Missing;

/// One answer of the server. Wrong passwords are delayed by PAM for some 2 s; 20 s is a dead server.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// A wrong passphrase or password may be corrected twice, as with OpenSSH (`NumberOfPasswordPrompts 3`).
const ATTEMPTS: usize = 3;
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
        let mut next = match self.ring.held() {
            Some(key) => self.plain("the key given to drover".into(), key).await?,
            None => Next::GoOn,
        };
        if matches!(next, Next::GoOn) {
            next = self.files(&own, Missing::Mention, &mut locked).await?;
        }
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
}

async fn timed<T>(pause: &Pause, work: impl Future<Output = T>) -> Result<T, LoginError> {
    pause.timeout(ANSWER_TIMEOUT, work).await.ok_or(LoginError::Timeout(ANSWER_TIMEOUT))
}
