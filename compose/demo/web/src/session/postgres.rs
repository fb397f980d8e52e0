//! Sessions in a PostgreSQL, in the table of connect-pg-simple. A connection for each operation: nothing
//! to repair after the database was restarted.

use std::error::Error as _;

use postgres::error::SqlState;
use postgres::{Client, Config, Error, NoTls};

use super::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, Keep, Session, SessionError, SessionId};
use crate::settings::address_of;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS session \
     (sid varchar PRIMARY KEY, sess text NOT NULL, expire timestamptz NOT NULL)";

/// The database.
pub(super) struct Postgres(Config);

impl Postgres {
    pub(super) fn new(at: &Config) -> Self {
        let mut config = at.clone();
        let timeout = format!("-c statement_timeout={}", ANSWER_TIMEOUT.as_millis());
        config
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(ANSWER_TIMEOUT)
            .options(&timeout);
        Self(config)
    }

    fn ask<T>(
        &self,
        work: impl FnOnce(&mut Client) -> Result<T, Error>,
    ) -> Result<T, SessionError> {
        let done = self
            .0
            .connect(NoTls)
            .and_then(|mut client| work(&mut client));
        done.map_err(|cause| SessionError::Postgres {
            address: address_of(&self.0),
            cause,
        })
    }
}

impl Keep for Postgres {
    fn ping(&self) -> Result<(), SessionError> {
        self.ask(|client| client.batch_execute(TABLE))
    }

    fn begin(&self, id: &SessionId, session: &Session, ttl: u64) -> Result<(), SessionError> {
        let json = serde_json::to_string(session)?;
        // The longest session that the settings allow is a hundred years.
        let seconds = f64::from(u32::try_from(ttl).unwrap_or(u32::MAX));
        self.ask(|client| {
            client.execute("DELETE FROM session WHERE expire <= now()", &[])?;
            let insert = "INSERT INTO session VALUES ($1, $2, now() + make_interval(secs => $3))";
            client.execute(insert, &[&id.as_str(), &json, &seconds])
        })?;
        Ok(())
    }

    fn find(&self, id: &SessionId) -> Result<Option<Session>, SessionError> {
        let select = "SELECT sess FROM session WHERE sid = $1 AND expire > now()";
        let row = self.ask(|client| client.query_opt(select, &[&id.as_str()]))?;
        let json: Option<String> = row.and_then(|row| row.try_get(0).ok());
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    fn update(&self, id: &SessionId, session: &Session) -> Result<(), SessionError> {
        let json = serde_json::to_string(session)?;
        let update = "UPDATE session SET sess = $2 WHERE sid = $1 AND expire > now()";
        self.ask(|client| client.execute(update, &[&id.as_str(), &json]))?;
        Ok(())
    }

    fn end(&self, id: &SessionId) -> Result<(), SessionError> {
        let delete = "DELETE FROM session WHERE sid = $1";
        self.ask(|client| client.execute(delete, &[&id.as_str()]))?;
        Ok(())
    }
}

/// What the database or the connection says; the error itself says only "db error".
pub(super) fn words(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => said.message().to_owned(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Whether waiting can help: nobody there yet, or a database that is starting.
pub(super) fn may_pass(error: &Error) -> bool {
    match error.code() {
        Some(code) => *code == SqlState::CANNOT_CONNECT_NOW,
        None => {
            error
                .source()
                .is_some_and(|cause| cause.is::<std::io::Error>())
                || error.is_closed()
        }
    }
}
