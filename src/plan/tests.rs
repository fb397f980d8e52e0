//! Plans as text: models in, steps out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::docker::container::{Health, State};
use crate::stack::source::Source;

/// A service whose container is in this state.
fn container(service: &str, state: State, exit_code: Option<i64>) -> Container {
    Container {
        id: format!("id-{service}"),
        name: service.to_owned(),
        project: "x".into(),
        service: service.into(),
        oneoff: false,
        state,
        exit_code,
        health: Health::None,
        crashing: false,
        network_of: None,
        image_id: String::new(),
        image: String::new(),
        created: 0,
        labels: BTreeMap::new(),
        mounts: Vec::new(),
        ports: Vec::new(),
    }
}

fn running(services: &Value) -> Vec<Container> {
    let names = services.as_object().unwrap().keys();
    names
        .map(|name| container(name, State::Running, None))
        .collect()
}

struct Case {
    before: Value,
    after: Value,
    source: Value,
    containers: Vec<Container>,
    reaches: Vec<(String, FileReach)>,
    keys: Vec<(String, String)>,
    one_shots: BTreeSet<ServiceName>,
    profiles: Vec<String>,
    reloads: Vec<(ServiceName, String, String)>,
}

impl Case {
    fn new(before: Value, after: Value) -> Self {
        Self {
            containers: running(&before),
            before,
            after,
            source: json!({}),
            reaches: Vec::new(),
            keys: vec![(".env".into(), "K".into())],
            one_shots: BTreeSet::new(),
            profiles: Vec::new(),
            reloads: Vec::new(),
        }
    }

    fn reach(mut self, service: &str, route: Route, alone: bool) -> Self {
        let reach = FileReach {
            service: service.into(),
            route,
            file: "/s/.env".into(),
            target: Some(PathBuf::from("/app/.env")),
            alone,
            text: "is mounted at /app/.env".into(),
        };
        self.reaches.push((".env".into(), reach));
        self
    }

    fn plan(&self) -> Plan {
        let before = Model::of_json(json!({"name": "x", "services": self.before}));
        let after = Model::of_json(json!({"name": "x", "services": self.after}));
        let source = Source::of_json(&json!({"services": self.source}));
        of_change(&Inputs {
            before: &before,
            source: &source,
            after: &after,
            containers: &self.containers,
            reaches: &self.reaches,
            keys: &self.keys,
            profiles_before: &[],
            profiles: &self.profiles,
            never_had: &BTreeSet::new(),
            one_shots: &self.one_shots,
            reloads: &self.reloads,
        })
    }

    fn steps(&self) -> Vec<String> {
        self.plan()
            .steps
            .iter()
            .map(|step| {
                let reasons: Vec<_> = step
                    .reasons
                    .iter()
                    .map(|reason| format!("{}: {}", reason.route.word(), reason.text))
                    .collect();
                format!(
                    "{} {} ({})",
                    step.service,
                    step.action.word(),
                    reasons.join("; ")
                )
            })
            .collect()
    }
}

fn env(value: &str) -> Value {
    json!({"web": {"environment": {"K": value}}, "worker": {}})
}

#[test]
fn a_mounted_file_is_a_restart_and_nothing_else_is_touched() {
    let case = Case::new(env("1"), env("1")).reach("web", Route::Bind, true);
    assert_eq!(
        case.steps(),
        ["web restart (bind: .env is mounted at /app/.env)"]
    );
    assert_eq!(case.plan().untouched, ["worker".into()]);
}

#[test]
fn an_env_file_is_a_recreate() {
    let case = Case::new(env("1"), env("2")).reach("web", Route::EnvFile, false);
    assert_eq!(
        case.steps(),
        ["web recreate (env_file: .env is its env_file)"]
    );
}

#[test]
fn an_env_file_whose_key_is_overridden_touches_nothing() {
    let case = Case::new(env("1"), env("1")).reach("web", Route::EnvFile, false);
    assert!(case.steps().is_empty());
}

#[test]
fn interpolation_names_the_key_and_the_place() {
    let mut case = Case::new(
        json!({"web": {"ports": [{"published": "1"}], "environment": {"URL": "a"}}}),
        json!({"web": {"ports": [{"published": "2"}], "environment": {"URL": "b"}}}),
    );
    case.source =
        json!({"web": {"ports": ["${K}:80"], "environment": {"URL": "http://${K}", "K": "${K}"}}});
    assert_eq!(
        case.steps(),
        [
            "web recreate (interpolation: environment URL uses ${K} from .env; \
          interpolation: ports uses ${K} from .env)"
        ]
    );
}

#[test]
fn environment_in_list_and_map_form() {
    for source in [
        json!({"environment": ["K"]}),
        json!({"environment": {"K": "${K}"}}),
    ] {
        let mut case = Case::new(env("1"), env("2"));
        case.source = json!({ "web": source });
        assert_eq!(
            case.steps(),
            ["web recreate (environment: environment takes K from .env)"]
        );
    }
}

#[test]
fn build_arguments_are_a_rebuild_and_beat_a_restart() {
    let build = |v: &str| json!({"web": {"build": {"args": {"V": v}}}});
    let case = Case::new(build("1"), build("2")).reach("web", Route::Bind, true);
    assert_eq!(
        case.steps(),
        ["web rebuild (build: build differs; bind: .env is mounted at /app/.env)"]
    );
}

#[test]
fn stopped_services_stay_stopped_and_crashed_ones_take_part() {
    for (exit_code, touched) in [(0, false), (137, false), (143, false), (1, true)] {
        let mut case = Case::new(env("1"), env("2"));
        case.containers = vec![
            container("web", State::Exited, Some(exit_code)),
            container("worker", State::Running, None),
        ];
        assert_eq!(!case.steps().is_empty(), touched, "exit code {exit_code}");
        assert_eq!(case.plan().remarks.is_empty(), touched);
    }
}

#[test]
fn a_stack_that_is_down_stays_down() {
    let mut case = Case::new(env("1"), env("2"));
    case.containers.clear();
    let plan = case.plan();
    assert!(plan.stack_is_down && plan.is_empty());
}

#[test]
fn services_come_and_go() {
    let case = Case::new(json!({"a": {}, "b": {}}), json!({"a": {}, "c": {}}));
    assert_eq!(
        case.steps(),
        [
            "b remove (definition: is no longer in the files)",
            "c start (definition: is new in the files)"
        ]
    );
    let mut inactive = Case::new(json!({"a": {}}), json!({"a": {}, "c": {"profiles": ["p"]}}));
    inactive.containers = vec![container("a", State::Running, None)];
    assert!(inactive.steps().is_empty());
    // One that is not asked for is not left alone either.
    assert_eq!(inactive.plan().untouched, ["a".into()]);
}

#[test]
fn followers_follow_to_the_end_of_the_chain() {
    let services = |k: &str| {
        json!({
            "vpn": {"environment": {"K": k}},
            "app": {"network_mode": "service:vpn"},
            "side": {"pid": "service:app"},
            "ui": {"depends_on": {"app": {"condition": "service_started", "restart": true}}},
            "free": {"depends_on": {"vpn": {"condition": "service_started"}}},
            "backup": {"volumes_from": ["vpn:ro"]},
        })
    };
    let steps = Case::new(services("1"), services("2")).steps();
    assert_eq!(
        steps,
        [
            "vpn recreate (environment: environment K differs)",
            "app recreate (follows: network_mode is that of vpn)",
            "backup recreate (follows: volumes_from is that of vpn)",
            "side recreate (follows: pid is that of app)",
            "ui restart (follows: depends on app with restart: true)",
        ]
    );
    let restarted = Case::new(services("1"), services("1"))
        .reach("vpn", Route::Bind, true)
        .steps();
    assert!(restarted.contains(&"app restart (follows: network_mode is that of vpn)".to_owned()));
    assert!(!restarted.iter().any(|step| step.starts_with("backup")));
    // Compose writes the dependency that it makes of a shared namespace into the model.
    let implied = |k: &str| {
        let dependency = json!({"vpn": {"condition": "service_started", "restart": true}});
        json!({
            "vpn": {"environment": {"K": k}},
            "app": {"network_mode": "service:vpn", "depends_on": dependency},
        })
    };
    let steps = Case::new(implied("1"), implied("2")).steps();
    assert_eq!(
        steps[1..],
        ["app recreate (follows: network_mode is that of vpn)"]
    );
    // It gets one more container, beside the one whose namespace is shared.
    let scaled =
        |count: u64| json!({"vpn": {"scale": count}, "app": {"network_mode": "service:vpn"}});
    let steps = Case::new(scaled(1), scaled(2)).steps();
    assert_eq!(steps, ["vpn start (definition: replicas 1 → 2)"]);
}

#[test]
fn what_compose_leaves_out_of_its_hash_is_ours_to_compare() {
    let before = json!({"a": {"depends_on": {}, "scale": 1}});
    let after = json!({"a": {"depends_on": {"b": {}}, "scale": 2}});
    let case = Case::new(before, after);
    assert_eq!(case.steps(), ["a start (definition: replicas 1 → 2)"]);
    assert_eq!(
        case.plan().remarks,
        [(
            "a".into(),
            "is not affected by a change of depends_on".into()
        )]
    );
}

#[test]
fn a_declared_reload_is_a_signal_unless_the_file_is_mounted_alone() {
    for (alone, action) in [(false, Action::Signal), (true, Action::Restart)] {
        let mut case = Case::new(env("1"), env("1")).reach("web", Route::Bind, alone);
        case.reloads = vec![("web".into(), ".env".into(), "HUP".into())];
        let plan = case.plan();
        assert_eq!(plan.steps[0].action, action);
        assert_eq!(plan.steps[0].signal.as_deref(), (!alone).then_some("HUP"));
    }
}

#[test]
fn a_finished_one_shot_is_run_again_only_by_a_new_definition() {
    for (after, runs) in [(env("2"), true), (env("1"), false)] {
        let mut case = Case::new(env("1"), after).reach("web", Route::Bind, true);
        case.one_shots = ["web".into()].into();
        case.containers = vec![
            container("web", State::Exited, Some(0)),
            container("worker", State::Running, None),
        ];
        assert_eq!(!case.steps().is_empty(), runs);
    }
}

#[test]
fn shared_objects_reach_their_users() {
    let model = |subnet: &str| {
        Model::of_json(json!({
            "services": {"a": {"networks": {"n": null}}, "b": {}},
            "networks": {"n": {"ipam": subnet}},
        }))
    };
    let (before, after) = (model("1"), model("2"));
    let containers = [
        container("a", State::Running, None),
        container("b", State::Running, None),
    ];
    let plan = of_change(&Inputs {
        before: &before,
        source: &Source::default(),
        after: &after,
        containers: &containers,
        reaches: &[],
        keys: &[],
        profiles_before: &[],
        profiles: &[],
        never_had: &BTreeSet::new(),
        one_shots: &BTreeSet::new(),
        reloads: &[],
    });
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].reasons[0].text, "the network n differs");
}

#[test]
fn a_profile_that_is_turned_on_starts_its_services() {
    let services = || json!({"a": {}, "extra": {"profiles": ["p"]}});
    let mut case = Case::new(services(), services());
    case.containers = vec![container("a", State::Running, None)];
    assert!(case.steps().is_empty());
    case.profiles = vec!["p".into()];
    assert_eq!(
        case.steps(),
        ["extra start (definition: its profile is turned on)"]
    );
}

#[test]
fn other_options_of_a_provider_are_said_to_be_such() {
    let with = |size: &str| json!({"tun": {"provider": {"type": "p", "options": {"size": size}}}, "web": {}});
    let mut case = Case::new(with("1"), with("2"));
    case.containers.retain(|one| one.service == "web".into());
    case.source = json!({"tun": {"provider": {"type": "p", "options": {"size": "${K}"}}}});
    let plan = case.plan();
    assert!(plan.steps.is_empty());
    let told = "gets other options for its provider (provider uses ${K} from .env), which refit does not call: \
                docker compose up -d tun does";
    assert_eq!(plan.remarks, [("tun".into(), told.to_owned())]);
}
