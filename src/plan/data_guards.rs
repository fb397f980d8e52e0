//! Data that a service has now and would not find any more: volumes, anonymous volumes, binds. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::guarded::Guarded;
use crate::event::{Action, ServiceName};
use crate::stack::model::{Model, Section};

/// A named volume that a container has, and a new one of the same service would not.
fn volume_of_container(guarded: &Guarded<'_>) -> Option<String> {
    for container in guarded.containers {
        let name = &container.service;
        let step = guarded.plan.step(name);
        let is_made = step.is_some_and(|step| step.action.makes_container());
        let Some(after) = guarded.after.services.get(name).filter(|_| is_made) else {
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

fn real_name(model: &Model, key: &str) -> Option<String> {
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
        let now: BTreeSet<Option<String>> = guarded
            .after
            .services
            .get(name)
            .map(|after| after.uses(Section::Volumes))
            .unwrap_or_default()
            .iter()
            .map(|key| real_name(guarded.after, key))
            .collect();
        for key in before.uses(Section::Volumes) {
            let real = real_name(guarded.before, &key);
            if real.is_some() && !now.contains(&real) {
                let real = real.unwrap_or_default();
                if !guarded.after.services.contains_key(name) {
                    return Some(format!(
                        "{name} would be removed, and its data in the volume {real} would not be used any more"
                    ));
                }
                return Some(format!(
                    "{name} would no longer use the volume {real}, and would start without its data"
                ));
            }
        }
    }
    volume_of_container(guarded)
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
    let mounted = |model: &Model| {
        let volumes = model.services.get(service)?.raw.get("volumes")?;
        let mut volumes = volumes.as_array()?.iter();
        let found = volumes.find(|one| one["target"].as_str() == Some(place))?;
        Some(found["source"].as_str().map(str::to_owned))
    };
    guarded.after.services.get(service)?;
    match (mounted(guarded.before), mounted(guarded.after)) {
        // The container is out of sync since before.
        (Some(Some(_)), _) => None,
        (_, Some(Some(source))) => Some(format!("{source} would be mounted over it")),
        (Some(None), None) => Some("nothing would be mounted there any more".to_owned()),
        (Some(None) | None, Some(None)) | (None, None) => None,
    }
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
    None
}
