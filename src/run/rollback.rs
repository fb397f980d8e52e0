//! Gives the stack back: files byte for byte, then exactly the touched services, then the proof that
//! the old state works again. Every step looks at what is there before it acts, so that a rollback
//! that was killed is simply done again.

use std::collections::BTreeSet;
use std::path::Path;

use super::checkpoint::{Checkpoint, SavedContainer};
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
use crate::stack::{Place, of_project, one_shots, resolve, shown};

/// What is to be undone.
pub struct Rollback<'a> {
    /// Engine and Compose.
    pub place: &'a Place,
    /// The state to go back to.
    pub checkpoint: &'a Checkpoint,
    /// The run's folder.
    pub folder: &'a Path,
    /// Services whose containers the run has touched, or was about to.
    pub touched: &'a BTreeSet<ServiceName>,
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
    /// Undoes the run as far as it can be undone.
    ///
    /// # Errors
    /// Only what makes it pointless to go on: the journal cannot be written.
    pub async fn run(&self, journal: &mut Journal) -> Result<Undone, Failure> {
        let mut undone = Undone::default();
        self.emitter.phase(Phase::Rollback);
        self.files(journal, &mut undone)?;
        fault!("rollback.files");
        if let Err(problem) = self.containers(&mut undone).await {
            let text = problem.details.first().cloned().unwrap_or_default();
            undone.add(format!("{} {text}", problem.text), self.by_hand());
        }
        fault!("rollback.containers");
        Ok(undone)
    }

    fn files(&self, journal: &mut Journal, undone: &mut Undone) -> Result<(), Failure> {
        match self.checkpoint.restore_files(self.folder) {
            Ok(restored) => {
                let files = restored.iter().map(|path| self.place.shown(path)).collect();
                self.emitter.emit(Kind::Restored { files });
                journal.add(Entry::FilesRestored)?;
            }
            Err(error) => {
                let from = self.folder.display();
                let files: Vec<String> = self
                    .checkpoint
                    .files
                    .iter()
                    .filter_map(|f| {
                        Some(format!(
                            "cp {from}/{} {}",
                            f.content.as_ref()?.0,
                            f.path.display()
                        ))
                    })
                    .collect();
                undone.add(format!("{error:#}"), files.join(" && "));
            }
        }
        Ok(())
    }

    fn by_hand(&self) -> String {
        let files = self
            .checkpoint
            .args
            .files
            .iter()
            .map(|f| format!("-f {}", f.display()));
        let files = files.collect::<Vec<_>>().join(" ");
        let services: Vec<&str> = self.touched.iter().map(ServiceName::as_str).collect();
        let project = &self.checkpoint.project;
        format!(
            "docker compose {files} -p {project} up -d --no-deps {}",
            services.join(" ")
        )
    }

    async fn containers(&self, undone: &mut Undone) -> Result<(), Complaint> {
        let now = of_project(
            &self.place.docker.compose_containers().await?,
            &self.checkpoint.project,
        );
        let targets = self.targets(&now);
        if targets.is_empty() {
            return self.leftovers().await;
        }
        let model = resolve(&self.place.compose, &self.place.located)
            .await?
            .model;
        let (steps, stop_again) = self.steps(&model, &now, &targets);
        self.images(&steps, undone).await;
        let mut watch = self.watch(&model, &now, &steps);
        for wave in super::converge::waves(&model, &steps) {
            let work = self.wave(&wave, &now);
            if let Err(error) = watch.alongside(work).await {
                // The others are brought back all the same: the best state that can be reached.
                let failure = Failure::of_engine("rollback_failed", error);
                undone.add(failure.text(), self.by_hand());
            }
        }
        for service in &stop_again {
            self.stop(service).await?;
        }
        self.verify(&steps, &stop_again, &mut watch, undone).await;
        self.leftovers().await
    }

    /// Services that are not as they were, or may not be.
    fn targets(&self, now: &[Container]) -> BTreeSet<ServiceName> {
        let mut targets = self.touched.clone();
        if self.revive {
            let fallen = self
                .checkpoint
                .containers
                .iter()
                .filter(|saved| saved.up && now.iter().any(|c| c.id == saved.id && !c.is_up()));
            targets.extend(fallen.map(|saved| saved.service.clone()));
        }
        targets
    }

    /// What is to be done to each, by what is there now; and who is to be stopped again after it.
    fn steps(
        &self,
        model: &Model,
        now: &[Container],
        targets: &BTreeSet<ServiceName>,
    ) -> (Vec<Step>, Vec<ServiceName>) {
        let mut steps = Vec::new();
        let mut stop_again = Vec::new();
        let mut order = model.in_dependency_order();
        order.extend(
            targets
                .iter()
                .filter(|t| !model.services.contains_key(t))
                .cloned(),
        );
        for service in order
            .into_iter()
            .filter(|service| targets.contains(service))
        {
            let was = self.checkpoint.of_service(&service);
            let is: Vec<&Container> = now.iter().filter(|c| c.service == service).collect();
            let action = action_back(&was, &is);
            if action != Action::None {
                if !was.is_empty() && !was.iter().any(|saved| saved.up) && action != Action::Restart
                {
                    stop_again.push(service.clone());
                }
                steps.push(Step {
                    service,
                    action,
                    reasons: Vec::new(),
                    signal: None,
                });
            }
        }
        (steps, stop_again)
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
            let (repository, tag) = split_tag(&image.name);
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

    /// Networks that the run made go; volumes stay, and are named.
    async fn leftovers(&self) -> Result<(), Complaint> {
        let project = &self.checkpoint.project;
        let docker = &self.place.docker;
        for network in docker.networks(project).await? {
            if !self.checkpoint.networks.contains(&network) {
                // One that is still used is the person's by now.
                let _ = docker.remove_network(&network).await;
            }
        }
        for volume in docker.volumes(project).await? {
            if !self.checkpoint.volumes.contains(&volume) {
                let text = format!("the volume {volume} was made by this run and is kept");
                self.emitter.note("volume_kept", text);
            }
        }
        Ok(())
    }
}

/// What brings a touched service back, by its containers then and now.
fn action_back(was: &[&SavedContainer], is: &[&Container]) -> Action {
    if was.is_empty() {
        return if is.is_empty() {
            Action::None
        } else {
            Action::Remove
        };
    }
    let same = was.len() == is.len() && was.iter().all(|w| is.iter().any(|i| i.id == w.id));
    match same {
        // Touched, and still the same container: it was restarted, or was about to be.
        true if was.iter().any(|saved| saved.up) => Action::Restart,
        true => Action::None,
        false => Action::Recreate,
    }
}

/// `name:tag` apart; a port in the registry's name is no tag.
fn split_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    }
}

/// The files of a checkpoint, as shown.
pub fn shown_files(place: &Place, checkpoint: &Checkpoint) -> Vec<String> {
    checkpoint
        .files
        .iter()
        .map(|f| shown(&place.located.args.directory, &f.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names() {
        assert_eq!(split_tag("nginx"), ("nginx", "latest"));
        assert_eq!(split_tag("host:5000/a/b"), ("host:5000/a/b", "latest"));
        assert_eq!(split_tag("host:5000/a/b:1"), ("host:5000/a/b", "1"));
    }
}
