//! Containers as data: what refit reads of the engine's answers, in types of our own, so that plan
//! and verdict know nothing of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use bollard::models;
use serde::{Deserialize, Serialize};

use super::adjustable::Adjustable;
use super::reach::ContainerReach;
use crate::event::ServiceName;
use crate::text;

/// State of a container, as the engine names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the engine's own words")]
pub enum State {
    #[default]
    Created,
    Running,
    Paused,
    Restarting,
    Exited,
    Dead,
    Removing,
}

impl State {
    /// The engine's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Removing => "removing",
        }
    }

    /// Reads the engine's word; one that is unknown counts as `dead`.
    pub fn of_word(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "exited" | "stopping" => Self::Exited,
            "removing" => Self::Removing,
            _ => Self::Dead,
        }
    }
}

/// What the healthcheck says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the engine's own words")]
pub enum Health {
    /// The container has no healthcheck.
    #[default]
    None,
    Starting,
    Healthy,
    Unhealthy,
}

impl Health {
    /// The engine's word; `None` where there is no healthcheck.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Starting => Some("starting"),
            Self::Healthy => Some("healthy"),
            Self::Unhealthy => Some("unhealthy"),
        }
    }

    /// Reads the engine's word.
    pub fn of_word(word: &str) -> Self {
        match word {
            "starting" => Self::Starting,
            "healthy" => Self::Healthy,
            "unhealthy" => Self::Unhealthy,
            _ => Self::None,
        }
    }
}

/// When the engine starts a container again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// After an end with another code than 0, at most so often where that is said.
    OnFailure {
        /// The engine then gives up.
        most: Option<usize>,
    },
    /// After every end.
    Always,
}

/// A mount of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// Name of the volume, if it is one.
    pub name: Option<String>,
    /// Path on the engine's host.
    pub source: PathBuf,
    /// Path in the container.
    pub destination: PathBuf,
    /// Whether the container may write to it.
    pub rw: bool,
}

/// A port that a container publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPort {
    /// Address on the host; empty means all.
    pub ip: String,
    /// Port on the host.
    pub port: u16,
    /// Port in the container.
    pub target: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// A container as the engine's list shows it.
#[derive(Debug, Clone)]
pub struct Container {
    /// The engine's ID.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// Compose's project.
    pub project: String,
    /// Compose's service.
    pub service: ServiceName,
    /// Made by `compose run`.
    pub oneoff: bool,
    /// State now.
    pub state: State,
    /// Exit code, where the engine's status line tells one.
    pub exit_code: Option<i64>,
    /// Health now.
    pub health: Health,
    /// Digest of the image that it was made from.
    pub image_id: String,
    /// Name of the image that it was made from.
    pub image: String,
    /// When it was made, seconds since 1970.
    pub created: i64,
    /// Compose's labels and the image's.
    pub labels: BTreeMap<String, String>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// What is published.
    pub ports: Vec<PublishedPort>,
    /// It runs, and the engine had to start it again some seconds ago: it is between two crashes.
    pub crashing: bool,
    /// The ID of the container in whose network it lives, if it has none of its own.
    pub network_of: Option<String>,
}

/// Compose's labels on its containers.
pub(crate) mod label {
    /// Name of the project.
    pub(crate) const PROJECT: &str = "com.docker.compose.project";
    /// Name of the service.
    pub(crate) const SERVICE: &str = "com.docker.compose.service";
    /// Folder of the project.
    pub(crate) const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
    /// Comma-separated list of compose files.
    pub(crate) const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
    /// Comma-separated list given by `--env-file`.
    pub(crate) const ENV_FILES: &str = "com.docker.compose.project.environment_file";
    /// Hash of the service's definition (F5: not of everything).
    pub(crate) const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    /// `True` for containers of `compose run`.
    pub(crate) const ONEOFF: &str = "com.docker.compose.oneoff";
    /// Number of the container within its service.
    pub(crate) const NUMBER: &str = "com.docker.compose.container-number";
}

impl Container {
    /// Whether it runs, and does not crash again and again.
    pub(crate) fn runs_on(&self) -> bool {
        self.state == State::Running && !self.crashing
    }

    /// Whether it is in trouble: an old fault is not to be blamed on a change.
    pub fn is_failing(&self) -> bool {
        match self.state {
            State::Restarting | State::Dead => true,
            State::Exited => !self.stopped_on_purpose(),
            State::Created => true,
            State::Running | State::Paused | State::Removing => {
                self.crashing || self.health == Health::Unhealthy
            }
        }
    }

    /// A container of a Compose project; `None` for any other.
    pub fn of_summary(summary: models::ContainerSummary) -> Option<Self> {
        let labels: BTreeMap<String, String> = summary.labels?.into_iter().collect();
        let status = summary.status.unwrap_or_default();
        Some(Self {
            id: summary.id?,
            name: summary.names?.first()?.trim_start_matches('/').to_owned(),
            project: labels.get(label::PROJECT)?.clone(),
            service: labels.get(label::SERVICE)?.as_str().into(),
            oneoff: labels
                .get(label::ONEOFF)
                .is_some_and(|flag| flag.eq_ignore_ascii_case("true")),
            state: State::of_word(&summary.state.map(|s| s.to_string()).unwrap_or_default()),
            exit_code: exit_code_of_status(&status),
            health: health_of_status(&status),
            crashing: false,
            network_of: summary.host_config.and_then(|host| {
                let mode = host.network_mode?;
                mode.strip_prefix("container:").map(str::to_owned)
            }),
            image_id: summary.image_id.unwrap_or_default(),
            image: summary.image.unwrap_or_default(),
            created: summary.created.unwrap_or_default(),
            mounts: summary
                .mounts
                .unwrap_or_default()
                .into_iter()
                .map(Mount::of_model)
                .collect(),
            ports: published(summary.ports.unwrap_or_default()),
            labels,
        })
    }

    /// Whether the process is there: running or paused.
    pub fn is_up(&self) -> bool {
        matches!(
            self.state,
            State::Running | State::Paused | State::Restarting
        )
    }

    /// Whether it has a volume that nobody named.
    pub fn has_anonymous_volume(&self) -> bool {
        self.mounts.iter().any(Mount::is_anonymous)
    }

    /// Whether a cut-off or refused `up` left it: made to take the place of another one of its service,
    /// which is still there, and never started.
    pub fn is_leftover(&self, all: &[Self]) -> bool {
        let number = |one: &Self| one.labels.get(label::NUMBER).cloned();
        let beside = |one: &Self| {
            (&one.project, &one.service) == (&self.project, &self.service)
                && number(one) == number(self)
                && !is_passing_name(&one.name)
        };
        self.state == State::Created && is_passing_name(&self.name) && all.iter().any(beside)
    }

    /// Whether it ended by itself, and not well.
    pub fn has_crashed(&self) -> bool {
        self.state == State::Exited && !self.stopped_on_purpose()
    }

    /// Whether somebody stopped it: it ended with 0 or by a stop's signal, or is paused.
    ///
    /// A container that crashed, or that was never started (F8), was not stopped on purpose.
    pub fn stopped_on_purpose(&self) -> bool {
        match self.state {
            State::Exited => matches!(self.exit_code, Some(0 | 130 | 137 | 143)),
            State::Paused => true,
            State::Created | State::Running | State::Restarting | State::Dead | State::Removing => {
                false
            }
        }
    }
}

/// Whether this is the name that Compose gives the replacement of a container until the old one is
/// gone: `HASH_NAME`.
pub(crate) fn is_passing_name(name: &str) -> bool {
    let parts = name.split_once('_');
    parts.is_some_and(|(hash, rest)| is_short_id(hash) && !rest.is_empty())
}

/// Whether this is the beginning of a container's ID, as the engine shows it.
pub(crate) fn is_short_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Mount {
    /// Whether nobody named the volume: the engine calls it by 64 digits.
    pub fn is_anonymous(&self) -> bool {
        let name = self.name.as_deref().unwrap_or_default();
        let is_given = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        self.kind == "volume" && is_given
    }

    fn of_model(mount: models::MountPoint) -> Self {
        Self {
            kind: mount.typ.map(|kind| kind.to_string()).unwrap_or_default(),
            name: mount.name.filter(|name| !name.is_empty()),
            source: mount.source.unwrap_or_default().into(),
            destination: mount.destination.unwrap_or_default().into(),
            rw: mount.rw.unwrap_or(true),
        }
    }
}

/// `Exited (137) 2 minutes ago`; the list has no field of its own for it.
fn exit_code_of_status(status: &str) -> Option<i64> {
    let (_, rest) = status.split_once('(')?;
    let (code, _) = rest.split_once(')')?;
    code.parse().ok()
}

/// `Up 2 minutes (healthy)`, `Up 1 second (health: starting)`.
fn health_of_status(status: &str) -> Health {
    if status.contains("(healthy)") {
        Health::Healthy
    } else if status.contains("(unhealthy)") {
        Health::Unhealthy
    } else if status.contains("(health: starting)") {
        Health::Starting
    } else {
        Health::None
    }
}

pub(crate) fn published(ports: Vec<models::PortSummary>) -> Vec<PublishedPort> {
    ports
        .into_iter()
        .filter_map(|port| {
            Some(PublishedPort {
                ip: port.ip.unwrap_or_default(),
                port: port.public_port?,
                target: port.private_port,
                protocol: port.typ.map(|kind| kind.to_string()).unwrap_or_default(),
            })
        })
        .collect()
}

/// The healthcheck of a container, with the engine's defaults filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// Time between two checks.
    pub interval: Duration,
    /// Time that one check may take.
    pub timeout: Duration,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// Time in which failures do not count.
    pub start_period: Duration,
}

/// A container as inspect shows it.
#[derive(Debug, Clone, Default)]
pub struct Inspected {
    /// The engine's ID.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// State now.
    pub state: State,
    /// Exit code of the last end.
    pub exit_code: i64,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// The engine's own message on a failed start.
    pub error: String,
    /// Process on the engine's host; 0 when it does not run.
    pub pid: i64,
    /// When it was made.
    pub created: Option<jiff::Timestamp>,
    /// When the process was started.
    pub started_at: Option<jiff::Timestamp>,
    /// Restarts by the engine since it was made or started by hand.
    pub restarts: u32,
    /// When the engine starts it again by itself.
    pub policy: RestartPolicy,
    /// Health now.
    pub health: Health,
    /// Output of the last failed check.
    pub health_output: Option<String>,
    /// The healthcheck in force.
    pub healthcheck: Option<Healthcheck>,
    /// Its entry point, word by word.
    pub entrypoint: Vec<String>,
    /// What it was told to run, behind its entrypoint.
    pub command: Vec<String>,
    /// Environment of the process.
    pub env: BTreeMap<String, String>,
    /// Where its process begins, and what its relative paths start at.
    pub working_dir: PathBuf,
    /// Digest of the image.
    pub image_id: String,
    /// The image by the name that it was made with.
    pub image: String,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// Seconds between the stop signal and the kill, if set.
    pub stop_timeout: Option<i64>,
    /// The memory that it may use, if that is limited.
    pub memory_limit: Option<u64>,
    /// Whether the engine's own init is PID 1, which obeys a stop (F15).
    pub init: bool,
    /// Names of the networks that it is on.
    pub networks: BTreeSet<String>,
    /// How it is reached.
    pub reach: ContainerReach,
    /// What may be changed while it runs.
    pub adjustable: Adjustable,
}

/// How a container that runs was started last, as inspect tells it.
pub(crate) struct LastStart {
    /// When.
    pub(crate) at: Option<jiff::Timestamp>,
    /// How often the engine had started it again by then.
    pub(crate) restarts: u32,
    /// What its healthcheck says.
    pub(crate) health: Health,
}

impl Inspected {
    /// How it was started last, if it runs.
    pub(crate) fn start(&self) -> Option<LastStart> {
        (self.state == State::Running).then_some(LastStart {
            at: self.started_at,
            restarts: self.restarts,
            health: self.health,
        })
    }

    /// Reads the engine's answer.
    pub fn of_model(found: models::ContainerInspectResponse) -> Self {
        let reach = ContainerReach::of(&found);
        let adjustable = Adjustable::of(&found);
        let name = found.name.unwrap_or_default();
        let networks = found.network_settings.and_then(|network| network.networks);
        let state = found.state.unwrap_or_default();
        let config = found.config.unwrap_or_default();
        let host = found.host_config.unwrap_or_default();
        let policy = host.restart_policy.unwrap_or_default();
        let most = policy.maximum_retry_count.unwrap_or_default();
        let policy = policy.name.map(|name| name.to_string()).unwrap_or_default();
        let health = state.health.unwrap_or_default();
        Self {
            image: config.image.clone().unwrap_or_default(),
            id: found.id.unwrap_or_default(),
            state: State::of_word(&state.status.map(|s| s.to_string()).unwrap_or_default()),
            exit_code: state.exit_code.unwrap_or_default(),
            oom_killed: state.oom_killed.unwrap_or_default(),
            error: state.error.unwrap_or_default(),
            pid: state.pid.unwrap_or_default(),
            created: found.created.and_then(|text| text.parse().ok()),
            started_at: state.started_at.and_then(|text| text.parse().ok()),
            restarts: found
                .restart_count
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or_default(),
            policy: match policy.as_str() {
                "always" | "unless-stopped" => RestartPolicy::Always,
                "on-failure" => RestartPolicy::OnFailure {
                    most: usize::try_from(most).ok().filter(|most| *most > 0),
                },
                _ => RestartPolicy::No,
            },
            health: Health::of_word(&health.status.map(|s| s.to_string()).unwrap_or_default()),
            health_output: health
                .log
                .unwrap_or_default()
                .into_iter()
                .rfind(|result| result.exit_code != Some(0))
                .and_then(|result| result.output)
                .map(|output| text::all_taken(&output)),
            healthcheck: config.healthcheck.and_then(Healthcheck::of_model),
            entrypoint: config.entrypoint.unwrap_or_default(),
            command: config.cmd.unwrap_or_default(),
            working_dir: match config.working_dir {
                Some(folder) if !folder.is_empty() => folder.into(),
                Some(_) | None => "/".into(),
            },
            env: config
                .env
                .unwrap_or_default()
                .into_iter()
                .map(split_env)
                .collect(),
            image_id: found.image.unwrap_or_default(),
            mounts: found
                .mounts
                .unwrap_or_default()
                .into_iter()
                .map(Mount::of_model)
                .collect(),
            stop_timeout: config.stop_timeout,
            memory_limit: host
                .memory
                .and_then(|bytes| u64::try_from(bytes).ok())
                .filter(|bytes| *bytes > 0),
            init: host.init.unwrap_or_default(),
            networks: networks.unwrap_or_default().into_keys().collect(),
            reach,
            adjustable,
            name: name.trim_start_matches('/').to_owned(),
        }
    }
}

fn split_env(line: String) -> (String, String) {
    match line.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (line, String::new()),
    }
}

impl Healthcheck {
    /// The engine's defaults: 30 s, 30 s, 3 retries, no start period; zero means the default.
    pub(crate) fn of_model(config: models::HealthConfig) -> Option<Self> {
        let test = config.test.unwrap_or_default();
        if test.is_empty() || test[0] == "NONE" {
            return None;
        }
        let or = |nanos: Option<i64>, default: u64| match nanos.map(u64::try_from) {
            Some(Ok(nanos)) if nanos > 0 => Duration::from_nanos(nanos),
            _ => Duration::from_secs(default),
        };
        Some(Self {
            interval: or(config.interval, 30),
            timeout: or(config.timeout, 30),
            retries: config
                .retries
                .and_then(|n| u32::try_from(n).ok())
                .filter(|&n| n > 0)
                .unwrap_or(3),
            start_period: or(config.start_period, 0),
        })
    }
}

/// Whether a status line tells of less than ten seconds.
pub(crate) fn is_young(status: &str) -> bool {
    let mut words = status.split_whitespace();
    if words.next() != Some("Up") {
        return false;
    }
    match (words.next(), words.next()) {
        (Some("Less"), _) => true,
        (Some(count), Some("second" | "seconds")) => count.len() == 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_tells_exit_code_and_health_in_its_status_line() {
        assert_eq!(exit_code_of_status("Exited (137) 2 minutes ago"), Some(137));
        assert_eq!(exit_code_of_status("Up 2 minutes (healthy)"), None);
        assert_eq!(health_of_status("Up 2 minutes (healthy)"), Health::Healthy);
        assert_eq!(
            health_of_status("Up 1 second (health: starting)"),
            Health::Starting
        );
        assert_eq!(health_of_status("Up 1 second"), Health::None);
    }
}
