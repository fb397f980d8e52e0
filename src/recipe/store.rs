//! A store as a service of the stack's own files: added, found and used, or taken out again. Never a
//! container beside the project: the next `up --remove-orphans` would take it away (F11).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::exposure::is_open;
use super::format::{AddedService, Application, Recipe};
use super::place::{Edits, below, text};
use super::render::Filling;
use crate::complaint::Complaint;
use crate::edit::yaml::{self, YamlPath};
use crate::engine::files;
use crate::event::ServiceName;
use crate::profile::recognise::image_name;
use crate::run::belongs;
use crate::run::request::{Kind, To};
use crate::secret::Secret;
use crate::secret::generate::Generate;
use crate::stack::Place;
use crate::stack::model::{Model, Section, Service};

/// The label by which a recipe knows its own service again.
pub const LABEL: &str = "refit.recipe";

/// What a store is added for.
pub struct Wanted<'a> {
    /// The stack.
    pub place: &'a Place,
    /// As it is.
    pub model: &'a Model,
    /// The recipe.
    pub recipe: &'a Recipe,
    /// Its part for the application.
    pub application: &'a Application,
    /// The service that uses the store.
    pub service: &'a ServiceName,
    /// Keys that are set already.
    pub configured: &'a BTreeMap<String, String>,
    /// What the person gave as `url`.
    pub url: Option<String>,
    /// The person said how the store is to be, so one that is there is changed.
    pub redefine: bool,
    /// A store without a password may be used.
    pub allow_open: bool,
}

impl Wanted<'_> {
    /// Adds or finds the store that is asked for, and tells templates where it is.
    ///
    /// # Errors
    /// `localhost_in_container`, `store_unprotected`, `store_open`, `store_password_unknown`.
    pub async fn add(
        &self,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
    ) -> Result<(), Complaint> {
        for added in &self.application.services {
            if !filling.holds(&added.when)? {
                continue;
            }
            if let Some(url) = &self.url {
                not_localhost(url)?;
                filling.set("url", url);
                notes.push("the store at url is used as it is: refit adds no service".to_owned());
                continue;
            }
            if let Some(found) = self.existing(added).await? {
                notes.push(found.note);
                filling.set("host", found.service.as_str());
                filling.set("url", &found.url);
                continue;
            }
            if !added.reuse.is_empty() {
                notes.extend(neighbours(self.place, self.model).await);
            }
            self.add_own(added, filling, edits)?;
        }
        Ok(())
    }

    /// The recipe's own service, new or there already.
    fn add_own(
        &self,
        added: &AddedService,
        filling: &mut Filling,
        edits: &mut Edits,
    ) -> Result<(), Complaint> {
        let env_file = self.place.located.first_env_file();
        let mut secrets = BTreeMap::new();
        for key in &added.secrets {
            let value = match self.configured.get(key) {
                Some(value) => value.clone(),
                None => {
                    let made = Generate::Alnum(40).value()?;
                    edits.add(Some(env_file.clone()), key, text(made.expose()));
                    made.expose().to_owned()
                }
            };
            secrets.insert(key.clone(), value);
        }
        filling.set_group("secret", &secrets);
        let (name, is_there) = self.name_for(added);
        filling.set("host", name.as_str());
        let url = filling.text(&added.url)?;
        filling.set("url", &url);
        if !is_there || self.redefine {
            let definition = filling.json(&added.definition)?;
            edits.add(None, below(&name, &[]), json_value(&definition));
            for volume in &added.volumes {
                if self.model.shared(Section::Volumes, volume).is_none() {
                    edits.add(None, format!("volumes.{volume}"), json_value(&json!({})));
                }
            }
        }
        self.depend(&name, edits);
        Ok(())
    }

    /// The name of the recipe's service, and whether it is there already.
    fn name_for(&self, added: &AddedService) -> (ServiceName, bool) {
        let plain: ServiceName = added.name.as_str().into();
        match self.model.services.get(&plain) {
            None => (plain, false),
            Some(service) if self.is_own(service) => (plain, true),
            Some(_) => {
                let other: ServiceName = format!("session-{}", added.name).into();
                let is_there = self.model.services.contains_key(&other);
                (other, is_there)
            }
        }
    }

    fn is_own(&self, service: &Service) -> bool {
        label_of(service) == Some(self.recipe.name.as_str())
    }

    /// The application waits for the store's health.
    fn depend(&self, store: &ServiceName, edits: &mut Edits) {
        let known = self.model.services.get(self.service);
        let healthy = crate::stack::model::Condition::Healthy;
        if known.is_some_and(|s| {
            s.depends_on
                .get(store)
                .is_some_and(|d| d.condition == healthy)
        }) {
            return;
        }
        let condition = json!({"condition": "service_healthy"});
        let one = below(self.service, &["depends_on", store.as_str()]);
        let path: Result<YamlPath, _> = one.parse();
        let file = path.map(|path| {
            let found = belongs::file_for(&path, false, &self.place.located);
            found.ok().map(|(file, _)| file)
        });
        let listed = file.ok().flatten().and_then(|file| self.listed(&file));
        match listed {
            // The short form knows no condition.
            Some(names) => {
                let mut map = serde_json::Map::new();
                for name in names {
                    map.insert(name, json!({"condition": "service_started"}));
                }
                map.insert(store.to_string(), condition);
                let whole = below(self.service, &["depends_on"]);
                edits.add(None, whole, json_value(&Value::Object(map)));
            }
            None => edits.add(None, one, json_value(&condition)),
        }
    }

    /// The short form of `depends_on` in a file.
    fn listed(&self, file: &Path) -> Option<Vec<String>> {
        let bytes = files::read_if_exists(file).ok().flatten()?;
        let written = String::from_utf8(bytes).ok()?;
        let path: YamlPath = below(self.service, &["depends_on"]).parse().ok()?;
        let items = yaml::get(&written, &path).ok().flatten()?;
        let items = items.as_array()?;
        Some(
            items
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Another service of the stack that does the same.
    async fn existing(&self, added: &AddedService) -> Result<Option<Found>, Complaint> {
        let mut same = self.model.services.iter().filter(|(_, service)| {
            let image = service.image.as_deref().map(image_name).unwrap_or_default();
            added.reuse.iter().any(|known| known == image) && !self.is_own(service)
        });
        let Some((name, service)) = same.next() else {
            return Ok(None);
        };
        let open = open_port(service);
        let password = password_of(service);
        let protected = password.is_some() || self.refuses_strangers(name).await;
        match (protected, open) {
            (false, Some((at, index))) => {
                let text = format!(
                    "{name} is a Redis without a password, published on {at}: whoever reaches this \
                     machine can read and write it"
                );
                let path = format!("services.{name}.ports[{index}]");
                Err(Complaint::new("store_open", text).hint(format!(
                    "close it first: refit set '{path}=127.0.0.1:6379:6379'"
                )))
            }
            (false, None) if !self.allow_open => {
                let text = format!(
                    "{name} is a Redis without a password: every service of its network can read the \
                     sessions"
                );
                Err(Complaint::new("store_unprotected", text).hint(
                    "give it one (--requirepass), or --allow unprotected-store uses it as it is",
                ))
            }
            (true, _) if password.is_none() => {
                let text = format!("{name} wants a password that its definition does not show");
                Err(Complaint::new("store_password_unknown", text).hint(
                    "give the whole address on standard input: refit use session-store store=redis url",
                ))
            }
            _ => {
                let user = password.map(|word| format!(":{word}@")).unwrap_or_default();
                Ok(Some(Found {
                    service: name.clone(),
                    url: format!("redis://{user}{name}:6379"),
                    note: format!("{name} is a Redis of this stack already, and is used"),
                }))
            }
        }
    }

    /// Whether a Redis that runs answers nobody without a password.
    async fn refuses_strangers(&self, name: &ServiceName) -> bool {
        let own = self.place.of_project(&self.model.name);
        let Some(container) = own.iter().find(|c| c.service == *name && c.is_up()) else {
            return false;
        };
        let ping = ["env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"];
        let said = self.place.docker.exec_output(&container.id, &ping).await;
        said.is_some_and(|said| String::from_utf8_lossy(&said).contains("NOAUTH"))
    }

    /// Takes the recipe's own services out of the files, and whoever waits for them no longer does.
    pub fn remove(&self, edits: &mut Edits, notes: &mut Vec<String>) {
        for (name, service) in self.model.services.iter().filter(|(_, s)| self.is_own(s)) {
            for (other, waiting) in &self.model.services {
                if !waiting.depends_on.contains_key(name) {
                    continue;
                }
                match waiting.depends_on.len() {
                    1 => edits.add(None, below(other, &["depends_on"]), To::Unset),
                    _ => {
                        edits.add(
                            None,
                            below(other, &["depends_on", name.as_str()]),
                            To::Unset,
                        );
                    }
                }
            }
            edits.add(None, below(name, &[]), To::Unset);
            for volume in service.uses(Section::Volumes) {
                let real = self.model.shared(Section::Volumes, &volume);
                let real = real.and_then(|v| v.get("name")).and_then(Value::as_str);
                notes.push(format!(
                    "the volume {} and the password in the env file stay; docker volume rm removes \
                     what lies in the volume",
                    real.unwrap_or(&volume)
                ));
            }
        }
    }
}

/// A store that is there already.
struct Found {
    service: ServiceName,
    url: String,
    note: String,
}

fn json_value(value: &Value) -> To {
    To::Set(Secret::new(value.to_string()), Kind::Json)
}

fn label_of(service: &Service) -> Option<&str> {
    service.raw.get("labels")?.get(LABEL)?.as_str()
}

/// The password in a Redis' definition.
fn password_of(service: &Service) -> Option<String> {
    let words: Vec<String> = match service.raw.get("command") {
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        Some(Value::String(line)) => line.split_whitespace().map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let at = words.iter().position(|word| word == "--requirepass");
    let of_command = at.and_then(|at| words.get(at + 1)).cloned();
    let of_environment = || service.environment.get("REDIS_PASSWORD").cloned().flatten();
    of_command
        .or_else(of_environment)
        .map(|word| crate::stack::model::unescape(&word))
        .filter(|word| !word.is_empty())
}

/// The first port that others can reach, with its number in `ports`.
fn open_port(service: &Service) -> Option<(String, usize)> {
    let found = service
        .ports
        .iter()
        .enumerate()
        .find(|(_, port)| is_open(&port.ip));
    found.map(|(index, port)| {
        let ip = if port.ip.is_empty() {
            "0.0.0.0"
        } else {
            &port.ip
        };
        (format!("{ip}:{}", port.published), index)
    })
}

/// Inside of a container `localhost` is the container itself.
///
/// # Errors
/// `localhost_in_container`.
fn not_localhost(url: &str) -> Result<(), Complaint> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', ',']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let bare = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_loopback = bare
        .parse()
        .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if !(is_loopback || bare == "localhost" || bare.ends_with(".localhost")) {
        return Ok(());
    }
    let text = format!(
        "{bare} inside of a container is the container itself: the application would look for the \
         store in its own container and find none"
    );
    Err(Complaint::new("localhost_in_container", text).hint(
        "leave url out, and refit adds a store to this stack; host.docker.internal is this machine",
    ))
}

/// Containers of others by the name that notes on the web give a Redis, with what they leave open.
async fn neighbours(place: &Place, model: &Model) -> Vec<String> {
    let published = place.docker.published_ports().await.unwrap_or_default();
    let own = place.of_project(&model.name);
    let mut notes = Vec::new();
    for (id, name, port) in published {
        if name != "redis" || own.iter().any(|container| container.id == id) {
            continue;
        }
        let mut note = format!(
            "a container named redis runs outside of this stack; it is not used, this stack gets its \
             own ({name} would not be in its network, and docker compose knows nothing of it)"
        );
        if is_open(&port.ip) && place.docker.endpoint.is_local() && answers_anybody(port.port).await
        {
            note.push_str(&format!(
                ". It is open to the network on port {} without a password; to close it: docker rm \
                 -f redis",
                port.port
            ));
        }
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// Whether a Redis on this host answers without a password.
async fn answers_anybody(port: u16) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(b"PING\r\n").await.ok()?;
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.ok()?;
        Some(answer)
    };
    let answered = tokio::time::timeout(Duration::from_secs(1), ask).await;
    matches!(answered, Ok(Some(answer)) if &answer == b"+PONG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_is_refused_in_every_form() {
        for url in [
            "redis://localhost:6379",
            "redis://:pw@127.0.0.1:6379/0",
            "rediss://user:pw@[::1]:6380",
            "postgres://a:b@LOCALHOST.localhost/db",
        ] {
            assert!(not_localhost(url).is_err(), "{url}");
        }
        for url in [
            "redis://:localhost@cache:6379",
            "redis://host.docker.internal:6379",
        ] {
            assert!(not_localhost(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn a_password_is_found_where_definitions_have_it() {
        let model = Model::of_json(json!({"services": {
            "a": {"command": ["redis-server", "--requirepass", "s$$x"]},
            "b": {"command": "redis-server --requirepass word"},
            "c": {"environment": {"REDIS_PASSWORD": "bitnami"}},
            "d": {"command": ["redis-server"]},
        }}));
        let of = |name: &str| password_of(&model.services[&name.into()]);
        assert_eq!(of("a").as_deref(), Some("s$x"));
        assert_eq!(of("b").as_deref(), Some("word"));
        assert_eq!(of("c").as_deref(), Some("bitnami"));
        assert_eq!(of("d"), None);
    }
}
