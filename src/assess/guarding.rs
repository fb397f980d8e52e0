//! What guards are shown of a change: the containers and images that it is about. Reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{crossing, own_layer, preflight};
use crate::assessment::Assessment;
use crate::complaint::Complaint;
use crate::docker::EngineError;
use crate::docker::container::Container;
use crate::docker::image::Brought;
use crate::event::{Action, ServiceName};
use crate::host::files;
use crate::plan::crossing::Crossing;
use crate::plan::guarded::{ChangedKey, Guarded, LeftBehind, Running, StoreImages};
use crate::plan::{Step, guard, store_guard};
use crate::request::{Options, Strategy};
use crate::stack::{Place, application};

/// What guards and checks say against a change; otherwise what is to be told.
///
/// # Errors
/// The first that says no.
pub(super) async fn refusals(
    place: &Place,
    assessment: &Assessment,
    options: &Options,
) -> Result<Vec<String>, Complaint> {
    let seen = GuardView::look(place, assessment, options).await?;
    let keys = seen.changed_keys();
    let guarded = seen.guarded(assessment, &keys);
    // A way back is not barred by what guards the way there.
    // But data that was migrated in between cannot be read by the old version.
    match assessment.undoes().is_empty() {
        true => guard::check(&guarded, &options.allow)?,
        false => guard::check_way_back(&guarded, &options.allow)?,
    }
    if options.no_apply {
        return Ok(Vec::new());
    }
    let mut notes = match options.allow.contains(&guard::Guard::StoreMajor) {
        true => Vec::new(),
        false => store_guard::remarks(&guarded),
    };
    preflight::providers(assessment)?;
    notes.extend(preflight::volumes(place, assessment).await?);
    let brings = |path: &Path| assessment.edited.brings(path);
    let (plan, allow) = (&assessment.plan, &options.allow);
    notes.extend(preflight::all(place, &assessment.after, plan, allow, brings).await?);
    Ok(notes)
}

/// Which versions of the application a change passes, as far as it is seen before images come.
///
/// # Errors
/// The engine's.
pub(super) async fn crossing(
    place: &Place,
    assessment: &Assessment,
) -> Result<Option<Crossing>, Complaint> {
    if assessment.plan.is_empty() || assessment.plan.stack_is_down {
        return Ok(None);
    }
    let awaited = awaited(place, assessment).await?;
    Ok(crossing::of(place, assessment, &awaited).await?)
}

/// Looks at the images once more that have come or were built for a change, before it stops a container.
/// Gives what is passed, by what they say.
///
/// # Errors
/// `guard_store`, `guard_no_way_back`, or the engine's.
pub(crate) async fn images_that_came(
    place: &Place,
    assessment: &Assessment,
    options: &Options,
) -> Result<Option<Crossing>, Complaint> {
    if assessment.undoing().is_some() {
        return Ok(assessment.crossing.clone());
    }
    let images = store_images(place, assessment, &BTreeSet::new()).await?;
    let crossing = crossing::of(place, assessment, &BTreeSet::new()).await?;
    let seen = GuardView {
        images,
        ..GuardView::default()
    };
    let guarded = Guarded {
        crossing: crossing.as_ref(),
        ..seen.guarded(assessment, &[])
    };
    let checked = guard::check_images(&guarded, &options.allow);
    checked.map_err(|refused| match assessment.supply() {
        // It counts as one that failed from now on.
        Some(_) => {
            refused.told(|guard| format!("refit upgrade --retry --allow {guard} does it anyway"))
        }
        None => refused.into(),
    })?;
    Ok(crossing)
}

/// What is shown to guards besides both sides.
#[derive(Default)]
struct GuardView {
    generated: Vec<(String, String)>,
    running: BTreeMap<ServiceName, Running>,
    images: StoreImages,
    missing_sources: Vec<PathBuf>,
    left_behind: Vec<LeftBehind>,
    keys: Vec<(String, bool)>,
    own_keys: Vec<String>,
}

/// The containers that the plan makes anew, by their service.
///
/// # Errors
/// The engine's: what a guard has not seen, it must not let pass.
async fn running(
    place: &Place,
    assessment: &Assessment,
) -> Result<BTreeMap<ServiceName, Running>, EngineError> {
    let is_made = |container: &&Container| {
        let step = assessment.plan.step(&container.service);
        step.is_some_and(|step| step.action.makes_container())
    };
    let own = assessment.containers.iter().filter(is_made);
    let seen = own.map(|container| async {
        let service = &container.service;
        let image = assessment.after.image_of(service);
        let (inspected, brought) = tokio::join!(
            place.docker.inspect(&container.id),
            place
                .docker
                .brought_by(image.as_deref().unwrap_or_default())
        );
        // An image that is yet to be fetched or built mostly brings what the present one does.
        let brought = match brought {
            Ok(None) => place.docker.brought_by(&container.image_id).await,
            known => known,
        };
        let brought = brought?;
        // One that is gone by now has nothing to lose.
        let running = inspected?.map(|inspected| Running {
            env: inspected.env,
            brought,
        });
        Ok(running.map(|running| (service.clone(), running)))
    });
    let seen = futures_util::future::try_join_all(seen).await?;
    Ok(seen.into_iter().flatten().collect())
}

impl GuardView {
    async fn look(
        place: &Place,
        assessment: &Assessment,
        options: &Options,
    ) -> Result<Self, Complaint> {
        let generated = match assessment.undoes().is_empty() {
            true => own_layer::generated_keys(place, assessment).await,
            false => Vec::new(),
        };
        let model = assessment.before.as_ref().unwrap_or(&assessment.after);
        // `${KEY:-}` is a text, and gives a container no value.
        let comes_to_nothing = |text: &str, key: &str| {
            let mut services = model.services.values();
            let has =
                |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
            text.contains('$') && !services.any(|one| one.environment.get(key).is_some_and(has))
        };
        let changes = assessment.edited.changes.iter();
        let changes = changes.filter(|change| change.before != change.after);
        let keys: Vec<(String, bool)> = changes
            .map(|change| {
                let before = change.before.as_ref();
                let had_value = before.is_some_and(|value| {
                    !value.is_empty() && !comes_to_nothing(value, &change.name)
                });
                (change.name.clone(), had_value)
            })
            .collect();
        let services = assessment.after.services.values();
        let binds = services.flat_map(|service| &service.binds);
        let missing_sources = match place.docker.endpoint.is_local() {
            true => binds
                .map(|b| b.source.clone())
                .filter(|source| !assessment.edited.brings(source))
                .collect(),
            false => Vec::new(),
        };
        let mut own_keys = place.settings.guard.keys.clone();
        if (!assessment.plan.is_empty() || !keys.is_empty())
            && let Ok(known) = application::of(&place.located.args.directory, model, None)
        {
            own_keys.extend(known.profile.guarded);
        }
        let awaited = match options.no_apply || assessment.plan.stack_is_down {
            true => BTreeSet::new(),
            false => awaited(place, assessment).await?,
        };
        Ok(Self {
            generated,
            running: running(place, assessment).await?,
            images: store_images(place, assessment, &awaited).await?,
            missing_sources,
            left_behind: left_behind(place, assessment),
            keys,
            own_keys,
        })
    }

    fn guarded<'a>(
        &'a self,
        assessment: &'a Assessment,
        keys: &'a [ChangedKey<'a>],
    ) -> Guarded<'a> {
        Guarded {
            before: assessment.before.as_ref().unwrap_or(&assessment.after),
            source: &assessment.source,
            after: &assessment.after,
            plan: &assessment.plan,
            containers: &assessment.containers,
            running: &self.running,
            images: &self.images,
            keys,
            own_keys: &self.own_keys,
            missing_sources: &self.missing_sources,
            left_behind: &self.left_behind,
            generated: &self.generated,
            crossing: assessment.crossing.as_ref(),
            down: assessment.strategy == Strategy::DownUp,
        }
    }

    fn changed_keys(&self) -> Vec<ChangedKey<'_>> {
        let keys = self.keys.iter();
        keys.map(|(key, had_value)| ChangedKey {
            key,
            had_value: *had_value,
        })
        .collect()
    }
}

/// What lies in folders that containers mount, and not in those that their next ones mount in their place.
/// What git moves along is in both.
fn left_behind(place: &Place, assessment: &Assessment) -> Vec<LeftBehind> {
    let mut found = Vec::new();
    if !place.docker.endpoint.is_local() {
        return found;
    }
    for container in &assessment.containers {
        let Some(after) = assessment.after.services.get(&container.service) else {
            continue;
        };
        for mount in container.mounts.iter().filter(|mount| mount.kind == "bind") {
            let mut binds = after.binds.iter();
            let bind = binds.find(|bind| bind.target == mount.destination);
            let Some(bind) =
                bind.filter(|bind| files::follow(&bind.source) != files::follow(&mount.source))
            else {
                continue;
            };
            if mount.rw && mount.source.is_dir() {
                let missing = missing_in(&mount.source, &bind.source, assessment);
                found.extend(missing.map(|entry| LeftBehind {
                    service: container.service.clone(),
                    target: mount.destination.clone(),
                    from: mount.source.clone(),
                    to: bind.source.clone(),
                    entry,
                }));
            }
        }
    }
    found
}

/// Something in a folder that stays there, and that another one will not have.
fn missing_in(from: &Path, to: &Path, assessment: &Assessment) -> Option<String> {
    let brings = |path: &Path| assessment.edited.brings(path);
    match std::fs::read_dir(from) {
        Ok(entries) => entries.flatten().find_map(|entry| {
            let is_lost = brings(&entry.path()) && !brings(&to.join(entry.file_name()));
            is_lost.then(|| entry.file_name().to_string_lossy().into_owned())
        }),
        // What cannot be looked at, such as a database's folder, has something in it.
        Err(_) => Some("what is in it".to_owned()),
    }
}

/// The services that get an image which is fetched or built first.
async fn awaited(
    place: &Place,
    assessment: &Assessment,
) -> Result<BTreeSet<ServiceName>, EngineError> {
    let steps = &assessment.plan.steps;
    let rebuilt = steps.iter().filter(|step| step.action == Action::Rebuild);
    let mut coming: BTreeSet<String> = rebuilt
        .filter_map(|step| assessment.after.image_of(&step.service))
        .collect();
    coming.extend(assessment.wanted().iter().map(|wanted| wanted.name.clone()));
    let mut awaited = BTreeSet::new();
    for step in steps.iter().filter(|step| step.action.makes_container()) {
        let service = &step.service;
        let pinned = assessment.images().iter();
        let Some(name) = assessment.after.image_of(service) else {
            continue;
        };
        if pinned.clone().any(|image| image.service == *service) {
            continue;
        }
        if coming.contains(&name) || place.docker.image_id(&name).await?.is_none() {
            awaited.insert(service.clone());
        }
    }
    Ok(awaited)
}

/// What the registry says of the image that is fetched for a service; one that is built is not there.
fn seen_at_registry<'a>(assessment: &'a Assessment, service: &ServiceName) -> Option<&'a Brought> {
    let name = assessment.after.image_of(service)?;
    let is_built = |step: &Step| step.service == *service && step.action == Action::Rebuild;
    let mut wanted = assessment.wanted().iter();
    let wanted = wanted.find(|wanted| wanted.name == name)?;
    let is_built = assessment.plan.steps.iter().any(is_built);
    wanted.brought.as_ref().filter(|_| !is_built)
}

/// What the images say of themselves: those of the present containers, and those of the next ones that
/// are here.
async fn store_images(
    place: &Place,
    assessment: &Assessment,
    awaited: &BTreeSet<ServiceName>,
) -> Result<StoreImages, EngineError> {
    let mut images = StoreImages {
        awaited: awaited.clone(),
        ..StoreImages::default()
    };
    if assessment.plan.is_empty() {
        return Ok(images);
    }
    for container in &assessment.containers {
        let service = &container.service;
        let has_data = container.mounts.iter().any(|mount| mount.kind != "tmpfs");
        if has_data && !images.present.contains_key(service) {
            let brought = place.docker.brought_by(&container.image_id).await?;
            images
                .present
                .extend(brought.map(|brought| (service.clone(), brought)));
        }
    }
    let steps = assessment.plan.steps.iter();
    for step in steps.filter(|step| step.action.makes_container()) {
        let service = &step.service;
        if awaited.contains(service) {
            if let Some(brought) = seen_at_registry(assessment, service) {
                images.next.insert(service.clone(), brought.clone());
                images.awaited.remove(service);
            }
            continue;
        }
        let mut pinned = assessment.images().iter();
        let pinned = pinned.find(|image| image.service == *service);
        let name = match pinned {
            Some(image) => Some(image.id.clone()),
            None => assessment.after.image_of(service),
        };
        let brought = place.docker.brought_by(&name.unwrap_or_default()).await?;
        images
            .next
            .extend(brought.map(|brought| (service.clone(), brought)));
    }
    Ok(images)
}
