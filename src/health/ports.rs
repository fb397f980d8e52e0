//! The ports of a service: which of them answered before a change, and which have to answer after it.
//! Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::docker::reach::ContainerReach;
use crate::event::{ServedPort, ServiceName};
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
    pub(crate) answered: BTreeMap<ServedPort, PortAnswer>,
    /// On whatever ports it listened.
    pub(crate) listened: BTreeSet<ServedPort>,
    /// Nobody could look at some of its containers, and why.
    pub(crate) not_looked: Option<String>,
    /// Where this machine reaches its published ports; of a container that is started, from then on.
    pub(crate) published: BTreeMap<ServedPort, SocketAddr>,
    /// Its network namespace is that of other containers too.
    pub(crate) is_shared: bool,
    /// What is known of its ports is known by asking over HTTP alone.
    pub(crate) is_blind: bool,
    /// Ports of the container to which the change leads what is published and answered before.
    pub(crate) moved_to: BTreeSet<ServedPort>,
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
    pub(crate) listens: BTreeSet<ServedPort>,
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
        let mut meant: Option<BTreeSet<ServedPort>> = None;
        for one in &own {
            let owner = owner(one).map(|owner| &owner.reach);
            let published = owner.into_iter().chain([&one.reach]);
            let published: Vec<(ServedPort, SocketAddr)> = published
                .flat_map(|reach| reach.published.clone())
                .collect();
            let exposed = one.reach.exposed.iter().copied();
            let named: BTreeSet<ServedPort> = exposed
                .chain(published.iter().map(|(port, _)| *port))
                .collect();
            before.published.extend(published);
            before.is_shared |= side.shares_network(one);
            match &one.reach.listens {
                Listens::On(ports) => {
                    let both: BTreeSet<ServedPort> = named.intersection(ports).copied().collect();
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
    pub(crate) fn asked(&self) -> Option<(ServedPort, u16)> {
        let mut answered = self.answered.iter();
        answered.find_map(|(port, one)| Some((*port, one.status.filter(|_| one.is_published)?)))
    }

    /// The published ports that are worth a question over HTTP: those on which somebody listens, or may.
    pub(crate) fn worth_asking(&self) -> Vec<(ServedPort, SocketAddr)> {
        let published = self.published.iter().map(|(port, at)| (*port, *at));
        let is_open =
            |port: &ServedPort| self.answered.contains_key(port) || self.not_looked.is_some();
        let speaks_otherwise =
            |port: &ServedPort| port.is_udp || SPEAK_OTHERWISE.contains(&port.number);
        let worth = published.filter(|(port, _)| is_open(port) && !speaks_otherwise(port));
        worth.collect()
    }

    /// Takes in what a port answered over HTTP.
    pub(crate) fn spoke_http(&mut self, port: ServedPort, status: u16) {
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
        self.leads_elsewhere(&reach.published);
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

    /// Who asked a published port goes on to ask there, wherever in the container it leads now.
    fn leads_elsewhere(&mut self, published: &BTreeMap<ServedPort, SocketAddr>) {
        for (port, at) in published {
            let was = self.published.iter().find_map(|(was, known)| {
                let is_it = was.is_udp == port.is_udp && known.port() == at.port();
                self.answered.get(was).filter(|_| is_it && was != port)
            });
            if let Some(was) = was.copied()
                && !self.answered.contains_key(port)
            {
                self.answered.insert(*port, was);
                self.moved_to.insert(*port);
            }
        }
    }

    /// The ports of UDP that are to be looked at in a container that is reached so.
    pub(crate) fn udp<'a>(&'a self, reach: Option<&'a ContainerReach>) -> BTreeSet<u16> {
        let own = self.answered.keys().chain(self.published.keys());
        let own = own.filter(|port| port.is_udp).map(|port| port.number);
        let named = reach.into_iter().flat_map(ContainerReach::udp);
        own.chain(named).collect()
    }

    /// What a container has to listen on again that is reached so: a port that the definition no longer
    /// names is not missed.
    pub(crate) fn wanted(&self, reach: &ContainerReach) -> PortsWanted {
        let is_named = |port: ServedPort| {
            // Who lives in another container's network exposes what that one publishes.
            reach.exposed.contains(&port) || reach.network_of.is_some()
        };
        let named = self.answered.iter().filter(|(port, _)| is_named(**port));
        let (published, exposed): (Vec<_>, Vec<_>) = named.partition(|(_, one)| one.is_published);
        let ports =
            |all: Vec<(&ServedPort, &PortAnswer)>| all.into_iter().map(|(port, _)| *port).collect();
        PortsWanted {
            published: ports(published),
            exposed: ports(exposed),
            before: self.listened.clone(),
            known_as: self
                .published
                .iter()
                .map(|(port, at)| (*port, port.with_number(at.port())))
                .collect(),
            astray: self.moved_to.clone(),
        }
    }
}

/// The ports on which a container has to listen again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PortsWanted {
    pub(crate) published: BTreeSet<ServedPort>,
    /// Exposed to other containers alone.
    pub(crate) exposed: BTreeSet<ServedPort>,
    /// On whatever ports it listened before.
    pub(crate) before: BTreeSet<ServedPort>,
    /// Ports as people know them, where that is otherwise.
    pub(crate) known_as: BTreeMap<ServedPort, ServedPort>,
    /// Those of the container to which a published port leads only since the change.
    pub(crate) astray: BTreeSet<ServedPort>,
}

impl PortsWanted {
    /// Ports as people know them.
    pub(crate) fn shown(&self, ports: impl IntoIterator<Item = ServedPort>) -> Vec<ServedPort> {
        let shown = ports.into_iter();
        let shown = shown.map(|port| self.known_as.get(&port).copied().unwrap_or(port));
        let shown: BTreeSet<ServedPort> = shown.collect();
        shown.into_iter().collect()
    }

    /// `port 80`, `ports 80 and 443`; nothing of none.
    pub(crate) fn told(&self, ports: impl IntoIterator<Item = ServedPort>) -> String {
        let ports = self.shown(ports);
        match ports.as_slice() {
            [] => String::new(),
            [one] => format!("port {one}"),
            [some @ .., last] => {
                let some: Vec<String> = some.iter().map(ServedPort::to_string).collect();
                format!("ports {} and {last}", some.join(", "))
            }
        }
    }

    /// None.
    pub(crate) fn is_empty(&self) -> bool {
        self.published.is_empty() && self.exposed.is_empty()
    }

    /// Those that are still missing. A port that is only exposed may have moved: a setting of the
    /// application decides on it, which no definition tells. Whether one of UDP has is not to be seen.
    pub(crate) fn missing(&self, listens: &BTreeSet<ServedPort>) -> BTreeSet<ServedPort> {
        let mut missing: BTreeSet<ServedPort> =
            self.published.difference(listens).copied().collect();
        let is_tcp = |port: &&ServedPort| !port.is_udp;
        let mut of_tcp = listens.iter().filter(is_tcp);
        if of_tcp.all(|port| self.before.contains(port)) {
            missing.extend(self.exposed.difference(listens).filter(is_tcp));
        }
        missing
    }

    /// What is said of those that are no longer missed though nobody listens on them.
    pub(crate) fn told_moved(
        &self,
        moved: impl IntoIterator<Item = ServedPort>,
        listens: &BTreeSet<ServedPort>,
    ) -> String {
        let elsewhere = match self.told(listens.difference(&self.before).copied()) {
            none if none.is_empty() => none,
            ports => format!(", but on {ports}"),
        };
        format!(
            "does not listen on {} any more{elsewhere}",
            self.told(moved)
        )
    }

    /// Where those of these lead that are published and lead elsewhere since the change.
    pub(crate) fn told_astray(
        &self,
        missing: &BTreeSet<ServedPort>,
        listens: &BTreeSet<ServedPort>,
    ) -> Option<String> {
        let port = self.astray.intersection(missing).next()?;
        Some(leads_nowhere(*self.known_as.get(port)?, *port, listens))
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = ServedPort> {
        self.published.iter().chain(&self.exposed).copied()
    }
}

/// `published 8080 leads to port 81 of the container, on which nothing listens; it listens on 80`.
fn leads_nowhere(known: ServedPort, port: ServedPort, listens: &BTreeSet<ServedPort>) -> String {
    let listens: Vec<String> = listens.iter().map(ServedPort::to_string).collect();
    let listens = match listens.is_empty() {
        true => "it listens on no port".to_owned(),
        false => format!("it listens on {}", listens.join(", ")),
    };
    format!(
        "published {known} leads to port {port} of the container, on which nothing listens; {listens}"
    )
}

/// What a container's ports tell once it is well: published ports that lead nowhere, where they did not so
/// before, and that nobody looked. `ran`: the service did before.
pub(crate) fn unserved(before: &PortsBefore, ran: bool, reach: &ContainerReach) -> Vec<String> {
    match &reach.listens {
        Listens::On(listens) => {
            let was = |port: &ServedPort| before.published.contains_key(port);
            let published = reach.published.iter();
            let new = published.filter(|(port, _)| !listens.contains(port) && !was(port));
            // One that was only just started may yet begin to listen.
            let new = new.filter(|_| ran || !listens.is_empty());
            new.map(|(port, at)| leads_nowhere(port.with_number(at.port()), *port, listens))
                .collect()
        }
        Listens::NotLooked(_) if reach.exposed.is_empty() && reach.published.is_empty() => {
            Vec::new()
        }
        // Of a service that ran before it is said with its verdict.
        Listens::NotLooked(_) if ran => Vec::new(),
        Listens::NotLooked(why) => vec![format!("its ports were not looked at: {why}")],
    }
}

#[cfg(test)]
mod tests;
