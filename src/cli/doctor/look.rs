//! Gathers what the rules of `doctor` judge: files, containers, pages. Decides nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Application, Looked, Report, complained, files};
use crate::cli::Global;
use crate::complaint::Complaint;
use crate::doctor::address::Address;
use crate::doctor::{self, Code, EnvText, Finding, Patient, Seen};
use crate::engine::compose::Compose;
use crate::engine::container::{Container, Inspected};
use crate::run::recover;
use crate::run::state::StateHome;
use crate::stack::application::{self, Subject};
use crate::stack::drift::{self, Drift};
use crate::stack::locate::{self, Located};
use crate::stack::settings::Settings;
use crate::stack::{Place, Resolved, resolve};

/// The engine's side of a stack.
pub(super) struct Running {
    pub(super) place: Place,
    pub(super) containers: Vec<(Container, Option<Inspected>)>,
    drifts: Vec<Drift>,
}

/// Looks at the stack that is meant.
pub(super) async fn at(global: &Global, url: Option<Address>) -> Result<Report, Complaint> {
    let mut looked = Looked::default();
    let mut findings = Vec::new();
    let docker = match global.connect().await {
        Ok(docker) => Some(docker),
        Err(complaint) => {
            looked.not.push(format!("services: {}", complaint.text));
            None
        }
    };
    let containers = match &docker {
        Some(docker) => docker.compose_containers().await?,
        None => Vec::new(),
    };
    let located = locate::locate(&global.locate_request(), &containers)?;
    let compose = Compose::find(docker.as_ref().map(|docker| &docker.endpoint))?;
    let home = StateHome::find()?;
    compose.require_version(&home.compose_stamp()).await?;
    let directory = located.args.directory.clone();
    let settings = Settings::load(&directory, &located.args.files).unwrap_or_else(|complaint| {
        findings.push(complained(Code::SettingsUnusable, complaint));
        Settings::default()
    });
    let state = home.of_stack(&directory);
    for run in recover::open_runs(&state) {
        let text = recover::sentence(&state, run);
        findings.push(Finding::new(Code::UnfinishedRun, text).hint(format!("refit show {run}")));
    }
    let resolved = match resolve(&compose, &located).await {
        Ok(resolved) => resolved,
        Err(error) => {
            let complaint = Complaint {
                text: "Compose cannot read this stack".to_owned(),
                ..Complaint::from(error)
            };
            let finding = complained(Code::StackUnreadable, complaint);
            findings.push(finding.hint("docker compose config --quiet says more"));
            looked
                .not
                .push("all else: Compose cannot read the stack".to_owned());
            return Ok(Report {
                project: located.args.name.clone().unwrap_or_default(),
                directory,
                application: None,
                findings,
                looked,
            });
        }
    };
    let subject = application::of(&directory, &resolved.model, None).ok();
    let env = files::env_texts(&located, &resolved, subject.as_ref());
    let place = docker.map(|docker| Place {
        docker,
        compose,
        located: located.clone(),
        settings,
        scratch: PathBuf::new(),
        containers,
    });
    let running = match place {
        Some(place) => Some(running(place, &home, &resolved, &mut looked).await?),
        None => None,
    };
    let looking = Looking {
        located: &located,
        resolved: &resolved,
        subject: subject.as_ref(),
        running: running.as_ref(),
    };
    let found = looking.examine(&env, url, &mut looked).await;
    findings.extend(found);
    Ok(Report {
        project: resolved.model.name.clone(),
        directory,
        application: subject.as_ref().and_then(of_subject),
        findings,
        looked,
    })
}

fn of_subject(subject: &Subject) -> Option<Application> {
    subject.profile.is_known.then(|| Application {
        title: subject.profile.title.clone(),
        service: subject.service.to_string(),
        version: subject.version.clone(),
        because: subject.because.clone(),
    })
}

async fn running(
    mut place: Place,
    home: &StateHome,
    resolved: &Resolved,
    looked: &mut Looked,
) -> Result<Running, Complaint> {
    place.scratch = home.scratch()?;
    let own = place.of_project(&resolved.model.name);
    let drifts = drift::find(&place, resolved, &own).await;
    let drifts = drifts.unwrap_or_else(|error| {
        let why = Complaint::from(error).text;
        looked
            .not
            .push(format!("what differs from the files: {why}"));
        Vec::new()
    });
    let mut containers = Vec::new();
    for container in own {
        let inspected = place.docker.inspect(&container.id).await?;
        containers.push((container, inspected));
    }
    Ok(Running {
        place,
        containers,
        drifts,
    })
}

/// All that one look at a stack needs.
pub(super) struct Looking<'a> {
    pub(super) located: &'a Located,
    pub(super) resolved: &'a Resolved,
    pub(super) subject: Option<&'a Subject>,
    pub(super) running: Option<&'a Running>,
}

impl Looking<'_> {
    async fn examine(
        &self,
        env: &[EnvText],
        url: Option<Address>,
        looked: &mut Looked,
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
        doctor::examine(&Patient {
            resolved: self.resolved,
            profiles: &self.located.args.profiles,
            subject: self.subject,
            env,
            mounts: &mounts,
            config_files: &config_files,
            one_shots: &one_shots,
            containers: containers.as_deref(),
            drifts: self.running.map_or(&[], |running| &running.drifts),
            health: health.as_ref(),
            visit: visit.as_ref(),
        })
    }

    /// Whether files of this machine are the engine's.
    pub(super) fn is_local(&self) -> bool {
        self.running
            .is_none_or(|running| running.place.docker.endpoint.is_local())
    }

    fn seen(&self, running: &Running, env: &[EnvText]) -> Vec<Seen> {
        let redactor = self.redactor(env);
        let one = |(container, inspected): &(Container, Option<Inspected>)| {
            let inspected = inspected.as_ref()?;
            let output = inspected.health_output.as_deref();
            Some(Seen {
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
