//! Ways to the application that its own stack does not show: containers of other stacks, proxies of the
//! machine itself, a proxy that is asked for and not seen. Pure.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::docker::container::PublishedPort;
use crate::docker::running::Neighbour;
use crate::event::ServiceName;
use crate::profile::image::image_name;
use crate::recipe::exposure::{Binding, TUNNELS, any, closed_by_nobody, image_of, is_proxy};
use crate::stack::address::is_open;
use crate::stack::model::{Model, Service};

/// Every way by which others can reach it through containers of other stacks that are in one of its
/// networks: a proxy for all that runs on a machine is a stack of its own more often than not.
pub(crate) fn by_neighbours(
    model: &Model,
    application: &ServiceName,
    running: &[Neighbour],
) -> Vec<Binding> {
    let networks = model.engine_networks_of(application);
    let mut found = Vec::new();
    for other in running
        .iter()
        .filter(|other| meets(other, model, &networks))
    {
        let (image, who) = (image_name(&other.image), &other.name);
        if TUNNELS.contains(&image) {
            found.push(closed_by_nobody(who, &format!("({image}) is a tunnel")));
        }
        if is_proxy(image) && other.networks.contains("host") {
            found.push(closed_by_nobody(
                who,
                &format!("({image}) on the host's own network"),
            ));
        }
        if is_proxy(image) {
            let open = other.ports.iter().filter(|port| is_open(&port.ip));
            let told = |port: &PublishedPort| format!("({image}) {}:{}", any(&port.ip), port.port);
            let mut told: Vec<String> = open.map(told).collect();
            told.sort();
            told.dedup();
            found.extend(told.iter().map(|text| closed_by_nobody(who, text)));
        }
    }
    found
}

/// A proxy that the application asks by labels or a variable to be reached through, where that proxy is
/// nowhere to be seen.
pub(crate) fn announced(
    model: &Model,
    application: &ServiceName,
    running: &[Neighbour],
) -> Option<Binding> {
    let service = model.services.get(application)?;
    let kind = announced_to(service)?;
    let networks = model.engine_networks_of(application);
    let mut own = model.services.values();
    let is_seen = own.any(|service| image_of(service).contains(kind))
        || running
            .iter()
            .any(|other| image_name(&other.image).contains(kind) && meets(other, model, &networks));
    let text = format!("asks {kind} to hand requests on to it, which is not seen from here");
    (!is_seen).then(|| closed_by_nobody(application.as_str(), &text))
}

/// The kind of proxy that a service's labels or environment are for.
fn announced_to(service: &Service) -> Option<&'static str> {
    let labels = service.raw.get("labels").and_then(Value::as_object);
    let says = |prefix: &str| {
        let mut keys = labels.into_iter().flat_map(Map::keys);
        keys.any(|key| key.starts_with(prefix))
    };
    let is_off = |key: &str| {
        let value = labels.and_then(|labels| labels.get(key)?.as_str());
        value.is_some_and(|value| value.eq_ignore_ascii_case("false"))
    };
    let traefik = [
        "traefik.enable",
        "traefik.http.routers.",
        "traefik.tcp.routers.",
    ];
    if traefik.into_iter().any(says) && !is_off("traefik.enable") {
        return Some("traefik");
    }
    let caddy = labels.is_some_and(|labels| labels.contains_key("caddy"));
    if caddy || says("caddy_") || says("caddy.") {
        return Some("caddy");
    }
    let host = service.environment.get("VIRTUAL_HOST").cloned().flatten();
    host.is_some_and(|host| !host.is_empty()).then_some("proxy")
}

/// Whether a container of another stack finds the application: in one of its networks, or from the
/// host's own.
fn meets(other: &Neighbour, model: &Model, networks: &[String]) -> bool {
    let shared = networks.iter().any(|name| other.networks.contains(name));
    other.project.as_deref() != Some(model.name.as_str())
        && (shared || other.networks.contains("host"))
}

/// The ports of this machine on which the application is published, whoever reaches them.
pub(crate) fn published(model: &Model, application: &ServiceName) -> BTreeSet<u16> {
    let own = model.services.get(model.network_host(application));
    let ports = own.into_iter().flat_map(|own| &own.ports);
    ports.map(|port| port.published).collect()
}

/// Every way through proxies and tunnels of this machine, by their settings.
pub(crate) fn by_fronts(
    fronts: impl Iterator<Item = (u16, Vec<(PathBuf, usize)>)>,
) -> Vec<Binding> {
    fronts
        .flat_map(|(port, found)| found.into_iter().map(move |place| (port, place)))
        .map(|(port, (file, line))| {
            let text = format!("line {line} hands requests on to port {port}");
            closed_by_nobody(&file.display().to_string(), &text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_asks_a_proxy_for_requests_is_behind_it() {
        let asks = |more: Value| {
            let model = Model::of_json(json!({"name": "chat", "services": {"web": more}}));
            let running = [Neighbour {
                image: "caddy:2".into(),
                networks: ["host".to_owned()].into(),
                name: "edge".into(),
                ..Neighbour::default()
            }];
            let web = ServiceName::from("web");
            let hosts = by_neighbours(&model, &web, &running);
            assert_eq!(hosts[0].text, "(caddy) on the host's own network");
            announced(&model, &web, &running).map(|found| found.text)
        };
        for more in [
            json!({"labels": {"traefik.enable": "true"}}),
            json!({"labels": {"traefik.http.routers.a.rule": "Host(`a.b`)"}}),
            json!({"environment": {"VIRTUAL_HOST": "a.b"}}),
        ] {
            assert!(asks(more.clone()).is_some(), "{more}");
        }
        for more in [
            json!({"labels": {"traefik.enable": "false", "traefik.http.routers.a.rule": "b"}}),
            json!({"labels": {"caddy": "a.b"}}),
            json!({"labels": {"caddyless": "a.b"}}),
        ] {
            assert_eq!(asks(more.clone()), None, "{more}");
        }
        let both = Model::of_json(json!({"services": {
            "web": {"labels": {"traefik.enable": "true"}}, "edge": {"image": "traefik:v3"},
        }}));
        assert_eq!(announced(&both, &"web".into(), &[]), None);
    }
}
