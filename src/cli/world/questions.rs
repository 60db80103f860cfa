//! Questions of the SSH room, asked in the console.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use crate::fleet::HostName;
use crate::session::{Happening, Question, QuestionId, QuestionKind};
use crate::ssh::{Prompter, Secret};

/// What a person answered.
enum Reply {
    Confirmed(bool),
    Secret(Secret),
}

/// Asks in the console and waits for the answer.
pub struct Questions {
    happenings: mpsc::Sender<Happening>,
    next: AtomicU64,
    /// Held only to put in or take out one entry.
    waiting: Mutex<HashMap<QuestionId, oneshot::Sender<Reply>>>,
}

impl Questions {
    /// Asks through this channel.
    pub fn new(happenings: mpsc::Sender<Happening>) -> Self {
        Self { happenings, next: AtomicU64::new(1), waiting: Mutex::default() }
    }

    /// Yes, no, or the refusal to type a secret.
    pub fn answer(&self, id: QuestionId, yes: bool) {
        self.reply(id, Reply::Confirmed(yes));
    }

    /// A secret that was typed.
    pub fn typed(&self, id: QuestionId, secret: String) {
        self.reply(id, Reply::Secret(Secret::new(secret)));
    }

    fn reply(&self, id: QuestionId, reply: Reply) {
        let asker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(asker) = asker {
            // The connection that asked may have gone meanwhile.
            let _ = asker.send(reply);
        }
    }

    async fn ask(&self, host: &HostName, text: &str, kind: QuestionKind) -> Option<Reply> {
        let id = QuestionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        let mut pending = Pending { questions: self, id, open: true };
        let question = Question { id, host: host.clone(), text: text.to_owned(), kind };
        self.happenings.send(Happening::Asked { question }).await.ok()?;
        let reply = answer.await.ok();
        pending.open = false;
        reply
    }
}

/// A question whose asker gives up is taken off the screen.
struct Pending<'a> {
    questions: &'a Questions,
    id: QuestionId,
    open: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.questions.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        if self.open {
            // With a full channel the dialog stays, and its answer goes nowhere: harmless.
            let _ = self.questions.happenings.try_send(Happening::Withdrawn { id: self.id });
        }
    }
}

#[async_trait]
impl Prompter for Questions {
    async fn confirm(&self, host: &HostName, text: &str) -> bool {
        matches!(self.ask(host, text, QuestionKind::Confirm).await, Some(Reply::Confirmed(true)))
    }

    async fn secret(&self, host: &HostName, text: &str) -> Option<Secret> {
        match self.ask(host, text, QuestionKind::Secret).await {
            Some(Reply::Secret(secret)) => Some(secret),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn host() -> HostName {
        HostName::new("h1").unwrap()
    }

    async fn asked(events: &mut mpsc::Receiver<Happening>) -> QuestionId {
        match events.recv().await {
            Some(Happening::Asked { question }) => question.id,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn answers_reach_whoever_asked() {
        let (sender, mut events) = mpsc::channel(4);
        let questions = Arc::new(Questions::new(sender));
        let asker = tokio::spawn({
            let questions = questions.clone();
            async move { (questions.confirm(&host(), "key?").await, questions.secret(&host(), "pass?").await) }
        });
        let first = asked(&mut events).await;
        questions.answer(first, true);
        let second = asked(&mut events).await;
        questions.typed(second, "open sesame".into());
        let (yes, secret) = asker.await.unwrap();
        assert!(yes);
        assert_eq!(secret.unwrap().expose(), "open sesame");
    }

    #[tokio::test]
    async fn a_question_whose_asker_is_gone_is_withdrawn() {
        let (sender, mut events) = mpsc::channel(4);
        let questions = Arc::new(Questions::new(sender));
        let asker = tokio::spawn({
            let questions = questions.clone();
            async move { questions.confirm(&host(), "key?").await }
        });
        let id = asked(&mut events).await;
        asker.abort();
        assert_eq!(events.recv().await, Some(Happening::Withdrawn { id }));
    }
}
