//! One thing of a container beside what the files say of it; each difference in a sentence.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::engine::{self, text};
use super::snapshot::Snapshot;

/// Whether it lives in another service's container: Compose puts that container's ID in, and hashes then.
pub(super) fn shares(defined: &Value) -> bool {
    let named = ["network_mode", "ipc", "pid"]
        .iter()
        .filter_map(|key| defined[*key].as_str());
    let mut named =
        named.filter(|mode| mode.starts_with("service:") || mode.starts_with("container:"));
    named.next().is_some() || !defined["volumes_from"].is_null()
}

pub(super) fn image(
    project: Option<&str>,
    service: &str,
    defined: &Value,
    raw: &Value,
    now: &Snapshot,
    say: &mut impl FnMut(String),
) {
    let built = || format!("{}-{service}", project.unwrap_or_default());
    let wanted = defined["image"].as_str().map_or_else(built, str::to_owned);
    let name = raw["Config"]["Image"].as_str().unwrap_or_default();
    if name != wanted {
        say(format!("it is of the image {name}, the files say {wanted}"));
    }
    let has = raw["Image"].as_str().unwrap_or_default();
    let tagged = match wanted.contains(':') || wanted.contains('@') {
        true => wanted.clone(),
        false => format!("{wanted}:latest"),
    };
    if let Some(id) = now.tags.get(&tagged)
        && id != has
    {
        say(format!("it runs {has}, {wanted} is {id}"));
    }
}

/// Compose writes `$` as `$$` into its output.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace("$$", "$"),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

pub(super) fn list(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(plain).collect()
}

/// Of the engine's answers, which are as they are.
pub(super) fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(text)
        .collect()
}

pub(super) fn environment(defined: &Value, raw: &Value, say: &mut impl FnMut(String)) {
    let pairs = |list: &Value| -> BTreeMap<String, String> {
        let pairs = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    };
    let has = pairs(&raw["Config"]["Env"]);
    let wanted = defined["environment"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    for (key, value) in &wanted {
        if !value.is_null() && has.get(key) != Some(&plain(value)) {
            say(format!(
                "environment has {key}={:?}, the files say {:?}",
                has.get(key),
                plain(value)
            ));
        }
    }
    let image = raw["Image"]
        .as_str()
        .and_then(engine::image)
        .unwrap_or_default();
    let brought = pairs(&image["Config"]["Env"]);
    for key in has
        .keys()
        .filter(|key| !wanted.contains_key(*key) && !brought.contains_key(*key))
    {
        if key != "PATH" {
            say(format!(
                "environment has {key}, of which the files know nothing"
            ));
        }
    }
}

pub(super) fn mounts(defined: &Value, raw: &Value, model: &Value, say: &mut impl FnMut(String)) {
    let has = raw["Mounts"].as_array().cloned().unwrap_or_default();
    let at = |target: &str| {
        has.iter()
            .find(|mount| mount["Destination"].as_str() == Some(target))
    };
    for volume in defined["volumes"].as_array().into_iter().flatten() {
        let (Some(kind), Some(target)) = (volume["type"].as_str(), volume["target"].as_str())
        else {
            continue;
        };
        let target = target.trim_end_matches('/');
        let source = volume["source"].as_str();
        let mount = at(target);
        let found = mount.map(|mount| mount["Source"].as_str().unwrap_or_default().to_owned());
        match (kind, source) {
            ("bind", Some(source)) if found.as_deref() != Some(&*source.replace("$$", "$")) => {
                say(format!("{target} is {found:?}, the files say {source}"));
            }
            ("volume", Some(source)) => {
                let name = model["volumes"][source]["name"].as_str().unwrap_or(source);
                let found = mount.and_then(|mount| mount["Name"].as_str());
                if found != Some(name) {
                    say(format!(
                        "{target} is the volume {found:?}, the files say {name}"
                    ));
                }
            }
            _ => {}
        }
    }
    let known = |target: &str| {
        let named = |field: &str| defined[field].as_array().into_iter().flatten();
        named("volumes").any(|volume| {
            volume["target"]
                .as_str()
                .is_some_and(|t| t.trim_end_matches('/') == target)
        }) || named("configs").chain(named("secrets")).next().is_some()
            || !defined["volumes_from"].is_null()
            || !defined["use_api_socket"].is_null()
    };
    for mount in has.iter().filter(|mount| mount["Type"] == "bind") {
        let target = mount["Destination"].as_str().unwrap_or_default();
        if !known(target) {
            say(format!(
                "{target} is mounted, of which the files know nothing"
            ));
        }
    }
}

/// A mount of one file follows the file that it was made of, not the name.
pub(super) fn stale_files(raw: &Value, say: &mut impl FnMut(String)) {
    let pid = raw["State"]["Pid"].as_i64().unwrap_or_default();
    if pid == 0 {
        return;
    }
    for mount in raw["Mounts"].as_array().into_iter().flatten() {
        let (Some(source), Some(target)) =
            (mount["Source"].as_str(), mount["Destination"].as_str())
        else {
            continue;
        };
        if mount["Type"] != "bind" || !Path::new(source).is_file() {
            continue;
        }
        let inside = format!("/proc/{pid}/root{target}");
        if let (Ok(now), Ok(seen)) = (std::fs::read(source), std::fs::read(inside))
            && now != seen
        {
            say(format!("inside, {target} is not what {source} is"));
        }
    }
}

pub(super) fn ports(defined: &Value, raw: &Value, say: &mut impl FnMut(String)) {
    let wanted = defined["ports"].as_array().cloned().unwrap_or_default();
    let bindings = &raw["HostConfig"]["PortBindings"];
    for port in &wanted {
        let protocol = port["protocol"].as_str().unwrap_or("tcp");
        let key = format!("{}/{protocol}", port["target"]);
        let published = plain(&port["published"]);
        let has: Vec<String> = bindings[&key]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| text(&one["HostPort"]))
            .collect();
        if !published.is_empty()
            && !published.contains('-')
            && published != "0"
            && !has.contains(&published)
        {
            say(format!(
                "port {key} is published as {has:?}, the files say {published}"
            ));
        }
    }
    for key in bindings
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key)
    {
        let known = wanted
            .iter()
            .any(|port| key.starts_with(&format!("{}/", port["target"])));
        if !known {
            say(format!(
                "port {key} is published, of which the files know nothing"
            ));
        }
    }
}

pub(super) fn networks(
    defined: &Value,
    raw: &Value,
    model: &Value,
    service: &str,
    say: &mut impl FnMut(String),
) {
    if !defined["network_mode"].is_null() {
        return;
    }
    let has = raw["NetworkSettings"]["Networks"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let wanted: Vec<&str> = defined["networks"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| model["networks"][key]["name"].as_str())
        .collect();
    for name in &wanted {
        let Some(network) = has.get(*name) else {
            say(format!("it is not in the network {name}"));
            continue;
        };
        let aliases = texts(&network["Aliases"]);
        if !aliases.iter().any(|alias| alias == service) {
            say(format!(
                "in {name} nobody finds it as {service}: {aliases:?}"
            ));
        }
    }
    for name in has.keys().filter(|name| !wanted.contains(&name.as_str())) {
        say(format!(
            "it is in the network {name}, of which the files know nothing"
        ));
    }
}
