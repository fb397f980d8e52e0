//! Images that a run keeps by ID under a name of ours, so that no prune takes them, for as long as the
//! run can be undone; and what it lets go of when it is forgotten.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::assess::Assessment;
use crate::complaint::Complaint;
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::container::Container;
use crate::docker::reference::Reference;
use crate::event::{Action, ServiceName};
use crate::stack::model::Model;

/// The repository under which old images are kept.
const KEPT: &str = "refit-kept";

/// An image that must not be lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedImage {
    /// The service that runs it.
    pub service: ServiceName,
    /// The name that its definition gives it.
    pub name: String,
    /// What that name meant before the run: a pull may have moved it.
    #[serde(default)]
    pub meant: Option<String>,
    /// Its ID.
    pub id: String,
    /// The name that keeps it.
    pub kept_as: String,
    /// The digest that the run fetches in its place, if it does.
    #[serde(default)]
    pub fetched: Option<String>,
}

impl SavedImage {
    /// Takes our name off it. What has only a digest left, of the place where the service has its
    /// images from, goes: the image that was replaced, and one that was fetched and given back.
    pub(crate) async fn release(&self, docker: &Docker) -> Result<(), EngineError> {
        docker.untag(&self.kept_as).await?;
        let Some(from) = Reference::parse(&self.name).filter(|name| name.digest.is_none()) else {
            return Ok(());
        };
        docker.remove_unnamed(&self.id, &from).await?;
        match &self.fetched {
            Some(digest) => docker.remove_unnamed(&from.pinned(digest), &from).await,
            None => Ok(()),
        }
    }
}

/// The images of the services that get new containers, and the names that are to keep them.
pub(crate) async fn images_of(
    docker: &Docker,
    prefix: &str,
    model: &Model,
    assessment: &Assessment,
    containers: &[Container],
) -> Result<Vec<SavedImage>, Complaint> {
    let mut images: Vec<SavedImage> = Vec::new();
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
        images.push(SavedImage {
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
pub(crate) fn names_of(images: &[SavedImage]) -> BTreeSet<String> {
    let names = images.iter().map(|image| image.name.clone());
    names.filter(|name| !name.starts_with("sha256:")).collect()
}

/// `name:tag` apart; a port in the registry's name is no tag.
pub fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names() {
        assert_eq!(split_tag("nginx"), ("nginx", "latest"));
        assert_eq!(split_tag("host:5000/a/b"), ("host:5000/a/b", "latest"));
        assert_eq!(split_tag("host:5000/a/b:1"), ("host:5000/a/b", "1"));
    }
}
