//! Where files and containers differ already: what `apply` would mend, and what every other command
//! only shows. Hashes alone do not tell it (F5), so containers are looked at as well.

mod adjusted;
mod difference;
mod engine_state;
mod handed;
mod hashes;
mod image;
pub(crate) mod mounted;
mod mounts;
mod objects;
mod shared_network;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::stream::{FuturesOrdered, StreamExt as _};

use jiff::Timestamp;

pub(crate) use difference::Drift;
use difference::drift;
use engine_state::EngineState;
pub(crate) use hashes::created_otherwise;
use hashes::{DefinitionHashes, is_hashable};
pub(crate) use image::ImageAge;
pub(crate) use mounted::seen_by_process;
use mounts::{Writers, of_mounts};

use super::model::{Model, Service};
use super::variables::OwnVariables;
use super::{Place, Resolved, build, build_inputs, identity};
use crate::complaint::Complaint;
use crate::docker::EngineError;
use crate::docker::container::{Container, Inspected, State};
use crate::docker::image::LocalImage;
use crate::event::{Action, Route, ServiceName};

/// The stack's files beside what runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Comparison {
    /// What differs.
    pub drifts: Vec<Drift>,
    /// What nobody can see, or was not looked at.
    pub not_known: Vec<String>,
    /// The services of which it is not known whether their images were built from the present files.
    pub built_unseen: BTreeSet<ServiceName>,
    /// The files mean another project than the one that runs.
    pub other_project: Option<Complaint>,
    /// What Compose would not make of the files by itself.
    pub unnamed: Option<String>,
    /// Services that end when their work is done, and have not begun it.
    pub not_run: BTreeSet<ServiceName>,
}

/// What refit itself has done, and nothing of the engine's tells of.
#[derive(Debug, Clone, Default)]
pub(crate) struct PastWork {
    /// When it last told a service to read its files anew, without starting it.
    pub reloaded: BTreeMap<ServiceName, Timestamp>,
    /// The digests of what it built images from, by their IDs.
    pub built: BTreeMap<String, String>,
}

/// What is said of an image that refit did not build.
pub(crate) fn not_known_whether_built(name: &ServiceName) -> String {
    format!("whether the image of {name} was built from the present files")
}

/// Compares the stack's files with what the engine has; `named` are the services that somebody names.
///
/// # Errors
/// The engine's or Compose's.
pub(crate) async fn find(
    place: &Place,
    resolved: &Resolved,
    containers: &[Container],
    work: &PastWork,
    named: &[ServiceName],
) -> Result<Comparison, EngineError> {
    let model = &resolved.model;
    let seen = look(place, resolved, containers).await?;
    let stack = ComparedStack {
        place,
        resolved,
        containers,
        named,
        writers: Writers::of(place, model, &work.reloaded),
        built: &work.built,
        variables: OwnVariables::read(&place.located.args),
        finished: place.one_shots(model),
        seen,
    };
    let mut found = Comparison {
        other_project: identity::other_project(place, model, &[]).await?,
        unnamed: identity::unnamed(place, model),
        ..Comparison::default()
    };
    for name in model.in_dependency_order() {
        if let Some(service) = model.services.get(&name) {
            stack.service(&name, service, &mut found);
        }
    }
    found.drifts.extend(orphans(model, containers));
    if !place.docker.endpoint.is_local() {
        let text = "what processes have read of mounted files: the engine is on another machine";
        found.not_known.push(text.to_owned());
    }
    Ok(found)
}

/// Both sides, as they were seen.
struct ComparedStack<'a> {
    place: &'a Place,
    resolved: &'a Resolved,
    containers: &'a [Container],
    named: &'a [ServiceName],
    writers: Writers<'a>,
    built: &'a BTreeMap<String, String>,
    variables: OwnVariables,
    /// Services that end when their work is done.
    finished: BTreeSet<ServiceName>,
    seen: EngineState,
}

impl ComparedStack<'_> {
    fn service(&self, name: &ServiceName, service: &Service, found: &mut Comparison) {
        if service.has_provider() {
            let text = format!("whether {name}, which has a provider, is as the files say");
            found.not_known.push(text);
            return;
        }
        let all = self.containers.iter().filter(|one| one.service == *name);
        let (left, own): (Vec<&Container>, Vec<&Container>) =
            all.partition(|container| container.is_leftover(self.containers));
        let model = &self.resolved.model;
        let is_active = model.is_active(name, &self.place.located.args.profiles);
        let differs = |action, text| drift(name, action, Route::Definition, text);
        if own.is_empty() {
            if is_active && service.replicas > 0 {
                let text = "has no container".to_owned();
                found.drifts.push(differs(Action::Start, text));
            }
            return;
        }
        let mut drifts = of_definition(name, service, &own, &self.seen, self.resolved);
        let is_built_of = self.is_built_of(service, &own);
        if is_built_of == Some(false) {
            let text = "the files that its image is built from have changed since refit built it";
            drifts.push(drift(name, Action::Rebuild, Route::Build, text));
        }
        drifts.extend(objects::of_service(name, &own, &self.seen, model));
        if self.place.docker.endpoint.is_local() {
            let (stale, unclear) = of_mounts(name, &own, &self.seen, &self.writers, model);
            drifts.extend(stale);
            found.not_known.extend(unclear);
        }
        let (other, unclear) = handed::of_service(name, &own, &self.seen, &self.variables, model);
        drifts.extend(other);
        found.not_known.extend(unclear);
        drifts.extend(self.by_hand(name, &own));
        drifts.extend(self.of_state(name, &own, found));
        if !is_active && !self.named.contains(name) {
            // Compose touches nothing of a service whose profile is off, unless it is named.
            drifts.retain(|drift| !matches!(drift.action, Action::Start | Action::Remove));
            for drift in &mut drifts {
                drift.action = Action::None;
            }
        }
        // Whatever else is done to the service removes it as well.
        if let Some(left) = left.first()
            && drifts.is_empty()
        {
            let text = format!("extra container {} (never started)", left.name);
            drifts.push(differs(Action::Remove, text));
        }
        found.drifts.extend(drifts);
        if let Some(provider) = model.provider_of(name) {
            let text = format!("what {name} got from the provider of {provider}");
            found.not_known.push(text);
        }
        if !is_hashable(model, name) && model.provider_of(name).is_none() {
            let text = format!(
                "whether {name}, which takes another's volumes, was created of its present definition"
            );
            found.not_known.push(text);
        }
        if service.builds() && is_built_of.is_none() {
            found.not_known.push(not_known_whether_built(name));
            found.built_unseen.insert(name.clone());
        }
    }
}

impl ComparedStack<'_> {
    /// Whether its image was built of the present files; `None` where that is not known.
    fn is_built_of(&self, service: &Service, own: &[&Container]) -> Option<bool> {
        let build = service.raw.get("build").filter(|build| !build.is_null())?;
        let built = own.iter().map(|one| self.built.get(&one.image_id));
        let built: Vec<&String> = built.collect::<Option<_>>()?;
        let now = build_inputs::digest(build, build::context(build)?)?;
        Some(built.iter().all(|was| **was == now))
    }

    /// What runs and should not, or does not and should.
    fn of_state(
        &self,
        name: &ServiceName,
        own: &[&Container],
        found: &mut Comparison,
    ) -> Option<Drift> {
        let model = &self.resolved.model;
        if !model.is_active(name, &self.place.located.args.profiles) {
            let is_up = own.iter().any(|container| container.is_up());
            let text = profile_is_off(name);
            return is_up.then(|| drift(name, Action::None, Route::Definition, text));
        }
        if !self.finished.contains(name) {
            return of_state(name, own);
        }
        let not_run = not_run(name, own)?;
        found.not_run.insert(name.clone());
        Some(not_run)
    }

    /// What somebody did to its containers besides the files; what several have is said once.
    fn by_hand(&self, name: &ServiceName, own: &[&Container]) -> Vec<Drift> {
        let seen = &self.seen;
        let inspected = own.iter().filter_map(|one| seen.inspected.get(&one.id));
        let mut found: Vec<Drift> = Vec::new();
        for one in inspected {
            let shared = shared_network::of_container(name, one, &seen.network_hosts);
            let model = &self.resolved.model;
            // Of another definition everything may be otherwise.
            let is_other = own.iter().any(|container| seen.hashes.is_other(container));
            let adjusted = match is_other || !is_hashable(model, name) {
                true => Vec::new(),
                false => adjusted::of_container(name, one, model),
            };
            found.extend(shared);
            found.extend(adjusted);
        }
        found.dedup();
        found
    }
}

/// What is said of a service that Compose would no longer start, and leaves running.
pub(crate) fn profile_is_off(name: &ServiceName) -> String {
    format!("still runs though its profile is off: docker compose stop {name} stops it")
}

/// Containers of the project that no file names. Another compose file of the same folder may be
/// theirs: nothing is done to them.
fn orphans(model: &Model, containers: &[Container]) -> Vec<Drift> {
    let strangers = containers
        .iter()
        .filter(|container| !model.services.contains_key(&container.service));
    let names: BTreeSet<(&ServiceName, bool)> = strangers
        .map(|container| (&container.service, container.is_up()))
        .collect();
    let told = names.into_iter().map(|(name, is_up)| {
        let there = match is_up {
            true => "runs",
            false => "has a container",
        };
        let text = format!(
            "{there}, and no file names it: docker compose up -d --remove-orphans removes it"
        );
        drift(name, Action::None, Route::Definition, text)
    });
    told.collect()
}

async fn look(
    place: &Place,
    resolved: &Resolved,
    containers: &[Container],
) -> Result<EngineState, EngineError> {
    let model = (&resolved.model, resolved.json.as_str());
    let hashes = DefinitionHashes::of(place, &place.located.args, model, containers);
    let (hashes, inspected, images, networks, volumes) = tokio::join!(
        hashes,
        inspect_all(place, containers),
        named_images(place, &resolved.model),
        place.docker.all_networks(),
        place.docker.all_volumes(),
    );
    let inspected = inspected?;
    let handed = handed::look(place, resolved, containers).await;
    let hashes = hashes?;
    let others = containers.iter().filter(|one| hashes.is_other(one));
    let images = images?;
    Ok(EngineState {
        built_at: built_at(place, containers, &images).await?,
        image_env: image_env(place, others).await?,
        hashes,
        network_hosts: network_hosts(place, &inspected).await?,
        handed,
        inspected,
        images,
        networks: networks?,
        volumes: volumes?,
    })
}

/// Differences for which the container must be made anew.
fn of_definition(
    name: &ServiceName,
    service: &Service,
    own: &[&Container],
    seen: &EngineState,
    resolved: &Resolved,
) -> Vec<Drift> {
    let mut found = of_keys(name, service, own, seen, resolved);
    if found.is_empty() && own.iter().any(|container| seen.hashes.is_other(container)) {
        let text = "configuration changed since the container was created";
        found.push(drift(name, Action::Recreate, Route::Definition, text));
    }
    found.extend(image::of_service(name, service, own, seen, &resolved.model));
    let running = u64::try_from(own.len()).unwrap_or(u64::MAX);
    if running != service.replicas {
        let containers = if running == 1 {
            "container"
        } else {
            "containers"
        };
        let text = format!(
            "has {running} {containers}, the files say {}",
            service.replicas
        );
        let action = if running < service.replicas {
            Action::Start
        } else {
            Action::Remove
        };
        found.push(drift(name, action, Route::Definition, text));
    }
    found
}

/// The variables of the environment that are otherwise.
fn of_keys(
    name: &ServiceName,
    service: &Service,
    own: &[&Container],
    seen: &EngineState,
    resolved: &Resolved,
) -> Vec<Drift> {
    let mut found = Vec::new();
    let has_key = |one: &Container, key: &String| {
        let inspected = seen.inspected.get(&one.id);
        inspected.is_some_and(|inspected| inspected.env.contains_key(key))
    };
    let keys: BTreeSet<&String> = own
        .iter()
        .filter_map(|container| seen.inspected.get(&container.id))
        .flat_map(|inspected| differing_keys(service, inspected))
        .collect();
    for key in keys {
        let source = resolved.source.services.get(name);
        let by_file = source.is_some_and(|s| !s.environment.contains(key));
        let route = if by_file {
            Route::EnvFile
        } else {
            Route::Environment
        };
        let mut one = drift(
            name,
            Action::Recreate,
            route,
            match own.iter().any(|one| has_key(one, key)) {
                true => format!("runs with another {key}"),
                false => format!("runs without {key}"),
            },
        );
        one.reason.key = Some(key.clone());
        found.push(one);
    }
    let removed: BTreeSet<&String> = own
        .iter()
        .flat_map(|container| removed_keys(service, container, seen))
        .collect();
    for key in removed {
        let text = format!("still runs with {key}, which the files set no more");
        let mut one = drift(name, Action::Recreate, Route::Environment, text);
        one.reason.key = Some(key.clone());
        found.push(one);
    }
    found
}

/// The keys whose value in the container is not that of the model.
fn differing_keys<'a>(service: &'a Service, inspected: &Inspected) -> Vec<&'a String> {
    service
        .environment
        .iter()
        .filter(|(key, value)| match value {
            Some(value) => inspected.env.get(*key) != Some(value),
            None => false,
        })
        .map(|(key, _)| key)
        .collect()
}

/// The keys of a container that was created of another definition, and that neither this one sets nor the
/// image brings.
fn removed_keys<'a>(
    service: &Service,
    container: &Container,
    seen: &'a EngineState,
) -> Vec<&'a String> {
    let inspected = seen.inspected.get(&container.id);
    let brought = seen.image_env.get(&container.image_id);
    let (Some(inspected), Some(brought)) = (inspected, brought) else {
        return Vec::new();
    };
    let is_set = |key: &String| service.environment.get(key).is_some_and(Option::is_some);
    // Compose hands on those of the docker CLI's settings to each container that it makes.
    let is_of_proxy = |key: &String| key.to_ascii_uppercase().ends_with("_PROXY");
    let env = inspected.env.iter();
    env.filter(|(key, value)| !is_set(key) && brought.get(*key) != Some(value) && !is_of_proxy(key))
        .map(|(key, _)| key)
        .collect()
}

/// Containers that do not run although the files define the service.
fn of_state(name: &ServiceName, own: &[&Container]) -> Option<Drift> {
    let down = own.iter().find(|container| {
        matches!(
            container.state,
            State::Exited | State::Created | State::Dead | State::Paused
        )
    })?;
    let text = match down.exit_code {
        Some(code) if down.state == State::Exited && code != 0 => {
            format!("stopped (exit code {code})")
        }
        _ => format!("is {}", stopped_word(down.state)),
    };
    Some(drift(name, Action::Start, Route::Definition, text))
}

/// Work that was not begun. A way back recreates what has done its work just so: only who names it runs it.
fn not_run(name: &ServiceName, own: &[&Container]) -> Option<Drift> {
    let is_created = own.iter().all(|one| one.state == State::Created);
    let word = stopped_word(State::Created);
    let text = format!("is {word}; refit apply {name} runs it");
    is_created.then(|| drift(name, Action::None, Route::Definition, text))
}

fn stopped_word(state: State) -> &'static str {
    match state {
        State::Exited => "stopped",
        State::Created => "created and was never started",
        State::Running | State::Paused | State::Restarting | State::Dead | State::Removing => {
            state.word()
        }
    }
}

async fn inspect_all(
    place: &Place,
    containers: &[Container],
) -> Result<HashMap<String, Inspected>, EngineError> {
    let mut asked: FuturesOrdered<_> = containers
        .iter()
        .map(|container| place.docker.inspect(&container.id))
        .collect();
    let mut found = HashMap::new();
    while let Some(answer) = asked.next().await {
        if let Some(inspected) = answer? {
            found.insert(inspected.id.clone(), inspected);
        }
    }
    Ok(found)
}

/// The containers in whose networks others live.
async fn network_hosts(
    place: &Place,
    inspected: &HashMap<String, Inspected>,
) -> Result<HashMap<String, Inspected>, EngineError> {
    let ids = inspected
        .values()
        .filter_map(|one| one.reach.network_of.as_ref());
    let ids: BTreeSet<&String> = ids.filter(|id| *id != "host").collect();
    let mut found = HashMap::new();
    for id in ids {
        if let Some(host) = place.docker.inspect(id).await? {
            found.insert(id.clone(), host);
        }
    }
    Ok(found)
}

/// What the images of these containers bring to their environment; the engine may have lost one.
async fn image_env(
    place: &Place,
    containers: impl Iterator<Item = &Container>,
) -> Result<HashMap<String, BTreeMap<String, String>>, EngineError> {
    let images: BTreeSet<&String> = containers.map(|one| &one.image_id).collect();
    let mut found = HashMap::new();
    for id in images.into_iter().filter(|id| !id.is_empty()) {
        let env = place.docker.image_environment(id).await?;
        found.extend(env.map(|env| (id.clone(), env)));
    }
    Ok(found)
}

async fn named_images(
    place: &Place,
    model: &Model,
) -> Result<HashMap<String, Option<LocalImage>>, EngineError> {
    let names: BTreeSet<String> = model
        .services
        .keys()
        .filter_map(|service| model.image_of(service))
        .collect();
    let asked = names.into_iter().map(|name| async {
        let image = place.docker.image(&name).await?;
        Ok((name, image))
    });
    let found = futures_util::future::try_join_all(asked).await?;
    Ok(found.into_iter().collect())
}

/// When the images were built that containers run and that no name of the model means any more, by ID.
async fn built_at(
    place: &Place,
    containers: &[Container],
    named: &HashMap<String, Option<LocalImage>>,
) -> Result<HashMap<String, Option<Timestamp>>, EngineError> {
    let named: BTreeSet<&String> = named.values().flatten().map(|image| &image.id).collect();
    let ids = containers.iter().map(|one| &one.image_id);
    let ids: BTreeSet<&String> = ids.filter(|id| !id.is_empty()).collect();
    let mut found = HashMap::new();
    for id in ids.difference(&named) {
        let image = place.docker.image(id).await?;
        found.insert((*id).clone(), image.and_then(|image| image.created));
    }
    Ok(found)
}
