//! One look at a stack: what files, engine and pages show, and what the rules say of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::complaint::Complaint;
use crate::docker::container::{Container, Inspected};
use crate::doctor::diagnosis::Coverage;
use crate::doctor::{self, EnvText, Finding, Patient, SeenContainer};
use crate::health::aftermath::Aftermath;
use crate::stack::application::Subject;
use crate::stack::drift::Drift;
use crate::stack::generated::{self, GeneratedKey, ValueInUse};
use crate::stack::locate::Located;
use crate::stack::stored::{self, StoredValue};
use crate::stack::url::Address;
use crate::stack::variables::StackVariables;
use crate::stack::{Place, Resolved};

/// The engine's side of a stack.
pub(super) struct Deployment {
    pub(super) place: Place,
    pub(super) containers: Vec<(Container, Option<Inspected>)>,
    pub(super) drifts: Vec<Drift>,
    pub(super) other_project: Option<Complaint>,
    pub(super) unnamed: Option<String>,
    pub(super) aftermath: Vec<Aftermath>,
}

/// All that one look at a stack needs.
pub(super) struct Examination<'a> {
    pub(super) located: &'a Located,
    pub(super) resolved: &'a Resolved,
    pub(super) subject: Option<&'a Subject>,
    pub(super) running: Option<&'a Deployment>,
}

impl Examination<'_> {
    pub(super) async fn examine(
        &self,
        env: &[EnvText],
        url: Option<Address>,
        looked: &mut Coverage,
    ) -> Vec<Finding> {
        let keys = env.iter().flat_map(|file| &file.lines);
        looked.keys = keys.map(|line| &line.key).collect::<BTreeSet<_>>().len();
        let mounts = self.mounts(looked);
        let config_files = self.config_files();
        let containers = self.running.map(|running| self.seen(running, env));
        looked.services = containers.as_ref().map(|_| {
            let model = &self.resolved.model;
            let names = model.services.keys();
            names
                .filter(|name| model.is_active(name, &self.located.args.profiles))
                .count()
        });
        let one_shots = match self.running {
            Some(running) => running.place.one_shots(&self.resolved.model),
            None => BTreeSet::new(),
        };
        let health = match self.health().await {
            Ok(health) => health,
            Err(why) => {
                looked.not.push(format!("health page: {why}"));
                None
            }
        };
        looked
            .also
            .extend(health.as_ref().map(|_| "health page".to_owned()));
        let visit = match url {
            Some(url) => Some(self.visit(url).await),
            None => None,
        };
        looked
            .also
            .extend(visit.as_ref().map(|visit| visit.address.origin()));
        let outside = self.outside().await;
        doctor::examine(&Patient {
            resolved: self.resolved,
            profiles: &self.located.args.profiles,
            subject: self.subject,
            env,
            mounts: &mounts,
            config_files: &config_files,
            one_shots: &one_shots,
            containers: containers.as_deref(),
            generated: &self.generated(looked).await,
            stored: &self.stored(env, looked).await,
            outside: &outside,
            aftermath: self.running.map_or(&[], |running| &running.aftermath),
            drifts: self.running.map_or(&[], |running| &running.drifts),
            unnamed: self.running.and_then(|one| one.unnamed.as_deref()),
            other_project: self.running.and_then(|one| one.other_project.as_ref()),
            health: health.as_ref(),
            visit: visit.as_ref(),
            unfilled: &StackVariables::read(self.located, &[]).unfilled(),
            folder: &self.located.args.directory,
        })
    }

    /// What the application's containers show of the keys that it generates.
    async fn generated(&self, looked: &mut Coverage) -> Vec<GeneratedKey> {
        let known = self.subject.filter(|subject| subject.profile.is_known);
        let (Some(subject), Some(running)) = (known, self.running) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (container, _) in &running.containers {
            if container.service == subject.service {
                let docker = &running.place.docker;
                found.extend(generated::in_container(docker, &subject.profile, container).await);
            }
        }
        for own in &found {
            if let ValueInUse::Unknown(why) = &own.value {
                looked
                    .not
                    .push(format!("whether {} was generated: {why}", own.key));
            }
        }
        found
    }

    /// What the application's database has of the keys that the files set.
    async fn stored(
        &self,
        env: &[EnvText],
        looked: &mut Coverage,
    ) -> BTreeMap<String, StoredValue> {
        let (Some(subject), Some(running)) = (self.subject, self.running) else {
            return BTreeMap::new();
        };
        let service = self.resolved.model.services.get(&subject.service);
        let given = service
            .into_iter()
            .flat_map(|service| service.environment.keys());
        let lines = env
            .iter()
            .flat_map(|file| &file.lines)
            .map(|line| &line.key);
        let keys: BTreeSet<&str> = given.chain(lines).map(String::as_str).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let own = running.containers.iter().map(|(container, _)| container);
        let own: Vec<&Container> = own.filter(|one| one.service == subject.service).collect();
        let found = stored::of(&running.place.docker, &subject.profile, &own, &keys).await;
        let unknown = found.iter().filter_map(|(key, value)| match value {
            StoredValue::Unknown(why) => Some((key, why)),
            StoredValue::Is(_) | StoredValue::Absent => None,
        });
        let unknown =
            unknown.map(|(key, why)| format!("whether a stored value overrides {key}: {why}"));
        looked.not.extend(unknown);
        found
    }

    /// Whether files of this machine are the engine's.
    pub(super) fn is_local(&self) -> bool {
        self.running
            .is_none_or(|running| running.place.docker.endpoint.is_local())
    }

    fn seen(&self, running: &Deployment, env: &[EnvText]) -> Vec<SeenContainer> {
        let redactor = self.redactor(env);
        let one = |(container, inspected): &(Container, Option<Inspected>)| {
            let inspected = inspected.as_ref()?;
            let output = inspected.health_output.as_deref();
            Some(SeenContainer {
                service: container.service.clone(),
                state: inspected.state,
                exit_code: inspected.exit_code,
                health: inspected.health,
                health_output: output.map(|text| redactor.redact(text)),
                error: redactor.redact(&inspected.error),
                oom_killed: inspected.oom_killed,
                restarts: inspected.restarts,
                crashing: container.crashing,
                on_purpose: container.stopped_on_purpose(),
            })
        };
        running.containers.iter().filter_map(one).collect()
    }
}
