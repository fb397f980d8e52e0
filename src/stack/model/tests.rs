//! What is read of Compose's JSON.

use super::*;
use serde_json::json;

fn model(services: Value) -> Model {
    Model::of_json(json!({"name": "x", "services": services}))
}

#[test]
fn a_dollar_is_read_as_the_container_sees_it() {
    let model = model(json!({"a": {"environment": {"P": "a$$b", "Q": null}}}));
    let env = &model.services[&"a".into()].environment;
    assert_eq!(env["P"].as_deref(), Some("a$b"));
    assert_eq!(env["Q"], None);
}

#[test]
fn dependencies_come_first_and_cycles_end() {
    let model = model(json!({
        "a": {"depends_on": {"b": {"condition": "service_healthy"}}},
        "b": {"network_mode": "service:c"},
        "c": {},
        "d": {"depends_on": {"e": {}}},
        "e": {"depends_on": {"d": {}}},
    }));
    let order = model.in_dependency_order();
    let at = |name: &str| order.iter().position(|s| s.as_str() == name).unwrap();
    assert!(at("c") < at("b") && at("b") < at("a"));
    assert_eq!(order.len(), 5);
}

#[test]
fn what_a_service_uses() {
    let model = model(json!({"a": {
        "networks": {"front": null},
        "volumes": [{"type": "volume", "source": "data", "target": "/d"},
                    {"type": "bind", "source": "/h", "target": "/h"},
                    {"type": "volume", "target": "/anonymous"}],
        "configs": [{"source": "c1"}],
        "ports": [{"target": 80, "published": "8080", "protocol": "tcp"},
                  {"target": 81, "published": "9000-9005"}, {"target": 82}],
        "volumes_from": ["b:ro", "container:x"],
    }}));
    let a = &model.services[&"a".into()];
    assert_eq!(a.uses(Section::Networks), ["front".to_owned()].into());
    assert_eq!(a.uses(Section::Volumes), ["data".to_owned()].into());
    assert_eq!(a.uses(Section::Configs), ["c1".to_owned()].into());
    assert_eq!(a.ports.len(), 1, "ranges are the engine's to choose from");
    assert_eq!(a.shares_with(), [("volumes_from", "b".into())]);
}

#[test]
fn names_of_files_and_of_folders() {
    let is_file = |source: &str| {
        let bind = Bind {
            source: source.into(),
            target: "/x".into(),
            creates_source: true,
        };
        bind.looks_like_file()
    };
    for file in [
        "/s/.env",
        "/s/nginx.conf",
        "/s/librechat.yaml",
        "/run/docker.sock",
    ] {
        assert!(is_file(file), "{file}");
    }
    for folder in ["/s/data", "/s/meili_data_v1.35.1", "/s/conf.d", "/"] {
        assert!(!is_file(folder), "{folder}");
    }
}
