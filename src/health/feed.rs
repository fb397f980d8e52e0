//! What the engine tells while a watch listens: its events, and whether it is there at all. Nothing of
//! the containers is polled; an engine that tells nothing is asked now and then whether it still
//! answers, for one that hangs keeps its stream open and is silent.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::docker::client::Docker;
use crate::docker::events::{self, EngineEvent};
use crate::host::sockets::Listens;

/// Time between two attempts to open the event stream of an engine that is gone.
const REOPEN_PAUSE: Duration = Duration::from_millis(250);
/// How long an engine may be away: a restart of it takes seconds, and is no failure of the change.
pub(super) const ENGINE_PATIENCE: Duration = Duration::from_secs(30);
/// So long it may tell nothing before it is asked whether it is there.
const QUIET: Duration = Duration::from_secs(5);
/// So long it may take to say so.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// What is handed over.
pub(super) enum Feed {
    Event(EngineEvent),
    /// A container listens on other ports than before.
    Listens {
        container: String,
        at: Instant,
        listens: Listens,
    },
    /// The stream broke and is open again: look at the containers themselves.
    Gap,
    /// The engine does not answer any more.
    Away,
    /// It has not answered for [`ENGINE_PATIENCE`].
    Lost,
}

/// Carries events from the engine to the watch for as long as somebody listens.
pub(super) async fn pump(
    docker: Docker,
    project: String,
    since: Timestamp,
    tell: mpsc::UnboundedSender<Feed>,
) {
    let mut since = events::stamp(since);
    loop {
        let mut stream = docker.events(&project, &since);
        loop {
            let told = match tokio::time::timeout(QUIET, stream.next()).await {
                Ok(Some(Ok(event))) => event,
                Ok(Some(Err(_)) | None) => break,
                Err(_) if answers(&docker).await => continue,
                Err(_) => break,
            };
            since = format!(
                "{}.{:09}",
                told.at_nanos / 1_000_000_000,
                told.at_nanos % 1_000_000_000 + 1
            );
            if tell.send(Feed::Event(told)).is_err() {
                return;
            }
        }
        drop(stream);
        if wait_for_engine(&docker, &tell).await.is_none() {
            return;
        }
    }
}

async fn answers(docker: &Docker) -> bool {
    let answer = tokio::time::timeout(SIGN_OF_LIFE, docker.answers()).await;
    answer.unwrap_or(false)
}

/// Returns when the engine answers again; `None` when nobody listens any more.
async fn wait_for_engine(docker: &Docker, tell: &mpsc::UnboundedSender<Feed>) -> Option<()> {
    let gone = Instant::now();
    let mut told = false;
    let mut lost = false;
    loop {
        tokio::time::sleep(REOPEN_PAUSE).await;
        if answers(docker).await {
            // Opened before the containers are read, the stream misses nothing: it begins at the
            // last event that was seen.
            return tell.send(Feed::Gap).ok();
        }
        if !told {
            told = true;
            tell.send(Feed::Away).ok()?;
        }
        if !lost && gone.elapsed() > ENGINE_PATIENCE {
            lost = true;
            tell.send(Feed::Lost).ok()?;
        }
        if tell.is_closed() {
            return None;
        }
    }
}
