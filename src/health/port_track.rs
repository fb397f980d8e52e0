//! The ports of one service while it is watched: how long each was down, and what is to be asked over
//! HTTP. Data and pure transitions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use super::downtime::Downtime;
use super::ports::PortsBefore;
use crate::event::{PortDown, ServedPort};
use crate::host::http::Reply;

/// Time between two questions to a port whose sockets nobody can see.
const BLIND_PAUSE: Duration = Duration::from_millis(100);
/// Time between two questions to a port that listens, and does not answer as before.
const PAUSE: Duration = Duration::from_secs(1);

/// Who listens, where it is known by HTTP alone.
const WHOEVER: &str = "";

/// What is known of a service's ports.
#[derive(Debug)]
pub(crate) struct PortTrack {
    /// As they were before.
    pub(crate) before: PortsBefore,
    down: BTreeMap<ServedPort, Downtime>,
    is_asked: bool,
    was_asked: bool,
}

/// A question over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PortQuestion {
    /// To whom.
    pub(crate) address: SocketAddr,
    /// After this time.
    pub(crate) pause: Duration,
}

impl PortTrack {
    pub(crate) fn new(before: PortsBefore) -> Self {
        let down = before.answered.keys().map(|port| {
            let listening = before.containers.iter();
            let listening = listening.filter(|one| one.listens.contains(port));
            let ids: Vec<String> = match before.is_blind {
                true => vec![WHOEVER.to_owned()],
                false => listening.map(|one| one.id.clone()).collect(),
            };
            let mut down = Downtime::served_by(ids.iter().cloned());
            if ids.is_empty() {
                down.away_from_the_start();
            }
            (*port, down)
        });
        Self {
            down: down.collect(),
            before,
            is_asked: false,
            was_asked: false,
        }
    }

    /// A container listens on these ports now.
    pub(crate) fn listens(&mut self, id: &str, at: Duration, ports: &BTreeSet<ServedPort>) {
        for (port, down) in &mut self.down {
            match ports.contains(port) {
                true => down.up(id, at),
                false => down.down(id, at),
            }
        }
    }

    /// From here on nobody can look: nothing is measured.
    pub(crate) fn not_looked(&mut self, why: String) {
        self.down.clear();
        self.before.not_looked = Some(why);
    }

    /// Whether nobody listens on a port that was open.
    pub(crate) fn is_away(&self, port: ServedPort) -> bool {
        self.down.get(&port).is_some_and(Downtime::is_away)
    }

    /// How long the one of these ports was down that was down for longest.
    pub(crate) fn down(&self, ports: &BTreeSet<ServedPort>, now: Duration) -> Option<PortDown> {
        let own = self.down.iter().filter(|(port, _)| ports.contains(port));
        let times = own.filter_map(|(port, down)| Some((down.total(now)?, *port)));
        let (time, port) = times.max_by_key(|(time, port)| (*time, std::cmp::Reverse(*port)))?;
        let known = self.before.published.get(&port);
        let port = known.map_or(port, |at| port.with_number(at.port()));
        Some(PortDown { port, time })
    }

    /// The question that is to be asked now. `open`: whether its ports are all open, and how it answered
    /// last.
    pub(crate) fn question(&mut self, open: Option<Option<bool>>) -> Option<PortQuestion> {
        if self.is_asked {
            return None;
        }
        let pause = match (self.before.is_blind, open) {
            (true, _) if self.was_asked => BLIND_PAUSE,
            (true, _) | (false, Some(None)) => Duration::ZERO,
            (false, Some(Some(false))) => PAUSE,
            (false, Some(Some(true)) | None) => return None,
        };
        let (port, _) = self.before.asked()?;
        let address = *self.before.published.get(&port)?;
        (self.is_asked, self.was_asked) = (true, true);
        Some(PortQuestion { address, pause })
    }

    /// The judgement on an answer; with the ports that are known to be open by it, where nobody can see
    /// the sockets.
    pub(crate) fn answered(
        &mut self,
        at: Duration,
        answer: &Result<Reply, String>,
    ) -> (Result<(), String>, Option<BTreeSet<ServedPort>>) {
        self.is_asked = false;
        let Some((port, before)) = self.before.asked() else {
            return (Ok(()), None);
        };
        let known = self.before.published.get(&port);
        let shown = known.map_or(port.number, SocketAddr::port);
        let judged = match answer {
            Ok(reply) if reply.status >= 500 && before < 500 => {
                let status = reply.status;
                Err(format!(
                    "answers {status} on port {shown} ({before} before)"
                ))
            }
            Ok(_) => Ok(()),
            Err(why) => Err(format!("does not answer on port {shown} ({why})")),
        };
        let open = self.before.is_blind.then(|| match answer {
            Ok(_) => BTreeSet::from([port]),
            Err(_) => BTreeSet::new(),
        });
        if let Some(open) = &open {
            self.listens(WHOEVER, at, open);
        }
        (judged, open)
    }
}
