//! The recipe's own store: a service that is added to the stack's files, or is there already.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::assess::edit_target;
use crate::complaint::{Code, Complaint};
use crate::edit::yaml::{self, YamlPath};
use crate::event::ServiceName;
use crate::health::check::encoded;
use crate::host::files;
use crate::recipe::format::fields::AddedService;
use crate::recipe::input::render::Filling;
use crate::recipe::key_target::{Edits, below, text};
use crate::recipe::store::{StoreRequest, json_value};
use crate::secret::generate::Generate;
use crate::stack::model::{Section, Service};

impl StoreRequest<'_> {
    /// The recipe's own service, new or there already.
    pub(crate) fn add_own(
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
        for value in secrets.values_mut() {
            *value = encoded(value);
        }
        filling.set_group("secret", &secrets);
        let (name, there) = self.name_for(added);
        filling.set("host", name.as_str());
        let url = filling.text(&added.url)?;
        filling.set("url", &url);
        if let Some(service) = there {
            self.redefine(added, &name, service, filling, edits)?;
        } else {
            let mut definition = filling.json(&added.definition)?;
            let network = self.network()?;
            notes.push(self.reach(&name, network.as_deref()));
            if let (Some(network), Some(map)) = (network, definition.as_object_mut()) {
                map.insert("networks".to_owned(), json!([network]));
            }
            let volumes = self.volumes_for(added, &mut definition);
            edits.add(None, below(&name, &[]), json_value(&definition));
            for volume in volumes {
                if self.model.shared(Section::Volumes, &volume).is_none() {
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
                Err(Complaint::new(Code::NoNetwork, text).hint(format!(
                    "give the address of a store on standard input: refit use {} {} url",
                    self.recipe.name, self.words
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

    /// The name of the recipe's service, and the service where it is there already.
    fn name_for(&self, added: &AddedService) -> (ServiceName, Option<&Service>) {
        let others = (1..).map(|number| match number {
            1 => format!("session-{}", added.name),
            _ => format!("session-{}-{number}", added.name),
        });
        for name in std::iter::once(added.name.clone()).chain(others) {
            let name: ServiceName = name.as_str().into();
            match self.model.services.get(&name) {
                None => return (name, None),
                Some(service) if self.is_own(service) => return (name, Some(service)),
                // It is another one's.
                Some(_) => {}
            }
        }
        (added.name.as_str().into(), None)
    }

    /// Changes of a service that is there already what the person gave anew. All else of it stays, also
    /// what was changed by hand.
    fn redefine(
        &self,
        added: &AddedService,
        name: &ServiceName,
        service: &Service,
        filling: &Filling,
        edits: &mut Edits,
    ) -> Result<(), Complaint> {
        let mut as_it_is = filling.clone();
        if let Some(image) = &service.image {
            as_it_is.set("image", image);
        }
        if let Some(bytes) = service.text("mem_limit").and_then(|text| text.parse().ok()) {
            as_it_is.set_size("memory", bytes);
        }
        let mut as_given = as_it_is.clone();
        for name in ["image", "memory"] {
            if self.typed.contains(&name) {
                as_given.take(name, filling);
            }
        }
        let before = as_it_is.json(&added.definition)?;
        let after = as_given.json(&added.definition)?;
        for (key, value) in after.as_object().into_iter().flatten() {
            if before.get(key) != Some(value) {
                edits.add(None, below(name, &[key]), json_value(value));
            }
        }
        Ok(())
    }

    /// The volumes of a new service. One that others have, or that is none of this stack's, is left to
    /// them.
    fn volumes_for(&self, added: &AddedService, definition: &mut Value) -> Vec<String> {
        let is_taken = |name: &str| {
            let mut others = self.model.services.values();
            self.model.is_external(Section::Volumes, name)
                || others.any(|other| other.uses(Section::Volumes).contains(name))
        };
        let mut names = Vec::new();
        for volume in &added.volumes {
            let other = format!("session-{volume}");
            let name = if is_taken(volume) { &other } else { volume };
            let mounts = definition.get_mut("volumes").and_then(Value::as_array_mut);
            for mount in mounts.into_iter().flatten() {
                let target = mount.as_str().and_then(|text| text.strip_prefix(volume));
                if let Some(target) = target.filter(|target| target.starts_with(':')) {
                    *mount = Value::String(format!("{name}{target}"));
                }
            }
            names.push(name.clone());
        }
        names
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
            let found = edit_target::file_for(&path, false, &self.place.located);
            found.ok().map(|target| target.file)
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
}
