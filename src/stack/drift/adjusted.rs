//! What somebody gave a container by hand while it ran: limits, restart policy, names and addresses on its
//! networks. Compose does not look at it (F86). Pure.

use serde_json::Value;

use super::difference::{Drift, drift};
use crate::docker::adjustable::Attachment;
use crate::docker::container::Inspected;
use crate::event::{Action, Route, ServiceName};
use crate::stack::model::{Model, Section, Service};

/// What of a container, which was created of this definition, is otherwise now.
pub(super) fn of_container(name: &ServiceName, inspected: &Inspected, model: &Model) -> Vec<Drift> {
    let Some(service) = model.services.get(name) else {
        return Vec::new();
    };
    let mut texts = of_limits(service, inspected);
    texts.extend(of_networks(name, service, inspected, model));
    let told = texts.into_iter().map(|text| {
        let text = format!(
            "{text}; docker compose up -d leaves it so, docker compose up -d --force-recreate {name} does not"
        );
        drift(name, Action::None, Route::Definition, text)
    });
    told.collect()
}

fn of_limits(service: &Service, inspected: &Inspected) -> Vec<String> {
    let (is, raw) = (&inspected.adjustable, &service.raw);
    let of_deploy = |key: &str| raw.get("deploy")?.get("resources")?.get("limits")?.get(key);
    let or_own = |deployed: &str, own: &str| {
        let deployed = of_deploy(deployed).and_then(number).filter(|n| *n > 0.0);
        let own = || raw.get(own).and_then(number).filter(|n| *n > 0.0);
        deployed.or_else(own).unwrap_or_default()
    };
    let mut found = Vec::new();
    let memory = or_own("memory", "mem_limit");
    if !is_near(is.memory as f64, memory) {
        found.push(format!(
            "has {} of memory, the files say {}",
            bytes(is.memory as f64),
            bytes(memory)
        ));
    }
    let (cpus, wanted) = (is.nano_cpus as f64 / 1e9, or_own("cpus", "cpus"));
    if !is_near(cpus, wanted) {
        found.push(format!(
            "has {} processors, the files say {}",
            or_all(cpus),
            or_all(wanted)
        ));
    }
    let (pids, wanted) = (is.pids as f64, or_own("pids", "pids_limit"));
    if !is_near(pids, wanted) {
        found.push(format!(
            "may have {} processes, the files say {}",
            or_all(pids),
            or_all(wanted)
        ));
    }
    if let Some(policy) = restart_policy(service)
        && policy != is.restart_policy
    {
        let has = &is.restart_policy;
        found.push(format!(
            "is started again by \"{has}\", the files say \"{policy}\""
        ));
    }
    found
}

/// Compose prints some numbers as text.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
}

fn bytes(count: f64) -> String {
    const MIB: f64 = 1_048_576.0;
    match count {
        0.0 => "no limit".to_owned(),
        _ if count % MIB == 0.0 => format!("{} MiB", count / MIB),
        _ => format!("{count} bytes"),
    }
}

fn or_all(count: f64) -> String {
    match count {
        0.0 => "any number of".to_owned(),
        _ => count.to_string(),
    }
}

/// The policy as Compose gives it to the engine; `None`: the engine is asked for one that we do not know.
fn restart_policy(service: &Service) -> Option<String> {
    let deployed = service
        .raw
        .get("deploy")
        .and_then(|one| one.get("restart_policy"));
    let Some(deployed) = deployed.filter(|one| one.is_object()) else {
        let own = service.text("restart").filter(|text| !text.is_empty());
        let own = own.unwrap_or_else(|| "no".to_owned());
        return Some(own.trim_end_matches(":0").to_owned());
    };
    let times = deployed.get("max_attempts").and_then(Value::as_u64);
    Some(match (deployed.get("condition")?.as_str()?, times) {
        ("none" | "no", _) => "no".to_owned(),
        ("any" | "always", _) => "always".to_owned(),
        ("on-failure", Some(times)) if times > 0 => format!("on-failure:{times}"),
        (other, _) => other.to_owned(),
    })
}

fn of_networks(
    name: &ServiceName,
    service: &Service,
    inspected: &Inspected,
    model: &Model,
) -> Vec<String> {
    let mut found = Vec::new();
    for key in service.uses(Section::Networks) {
        let network = model.engine_name(Section::Networks, &key);
        // Nobody has names on the engine's own, and who is on none is told elsewhere.
        let is_own = network != "bridge";
        let Some(is) = inspected
            .adjustable
            .networks
            .get(&network)
            .filter(|_| is_own)
        else {
            continue;
        };
        let wanted = service.raw.get("networks").and_then(|all| all.get(&key));
        found.extend(of_names(name, &network, is, wanted));
        found.extend(of_address(&network, is, wanted));
    }
    found
}

fn of_names(
    name: &ServiceName,
    network: &str,
    is: &Attachment,
    wanted: Option<&Value>,
) -> Option<String> {
    let more = wanted.and_then(|wanted| wanted["aliases"].as_array());
    let more = more.into_iter().flatten().filter_map(Value::as_str);
    let mut names = std::iter::once(name.as_str()).chain(more);
    let lacking = names.find(|name| !is.aliases.contains(*name))?;
    Some(format!(
        "is not known as {lacking} on the network {network}, where others look for it by that name"
    ))
}

fn of_address(network: &str, is: &Attachment, wanted: Option<&Value>) -> Option<String> {
    let fixed = ["ipv4_address", "ipv6_address"].map(|key| wanted?.get(key)?.as_str());
    let mut fixed: Vec<&str> = fixed.into_iter().flatten().collect();
    let lacking = fixed.iter().find(|one| !is.addresses.contains(**one));
    if let Some(lacking) = lacking {
        return Some(format!(
            "does not have the address {lacking} on the network {network}"
        ));
    }
    let linked = wanted.and_then(|wanted| wanted["link_local_ips"].as_array());
    fixed.extend(linked.into_iter().flatten().filter_map(Value::as_str));
    let more = is
        .addresses
        .iter()
        .find(|one| !fixed.contains(&one.as_str()))?;
    Some(format!(
        "has the address {more} on the network {network}, which the files do not give it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::adjustable::Adjustable;
    use serde_json::json;

    fn told(service: Value, is: Adjustable) -> Vec<String> {
        let model =
            json!({"name": "p", "services": {"web": service}, "networks": {"n": {"name": "p_n"}}});
        let inspected = Inspected {
            adjustable: is,
            ..Inspected::default()
        };
        let found = of_container(&"web".into(), &inspected, &Model::of_json(model));
        let texts = found.into_iter().map(|drift| drift.reason.text);
        texts
            .map(|text| text.split(';').next().unwrap_or_default().to_owned())
            .collect()
    }

    fn policy(words: &str) -> Adjustable {
        Adjustable {
            restart_policy: words.to_owned(),
            ..Adjustable::default()
        }
    }

    #[test]
    fn every_form_of_a_limit_is_that_of_the_engine() {
        let deploy = json!({"deploy": {
            "resources": {"limits": {"memory": "104857600", "cpus": 0.1, "pids": 7}},
            "restart_policy": {"condition": "on-failure", "max_attempts": 3},
        }, "mem_limit": "104857600", "restart": "always"});
        let is = Adjustable {
            memory: 104_857_600,
            nano_cpus: 100_000_000,
            pids: 7,
            ..policy("on-failure:3")
        };
        assert!(told(deploy.clone(), is).is_empty());
        assert_eq!(
            told(deploy, policy("no")),
            [
                "has no limit of memory, the files say 100 MiB",
                "has any number of processors, the files say 0.1",
                "may have any number of processes, the files say 7",
                "is started again by \"no\", the files say \"on-failure:3\"",
            ]
        );
        assert!(told(json!({"mem_limit": "0", "pids_limit": -1}), policy("no")).is_empty());
        assert!(told(json!({"restart": "on-failure:2"}), policy("on-failure:2")).is_empty());
        assert!(told(json!({"deploy": {"restart_policy": {}}}), policy("x")).is_empty());
    }

    #[test]
    fn names_and_addresses_are_those_of_the_files() {
        let on = |aliases: &[&str], addresses: &[&str]| {
            let all = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
            let attached = Attachment {
                aliases: all(aliases),
                addresses: all(addresses),
                attached: true,
            };
            Adjustable {
                networks: [("p_n".to_owned(), attached)].into(),
                ..policy("no")
            }
        };
        let plain = json!({"networks": {"n": null}});
        let fixed = json!({"networks": {"n": {"aliases": ["al"], "ipv4_address": "10.0.0.9"}}});
        assert!(told(plain.clone(), on(&["p-web-1", "web"], &[])).is_empty());
        assert!(told(fixed.clone(), on(&["web", "al"], &["10.0.0.9"])).is_empty());
        assert_eq!(
            told(fixed, on(&["web"], &["10.0.0.8"])),
            [
                "is not known as al on the network p_n, where others look for it by that name",
                "does not have the address 10.0.0.9 on the network p_n",
            ]
        );
        assert_eq!(
            told(plain, on(&[], &["10.0.0.8"])),
            [
                "is not known as web on the network p_n, where others look for it by that name",
                "has the address 10.0.0.8 on the network p_n, which the files do not give it",
            ]
        );
    }
}
