//! Addresses of published ports: whom they let in, and where this host finds a service. Pure.

use std::net::IpAddr;

use super::model::Service;
use crate::docker::container::Container;

/// Whether others than this host and its private networks can reach an address. Empty: all of them.
pub(crate) fn is_open(ip: &str) -> bool {
    let plain = ip.trim_start_matches('[').trim_end_matches(']');
    match plain.parse() {
        Ok(IpAddr::V4(ip)) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        Ok(IpAddr::V6(ip)) => {
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local())
        }
        Err(_) => true,
    }
}

/// Where this host reaches a service over http, on its own port inside the container where that is
/// known; `None`: it publishes none that can be meant.
pub(crate) fn on_this_host(service: &Service, own: Option<u16>) -> Option<String> {
    let ports = service.ports.iter();
    let tcp = ports.filter(|port| port.protocol == "tcp");
    let port = meant(tcp.map(|port| (port.target, port)).collect(), own)?;
    Some(base(&port.ip, port.published))
}

/// The same of a container that runs: the engine gave it the port where the definition names a range or
/// none.
pub(crate) fn of_container(container: &Container, own: Option<u16>) -> Option<String> {
    let ports = container.ports.iter();
    let tcp = ports.filter(|port| port.protocol == "tcp");
    // One port is there twice, for IPv4 and IPv6.
    let mut tcp: Vec<_> = tcp.map(|port| (port.target, port)).collect();
    tcp.sort_by_key(|(target, port)| (*target, port.ip.contains(':')));
    tcp.dedup_by_key(|(target, _)| *target);
    let port = meant(tcp, own)?;
    Some(base(&port.ip, port.port))
}

/// The port that is an application's own, else the only one: an application whose port is a setting may
/// listen on another one than it does by default.
fn meant<P: Copy>(ports: Vec<(u16, P)>, own: Option<u16>) -> Option<P> {
    let known = ports
        .iter()
        .find(|(target, _)| own.is_none_or(|own| own == *target));
    match (known, ports.as_slice()) {
        (Some((_, port)), _) | (None, [(_, port)]) => Some(*port),
        (None, _) => None,
    }
}

fn base(ip: &str, port: u16) -> String {
    let host = match ip {
        "" | "0.0.0.0" | "::" => "127.0.0.1".to_owned(),
        ip if ip.contains(':') => format!("[{ip}]"),
        ip => ip.to_owned(),
    };
    format!("http://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::model::Model;

    #[test]
    fn loopback_and_private_addresses_are_closed() {
        for closed in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.5",
            "172.16.0.1",
            "::1",
            "[::1]",
            "fd00::1",
        ] {
            assert!(!is_open(closed), "{closed}");
        }
        for open in ["", "0.0.0.0", "::", "8.8.8.8", "2001:db8::1", "what"] {
            assert!(is_open(open), "{open}");
        }
    }

    #[test]
    fn a_service_is_found_on_its_own_port_or_on_the_only_one() {
        let model = Model::of_json(json!({"services": {
            "two": {"ports": [
                {"published": "53", "target": 53, "protocol": "udp"},
                {"published": "9000", "target": 9000},
                {"host_ip": "::1", "published": "80", "target": 3080},
            ]},
            "moved": {"ports": [{"published": "8080", "target": 8080}]},
            "none": {},
        }}));
        let on = |name: &str| on_this_host(&model.services[&name.into()], Some(3080));
        assert_eq!(on("two").as_deref(), Some("http://[::1]:80"));
        assert_eq!(on("moved").as_deref(), Some("http://127.0.0.1:8080"));
        assert_eq!(on("none"), None);
    }
}
