//! Fetches new images while the old ones serve (F9). What is fetched by its digest moves no name:
//! the stack goes on as it was until the run gives the name to the new image. Until it has a name,
//! `docker image prune` takes it: the run gives it one of its own at once.

use crate::assessment::supply::WantedImage;
use crate::docker::client::Docker;
use crate::docker::credentials::Logins;
use crate::docker::image::{Brought, LocalImage};
use crate::docker::manifest::RemoteImage;
use crate::docker::reference::Reference;
use crate::docker::registry::RegistryError;

/// An image that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedImage {
    /// The name that the model gives it.
    pub name: String,
    /// What the engine knows of it.
    pub image: LocalImage,
}

impl FetchedImage {
    /// As its registry describes it.
    pub(crate) fn as_remote(&self) -> RemoteImage {
        RemoteImage {
            config: self.image.id.clone(),
            created: self.image.created,
            brought: Brought {
                labels: self.image.labels.clone(),
                ..Brought::default()
            },
            platform: self.image.platform.clone(),
            ..RemoteImage::default()
        }
    }
}

/// Fetches images one after the other, each named once; `progress` hears name, bytes that have come
/// and bytes of the layers known so far.
///
/// # Errors
/// The first one's; those before it have come.
pub async fn fetch(
    docker: &Docker,
    wanted: &[WantedImage],
    logins: &Logins,
    mut progress: impl FnMut(&str, u64, u64),
) -> Result<Vec<FetchedImage>, RegistryError> {
    let mut fetched: Vec<(&WantedImage, FetchedImage)> = Vec::new();
    for one in wanted {
        if fetched.iter().any(|(earlier, _)| *earlier == one) {
            continue;
        }
        let missing = || RegistryError::Missing {
            registry: "the engine".into(),
            name: one.name.clone(),
        };
        let mut reference = Reference::parse(&one.name).ok_or_else(missing)?;
        reference.digest = one.digest.clone().or(reference.digest);
        let platform = one.platform.as_deref();
        let told = |sum: &crate::docker::registry::PullProgress| {
            progress(&one.name, sum.done(), sum.total());
        };
        docker.pull(&reference, platform, logins, told).await?;
        let id = match &reference.digest {
            Some(digest) => reference.pinned(digest),
            None => reference.with_tag(),
        };
        let image = docker.image(&id).await?.ok_or_else(missing)?;
        let name = one.name.clone();
        fetched.push((one, FetchedImage { name, image }));
    }
    Ok(fetched.into_iter().map(|(_, fetched)| fetched).collect())
}
