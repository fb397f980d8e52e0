//! Images that a run keeps by ID under a name of ours, so that no prune takes them, for as long as the
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
use crate::stack::model::Model;

/// The repository under which old images are kept.
const KEPT: &str = "refit-kept";

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
        images.push(PinnedImage {
            fetched: wanted.and_then(|one| one.digest.clone()),
            service: step.service.clone(),
            meant: docker.image_id(&name).await?,
            name,
            id: container.image_id.clone(),
            kept_as: format!("{KEPT}:{prefix}-{}", step.service),
        });
    }
    Ok(images)
}

/// The names whose meaning a run may change, and that are compared afterwards.
pub(crate) fn names_of(images: &[PinnedImage]) -> BTreeSet<String> {
    let names = images.iter().map(|image| image.name.clone());
    names.filter(|name| !name.starts_with("sha256:")).collect()
}

/// Takes our name off it. What has only a digest left, of the place where the service has its
/// images from, goes: the image that was replaced, and one that was fetched and given back.
pub(crate) async fn release(image: &PinnedImage, docker: &Docker) -> Result<(), EngineError> {
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
