//! Looks again and again on which ports containers listen: nobody tells of a socket, and to look at the
//! kernel's table makes no traffic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::feed::Feed;
use crate::event::ServedPort;
use crate::host::sockets::{Listens, Namespace};

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(20);

/// A container to be looked at from now on, by its first process.
pub(super) struct Follow {
    pub(super) container: String,
    pub(super) pid: i64,
    pub(super) is_shared: bool,
    /// The ports of UDP that are looked at.
    pub(super) udp: BTreeSet<u16>,
}

struct Followed {
    namespace: Namespace,
    last: Option<BTreeSet<ServedPort>>,
}

/// Tells what changes, for as long as somebody listens. A thread of its own: to look takes milliseconds
/// where a machine has much memory, and events are not to wait for it.
pub(super) fn sample(follow: &Receiver<Follow>, tell: &mpsc::UnboundedSender<Feed>) {
    let is_heard = |container: String, listens: Listens| {
        let at = Instant::now();
        let told = Feed::Listens {
            container,
            at,
            listens,
        };
        tell.send(told).is_ok()
    };
    let mut followed: BTreeMap<String, Followed> = BTreeMap::new();
    loop {
        let new = match followed.is_empty() {
            true => follow.recv().map_err(|_| RecvTimeoutError::Disconnected),
            false => follow.recv_timeout(EVERY),
        };
        match new {
            Ok(new) => {
                let container = new.container.clone();
                match Namespace::of_container(&new.container, new.pid, new.is_shared) {
                    Ok(namespace) => {
                        let namespace = namespace.with_udp(new.udp);
                        let last = None;
                        followed.insert(container, Followed { namespace, last });
                    }
                    Err(why) => {
                        followed.remove(&container);
                        if !is_heard(container, Listens::NotLooked(why)) {
                            return;
                        }
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        for (container, one) in &mut followed {
            let Some(listens) = one.news() else { continue };
            if !is_heard(container.clone(), Listens::On(listens)) {
                return;
            }
        }
    }
}

impl Followed {
    /// The ports on which it listens now, if they are others than before.
    fn news(&mut self) -> Option<BTreeSet<ServedPort>> {
        let listens = match self.namespace.ports() {
            Ok(ports) => ports,
            Err(_) if self.namespace.has_ended() => BTreeSet::new(),
            Err(_) => return None,
        };
        if self.last.as_ref() == Some(&listens) {
            return None;
        }
        self.last = Some(listens.clone());
        Some(listens)
    }
}
