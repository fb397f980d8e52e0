//! What registries have, and fetching it. The engine asks and fetches, so that its own mirrors,
//! proxies and certificates count; the logins are this user's.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::models::CreateImageInfo;
use bollard::query_parameters as query;
use futures_util::StreamExt as _;
use thiserror::Error;

use super::credentials::Logins;
use super::error::EngineError;
use super::reference::Reference;
use crate::complaint::{Code, Complaint};
use crate::docker::client::{Docker, failed};

/// A question to a registry takes a second; the engine itself would wait for minutes.
const QUESTION_PATIENCE: Duration = Duration::from_secs(30);

/// Why a registry did not give what was asked.
#[derive(Debug, Clone, Error)]
pub enum RegistryError {
    /// It has no such image.
    #[error("{registry} has no image {name}")]
    Missing {
        /// The registry's host.
        registry: String,
        /// The image.
        name: String,
    },
    /// It wants a login, or another one. Some say so of images that they do not have, too.
    #[error("{registry} does not give {name} to this user: {cause}")]
    Denied {
        /// The registry's host.
        registry: String,
        /// The image.
        name: String,
        /// Its own message.
        cause: String,
    },
    /// It was asked too often.
    #[error("{registry} does not give {name} for now: {cause}")]
    Limited {
        /// The registry's host.
        registry: String,
        /// The image.
        name: String,
        /// Its own message.
        cause: String,
    },
    /// It does not answer.
    #[error("{registry} cannot be reached for {name}: {cause}")]
    Unreachable {
        /// The registry's host.
        registry: String,
        /// The image.
        name: String,
        /// The transport's message.
        cause: String,
    },
    /// The engine failed, such as for want of disk space.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl RegistryError {
    /// The same with what kept the login from it.
    fn without_login(self, why: Option<String>) -> Self {
        match (self, why) {
            (
                Self::Denied {
                    registry,
                    name,
                    cause,
                },
                Some(why),
            ) => Self::Denied {
                registry,
                name,
                cause: format!("{cause}; {why}"),
            },
            (error, _) => error,
        }
    }

    /// It took the question, and does not answer.
    fn silent(reference: &Reference) -> Self {
        Self::Unreachable {
            name: reference.asked(),
            registry: reference.registry.clone(),
            cause: format!("no answer within {} s", QUESTION_PATIENCE.as_secs()),
        }
    }

    /// The stable code of each case.
    pub fn code(&self) -> Code {
        match self {
            Self::Missing { .. } => Code::ImageNotFound,
            Self::Denied { .. } => Code::RegistryDenied,
            Self::Limited { .. } => Code::RegistryLimit,
            Self::Unreachable { .. } => Code::RegistryUnreachable,
            Self::Engine(error) => error.code(),
        }
    }

    /// Reads the engine's error. It passes on what the registry or the transport said as text, most
    /// of it with status 500: only the text tells a missing login from a missing network.
    fn of_api(what: &'static str, reference: &Reference, error: ApiError) -> Self {
        let registry = reference.registry.clone();
        let name = reference.asked();
        let (status, cause) = if let ApiError::DockerResponseServerError {
            status_code,
            message,
        } = &error
        {
            (*status_code, message.clone())
        } else if let ApiError::DockerStreamError { error: message } = &error {
            (0, message.clone())
        } else {
            let error = failed(what)(error);
            let EngineError::Api { status, cause, .. } = error else {
                return Self::Engine(error);
            };
            return Self::Engine(EngineError::Api {
                what: format!("cannot {what} ({name})"),
                status,
                cause,
            });
        };
        let lower = cause.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if status == 429 || says(&LIMITED) {
            Self::Limited {
                registry,
                name,
                cause,
            }
        } else if matches!(status, 401 | 403) || says(&DENIED) {
            Self::Denied {
                registry,
                name,
                cause,
            }
        } else if status == 404 || says(&MISSING) {
            Self::Missing { registry, name }
        } else if says(&UNREACHABLE) {
            Self::Unreachable {
                registry,
                name,
                cause,
            }
        } else {
            Self::Engine(EngineError::Api {
                status: None,
                what: format!("cannot {what} ({name})"),
                cause,
            })
        }
    }
}

const LIMITED: [&str; 2] = ["toomanyrequests", "too many requests"];
const DENIED: [&str; 5] = [
    "no basic auth credentials",
    "unauthorized",
    "access denied",
    "denied:",
    "incorrect username or password",
];
const MISSING: [&str; 3] = ["manifest unknown", "name unknown", "not found: manifest"];
const UNREACHABLE: [&str; 16] = [
    "dial tcp",
    "no such host",
    "i/o timeout",
    "timeout exceeded",
    "deadline exceeded",
    "tls handshake",
    "tls: ",
    "x509:",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "server gave http response",
    "proxyconnect",
    "bad gateway",
    "service unavailable",
    "eof",
];

impl From<RegistryError> for Complaint {
    fn from(error: RegistryError) -> Self {
        let complaint = Self::new(error.code(), error.to_string());
        match error {
            RegistryError::Denied { registry, .. } => complaint.hint(format!(
                "log in as the user that runs refit: docker login {registry}"
            )),
            RegistryError::Limited { registry, .. } => complaint.hint(format!(
                "wait, or log in for a higher limit: docker login {registry}"
            )),
            RegistryError::Missing { .. } => complaint.hint("check the name and the tag"),
            RegistryError::Unreachable { .. } => {
                complaint.hint("check the network of the engine's host, its DNS and its proxy")
            }
            RegistryError::Engine(error) => error.into(),
        }
    }
}

/// How much of an image has come, summed over its layers; in bytes.
///
/// The engine tells of a layer's size when it begins to fetch it, so `total` grows at first.
#[derive(Debug, Clone, Default)]
pub struct PullProgress {
    layers: BTreeMap<String, (u64, u64)>,
}

impl PullProgress {
    /// Bytes that have come.
    pub fn done(&self) -> u64 {
        self.layers.values().map(|(done, _)| done).sum()
    }

    /// Bytes of all layers that are known to be fetched; layers that were here already are none.
    pub fn total(&self) -> u64 {
        self.layers.values().map(|(_, total)| total).sum()
    }

    /// Takes in a message of the engine; whether it changed anything.
    fn take(&mut self, message: &CreateImageInfo) -> bool {
        let (Some(id), Some(status)) = (&message.id, message.status.as_deref()) else {
            return false;
        };
        match status {
            "Downloading" => {
                let bytes = |count: Option<i64>| u64::try_from(count.unwrap_or(0)).unwrap_or(0);
                let detail = message.progress_detail.clone().unwrap_or_default();
                let done = bytes(detail.current);
                let layer = (done, bytes(detail.total).max(done));
                self.layers.insert(id.clone(), layer) != Some(layer)
            }
            // Unpacking counts other bytes, and comes after the last of these.
            "Download complete" | "Pull complete" => match self.layers.get_mut(id) {
                Some((done, total)) if done != total => {
                    *done = *total;
                    true
                }
                _ => false,
            },
            _ => false,
        }
    }
}

impl Docker {
    /// The digest that the registry has now for a name; `None` where it has none of that name. A
    /// name that is pinned by its digest is not asked for.
    ///
    /// # Errors
    /// No login, no network, or the engine's.
    pub async fn registry_digest(
        &self,
        name: &str,
        logins: &Logins,
    ) -> Result<Option<String>, RegistryError> {
        let Some(reference) = Reference::parse(name) else {
            return Ok(None);
        };
        if reference.digest.is_some() {
            return Ok(reference.digest);
        }
        self.ask_registry(&reference, logins).await
    }

    /// The same, also of a name with a digest: whether the registry still has that.
    ///
    /// # Errors
    /// As [`Self::registry_digest`].
    pub(crate) async fn ask_registry(
        &self,
        reference: &Reference,
        logins: &Logins,
    ) -> Result<Option<String>, RegistryError> {
        let login = logins.of_registry(&reference.registry).await;
        let login = login.map(|login| login.to_api());
        let is_stranger = login.is_none();
        let full = reference.asked();
        // The engine asks in turn: it is the registry that does not answer, unless the engine itself does not.
        let patient = self.patient(QUESTION_PATIENCE);
        let question = patient.inspect_registry_image(&full, login);
        match question.await {
            Ok(found) => Ok(found.descriptor.digest),
            Err(ApiError::RequestTimeoutError) if self.answers().await => {
                Err(RegistryError::silent(reference))
            }
            Err(error) => match RegistryError::of_api("ask a registry", reference, error) {
                RegistryError::Missing { .. } => Ok(None),
                error @ (RegistryError::Denied { .. }
                | RegistryError::Limited { .. }
                | RegistryError::Unreachable { .. }
                | RegistryError::Engine(_)) => {
                    let registry = &reference.registry;
                    let why = is_stranger.then(|| logins.why_none(registry)).flatten();
                    Err(error.without_login(why))
                }
            },
        }
    }

    /// Fetches an image, by tag or by digest; `progress` hears whenever more of it has come.
    ///
    /// By tag the name moves to what is fetched, by digest no name does.
    ///
    /// # Errors
    /// No such image, no login, no network, or the engine's.
    pub async fn pull(
        &self,
        reference: &Reference,
        platform: Option<&str>,
        logins: &Logins,
        mut progress: impl FnMut(&PullProgress),
    ) -> Result<(), RegistryError> {
        let login = logins.of_registry(&reference.registry).await;
        let login = login.map(|login| login.to_api());
        let is_stranger = login.is_none();
        // Without a tag the engine would fetch all that there are.
        let name = reference.asked();
        let options = query::CreateImageOptionsBuilder::new()
            .from_image(&name)
            .platform(platform.unwrap_or_default())
            .build();
        let mut stream = self.at_work().create_image(Some(options), None, login);
        let mut sum = PullProgress::default();
        while let Some(message) = stream.next().await {
            let message = message
                .map_err(|error| RegistryError::of_api("pull an image", reference, error))
                .map_err(|error| {
                    let registry = &reference.registry;
                    let why = is_stranger.then(|| logins.why_none(registry)).flatten();
                    error.without_login(why)
                })?;
            if sum.take(&message) {
                progress(&sum);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
