//! What each guard refuses.

use std::collections::BTreeMap;

use super::super::guarded::{ChangedKey, LeftBehind, Running, StoreImages};
use super::super::steps::{Plan, Step};
use super::super::store_guard;
use super::*;
use crate::docker::container::{Container, Health, Mount, State};
use crate::docker::image::Brought;
use crate::event::Action;
use crate::stack::model::Model;
use crate::stack::source::Source;
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
        crashing: false,
        network_of: None,
        image_id: String::new(),
        image: String::new(),
        created: 0,
        labels: BTreeMap::new(),
        mounts: vec![Mount {
            kind: "volume".into(),
            name: Some(volume.into()),
            source: "/v".into(),
            destination: "/d".into(),
            rw: true,
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
        images: &StoreImages::default(),
        source: &Source::default(),
        running: &BTreeMap::new(),
        keys,
        own_keys: &["MY_SIGNING_KEY".to_owned()],
        missing_sources: &["/gone".into()],
        generated: &[],
        crossing: None,
        left_behind: &[],
        down,
    };
    check(&guarded, &BTreeSet::new())
        .err()
        .map(|complaint| complaint.code.word().to_owned())
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

/// `rel` of PostgreSQL 15 on a volume is called otherwise in the new version.
#[test]
fn a_renamed_service_on_the_same_volume() {
    let stack = |name: &str, image: &str, volume: &str| {
        json!({
            "services": {name: {
                "image": image,
                "volumes": [{"type": "volume", "source": volume, "target": "/d"}],
            }},
            "volumes": {volume: {"name": format!("x_{volume}")}},
        })
    };
    let was = || stack("db", "postgres:15", "data");
    for (name, image, volume, code) in [
        ("dbase", "postgres:15.3", "data", None),
        ("dbase", "postgres:16", "data", Some("guard_store")),
        ("dbase", "postgres:15", "other", Some("guard_volume")),
        ("valkey", "valkey:8", "data", Some("guard_store")),
        ("backup", "mine/backup:1", "data", None),
    ] {
        let refused = refused(was(), stack(name, image, volume), &[], false);
        assert_eq!(refused.as_deref(), code, "{name} {image} {volume}");
    }
    // What lets the volume go does not let another version at the data.
    let (before, after) = (
        Model::of_json(was()),
        Model::of_json(stack("dbase", "postgres:16", "data")),
    );
    let guarded = Guarded {
        before: &before,
        after: &after,
        plan: &Plan::default(),
        containers: &[container("db", "x_data")],
        images: &StoreImages::default(),
        source: &Source::default(),
        running: &BTreeMap::new(),
        keys: &[],
        own_keys: &[],
        missing_sources: &[],
        generated: &[],
        crossing: None,
        left_behind: &[],
        down: false,
    };
    let refused = check(&guarded, &BTreeSet::from([Guard::VolumeRemoved]));
    assert_eq!(refused.unwrap_err().code, Code::GuardStore);
}

/// The name stays, and what it means becomes another version.
#[test]
fn a_moving_tag_is_judged_by_what_the_images_say() {
    let of = |version: &str| Brought {
        env: BTreeMap::from([("MARIADB_VERSION".to_owned(), version.to_owned())]),
        ..Brought::default()
    };
    let model = Model::of_json(image("mariadb:latest"));
    let containers = [container("db", "x_data")];
    let judged = |next: Option<&str>, awaited: bool| {
        let images = StoreImages {
            present: BTreeMap::from([("db".into(), of("1:10.11.6+maria~ubu2204"))]),
            next: next
                .map(|next| ("db".into(), of(next)))
                .into_iter()
                .collect(),
            awaited: awaited.then(|| "db".into()).into_iter().collect(),
        };
        let guarded = Guarded {
            before: &model,
            after: &model,
            plan: &Plan::default(),
            containers: &containers,
            images: &images,
            source: &Source::default(),
            running: &BTreeMap::new(),
            keys: &[],
            own_keys: &[],
            missing_sources: &[],
            generated: &[],
            crossing: None,
            left_behind: &[],
            down: false,
        };
        let there = check(&guarded, &BTreeSet::new());
        let back = check_way_back(&guarded, &BTreeSet::new());
        let remarks = store_guard::remarks(&guarded).len();
        (there.map_err(|no| no.text), back.is_err(), remarks)
    };
    assert_eq!(judged(Some("1:10.11.9"), false), (Ok(()), false, 0));
    // It is looked at when it has come.
    assert_eq!(judged(None, true), (Ok(()), false, 1));
    let (refused, back, _) = judged(Some("1:11.4.2"), false);
    let said = "db would go from mariadb:latest (mariadb 10.11) to mariadb:latest (mariadb 11.4): ";
    assert!(refused.unwrap_err().starts_with(said) && back);
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

/// The files said so before already: somebody has edited them.
#[test]
fn a_database_that_is_made_anew_with_another_password_or_place() {
    let refused = |password: &str, place: &str| {
        let model = Model::of_json(json!({
            "services": {"db": {
                "image": "postgres:15",
                "environment": {"POSTGRES_PASSWORD": password, "PGDATA": place},
                "volumes": [{"type": "volume", "source": "data", "target": "/d"}],
            }},
            "volumes": {"data": {"name": "x_data"}},
        }));
        let mut plan = Plan::default();
        plan.steps.push(Step {
            service: "db".into(),
            action: Action::Recreate,
            reasons: Vec::new(),
            signal: None,
        });
        let env = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        let running = Running {
            env: env(&[("POSTGRES_PASSWORD", "a"), ("PGDATA", "/d")]),
            brought: None,
        };
        let guarded = Guarded {
            before: &model,
            after: &model,
            plan: &plan,
            containers: &[container("db", "x_data")],
            images: &StoreImages::default(),
            source: &Source::default(),
            running: &BTreeMap::from([("db".into(), running)]),
            keys: &[],
            own_keys: &[],
            missing_sources: &[],
            generated: &[],
            crossing: None,
            left_behind: &[],
            down: false,
        };
        let refused = check(&guarded, &BTreeSet::new()).err();
        refused.map(|complaint| complaint.code.word().to_owned())
    };
    assert_eq!(refused("a", "/d"), None);
    assert_eq!(refused("b", "/d").as_deref(), Some("guard_key"));
    assert_eq!(refused("a", "/d/new").as_deref(), Some("guard_volume"));
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
    let folder = |folder: &str| {
        let mut stack = volume("data", "x_data");
        stack["services"]["db"]["volumes"][0]["volume"]["subpath"] = folder.into();
        stack
    };
    assert_eq!(refused(folder("a"), folder("a"), &[], false), None);
    let code = refused(folder("a"), folder("b"), &[], false);
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

#[test]
fn a_key_is_judged_by_the_value_in_force() {
    let with = |value: &str| json!({"services": {"web": {"environment": {"WEBUI_SECRET_KEY": value, "TZ": value}}}});
    // The file where it is typed has no such key yet.
    let typed = [ChangedKey {
        key: "WEBUI_SECRET_KEY",
        had_value: false,
    }];
    let code = refused(with("a"), with("b"), &typed, false);
    assert_eq!(code.as_deref(), Some("guard_key"));
    assert_eq!(refused(with(""), with("b"), &typed, false), None);
    assert_eq!(refused(with("a"), with("a"), &typed, false), None);
    let secret = [ChangedKey {
        key: "SECRET",
        had_value: true,
    }];
    let code = refused(image("directus"), image("directus"), &secret, false);
    assert_eq!(code.as_deref(), Some("guard_key"));
}

#[test]
fn an_anonymous_volume_goes_out_of_sight() {
    let at = |volumes: Value| Model::of_json(json!({"services": {"anon": {"volumes": volumes}}}));
    let hidden = |before: Value, after: Value| {
        let (before, after) = (at(before), at(after));
        let guarded = Guarded {
            before: &before,
            after: &after,
            plan: &Plan::default(),
            images: &StoreImages::default(),
            source: &Source::default(),
            running: &BTreeMap::new(),
            containers: &[container("anon", &"a".repeat(64))],
            keys: &[],
            own_keys: &[],
            missing_sources: &[],
            generated: &[],
            crossing: None,
            left_behind: &[],
            down: false,
        };
        check(&guarded, &BTreeSet::new())
            .err()
            .map(|complaint| complaint.text)
    };
    let own = json!([{"type": "volume", "target": "/d"}]);
    let named = json!([{"type": "volume", "source": "mydata", "target": "/d"}]);
    let bound = json!([{"type": "bind", "source": "/img", "target": "/d"}]);
    let other = json!([{"type": "volume", "target": "/d2"}]);
    for (before, after, is_hidden) in [
        (own.clone(), named.clone(), true),
        (json!([]), bound, true),
        (own.clone(), other.clone(), true),
        (own.clone(), own.clone(), false),
        // The image's own volume is carried on.
        (json!([]), other, false),
        (json!([]), own, false),
    ] {
        let said = hidden(before.clone(), after.clone());
        assert_eq!(said.is_some(), is_hidden, "{before} {after} {said:?}");
    }
    assert!(
        hidden(json!([]), named)
            .unwrap()
            .contains("mydata would be mounted over it")
    );
}

#[test]
fn what_lies_in_a_folder_that_is_no_longer_mounted() {
    let model = Model::of_json(image("nginx"));
    let guarded = Guarded {
        before: &model,
        after: &model,
        plan: &Plan::default(),
        containers: &[],
        images: &StoreImages::default(),
        source: &Source::default(),
        running: &BTreeMap::new(),
        keys: &[],
        own_keys: &[],
        missing_sources: &[],
        left_behind: &[LeftBehind {
            service: "db".into(),
            target: "/data".into(),
            from: "/s/data".into(),
            to: "/s/appdata".into(),
            entry: "rows".to_owned(),
        }],
        generated: &[],
        crossing: None,
        down: false,
    };
    let refused = check(&guarded, &BTreeSet::new()).unwrap_err();
    assert_eq!(refused.code, Code::GuardBind);
    assert!(refused.text.contains("/s/appdata") && refused.text.contains("rows"));
    assert!(check(&guarded, &BTreeSet::from([Guard::BindVanishes])).is_ok());
}
