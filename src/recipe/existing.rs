//! A Redis that is there already: used where it is protected, and its danger told where it is not.

use serde_json::Value;

use super::format::AddedService;
use super::store::Wanted;
use crate::complaint::Complaint;
use crate::engine::redis;
use crate::event::ServiceName;
use crate::profile::recognise::image_name;
use crate::stack::Place;
use crate::stack::address::is_open;
use crate::stack::model::{Model, Service};

/// A store that is there already.
pub(super) struct Found {
    pub(super) service: ServiceName,
    pub(super) url: String,
    pub(super) note: String,
}

impl Wanted<'_> {
    /// Another service of the stack that does the same.
    pub(super) async fn existing(&self, added: &AddedService) -> Result<Option<Found>, Complaint> {
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

/// Containers of others by the name that notes on the web give a Redis, with what they leave open.
pub(super) async fn neighbours(place: &Place, model: &Model) -> Vec<String> {
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
        if is_open(&port.ip)
            && place.docker.endpoint.is_local()
            && redis::answers_anybody(port.port).await
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
