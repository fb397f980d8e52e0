//! Who can reach the application: the addresses on which it, or what stands in front of it, is
//! published. Pure.

pub(crate) mod external_proxies;
pub(crate) mod guards;
pub(crate) mod ports;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::event::ServiceName;
use crate::profile::image::image_name;
use crate::stack::address::is_open;
use crate::stack::model::{Model, Service};

/// Images that hand requests on; so does every other one with one of `IN_PROXIES` in its name.
const PROXIES: [&str; 11] = [
    "httpd",
    "envoy",
    "swag",
    "openresty",
    "apisix",
    "kong",
    "angie",
    "varnish",
    "zoraxy",
    "pomerium",
    "bunkerweb",
];
const IN_PROXIES: [&str; 4] = ["proxy", "nginx", "caddy", "traefik"];
/// Images that make what is behind them reachable without a published port.
pub(super) const TUNNELS: [&str; 8] = [
    "cloudflared",
    "ngrok",
    "frpc",
    "tailscale",
    "newt",
    "zrok",
    "rathole",
    "bore",
];

/// A way from outside to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Who is reached: a service of the stack, or the container of another one.
    pub who: String,
    /// The service and the number of the entry in its `ports`, where the stack's files can close it.
    pub port: Option<(ServiceName, usize)>,
    /// In words: `0.0.0.0:3080`.
    pub text: String,
}

/// Every way by which others than this host can reach the application through services of its stack.
pub(crate) fn public(model: &Model, application: &ServiceName) -> Vec<Binding> {
    let mut found = Vec::new();
    for name in in_front(model, application) {
        let Some(service) = model.services.get(&name) else {
            continue;
        };
        let image = image_of(service);
        if TUNNELS.contains(&image) {
            found.push(closed_by_nobody(
                name.as_str(),
                &format!("{image} is a tunnel"),
            ));
        }
        if service.text("network_mode").as_deref() == Some("host") {
            found.push(closed_by_nobody(name.as_str(), "on the host's own network"));
        }
        found.extend(ports_of(&name, service));
    }
    found
}

/// The application, what lends it its network, and what hands requests on to it, also over others.
pub(crate) fn in_front(model: &Model, application: &ServiceName) -> BTreeSet<ServiceName> {
    let hands_on = |service: &Service| {
        let image = image_of(service);
        is_proxy(image) || TUNNELS.contains(&image)
    };
    let mut front = BTreeSet::new();
    let mut behind = vec![application.clone(), model.network_host(application).clone()];
    while let Some(one) = behind.pop() {
        let called = names_of(model, &one);
        for (name, service) in &model.services {
            let speaks = called.iter().any(|called| speaks_to(service, called));
            let knows = *name != one && (service.depends_on.contains_key(&one) || speaks);
            if knows && front.insert(name.clone()) {
                behind.push(name.clone());
            }
        }
        front.insert(one);
    }
    let others = model.services.iter();
    let others = others.filter(|(_, service)| hands_on(service));
    front.extend(others.map(|(name, _)| name.clone()));
    front
}

/// The addresses that a service is published on; empty for all of them.
pub(crate) fn addresses(service: &Service) -> impl Iterator<Item = &str> {
    let ports = service.raw.get("ports").and_then(Value::as_array);
    ports.into_iter().flatten().map(|port| {
        port.get("host_ip")
            .and_then(Value::as_str)
            .unwrap_or_default()
    })
}

pub(super) fn image_of(service: &Service) -> &str {
    service.image.as_deref().map(image_name).unwrap_or_default()
}

pub(super) fn closed_by_nobody(who: &str, text: &str) -> Binding {
    Binding {
        who: who.to_owned(),
        port: None,
        text: text.to_owned(),
    }
}

pub(super) fn is_proxy(image: &str) -> bool {
    PROXIES.contains(&image) || IN_PROXIES.iter().any(|part| image.contains(part))
}

/// Under which names others find the application.
fn names_of(model: &Model, application: &ServiceName) -> Vec<String> {
    let host = model.network_host(application);
    let mut names = vec![application.to_string(), host.to_string()];
    let own = model.services.get(host);
    names.extend(own.and_then(|own| own.text("container_name")));
    names
}

/// Whether a service is told the address of this host: `http://web`, `web:3080`.
fn speaks_to(service: &Service, host: &str) -> bool {
    let told = ["environment", "command", "entrypoint", "labels"];
    let told = told.iter().filter_map(|key| service.raw.get(*key));
    told.flat_map(texts_of).any(|text| names_host(text, host))
}

fn texts_of(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts_of).collect(),
        Value::Object(map) => map.values().flat_map(texts_of).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn names_host(text: &str, host: &str) -> bool {
    let in_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    text.match_indices(host).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + host.len()..]);
        let ends = !after.starts_with(in_name);
        let has_port = after
            .strip_prefix(':')
            .is_some_and(|port| port.starts_with(|c: char| c.is_ascii_digit()));
        !before.ends_with(in_name) && ends && (has_port || before.ends_with("//"))
    })
}

pub(super) fn any(ip: &str) -> String {
    match ip {
        "" => "0.0.0.0".to_owned(),
        ip if ip.contains(':') && !ip.starts_with('[') => format!("[{ip}]"),
        ip => ip.to_owned(),
    }
}

fn ports_of(name: &ServiceName, service: &Service) -> Vec<Binding> {
    let ports = service.raw.get("ports").and_then(Value::as_array);
    let ports = ports.into_iter().flatten().enumerate();
    ports
        .filter_map(|(index, port)| {
            let ip = port
                .get("host_ip")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !is_open(ip) {
                return None;
            }
            let text = |key: &str| match port.get(key) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => "any port".to_owned(),
            };
            let (published, target) = (text("published"), text("target"));
            Some(Binding {
                who: name.to_string(),
                port: Some((name.clone(), index)),
                text: format!("{}:{published} → {target}", any(ip)),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::container::PublishedPort;
    use crate::docker::running::Neighbour;
    use crate::recipe::exposure::external_proxies::by_neighbours;
    use serde_json::json;

    #[test]
    fn what_is_in_front_counts() {
        let model = Model::of_json(json!({"services": {
            "web": {"ports": [{"host_ip": "127.0.0.1", "published": "3080", "target": 3080}]},
            "edge": {"image": "nginx:1.27", "ports": [{"published": "80", "target": 80}]},
            "tunnel": {"image": "cloudflare/cloudflared:latest"},
            "mail": {"image": "mailpit", "ports": [{"published": "8025", "target": 8025}]},
        }}));
        let found = public(&model, &"web".into());
        let told: Vec<String> = found
            .iter()
            .map(|b| format!("{} {}", b.who, b.text))
            .collect();
        assert_eq!(
            told,
            ["edge 0.0.0.0:80 → 80", "tunnel cloudflared is a tunnel"]
        );
    }

    #[test]
    fn what_is_told_the_address_or_shares_its_network_is_in_front() {
        let model = Model::of_json(json!({"name": "chat", "services": {
            "vpn": {"ports": [{"published": "3080", "target": 3080}], "networks": {"front": null}},
            "web": {"network_mode": "service:vpn"},
            "gate": {"environment": {"UPSTREAM": "http://vpn:3080"}, "ports": [{"published": "80", "target": 80}]},
            "mail": {"environment": {"A": "vpn.example.org", "B": "https://devpn:1", "C": "vpn"},
                "ports": [{"published": "8025", "target": 8025}]},
        }, "networks": {"front": {"name": "proxy", "external": true}}}));
        let web = ServiceName::from("web");
        let told = |found: Vec<Binding>| -> Vec<String> {
            found
                .iter()
                .map(|b| format!("{} {}", b.who, b.text))
                .collect()
        };
        assert_eq!(
            told(public(&model, &web)),
            ["gate 0.0.0.0:80 → 80", "vpn 0.0.0.0:3080 → 3080"]
        );
        let other = |name: &str, image: &str, network: &str, ip: &str| Neighbour {
            name: name.into(),
            image: image.into(),
            networks: [network.to_owned()].into(),
            ports: vec![PublishedPort {
                ip: ip.into(),
                port: 443,
                target: 443,
                protocol: "tcp".into(),
            }],
            ..Neighbour::default()
        };
        let running = [
            other("edge", "traefik:v3", "proxy", "0.0.0.0"),
            other("inner", "jc21/nginx-proxy-manager", "proxy", "127.0.0.1"),
            other("far", "caddy:2", "elsewhere", "0.0.0.0"),
            other("blog", "ghost:5", "proxy", "0.0.0.0"),
            other("way", "cloudflare/cloudflared", "proxy", "127.0.0.1"),
            Neighbour {
                project: Some("chat".into()),
                ..other("own", "nginx", "proxy", "")
            },
        ];
        assert_eq!(
            told(by_neighbours(&model, &web, &running)),
            [
                "edge (traefik) 0.0.0.0:443",
                "way (cloudflared) is a tunnel"
            ]
        );
    }

    #[test]
    fn what_hands_on_to_what_hands_on_is_in_front() {
        let model = Model::of_json(json!({"services": {
            "web": {},
            "login": {"depends_on": {"web": {"condition": "service_started"}}},
            "door": {"environment": {"TO": "http://login:80"}, "ports": [{"host_ip": "::", "published": "80", "target": 80}]},
            "mail": {"ports": [{"published": "25", "target": 25}]},
        }}));
        let found = public(&model, &"web".into());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].who.as_str(), found[0].text.as_str()),
            ("door", "[::]:80 → 80")
        );
    }
}
