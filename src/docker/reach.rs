//! How a container is reached: the ports that it is meant to serve, and where the engine has put them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use bollard::models;
use serde::{Deserialize, Serialize};

use crate::event::ServedPort;
use crate::host::sockets::{Listens, Namespace};

/// How a container is reached at one moment. No part of a comparison: the engine chooses much of it anew
/// at each start.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerReach {
    /// Its first process on the engine's host; 0 where it does not run.
    pub pid: i64,
    /// Ports that its image or its definition names, published ones among them.
    pub exposed: BTreeSet<ServedPort>,
    /// Where published ports are on the engine's host.
    pub published: BTreeMap<ServedPort, SocketAddr>,
    /// The container whose network it lives in, or `host`.
    pub network_of: Option<String>,
    /// On which ports it listens.
    pub listens: Listens,
}

impl ContainerReach {
    /// Reads the engine's answer to an inspect; whether it listens is not in there.
    pub(super) fn of(found: &models::ContainerInspectResponse) -> Self {
        let config = found.config.as_ref();
        let exposed = config.and_then(|config| config.exposed_ports.as_ref());
        let exposed = exposed.into_iter().flatten();
        let ports = found.network_settings.as_ref();
        let ports = ports.and_then(|network| network.ports.as_ref());
        let published = ports.into_iter().flatten().filter_map(|(target, bound)| {
            let bound = bound.iter().flatten().filter_map(address);
            // One port is there twice, for IPv4 and IPv6.
            Some((
                ServedPort::read(target)?,
                bound.min_by_key(SocketAddr::is_ipv6)?,
            ))
        });
        let mode = found.host_config.as_ref();
        let mode = mode.and_then(|host| host.network_mode.as_deref());
        let network_of = mode.and_then(|mode| match mode.split_once(':') {
            Some(("container", id)) => Some(id.to_owned()),
            _ => (mode == "host").then(|| mode.to_owned()),
        });
        let pid = found.state.as_ref().and_then(|state| state.pid);
        Self {
            pid: pid.unwrap_or_default(),
            exposed: exposed.filter_map(|port| ServedPort::read(port)).collect(),
            published: published.collect(),
            network_of,
            listens: Listens::default(),
        }
    }

    /// The ports of UDP that are named.
    pub(crate) fn udp(&self) -> impl Iterator<Item = u16> {
        let named = self.exposed.iter().chain(self.published.keys());
        named.filter(|port| port.is_udp).map(|port| port.number)
    }

    /// Those of these ports, as people know them, that are its own: each replica has others.
    pub(crate) fn known_among(&self, ports: &[ServedPort]) -> Vec<ServedPort> {
        let known = |port: &ServedPort| {
            let at = self.published.get(port);
            at.map_or(*port, |at| port.with_number(at.port()))
        };
        let own: BTreeSet<ServedPort> = self.exposed.iter().map(known).collect();
        let is_own = |port: &&ServedPort| self.network_of.is_some() || own.contains(port);
        ports.iter().filter(is_own).copied().collect()
    }

    /// Looks on which ports it listens, of UDP on these, on an engine whose processes are this machine's.
    pub(crate) fn look(&mut self, id: &str, is_shared: bool, udp: BTreeSet<u16>) {
        if self.pid == 0 {
            return;
        }
        let is_shared = is_shared || self.network_of.is_some();
        let namespace = Namespace::of_container(id, self.pid, is_shared);
        let ports = namespace.and_then(|namespace| namespace.with_udp(udp).ports());
        self.listens = match ports {
            Ok(ports) => Listens::On(ports),
            Err(why) => Listens::NotLooked(why),
        };
    }
}

/// Where this machine reaches a published port: all addresses are its own as well.
fn address(binding: &models::PortBinding) -> Option<SocketAddr> {
    let port = binding.host_port.as_ref()?.parse().ok()?;
    let ip = match binding.host_ip.as_deref() {
        None | Some("" | "0.0.0.0" | "::") => IpAddr::from([127, 0, 0, 1]),
        Some(ip) => ip.parse().ok()?,
    };
    Some(SocketAddr::new(ip, port))
}
