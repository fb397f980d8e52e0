//! Images are fetched and built while the old containers serve (F9): what fails here has cost nobody
//! their service.

use super::checkpoint;
use super::failure::Failure;
use super::survey::Survey;
use crate::event::{Action, Emitter, Kind, ServiceName};
use crate::stack::Place;

/// Builds what is to be rebuilt, and fetches or builds what the engine does not have.
///
/// # Errors
/// The registry's or the build's message.
pub async fn images(place: &Place, survey: &Survey, emitter: &Emitter) -> Result<(), Failure> {
    let args = &survey.args;
    for image in &survey.images {
        // F32: the old image gets its name back before Compose looks for it.
        let (repository, tag) = checkpoint::split_tag(&image.name);
        place.docker.tag(&image.id, repository, tag).await?;
    }
    let mut to_build: Vec<ServiceName> = Vec::new();
    let mut to_pull: Vec<ServiceName> = Vec::new();
    for step in survey
        .plan
        .steps
        .iter()
        .filter(|step| step.action.makes_container())
    {
        let Some(service) = survey.after.services.get(&step.service) else {
            continue;
        };
        let Some(name) = survey.after.image_of(&step.service) else {
            continue;
        };
        let missing = place.docker.image_id(&name).await?.is_none();
        if survey
            .images
            .iter()
            .any(|image| image.service == step.service)
        {
            continue;
        }
        if service.builds() && (missing || step.action == Action::Rebuild) {
            to_build.push(step.service.clone());
        } else if missing {
            to_pull.push(step.service.clone());
        }
    }
    let line = |text: &str| {
        let what = text.trim().to_owned();
        if !what.is_empty() {
            emitter.emit(Kind::Progress {
                what,
                done: 0,
                total: None,
            });
        }
    };
    if !to_pull.is_empty() {
        let done = place.compose.pull(args, &to_pull, line).await;
        done.map_err(|error| Failure::of_engine("pull_failed", error))?;
    }
    if !to_build.is_empty() {
        let done = place.compose.build(args, &to_build, line).await;
        done.map_err(|error| Failure::of_engine("build_failed", error))?;
    }
    Ok(())
}
