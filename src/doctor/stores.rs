//! Stores: who reaches them from outside, and whether the application reaches them from inside. Pure.

use serde_json::Value;

use super::finding::{Finding, FindingCode};
use super::given::{Environment, GivenValue};
use super::keys::at;
use super::patient::{Outside, Patient};
use crate::event::ServiceName;
use crate::profile::image::image_name;
use crate::stack::address::is_open;
use crate::stack::application::Subject;
use crate::stack::model::Service;
use crate::stack::url::Address;
use crate::text::shell_word;

/// Images that speak as Redis does.
pub(crate) const REDIS: [&str; 5] = [
    "redis",
    "redis-stack-server",
    "valkey",
    "keydb",
    "dragonfly",
];

/// Images that keep data for others, whatever the application.
const STORES: [&str; 14] = [
    "redis",
    "redis-stack-server",
    "valkey",
    "keydb",
    "dragonfly",
    "memcached",
    "postgres",
    "postgresql",
    "pgvector",
    "mongo",
    "mongodb",
    "mysql",
    "mariadb",
    "meilisearch",
];

pub(super) fn findings(patient: &Patient<'_>, environment: &Environment<'_>) -> Vec<Finding> {
    let own = patient.known().map(|subject| &subject.profile.stores);
    let model = &patient.resolved.model;
    let mut found = Vec::new();
    for (name, service) in &model.services {
        let image = service.image.as_deref().map(image_name).unwrap_or_default();
        let is_store = STORES.contains(&image)
            || own.is_some_and(|own| own.iter().any(|store| store == image));
        if is_store && model.is_active(name, patient.profiles) {
            found.extend(open_port(name, service, image));
        }
    }
    if let Some(subject) = patient.subject {
        found.extend(from_inside(patient, environment, subject));
    }
    found
}

/// The first port of a store that others can reach.
fn open_port(name: &ServiceName, service: &Service, image: &str) -> Option<Finding> {
    let ports = service.raw.get("ports").and_then(Value::as_array)?;
    let text = |port: &Value, key: &str| match port.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let (index, port) = ports.iter().enumerate().find(|(_, port)| {
        let is_published = !text(port, "published").is_empty();
        is_published && is_open(&text(port, "host_ip"))
    })?;
    let (published, target) = (text(port, "published"), text(port, "target"));
    let ip = match text(port, "host_ip") {
        ip if ip.is_empty() => "0.0.0.0".to_owned(),
        ip => ip,
    };
    let close = format!("services.{name}.ports[{index}]=127.0.0.1:{published}:{target}");
    let hint = format!("refit set {}", shell_word(&close));
    let finding = match asks_for_password(service, image) {
        true => Finding::new(
            FindingCode::StorePublished,
            format!("{name} ({image}) is published on {ip}:{published}"),
        )
        .why("only its password protects it from anyone who can reach this machine"),
        false => Finding::new(
            FindingCode::StoreOpen,
            format!("{name} ({image}) is published on {ip}:{published} without a password"),
        )
        .why("anyone who can reach this machine can read and write it; a firewall such as ufw does not stop published ports"),
    };
    Some(finding.of(name).hint(hint))
}

/// Whether a store's definition lets it ask for a password. What cannot be seen, such as a file of
/// settings, counts as one: this is no place for false alarms.
fn asks_for_password(service: &Service, image: &str) -> bool {
    let mut words = String::new();
    for field in ["command", "entrypoint"] {
        match service.raw.get(field) {
            Some(Value::String(line)) => words.push_str(line),
            Some(list @ Value::Array(_)) => words.push_str(&list.to_string()),
            _ => {}
        }
    }
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    let set = |keys: &[&str]| {
        keys.iter().any(|key| {
            let value = service.environment.get(*key).cloned().flatten();
            value.is_some_and(|value| !value.is_empty() && value != "no" && value != "false")
        })
    };
    match image {
        "redis" | "redis-stack-server" | "valkey" | "keydb" | "dragonfly" => {
            says(&["requirepass", "aclfile", ".conf", "--user"])
                || set(&[
                    "REDIS_PASSWORD",
                    "REDIS_PASSWORD_FILE",
                    "REDIS_ARGS",
                    "VALKEY_PASSWORD",
                    "VALKEY_PASSWORD_FILE",
                    "VALKEY_EXTRA_FLAGS",
                    "DFLY_requirepass",
                ])
        }
        "memcached" => false,
        "mongo" | "mongodb" => {
            let asked = [
                "MONGO_INITDB_ROOT_USERNAME",
                "MONGO_INITDB_ROOT_USERNAME_FILE",
                "MONGODB_ROOT_PASSWORD",
            ];
            !says(&["--noauth"]) && (set(&asked) || says(&["--auth", "keyFile", ".conf"]))
        }
        "postgres" | "postgresql" | "pgvector" => service
            .environment
            .get("POSTGRES_HOST_AUTH_METHOD")
            .cloned()
            .flatten()
            .is_none_or(|method| method != "trust"),
        "mysql" | "mariadb" => !set(&[
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD",
            "ALLOW_EMPTY_PASSWORD",
        ]),
        "meilisearch" => set(&["MEILI_MASTER_KEY"]) || says(&["--master-key"]),
        _ => true,
    }
}

/// Redis servers beside the stack that its env files point at, as notes on the web have it.
pub(super) fn outside(patient: &Patient<'_>) -> Vec<Finding> {
    let services = &patient.resolved.model.services;
    let lines = patient.env.iter().flat_map(|file| file.set());
    let ports: Vec<(&str, u16)> = lines
        .filter_map(|line| {
            let address = Address::parse(line.value.expose())?;
            let is_redis = matches!(address.scheme.as_str(), "redis" | "rediss");
            let is_own = services.contains_key(&address.host.as_str().into());
            (is_redis && !is_own).then(|| (line.key.as_str(), address.port.unwrap_or(6379)))
        })
        .collect();
    let meant = |store: &&Outside| ports.iter().find(|(_, port)| *port == store.port);
    let told = patient.outside.iter().filter_map(|store| {
        let (key, port) = meant(&store)?;
        let text = format!(
            "the container {} runs outside of this stack: a Redis on port {port} that is open to \
             others without a password",
            store.name
        );
        let finding = Finding::new(FindingCode::StoreOutside, text)
            .key(key)
            .why("anyone who can reach this machine can read and write it, and it is in no compose file")
            .hint(format!(
                "once nothing uses it: docker update --restart=no {0} && docker stop {0}",
                store.name
            ));
        Some(finding)
    });
    told.collect()
}

/// Addresses of servers that mean the application's own container.
fn from_inside(
    patient: &Patient<'_>,
    environment: &Environment<'_>,
    subject: &Subject,
) -> Vec<Finding> {
    let model = &patient.resolved.model;
    let service = model.services.get(&subject.service);
    let network = service.and_then(|service| service.text("network_mode"));
    // On the network of somebody else, localhost is somebody else.
    let elsewhere = |mode: &str| mode == "host" || mode.contains(':');
    if network.as_deref().is_some_and(elsewhere) {
        return Vec::new();
    }
    let tell = |(key, given): (&&str, &GivenValue<'_>)| {
        let known = subject.profile.keys.get(*key).filter(|key| key.inside)?;
        let parsed = Address::parse(given.value)?;
        if !(parsed.is_loopback() || parsed.host == "0.0.0.0") {
            return None;
        }
        let text = format!(
            "{key} ({}) names {}, which inside of {}'s container is the container itself",
            given.place(),
            parsed.host,
            subject.service
        );
        let finding = Finding::new(FindingCode::LocalhostInside, text)
            .of(&subject.service)
            .key(key)
            .why(format!(
                "{} is not there",
                known.about.split(';').next().unwrap_or_default()
            ))
            .hint(reachable(patient, key, given, &parsed));
        Some(at(finding, given))
    };
    environment.iter().filter_map(tell).collect()
}

/// The command that names the store by its service.
fn reachable(patient: &Patient<'_>, key: &str, given: &GivenValue<'_>, parsed: &Address) -> String {
    let images: &[&str] = match parsed.scheme.as_str() {
        "redis" | "rediss" => &REDIS,
        "postgres" | "postgresql" => &["postgres", "postgresql", "pgvector"],
        "mongodb" => &["mongo", "mongodb"],
        "mysql" | "mariadb" => &["mysql", "mariadb"],
        _ if parsed.port == Some(7700) => &["meilisearch"],
        _ => &[],
    };
    let services = &patient.resolved.model.services;
    let found = services.iter().find(|(_, service)| {
        let image = service.image.as_deref().map(image_name);
        image.is_some_and(|image| images.contains(&image))
    });
    // PostgreSQL's addresses may have the password behind the question mark.
    let hides =
        parsed.has_login || parsed.rest.contains('?') || crate::secret::is_secret(key, given.value);
    match found {
        Some((name, _)) if hides => {
            format!(
                "the same address with {name} in place of {}: refit set {key}",
                parsed.host
            )
        }
        Some((name, _)) => {
            let port = parsed
                .port
                .map(|port| format!(":{port}"))
                .unwrap_or_default();
            let value = format!("{}://{name}{port}{}", parsed.scheme, parsed.rest);
            given.set(key, &value)
        }
        None if parsed.scheme.starts_with("redis") => {
            "refit use session-store store=redis gives the stack a Redis of its own".to_owned()
        }
        None => format!(
            "name the service in place of {}, or host.docker.internal for this machine: refit set {key}",
            parsed.host
        ),
    }
}
