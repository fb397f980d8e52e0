//! Sessions and where they are kept: in this process, in a Redis, or in a PostgreSQL.
//!
//! Everything here blocks; the server calls it off its event loop.

mod memory;
mod postgres;
mod redis;

use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::settings::Store;

/// How many of the last messages a session keeps.
const KEPT_MESSAGES: usize = 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// What is remembered of a visitor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Who signed in; none where no login was asked for.
    pub(crate) user: Option<String>,
    /// The messages of the chat, oldest first.
    pub(crate) messages: Vec<String>,
}

impl Session {
    /// Adds a message; the oldest make room for it.
    pub(crate) fn say(&mut self, message: String) {
        self.messages.push(message);
        let excess = self.messages.len().saturating_sub(KEPT_MESSAGES);
        self.messages.drain(..excess);
    }
}

/// The secret that names a session: 24 bytes of the system's randomness, in hex.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct SessionId(String);

impl SessionId {
    const BYTES: usize = 24;

    fn random() -> Result<Self, SessionError> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes).map_err(SessionError::Randomness)?;
        let mut text = String::with_capacity(2 * Self::BYTES);
        for byte in bytes {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self(text))
    }

    /// Reads a cookie's value; what cannot be one of ours never reaches the store.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let ours = text.len() == 2 * Self::BYTES
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| Self(text.to_owned()))
    }

    /// The value for the cookie.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a session could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
    #[error("Redis at {address}: {cause}")]
    Redis {
        address: String,
        cause: ::redis::RedisError,
    },
    #[error("PostgreSQL at {address}: {}", postgres::words(cause))]
    Postgres {
        address: String,
        cause: ::postgres::Error,
    },
    #[error("a session cannot be written as JSON: {0}")]
    Encoding(#[from] serde_json::Error),
}

impl SessionError {
    /// The setting that names what failed.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Redis { .. } => "REDIS_URL",
            Self::Postgres { .. } => "DATABASE_URL",
            Self::Randomness(_) | Self::Encoding(_) => "SESSION_STORE",
        }
    }

    /// Whether waiting can help: a store that is starting, as against one that refuses us.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Redis { cause, .. } => redis::may_pass(cause),
            Self::Postgres { cause, .. } => postgres::may_pass(cause),
            Self::Randomness(_) | Self::Encoding(_) => false,
        }
    }
}

/// A place that keeps sessions.
trait Keep: Send + Sync {
    /// Whether it answers; makes what it needs.
    fn ping(&self) -> Result<(), SessionError>;
    /// Keeps a new session for `ttl` seconds.
    fn begin(&self, id: &SessionId, session: &Session, ttl: u64) -> Result<(), SessionError>;
    /// The session, if it has not ended. What is not one of ours is none.
    fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError>;
    /// Replaces what a session holds. Neither its end moves, nor does an ended one come back.
    fn update(&self, id: &SessionId, session: &Session) -> Result<(), SessionError>;
    /// Ends it.
    fn end(&self, id: &SessionId) -> Result<(), SessionError>;
}

/// The sessions in force.
pub(crate) struct Sessions(Box<dyn Keep>);

impl Sessions {
    /// Prepares the store; does not yet talk to it.
    pub(crate) fn new(store: &Store) -> Result<Self, SessionError> {
        Ok(Self(match store {
            Store::Memory => Box::new(memory::Memory::default()),
            Store::Redis(at) => Box::new(redis::Redis::new(at)?),
            Store::Postgres(at) => Box::new(postgres::Postgres::new(at)),
        }))
    }

    /// Whether the store answers.
    pub(crate) fn ping(&self) -> Result<(), SessionError> {
        self.0.ping()
    }

    /// Keeps a new session for `ttl` seconds.
    pub(crate) fn begin(&self, session: &Session, ttl: u64) -> Result<SessionId, SessionError> {
        let id = SessionId::random()?;
        self.0.begin(&id, session, ttl)?;
        Ok(id)
    }

    /// The session of this name, if it has not ended.
    pub(crate) fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError> {
        self.0.find(id)
    }

    /// Replaces what a session holds. Neither its end moves, nor does an ended one come back.
    pub(crate) fn update(&self, id: &SessionId, session: &Session) -> Result<(), SessionError> {
        self.0.update(id, session)
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        self.0.end(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_random_and_reads_back() {
        let (one, two) = (SessionId::random().unwrap(), SessionId::random().unwrap());
        assert!(one != two);
        assert!(SessionId::parse(one.as_str()) == Some(one));
        let z = "z".repeat(48);
        for junk in ["", "abc", "../../etc/passwd", z.as_str()] {
            assert!(SessionId::parse(junk).is_none(), "{junk:?}");
        }
    }

    #[test]
    fn keeps_the_last_messages() {
        let mut session = Session::default();
        for number in 0..25 {
            session.say(number.to_string());
        }
        assert_eq!(session.messages.len(), KEPT_MESSAGES);
        assert_eq!(session.messages.first().map(String::as_str), Some("5"));
    }
}
