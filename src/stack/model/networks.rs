//! In which networks a service is, and who finds whom there by name. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Model, Section};
use crate::event::ServiceName;

impl Model {
    /// The service whose network namespace a service uses: its own, or that of `network_mode:
    /// service:NAME`.
    pub fn network_host<'a>(&'a self, service: &'a ServiceName) -> &'a ServiceName {
        let mut at = service;
        // Compose refuses cycles; should there be one, this ends all the same.
        for _ in 0..self.services.len() {
            let mode = self.services.get(at).and_then(|service| {
                let mode = service.raw.get("network_mode")?.as_str()?;
                mode.strip_prefix("service:")
            });
            let next = mode.and_then(|name| self.services.get_key_value(&ServiceName::from(name)));
            match next {
                Some((name, _)) => at = name,
                None => break,
            }
        }
        at
    }

    /// The networks of a service, by their keys in the files, in which it finds others by name. None
    /// on the host's own network or on the engine's default bridge, which knows no names.
    pub fn networks_of(&self, service: &ServiceName) -> BTreeSet<String> {
        let own = self.services.get(self.network_host(service));
        own.map(|own| own.uses(Section::Networks))
            .unwrap_or_default()
    }

    /// The same by the names that the engine knows them under.
    pub fn engine_networks_of(&self, service: &ServiceName) -> Vec<String> {
        let own = self.networks_of(service);
        own.iter()
            .map(|name| self.engine_name(Section::Networks, name))
            .collect()
    }

    /// Whether the engine knows a network of the files by another project's doing.
    pub fn is_external(&self, section: Section, name: &str) -> bool {
        let external = self
            .shared(section, name)
            .and_then(|found| found.get("external"));
        external.and_then(Value::as_bool).unwrap_or_default()
    }

    /// The name by which the engine knows a network or volume of the files.
    pub fn engine_name(&self, section: Section, name: &str) -> String {
        let given = self.shared(section, name);
        let given = given.and_then(|found| found.get("name")?.as_str());
        match given {
            Some(given) => given.to_owned(),
            None => format!("{}_{name}", self.name),
        }
    }

    /// The service that is found under a host's name: by its own name, its container's, or an alias.
    pub fn service_called(&self, host: &str) -> Option<&ServiceName> {
        let called = |(name, service): &(&ServiceName, &super::Service)| {
            let networks = service.raw.get("networks").and_then(Value::as_object);
            let aliases = networks
                .into_iter()
                .flatten()
                .filter_map(|(_, network)| network.get("aliases")?.as_array())
                .flatten();
            name.as_str() == host
                || service.text("container_name").as_deref() == Some(host)
                || aliases.into_iter().any(|alias| alias == host)
        };
        self.services.iter().find(called).map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_service_is_in_the_networks_of_the_one_whose_namespace_it_uses() {
        let model = Model::of_json(json!({
            "name": "p",
            "services": {
                "vpn": {"networks": {"front": null}},
                "web": {"network_mode": "service:vpn"},
                "db": {"networks": {"back": {"aliases": ["postgres"]}}, "container_name": "chat-db"},
                "bare": {"network_mode": "host"},
            },
            "networks": {"front": {"name": "proxy", "external": true}, "back": {"name": "p_back"}},
        }));
        let of = |name: &str| model.networks_of(&name.into());
        assert_eq!(of("web"), ["front".to_owned()].into());
        assert_eq!(of("bare"), BTreeSet::new());
        assert_eq!(model.network_host(&"web".into()).as_str(), "vpn");
        assert_eq!(model.engine_name(Section::Networks, "front"), "proxy");
        assert!(model.is_external(Section::Networks, "front"));
        assert!(!model.is_external(Section::Networks, "back"));
        for host in ["db", "chat-db", "postgres"] {
            let found = model.service_called(host);
            assert_eq!(found.map(ServiceName::as_str), Some("db"), "{host}");
        }
        assert_eq!(model.service_called("redis"), None);
    }
}
