//! Gathers what the rules of `doctor` judge: files, containers, pages. Decides nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::{Application, Looked, Report, complained};
use crate::cli::Global;
use crate::complaint::Complaint;
use crate::doctor::address::Address;
use crate::doctor::{
    self, Answered, Code, EnvText, Finding, Lies, Line, Mount, Patient, Reach, Seen, Visit,
};
use crate::edit::dotenv::Dotenv;
use crate::engine::compose::Compose;
use crate::engine::container::{Container, Health, Inspected};
use crate::engine::{files, http};
use crate::event::Route;
use crate::profile::Page;
use crate::run::edits::format_of;
use crate::run::recover;
use crate::run::state::StateHome;
use crate::secret::{Redactor, Secret};
use crate::stack::application::{self, Subject};
use crate::stack::drift::{self, Drift};
use crate::stack::locate::{self, Located};
use crate::stack::settings::Settings;
use crate::stack::{Place, Resolved, address, resolve, routes, shown};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An application that was started less than so many seconds ago may not answer yet.
const YOUNG: i64 = 60;

/// The engine's side of a stack.
struct Running {
    place: Place,
    containers: Vec<(Container, Option<Inspected>)>,
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
            let complaint = Complaint::from(error);
            let finding = complained(Code::StackUnreadable, complaint);
            findings.push(finding);
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
    let env = env_texts(&located, &resolved, subject.as_ref());
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

/// Every env file of the stack, of its services, and those that the application mounts.
fn env_texts(located: &Located, resolved: &Resolved, subject: Option<&Subject>) -> Vec<EnvText> {
    let own = located.env_files();
    let mut paths = own.clone();
    for service in resolved.source.services.values() {
        paths.extend(service.env_files.iter().map(|entry| entry.path.clone()));
    }
    let application = subject.and_then(|subject| resolved.model.services.get(&subject.service));
    let binds = application.into_iter().flat_map(|service| &service.binds);
    let is_env = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && (name.starts_with(".env") || name.ends_with(".env"))
    };
    paths.extend(
        binds
            .map(|bind| bind.source.clone())
            .filter(|path| is_env(path)),
    );
    let mut seen = BTreeSet::new();
    paths.retain(|path| seen.insert(files::follow(path)));
    let first = located.first_env_file();
    let text = |path: &PathBuf| {
        let bytes = files::read_if_exists(path).ok()??;
        let tree = Dotenv::parse(&bytes, format_of(path, located)).ok()?;
        let reaches = routes::of_file(&resolved.model, &resolved.source, path);
        let reaches = reaches
            .into_iter()
            .filter(|reach| matches!(reach.route, Route::EnvFile | Route::Bind))
            .map(|reach| Reach {
                service: reach.service,
                route: reach.route,
            });
        Some(EnvText {
            name: shown(&located.args.directory, path),
            is_first: *path == first,
            fills_in: own.contains(path),
            lines: lines(&tree),
            reaches: reaches.collect(),
        })
    };
    paths.iter().filter_map(text).collect()
}

fn lines(tree: &Dotenv) -> Vec<Line> {
    let read = tree.read(&|name| std::env::var(name).ok());
    let lines = read.unwrap_or_default().into_iter();
    lines
        .filter_map(|(key, value)| {
            let line = tree.line_of(&key.parse().ok()?)?;
            Some(Line {
                key,
                line,
                value: Secret::new(value?),
            })
        })
        .collect()
}

/// All that one look at a stack needs.
struct Looking<'a> {
    located: &'a Located,
    resolved: &'a Resolved,
    subject: Option<&'a Subject>,
    running: Option<&'a Running>,
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

    fn is_local(&self) -> bool {
        self.running
            .is_none_or(|running| running.place.docker.endpoint.is_local())
    }

    fn mounts(&self, looked: &mut Looked) -> Vec<Mount> {
        if !self.is_local() {
            looked
                .not
                .push("mounted files: the engine is on another machine".to_owned());
            return Vec::new();
        }
        let directory = &self.located.args.directory;
        let own = self.subject.map(|subject| &subject.profile.config_files);
        let mut found = Vec::new();
        for (name, service) in &self.resolved.model.services {
            for bind in &service.binds {
                let source = shown(directory, &bind.source);
                found.push(Mount {
                    service: name.clone(),
                    is_file: bind.looks_like_file(),
                    is_config: own.is_some_and(|own| own.contains_key(&source)),
                    source,
                    creates_source: bind.creates_source,
                    lies: lies(&bind.source),
                });
            }
        }
        found
    }

    /// The application's own files beside the compose file, with whether somebody gets them.
    fn config_files(&self) -> Vec<(String, bool)> {
        let own = self.subject.map(|subject| &subject.profile.config_files);
        let names = own.into_iter().flat_map(|own| own.keys());
        names
            .filter_map(|name| {
                let path = self.located.args.directory.join(name);
                let reached = routes::of_file(&self.resolved.model, &self.resolved.source, &path);
                path.is_file().then(|| (name.clone(), !reached.is_empty()))
            })
            .collect()
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

    /// What other programs print may hold what they were given.
    fn redactor(&self, env: &[EnvText]) -> Redactor {
        let mut redactor = Redactor::default();
        for line in env.iter().flat_map(|file| &file.lines) {
            redactor.learn(&line.key, line.value.expose());
        }
        for service in self.resolved.model.services.values() {
            for (key, value) in &service.environment {
                redactor.learn(key, value.as_deref().unwrap_or_default());
            }
        }
        redactor
    }

    /// The application's page of health; nothing where there is none to be asked.
    async fn health(&self) -> Result<Option<Answered>, String> {
        let Some((subject, page)) = self.subject.and_then(|subject| {
            let page = subject.profile.health.as_ref()?;
            Some((subject, page))
        }) else {
            return Ok(None);
        };
        let running = self.running.ok_or("no engine answers")?;
        if !self.is_local() {
            return Err("the engine is on another machine".to_owned());
        }
        let own = running
            .containers
            .iter()
            .find(|(container, _)| container.service == subject.service && container.is_up());
        let (_, inspected) = own.ok_or_else(|| format!("{} does not run", subject.service))?;
        let service = self.resolved.model.services.get(&subject.service);
        let base = service
            .and_then(|service| address::on_this_host(service, subject.profile.port))
            .ok_or("its port is not published on this machine")?;
        let answered = ask(&base, page).await;
        let is_young = inspected.as_ref().is_some_and(|inspected| {
            let age = |at: Timestamp| Timestamp::now().as_second() - at.as_second();
            inspected.health == Health::Starting
                || inspected.started_at.is_some_and(|at| age(at) < YOUNG)
        });
        match answered.reply {
            Err(_) if is_young => Err(format!("{} is still starting", subject.service)),
            _ => Ok(Some(answered)),
        }
    }

    async fn visit(&self, address: Address) -> Visit {
        let page = Page {
            path: match address.rest.split('#').next() {
                Some("") | None => "/".to_owned(),
                Some(rest) => rest.to_owned(),
            },
            post: false,
            status: 200,
            body: None,
        };
        let origin = address.origin();
        let known = self
            .subject
            .and_then(|subject| subject.profile.health.as_ref());
        let health = match known {
            Some(known) => Some(ask(&origin, known).await),
            None => None,
        };
        Visit {
            page: ask(&origin, &page).await,
            health,
            address,
        }
    }
}

/// Asks once, follows nothing.
async fn ask(base: &str, page: &Page) -> Answered {
    let url = format!("{base}{}", page.path);
    let asked = http::Ask {
        url: url.clone(),
        ..http::Ask::default()
    };
    Answered {
        reply: http::ask(asked, PATIENCE).await,
        url,
    }
}

fn lies(path: &Path) -> Lies {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let entry = std::fs::read_dir(path).map(|mut entries| entries.next().is_some());
            match entry {
                Ok(false) => Lies::EmptyFolder,
                _ => Lies::Folder,
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Lies::Nothing,
        // What cannot be looked at is not said to be missing.
        _ => Lies::Something,
    }
}
