//! Guards: what cannot be undone is refused, with the flag that allows it and a sentence on what
//! would be lost. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::complaint::Complaint;
use crate::engine::container::Container;
use crate::event::{Action, ServiceName};
use crate::stack::model::{Model, Section, Service};

use super::Plan;

/// A key whose value changes.
#[derive(Debug, Clone, Copy)]
pub struct ChangedKey<'a> {
    /// Its name.
    pub key: &'a str,
    /// Whether it had a value before.
    pub had_value: bool,
}

/// What guards look at.
#[derive(Debug, Clone, Copy)]
pub struct Guarded<'a> {
    /// The stack before.
    pub before: &'a Model,
    /// The stack after.
    pub after: &'a Model,
    /// What is to be done.
    pub plan: &'a Plan,
    /// The project's containers.
    pub containers: &'a [Container],
    /// The keys whose values change.
    pub keys: &'a [ChangedKey<'a>],
    /// `guard.keys` of `refit.yaml`.
    pub own_keys: &'a [String],
    /// Bind sources of the stack after the change that do not exist.
    pub missing_sources: &'a [std::path::PathBuf],
    /// The literal `down` is asked for.
    pub down: bool,
}

/// The first guard that says no and is not allowed.
///
/// # Errors
/// `guard_…`, with the flag.
pub fn check(guarded: &Guarded<'_>, allow: &BTreeSet<String>) -> Result<(), Complaint> {
    type Guard = (
        &'static str,
        &'static str,
        fn(&Guarded<'_>) -> Option<String>,
    );
    let guards: [Guard; 5] = [
        ("guard_key", "guarded-key", guarded_key),
        ("guard_volume", "volume-removed", volume_removed),
        ("guard_store", "store-major", store_major),
        ("guard_anonymous", "anonymous-volumes", anonymous_volumes),
        ("guard_bind", "bind-vanishes", bind_vanishes),
    ];
    for (code, flag, guard) in guards {
        if !allow.contains(flag)
            && let Some(text) = guard(guarded)
        {
            return Err(
                Complaint::new(code, text).hint(format!("--allow {flag} does it all the same"))
            );
        }
    }
    Ok(())
}

/// Keys that sign or encrypt what is stored: a new value makes the old data worthless.
fn guarded_key(guarded: &Guarded<'_>) -> Option<String> {
    let changed = guarded.keys.iter().find(|changed| {
        changed.had_value
            && (signs_or_encrypts(changed.key)
                || guarded.own_keys.iter().any(|own| own == changed.key))
    });
    if let Some(changed) = changed {
        return Some(format!(
            "{} signs or encrypts what is stored: with another value everybody is signed out, or \
             stored secrets can no longer be read",
            changed.key
        ));
    }
    let (changed, store) = guarded
        .keys
        .iter()
        .filter(|changed| changed.had_value)
        .find_map(|changed| {
            let store = initialised_store(guarded, changed.key)?;
            Some((changed, store))
        })?;
    Some(format!(
        "{} is read by {store} only when its volume is made: the database keeps the old password, \
         and the application would be locked out",
        changed.key
    ))
}

fn signs_or_encrypts(key: &str) -> bool {
    key.starts_with("JWT_") && !key.contains("EXPIR")
        || key.starts_with("CREDS_")
        || key.ends_with("_ENCRYPTION_KEY")
        || key == "ENCRYPTION_KEY"
        || key.starts_with("SECRET_KEY")
        || key == "MEILI_MASTER_KEY"
}

const STORE_PASSWORDS: [&str; 8] = [
    "POSTGRES_PASSWORD",
    "MYSQL_PASSWORD",
    "MYSQL_ROOT_PASSWORD",
    "MARIADB_PASSWORD",
    "MARIADB_ROOT_PASSWORD",
    "MONGO_INITDB_ROOT_PASSWORD",
    "DB_PASSWORD",
    "DB_PASS",
];

/// The store with data that this password was given to at its first start.
fn initialised_store(guarded: &Guarded<'_>, key: &str) -> Option<ServiceName> {
    let services = guarded.before.services.iter();
    let mut with_data = services.filter(|(name, service)| {
        store_of(service).is_some_and(|(kind, _)| kind.sql) && has_data(guarded, name)
    });
    let (name, service) = with_data.next()?;
    let renamed = guarded.after.services.get(name).is_some_and(|after| {
        STORE_PASSWORDS.iter().any(|own| {
            service.environment.contains_key(*own)
                && service.environment.get(*own) != after.environment.get(*own)
        })
    });
    (STORE_PASSWORDS.contains(&key) || renamed).then(|| name.clone())
}

/// A kind of store, as its image's name tells.
struct Store {
    name: &'static str,
    /// Whether a lower version cannot read what a higher one has written; else any jump is one.
    only_down: bool,
    /// Whether it keeps the password of its first start.
    sql: bool,
}

const STORES: [Store; 9] = [
    Store {
        name: "postgres",
        only_down: false,
        sql: true,
    },
    Store {
        name: "pgvector",
        only_down: false,
        sql: true,
    },
    Store {
        name: "mysql",
        only_down: false,
        sql: true,
    },
    Store {
        name: "mariadb",
        only_down: false,
        sql: true,
    },
    Store {
        name: "mongo",
        only_down: false,
        sql: true,
    },
    Store {
        name: "meilisearch",
        only_down: false,
        sql: false,
    },
    Store {
        name: "elasticsearch",
        only_down: false,
        sql: false,
    },
    Store {
        name: "redis",
        only_down: true,
        sql: false,
    },
    Store {
        name: "valkey",
        only_down: true,
        sql: false,
    },
];

/// The store that a service runs, and its major version.
fn store_of(service: &Service) -> Option<(&'static Store, Option<u64>)> {
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

fn has_data(guarded: &Guarded<'_>, service: &ServiceName) -> bool {
    let own = guarded.containers.iter().filter(|c| c.service == *service);
    own.flat_map(|container| &container.mounts)
        .any(|mount| mount.kind != "tmpfs")
}

fn store_major(guarded: &Guarded<'_>) -> Option<String> {
    for (name, before) in &guarded.before.services {
        let Some(after) = guarded.after.services.get(name) else {
            continue;
        };
        if before.image == after.image || !has_data(guarded, name) {
            continue;
        }
        let Some((store, Some(old))) = store_of(before) else {
            continue;
        };
        let new =
            store_of(after).and_then(|(kind, major)| major.filter(|_| kind.name == store.name));
        let refused = match new {
            Some(new) if store.only_down => new < old,
            Some(new) => new != old,
            None => true,
        };
        if refused {
            let (from, to) = (
                before.image.as_deref()?,
                after.image.as_deref().unwrap_or("a build"),
            );
            return Some(format!(
                "{name} would go from {from} to {to} on data that the other version may not read: \
                 it may not start, and what it writes cannot be read by the old one"
            ));
        }
    }
    None
}

/// A named volume that a service used and no longer would.
fn volume_removed(guarded: &Guarded<'_>) -> Option<String> {
    let real_name = |model: &Model, key: &str| {
        let definition = model.shared(Section::Volumes, key)?;
        definition
            .get("name")
            .and_then(|name| name.as_str())
            .map(str::to_owned)
    };
    for (name, before) in &guarded.before.services {
        if !guarded
            .containers
            .iter()
            .any(|container| container.service == *name)
        {
            continue;
        }
        let now: BTreeSet<Option<String>> = guarded
            .after
            .services
            .get(name)
            .map(|after| after.uses(Section::Volumes))
            .unwrap_or_default()
            .iter()
            .map(|key| real_name(guarded.after, key))
            .collect();
        for key in before.uses(Section::Volumes) {
            let real = real_name(guarded.before, &key);
            if real.is_some() && !now.contains(&real) {
                let real = real.unwrap_or_default();
                return Some(format!(
                    "{name} would no longer use the volume {real}: it would start without the data \
                     that lies there"
                ));
            }
        }
    }
    None
}

/// F10: anonymous volumes survive a recreate, but not `down`, nor the end of their service.
fn anonymous_volumes(guarded: &Guarded<'_>) -> Option<String> {
    let anonymous = |container: &Container| {
        container.mounts.iter().any(|mount| {
            let name = mount.name.as_deref().unwrap_or_default();
            mount.kind == "volume"
                && name.len() == 64
                && name.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    let lost = guarded.containers.iter().find(|container| {
        let step = guarded.plan.step(&container.service);
        let goes = step.is_some_and(|step| step.action == Action::Remove);
        (guarded.down || goes) && anonymous(container)
    })?;
    Some(format!(
        "{} keeps data in a volume without a name, which is lost from view when its container is \
         removed",
        lost.service
    ))
}

/// A mount that had data would show an empty folder.
fn bind_vanishes(guarded: &Guarded<'_>) -> Option<String> {
    for (name, after) in &guarded.after.services {
        let Some(before) = guarded.before.services.get(name) else {
            continue;
        };
        let old: BTreeMap<_, _> = before
            .binds
            .iter()
            .map(|b| (&b.target, &b.source))
            .collect();
        for bind in &after.binds {
            let was = old
                .get(&bind.target)
                .filter(|source| **source != &bind.source);
            if let Some(was) = was
                && guarded.missing_sources.contains(&bind.source)
            {
                return Some(format!(
                    "{name} would see {} at {} in place of {}, and it does not exist: what lies there \
                     would be out of its sight",
                    bind.source.display(),
                    bind.target.display(),
                    was.display()
                ));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::container::{Health, Mount, State};
    use serde_json::{Value, json};

    fn container(service: &str, volume: &str) -> Container {
        Container {
            id: service.to_owned(),
            name: service.to_owned(),
            project: "x".into(),
            service: service.into(),
            oneoff: false,
            state: State::Running,
            exit_code: None,
            health: Health::None,
            image_id: String::new(),
            image: String::new(),
            created: 0,
            labels: BTreeMap::new(),
            mounts: vec![Mount {
                kind: "volume".into(),
                name: Some(volume.into()),
                source: "/v".into(),
                destination: "/d".into(),
            }],
            ports: Vec::new(),
        }
    }

    fn refused(before: Value, after: Value, keys: &[ChangedKey<'_>], down: bool) -> Option<String> {
        let (before, after) = (Model::of_json(before), Model::of_json(after));
        let plan = Plan::default();
        let containers = [
            container("db", "x_data"),
            container("anon", &"a".repeat(64)),
        ];
        let guarded = Guarded {
            before: &before,
            after: &after,
            plan: &plan,
            containers: &containers,
            keys,
            own_keys: &["MY_SIGNING_KEY".to_owned()],
            missing_sources: &["/gone".into()],
            down,
        };
        check(&guarded, &BTreeSet::new())
            .err()
            .map(|complaint| complaint.code.to_owned())
    }

    fn image(image: &str) -> Value {
        json!({"services": {"db": {"image": image}}})
    }

    #[test]
    fn major_versions_of_stores() {
        for (from, to, is_refused) in [
            ("postgres:15", "postgres:16", true),
            ("postgres:15.1", "postgres:15.4-alpine", false),
            ("postgres:15", "other/thing:1", true),
            (
                "pgvector/pgvector:0.8.0-pg15",
                "pgvector/pgvector:0.8.1-pg15",
                false,
            ),
            (
                "pgvector/pgvector:0.8.0-pg15",
                "pgvector/pgvector:0.8.0-pg17",
                true,
            ),
            ("redis:6", "redis:7", false),
            ("redis:7", "redis:6", true),
            (
                "getmeili/meilisearch:v1.35.1",
                "getmeili/meilisearch:v2.0",
                true,
            ),
            ("nginx:1", "nginx:2", false),
        ] {
            let code = refused(image(from), image(to), &[], false);
            assert_eq!(code.is_some(), is_refused, "{from} → {to}");
        }
    }

    #[test]
    fn keys_that_sign_or_encrypt() {
        for (key, had_value, is_refused) in [
            ("JWT_SECRET", true, true),
            ("JWT_SECRET", false, false),
            ("JWT_EXPIRES_IN", true, false),
            ("CREDS_IV", true, true),
            ("N8N_ENCRYPTION_KEY", true, true),
            ("MY_SIGNING_KEY", true, true),
            ("PORT", true, false),
        ] {
            let keys = [ChangedKey { key, had_value }];
            let code = refused(image("nginx"), image("nginx"), &keys, false);
            assert_eq!(code.is_some(), is_refused, "{key}");
        }
    }

    #[test]
    fn a_database_keeps_the_password_of_its_first_start() {
        let keys = [ChangedKey {
            key: "POSTGRES_PASSWORD",
            had_value: true,
        }];
        let with = |p: &str| json!({"services": {"db": {"image": "postgres:15", "environment": {"POSTGRES_PASSWORD": p}}}});
        assert_eq!(
            refused(with("a"), with("b"), &keys, false).as_deref(),
            Some("guard_key")
        );
        let other = [ChangedKey {
            key: "PG_PW",
            had_value: true,
        }];
        assert_eq!(
            refused(with("a"), with("b"), &other, false).as_deref(),
            Some("guard_key")
        );
        assert_eq!(refused(with("a"), with("a"), &other, false), None);
    }

    #[test]
    fn volumes_and_binds() {
        let volume = |key: &str, name: &str| {
            json!({
                "services": {"db": {"volumes": [{"type": "volume", "source": key, "target": "/d"}]}},
                "volumes": {key: {"name": name}},
            })
        };
        let code = refused(
            volume("data", "x_data"),
            volume("data2", "x_data2"),
            &[],
            false,
        );
        assert_eq!(code.as_deref(), Some("guard_volume"));
        assert_eq!(
            refused(volume("data", "x_data"), volume("d", "x_data"), &[], false),
            None
        );
        let bind = |source: &str| json!({"services": {"web": {"volumes": [{"type": "bind", "source": source, "target": "/d"}]}}});
        assert_eq!(
            refused(bind("/here"), bind("/gone"), &[], false).as_deref(),
            Some("guard_bind")
        );
        assert_eq!(refused(bind("/here"), bind("/there"), &[], false), None);
        let code = refused(image("nginx"), image("nginx"), &[], true);
        assert_eq!(code.as_deref(), Some("guard_anonymous"));
    }
}
