//! `refit.yaml` beside the compose file, or `x-refit:` in it: what a person tells refit about the
//! services. Unknown fields are errors with line and column.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use crate::event::ServiceName;
use crate::host::http::Answer;
use text_or_fields::TextOrFields;

mod duration;
mod explain;
mod host_action;
mod host_actions;
mod notify;
mod references;
mod text_or_fields;
mod upgrade;
mod waiting_action;
pub(crate) mod window;
pub(crate) mod written;

pub(crate) use duration::parse_duration;
pub(crate) use host_action::{ActionAt, HostAction, words_of_text};
pub(crate) use notify::Receiver;
pub(crate) use upgrade::{Allow, Hook, HookName, Hooks, Track, UpgradeSettings};
pub(crate) use waiting_action::WaitingAction;

/// Everything that may be told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// By service.
    pub services: BTreeMap<ServiceName, ServiceSettings>,
    /// What is refused besides the defaults.
    pub guard: GuardSettings,
    /// How long runs are kept.
    pub keep: Keep,
    /// Recipes of this stack's own: only the room of recipes knows how to read them.
    pub recipes: Vec<de::IgnoredAny>,
    /// What upgrades take.
    pub upgrade: UpgradeSettings,
    /// Commands of the person's own around an upgrade.
    pub hooks: Hooks,
    /// Who is told how runs end.
    #[serde(deserialize_with = "notify::receivers")]
    pub notify: Vec<Receiver>,
}

/// What is refused besides the defaults.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardSettings {
    /// Keys whose change is refused without `--allow guarded-key`.
    pub keys: Vec<String>,
}

/// How long runs are kept; the newest one that was applied always is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keep {
    /// At most so many.
    pub runs: usize,
    /// At most so long.
    #[serde(deserialize_with = "duration::age")]
    pub age: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            runs: 50,
            age: duration::days(90),
        }
    }
}

/// What may be told about one service.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSettings {
    /// How long it must run without a healthcheck before it counts as settled.
    #[serde(deserialize_with = "duration::optional")]
    pub settle: Option<Duration>,
    /// How long it may take to a verdict.
    #[serde(deserialize_with = "duration::optional")]
    pub timeout: Option<Duration>,
    /// A URL, asked from the host, that decides on its health.
    pub probe: Option<Probe>,
    /// It ends with 0 when its work is done.
    pub one_shot: bool,
    /// Changed files below these folders need only a signal.
    pub reload: Option<Reload>,
    /// So many ends in a row are borne while it starts.
    pub crashes: Option<usize>,
}

/// An HTTP question and the answer that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Asked from the host.
    pub url: String,
    /// Status that is wanted; any 2xx without it.
    pub status: Option<u16>,
    /// Text that the body must contain.
    pub body: Option<String>,
}

/// A reload that the application understands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reload {
    /// Name of the signal, such as `HUP`.
    pub signal: String,
    /// Files and folders, relative to the stack.
    #[serde(rename = "for")]
    pub files: Vec<PathBuf>,
    /// A command in the container that says whether it takes the files as they are: asked before the
    /// signal, and again after it.
    #[serde(default)]
    pub check: Option<String>,
}

impl Probe {
    /// Whether an answer is the one that is wanted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn judge(&self, answer: &Answer) -> Result<(), String> {
        let (status, body) = match answer {
            Answer::None(reason) => return Err(reason.clone()),
            Answer::Http { status, body } => (*status, body),
        };
        let status_ok = match self.status {
            Some(wanted) => status == wanted,
            None => (200..300).contains(&status),
        };
        if !status_ok {
            return Err(format!("{} answered {status}", self.url));
        }
        match self
            .body
            .as_ref()
            .is_none_or(|wanted| body.contains(wanted))
        {
            true => Ok(()),
            false => Err(format!("{} answered without the wanted text", self.url)),
        }
    }
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct ProbeFields {
            url: String,
            status: Option<u16>,
            body: Option<String>,
        }
        let forms = "a URL, or {url: URL, status: 200, body: TEXT}";
        let probe = match text_or_fields::read(from, forms)? {
            TextOrFields::Text(url) => Self {
                url,
                status: None,
                body: None,
            },
            TextOrFields::Fields(ProbeFields { url, status, body }) => Self { url, status, body },
        };
        if !probe.url.starts_with("http://") && !probe.url.starts_with("https://") {
            return Err(de::Error::custom(
                "a probe is a URL that starts with http:// or https://",
            ));
        }
        Ok(probe)
    }
}

/// The settings of a stack: `refit.yaml`, or `refit.yml` where there is only that.
pub(crate) fn file_in(directory: &Path) -> PathBuf {
    let (own, other) = (directory.join("refit.yaml"), directory.join("refit.yml"));
    match !own.exists() && other.exists() {
        true => other,
        false => own,
    }
}

impl Settings {
    /// Gives a service a probe.
    pub fn ask(&mut self, service: ServiceName, probe: Probe) {
        self.services.entry(service).or_default().probe = Some(probe);
    }

    /// What is told about a service.
    pub fn service(&self, name: &ServiceName) -> ServiceSettings {
        self.services.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn both_forms_of_a_probe_and_durations() {
        let settings = read(
            "services:\n  web:\n    probe: http://127.0.0.1:1/h\n    settle: 5s\n  api:\n    probe: {url: 'http://x/', body: OK, status: 200}\n    timeout: 1m30s\n  migrate: {one_shot: true}\n",
        )
        .unwrap();
        assert_eq!(
            settings.service(&"web".into()).settle,
            Some(Duration::from_secs(5))
        );
        let api = settings.service(&"api".into());
        assert_eq!(api.timeout, Some(Duration::from_secs(90)));
        assert_eq!(api.probe.unwrap().body.as_deref(), Some("OK"));
        assert!(settings.service(&"migrate".into()).one_shot);
    }

    #[test]
    fn an_unknown_field_is_an_error_with_its_place() {
        let error = read("services:\n  web:\n    setle: 5s\n").unwrap_err();
        assert!(
            error.contains("setle") && error.contains("line 3"),
            "{error}"
        );
        assert!(read("services: {web: {settle: 5}}").is_err());
        assert!(read("services: {web: {probe: ftp://x}}").is_err());
    }
}
