//! Sessions in a Redis, as connect-redis keeps them. A connection for each operation: nothing to repair
//! after the Redis was restarted.

use redis::{Client, Cmd, ConnectionInfo, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};

use super::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, Keep, Session, SessionError, SessionId};

/// The Redis.
pub(super) struct Redis(Client);

impl Redis {
    pub(super) fn new(at: &ConnectionInfo) -> Result<Self, SessionError> {
        let client = Client::open(at.clone()).map_err(|cause| SessionError::Redis {
            address: at.addr().to_string(),
            cause,
        })?;
        Ok(Self(client))
    }

    fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, SessionError> {
        let attempt = || {
            let mut connection = self.0.get_connection_with_timeout(CONNECT_TIMEOUT)?;
            connection.set_read_timeout(Some(ANSWER_TIMEOUT))?;
            connection.set_write_timeout(Some(ANSWER_TIMEOUT))?;
            command.query(&mut connection)
        };
        attempt().map_err(|cause| SessionError::Redis {
            address: self.0.get_connection_info().addr().to_string(),
            cause,
        })
    }
}

impl Keep for Redis {
    fn ping(&self) -> Result<(), SessionError> {
        self.ask(&redis::cmd("PING"))
    }

    fn begin(&self, id: &SessionId, session: &Session, ttl: u64) -> Result<(), SessionError> {
        let json = serde_json::to_string(session)?;
        let mut set = redis::cmd("SET");
        self.ask(set.arg(key(id)).arg(json).arg("EX").arg(ttl))
    }

    fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError> {
        let json: Option<String> = self.ask(redis::cmd("GET").arg(key(id)))?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    fn update(&self, id: &SessionId, session: &Session) -> Result<(), SessionError> {
        let json = serde_json::to_string(session)?;
        let mut set = redis::cmd("SET");
        self.ask(set.arg(key(id)).arg(json).arg("XX").arg("KEEPTTL"))
    }

    fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        self.ask(redis::cmd("DEL").arg(key(id)))
    }
}

/// The key under which connect-redis would keep it.
fn key(id: &SessionId) -> String {
    format!("sess:{}", id.as_str())
}

/// Whether waiting can help.
pub(super) fn may_pass(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain)
    )
}
