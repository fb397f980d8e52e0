//! Fetches new images while the old ones serve (F9). What is fetched by its digest moves no name:
//! the stack goes on as it was until the run gives the name to the new image. Until it has a name,
//! `docker image prune` takes it: the run gives it one of its own at once.

use std::time::Duration;

use jiff::Timestamp;

use super::news::ImageNews;
use crate::engine::credentials::Logins;
use crate::engine::docker::Docker;
use crate::engine::image::LocalImage;
use crate::engine::reference::Reference;
use crate::engine::registry::RegistryError;

/// An image to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// The name that the model gives it.
    pub name: String,
    /// `platform:` of the service.
    pub platform: Option<String>,
    /// The digest that was seen at the registry; without it the name's own tag is fetched, and the
    /// name moves at once.
    pub digest: Option<String>,
}

impl From<&ImageNews> for Wanted {
    fn from(news: &ImageNews) -> Self {
        Self {
            name: news.name.clone(),
            platform: news.platform.clone(),
            digest: Some(news.registry_digest.clone()),
        }
    }
}

/// An image that has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The name that the model gives it.
    pub name: String,
    /// What the engine knows of it.
    pub image: LocalImage,
}

/// Fetches images one after the other, each named once; `progress` hears name, bytes that have come
/// and bytes of the layers known so far.
///
/// # Errors
/// The first one's; those before it have come.
pub async fn fetch(
    docker: &Docker,
    wanted: &[Wanted],
    logins: &Logins,
    mut progress: impl FnMut(&str, u64, u64),
) -> Result<Vec<Fetched>, RegistryError> {
    let mut fetched: Vec<(&Wanted, Fetched)> = Vec::new();
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
        let told = |sum: &crate::engine::registry::PullProgress| {
            progress(&one.name, sum.done(), sum.total());
        };
        docker.pull(&reference, platform, logins, told).await?;
        let id = match &reference.digest {
            Some(digest) => reference.pinned(digest),
            None => reference.with_tag(),
        };
        let image = docker.image(&id).await?.ok_or_else(missing)?;
        let name = one.name.clone();
        fetched.push((one, Fetched { name, image }));
    }
    Ok(fetched.into_iter().map(|(_, fetched)| fetched).collect())
}

/// How long an image still has to wait until it is `min_age` old; `None` where it is, or where
/// nobody knows how old it is.
pub fn too_young(
    created: Option<Timestamp>,
    min_age: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let age = now.duration_since(created?);
    // One that comes from the future is brand new.
    let age = Duration::try_from(age).unwrap_or(Duration::ZERO);
    min_age.checked_sub(age).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_waits_until_it_is_old_enough() {
        let now: Timestamp = "2026-08-10T00:00:00Z".parse().unwrap();
        let wait = |created: &str, days: u64| {
            let created = Some(created.parse().unwrap());
            too_young(created, Duration::from_secs(days * 86_400), now)
        };
        assert_eq!(
            wait("2026-08-08T00:00:00Z", 3),
            Some(Duration::from_secs(86_400))
        );
        assert_eq!(wait("2026-08-07T00:00:00Z", 3), None);
        assert_eq!(
            wait("2026-09-01T00:00:00Z", 1),
            Some(Duration::from_secs(86_400))
        );
        assert_eq!(wait("2026-08-09T23:59:59Z", 0), None);
        assert_eq!(too_young(None, Duration::from_secs(86_400), now), None);
    }
}
