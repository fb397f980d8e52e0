//! A container as the engine has it, whole: what it is, what it runs with, what it is attached to.
//! Two such values of different moments are compared, so what the engine picks by itself at each
//! start (addresses, free ports, its own names) is left out or kept apart.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models;
use bollard::query_parameters as query;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::EngineError;
use super::adjustable::{Attachment, networks_of, policy_words};
use super::container::{Health, Healthcheck, LastStart, is_passing_name, is_short_id, label};
use super::reach::ContainerReach;
use crate::docker::client::{Docker, failed, is_missing};
use crate::event::ServiceName;
use crate::hash::hex;

/// So many containers are inspected at a time.
const AT_A_TIME: usize = 32;

/// Labels of this prefix are Compose's own, and say when and by whom a container was made.
const COMPOSES: &str = "com.docker.compose.";

/// Of the host's part of a configuration: told elsewhere, or the engine's own.
const NOT_SETTINGS: [&str; 8] = [
    "Binds",
    "Mounts",
    "PortBindings",
    "RestartPolicy",
    "ContainerIDFile",
    "ConsoleSize",
    "Links",
    "VolumesFrom",
];

/// Whether a container runs, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Made, and never started.
    Created,
    /// Its process is there.
    Running,
    /// Its process is there, and held.
    Paused,
    /// It ended, and the engine is about to start it again.
    Restarting,
    /// It ended.
    Exited {
        /// With this code.
        code: i64,
    },
    /// The engine cannot do anything with it, or is removing it.
    Dead,
}

impl RunState {
    /// Whether the process is there, or will be in a moment.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// In the engine's word.
    pub fn text(self) -> String {
        match self {
            Self::Created => "created".to_owned(),
            Self::Running => "running".to_owned(),
            Self::Paused => "paused".to_owned(),
            Self::Restarting => "restarting".to_owned(),
            Self::Exited { code } => format!("exited ({code})"),
            Self::Dead => "dead".to_owned(),
        }
    }

    fn of(state: &models::ContainerState) -> Self {
        use models::ContainerStateStatusEnum as Status;
        let code = state.exit_code.unwrap_or_default();
        match state.status {
            Some(Status::RUNNING) => Self::Running,
            Some(Status::PAUSED) => Self::Paused,
            Some(Status::RESTARTING) => Self::Restarting,
            Some(Status::EXITED | Status::STOPPING) => Self::Exited { code },
            Some(Status::CREATED) => Self::Created,
            Some(Status::REMOVING | Status::DEAD | Status::EMPTY) | None => Self::Dead,
        }
    }
}

/// A port that a container publishes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Publication {
    /// Port and protocol in the container, such as `80/tcp`.
    pub target: String,
    /// Address on the host; empty means all.
    pub ip: String,
    /// Port on the host; `None`: the engine picks one.
    pub port: Option<u16>,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MountSide {
    /// Path in the container.
    pub destination: String,
    /// `bind`, `volume`, `tmpfs`.
    pub kind: String,
    /// Name of the volume, or path on the engine's host.
    pub source: String,
    /// Whether it can be written.
    pub rw: bool,
}

/// A container of a service at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replica {
    /// The engine's ID.
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// Compose's service.
    pub service: ServiceName,
    /// Its number within the service.
    pub number: u32,
    /// Digest of its image.
    pub image_id: String,
    /// Name that the image was asked for by.
    pub image: String,
    /// Whether it runs.
    pub state: RunState,
    /// What the healthcheck says.
    pub health: Health,
    /// Restarts by the engine since it was made or started by hand.
    pub restarts: i64,
    /// When it was made.
    pub created: String,
    /// When its process was started.
    pub started_at: String,
    /// Whether it ran only until its next crash, as far as could be told.
    #[serde(default)]
    pub crashing: bool,
    /// When the engine starts it again by itself, such as `on-failure:3`.
    pub restart_policy: String,
    /// Environment of the process: each value by its hash, which is all that a comparison needs and no
    /// secret that lies on the disk.
    pub env: BTreeMap<String, String>,
    /// Labels without Compose's own.
    pub labels: BTreeMap<String, String>,
    /// Everything else of its configuration that is set, by the engine's names.
    pub settings: BTreeMap<String, String>,
    /// The networks that it is on, by name.
    pub networks: BTreeMap<String, Attachment>,
    /// What it is to publish.
    pub ports: BTreeSet<Publication>,
    /// Whether all of that is published; always so for one that does not run.
    pub published: bool,
    /// What is mounted.
    pub mounts: BTreeSet<MountSide>,
    /// Its healthcheck, with the engine's defaults filled in.
    pub healthcheck: Option<Healthcheck>,
    /// Compose's hash of its definition.
    pub config_hash: Option<String>,
    /// How it is reached.
    #[serde(default)]
    pub reach: ContainerReach,
}

impl Replica {
    /// The name that Compose gives the replacement of a container until the old one is gone:
    /// `HASH_NAME`.
    pub fn has_passing_name(&self) -> bool {
        is_passing_name(&self.name)
    }

    /// Whether it ran, and did not crash again and again.
    pub(crate) fn runs_on(&self) -> bool {
        self.state == RunState::Running && !self.crashing
    }

    /// Whether it was in trouble: an old fault is not to be blamed on a change.
    pub fn is_failing(&self) -> bool {
        match self.state {
            RunState::Restarting | RunState::Dead | RunState::Created => true,
            RunState::Exited { code } => !matches!(code, 0 | 130 | 137 | 143),
            RunState::Running => self.health == Health::Unhealthy || self.crashing,
            RunState::Paused => false,
        }
    }

    /// How it was started last, if it runs.
    fn start(&self) -> Option<LastStart> {
        (self.state == RunState::Running).then(|| LastStart {
            at: self.started(),
            restarts: u32::try_from(self.restarts).unwrap_or_default(),
            health: self.health,
        })
    }

    /// When its process was started.
    pub(crate) fn started(&self) -> Option<jiff::Timestamp> {
        self.started_at.parse().ok()
    }

    /// The container whose namespace this one uses, if it does: an ID as the engine has it.
    pub fn shares_with(&self) -> impl Iterator<Item = &str> {
        self.settings
            .values()
            .filter_map(|mode| mode.strip_prefix("\"container:")?.strip_suffix('"'))
    }

    fn of(found: models::ContainerInspectResponse) -> Option<Self> {
        let reach = ContainerReach::of(&found);
        let config = found.config.unwrap_or_default();
        let host = found.host_config.unwrap_or_default();
        let state = found.state.unwrap_or_default();
        let network = found.network_settings.unwrap_or_default();
        let id = found.id?;
        let all_labels: BTreeMap<String, String> = config
            .labels
            .clone()
            .unwrap_or_default()
            .into_iter()
            .collect();
        if is_oneoff(&all_labels) {
            return None;
        }
        let runs = state.running.unwrap_or_default();
        let ports = ports_of(host.port_bindings.as_ref());
        let health = state.health.as_ref().and_then(|health| health.status);
        Some(Self {
            name: found.name?.trim_start_matches('/').to_owned(),
            service: all_labels.get(label::SERVICE)?.as_str().into(),
            number: all_labels
                .get(label::NUMBER)
                .and_then(|number| number.parse().ok())
                .unwrap_or_default(),
            image_id: found.image.unwrap_or_default(),
            image: config.image.clone().unwrap_or_default(),
            state: RunState::of(&state),
            health: Health::of_word(&health.map(|word| word.to_string()).unwrap_or_default()),
            restarts: found.restart_count.unwrap_or_default(),
            created: found.created.unwrap_or_default(),
            started_at: state.started_at.unwrap_or_default(),
            crashing: false,
            restart_policy: policy_words(host.restart_policy.as_ref()),
            env: config
                .env
                .iter()
                .flatten()
                .map(|line| split_env(line))
                .collect(),
            settings: settings_of(&config, &host),
            networks: networks_of(&id, runs, network.networks.unwrap_or_default()),
            published: !runs || are_published(&ports, network.ports.as_ref()),
            ports,
            mounts: found
                .mounts
                .into_iter()
                .flatten()
                .map(MountSide::of)
                .collect(),
            healthcheck: config.healthcheck.clone().and_then(Healthcheck::of_model),
            config_hash: all_labels.get(label::CONFIG_HASH).cloned(),
            reach,
            labels: all_labels
                .into_iter()
                .filter(|(name, _)| !name.starts_with(COMPOSES))
                .collect(),
            id,
        })
    }
}

fn is_oneoff(labels: &BTreeMap<String, String>) -> bool {
    let flag = labels.get(label::ONEOFF);
    flag.is_some_and(|flag| flag.eq_ignore_ascii_case("true"))
}

fn split_env(line: &str) -> (String, String) {
    let (key, value) = line.split_once('=').unwrap_or((line, ""));
    let digest = Sha256::digest(value.as_bytes());
    (key.to_owned(), hex(&digest[..16]))
}

/// What is set, as compact JSON by name; what is empty counts as not there.
fn settings_of(
    config: &models::ContainerConfig,
    host: &models::HostConfig,
) -> BTreeMap<String, String> {
    let mut config = config.clone();
    config.env = None;
    config.labels = None;
    config.image = None;
    // The engine's default name of the host is the beginning of the ID, be it that of the container
    // whose network this one shares.
    config.hostname = config.hostname.filter(|name| !is_short_id(name));
    if let Some(ports) = &mut config.exposed_ports {
        ports.sort();
    }
    let parts = [serde_json::to_value(config), serde_json::to_value(host)];
    let objects = parts.into_iter().filter_map(Result::ok);
    let fields = objects.filter_map(|value| match value {
        Value::Object(fields) => Some(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    });
    fields
        .flatten()
        .filter(|(name, value)| !NOT_SETTINGS.contains(&name.as_str()) && !is_empty(value))
        .map(|(name, value)| (name, sorted(value).to_string()))
        .collect()
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(is_empty),
    }
}

/// Maps in the order of their keys: the engine has none.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn ports_of(bindings: Option<&models::PortMap>) -> BTreeSet<Publication> {
    let all = bindings.into_iter().flatten();
    let each = all.flat_map(|(target, bound)| {
        bound.iter().flatten().map(|binding| Publication {
            target: target.clone(),
            ip: match binding.host_ip.as_deref() {
                None | Some("0.0.0.0") => String::new(),
                Some(ip) => ip.to_owned(),
            },
            port: binding
                .host_port
                .as_deref()
                .and_then(|port| port.parse().ok())
                .filter(|port| *port != 0),
        })
    });
    each.collect()
}

fn are_published(wanted: &BTreeSet<Publication>, found: Option<&models::PortMap>) -> bool {
    wanted.iter().all(|port| {
        let bound = found.and_then(|map| map.get(&port.target));
        bound
            .and_then(Option::as_ref)
            .is_some_and(|bound| !bound.is_empty())
    })
}

impl MountSide {
    fn of(mount: models::MountPoint) -> Self {
        let kind = mount.typ.map(|kind| kind.to_string()).unwrap_or_default();
        let name = mount.name.filter(|name| !name.is_empty());
        Self {
            source: name.or(mount.source).unwrap_or_default(),
            destination: mount.destination.unwrap_or_default(),
            rw: mount.rw.unwrap_or_default(),
            kind,
        }
    }
}

impl Docker {
    /// Every container of a project as it is, without those of `compose run`.
    ///
    /// # Errors
    /// The engine's. A container that goes while it is asked for is left out.
    pub async fn replicas(&self, project: &str) -> Result<Vec<Replica>, EngineError> {
        let filters = HashMap::from([("label", vec![format!("{}={project}", label::PROJECT)])]);
        let options = query::ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let listed = self.api.list_containers(Some(options)).await;
        let listed = listed.map_err(failed("list containers"))?;
        let ids = listed.into_iter().filter_map(|container| container.id);
        let asked = stream::iter(ids).map(|id| async move {
            let none = None::<query::InspectContainerOptions>;
            match self.api.inspect_container(&id, none).await {
                Ok(found) => match Replica::of(found) {
                    Some(mut replica) => {
                        replica.crashing = self.is_crashing(&id, replica.start()).await?;
                        Ok(Some(replica))
                    }
                    None => Ok(None),
                },
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(failed("inspect a container")(error)),
            }
        });
        let found: Vec<Option<Replica>> = asked.buffer_unordered(AT_A_TIME).try_collect().await?;
        let mut found: Vec<Replica> = found.into_iter().flatten().collect();
        found.sort_by(|a, b| {
            (&a.service, a.number, &a.created).cmp(&(&b.service, b.number, &b.created))
        });
        Ok(found)
    }

    /// Gives a container another name.
    ///
    /// # Errors
    /// The engine's, such as a name that is taken.
    pub async fn rename(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let options = query::RenameContainerOptionsBuilder::new()
            .name(name)
            .build();
        let done = self.api.rename_container(id, options).await;
        done.map_err(failed("rename a container"))
    }

    /// Holds a container's processes.
    ///
    /// # Errors
    /// The engine's.
    pub async fn pause(&self, id: &str) -> Result<(), EngineError> {
        let done = self.api.pause_container(id).await;
        done.map_err(failed("pause a container"))
    }
}
