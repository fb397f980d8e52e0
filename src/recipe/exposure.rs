//! Who can reach the application: the addresses on which it, or what stands in front of it, is
//! published. Pure.

use serde_json::Value;

use crate::event::ServiceName;
use crate::profile::recognise::image_name;
use crate::stack::address::is_open;
use crate::stack::model::{Model, Service};

/// Images that hand requests on.
const PROXIES: [&str; 11] = [
    "nginx",
    "nginx-proxy",
    "nginx-proxy-manager",
    "httpd",
    "caddy",
    "traefik",
    "haproxy",
    "envoy",
    "swag",
    "openresty",
    "apisix",
];
/// Images that make what is behind them reachable without a published port.
const TUNNELS: [&str; 4] = ["cloudflared", "ngrok", "frpc", "tailscale"];

/// A way from outside to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The service that is reached.
    pub service: ServiceName,
    /// Number of the entry in its `ports`; none where it is no port.
    pub index: Option<usize>,
    /// In words: `0.0.0.0:3080`.
    pub text: String,
}

/// Every way by which others than this host can reach the application.
pub fn public(model: &Model, application: &ServiceName) -> Vec<Binding> {
    let mut found = Vec::new();
    for (name, service) in &model.services {
        let image = service.image.as_deref().map(image_name).unwrap_or_default();
        let in_front = service.depends_on.contains_key(application)
            || PROXIES.contains(&image)
            || TUNNELS.contains(&image);
        if name != application && !in_front {
            continue;
        }
        if TUNNELS.contains(&image) {
            found.push(Binding {
                service: name.clone(),
                index: None,
                text: format!("{image} is a tunnel"),
            });
        }
        if service.text("network_mode").as_deref() == Some("host") {
            found.push(Binding {
                service: name.clone(),
                index: None,
                text: "on the host's own network".to_owned(),
            });
        }
        found.extend(ports_of(name, service));
    }
    found
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
            let ip = if ip.is_empty() { "0.0.0.0" } else { ip };
            Some(Binding {
                service: name.clone(),
                index: Some(index),
                text: format!("{ip}:{} → {}", text("published"), text("target")),
            })
        })
        .collect()
}

/// An entry of `ports` in its short form, bound to an address.
pub fn bound(short: &str, ip: &str) -> String {
    let parts = parts_of(short);
    match parts.as_slice() {
        [_, host, container] => format!("{ip}:{host}:{container}"),
        [host, container] => format!("{ip}:{host}:{container}"),
        _ => format!("{ip}::{short}"),
    }
}

/// The parts between colons; those inside of `${…}` and of an IPv6 address in brackets separate
/// nothing.
fn parts_of(short: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (at, c) in short.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => {
                parts.push(&short[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&short[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
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
            .map(|b| format!("{} {}", b.service, b.text))
            .collect();
        assert_eq!(
            told,
            ["edge 0.0.0.0:80 → 80", "tunnel cloudflared is a tunnel"]
        );
    }

    #[test]
    fn ports_are_bound_whatever_their_form() {
        for (short, wanted) in [
            ("3080:3080", "127.0.0.1:3080:3080"),
            ("${PORT:-3080}:3080", "127.0.0.1:${PORT:-3080}:3080"),
            ("0.0.0.0:80:80/tcp", "127.0.0.1:80:80/tcp"),
            ("[::]:80:80", "127.0.0.1:80:80"),
            ("3080", "127.0.0.1::3080"),
        ] {
            assert_eq!(bound(short, "127.0.0.1"), wanted);
        }
    }
}
