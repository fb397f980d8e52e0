//! A store as a service of the stack's own files: added, or taken out again. Never a container beside
//! the project: the next `up --remove-orphans` would take it away (F11).

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::format::{AddedService, Application, Recipe};
use super::place::{Edits, below, text};
use super::render::Filling;
use crate::complaint::Complaint;
use crate::edit::yaml::{self, YamlPath};
use crate::engine::files;
use crate::event::ServiceName;
use crate::run::belongs;
use crate::run::request::{Kind, To};
use crate::secret::Secret;
use crate::secret::generate::Generate;
use crate::stack::Place;
use crate::stack::model::{Model, Section, Service};
use crate::stack::url::Address;

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
    /// Adds or finds the store that is asked for, tells templates where it is, and takes out what the
    /// recipe had added for another answer. `true`: something goes.
    ///
    /// # Errors
    /// `localhost_in_container`, `store_unprotected`, `store_open`, `store_password_unknown`.
    pub async fn arrange(
        &self,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
    ) -> Result<bool, Complaint> {
        let mut added = Edits::default();
        let kept = self.add(filling, &mut added, notes).await?;
        let removes = self.remove(&kept, edits, notes);
        edits.append(added);
        Ok(removes)
    }

    /// The recipe's own services that are wanted.
    async fn add(
        &self,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
    ) -> Result<Vec<ServiceName>, Complaint> {
        let mut own = Vec::new();
        for added in &self.application.services {
            if !filling.holds(&added.when)? {
                continue;
            }
            if let Some(url) = &self.url {
                own.extend(self.given(added, url, notes)?);
                filling.set("url", url);
                continue;
            }
            if let Some(found) = self.existing(added, filling, notes).await? {
                notes.push(found.note);
                filling.set("host", &found.host);
                filling.set("url", &found.url);
                continue;
            }
            own.push(self.add_own(added, filling, edits, notes)?);
        }
        Ok(own)
    }

    /// A store that the person names; the recipe's own service, where it is that.
    fn given(
        &self,
        added: &AddedService,
        url: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<ServiceName>, Complaint> {
        let wanted = added.kind();
        let wrong = |what: String| {
            let text = format!("url names {what}, and not a {wanted}");
            Complaint::new("store_other_kind", text).hint(format!(
                "url=… begins with {wanted}://, and names the host behind it"
            ))
        };
        let Some(address) = Address::parse(url) else {
            return Err(wrong("no server".to_owned()));
        };
        if address.kind() != wanted {
            return Err(wrong(format!("a {}", address.kind())));
        }
        not_localhost(&address)?;
        let named = self.model.service_called(&address.host);
        let own = named.filter(|name| self.is_own(&self.model.services[*name]));
        if own.is_none() {
            notes.push("the store at url is used as it is: refit adds no service".to_owned());
        }
        Ok(own.cloned())
    }

    /// The recipe's own service, new or there already.
    fn add_own(
        &self,
        added: &AddedService,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
    ) -> Result<ServiceName, Complaint> {
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
            let mut definition = filling.json(&added.definition)?;
            let network = self.network()?;
            notes.push(self.reach(&name, network.as_deref()));
            if let (Some(network), Some(map)) = (network, definition.as_object_mut()) {
                map.insert("networks".to_owned(), json!([network]));
            }
            edits.add(None, below(&name, &[]), json_value(&definition));
            for volume in &added.volumes {
                if self.model.shared(Section::Volumes, volume).is_none() {
                    edits.add(None, format!("volumes.{volume}"), json_value(&json!({})));
                }
            }
        }
        self.depend(&name, edits);
        Ok(name)
    }

    /// The network in which the application finds a new service by its name; none: the one that every
    /// service is in which says nothing else.
    ///
    /// # Errors
    /// `no_network`: the application is in none.
    fn network(&self) -> Result<Option<String>, Complaint> {
        let own = self.model.networks_of(self.service);
        if own.contains("default") {
            return Ok(None);
        }
        let is_external = |name: &&String| self.model.is_external(Section::Networks, name);
        // A network of others is the last choice: they would reach the store as well.
        let best = own.iter().find(|name| !is_external(name));
        match best.or_else(|| own.first()) {
            Some(name) => Ok(Some(name.clone())),
            None => {
                let text = format!(
                    "{} is in no network in which it would find a store by its name (network_mode)",
                    self.service
                );
                Err(Complaint::new("no_network", text).hint(format!(
                    "give the address of a store on standard input: refit use {} store=… url",
                    self.recipe.name
                )))
            }
        }
    }

    /// Who reaches a store that is added.
    fn reach(&self, name: &ServiceName, network: Option<&str>) -> String {
        let shared = network.filter(|network| self.model.is_external(Section::Networks, network));
        let who = match shared {
            Some(network) => format!("all that is in the network {network}"),
            None => "this stack alone".to_owned(),
        };
        format!("{name} can be reached by {who}, with a password that is in the env file")
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

    pub(super) fn is_own(&self, service: &Service) -> bool {
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

    /// Takes the recipe's other services out of the files, and whoever waits for them no longer does.
    fn remove(&self, kept: &[ServiceName], edits: &mut Edits, notes: &mut Vec<String>) -> bool {
        let own = self.model.services.iter();
        let mut others = own
            .filter(|(name, service)| self.is_own(service) && !kept.contains(name))
            .peekable();
        let removes = others.peek().is_some();
        for (name, service) in others {
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
        removes
    }
}

fn json_value(value: &Value) -> To {
    To::Set(Secret::new(value.to_string()), Kind::Json)
}

fn label_of(service: &Service) -> Option<&str> {
    service.raw.get("labels")?.get(LABEL)?.as_str()
}

/// Inside of a container `localhost` is the container itself.
///
/// # Errors
/// `localhost_in_container`.
fn not_localhost(address: &Address) -> Result<(), Complaint> {
    if !address.is_loopback() {
        return Ok(());
    }
    let text = format!(
        "{} inside of a container is the container itself: the application would look for the store \
         in its own container and find none",
        address.host
    );
    Err(Complaint::new("localhost_in_container", text).hint(
        "leave url out, and refit adds a store to this stack; host.docker.internal is this machine",
    ))
}
