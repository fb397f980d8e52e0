//! Gives the stack back: files byte for byte, then exactly the touched services, then the proof that
//! the old state works again. Every step looks at what is there before it acts, so that a rollback
//! that was killed is simply done again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::checkpoint::{self, Checkpoint, SavedContainer, SavedFile};
use super::failure::Failure;
use super::journal::{Entry, Journal};
use crate::complaint::Complaint;
use crate::engine::compose::UpMode;
use crate::engine::container::Container;
use crate::engine::signals::Signals;
use crate::event::{Action, Emitter, Kind, Phase, ServiceName, VerdictWord};
use crate::fault::fault;
use crate::health::limits::{Limits, Past};
use crate::health::track::Target;
use crate::health::watch::Watch;
use crate::plan::Step;
use crate::stack::model::Model;
use crate::stack::{Place, of_project, one_shots, resolve};

/// What is to be undone.
pub struct Rollback<'a> {
    /// Engine and Compose.
    pub place: &'a Place,
    /// The state to go back to.
    pub checkpoint: &'a Checkpoint,
    /// The run's folder.
    pub folder: &'a Path,
    /// Services whose containers the run has touched, or was about to.
    pub touched: &'a BTreeMap<ServiceName, Action>,
    /// Start what ran before and does not now, touched or not: the engine itself may have died (F31).
    pub revive: bool,
    /// What bounds the watch.
    pub limits: Limits,
    /// Where it is told.
    pub emitter: &'a Emitter,
}

/// What a rollback could not do, and what a person has to do about it.
#[derive(Debug, Default)]
pub struct Undone {
    /// Why it is not as it was; empty: it is.
    pub problems: Vec<String>,
    /// What to type.
    pub todo: Vec<String>,
}

impl Undone {
    /// Whether everything is as it was.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, problem: impl Into<String>, todo: impl Into<String>) {
        self.problems.push(problem.into());
        self.todo.push(todo.into());
    }
}

impl Rollback<'_> {
    /// Undoes the run as far as it can be undone; what cannot be is said in the result.
    pub async fn run(&self, journal: &Journal) -> Undone {
        let mut undone = Undone::default();
        self.emitter.phase(Phase::Rollback);
        self.files(journal, &mut undone);
        if let Err(problem) = self.containers(&mut undone).await {
            let text = problem.details.first().cloned().unwrap_or_default();
            undone.add(format!("{} {text}", problem.text).trim(), self.by_hand());
        }
        undone
    }

    fn files(&self, journal: &Journal, undone: &mut Undone) {
        match self.checkpoint.restore_files(self.folder) {
            Ok(restored) => {
                let files = restored.iter().map(|path| self.place.shown(path)).collect();
                self.emitter.emit(Kind::Restored { files });
                let _ = journal.add(Entry::FilesRestored);
            }
            Err(error) => {
                let from = self.folder.display();
                let copy = |file: &SavedFile| {
                    let (name, _) = file.content.as_ref()?;
                    Some(format!("cp {from}/{name} {}", file.path.display()))
                };
                let copies: Vec<String> = self.checkpoint.files.iter().filter_map(copy).collect();
                undone.add(format!("{error:#}"), copies.join(" && "));
            }
        }
    }

    fn by_hand(&self) -> String {
        let files = self
            .checkpoint
            .args
            .files
            .iter()
            .map(|f| format!("-f {}", f.display()));
        let files = files.collect::<Vec<_>>().join(" ");
        let services: Vec<&str> = self.touched.keys().map(ServiceName::as_str).collect();
        let project = &self.checkpoint.project;
        format!(
            "docker compose {files} -p {project} up -d --no-deps {}",
            services.join(" ")
        )
    }

    async fn containers(&self, undone: &mut Undone) -> Result<(), Complaint> {
        fault!("rollback.files");
        let now = self.containers_now().await?;
        let targets = self.targets(&now);
        if targets.is_empty() {
            return self.leftovers().await;
        }
        let now = self.without_strangers(now, &targets).await?;
        let model = resolve(&self.place.compose, &self.place.located)
            .await?
            .model;
        let steps = self.steps(&model, &now, &targets);
        self.images(&steps, undone).await;
        let mut watch = self.watch(&model, &now, &steps);
        for wave in super::converge::waves(&model, &steps) {
            fault!("rollback.wave");
            if let Err(error) = watch.alongside(self.wave(&wave, &now)).await {
                // The others are brought back all the same: the best state that can be reached.
                let failure = Failure::of_engine("rollback_failed", error);
                undone.add(failure.text(), self.by_hand());
            }
        }
        self.names(&steps).await;
        fault!("rollback.converged");
        let asleep = self.put_to_sleep(&targets).await?;
        self.verify(&steps, &asleep, &mut watch, undone).await;
        fault!("rollback.verified");
        self.leftovers().await
    }

    async fn containers_now(&self) -> Result<Vec<Container>, Complaint> {
        let all = self.place.docker.compose_containers().await?;
        Ok(of_project(&all, &self.checkpoint.project))
    }

    /// Services that are not as they were, or may not be.
    fn targets(&self, now: &[Container]) -> BTreeSet<ServiceName> {
        let mut targets: BTreeSet<ServiceName> = self.touched.keys().cloned().collect();
        if self.revive {
            let fallen = |saved: &&SavedContainer| {
                saved.up && !now.iter().any(|c| c.id == saved.id && c.is_up())
            };
            let fallen = self.checkpoint.containers.iter().filter(fallen);
            targets.extend(fallen.map(|saved| saved.service.clone()));
        }
        targets
    }

    /// Removes new containers beside old ones that are all still there: Compose was cut off before
    /// it stopped the old ones.
    async fn without_strangers(
        &self,
        now: Vec<Container>,
        targets: &BTreeSet<ServiceName>,
    ) -> Result<Vec<Container>, Complaint> {
        let mut kept = Vec::new();
        for container in now {
            let was = self.checkpoint.of_service(&container.service);
            let known = was.iter().any(|saved| saved.id == container.id);
            let whole = !was.is_empty() && !known && self.all_there(&container.service).await?;
            if targets.contains(&container.service) && whole {
                self.place.docker.stop(&container.id).await?;
                self.place.docker.remove(&container.id).await?;
            } else {
                kept.push(container);
            }
        }
        Ok(kept)
    }

    async fn all_there(&self, service: &ServiceName) -> Result<bool, Complaint> {
        for saved in self.checkpoint.of_service(service) {
            if self.place.docker.inspect(&saved.id).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is to be done to each, by what is there now.
    fn steps(
        &self,
        model: &Model,
        now: &[Container],
        targets: &BTreeSet<ServiceName>,
    ) -> Vec<Step> {
        let mut order = model.in_dependency_order();
        // Services that only the failed change defined go first.
        let strangers = targets
            .iter()
            .filter(|name| !model.services.contains_key(name));
        order.splice(0..0, strangers.cloned().collect::<Vec<_>>());
        order
            .into_iter()
            .filter(|service| targets.contains(service))
            .filter_map(|service| {
                let was = self.checkpoint.of_service(&service);
                let is: Vec<&Container> = now.iter().filter(|c| c.service == service).collect();
                let action = action_back(&was, &is)?;
                Some(Step {
                    service,
                    action,
                    reasons: Vec::new(),
                    signal: None,
                })
            })
            .collect()
    }

    /// Stops what was stopped before, and names it.
    async fn put_to_sleep(
        &self,
        targets: &BTreeSet<ServiceName>,
    ) -> Result<Vec<ServiceName>, Complaint> {
        let slept = |service: &&ServiceName| {
            let was = self.checkpoint.of_service(service);
            !was.is_empty() && !was.iter().any(|saved| saved.up)
        };
        let asleep: Vec<ServiceName> = targets.iter().filter(slept).cloned().collect();
        for service in &asleep {
            self.stop(service).await?;
        }
        Ok(asleep)
    }

    /// F32: the old image gets its name back before Compose looks for it.
    async fn images(&self, steps: &[Step], undone: &mut Undone) {
        for image in &self.checkpoint.images {
            if !steps.iter().any(|step| step.service == image.service) {
                continue;
            }
            let docker = &self.place.docker;
            let present = docker.image_id(&image.name).await.ok().flatten();
            if present.as_ref() == Some(&image.id) || image.name.starts_with("sha256:") {
                continue;
            }
            let (repository, tag) = checkpoint::split_tag(&image.name);
            if let Err(error) = docker.tag(&image.id, repository, tag).await {
                let name = &image.name;
                undone.add(
                    format!("the old image of {} is gone: {error}", image.service),
                    format!(
                        "docker pull {name}, or build it again: docker compose build {}",
                        image.service
                    ),
                );
            }
        }
    }

    /// A name that meant another image than the one that ran means it again.
    async fn names(&self, steps: &[Step]) {
        for image in &self.checkpoint.images {
            let Some(meant) = image.meant.as_ref().filter(|meant| **meant != image.id) else {
                continue;
            };
            if steps.iter().any(|step| step.service == image.service) {
                let (repository, tag) = checkpoint::split_tag(&image.name);
                // An image that is gone by now has no name to give back.
                let _ = self.place.docker.tag(meant, repository, tag).await;
            }
        }
    }

    async fn wave(
        &self,
        wave: &[&Step],
        now: &[Container],
    ) -> Result<(), crate::engine::EngineError> {
        let docker = &self.place.docker;
        let of = |action: Action| wave.iter().filter(move |step| step.action == action);
        for step in of(Action::Remove) {
            for container in now.iter().filter(|c| c.service == step.service) {
                docker.stop(&container.id).await?;
                docker.remove(&container.id).await?;
            }
        }
        let restarts = of(Action::Restart).flat_map(|step| {
            now.iter()
                .filter(|c| c.service == step.service)
                .map(|c| docker.restart(&c.id))
        });
        futures_util::future::try_join_all(restarts).await?;
        let anew: Vec<ServiceName> = of(Action::Recreate).map(|s| s.service.clone()).collect();
        if anew.is_empty() {
            return Ok(());
        }
        let args = &self.place.located.args;
        self.place
            .compose
            .up(args, &anew, UpMode::ForceRecreate, |_| ())
            .await
    }

    async fn stop(&self, service: &ServiceName) -> Result<(), Complaint> {
        let all = self.place.docker.compose_containers().await?;
        for container in of_project(&all, &self.checkpoint.project) {
            if container.service == *service && container.is_up() {
                self.place.docker.stop(&container.id).await?;
            }
        }
        Ok(())
    }

    fn watch(&self, model: &Model, now: &[Container], steps: &[Step]) -> Watch {
        let shots = one_shots(model, &self.place.settings);
        let targets = steps
            .iter()
            .filter(|step| step.action != Action::Remove)
            .map(|step| {
                let was = self.checkpoint.of_service(&step.service);
                Target {
                    service: step.service.clone(),
                    action: step.action,
                    past: Past {
                        was_up: was.iter().any(|saved| saved.up),
                        one_shot: shots.contains(&step.service),
                    },
                    was_failing: was.iter().any(|saved| saved.failing),
                    old: now
                        .iter()
                        .filter(|container| container.service == step.service)
                        .map(|container| (container.id.clone(), container.is_up()))
                        .collect(),
                    replicas: was.len().max(1),
                    settings: self.place.settings.service(&step.service),
                }
            })
            .collect();
        let project = &self.checkpoint.project;
        Watch::begin(
            &self.place.docker,
            project,
            targets,
            self.limits,
            self.emitter.clone(),
        )
    }

    /// The old state must prove itself like a new one; a signal does not cut this short.
    async fn verify(
        &self,
        steps: &[Step],
        stopped: &[ServiceName],
        watch: &mut Watch,
        undone: &mut Undone,
    ) {
        let awaited: Vec<ServiceName> = steps
            .iter()
            .filter(|step| step.action != Action::Remove && !stopped.contains(&step.service))
            .map(|step| step.service.clone())
            .collect();
        if !undone.is_whole() {
            return;
        }
        let _ = watch.settle(&awaited, &Signals::none()).await;
        for (service, verdict) in watch.verdicts() {
            if verdict.word == VerdictWord::Failed {
                let reason = verdict.reason.unwrap_or_default();
                undone.add(
                    format!("{service} {reason}, with the old files as well"),
                    format!("docker compose logs {service}"),
                );
            }
        }
    }

    async fn leftovers(&self) -> Result<(), Complaint> {
        let Checkpoint {
            project,
            networks,
            volumes,
            ..
        } = self.checkpoint;
        leftovers(self.place, project, networks, volumes, self.emitter).await
    }
}

/// Networks that were not there before go; volumes stay, and are named.
///
/// # Errors
/// The engine's.
pub async fn leftovers(
    place: &Place,
    project: &str,
    networks: &[String],
    volumes: &[String],
    emitter: &Emitter,
) -> Result<(), Complaint> {
    let docker = &place.docker;
    for network in docker.networks(project).await? {
        if !networks.contains(&network) {
            // One that is still used is the person's by now.
            let _ = docker.remove_network(&network).await;
        }
    }
    for volume in docker.volumes(project).await? {
        if !volumes.contains(&volume) {
            let text = format!("the volume {volume} was made by this run and is kept");
            emitter.note("volume_kept", text);
        }
    }
    Ok(())
}

/// What brings a touched service back, by its containers then and now.
fn action_back(was: &[&SavedContainer], is: &[&Container]) -> Option<Action> {
    if was.is_empty() {
        return (!is.is_empty()).then_some(Action::Remove);
    }
    let same = was.len() == is.len() && was.iter().all(|w| is.iter().any(|i| i.id == w.id));
    match same {
        // Still the same container: it was restarted, or is being stopped right now by a call that
        // outlived its caller; a restart comes after either.
        true => was.iter().any(|saved| saved.up).then_some(Action::Restart),
        false => Some(Action::Recreate),
    }
}
