//! Networks and volumes of the files beside those of the engine. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::difference::{Drift, drift};
use super::engine_state::EngineState;
use crate::docker::container::{Container, Inspected};
use crate::docker::network::{NetworkSide, VolumeSide};
use crate::event::{Action, Route, ServiceName};
use crate::stack::model::{Model, Section};

/// What a service's containers hang on, and what they keep their data in.
pub(super) fn of_service(
    name: &ServiceName,
    own: &[&Container],
    seen: &EngineState,
    model: &Model,
) -> Vec<Drift> {
    let mut found = Vec::new();
    let Some(service) = model.services.get(name) else {
        return found;
    };
    let inspected = || {
        let ids = own.iter().map(|container| &container.id);
        ids.filter_map(|id| seen.inspected.get(id))
    };
    for key in service.uses(Section::Networks) {
        let network = model.engine_name(Section::Networks, &key);
        if !inspected().all(|one| one.networks.contains(&network)) {
            let text = format!("is not on the network {network}");
            found.push(drift(name, Action::Recreate, Route::Definition, text));
        } else if !model.is_external(Section::Networks, &key)
            && let Some(is) = seen.networks.get(&network)
            && let Some(what) = other_network(model.shared(Section::Networks, &key), is)
        {
            let text = format!("the network {network} was created with {what}");
            found.push(drift(name, Action::Recreate, Route::Definition, text));
        }
    }
    for key in service.uses(Section::Volumes) {
        let volume = model.engine_name(Section::Volumes, &key);
        if !model.is_external(Section::Volumes, &key)
            && let Some(is) = seen.volume_of(&model.name, &volume)
            && let Some(what) = other_volume(model.shared(Section::Volumes, &key), is, &model.name)
        {
            let text = format!(
                "the volume {volume} was created with {what}, and keeps them: only a new volume takes \
                 those of the files"
            );
            found.push(drift(name, Action::None, Route::Definition, text));
        }
        // The hash of a definition has the volume's key, and not its name (F83).
        let is_mounted = |one: &Inspected| {
            let mut mounts = one.mounts.iter();
            mounts.any(|mount| mount.name.as_deref() == Some(&volume))
        };
        if !inspected().all(is_mounted) {
            let text = format!("does not use the volume {volume}");
            found.push(drift(name, Action::Recreate, Route::Definition, text));
        }
    }
    found
}

/// What of a network's definition its network does not have; what the files leave open is the engine's.
fn other_network(defined: Option<&Value>, is: &NetworkSide) -> Option<&'static str> {
    let defined = defined?;
    let flag = |key: &str| defined[key].as_bool().unwrap_or_default();
    if text(defined, "driver").is_some_and(|driver| driver != is.driver) {
        return Some("another driver");
    }
    if flag("internal") != is.internal {
        return Some("another value of internal");
    }
    if flag("attachable") != is.attachable {
        return Some("another value of attachable");
    }
    // Without it the engine decides.
    if defined["enable_ipv6"]
        .as_bool()
        .is_some_and(|ipv6| ipv6 != is.ipv6)
    {
        return Some("another value of enable_ipv6");
    }
    if !has_options(defined, &is.options) {
        return Some("other driver options");
    }
    if labels(defined) != is.labels {
        return Some("other labels");
    }
    let subnets = defined["ipam"]["config"].as_array().into_iter().flatten();
    let mut subnets = subnets.filter_map(|config| config["subnet"].as_str());
    (!subnets.all(|subnet| is.subnets.contains(subnet))).then_some("other subnets")
}

/// Compose asks whether to make such a volume anew, without its data (F76). One of another project has
/// that project's labels.
fn other_volume(defined: Option<&Value>, is: &VolumeSide, project: &str) -> Option<&'static str> {
    let defined = defined?;
    let driver = text(defined, "driver").unwrap_or("local");
    let options = defined["driver_opts"].as_object();
    let is_own = is.project.as_deref() == Some(project);
    if driver != is.driver
        || !has_options(defined, &is.options)
        || is.options.len() > options.map_or(0, serde_json::Map::len)
    {
        Some("other options")
    } else if is_own && labels(defined) != is.labels {
        Some("other labels")
    } else {
        None
    }
}

fn labels(defined: &Value) -> BTreeMap<String, String> {
    let all = defined["labels"].as_object().into_iter().flatten();
    all.map(|(key, value)| (key.clone(), plain(value)))
        .collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn has_options(defined: &Value, is: &BTreeMap<String, String>) -> bool {
    let options = defined["driver_opts"].as_object().into_iter().flatten();
    options
        .into_iter()
        .all(|(key, value)| is.get(key) == Some(&plain(value)))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value[key].as_str().filter(|text| !text.is_empty())
}
