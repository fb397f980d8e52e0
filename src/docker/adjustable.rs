//! What of a container can be given another value while it runs, with `docker update` and `docker network`.
//! No label tells of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models;
use serde::{Deserialize, Serialize};

/// How a container hangs on a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Attachment {
    /// Names that it has there, without the engine's own.
    pub aliases: BTreeSet<String>,
    /// Addresses that it asked for.
    pub addresses: BTreeSet<String>,
    /// Whether it has an interface there now; always so for one that does not run.
    pub attached: bool,
}

/// What is in force now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adjustable {
    /// Bytes; 0: as many as there are.
    pub memory: u64,
    /// Billionths of a processor; 0: all.
    pub nano_cpus: u64,
    /// 0: as many as there can be.
    pub pids: u64,
    /// Such as `on-failure:3`.
    pub restart_policy: String,
    /// The networks that it is on, by name.
    pub networks: BTreeMap<String, Attachment>,
}

impl Adjustable {
    pub(super) fn of(found: &models::ContainerInspectResponse) -> Self {
        let host = found.host_config.clone().unwrap_or_default();
        let networks = found.network_settings.clone();
        let networks = networks.and_then(|all| all.networks).unwrap_or_default();
        let state = found.state.as_ref();
        let runs = state.and_then(|state| state.running).unwrap_or_default();
        let limit = |value: Option<i64>| value.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let policy = policy_words(host.restart_policy.as_ref());
        Self {
            memory: limit(host.memory),
            nano_cpus: limit(host.nano_cpus),
            pids: limit(host.pids_limit),
            restart_policy: match policy.as_str() {
                "" => "no".to_owned(),
                _ => policy,
            },
            networks: networks_of(found.id.as_deref().unwrap_or_default(), runs, networks),
        }
    }
}

/// Such as `on-failure:3`.
pub(super) fn policy_words(policy: Option<&models::RestartPolicy>) -> String {
    let times = policy.and_then(|policy| policy.maximum_retry_count);
    match (policy.and_then(|policy| policy.name), times) {
        (None, _) => String::new(),
        (Some(name), None | Some(0)) => name.to_string(),
        (Some(name), Some(times)) => format!("{name}:{times}"),
    }
}

/// The engine gives each container so much of its ID as a further name. A service may be called like the beginning of
/// it.
const SHORT: usize = 12;

pub(super) fn networks_of(
    id: &str,
    runs: bool,
    found: HashMap<String, models::EndpointSettings>,
) -> BTreeMap<String, Attachment> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let of = |endpoint: models::EndpointSettings| {
        let asked = endpoint.ipam_config.unwrap_or_default();
        let fixed = [filled(asked.ipv4_address), filled(asked.ipv6_address)];
        let local = asked.link_local_ips.unwrap_or_default();
        Attachment {
            aliases: endpoint
                .aliases
                .unwrap_or_default()
                .into_iter()
                .filter(|alias| id.get(..SHORT) != Some(alias.as_str()))
                .collect(),
            addresses: fixed.into_iter().flatten().chain(local).collect(),
            attached: !runs || filled(endpoint.endpoint_id).is_some(),
        }
    };
    found
        .into_iter()
        .map(|(name, endpoint)| (name, of(endpoint)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_begins_like_the_id_is_one() {
        let id = "ab1234567890cdef";
        let endpoint = models::EndpointSettings {
            aliases: Some(["a", "ab1234567890", "web"].map(str::to_owned).to_vec()),
            ..models::EndpointSettings::default()
        };
        let found = networks_of(id, false, HashMap::from([("n".to_owned(), endpoint)]));
        let names: Vec<&str> = found["n"].aliases.iter().map(String::as_str).collect();
        assert_eq!(names, ["a", "web"]);
    }
}
