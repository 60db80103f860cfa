//! What only the person can answer: passwords and the server's own questions.

use russh::client::{AuthResult, KeyboardInteractiveAuthResponse};
use russh::{MethodKind, MethodSet};

use super::{ATTEMPTS, Login, LoginError, Next, timed};
use crate::fleet::printable;

/// A server may ask several rounds of questions; more than this is not a login any more.
const QUESTION_ROUNDS: usize = 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answered {
    Nothing,
    Something,
}

impl Login<'_> {
    pub(super) async fn keyboard_interactive(&mut self) -> Result<Next, LoginError> {
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

    pub(super) async fn password(&mut self) -> Result<Next, LoginError> {
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
