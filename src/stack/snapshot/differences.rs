//! Compares the engine's side of a stack at two moments. Pure. Containers that were recreated have
//! other IDs, so they are paired by service and number; what the engine picks by itself is no
//! difference.

use std::collections::{BTreeMap, BTreeSet};

use super::engine_side::EngineSide;
use super::handled::Handled;
use crate::docker::adjustable::Attachment;
use crate::docker::container::Health;
use crate::docker::network::NetworkSide;
use crate::docker::observed::{Replica, RunState};
use crate::event::ServiceName;

/// What a difference is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// A service's containers.
    Service(ServiceName),
    /// A network.
    Network(String),
    /// A volume.
    Volume(String),
    /// The name of an image.
    Image(String),
}

/// One thing that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Difference {
    /// What it is about.
    pub about: About,
    /// What of it.
    pub what: String,
    /// As it was; `None` where a value would tell a secret.
    pub was: Option<String>,
    /// As it is.
    pub is: Option<String>,
}

impl Difference {
    /// In a line.
    pub(crate) fn sentence(&self) -> String {
        let about = match &self.about {
            About::Service(service) => service.to_string(),
            About::Network(name) => format!("network {name}"),
            About::Volume(name) => format!("volume {name}"),
            About::Image(name) => format!("image {name}"),
        };
        let what = match self.what.as_str() {
            "" => String::new(),
            what => format!(" {what}"),
        };
        match (&self.was, &self.is) {
            (Some(was), Some(is)) => format!("{about}{what}: was {was}, is {is}"),
            (None, Some(is)) => format!("{about}{what}: is {is}"),
            (Some(was), None) => format!("{about}{what}: was {was}"),
            (None, None) => format!("{about}{what} is another one"),
        }
    }
}

/// Everything that is not as it was. A volume that came is none: it is kept, and named.
pub(super) fn differences(
    base: &EngineSide,
    now: &EngineSide,
    handled: &Handled,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let services: BTreeSet<&ServiceName> =
        base.services().union(&now.services()).copied().collect();
    for service in services {
        found.extend(of_service(service, base, now, handled));
    }
    found.extend(of_leftovers(base, now));
    found.extend(of_networks(base, now));
    for name in base
        .volumes
        .keys()
        .filter(|name| !now.volumes.contains_key(*name))
    {
        found.push(gone(About::Volume(name.clone())));
    }
    for (name, volume) in &base.volumes {
        let other = now.volumes.get(name);
        if other.is_some_and(|is| (&is.driver, &is.options) != (&volume.driver, &volume.options)) {
            found.push(another(About::Volume(name.clone()), "options"));
        } else if other.is_some_and(|is| is.created != volume.created) {
            found.push(another(About::Volume(name.clone()), ""));
        }
    }
    let other_images: BTreeSet<&String> = handled.other_images.values().collect();
    let images = base.images.iter();
    for (name, meant) in images.filter(|(name, _)| !other_images.contains(*name)) {
        let is = now.images.get(name).unwrap_or(meant);
        if meant.is_some() && is != meant {
            found.push(Difference {
                about: About::Image(name.clone()),
                what: String::new(),
                was: meant.as_deref().map(short),
                is: Some(is.as_deref().map_or("gone".to_owned(), short)),
            });
        }
    }
    found.sort();
    found
}

fn short(id: &str) -> String {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..12).unwrap_or(id).to_owned()
}

fn gone(about: About) -> Difference {
    Difference {
        about,
        what: String::new(),
        was: Some("there".to_owned()),
        is: Some("gone".to_owned()),
    }
}

fn another(about: About, what: impl Into<String>) -> Difference {
    Difference {
        about,
        what: what.into(),
        was: None,
        is: None,
    }
}

/// Pairs the containers of a service: the same ones, then those of one number, then the rest.
pub(crate) fn pairs<'a>(
    was: &[&'a Replica],
    is: &[&'a Replica],
) -> Vec<(&'a Replica, Option<&'a Replica>)> {
    let mut free: Vec<&Replica> = is.to_vec();
    let mut take = |fits: &dyn Fn(&Replica) -> bool| {
        let at = free.iter().position(|one| fits(one))?;
        Some(free.remove(at))
    };
    let mut found: BTreeMap<&str, &Replica> = BTreeMap::new();
    let rules: [fn(&Replica, &Replica) -> bool; 3] = [
        |a, b| a.id == b.id,
        |a, b| a.number == b.number,
        |_, _| true,
    ];
    for rule in rules {
        for one in was {
            if !found.contains_key(one.id.as_str())
                && let Some(other) = take(&|candidate| rule(one, candidate))
            {
                found.insert(&one.id, other);
            }
        }
    }
    let pair = |one: &&'a Replica| (*one, found.get(one.id.as_str()).copied());
    was.iter().map(pair).collect()
}

fn of_service(
    service: &ServiceName,
    base: &EngineSide,
    now: &EngineSide,
    handled: &Handled,
) -> Vec<Difference> {
    let (was, is) = (base.of_service(service), now.of_service(service));
    if was.len() != is.len() {
        return vec![Difference {
            about: About::Service(service.clone()),
            what: "containers".to_owned(),
            was: Some(was.len().to_string()),
            is: Some(is.len().to_string()),
        }];
    }
    let mut found = Vec::new();
    for (one, other) in pairs(&was, &is) {
        let Some(other) = other else { continue };
        let has_its_image = !handled.other_images.contains_key(service);
        let of_definition = of_definition(one, other, base, now).into_iter();
        found.extend(of_definition.filter(|one| has_its_image || one.what != "image"));
        if !handled.not_run.contains(service) {
            found.extend(of_state(one, other));
        }
        if handled.services.contains(service) || handled.engine_ended {
            continue;
        }
        let by_itself = one.id == other.id && other.restarts > one.restarts;
        if one.id != other.id {
            found.push(another(About::Service(service.clone()), "container"));
        } else if one.started_at != other.started_at && !by_itself {
            found.push(of(one, "started at", &one.started_at, &other.started_at));
        }
    }
    found.dedup();
    found
}

fn of(one: &Replica, what: &str, was: &str, is: &str) -> Difference {
    let filled = |text: &str| Some(if text.is_empty() { "none" } else { text }.to_owned());
    Difference {
        about: About::Service(one.service.clone()),
        what: what.to_owned(),
        was: filled(was),
        is: filled(is),
    }
}

/// What a container is made with, and what it hangs on.
fn of_definition(
    was: &Replica,
    is: &Replica,
    base: &EngineSide,
    now: &EngineSide,
) -> Vec<Difference> {
    let mut found = Vec::new();
    if was.image_id != is.image_id {
        found.push(of(
            was,
            "image",
            &short(&was.image_id),
            &short(&is.image_id),
        ));
    }
    if was.restart_policy != is.restart_policy {
        found.push(of(was, "restart", &was.restart_policy, &is.restart_policy));
    }
    found.extend(of_files(was, is, base, now));
    found.extend(of_attachments(was, is));
    if was.ports == is.ports && was.published && !is.published {
        found.push(of(was, "ports", "published", "not published"));
    }
    found
}

/// Of that, what only the files can give a container, and nobody by hand.
pub(super) fn of_files(
    was: &Replica,
    is: &Replica,
    base: &EngineSide,
    now: &EngineSide,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let other = |what: String| another(About::Service(was.service.clone()), what);
    for key in differing(&was.env, &is.env) {
        found.push(other(format!("environment {key}")));
    }
    for key in differing(&was.labels, &is.labels) {
        found.push(other(format!("label {key}")));
    }
    let (old, new) = (settings(was, base), settings(is, now));
    for key in differing(&old, &new) {
        found.push(match limit_flag(key) {
            Some(_) => of(was, key, set(&old, key), set(&new, key)),
            None => other(key.clone()),
        });
    }
    if was.ports != is.ports {
        found.push(of(was, "ports", &ports(was), &ports(is)));
    }
    if was.mounts != is.mounts {
        found.push(of(was, "mounts", &mounts(was), &mounts(is)));
    }
    found
}

fn set<'a>(settings: &'a BTreeMap<String, String>, key: &str) -> &'a str {
    settings.get(key).map_or("0", String::as_str)
}

/// The option of `docker update` that gives a container a limit.
pub(crate) fn limit_flag(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "Memory" => "--memory",
        "MemorySwap" => "--memory-swap",
        "MemoryReservation" => "--memory-reservation",
        "NanoCpus" => "--cpus",
        "CpuShares" => "--cpu-shares",
        "CpuQuota" => "--cpu-quota",
        "CpuPeriod" => "--cpu-period",
        "CpusetCpus" => "--cpuset-cpus",
        "PidsLimit" => "--pids-limit",
        _ => return None,
    })
}

fn of_attachments(was: &Replica, is: &Replica) -> Vec<Difference> {
    let mut found = Vec::new();
    if was.networks.keys().ne(is.networks.keys()) {
        let names = |one: &Replica| one.networks.keys().cloned().collect::<Vec<_>>().join(", ");
        found.push(of(was, "networks", &names(was), &names(is)));
    }
    for (name, attachment) in &was.networks {
        let Some(now) = is.networks.get(name) else {
            continue;
        };
        // What starts again and again hangs on nothing in between.
        let between = was.state == RunState::Restarting || is.state == RunState::Restarting;
        if attachment.attached && !now.attached && !between {
            found.push(of(
                was,
                &format!("network {name}"),
                "attached",
                "not attached",
            ));
        }
        let (was_names, is_names) = (aliases(was, attachment), aliases(is, now));
        if (&was_names, &attachment.addresses) != (&is_names, &now.addresses) {
            let text = |names: &BTreeSet<&str>, one: &Attachment| {
                let addresses = one.addresses.iter().map(String::as_str);
                let all = names.iter().copied().chain(addresses);
                all.collect::<Vec<_>>().join(", ")
            };
            let (was_text, is_text) = (text(&was_names, attachment), text(&is_names, now));
            found.push(of(was, &format!("on network {name}"), &was_text, &is_text));
        }
    }
    found
}

/// The names of a container on a network, but for the one that Compose makes of its number: when it makes
/// several containers, it chooses their numbers.
fn aliases<'a>(one: &Replica, attachment: &'a Attachment) -> BTreeSet<&'a str> {
    let (service, number) = (&one.service, one.number);
    let endings = ["-", "_"].map(|dash| format!("{dash}{service}{dash}{number}"));
    let is_numbered = endings.iter().any(|ending| one.name.ends_with(ending));
    let all = attachment.aliases.iter().map(String::as_str);
    all.filter(|alias| !is_numbered || *alias != one.name)
        .collect()
}

fn differing<'a>(
    was: &'a BTreeMap<String, String>,
    is: &'a BTreeMap<String, String>,
) -> BTreeSet<&'a String> {
    let keys = was.keys().chain(is.keys());
    keys.filter(|key| was.get(*key) != is.get(*key)).collect()
}

/// The settings, with the IDs of containers of this stack told as their services.
fn settings(one: &Replica, side: &EngineSide) -> BTreeMap<String, String> {
    let told = |value: &String| match value.strip_prefix("\"container:") {
        Some(id) => {
            let id = id.trim_end_matches('"');
            let shared = side.container(id);
            shared.map_or_else(|| value.clone(), |one| format!("service:{}", one.service))
        }
        None => value.clone(),
    };
    let settings = one.settings.iter();
    settings
        .map(|(key, value)| (key.clone(), told(value)))
        .collect()
}

fn ports(one: &Replica) -> String {
    let text = one.ports.iter().map(|port| match port.port {
        Some(number) => format!("{}:{number}→{}", port.ip, port.target),
        None => port.target.clone(),
    });
    text.collect::<Vec<_>>().join(", ")
}

fn mounts(one: &Replica) -> String {
    let text = one.mounts.iter().map(|mount| {
        let mode = if mount.rw { "" } else { ":ro" };
        format!("{}:{}{mode}", mount.source, mount.destination)
    });
    text.collect::<Vec<_>>().join(", ")
}

/// Whether it does what it did. What was in trouble before may be in any other trouble now; but what ran,
/// and was only unhealthy, runs.
fn of_state(was: &Replica, is: &Replica) -> Option<Difference> {
    let same = match (was.state, is.state) {
        (RunState::Running, RunState::Running) if was.is_failing() => true,
        _ if was.is_failing() && !was.runs_on() => true,
        (RunState::Running, RunState::Running) => {
            let fell_ill = was.health != Health::Unhealthy && is.health == Health::Unhealthy;
            // A neighbour that falls ill by itself is told by the watch of whoever is at work.
            if fell_ill && was.id != is.id {
                return Some(of(was, "health", word(was.health), word(is.health)));
            }
            true
        }
        // How a stopped one had ended is not made again.
        (RunState::Exited { .. }, RunState::Exited { .. }) => true,
        (a, b) => a == b,
    };
    (!same).then(|| of(was, "state", &was.state.text(), &is.state.text()))
}

fn word(health: Health) -> &'static str {
    health.word().unwrap_or("unknown")
}

/// Containers of a cut-off or refused `up` that were not there before.
fn of_leftovers(base: &EngineSide, now: &EngineSide) -> Vec<Difference> {
    let left = now.containers.iter().filter(|one| now.is_leftover(one));
    left.filter(|one| base.container(&one.id).is_none())
        .map(|one| Difference {
            about: About::Service(one.service.clone()),
            what: format!("extra container {}", one.name),
            was: Some("not there".to_owned()),
            is: Some(one.state.text()),
        })
        .collect()
}

fn of_networks(base: &EngineSide, now: &EngineSide) -> Vec<Difference> {
    let mut found = Vec::new();
    for (name, was) in &base.networks {
        match now.networks.get(name) {
            None => found.push(gone(About::Network(name.clone()))),
            Some(is) => {
                let what = of_network(was, is);
                found.extend(what.map(|what| another(About::Network(name.clone()), what)));
            }
        }
    }
    let own = base.own_networks();
    let came = now
        .own_networks()
        .into_iter()
        .filter(|name| !own.contains(name));
    found.extend(came.map(|name| Difference {
        about: About::Network(name),
        what: String::new(),
        was: Some("not there".to_owned()),
        is: Some("there".to_owned()),
    }));
    found
}

/// What of a network is another one. Subnets that the engine picks are other ones each time.
pub(crate) fn of_network(was: &NetworkSide, is: &NetworkSide) -> Option<&'static str> {
    if was.driver != is.driver {
        return Some("driver");
    }
    if was.options != is.options {
        return Some("options");
    }
    if was.internal != is.internal {
        return Some("internal");
    }
    if was.labels != is.labels {
        return Some("labels");
    }
    (was.id == is.id && was.subnets != is.subnets).then_some("subnets")
}

#[cfg(test)]
#[path = "tests.rs"]
pub(crate) mod tests;
