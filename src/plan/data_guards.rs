//! Data that a service has now and would not find any more: volumes, anonymous volumes, binds. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::guarded::{Guarded, NextValue};
use crate::event::{Action, ServiceName};
use crate::stack::model::{Model, Section, Service};

/// A named volume that a container has, and a new one of the same service would not.
fn volume_of_container(guarded: &Guarded<'_>) -> Option<String> {
    for container in guarded.containers {
        let name = &container.service;
        let Some(after) = made_anew(guarded, name) else {
            continue;
        };
        let from_others = after.shares_with();
        if from_others
            .iter()
            .any(|(field, _)| *field == "volumes_from")
        {
            continue;
        }
        let used = after.uses(Section::Volumes);
        let now: BTreeSet<Option<String>> = used
            .iter()
            .map(|key| real_name(guarded.after, key))
            .collect();
        let named = container
            .mounts
            .iter()
            .filter(|mount| mount.kind == "volume" && !mount.is_anonymous());
        let mut gone = named.filter(|mount| !now.contains(&mount.name));
        if let Some(mount) = gone.next() {
            let volume = mount.name.as_deref().unwrap_or_default();
            return Some(format!(
                "{name} would no longer use the volume {volume}, and would start without its data"
            ));
        }
    }
    None
}

pub(super) fn real_name(model: &Model, key: &str) -> Option<String> {
    let definition = model.shared(Section::Volumes, key)?;
    Some(definition.get("name")?.as_str()?.to_owned())
}

/// A named volume that a service used and no longer would.
pub(super) fn volume_removed(guarded: &Guarded<'_>) -> Option<String> {
    for (name, before) in &guarded.before.services {
        if !guarded
            .containers
            .iter()
            .any(|container| container.service == *name)
        {
            continue;
        }
        let users: Vec<&Service> = match guarded.after.services.get(name) {
            Some(after) => vec![after],
            // Whoever has another name by now may have its data.
            None => guarded.after.services.values().collect(),
        };
        let used = users.iter().flat_map(|user| user.uses(Section::Volumes));
        let now: BTreeSet<Option<String>> =
            used.map(|key| real_name(guarded.after, &key)).collect();
        for key in before.uses(Section::Volumes) {
            let real = real_name(guarded.before, &key);
            if real.is_some() && !now.contains(&real) {
                let real = real.unwrap_or_default();
                if !guarded.after.services.contains_key(name) {
                    return Some(format!(
                        "{name} would be removed, and no service would use its data in the volume {real}"
                    ));
                }
                return Some(format!(
                    "{name} would no longer use the volume {real}, and would start without its data"
                ));
            }
        }
    }
    volume_of_container(guarded)
        .or_else(|| volume_moved(guarded))
        .or_else(|| subpath_changed(guarded))
        .or_else(|| data_moved(guarded))
}

/// A named volume that a container has at one place, and the next one at another: what looks for data
/// there finds none.
fn volume_moved(guarded: &Guarded<'_>) -> Option<String> {
    for container in guarded.containers {
        let name = &container.service;
        let Some(after) = made_anew(guarded, name) else {
            continue;
        };
        let mounts = container.mounts.iter();
        for mount in mounts.filter(|mount| mount.kind == "volume" && !mount.is_anonymous()) {
            let volumes = after.raw.get("volumes").and_then(|all| all.as_array());
            let same = volumes.into_iter().flatten().filter(|one| {
                let key = one["source"].as_str().filter(|_| one["type"] == "volume");
                key.and_then(|key| real_name(guarded.after, key)) == mount.name
            });
            let places: Vec<&str> = same.filter_map(|one| one["target"].as_str()).collect();
            let was = mount.destination.to_string_lossy();
            if !places.is_empty() && !places.contains(&was.trim_end_matches('/')) {
                let volume = mount.name.as_deref().unwrap_or_default();
                return Some(format!(
                    "{name} would have the volume {volume} at {}, and no longer at {was}: what looks \
                     for data there would find none",
                    places.join(" and ")
                ));
            }
        }
    }
    None
}

/// A mount that shows another folder of the same volume.
fn subpath_changed(guarded: &Guarded<'_>) -> Option<String> {
    let mounts = |service: &Service| {
        let all = service.raw.get("volumes").and_then(|all| all.as_array());
        all.cloned().unwrap_or_default()
    };
    guarded.before.services.iter().find_map(|(name, before)| {
        let after = mounts(guarded.after.services.get(name)?);
        let uses_it = guarded.containers.iter().any(|one| one.service == *name);
        let mut before = mounts(before).into_iter().filter(|_| uses_it);
        before.find_map(|was| {
            let same = |is: &&serde_json::Value| {
                is["type"] == "volume"
                    && is["source"] == was["source"]
                    && is["target"] == was["target"]
            };
            let is = after.iter().find(same)?;
            let folder = |mount: &serde_json::Value| {
                let folder = mount["volume"]["subpath"].as_str();
                folder.map_or_else(|| "all of it".to_owned(), str::to_owned)
            };
            (folder(&was) != folder(is)).then(|| {
                format!(
                    "{name} would have another folder of the volume {} at {}: {} in place of {}",
                    is["source"].as_str().unwrap_or_default(),
                    is["target"].as_str().unwrap_or_default(),
                    folder(is),
                    folder(&was)
                )
            })
        })
    })
}

/// PostgreSQL that is told to keep its data elsewhere makes a new, empty database there.
fn data_moved(guarded: &Guarded<'_>) -> Option<String> {
    guarded.running.iter().find_map(|(name, running)| {
        let was = running.env.get("PGDATA")?;
        made_anew(guarded, name)?;
        match guarded.next_value(name, "PGDATA") {
            NextValue::Is(new) if new != was => Some(format!(
                "{name} would keep its data in {new}, and would not find what is in {was}"
            )),
            NextValue::Is(_) | NextValue::None | NextValue::NotKnown => None,
        }
    })
}

/// The definition of a service whose container is made anew.
fn made_anew<'a>(guarded: &Guarded<'a>, name: &ServiceName) -> Option<&'a Service> {
    let step = guarded.plan.step(name)?;
    let after = guarded.after.services.get(name)?;
    step.action.makes_container().then_some(after)
}

/// Anonymous volumes survive a recreate (F10), but not `down`, nor the end of their service, nor that
/// something else stands in their place, or that their place is no longer a volume.
pub(super) fn anonymous_volumes(guarded: &Guarded<'_>) -> Option<String> {
    for container in guarded.containers {
        let Some(mount) = container.mounts.iter().find(|mount| mount.is_anonymous()) else {
            continue;
        };
        let service = &container.service;
        let action = guarded.plan.step(service).map(|step| step.action);
        if guarded.down || action == Some(Action::Remove) {
            return Some(format!(
                "{service} keeps data in an anonymous volume, which a new container would not get"
            ));
        }
        let anonymous = container.mounts.iter().filter(|mount| mount.is_anonymous());
        let places = anonymous.filter_map(|mount| mount.destination.to_str());
        let mut hidden =
            places.filter_map(|place| Some((place, hidden_by(guarded, service, place)?)));
        let Some((place, by)) = hidden.next() else {
            continue;
        };
        return Some(format!(
            "{service} keeps data at {place} in the anonymous volume {}, and {by}: the data would not \
             be there. Copy it first: docker cp {}:{place} FOLDER",
            mount
                .name
                .as_deref()
                .unwrap_or_default()
                .get(..12)
                .unwrap_or_default(),
            container.name
        ));
    }
    None
}

/// What takes the place of the anonymous volume at a path.
fn hidden_by(guarded: &Guarded<'_>, service: &ServiceName, place: &str) -> Option<String> {
    let after = guarded.after.services.get(service)?;
    // What it mounts is another's, and asked of that one.
    let shares = after.shares_with();
    if shares.iter().any(|(field, _)| *field == "volumes_from") {
        return None;
    }
    let before = guarded.before.services.get(service);
    let was = before.and_then(|before| mounted(before, place));
    let is_made = made_anew(guarded, service).is_some();
    let brought = guarded.running.get(service);
    let brought = brought.and_then(|running| running.brought.as_ref());
    match (mounted(after, place), was) {
        // The container is out of sync since before, and stays so.
        (Some(Occupant::Other(_)), Some(Occupant::Other(_))) if !is_made => None,
        (Some(Occupant::Other(source)), _) => Some(format!("{source} would be mounted over it")),
        (Some(Occupant::Anonymous), _) => None,
        // Compose hands on the volume that an image asks for.
        (None, _) if brought.is_some_and(|brought| brought.volumes.contains(place)) => None,
        (None, Some(Occupant::Anonymous)) => {
            Some("nothing would be mounted there any more".to_owned())
        }
        (None, Some(Occupant::Other(_)) | None) => (is_made && brought.is_some())
            .then(|| "nothing would be mounted there any more".to_owned()),
    }
}

/// What a definition has at a place of the container.
enum Occupant {
    Anonymous,
    Other(String),
}

fn mounted(service: &Service, place: &str) -> Option<Occupant> {
    let volumes = service.raw.get("volumes").and_then(|all| all.as_array());
    let mut volumes = volumes.into_iter().flatten();
    if let Some(found) = volumes.find(|one| one["target"].as_str() == Some(place)) {
        return Some(match (found["source"].as_str(), found["type"].as_str()) {
            (Some(source), _) => Occupant::Other(source.to_owned()),
            (None, Some("volume") | None) => Occupant::Anonymous,
            (None, Some(kind)) => Occupant::Other(format!("a {kind}")),
        });
    }
    let is_tmpfs = service.tmpfs().any(|one| one == place);
    is_tmpfs.then(|| Occupant::Other("a tmpfs".to_owned()))
}

/// A mount that had data would show an empty folder.
pub(super) fn bind_vanishes(guarded: &Guarded<'_>) -> Option<String> {
    for (name, after) in &guarded.after.services {
        let Some(before) = guarded.before.services.get(name) else {
            continue;
        };
        let mut old: BTreeMap<_, _> = before
            .binds
            .iter()
            .map(|b| (&b.target, &b.source))
            .collect();
        let own = guarded.containers.iter().filter(|one| one.service == *name);
        let mounts = own.flat_map(|container| &container.mounts);
        let binds = mounts.filter(|mount| mount.kind == "bind");
        old.extend(binds.map(|mount| (&mount.destination, &mount.source)));
        for bind in &after.binds {
            let was = old
                .get(&bind.target)
                .filter(|source| **source != &bind.source);
            if let Some(was) = was
                && guarded.missing_sources.contains(&bind.source)
            {
                return Some(format!(
                    "{name} would mount {} at {} in place of {}, and it does not exist: its data would not be there",
                    bind.source.display(),
                    bind.target.display(),
                    was.display()
                ));
            }
        }
    }
    guarded.left_behind.first().map(|one| {
        format!(
            "{} would mount {} at {} in place of {}, and would not find {} there: copy it first",
            one.service,
            one.to.display(),
            one.target.display(),
            one.from.display(),
            one.entry
        )
    })
}
