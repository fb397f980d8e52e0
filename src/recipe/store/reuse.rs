//! A store that is there already: named by a URL of the application's environment, a service of the
//! stack, or a container that shares a network with the application. It is used where it is
//! protected; where it is not, its danger is told.

use serde_json::Value;

use crate::complaint::{Code, Complaint};
use crate::event::ServiceName;
use crate::health::check::encoded;
use crate::recipe::format::fields::AddedService;
use crate::recipe::input::render::Filling;
use crate::recipe::store::StoreRequest;
use crate::recipe::store::other_projects;
use crate::recipe::store::{ExistingStore, Stranger, is_one_of, password_of};
use crate::stack::address::is_open;
use crate::stack::model::{Service, unescape};
use crate::stack::url::Address;

impl StoreRequest<'_> {
    /// The store to be used in place of one that would be added; what keeps another from being used
    /// comes to `notes`.
    ///
    /// # Errors
    /// `store_open`, `store_unprotected`, `store_password_unknown`, `store_other_kind`.
    pub(crate) async fn existing(
        &self,
        added: &AddedService,
        filling: &Filling,
        notes: &mut Vec<String>,
    ) -> Result<Option<ExistingStore>, Complaint> {
        if let Some((key, url)) = self.url_in_force(filling)? {
            match self.of_url(added, key, url, notes).await? {
                Named::Own => return Ok(None),
                Named::Used(found) => return Ok(Some(found)),
                Named::Nowhere => {}
            }
        }
        for (name, service) in &self.model.services {
            if !is_one_of(&added.reuse, service.image.as_deref()) || self.is_own(service) {
                continue;
            }
            if !self.is_on(name) {
                if !notes.contains(&off_note(name)) {
                    notes.push(off_note(name));
                }
                continue;
            }
            if self.meets(name) {
                return self.of_service(name, service, None).await.map(Some);
            }
            notes.push(format!(
                "{name} is a Redis of this stack that {} shares no network with: it is not used",
                self.service
            ));
        }
        match added.reuse.is_empty() {
            true => Ok(None),
            false => other_projects::of(self, &added.reuse, notes).await,
        }
    }

    /// The URL that the application is given now, under the key that the recipe would write.
    fn url_in_force(&self, filling: &Filling) -> Result<Option<(&str, &str)>, Complaint> {
        for change in &self.application.changes {
            let Some((key, value)) = change.env.as_ref().zip(change.value.as_ref()) else {
                continue;
            };
            if value.trim() == "{{ url }}"
                && filling.holds(&change.when)?
                && let Some(url) = self.configured.get(key)
            {
                return Ok(Some((key, url)));
            }
        }
        Ok(None)
    }

    /// What a URL that is in force leads to.
    async fn of_url(
        &self,
        added: &AddedService,
        key: &str,
        url: &str,
        notes: &mut Vec<String>,
    ) -> Result<Named, Complaint> {
        let Some(address) = Address::parse(url) else {
            notes.push(format!("{key} was no URL, and is replaced"));
            return Ok(Named::Nowhere);
        };
        if address.kind() != added.kind() {
            let text = format!(
                "{key} is set to a {} already, which the application may keep its data in",
                address.kind()
            );
            return Err(Complaint::new(Code::StoreOtherKind, text).hint(format!(
                "refit why {key}; once it is not needed: refit unset {key}"
            )));
        }
        let (host, service) = (address.host.as_str(), self.service);
        if address.is_loopback() {
            notes.push(format!(
                "{key} was on {host}, which inside of a container is the container itself: it is replaced"
            ));
            return Ok(Named::Nowhere);
        }
        if let Some(name) = self.model.service_called(host) {
            let other = &self.model.services[name];
            if self.is_own(other) {
                return Ok(Named::Own);
            }
            if !self.is_on(name) {
                notes.push(off_note(name));
                return Ok(Named::Nowhere);
            }
            if self.meets(name) {
                let found = self.of_service(name, other, Some(url)).await?;
                return Ok(Named::Used(found));
            }
        } else if let Some(found) = other_projects::called(self, host, url).await? {
            return Ok(Named::Used(found));
        } else if address.is_elsewhere() {
            self.protected(address.has_password, &format!("the store of {key}"))?;
            return Ok(Named::Used(ExistingStore {
                host: host.to_owned(),
                url: url.to_owned(),
                note: format!("{key} names a store outside of this stack, and it is used as it is"),
            }));
        }
        // A store of ours that was taken out leaves its address in the env file.
        if host != added.name {
            notes.push(format!(
                "{key} was on {host}, which nothing is called in a network of {service}: it is replaced"
            ));
        }
        Ok(Named::Nowhere)
    }

    /// A service of the stack that shares a network with the application.
    async fn of_service(
        &self,
        name: &ServiceName,
        service: &Service,
        url: Option<&str>,
    ) -> Result<ExistingStore, Complaint> {
        let given = url.and_then(Address::parse);
        let is_redis = given.as_ref().is_none_or(|given| given.kind() == "redis");
        let password = password_of(&words_of(service), |key| {
            service.environment.get(key).cloned().flatten()
        });
        let stranger = match is_redis {
            true => self.stranger(name).await,
            false => Stranger::Unknown,
        };
        let known = password.is_some() || given.is_some_and(|given| given.has_password);
        let protected = stranger.is_kept_out(known);
        if let (false, Some((at, index))) = (protected, open_port(service)) {
            let text = format!(
                "{name} is a store without a password, published on {at}: anyone who can reach this machine can read and write it"
            );
            let entry = &service.ports[index];
            return Err(Complaint::new(Code::StoreOpen, text).hint(format!(
                "close it first: refit set 'services.{name}.ports[{index}]=127.0.0.1:{}:{}'",
                entry.published, entry.target
            )));
        }
        self.protected(protected, name.as_str())?;
        if protected && !known {
            return Err(password_unknown(name.as_str()));
        }
        let user = password.map(|word| format!(":{}@", encoded(&word)));
        let made = || format!("redis://{}{name}:6379", user.unwrap_or_default());
        Ok(ExistingStore {
            host: name.to_string(),
            url: url.map_or_else(made, str::to_owned),
            note: format!("{name} is a store of this stack already, and is used"),
        })
    }

    /// A store without a password is used where the person allows it.
    pub(crate) fn protected(&self, is_protected: bool, what: &str) -> Result<(), Complaint> {
        if is_protected || self.allow_open {
            return Ok(());
        }
        let text = format!(
            "{what} has no password: everything in its network can read and write the sessions"
        );
        Err(Complaint::new(Code::StoreUnprotected, text).hint(
            "give it one (Redis: --requirepass), or --allow unprotected-store uses it as it is",
        ))
    }

    /// Whether Compose would start a service: it is in no profile, or in one that is on.
    fn is_on(&self, other: &ServiceName) -> bool {
        let on = &self.place.located.args.profiles;
        self.model.is_active(other, on)
    }

    /// Whether the application finds a service by its name.
    fn meets(&self, other: &ServiceName) -> bool {
        let own = self.model.networks_of(self.service);
        !own.is_disjoint(&self.model.networks_of(other))
    }

    /// What a Redis of the stack answers without a password.
    async fn stranger(&self, name: &ServiceName) -> Stranger {
        let own = self.place.of_project(&self.model.name);
        match own.iter().find(|c| c.service == *name && c.is_up()) {
            Some(container) => self.ask_as_stranger(&container.id).await,
            None => Stranger::Unknown,
        }
    }

    /// What a Redis in a container answers without a password.
    pub(crate) async fn ask_as_stranger(&self, id: &str) -> Stranger {
        let ping = ["env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"];
        let said = self.place.docker.exec_output(id, &ping).await;
        let said = said.map(|said| String::from_utf8_lossy(&said).into_owned());
        match said {
            Some(said) if said.contains("NOAUTH") => Stranger::Refused,
            Some(said) if said.contains("PONG") => Stranger::Answered,
            _ => Stranger::Unknown,
        }
    }
}

fn off_note(name: &ServiceName) -> String {
    format!("{name} is a store of this stack in a profile that is off: it is not used")
}

/// What a URL of the environment names.
enum Named {
    /// The recipe's own store.
    Own,
    /// Another one, which is used.
    Used(ExistingStore),
    /// Nothing that the application would find.
    Nowhere,
}

pub(crate) fn password_unknown(name: &str) -> Complaint {
    let text = format!("{name} requires a password that its configuration does not show");
    Complaint::new(Code::StorePasswordUnknown, text)
        .hint("give the whole address on standard input: refit use session-store store=redis url")
}

/// What a service's container is told to run.
fn words_of(service: &Service) -> Vec<String> {
    match service.raw.get("command") {
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .map(unescape)
            .collect(),
        Some(Value::String(line)) => line.split_whitespace().map(unescape).collect(),
        _ => Vec::new(),
    }
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::model::Model;

    #[test]
    fn a_password_is_found_where_definitions_have_it() {
        let model = Model::of_json(json!({"services": {
            "a": {"command": ["redis-server", "--requirepass", "s$$x"]},
            "b": {"command": "redis-server --requirepass word"},
            "c": {"environment": {"REDIS_PASSWORD": "bitnami"}},
            "d": {"command": ["redis-server"]},
            "e": {"command": ["sh", "-c", "exec redis-server --requirepass \"$$PW\" --appendonly yes"],
                "environment": {"PW": "of-shell"}},
            "f": {"command": ["sh", "-c", "redis-server --requirepass 'plain'; true"]},
        }}));
        let of = |name: &str| {
            let service = &model.services[&name.into()];
            password_of(&words_of(service), |key| {
                service.environment.get(key).cloned().flatten()
            })
        };
        assert_eq!(of("a").as_deref(), Some("s$x"));
        assert_eq!(of("b").as_deref(), Some("word"));
        assert_eq!(of("c").as_deref(), Some("bitnami"));
        assert_eq!(of("d"), None);
        assert_eq!(of("e").as_deref(), Some("of-shell"));
        assert_eq!(of("f").as_deref(), Some("plain"));
    }
}
