//! Compose's hash of a service's definition, which it writes on the containers that it creates of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::Place;
use super::super::model::Model;
use crate::docker::EngineError;
use crate::docker::compose::ProjectArgs;
use crate::docker::container::{Container, label};
use crate::event::ServiceName;

/// The hashes of a model, as its containers have them if they were created of it.
pub(super) struct DefinitionHashes {
    own: BTreeMap<ServiceName, String>,
    /// Those of services that were made without what they wait for, where some have another hash.
    alone: BTreeMap<ServiceName, String>,
}

impl DefinitionHashes {
    /// Has Compose hash a model; `json` is its whole text.
    ///
    /// # Errors
    /// Compose's own message, or the temporary file cannot be written.
    pub(super) async fn of(
        place: &Place,
        args: &ProjectArgs,
        (model, json): (&Model, &str),
        containers: &[Container],
    ) -> Result<Self, EngineError> {
        let mut found = Self {
            own: BTreeMap::new(),
            alone: BTreeMap::new(),
        };
        // Without a container there is nothing to compare them with.
        if containers.is_empty() {
            return Ok(found);
        }
        let json = match with_hosts(model, json, containers) {
            Some(value) => value.to_string(),
            None => json.to_owned(),
        };
        let hashes = async |json: &str| {
            let all = place.compose.hashes(args, json, &place.scratch).await?;
            Ok::<_, EngineError>(all.into_iter().collect())
        };
        found.own = hashes(&json).await?;
        found.own.retain(|name, _| is_hashable(model, name));
        // Compose 2.26 takes `depends_on` into the hash, and out of it again with `--no-deps`, by which
        // refit makes containers: such a container has not drifted (F69).
        let waits = |name: &ServiceName| {
            let service = model.services.get(name);
            service.is_some_and(|service| !service.depends_on.is_empty())
        };
        let mut all = containers.iter();
        if all.any(|container| waits(&container.service) && found.is_other(container)) {
            found.alone = hashes(&without_depends_on(&json)).await?;
        }
        Ok(found)
    }

    /// Whether a container was created of another definition; what cannot be told is none.
    pub(super) fn is_other(&self, container: &Container) -> bool {
        let Some(hash) = self.own.get(&container.service) else {
            return false;
        };
        let label = container.labels.get(label::CONFIG_HASH);
        let known = [Some(hash), self.alone.get(&container.service)];
        label.is_none() || !known.contains(&label)
    }
}

/// Whether Compose can be asked for the hash of a service: what a provider gives it is in no file, and
/// where it takes another's volumes, a container's ID is hashed in a form that `config` refuses (F82).
pub(super) fn is_hashable(model: &Model, name: &ServiceName) -> bool {
    let service = model.services.get(name);
    let shared = service
        .map(|service| service.shares_with())
        .unwrap_or_default();
    let takes_volumes = shared.iter().any(|(field, _)| *field == "volumes_from");
    model.provider_of(name).is_none() && !takes_volumes
}

/// The model with the containers whose namespaces are shared in place of their services: so Compose
/// hashes it (F82). `None`: there is none.
fn with_hosts(model: &Model, json: &str, containers: &[Container]) -> Option<Value> {
    let host = |service: &ServiceName| {
        let own = containers.iter().filter(|one| one.service == *service);
        own.min_by(|a, b| a.name.cmp(&b.name))
    };
    let shared = model.services.iter().flat_map(|(name, service)| {
        let shared = service.shares_with().into_iter();
        shared.map(move |(field, of)| (name, field, of))
    });
    let shared: Vec<_> = shared
        .filter(|(_, field, _)| *field != "volumes_from")
        .filter_map(|(name, field, of)| Some((name, field, host(&of)?)))
        .collect();
    if shared.is_empty() {
        return None;
    }
    let mut value: Value = serde_json::from_str(json).ok()?;
    for (name, field, host) in shared {
        let service = value.get_mut("services")?.get_mut(name.as_str())?;
        service[field] = format!("container:{}", host.id).into();
    }
    Some(value)
}

fn without_depends_on(json: &str) -> String {
    let mut model: Value = serde_json::from_str(json).unwrap_or_default();
    let services = model
        .get_mut("services")
        .and_then(|all| all.as_object_mut());
    for (_, service) in services.into_iter().flatten() {
        if let Some(service) = service.as_object_mut() {
            service.remove("depends_on");
        }
    }
    model.to_string()
}

/// The services whose containers were created of another definition than this model has.
///
/// # Errors
/// As [`DefinitionHashes::of`].
pub(crate) async fn created_otherwise(
    place: &Place,
    args: &ProjectArgs,
    model: (&Model, &str),
    containers: &[Container],
) -> Result<BTreeSet<ServiceName>, EngineError> {
    let hashes = DefinitionHashes::of(place, args, model, containers).await?;
    let others = containers.iter().filter(|one| hashes.is_other(one));
    Ok(others.map(|one| one.service.clone()).collect())
}
