//! The resolved model of a stack: what `docker compose config --format json` says, with the parts
//! that a plan needs in types, and the rest kept as it came.

mod networks;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::event::ServiceName;
use crate::secret::Redactor;

/// All that Compose resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Name of the project.
    pub name: String,
    /// Every service, whatever its profile.
    pub services: BTreeMap<ServiceName, Service>,
    /// Top-level `networks`, `volumes`, `configs` and `secrets`, by section and name.
    pub shared: BTreeMap<Section, BTreeMap<String, Value>>,
}

/// A top-level section that services refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the keys of a compose file")]
pub enum Section {
    Networks,
    Volumes,
    Configs,
    Secrets,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Networks, Self::Volumes, Self::Configs, Self::Secrets];

    /// The key in a compose file.
    pub fn key(self) -> &'static str {
        match self {
            Self::Networks => "networks",
            Self::Volumes => "volumes",
            Self::Configs => "configs",
            Self::Secrets => "secrets",
        }
    }
}

/// One service as Compose resolved it.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The definition as it came.
    pub raw: Map<String, Value>,
    /// Environment with Compose's `$$` undone; `None`: inherited and unset.
    pub environment: BTreeMap<String, Option<String>>,
    /// Image name, where the file gives one.
    pub image: Option<String>,
    /// Profiles that it belongs to; empty: always active.
    pub profiles: Vec<String>,
    /// What it waits for.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// Bind mounts.
    pub binds: Vec<Bind>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// Containers wanted.
    pub replicas: u64,
}

/// One entry of `depends_on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// What must be true of the other service first.
    pub condition: Condition,
    /// `restart: true`: restarted when the other one is.
    pub restart: bool,
}

/// `condition` of a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "Compose's own words")]
pub enum Condition {
    Started,
    Healthy,
    CompletedSuccessfully,
}

/// A bind mount of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// On the host, absolute.
    pub source: PathBuf,
    /// In the container.
    pub target: PathBuf,
    /// Compose's short syntax: a missing source becomes a folder of root's (F13).
    pub creates_source: bool,
}

/// A published port of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Address on the host; empty: all.
    pub ip: String,
    /// Port on the host.
    pub published: u16,
    /// Port in the container.
    pub target: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

impl Model {
    /// Teaches a redactor every secret that the model holds.
    pub(crate) fn teach(&self, redactor: &mut Redactor) {
        for service in self.services.values() {
            for (key, value) in &service.environment {
                redactor.learn(key, value.as_deref().unwrap_or_default());
            }
            service
                .raw
                .iter()
                .for_each(|(key, value)| redactor.learn_all(key, value));
        }
        let shared = self.shared.values().flatten();
        shared.for_each(|(name, value)| redactor.learn_all(name, value));
    }

    /// Reads what Compose printed.
    ///
    /// Compose prints only what it has checked, so what has an unexpected shape is passed over
    /// rather than refused: a newer Compose may say more than we know.
    pub fn of_json(value: Value) -> Self {
        let Value::Object(mut top) = value else {
            return Self::empty();
        };
        let mut objects = |key: &str| match top.remove(key) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        let services = objects("services")
            .into_iter()
            .filter_map(|(name, value)| {
                let Value::Object(raw) = value else {
                    return None;
                };
                Some((name.into(), Service::of_json(raw)))
            })
            .collect();
        let shared = Section::ALL
            .map(|section| (section, objects(section.key()).into_iter().collect()))
            .into();
        let name = top
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        Self {
            name,
            services,
            shared,
        }
    }

    fn empty() -> Self {
        Self {
            name: String::new(),
            services: BTreeMap::new(),
            shared: BTreeMap::new(),
        }
    }

    /// The definition of a shared object, such as a network.
    pub fn shared(&self, section: Section, name: &str) -> Option<&Value> {
        self.shared.get(&section)?.get(name)
    }

    /// The service of another program whose variables a service gets: Compose puts them into its
    /// environment when it calls that program, and into its hash (F77).
    pub fn provider_of(&self, service: &ServiceName) -> Option<&ServiceName> {
        let own = self.services.get(service)?;
        own.depends_on.keys().find(|name| {
            let other = self.services.get(*name);
            other.is_some_and(Service::has_provider)
        })
    }

    /// Services in the order of their dependencies, each after those that it waits for.
    ///
    /// Compose refuses cycles; should there be one, its members come in the order of their names.
    pub fn in_dependency_order(&self) -> Vec<ServiceName> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for name in self.services.keys() {
            self.visit(name, &mut seen, &mut order);
        }
        order
    }

    fn visit(
        &self,
        name: &ServiceName,
        seen: &mut BTreeSet<ServiceName>,
        order: &mut Vec<ServiceName>,
    ) {
        // An explicit stack: a chain of thousands of services must not overflow ours.
        let mut open = vec![(name.clone(), false)];
        while let Some((name, done)) = open.pop() {
            if done {
                order.push(name);
                continue;
            }
            let Some(service) = self.services.get(&name) else {
                continue;
            };
            if !seen.insert(name.clone()) {
                continue;
            }
            open.push((name, true));
            for needed in service.needs().into_iter().rev() {
                open.push((needed, false));
            }
        }
    }

    /// The name of a service's image: the one in the files, else the one that Compose gives to what
    /// it builds.
    pub fn image_of(&self, service: &ServiceName) -> Option<String> {
        let own = self.services.get(service)?.image.clone();
        Some(own.unwrap_or_else(|| format!("{}-{service}", self.name)))
    }

    /// Whether Compose would start this service with these profiles on.
    pub fn is_active(&self, service: &ServiceName, profiles: &[String]) -> bool {
        self.services.get(service).is_some_and(|service| {
            service.profiles.is_empty()
                || service
                    .profiles
                    .iter()
                    .any(|own| profiles.iter().any(|on| on == own || on == "*"))
        })
    }
}

impl Service {
    /// The services whose images its build starts from (`additional_contexts: {base: service:base}`).
    pub(crate) fn builds_on(&self) -> impl Iterator<Item = ServiceName> {
        let build = self.raw.get("build");
        let contexts = build.and_then(|build| build.get("additional_contexts"));
        let contexts = contexts.and_then(Value::as_object).into_iter().flatten();
        contexts.filter_map(|(_, context)| Some(context.as_str()?.strip_prefix("service:")?.into()))
    }

    /// The places of `tmpfs:`.
    pub(crate) fn tmpfs(&self) -> impl Iterator<Item = &str> {
        let defined = self.raw.get("tmpfs");
        let listed = defined.and_then(Value::as_array).into_iter().flatten();
        let all = listed.chain(defined).filter_map(Value::as_str);
        all.filter_map(|one| one.split(':').next())
    }

    fn of_json(raw: Map<String, Value>) -> Self {
        Self {
            environment: environment(raw.get("environment")),
            image: text(&raw, "image"),
            profiles: list(&raw, "profiles")
                .filter_map(Value::as_str)
                .map(Into::into)
                .collect(),
            depends_on: depends_on(raw.get("depends_on")),
            binds: list(&raw, "volumes").filter_map(Bind::of_json).collect(),
            ports: list(&raw, "ports").flat_map(Port::of_json).collect(),
            replicas: raw
                .get("scale")
                .or_else(|| raw.get("deploy")?.get("replicas"))
                .and_then(Value::as_u64)
                .unwrap_or(1),
            raw,
        }
    }

    /// Gives a variable of the environment another value.
    pub fn set_variable(&mut self, key: &str, value: &str) {
        self.environment
            .insert(key.to_owned(), Some(value.to_owned()));
        let entry = self
            .raw
            .entry("environment")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(map) = entry {
            map.insert(key.to_owned(), value.replace('$', "$$").into());
        }
    }

    /// Whether another program than the engine runs it: it has no container.
    pub fn has_provider(&self) -> bool {
        self.raw.contains_key("provider")
    }

    /// Whether Compose runs something in its containers when it starts or stops them (F75).
    pub fn has_lifecycle_hooks(&self) -> bool {
        let hooks = ["post_start", "pre_stop"];
        hooks.iter().any(|hook| self.raw.contains_key(*hook))
    }

    /// Whether it has a `build:` section.
    pub fn builds(&self) -> bool {
        self.raw.get("build").is_some_and(Value::is_object)
    }

    /// A text field of the definition.
    pub fn text(&self, key: &str) -> Option<String> {
        text(&self.raw, key)
    }

    /// The services whose namespaces or anonymous volumes it uses, with the field that says so.
    pub fn shares_with(&self) -> Vec<(&'static str, ServiceName)> {
        let mut shares = Vec::new();
        for field in ["network_mode", "ipc", "pid"] {
            if let Some(name) = self.text(field)
                && let Some(service) = name.strip_prefix("service:")
            {
                shares.push((field, service.into()));
            }
        }
        for from in list(&self.raw, "volumes_from").filter_map(Value::as_str) {
            if !from.starts_with("container:") {
                shares.push((
                    "volumes_from",
                    from.split(':').next().unwrap_or(from).into(),
                ));
            }
        }
        shares
    }

    /// The named volumes of which a folder in the container is a part.
    pub fn volumes_at<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a str> {
        list(&self.raw, "volumes")
            .filter(|item| item["type"] == "volume")
            .filter(|item| {
                let target = item.get("target").and_then(Value::as_str);
                target.is_some_and(|target| folder.starts_with(target))
            })
            .filter_map(|item| item.get("source").and_then(Value::as_str))
    }

    /// Whether it may need another service at its start: it depends on it, or an address in its
    /// environment names it.
    pub(crate) fn may_wait_for(&self, other: &ServiceName) -> bool {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let mut values = self.environment.values().flatten();
        self.depends_on.contains_key(other)
            || values.any(|value| {
                let mut words = value.split(|c| !is_part(c));
                words.any(|word| word == other.as_str())
            })
    }

    /// Everything that must be there before it.
    fn needs(&self) -> Vec<ServiceName> {
        let shared = self.shares_with().into_iter().map(|(_, name)| name);
        self.depends_on.keys().cloned().chain(shared).collect()
    }

    /// The names in a section that it uses: its networks, named volumes, configs, secrets.
    pub fn uses(&self, section: Section) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        match self.raw.get(section.key()) {
            Some(Value::Object(map)) => names.extend(map.keys().cloned()),
            Some(Value::Array(items)) => names.extend(
                items
                    .iter()
                    .filter(|item| section != Section::Volumes || item["type"] == "volume")
                    .filter_map(|item| item.get("source").and_then(Value::as_str))
                    .map(Into::into),
            ),
            _ => {}
        }
        names
    }
}

impl Bind {
    fn of_json(value: &Value) -> Option<Self> {
        if value.get("type")?.as_str()? != "bind" {
            return None;
        }
        Some(Self {
            source: value.get("source")?.as_str()?.into(),
            target: value.get("target")?.as_str()?.into(),
            creates_source: value
                .pointer("/bind/create_host_path")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
        })
    }

    /// A name with an ending, or a dot file, is meant to be a file; a version (`data_v1.35`) is no
    /// ending.
    pub fn looks_like_file(&self) -> bool {
        let name = self.source.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        let ending = self.source.extension().unwrap_or_default();
        let ending = ending.to_string_lossy();
        name.starts_with('.') || ending.starts_with(|c: char| c.is_alphabetic()) && ending != "d"
    }
}

impl Port {
    /// A range of published ports is left to the engine: it takes the first free one.
    fn of_json(value: &Value) -> Option<Self> {
        let published = match value.get("published")? {
            Value::String(text) => text.parse().ok()?,
            Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(Self {
            ip: value
                .get("host_ip")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            published,
            target: value
                .get("target")?
                .as_u64()
                .and_then(|n| u16::try_from(n).ok())?,
            protocol: value
                .get("protocol")
                .and_then(Value::as_str)
                .unwrap_or("tcp")
                .to_owned(),
        })
    }
}

/// Undoes the `$$` with which Compose prints a literal `$`.
pub(crate) fn unescape(text: &str) -> String {
    text.replace("$$", "$")
}

fn text(raw: &Map<String, Value>, key: &str) -> Option<String> {
    raw.get(key).and_then(Value::as_str).map(unescape)
}

fn list<'a>(raw: &'a Map<String, Value>, key: &str) -> impl Iterator<Item = &'a Value> {
    raw.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn environment(value: Option<&Value>) -> BTreeMap<String, Option<String>> {
    let Some(Value::Object(map)) = value else {
        return BTreeMap::new();
    };
    map.iter()
        .map(|(key, value)| (key.clone(), value.as_str().map(unescape)))
        .collect()
}

fn depends_on(value: Option<&Value>) -> BTreeMap<ServiceName, Dependency> {
    let Some(Value::Object(map)) = value else {
        return BTreeMap::new();
    };
    map.iter()
        .map(|(name, entry)| {
            let condition = match entry.get("condition").and_then(Value::as_str) {
                Some("service_healthy") => Condition::Healthy,
                Some("service_completed_successfully") => Condition::CompletedSuccessfully,
                _ => Condition::Started,
            };
            let restart = entry
                .get("restart")
                .and_then(Value::as_bool)
                .unwrap_or_default();
            (name.as_str().into(), Dependency { condition, restart })
        })
        .collect()
}

#[cfg(test)]
mod tests;
