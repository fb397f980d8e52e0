//! Images that a run keeps by ID under a name of ours, so that `docker image prune` does not take them, for as long as the
//! run can be undone; and what it lets go of when it is forgotten.

use std::collections::BTreeSet;

use crate::assessment::Assessment;
use crate::assessment::PinnedImage;
use crate::complaint::Complaint;
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::container::Container;
use crate::docker::reference::Reference;
use crate::event::Action;
use crate::plan::Step;
use crate::stack::model::Model;

/// The repository under which old images are kept.
const KEPT: &str = "refit-kept";

/// Every name under which an image is kept, for whatever run of whatever user.
///
/// # Errors
/// The engine's.
pub(super) async fn all(docker: &Docker) -> Result<Vec<String>, EngineError> {
    docker.names_in(KEPT).await
}

/// The images of the services that get new containers, and the names that are to keep them.
pub(crate) async fn images_of(
    docker: &Docker,
    prefix: &str,
    model: &Model,
    assessment: &Assessment,
    containers: &[Container],
) -> Result<Vec<PinnedImage>, Complaint> {
    let mut images: Vec<PinnedImage> = Vec::new();
    for step in &assessment.plan.steps {
        let heavy = step.action.makes_container() || step.action == Action::Remove;
        let own = containers
            .iter()
            .find(|container| container.service == step.service);
        let Some(container) = own.filter(|_| heavy) else {
            continue;
        };
        // Not the container's: the engine shows none once the name belongs to another image.
        let name = model.image_of(&step.service);
        let name = name.unwrap_or_else(|| container.image.clone());
        let wanted = assessment.wanted().iter().find(|one| one.name == name);
        let meant = docker.image_id(&name).await?;
        let is_other = is_changed(assessment, step, &name)
            || wanted.is_some()
            || meant.as_ref() != Some(&container.image_id);
        let known = docker.image(&container.image_id).await?;
        let service = model.services.get(&step.service);
        images.push(PinnedImage {
            digests: known.map(|image| image.known_as).unwrap_or_default(),
            platform: service.and_then(|service| service.text("platform")),
            fetched: wanted.and_then(|one| one.digest.clone()),
            service: step.service.clone(),
            meant,
            name,
            id: container.image_id.clone(),
            kept_as: match is_other {
                true => format!("{KEPT}:{prefix}-{}", step.service),
                false => String::new(),
            },
        });
    }
    Ok(images)
}

/// Whether the service is to have another image by what is planned. Nothing of the old one is lost where it
/// is not: no name of ours is needed.
fn is_changed(assessment: &Assessment, step: &Step, name: &str) -> bool {
    let after = assessment.after.image_of(&step.service);
    let given = assessment.images().iter();
    matches!(step.action, Action::Rebuild | Action::Remove)
        || after.as_deref() != Some(name)
        || given.into_iter().any(|image| image.service == step.service)
}

/// The names whose meaning a run may change, and that are compared afterwards.
pub(crate) fn names_of(images: &[PinnedImage]) -> BTreeSet<String> {
    let names = images.iter().map(|image| image.name.clone());
    names.filter(|name| !name.starts_with("sha256:")).collect()
}

/// Takes our name off it. What has only a digest left, of the place where the service has its
/// images from, goes: the image that was replaced, and one that was fetched and given back.
pub(crate) async fn release(image: &PinnedImage, docker: &Docker) -> Result<(), EngineError> {
    if image.kept_as.is_empty() {
        return Ok(());
    }
    docker.untag(&image.kept_as).await?;
    let Some(from) = Reference::parse(&image.name).filter(|name| name.digest.is_none()) else {
        return Ok(());
    };
    docker.remove_unnamed(&image.id, &from).await?;
    match &image.fetched {
        Some(digest) => docker.remove_unnamed(&from.pinned(digest), &from).await,
        None => Ok(()),
    }
}
