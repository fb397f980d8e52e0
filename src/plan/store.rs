//! What is known of stores: databases whose data one version cannot read from another. Pure.

use crate::stack::model::Service;

/// The variables by which stores are given a password at their first start.
pub(super) const STORE_PASSWORDS: [&str; 8] = [
    "POSTGRES_PASSWORD",
    "MYSQL_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "MARIADB_PASSWORD",
    "MARIADB_ROOT_PASSWORD",
    "MONGO_INITDB_ROOT_PASSWORD",
    "DB_PASSWORD",
    "DB_PASS",
];

/// A kind of store, as its image's name tells.
pub(super) struct Store {
    /// The last part of the image's name.
    pub(super) name: &'static str,
    /// Whose data it keeps.
    pub(super) data: &'static str,
    /// Whether a lower version cannot read what a higher one has written; else any jump is one.
    pub(super) only_down: bool,
    /// Whether it keeps the password of its first start.
    pub(super) keeps_password: bool,
}

const STORES: [Store; 9] = [
    Store {
        name: "postgres",
        data: "postgres",
        only_down: false,
        keeps_password: true,
    },
    Store {
        name: "pgvector",
        data: "postgres",
        only_down: false,
        keeps_password: true,
    },
    Store {
        name: "mysql",
        data: "mysql",
        only_down: false,
        keeps_password: true,
    },
    Store {
        name: "mariadb",
        data: "mariadb",
        only_down: false,
        keeps_password: true,
    },
    Store {
        name: "mongo",
        data: "mongo",
        only_down: false,
        keeps_password: true,
    },
    Store {
        name: "meilisearch",
        data: "meilisearch",
        only_down: false,
        keeps_password: false,
    },
    Store {
        name: "elasticsearch",
        data: "elasticsearch",
        only_down: false,
        keeps_password: false,
    },
    Store {
        name: "redis",
        data: "redis",
        only_down: true,
        keeps_password: false,
    },
    Store {
        name: "valkey",
        data: "valkey",
        only_down: true,
        keeps_password: false,
    },
];

/// The store that a service runs, and its major version.
pub(super) fn store_of(service: &Service) -> Option<(&'static Store, Option<u64>)> {
    let image = service.image.as_deref()?;
    let image = image.split('@').next().unwrap_or(image);
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    };
    let last = name.rsplit('/').next().unwrap_or(name);
    let store = STORES.iter().find(|store| last == store.name)?;
    Some((store, major(store, tag)))
}

/// The version before the first dot; pgvector names PostgreSQL's behind `pg`.
fn major(store: &Store, tag: &str) -> Option<u64> {
    let text = match store.name {
        "pgvector" => tag.split("pg").nth(1)?,
        _ => tag.trim_start_matches('v'),
    };
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
