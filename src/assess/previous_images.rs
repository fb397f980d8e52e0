//! The images that a rollback returns services to. One that is gone since is had again by its digest, or
//! built again from the commit that comes back; else the rollback is refused before it is planned.

use std::collections::{BTreeMap, BTreeSet};

use crate::apply::images::lost;
use crate::assessment::moving::Moving;
use crate::assessment::{Assessment, PinnedImage};
use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::registry::RegistryError;
use crate::event::ServiceName;
use crate::plan;
use crate::stack::{Place, build, build_inputs};

/// Where a service's previous image comes from.
enum PreviousImage {
    /// The engine has it.
    Here,
    /// The engine has it no more, and a registry has it by this name.
    AtRegistry(String),
    /// It is built again, from this.
    Built(String),
    /// Another service builds it.
    BuiltBy(ServiceName),
}

/// Puts them into the plan; gives those that get their names back first.
///
/// # Errors
/// `checkpoint_gone`; the engine's.
pub(super) async fn put_into_plan(
    place: &Place,
    assessment: &mut Assessment,
    images: Vec<PinnedImage>,
    moving: Option<&Moving>,
    built: &BTreeMap<String, String>,
) -> Result<Vec<PinnedImage>, Complaint> {
    let mut given = Vec::new();
    for image in images {
        let service = image.service.clone();
        if !is_another(place, assessment, &image).await? {
            continue;
        }
        if assessment.rests(&service) {
            assessment.recreate(&service, String::new());
            continue;
        }
        let by_name = moved_for_others(place, assessment, &image).await?;
        match source_of(place, assessment, &image, moving, built).await? {
            PreviousImage::Built(from) => {
                let text = format!("its previous image is gone, and is built again from {from}");
                assessment.rebuild(&service, text);
            }
            PreviousImage::BuiltBy(builder) => {
                let text = format!("its previous image is gone, and {builder} builds it again");
                assessment.recreate(&service, text);
            }
            source @ (PreviousImage::Here | PreviousImage::AtRegistry(_)) => {
                let text = match source {
                    PreviousImage::AtRegistry(name) => {
                        format!(
                            "returns to its previous image, which is gone and is pulled again ({name})"
                        )
                    }
                    PreviousImage::Here | PreviousImage::Built(_) | PreviousImage::BuiltBy(_) => {
                        format!("returns to its previous image ({})", image.kept_as)
                    }
                };
                if assessment.recreate(&service, text) {
                    plan::image::without_build(&mut assessment.plan, &service);
                    assessment.notes.extend(by_name);
                    given.push(image);
                }
            }
        }
    }
    Ok(given)
}

/// Whatever the name means by now: what counts is what runs.
async fn is_another(
    place: &Place,
    assessment: &Assessment,
    image: &PinnedImage,
) -> Result<bool, EngineError> {
    if !assessment.after.services.contains_key(&image.service) || assessment.plan.stack_is_down {
        return Ok(false);
    }
    let named = place.docker.image_id(&image.name).await?;
    let containers = assessment.containers.iter();
    let mut own = containers.filter(|c| c.service == image.service);
    let runs = own.all(|container| container.image_id == image.id);
    Ok(!(named.as_ref() == Some(&image.id) && runs))
}

async fn source_of(
    place: &Place,
    assessment: &Assessment,
    image: &PinnedImage,
    moving: Option<&Moving>,
    built: &BTreeMap<String, String>,
) -> Result<PreviousImage, Complaint> {
    if place.docker.image_id(&image.id).await?.is_some() {
        return Ok(PreviousImage::Here);
    }
    let found = lost::at_registry(&place.docker, image).await;
    if let Ok(Some(reference)) = &found {
        return Ok(PreviousImage::AtRegistry(reference.asked()));
    }
    if let Some(from) = built_from(assessment, image, moving, built) {
        return Ok(PreviousImage::Built(from));
    }
    let model = &assessment.after;
    let mut others = model.services.iter();
    let builder = others.find(|(name, service)| {
        let is_its = model.image_of(name).as_ref() == Some(&image.name);
        **name != image.service && service.builds() && is_its
    });
    match builder {
        Some((builder, _)) => Ok(PreviousImage::BuiltBy(builder.clone())),
        None => Err(gone(image, found.err())),
    }
}

/// From what an image can be built again as it was: the commit that the checkout goes back to, or files that
/// are still those that refit built it from.
fn built_from(
    assessment: &Assessment,
    image: &PinnedImage,
    moving: Option<&Moving>,
    built: &BTreeMap<String, String>,
) -> Option<String> {
    let service = assessment.after.services.get(&image.service)?;
    let definition = service.raw.get("build").filter(|build| !build.is_null())?;
    if let Some(moving) = moving {
        return Some(moving.movement.to.short().to_owned());
    }
    let now = build_inputs::digest(definition, build::context(definition)?)?;
    let is_same = built.get(&image.id) == Some(&now);
    is_same.then(|| "the same files".to_owned())
}

fn gone(image: &PinnedImage, silent: Option<RegistryError>) -> Complaint {
    let service = &image.service;
    let short = image.id.strip_prefix("sha256:").unwrap_or(&image.id);
    let short = short.get(..12).unwrap_or(short);
    let why = match (silent, image.digests.first()) {
        (Some(error), _) => format!("it cannot be pulled again now: {error}"),
        (None, Some(digest)) => format!("no registry has {digest} any more"),
        (None, None) => {
            "it came from no registry, and what it was built from is not here any more".to_owned()
        }
    };
    let text = format!(
        "the previous image of {service} ({short}) is gone from this engine, as by docker image prune -a, and {why}"
    );
    Complaint::new(Code::CheckpointGone, text).hint(format!(
        "bring the image back (docker pull, docker load), or name a version that exists: refit set \
         services.{service}.image=NAME:TAG -F compose.yaml"
    ))
}

/// A name belongs to the whole engine: who else runs the image that it means now.
async fn moved_for_others(
    place: &Place,
    assessment: &Assessment,
    image: &PinnedImage,
) -> Result<Option<String>, EngineError> {
    let Some(named) = place.docker.image_id(&image.name).await? else {
        return Ok(None);
    };
    if named == image.id {
        return Ok(None);
    }
    let own = &assessment.after.name;
    let containers = place.containers.iter();
    let of_others = containers.filter(|c| c.project != *own && c.image_id == named);
    let projects: BTreeSet<&str> = of_others.map(|one| one.project.as_str()).collect();
    let projects: Vec<&str> = projects.into_iter().collect();
    let name = &image.name;
    Ok((!projects.is_empty()).then(|| {
        let projects = projects.join(", ");
        format!(
            "{name} means the older image again for every project: {projects} runs the newer one under that \
             name, and its next docker compose up would go back as well"
        )
    }))
}

/// Services that ran in more containers before than the files say: nobody brings these back.
pub(super) fn fewer_containers(
    assessment: &Assessment,
    before: &BTreeMap<ServiceName, usize>,
) -> Vec<String> {
    let model = &assessment.after;
    let told = before.iter().filter_map(|(name, count)| {
        let service = model.services.get(name)?;
        let files = usize::try_from(service.replicas).ok()?;
        let own = assessment.containers.iter().filter(|c| c.service == *name);
        let now = own.count();
        (files > 0 && *count > files && now < *count).then(|| {
            format!(
                "{name} had {count} containers, and the files say {files}: docker compose up -d \
                 --no-recreate --scale {name}={count} brings the others back"
            )
        })
    });
    told.collect()
}
