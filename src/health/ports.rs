//! The ports of a service: which of them answered before a change, and which have to answer after it.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::docker::reach::ContainerReach;
use crate::event::ServiceName;
use crate::host::sockets::Listens;
use crate::stack::snapshot::{EngineSide, Replica};

/// What was seen of a service's ports before it was touched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PortsBefore {
    /// Its containers that ran, each with its first process.
    #[serde(skip)]
    pub(crate) containers: Vec<Seen>,
    /// Those that it publishes or exposes and on which each of its containers listened.
    pub(crate) answered: BTreeMap<u16, PortAnswer>,
    /// On whatever ports it listened.
    pub(crate) listened: BTreeSet<u16>,
    /// Nobody could look at some of its containers, and why.
    pub(crate) not_looked: Option<String>,
    /// Where this machine reaches its published ports; of a container that is started, from then on.
    pub(crate) published: BTreeMap<u16, SocketAddr>,
    /// Its network namespace is that of other containers too.
    pub(crate) is_shared: bool,
    /// What is known of its ports is known by asking over HTTP alone.
    pub(crate) is_blind: bool,
}

/// Ports of servers that speak another protocol, and make a fuss of a stranger.
const SPEAK_OTHERWISE: [u16; 14] = [
    22, 25, 53, 465, 587, 993, 1883, 3306, 5432, 5672, 6379, 9092, 11211, 27017,
];

/// A container as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) pid: i64,
    pub(crate) listens: BTreeSet<u16>,
}

/// A port that answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PortAnswer {
    /// It is published, and not only exposed to other containers.
    pub(crate) is_published: bool,
    /// The status that it answered over HTTP.
    pub(crate) status: Option<u16>,
}

impl PortsBefore {
    /// Those of a service as the engine and the kernel had them.
    pub(crate) fn of(side: &EngineSide, service: &ServiceName) -> Self {
        let own = side.of_service(service);
        let own = own.into_iter().filter(|one| one.reach.pid > 0);
        let own: Vec<&Replica> = own.filter(|one| one.state.is_up()).collect();
        let owner = |one: &Replica| side.container(one.reach.network_of.as_deref()?);
        let mut before = Self::default();
        let mut meant: Option<BTreeSet<u16>> = None;
        for one in &own {
            let owner = owner(one).map(|owner| &owner.reach);
            let published = owner.into_iter().chain([&one.reach]);
            let published: Vec<(u16, SocketAddr)> = published
                .flat_map(|reach| reach.published.clone())
                .collect();
            let exposed = one.reach.exposed.iter().copied();
            let named: BTreeSet<u16> = exposed
                .chain(published.iter().map(|(port, _)| *port))
                .collect();
            before.published.extend(published);
            before.is_shared |= side.shares_network(one);
            match &one.reach.listens {
                Listens::On(ports) => {
                    let both: BTreeSet<u16> = named.intersection(ports).copied().collect();
                    meant = Some(match meant {
                        Some(earlier) => earlier.intersection(&both).copied().collect(),
                        None => both,
                    });
                    before.listened.extend(ports);
                    before.containers.push(Seen {
                        id: one.id.clone(),
                        pid: one.reach.pid,
                        listens: ports.clone(),
                    });
                }
                Listens::NotLooked(_) if named.is_empty() => {}
                Listens::NotLooked(why) => before.not_looked = Some(why.clone()),
            }
        }
        let answered = meant.unwrap_or_default().into_iter().map(|port| {
            let is_published = before.published.contains_key(&port);
            (
                port,
                PortAnswer {
                    is_published,
                    status: None,
                },
            )
        });
        before.answered = answered.collect();
        before
    }

    /// The port that is asked over HTTP, and what it answered before.
    pub(crate) fn asked(&self) -> Option<(u16, u16)> {
        let mut answered = self.answered.iter();
        answered.find_map(|(port, one)| Some((*port, one.status?)))
    }

    /// The published ports that are worth a question over HTTP: those on which somebody listens, or may.
    pub(crate) fn worth_asking(&self) -> Vec<(u16, SocketAddr)> {
        let published = self.published.iter().map(|(port, at)| (*port, *at));
        let is_open = |port: &u16| self.answered.contains_key(port) || self.not_looked.is_some();
        let speaks_otherwise = |port: &u16| SPEAK_OTHERWISE.contains(port);
        let worth = published.filter(|(port, _)| is_open(port) && !speaks_otherwise(port));
        worth.collect()
    }

    /// Takes in what a port answered over HTTP.
    pub(crate) fn spoke_http(&mut self, port: u16, status: u16) {
        let seen = self.answered.contains_key(&port);
        // Where nobody can see the sockets, one port stands for all: each is asked all along.
        if !seen && (self.not_looked.is_none() || !self.answered.is_empty()) {
            return;
        }
        self.is_blind |= !seen;
        let answered = PortAnswer {
            is_published: true,
            status: Some(status),
        };
        self.answered.insert(port, answered);
    }

    /// The same ports, in the containers that are there now.
    pub(crate) fn in_containers_of(&self, side: &EngineSide, service: &ServiceName) -> Self {
        let now = Self::of(side, service);
        Self {
            containers: now.containers,
            ..self.clone()
        }
    }

    /// Where its ports are from now on: a change may move them, and the engine picks others at each start.
    pub(crate) fn is_published_at(&mut self, reach: &ContainerReach) {
        // Who lives in another container's network is reached as that one is.
        if reach.network_of.is_some() {
            return;
        }
        self.published.clone_from(&reach.published);
        // What can only be asked is not known where it is published no more.
        if self.is_blind {
            self.answered
                .retain(|port, _| reach.published.contains_key(port));
        }
        for (port, answer) in &mut self.answered {
            answer.is_published = reach.published.contains_key(port);
        }
    }

    /// What a container has to listen on again that is reached so: a port that the definition no longer
    /// names is not missed.
    pub(crate) fn wanted(&self, reach: &ContainerReach) -> PortsWanted {
        let is_named = |port: u16| {
            // Who lives in another container's network exposes what that one publishes.
            reach.exposed.contains(&port) || reach.network_of.is_some()
        };
        let named = self.answered.iter().filter(|(port, _)| is_named(**port));
        let (published, exposed): (Vec<_>, Vec<_>) = named.partition(|(_, one)| one.is_published);
        let ports =
            |all: Vec<(&u16, &PortAnswer)>| all.into_iter().map(|(port, _)| *port).collect();
        PortsWanted {
            published: ports(published),
            exposed: ports(exposed),
            before: self.listened.clone(),
            known_as: self
                .published
                .iter()
                .map(|(port, at)| (*port, at.port()))
                .collect(),
        }
    }
}

/// The ports on which a container has to listen again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PortsWanted {
    pub(crate) published: BTreeSet<u16>,
    /// Exposed to other containers alone.
    pub(crate) exposed: BTreeSet<u16>,
    /// On whatever ports it listened before.
    pub(crate) before: BTreeSet<u16>,
    /// Ports as people know them, where that is otherwise.
    pub(crate) known_as: BTreeMap<u16, u16>,
}

impl PortsWanted {
    /// Ports as people know them.
    pub(crate) fn shown(&self, ports: impl IntoIterator<Item = u16>) -> Vec<u16> {
        let shown = ports.into_iter();
        let shown = shown.map(|port| self.known_as.get(&port).copied().unwrap_or(port));
        let shown: BTreeSet<u16> = shown.collect();
        shown.into_iter().collect()
    }

    /// `port 80`, `ports 80 and 443`; nothing of none.
    pub(crate) fn told(&self, ports: impl IntoIterator<Item = u16>) -> String {
        let ports = self.shown(ports);
        match ports.as_slice() {
            [] => String::new(),
            [one] => format!("port {one}"),
            [some @ .., last] => {
                let some: Vec<String> = some.iter().map(u16::to_string).collect();
                format!("ports {} and {last}", some.join(", "))
            }
        }
    }

    /// None.
    pub(crate) fn is_empty(&self) -> bool {
        self.published.is_empty() && self.exposed.is_empty()
    }

    /// Those that are still missing. A port that is only exposed may have moved: a setting of the
    /// application decides on it, which no definition tells.
    pub(crate) fn missing(&self, listens: &BTreeSet<u16>) -> BTreeSet<u16> {
        let mut missing: BTreeSet<u16> = self.published.difference(listens).copied().collect();
        if listens.is_subset(&self.before) {
            missing.extend(self.exposed.difference(listens));
        }
        missing
    }

    /// What is said of those that are no longer missed though nobody listens on them.
    pub(crate) fn told_moved(
        &self,
        moved: impl IntoIterator<Item = u16>,
        listens: &BTreeSet<u16>,
    ) -> String {
        let elsewhere = self.told(listens.difference(&self.before).copied());
        format!(
            "does not listen on {} any more, but on {elsewhere}",
            self.told(moved)
        )
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = u16> {
        self.published.iter().chain(&self.exposed).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::snapshot::tests::{replica, side};

    fn listening(service: &str, id: &str, exposed: &[u16], listens: &[u16]) -> Replica {
        let mut one = replica(service, 1, id);
        one.reach = ContainerReach {
            pid: 7,
            exposed: exposed.iter().copied().collect(),
            published: BTreeMap::from([(80, "127.0.0.1:8080".parse().unwrap())]),
            network_of: None,
            listens: Listens::On(listens.iter().copied().collect()),
        };
        one
    }

    #[test]
    fn what_answered_and_what_has_to_answer_again() {
        let web = listening("web", "a", &[80, 90, 91], &[80, 90, 5]);
        let before = PortsBefore::of(&side(vec![web.clone()]), &"web".into());
        let answered: Vec<u16> = before.answered.keys().copied().collect();
        assert_eq!(answered, [80, 90]);
        let wanted = before.wanted(&web.reach);
        let missing = |listens: &[u16]| -> Vec<u16> {
            let listens = listens.iter().copied().collect();
            wanted.missing(&listens).into_iter().collect()
        };
        assert_eq!(wanted.told([80, 90]), "ports 90 and 8080");
        assert_eq!(missing(&[]), [80, 90]);
        assert_eq!(missing(&[80, 5]), [90]);
        // It listens elsewhere now, where the definition says nothing of it; a published one stays.
        assert_eq!(missing(&[91]), [80]);
        assert_eq!(missing(&[80, 90]), [0; 0]);
        let mut moved = web.reach;
        moved.exposed = BTreeSet::from([81]);
        assert!(before.wanted(&moved).is_empty());
    }

    #[test]
    fn a_port_answers_where_each_container_listens() {
        let (a, mut b) = (
            listening("web", "a", &[80, 90], &[80, 90]),
            listening("web", "b", &[80, 90], &[80]),
        );
        b.number = 2;
        let before = PortsBefore::of(&side(vec![a.clone(), b.clone()]), &"web".into());
        assert_eq!(before.answered.into_keys().collect::<Vec<_>>(), [80]);
        b.reach.listens = Listens::NotLooked("denied".to_owned());
        let before = PortsBefore::of(&side(vec![b]), &"web".into());
        assert_eq!(
            (before.answered.len(), before.not_looked.as_deref()),
            (0, Some("denied"))
        );
        let mut follower = listening("app", "f", &[], &[80]);
        follower.reach.published.clear();
        follower.reach.network_of = Some("a".to_owned());
        let before = PortsBefore::of(&side(vec![a, follower]), &"app".into());
        assert!(before.answered[&80].is_published && before.is_shared);
    }
}
