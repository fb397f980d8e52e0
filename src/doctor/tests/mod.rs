//! The rules on small stacks of their own: what each one finds, and what it leaves alone.

mod cookies;
mod engine;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::event::{Route, ServiceName};
use crate::health::aftermath::Aftermath;
use crate::profile;
use crate::secret::Secret;
use crate::stack::Resolved;
use crate::stack::application::Subject;
use crate::stack::drift::Drift;
use crate::stack::generated::{GeneratedKey, ValueInUse};
use crate::stack::model::Model;
use crate::stack::source::Source;
use crate::stack::stored::StoredValue;
use crate::stack::variables::UnfilledKey;

/// A stack to be examined.
struct Case {
    resolved: Resolved,
    subject: Option<Subject>,
    env: Vec<EnvText>,
    mounts: Vec<BindMount>,
    config_files: Vec<(String, bool)>,
    one_shots: BTreeSet<ServiceName>,
    containers: Option<Vec<SeenContainer>>,
    generated: Vec<GeneratedKey>,
    stored: BTreeMap<String, StoredValue>,
    outside: Vec<Outside>,
    aftermath: Vec<Aftermath>,
    drifts: Vec<Drift>,
    health: Option<(crate::profile::Page, Answered)>,
    visit: Option<Visit>,
    unfilled: Vec<UnfilledKey>,
}

impl Case {
    /// An application with these services; `environment` is read as Compose's source has it.
    fn new(profile: &str, service: &str, services: Value) -> Self {
        let profiles = profile::all().unwrap();
        let profile = profiles.iter().find(|own| own.name == profile).cloned();
        let top = json!({"name": "x", "services": services});
        Self {
            resolved: Resolved {
                source: Source::of_json(&top),
                model: Model::of_json(top),
                warnings: Vec::new(),
                json: String::new(),
            },
            subject: profile.map(|profile| Subject {
                because: profile.is_known.then(|| "its image".to_owned()),
                profile,
                service: service.into(),
                version: None,
            }),
            env: Vec::new(),
            mounts: Vec::new(),
            config_files: Vec::new(),
            one_shots: BTreeSet::new(),
            containers: None,
            generated: Vec::new(),
            stored: BTreeMap::new(),
            outside: Vec::new(),
            aftermath: Vec::new(),
            drifts: Vec::new(),
            health: None,
            visit: None,
            unfilled: Vec::new(),
        }
    }

    /// LibreChat, which mounts its `.env`.
    fn librechat(env: &[(&str, &str)]) -> Self {
        let case = Self::new("librechat", "api", json!({"api": {}}));
        case.with_env(env, &[("api", Route::Bind)])
    }

    /// Open WebUI, to which nothing is handed on.
    /// With a key of its own, which is another test's matter.
    fn open_webui(mut environment: Value, env: &[(&str, &str)]) -> Self {
        let key = "WEBUI_SECRET_KEY";
        if environment.get(key).is_none() && !env.iter().any(|(set, _)| *set == key) {
            environment[key] = "its-own-key".into();
        }
        let services = json!({"webui": {"environment": environment}});
        Self::new("open-webui", "webui", services).with_env(env, &[])
    }

    /// The stack's `.env`, and whom it reaches as a file.
    fn with_env(mut self, values: &[(&str, &str)], reaches: &[(&str, Route)]) -> Self {
        let lines = values
            .iter()
            .enumerate()
            .map(|(index, (key, value))| EnvLine {
                key: (*key).to_owned(),
                line: index + 1,
                value: Secret::new((*value).to_owned()),
                is_sample: false,
            });
        let reaches = reaches.iter().map(|(service, route)| Reach {
            service: (*service).into(),
            route: *route,
        });
        self.env.push(EnvText {
            name: ".env".into(),
            is_first: true,
            fills_in: true,
            lines: lines.collect(),
            reaches: reaches.collect(),
        });
        self
    }

    fn of_version(mut self, version: &str) -> Self {
        if let Some(subject) = &mut self.subject {
            subject.version = Some(version.to_owned());
        }
        self
    }

    fn visited(mut self, url: &str, reply: Result<Reply, String>) -> Self {
        self.visit = Some(Visit {
            address: crate::stack::url::Address::parse(url).unwrap(),
            page: Answered {
                url: url.to_owned(),
                reply,
            },
            health: Vec::new(),
        });
        self
    }

    fn findings(&self) -> Vec<Finding> {
        examine(&Patient {
            resolved: &self.resolved,
            profiles: &[],
            subject: self.subject.as_ref(),
            env: &self.env,
            mounts: &self.mounts,
            config_files: &self.config_files,
            one_shots: &self.one_shots,
            containers: self.containers.as_deref(),
            generated: &self.generated,
            stored: &self.stored,
            outside: &self.outside,
            aftermath: &self.aftermath,
            drifts: &self.drifts,
            unnamed: None,
            other_project: None,
            health: self.health.as_ref(),
            visit: self.visit.as_ref(),
            unfilled: &self.unfilled,
            folder: Path::new("/s"),
        })
    }

    /// Each finding by its word and its first key, else its service.
    fn told(&self) -> Vec<String> {
        let found = self.findings();
        let about = |finding: &Finding| {
            let service = finding.service.as_ref().map(ToString::to_string);
            finding
                .keys
                .first()
                .cloned()
                .or(service)
                .unwrap_or_default()
        };
        found
            .iter()
            .map(|finding| format!("{} {}", finding.code.word(), about(finding)))
            .collect()
    }

    /// The only finding.
    #[track_caller]
    fn the(&self) -> Finding {
        let mut found = self.findings();
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }
}

use crate::host::http::Reply;

#[test]
fn what_is_unknown_is_said_to_be_so_and_the_worst_comes_first() {
    let mut case = Case::new("generic", "web", json!({"web": {}}));
    case.containers = Some(vec![]);
    assert_eq!(case.told(), ["stack_down ", "application_unknown "]);
    case.subject = None;
    case.containers = None;
    assert_eq!(case.the().code, FindingCode::ApplicationUnknown);
    let case = Case::librechat(&[("SESSION_EXPIRY", "604800"), ("COOKIE_SECURE", "true")]);
    assert_eq!(
        case.told(),
        ["key_not_read COOKIE_SECURE", "value_unit SESSION_EXPIRY"]
    );
}
