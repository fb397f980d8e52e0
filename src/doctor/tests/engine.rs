//! Stores, services and pages.

use serde_json::json;

use super::*;
use crate::docker::container::{Health, State};
use crate::event::{Action, Reason, RunId};

fn store(definition: Value) -> Vec<String> {
    let mut services = json!({"web": {}});
    services["store"] = definition;
    let case = Case::new("generic", "web", services);
    let mut told = case.told();
    told.retain(|line| line != "application_unknown ");
    told
}

#[test]
fn stores_that_others_can_reach() {
    let open = json!([{"published": "6379", "target": 6379}]);
    let closed = json!([{"host_ip": "127.0.0.1", "published": "6379", "target": 6379}]);
    let is_open = ["store_open store"];
    let with_password = ["store_published store"];
    let nothing: [&str; 0] = [];
    let redis = |ports: &Value, command: Value| {
        store(json!({"image": "redis:7", "ports": ports, "command": command}))
    };
    assert_eq!(redis(&open, Value::Null), is_open);
    assert_eq!(redis(&closed, Value::Null), nothing);
    let in_a_shell = json!(["sh", "-c", "exec redis-server --requirepass $$P"]);
    assert_eq!(redis(&open, in_a_shell), with_password);
    let by_file = json!("redis-server /etc/redis.conf");
    assert_eq!(redis(&open, by_file), with_password);
    let image = |image: &str, environment: Value| {
        store(json!({"image": image, "ports": open, "environment": environment}))
    };
    for (name, environment) in [
        ("valkey/valkey:8", json!({})),
        ("mongo:8", json!({})),
        ("getmeili/meilisearch:v1", json!({"MEILI_MASTER_KEY": ""})),
        ("postgres:17", json!({"POSTGRES_HOST_AUTH_METHOD": "trust"})),
        ("mariadb", json!({"MARIADB_ALLOW_EMPTY_ROOT_PASSWORD": "1"})),
    ] {
        assert_eq!(image(name, environment), is_open, "{name}");
    }
    for (name, environment) in [
        ("mongo:8", json!({"MONGO_INITDB_ROOT_USERNAME": "a"})),
        ("postgres:17", json!({"POSTGRES_PASSWORD": "mypassword"})),
        ("mysql", json!({"MYSQL_ROOT_PASSWORD": "x"})),
    ] {
        assert_eq!(image(name, environment), with_password, "{name}");
    }
    assert_eq!(image("nginx", json!({})), nothing);
}

#[test]
fn a_store_is_closed_by_one_command() {
    let services = json!({"api": {}, "redis": {"image": "redis", "ports": [
        {"host_ip": "127.0.0.1", "published": "1", "target": 1},
        {"host_ip": "0.0.0.0", "published": "6380", "target": 6379}]}});
    let found = Case::new("librechat", "api", services).the();
    assert_eq!(
        found.hint.as_deref(),
        Some("refit set 'services.redis.ports[1]=127.0.0.1:6380:6379'")
    );
    assert!(found.text.contains("0.0.0.0:6380"), "{}", found.text);
}

#[test]
fn a_redis_that_was_started_by_hand() {
    let told = |services: Value, value: &str| {
        let case = Case::new("generic", "web", services);
        let mut case = case.with_env(&[("CACHE", value)], &[]);
        case.outside = vec![Outside {
            name: "happy_curie".into(),
            port: 6379,
        }];
        case.told()
    };
    let web = || json!({"web": {}});
    let at = "store_outside CACHE";
    assert_eq!(told(web(), "redis://host.docker.internal")[0], at);
    assert_eq!(told(web(), "redis://localhost:6379/1")[0], at);
    for other in ["redis://localhost:6380", "http://localhost:6379", "x"] {
        assert_eq!(told(web(), other), ["application_unknown "], "{other}");
    }
    let own = json!({"web": {}, "redis": {"image": "redis"}});
    assert_eq!(told(own, "redis://redis:6379"), ["application_unknown "]);
}

#[test]
fn localhost_inside_is_the_container_itself() {
    let hint = |services: Value, value: &str| {
        let case = Case::new("librechat", "api", services);
        let case = case.with_env(&[("REDIS_URI", value)], &[("api", Route::Bind)]);
        let found = case.findings();
        assert!(!format!("{found:?}").contains("s3cret"));
        found.first().map(|found| {
            assert_eq!(found.code, FindingCode::LocalhostInside);
            found.hint.clone().unwrap()
        })
    };
    let with_redis = || json!({"api": {}, "cache": {"image": "redis:7"}});
    assert_eq!(
        hint(with_redis(), "redis://localhost:6379/1").unwrap(),
        "refit set REDIS_URI=redis://cache:6379/1"
    );
    let secret = hint(with_redis(), "redis://:s3cret@127.0.0.1:6379").unwrap();
    assert!(secret.ends_with("with cache in place of 127.0.0.1: refit set REDIS_URI"));
    let none = hint(json!({"api": {}}), "redis://localhost").unwrap();
    assert!(none.starts_with("refit use session-store store=redis"));
    assert_eq!(hint(with_redis(), "redis://cache:6379"), None);
    assert_eq!(
        hint(
            json!({"api": {"network_mode": "host"}}),
            "redis://localhost"
        ),
        None
    );
    // The address in the browser is asked from elsewhere, and keys of others are not known.
    let case = Case::librechat(&[
        ("DOMAIN_CLIENT", "http://localhost:3080"),
        ("X_URL", "http://localhost"),
    ]);
    assert!(case.told().is_empty(), "{:?}", case.told());
    let generic = Case::new(
        "generic",
        "web",
        json!({"web": {"environment": {"DATABASE_URL": "postgres://localhost/x"}}}),
    );
    assert_eq!(generic.told()[0], "localhost_inside DATABASE_URL");
}

fn seen(service: &str, state: State) -> SeenContainer {
    SeenContainer {
        service: service.into(),
        state,
        exit_code: 0,
        health: Health::None,
        health_output: None,
        error: String::new(),
        oom_killed: false,
        restarts: 0,
        crashing: false,
        on_purpose: false,
    }
}

fn services(containers: Vec<SeenContainer>) -> Vec<String> {
    let mut case = Case::new("librechat", "api", json!({"api": {}, "migrate": {}}));
    case.one_shots = ["migrate".into()].into();
    case.containers = Some(containers);
    case.told()
}

#[test]
fn services_that_do_not_run_as_the_files_say() {
    let done = || seen("migrate", State::Exited);
    let running = || seen("api", State::Running);
    let nothing: [&str; 0] = [];
    assert_eq!(services(vec![running(), done()]), nothing);
    assert_eq!(services(vec![running()]), ["service_stopped migrate"]);
    assert_eq!(services(vec![done()]), ["stack_down "]);
    let with = |change: &dyn Fn(&mut SeenContainer)| {
        let mut api = running();
        change(&mut api);
        services(vec![api, seen("migrate", State::Running)])
    };
    let failed = ["service_failed api"];
    assert_eq!(with(&|api| api.state = State::Restarting), failed);
    assert_eq!(with(&|api| api.state = State::Created), failed);
    assert_eq!(
        with(&|api| (api.state, api.exit_code) = (State::Exited, 1)),
        failed
    );
    assert_eq!(
        with(&|api| (api.crashing, api.restarts) = (true, 4)),
        failed
    );
    let stopped = ["service_stopped api"];
    assert_eq!(with(&|api| api.state = State::Paused), stopped);
    assert_eq!(
        with(&|api| (api.state, api.exit_code, api.on_purpose) = (State::Exited, 143, true)),
        stopped
    );
    assert_eq!(with(&|api| api.restarts = 3), ["service_restarted api"]);
    assert_eq!(with(&|api| api.restarts = 2), nothing);
    assert_eq!(with(&|api| api.oom_killed = true), ["out_of_memory api"]);
    assert_eq!(
        with(&|api| api.health = Health::Unhealthy),
        ["service_unhealthy api"]
    );
}

#[test]
fn what_is_so_since_a_run_is_told_with_that_run() {
    let restarted = SeenContainer {
        restarts: 3,
        ..seen("api", State::Running)
    };
    let mut case = Case::new("librechat", "api", json!({"api": {}}));
    case.containers = Some(vec![restarted]);
    case.aftermath.push(Aftermath {
        service: "api".into(),
        run: RunId(12),
        text: "api has ended 3 times since run 12, about every 25 s".to_owned(),
        undo: Some("refit rollback 12".to_owned()),
        as_before: false,
    });
    let found = case.findings();
    let of_api = found.iter().filter(|one| one.service.is_some());
    let of_api: Vec<&Finding> = of_api.collect();
    assert_eq!(of_api.len(), 1, "{found:?}");
    assert_eq!(of_api[0].code, FindingCode::SinceRun);
    assert_eq!(of_api[0].hint.as_deref(), Some("refit rollback 12"));
    let why = of_api[0].why.as_deref().unwrap();
    assert!(why.contains("start it again 3 times"), "{why}");
    // What was so before has no run to be undone.
    case.aftermath[0].as_before = true;
    let found = case.findings();
    let of_api = found.iter().find(|one| one.service.is_some()).unwrap();
    assert_eq!(of_api.code, FindingCode::ServiceRestarted);
    assert_eq!(of_api.why.as_deref(), Some(case.aftermath[0].text.as_str()));
}

#[test]
fn what_differs_is_told_once() {
    let drift = |action, text: &str| Drift {
        service: "api".into(),
        action,
        reason: Reason {
            route: Route::Definition,
            file: None,
            key: None,
            text: text.to_owned(),
        },
        keeps: None,
    };
    let mut case = Case::new("librechat", "api", json!({"api": {}, "db": {}}));
    case.drifts = vec![
        drift(Action::Start, "stopped (exit code 1)"),
        drift(Action::Recreate, "runs with another PORT"),
    ];
    let mut api = seen("api", State::Exited);
    api.exit_code = 1;
    case.containers = Some(vec![api, seen("db", State::Running)]);
    assert_eq!(case.told(), ["service_failed api", "differs api"]);
    case.containers = Some(vec![
        seen("api", State::Running),
        seen("db", State::Running),
    ]);
    assert_eq!(case.told(), ["differs api", "differs api"]);
}

#[test]
fn the_page_of_health() {
    let told = |reply: Result<Reply, String>| {
        let mut case = Case::librechat(&[]);
        let answered = Answered {
            url: "http://127.0.0.1:3080/health".into(),
            reply,
        };
        let page = case
            .subject
            .as_ref()
            .unwrap()
            .profile
            .health
            .clone()
            .unwrap();
        case.health = Some((page, answered));
        case.told()
    };
    let reply = |status, body: &str| {
        Ok(Reply {
            status,
            body: body.into(),
            ..Reply::default()
        })
    };
    assert!(told(reply(200, "OK")).is_empty());
    for wrong in [
        reply(200, "<html>OK"),
        reply(404, "OK"),
        Err("refused".into()),
    ] {
        assert_eq!(told(wrong), ["health_page api"]);
    }
}
