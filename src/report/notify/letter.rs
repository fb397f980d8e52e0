//! What one receiver is sent, and what came of it.

use futures_util::future::join_all;
use jiff::Timestamp;

use super::message::Message;
use super::payload::{Beat, Payload, payload};
use super::send::{Sent, send};
use super::target::Target;
use crate::host::signals::Signals;
use crate::secret::{Redactor, Secret};

/// What is to be sent to one, or why there is nothing that could be sent.
pub(crate) struct Letter {
    /// The receiver's name.
    pub to: String,
    /// Whether it only says that there was a run.
    pub is_heartbeat: bool,
    payload: Result<Payload, String>,
    /// Hides what must not be printed in what comes back.
    redactor: Redactor,
}

impl Letter {
    /// To whom a name in `refit.yaml` stands for; `redactor` knows the secrets of the stack.
    pub(crate) fn new(
        to: &str,
        is_heartbeat: bool,
        target: Result<Target<Secret>, String>,
        message: &Message,
        beat: Beat,
        mut redactor: Redactor,
    ) -> Self {
        let payload = target.and_then(|target| {
            target
                .secrets()
                .iter()
                .for_each(|secret| redactor.hide(secret));
            payload(&target, message, beat, Timestamp::now())
        });
        Self {
            to: to.to_owned(),
            is_heartbeat,
            payload,
            redactor,
        }
    }

    /// Sends it; what is said of a failure is without secrets.
    async fn deliver(&self, once: bool, signals: &Signals) -> Sent {
        let sent = match &self.payload {
            Err(error) => Sent {
                tries: 0,
                error: Some(error.clone()),
            },
            Ok(payload) => tokio::select! {
                sent = send(payload, once) => sent,
                signal = signals.wait() => Sent {
                    tries: 1,
                    error: Some(format!("interrupted by {}", signal.name())),
                },
            },
        };
        Sent {
            error: sent.error.map(|error| self.redactor.redact(&error)),
            ..sent
        }
    }
}

/// Sends them side by side; a signal ends what has not come through by then. `then` takes what came of
/// each as soon as it is known.
pub(crate) async fn deliver<T>(
    letters: &[Letter],
    once: bool,
    signals: &Signals,
    then: impl Fn(&Letter, Sent) -> T,
) -> Vec<T> {
    let then = &then;
    let one = async |letter: &Letter| then(letter, letter.deliver(once, signals).await);
    join_all(letters.iter().map(one)).await
}
