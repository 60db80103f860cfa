//! Keys that an agent holds: it signs, drover never sees them.

use russh::MethodKind;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use tokio::net::UnixStream;

use super::files::public_half;
use super::{Login, LoginError, Next, timed};
use crate::fleet::printable;

impl Login<'_> {
    pub(super) async fn agent(&mut self) -> Result<Next, LoginError> {
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
}
