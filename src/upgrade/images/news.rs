//! What registries have that differs from what runs. Asks only; fetches nothing.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;

use super::origin::{ImageOrigin, origin};
use crate::assessment::supply::WantedImage;
use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::container::Container;
use crate::docker::credentials::Logins;
use crate::docker::image::LocalImage;
use crate::docker::manifest::{RemoteImage, Unseen};
use crate::docker::reference::Reference;
use crate::docker::registry::RegistryError;
use crate::event::{ServiceName, Unanswered};
use crate::stack::model::Model;

/// Registries are asked for so many images at once.
const AT_ONCE: usize = 8;

/// A service whose image's name means something else at the registry than what it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerImage {
    /// The service.
    pub service: ServiceName,
    /// The image's name, as the model has it.
    pub name: String,
    /// `platform:` of the service.
    pub platform: Option<String>,
    /// The image that its container was made from, the first one that differs.
    pub running: LocalImage,
    /// What the registry has now.
    pub registry_digest: String,
    /// What that is for this machine; `None` where that could not be seen: the name may mean images of
    /// several platforms, and another one of them may be new.
    pub remote: Option<RemoteImage>,
}

impl From<&NewerImage> for WantedImage {
    fn from(news: &NewerImage) -> Self {
        Self {
            name: news.name.clone(),
            platform: news.platform.clone(),
            digest: Some(news.registry_digest.clone()),
            brought: news.remote.as_ref().map(|remote| remote.brought.clone()),
        }
    }
}

/// What could not be told, and why; none of it is a failure.
#[derive(Debug, Clone)]
pub enum ImageNote {
    /// The image that runs came from no registry: what one has under its name is somebody else's.
    MadeHere {
        /// The service.
        service: ServiceName,
        /// The image's name.
        name: String,
    },
    /// The registry has no such image (any more).
    Unknown {
        /// The registry's host.
        registry: String,
        /// The image's name.
        name: String,
    },
    /// The registry did not tell.
    NotTold {
        /// The image's name.
        name: String,
        /// Denied, limited, or the engine's error.
        error: RegistryError,
    },
    /// The registry has it for other machines only.
    NoPlatform {
        /// The image's name.
        name: String,
        /// Such as `linux/amd64`.
        platform: String,
    },
    /// Registries that do not answer; one note for all.
    Unreachable {
        /// Their hosts.
        registries: BTreeSet<String>,
        /// The images that could not be asked for.
        names: Vec<String>,
        /// The first one's message.
        cause: String,
    },
}

impl ImageNote {
    fn unanswered(&self) -> Option<Unanswered> {
        let (code, images, hint) = match self {
            Self::MadeHere { .. } | Self::NoPlatform { .. } => return None,
            Self::Unknown { name, .. } => (Code::ImageNotFound, vec![name.clone()], None),
            Self::NotTold { name, error } => {
                let hint = Complaint::from(error.clone()).hint;
                (error.code(), vec![name.clone()], hint)
            }
            Self::Unreachable { names, .. } => (Code::RegistryUnreachable, names.clone(), None),
        };
        let text = self.text();
        Some(Unanswered {
            code,
            images,
            text,
            hint,
        })
    }

    /// In a sentence without a full stop.
    pub fn text(&self) -> String {
        match self {
            Self::MadeHere { service, name } => {
                format!("{service} runs an image that came from no registry; {name} is left alone")
            }
            Self::Unknown { registry, name } => {
                format!("{registry} has no image {name} (any more), so nobody knows what is newer")
            }
            Self::NotTold { error, .. } => error.to_string(),
            Self::NoPlatform { name, platform } => {
                format!("{name} is there for other machines by now, and not for {platform}")
            }
            Self::Unreachable {
                registries,
                names,
                cause,
            } => {
                let hosts: Vec<&str> = registries.iter().map(String::as_str).collect();
                format!(
                    "{} cannot be reached, {} not checked: {cause}",
                    hosts.join(", "),
                    names.join(", ")
                )
            }
        }
    }
}

/// All answers.
#[derive(Debug, Clone, Default)]
pub struct RegistryNews {
    /// In the order of the services.
    pub images: Vec<NewerImage>,
    /// In the order of the images' names.
    pub notes: Vec<ImageNote>,
    /// For so many images a registry was asked.
    pub asked: usize,
    /// For so many of them there was no answer.
    pub silent: usize,
    /// So many of them their registries do not have.
    pub unknown: usize,
}

impl RegistryNews {
    /// For which images there was no answer, and why.
    pub(crate) fn unanswered(&self) -> Vec<Unanswered> {
        self.notes
            .iter()
            .filter_map(ImageNote::unanswered)
            .collect()
    }
}

/// A service to be asked for, and what it runs.
struct ImageCandidate {
    service: ServiceName,
    name: String,
    platform: Option<String>,
    running: Vec<LocalImage>,
}

/// Asks for every service that has its image from a registry, and has a container: each image once,
/// several at a time. A container's own image counts, wherever the name points by now.
///
/// # Errors
/// The engine's; a registry that does not answer is a note.
pub async fn news(
    docker: &Docker,
    model: &Model,
    containers: &[Container],
    logins: &Logins,
) -> Result<RegistryNews, EngineError> {
    let mut news = RegistryNews::default();
    let mut candidates = Vec::new();
    for candidate in candidates_of(docker, model, containers).await? {
        if candidate
            .running
            .iter()
            .any(|image| image.digests.is_empty())
        {
            news.notes.push(ImageNote::MadeHere {
                service: candidate.service,
                name: candidate.name,
            });
        } else {
            candidates.push(candidate);
        }
    }
    let names: BTreeSet<String> = candidates.iter().map(|c| c.name.clone()).collect();
    news.asked = names.len();
    let answers: BTreeMap<String, DigestAnswer> = futures_util::stream::iter(names)
        .map(|name| async {
            let answer = docker.registry_digest(&name, logins).await;
            (name, answer)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    news.silent = answers.values().filter(|answer| answer.is_err()).count();
    let is_unknown = |answer: &&DigestAnswer| matches!(answer, Ok(None));
    news.unknown = answers.values().filter(is_unknown).count();
    let differing = candidates.into_iter().filter_map(|candidate| {
        let Some(Ok(Some(digest))) = answers.get(&candidate.name) else {
            return None;
        };
        candidate.differs_from(digest)
    });
    let differing: Vec<NewerImage> = differing.collect();
    let remote = remote_of(docker, &differing, logins).await;
    for mut image in differing {
        match remote.get(&image.asked_for()) {
            Some(Ok(remote)) if is_same(&image.running, remote) => continue,
            Some(Ok(remote)) => image.remote = Some(remote.clone()),
            Some(Err(Unseen::NoPlatform(platform))) => news.notes.push(ImageNote::NoPlatform {
                name: image.name.clone(),
                platform: platform.clone(),
            }),
            Some(Err(Unseen::NotAsked(why))) => {
                tracing::debug!(
                    why,
                    image = image.name,
                    "its image for this machine is not known"
                );
            }
            None => {}
        }
        news.images.push(image);
    }
    news.notes.extend(notes_of(answers));
    Ok(news)
}

/// A name, the digest behind it, and a platform.
type AskedImage = (String, String, Option<String>);

impl NewerImage {
    fn asked_for(&self) -> AskedImage {
        let digest = self.registry_digest.clone();
        (self.name.clone(), digest, self.platform.clone())
    }
}

/// What is behind the digests for this machine, each asked for once.
async fn remote_of(
    docker: &Docker,
    differing: &[NewerImage],
    logins: &Logins,
) -> BTreeMap<AskedImage, Result<RemoteImage, Unseen>> {
    let asked: BTreeSet<AskedImage> = differing.iter().map(NewerImage::asked_for).collect();
    futures_util::stream::iter(asked)
        .map(|asked| async {
            let (name, digest, platform) = &asked;
            let found = docker
                .remote_image(name, digest, platform.as_deref(), logins)
                .await;
            (asked, found)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Whether an image that is here is the one of a registry. Engines name an image by its configuration, or by
/// its manifest.
fn is_same(here: &LocalImage, remote: &RemoteImage) -> bool {
    here.id == remote.config
        || here.id == remote.manifest
        || here.digests.contains(&remote.manifest)
}

type DigestAnswer = Result<Option<String>, RegistryError>;

async fn candidates_of(
    docker: &Docker,
    model: &Model,
    containers: &[Container],
) -> Result<Vec<ImageCandidate>, EngineError> {
    let mut images: BTreeMap<&str, LocalImage> = BTreeMap::new();
    let mut candidates = Vec::new();
    for (service, definition) in &model.services {
        let ImageOrigin::Pulled { name } = origin(definition) else {
            continue;
        };
        let own = containers
            .iter()
            .filter(|c| c.service == *service && c.project == model.name && !c.oneoff);
        let ids: BTreeSet<&str> = own.map(|container| container.image_id.as_str()).collect();
        let mut running = Vec::new();
        for id in ids {
            if !images.contains_key(id) {
                let unnamed = || LocalImage::of_id(id);
                images.insert(id, docker.image(id).await?.unwrap_or_else(unnamed));
            }
            running.extend(images.get(id).cloned());
        }
        if running.is_empty() || Reference::parse(&name).is_none() {
            continue;
        }
        candidates.push(ImageCandidate {
            service: service.clone(),
            name,
            platform: definition.text("platform"),
            running,
        });
    }
    Ok(candidates)
}

impl ImageCandidate {
    fn differs_from(self, registry_digest: &str) -> Option<NewerImage> {
        let old = self
            .running
            .into_iter()
            .find(|image| !image.digests.iter().any(|digest| digest == registry_digest))?;
        Some(NewerImage {
            service: self.service,
            name: self.name,
            platform: self.platform,
            running: old,
            registry_digest: registry_digest.to_owned(),
            remote: None,
        })
    }
}

/// A network that is down is told once, not for every image.
fn notes_of(answers: BTreeMap<String, DigestAnswer>) -> Vec<ImageNote> {
    let mut notes = Vec::new();
    let mut silent: Option<(BTreeSet<String>, Vec<String>, String)> = None;
    for (name, answer) in answers {
        match answer {
            Ok(Some(_)) => {}
            Ok(None) => {
                let registry = Reference::parse(&name).map(|reference| reference.registry);
                let registry = registry.unwrap_or_else(|| "its registry".to_owned());
                notes.push(ImageNote::Unknown { registry, name });
            }
            Err(RegistryError::Unreachable {
                registry, cause, ..
            }) => {
                let (registries, names, _) =
                    silent.get_or_insert_with(|| (BTreeSet::new(), Vec::new(), cause));
                registries.insert(registry);
                names.push(name);
            }
            Err(error) => notes.push(ImageNote::NotTold { name, error }),
        }
    }
    notes.extend(
        silent.map(|(registries, names, cause)| ImageNote::Unreachable {
            registries,
            names,
            cause,
        }),
    );
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_down_is_told_once() {
        let down = |registry: &str| {
            Err(RegistryError::Unreachable {
                registry: registry.into(),
                name: "x".into(),
                cause: "no such host".into(),
            })
        };
        let answers = [
            ("a".into(), down("docker.io")),
            ("b".into(), down("docker.io")),
            ("c".into(), Ok(None)),
            ("d".into(), Ok(Some("sha256:00".into()))),
            ("ghcr.io/e".into(), down("ghcr.io")),
        ];
        let texts: Vec<String> = notes_of(answers.into())
            .iter()
            .map(ImageNote::text)
            .collect();
        let expected = [
            "docker.io has no image c (any more), so nobody knows what is newer",
            "docker.io, ghcr.io cannot be reached, a, b, ghcr.io/e not checked: no such host",
        ];
        assert_eq!(texts, expected);
    }
}
