//! Sessions and where they are kept: in this process, or in a Redis.
//!
//! Everything here blocks; the server calls it off its event loop.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, ServerErrorKind};
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
    Redis { address: String, cause: RedisError },
    #[error("a session cannot be written as JSON: {0}")]
    Encoding(#[from] serde_json::Error),
}

impl SessionError {
    /// Whether waiting can help: a Redis that is starting, as against one that refuses us.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Redis { cause, .. } => match cause.kind() {
                ErrorKind::Io => true,
                ErrorKind::Server(kind) => {
                    matches!(
                        kind,
                        ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain
                    )
                }
                _ => false,
            },
            Self::Randomness(_) | Self::Encoding(_) => false,
        }
    }
}

/// The sessions in force.
pub(crate) enum Sessions {
    /// Forgotten when the process ends.
    Memory(Mutex<HashMap<SessionId, Kept>>),
    /// A connection for each operation: nothing to repair after the Redis was restarted.
    Redis(redis::Client),
}

/// A session in memory, and when it ends.
pub(crate) struct Kept {
    session: Session,
    until: Instant,
}

impl Sessions {
    /// Prepares the store; does not yet talk to it.
    pub(crate) fn new(store: &Store) -> Result<Self, SessionError> {
        match store {
            Store::Memory => Ok(Self::Memory(Mutex::default())),
            Store::Redis(info) => {
                let client =
                    redis::Client::open((**info).clone()).map_err(|cause| SessionError::Redis {
                        address: info.addr().to_string(),
                        cause,
                    })?;
                Ok(Self::Redis(client))
            }
        }
    }

    /// Whether the store answers.
    pub(crate) fn ping(&self) -> Result<(), SessionError> {
        match self {
            Self::Memory(_) => Ok(()),
            Self::Redis(client) => ask(client, &redis::cmd("PING")),
        }
    }

    /// Keeps a new session for `ttl` seconds.
    pub(crate) fn begin(&self, session: Session, ttl: u64) -> Result<SessionId, SessionError> {
        let id = SessionId::random()?;
        match self {
            Self::Memory(kept) => {
                let mut kept = lock(kept);
                let now = Instant::now();
                kept.retain(|_, one| one.until > now);
                let until = now + Duration::from_secs(ttl);
                kept.insert(id.clone(), Kept { session, until });
            }
            Self::Redis(client) => {
                let json = serde_json::to_string(&session)?;
                ask::<()>(
                    client,
                    redis::cmd("SET").arg(key(&id)).arg(json).arg("EX").arg(ttl),
                )?;
            }
        }
        Ok(id)
    }

    /// The session of this name, if it has not ended.
    pub(crate) fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError> {
        match self {
            Self::Memory(kept) => {
                let now = Instant::now();
                let kept = lock(kept);
                let found = kept.get(id).filter(|one| one.until > now);
                Ok(found.map(|one| one.session.clone()))
            }
            Self::Redis(client) => {
                let json: Option<String> = ask(client, redis::cmd("GET").arg(key(id)))?;
                // What is not one of ours is no session of ours.
                Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
            }
        }
    }

    /// Replaces what a session holds. Neither its end moves, nor does an ended one come back.
    pub(crate) fn update(&self, id: &SessionId, session: Session) -> Result<(), SessionError> {
        match self {
            Self::Memory(kept) => {
                if let Some(one) = lock(kept).get_mut(id) {
                    one.session = session;
                }
                Ok(())
            }
            Self::Redis(client) => {
                let json = serde_json::to_string(&session)?;
                let mut set = redis::cmd("SET");
                ask(client, set.arg(key(id)).arg(json).arg("XX").arg("KEEPTTL"))
            }
        }
    }

    /// Ends a session.
    pub(crate) fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        match self {
            Self::Memory(kept) => {
                lock(kept).remove(id);
                Ok(())
            }
            Self::Redis(client) => ask(client, redis::cmd("DEL").arg(key(id))),
        }
    }
}

/// The key under which connect-redis would keep it.
fn key(id: &SessionId) -> String {
    format!("sess:{}", id.as_str())
}

fn ask<T: redis::FromRedisValue>(
    client: &redis::Client,
    command: &redis::Cmd,
) -> Result<T, SessionError> {
    let attempt = || {
        let mut connection = client.get_connection_with_timeout(CONNECT_TIMEOUT)?;
        connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        command.query(&mut connection)
    };
    attempt().map_err(|cause| SessionError::Redis {
        address: client.get_connection_info().addr().to_string(),
        cause,
    })
}

/// A panic elsewhere leaves the map whole: each change to it is a single call.
fn lock(kept: &Mutex<HashMap<SessionId, Kept>>) -> MutexGuard<'_, HashMap<SessionId, Kept>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str) -> Session {
        Session {
            user: Some(user.to_owned()),
            messages: Vec::new(),
        }
    }

    #[test]
    fn remembers_until_the_end() {
        let sessions = Sessions::new(&Store::Memory).unwrap();
        let id = sessions.begin(of("ann"), 900).unwrap();
        let other = sessions.begin(of("bob"), 900).unwrap();
        assert_eq!(sessions.find(&id).unwrap(), Some(of("ann")));

        let mut changed = of("ann");
        changed.say("hello".to_owned());
        sessions.update(&id, changed.clone()).unwrap();
        assert_eq!(sessions.find(&id).unwrap(), Some(changed.clone()));

        sessions.end(&id).unwrap();
        sessions.update(&id, changed).unwrap();
        assert_eq!(sessions.find(&id).unwrap(), None);
        assert_eq!(sessions.find(&other).unwrap(), Some(of("bob")));
    }

    #[test]
    fn forgets_what_has_run_out() {
        let sessions = Sessions::new(&Store::Memory).unwrap();
        let id = sessions.begin(of("ann"), 0).unwrap();
        assert_eq!(sessions.find(&id).unwrap(), None);
        sessions.begin(of("bob"), 900).unwrap();
        let Sessions::Memory(kept) = &sessions else {
            panic!("not in memory")
        };
        assert_eq!(lock(kept).len(), 1);
    }

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
