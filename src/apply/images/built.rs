//! The passing names under which images are built. The engine's builder names what it has built, and
//! may do so after whoever asked for it is dead and a recovery has given the names back. So it is never
//! told a name that the stack uses: that is given afterwards, by a request of the run's own.

use std::collections::BTreeMap;
use std::path::Path;

use crate::complaint::Code;
use crate::docker::client::Docker;
use crate::docker::reference::split_tag;
use crate::event::ServiceName;
use crate::failure::Failure;
use crate::hash::sha256;
use crate::stack::model::Model;
use crate::state::short_name;

/// The repository of the passing names.
const BUILT: &str = "refit-build";

/// The passing name of each service that is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassingNames(BTreeMap<ServiceName, String>);

impl PassingNames {
    /// For these services, in a run of this folder: no two runs share a name.
    pub fn new(
        project: &str,
        folder: &Path,
        services: impl IntoIterator<Item = ServiceName>,
    ) -> Self {
        let prefix = format!("{}{}", prefix(project), short_name(folder));
        let services = services.into_iter().enumerate();
        let named = services.map(|(index, service)| (service, format!("{BUILT}:{prefix}-{index}")));
        Self(named.collect())
    }

    /// A service's.
    pub fn of(&self, service: &ServiceName) -> Option<&str> {
        self.0.get(service).map(String::as_str)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceName, &str)> {
        self.0
            .iter()
            .map(|(service, name)| (service, name.as_str()))
    }

    /// Gives what was built for these services the names that the stack uses.
    ///
    /// # Errors
    /// The engine's, or it has no such image.
    pub(crate) async fn replace(
        &self,
        docker: &Docker,
        model: &Model,
        services: &[ServiceName],
    ) -> Result<(), Failure> {
        let mut names = Vec::new();
        for service in services {
            let id = match self.of(service) {
                Some(name) => docker.image_id(name).await?,
                None => None,
            };
            let Some(id) = id else {
                let text = format!("{service} was built, and the engine has no image of it");
                return Err(Failure::new(Code::BuildFailed, text));
            };
            names.extend(own(model, service).map(|name| (id.clone(), name)));
        }
        for (id, name) in &names {
            let (repository, tag) = split_tag(name);
            docker.tag(id, repository, tag).await?;
        }
        Ok(())
    }
}

/// `image:` of a service, and the `tags:` of its build.
fn own(model: &Model, service: &ServiceName) -> impl Iterator<Item = String> {
    let raw = model.services.get(service).map(|service| &service.raw);
    let tags = raw.and_then(|raw| raw.get("build")?.get("tags")?.as_array());
    let tags = tags.into_iter().flatten().filter_map(|tag| tag.as_str());
    let tags: Vec<String> = tags.map(str::to_owned).collect();
    model.image_of(service).into_iter().chain(tags)
}

/// What the tags of a project's passing names begin with. A tag has room for 128 bytes, which the names
/// of a project and of a service may fill.
fn prefix(project: &str) -> String {
    let hash = sha256(project.as_bytes());
    format!("{}-", hash.get(..12).unwrap_or(&hash))
}

/// Takes all passing names of a project away, of earlier runs as well: whoever holds the project's lock
/// is the only one who builds. A name that cannot be taken away now is by the next run.
pub(crate) async fn forget(docker: &Docker, project: &str) {
    let prefix = format!("{BUILT}:{}", prefix(project));
    let names = match docker.names_in(BUILT).await {
        Ok(names) => names,
        Err(error) => {
            tracing::debug!(%error, "passing names stay");
            return;
        }
    };
    for name in names.iter().filter(|name| name.starts_with(&prefix)) {
        if let Err(error) = docker.untag(name).await {
            tracing::debug!(%error, name, "a passing name stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passing_name_is_of_one_run_and_one_service() {
        let names = |folder: &str| {
            let services = ["base".into(), "web".into()];
            PassingNames::new("shop", Path::new(folder), services)
        };
        let (one, other) = (names("/state/shop/1"), names("/state/shop/2"));
        let all: std::collections::BTreeSet<_> = [&one, &other]
            .into_iter()
            .flat_map(|names| names.0.values())
            .collect();
        assert_eq!(all.len(), 4);
        let begins = format!("{BUILT}:{}", prefix("shop"));
        assert!(all.iter().all(|name| name.starts_with(&begins)));
        assert!(!begins.starts_with(&format!("{BUILT}:{}", prefix("sho"))));
    }
}
