//! Images that the engine has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::query_parameters as query;
use jiff::Timestamp;

use super::EngineError;
use super::reference::{self, Reference};
use crate::docker::client::{Docker, failed, is_bad_request, is_conflict, is_missing};

/// No image is older than Docker (March 2013): builds that set the time to 0, 1970 or 1980 so that
/// they come out the same each time say nothing of their age.
const FIRST_RELEASE: i64 = 1_363_737_600;

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// Its ID.
    pub id: String,
    /// The digests by which registries know it, `sha256:…`; none where it came from no registry.
    pub digests: Vec<String>,
    /// The same with the names that they have there.
    pub known_as: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Such as `linux` and `amd64`.
    pub platform: (String, String),
    /// When it was built; `None` where it does not say.
    pub created: Option<Timestamp>,
    /// Bytes, unpacked.
    pub size: u64,
}

impl LocalImage {
    /// An image of which nothing but the ID is known: it was removed while its container ran.
    pub fn of_id(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            digests: Vec::new(),
            known_as: Vec::new(),
            labels: BTreeMap::new(),
            platform: (String::new(), String::new()),
            created: None,
            size: 0,
        }
    }
}

/// What an image gives to a container that is not told otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Brought {
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Places of its volumes.
    pub volumes: BTreeSet<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// A variable as an image's configuration has it.
pub(super) fn pair(line: &str) -> Option<(String, String)> {
    let (key, value) = line.split_once('=')?;
    Some((key.to_owned(), value.to_owned()))
}

impl Docker {
    /// The ID of an image by name, if the engine has it.
    ///
    /// # Errors
    /// The engine's.
    pub async fn image_id(&self, name: &str) -> Result<Option<String>, EngineError> {
        match self.api.inspect_image(name).await {
            Ok(image) => Ok(image.id),
            // There is no image of a name that none can have, such as one with an unset variable.
            Err(error) if is_missing(&error) || is_bad_request(&error) => Ok(None),
            Err(error) => Err(failed("inspect an image")(error)),
        }
    }

    /// The environment that an image brings; `None` where the engine has no such image.
    ///
    /// # Errors
    /// The engine's.
    pub async fn image_environment(
        &self,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, EngineError> {
        Ok(self.brought_by(name).await?.map(|brought| brought.env))
    }

    /// What an image gives to a container that is not told otherwise; `None` where the engine has no such
    /// image.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn brought_by(&self, name: &str) -> Result<Option<Brought>, EngineError> {
        let image = match self.api.inspect_image(name).await {
            Ok(image) => image,
            Err(error) if is_missing(&error) || is_bad_request(&error) => return Ok(None),
            Err(error) => return Err(failed("inspect an image")(error)),
        };
        let config = image.config.unwrap_or_default();
        let lines = config.env.unwrap_or_default();
        Ok(Some(Brought {
            env: lines.iter().filter_map(|line| pair(line)).collect(),
            volumes: config.volumes.unwrap_or_default().into_iter().collect(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
        }))
    }

    /// What the engine runs, such as `linux` and `amd64`.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn platform(&self) -> Result<(String, String), EngineError> {
        let found = self.api.version().await;
        let found = found.map_err(failed("ask for its version"))?;
        Ok((found.os.unwrap_or_default(), found.arch.unwrap_or_default()))
    }

    /// Gives an image another name, so that `docker image prune` does not take it; with `-a` it does.
    ///
    /// # Errors
    /// The engine's, such as an image that is gone.
    pub async fn tag(&self, id: &str, repository: &str, tag: &str) -> Result<(), EngineError> {
        let options = query::TagImageOptionsBuilder::new()
            .repo(repository)
            .tag(tag)
            .build();
        self.api
            .tag_image(id, Some(options))
            .await
            .map_err(failed("tag an image"))
    }

    /// Takes a name off an image; the image goes when it was the last one and nothing uses it.
    ///
    /// # Errors
    /// The engine's; a name that is gone already is none.
    pub async fn untag(&self, name: &str) -> Result<(), EngineError> {
        let none = None::<query::RemoveImageOptions>;
        match self.at_work().remove_image(name, none, None).await {
            Err(error) if !is_missing(&error) => Err(failed("remove an image's name")(error)),
            _ => Ok(()),
        }
    }

    /// The names in a repository.
    ///
    /// # Errors
    /// The engine's.
    pub async fn names_in(&self, repository: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("reference", vec![repository])]);
        let options = query::ListImagesOptionsBuilder::new()
            .filters(&filters)
            .build();
        let found = self.api.list_images(Some(options)).await;
        let found = found.map_err(failed("list images"))?;
        let prefix = format!("{repository}:");
        let names = found.into_iter().flat_map(|image| image.repo_tags);
        Ok(names.filter(|name| name.starts_with(&prefix)).collect())
    }

    /// An image by name or ID; `None` where the engine has none.
    ///
    /// # Errors
    /// The engine's.
    pub async fn image(&self, name: &str) -> Result<Option<LocalImage>, EngineError> {
        let image = match self.api.inspect_image(name).await {
            Ok(image) => image,
            Err(error) if is_missing(&error) || is_bad_request(&error) => return Ok(None),
            Err(error) => return Err(failed("inspect an image")(error)),
        };
        let known_as = image.repo_digests.unwrap_or_default();
        let mut digests: Vec<String> = known_as
            .iter()
            .filter_map(|digest| reference::digest_of(digest).map(Into::into))
            .collect();
        digests.sort();
        digests.dedup();
        let labels = image.config.and_then(|config| config.labels);
        Ok(Some(LocalImage {
            id: image.id.unwrap_or_default(),
            digests,
            known_as,
            labels: labels.unwrap_or_default().into_iter().collect(),
            platform: (
                image.os.unwrap_or_default(),
                image.architecture.unwrap_or_default(),
            ),
            created: image.created.as_deref().and_then(created),
            size: image
                .size
                .and_then(|size| size.try_into().ok())
                .unwrap_or(0),
        }))
    }

    /// Removes what builds have left and no image needs; bytes.
    ///
    /// # Errors
    /// The engine's.
    pub async fn prune_build_cache(&self) -> Result<u64, EngineError> {
        let none = None::<query::PruneBuildOptions>;
        let done = self.at_work().prune_build(none).await;
        let done = done.map_err(failed("prune the build cache"))?;
        let bytes = done.space_reclaimed.unwrap_or_default();
        Ok(u64::try_from(bytes).unwrap_or_default())
    }

    /// Removes an image that no tag names, and that is known by digests of one place only: what a
    /// person named, or has from elsewhere, stays, and so does what a container was made from.
    ///
    /// # Errors
    /// The engine's; an image that is gone already is none.
    pub async fn remove_unnamed(&self, image: &str, from: &Reference) -> Result<(), EngineError> {
        let found = match self.api.inspect_image(image).await {
            Ok(found) => found,
            Err(error) if is_missing(&error) || is_bad_request(&error) => return Ok(()),
            Err(error) => return Err(failed("inspect an image")(error)),
        };
        let digests = found.repo_digests.unwrap_or_default();
        let from_there = |digest: &String| {
            Reference::parse(digest).is_some_and(|name| {
                (&name.registry, &name.repository) == (&from.registry, &from.repository)
            })
        };
        let named = found.repo_tags.is_some_and(|tags| !tags.is_empty());
        if named || digests.is_empty() || !digests.iter().all(from_there) {
            return Ok(());
        }
        let id = found.id.unwrap_or_default();
        let none = None::<query::RemoveImageOptions>;
        match self.at_work().remove_image(&id, none, None).await {
            Err(error) if !is_missing(&error) && !is_conflict(&error) => {
                Err(failed("remove an image")(error))
            }
            _ => Ok(()),
        }
    }
}

/// When an image was built, where it says so.
pub(super) fn created(text: &str) -> Option<Timestamp> {
    let at: Timestamp = text.parse().ok()?;
    (at.as_second() >= FIRST_RELEASE).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_time_is_no_age() {
        for text in [
            "1970-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "1980-01-01T00:00:01Z",
            "",
        ] {
            assert_eq!(created(text), None, "{text}");
        }
        assert!(created("2026-11-24T04:35:14.8569306Z").is_some());
    }
}
