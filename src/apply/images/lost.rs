//! Images that a way back needs and that the engine has no more: `docker image prune -a` takes what no
//! container was made from, whatever names it has. A registry may have them by their digest.

use crate::assessment::PinnedImage;
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::credentials::Logins;
use crate::docker::reference::{Reference, split_tag};
use crate::docker::registry::{PullProgress, RegistryError};

/// The digest by which a registry has an image now.
///
/// # Errors
/// None has it, and one of them did not say so.
pub(crate) async fn at_registry(
    docker: &Docker,
    image: &PinnedImage,
) -> Result<Option<Reference>, RegistryError> {
    let logins = Logins::of_cli();
    let mut silent = None;
    for known in &image.digests {
        let Some(reference) = Reference::parse(known).filter(|one| one.digest.is_some()) else {
            continue;
        };
        match docker.ask_registry(&reference, &logins).await {
            Ok(Some(_)) => return Ok(Some(reference)),
            Ok(None) => {}
            Err(error) => silent = Some(error),
        }
    }
    silent.map_or(Ok(None), Err)
}

/// Fetches an image by its digest, and keeps it under the name that it had; its ID. `None`: no registry has
/// it.
///
/// # Errors
/// The registry's or the engine's.
pub(crate) async fn pull_again(
    docker: &Docker,
    image: &PinnedImage,
    progress: impl FnMut(&PullProgress),
) -> Result<Option<String>, RegistryError> {
    let Some(reference) = at_registry(docker, image).await? else {
        return Ok(None);
    };
    let platform = image.platform.as_deref();
    let logins = Logins::of_cli();
    docker.pull(&reference, platform, &logins, progress).await?;
    let found = docker.image_id(&reference.asked()).await?;
    if let Some(id) = &found {
        keep(docker, image, id).await?;
    }
    Ok(found)
}

async fn keep(docker: &Docker, image: &PinnedImage, id: &str) -> Result<(), EngineError> {
    if image.kept_as.is_empty() {
        return Ok(());
    }
    let (repository, tag) = split_tag(&image.kept_as);
    docker.tag(id, repository, tag).await
}
