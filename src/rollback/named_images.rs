//! The way back of images: each name means again the image that it meant (F32). One that somebody removed
//! meanwhile is pulled again by its digest, or built again where the checkout is back at its commit.

use super::{Problem, Progress, Rollback};
use crate::apply::images::{self, BuildSource, lost};
use crate::assessment::PinnedImage;
use crate::docker::reference::split_tag;
use crate::docker::registry::RegistryError;
use crate::event::{NoteCode, ServiceName};
use crate::plan::Step;
use crate::stack::Place;
use crate::stack::model::{Model, Service};
use crate::stack::snapshot::Left;

impl Rollback<'_> {
    /// The old images get their names back before Compose looks for them.
    pub(super) async fn images(
        &self,
        place: &Place,
        model: &Model,
        steps: &[Step],
        progress: &mut Progress,
    ) {
        let mut gone = Vec::new();
        for image in &self.checkpoint.images {
            if !steps.iter().any(|step| step.service == image.service) {
                continue;
            }
            let docker = &self.place.docker;
            let present = docker.image_id(&image.name).await.ok().flatten();
            if present.as_ref() == Some(&image.id) || image.name.starts_with("sha256:") {
                continue;
            }
            match self.named_again(image).await {
                Ok(true) => {}
                Ok(false) => gone.push((image, None)),
                Err(RegistryError::Engine(error)) if error.is_passing() => {
                    let text = format!("the old image of {} has no name: {error}", image.service);
                    let problem = Problem::of_engine(&error, text, self.by_hand());
                    progress.problems.push(problem);
                }
                Err(error) => gone.push((image, Some(error))),
            }
        }
        for (image, error) in gone {
            let builds = model.services.get(&image.service);
            let builds = builds.is_some_and(Service::builds);
            if builds && self.checkpoint.checkout.is_some() {
                self.build_again(place, model, image, progress).await;
            } else {
                let handled = &mut progress.handled.other_images;
                handled.insert(image.service.clone(), image.name.clone());
                progress.problems.push(cannot_be_had(image, error));
            }
        }
    }

    /// Whether its name means it again.
    async fn named_again(&self, image: &PinnedImage) -> Result<bool, RegistryError> {
        let docker = &self.place.docker;
        let id = match docker.image_id(&image.id).await? {
            Some(id) => Some(id),
            None => lost::pull_again(docker, image, |_| ()).await?,
        };
        let Some(id) = id else { return Ok(false) };
        let (repository, tag) = split_tag(&image.name);
        docker.tag(&id, repository, tag).await?;
        Ok(true)
    }

    /// From the work tree, which is back at the old commit.
    async fn build_again(
        &self,
        place: &Place,
        model: &Model,
        image: &PinnedImage,
        progress: &mut Progress,
    ) {
        let service = &image.service;
        let args = &place.located.args;
        let what = BuildSource {
            model,
            from: args.directory.clone(),
            to: args.directory.clone(),
            args: args.clone(),
            pull: false,
        };
        let services = std::slice::from_ref(service);
        let done = images::build(place, &what, services, self.folder, self.emitter).await;
        let handled = &mut progress.handled.other_images;
        handled.insert(service.clone(), image.name.clone());
        match done {
            Ok(()) => {
                let from = self.commit().unwrap_or_default();
                let text =
                    format!("the old image of {service} was gone, and was built again from {from}");
                self.emitter.note(NoteCode::Note, text);
                let service = service.clone();
                progress.handled.left.push(Left::Rebuilt { service, from });
            }
            Err(failure) => {
                let text = format!(
                    "the old image of {service} is gone, and cannot be built again: {}",
                    failure.text()
                );
                let todo = format!("docker compose build {service}; refit apply {service}");
                progress.problems.push(Problem::lasting(text, todo));
            }
        }
    }

    fn commit(&self) -> Option<String> {
        let checkout = self.checkpoint.checkout.as_ref()?;
        Some(checkout.state.head.short().to_owned())
    }
}

/// What the name means by now is the image that was to be undone: to pull it again would bring that back.
fn cannot_be_had(image: &PinnedImage, error: Option<RegistryError>) -> Problem {
    let (service, name) = (&image.service, &image.name);
    let apply = |service: &ServiceName| format!("refit apply {service}");
    match (error, image.digests.first()) {
        (Some(error), Some(digest)) => Problem::lasting(
            format!("the old image of {service} is gone, and cannot be pulled again: {error}"),
            format!(
                "docker pull {digest} && docker tag {digest} {name}, then {}",
                apply(service)
            ),
        ),
        (None, Some(digest)) => Problem::lasting(
            format!("the old image of {service} is gone, and no registry has {digest} any more"),
            format!(
                "name an image that works in image: of {service}, then {}",
                apply(service)
            ),
        ),
        (_, None) => Problem::lasting(
            format!("the old image of {service} is gone, and came from no registry"),
            format!(
                "put back what it was built from, then docker compose build {service} and {}",
                apply(service)
            ),
        ),
    }
}
