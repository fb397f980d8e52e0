//! The containers' way back: exactly the touched services, by what is there now, not by what the run
//! was about to do.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Rollback, Undone};
use crate::complaint::{Code, Complaint};
use crate::engine::EngineError;
use crate::engine::compose::UpMode;
use crate::engine::container::Container;
use crate::engine::signals::Signals;
use crate::event::{Action, ServiceName, VerdictWord};
use crate::fault::fault;
use crate::health::limits::Past;
use crate::health::track::Target;
use crate::health::watch::Watch;
use crate::plan::Step;
use crate::run::checkpoint::SavedContainer;
use crate::run::converge;
use crate::run::failure::Failure;
use crate::run::kept;
use crate::stack::model::Model;
use crate::stack::{of_project, resolve};

/// So often a rollback looks at the containers anew.
const LOOKS: u32 = 5;

/// Why an attempt at the containers came to no end.
enum Trouble {
    /// They are not what they were a moment ago.
    Race(EngineError),
    Other(Complaint),
}

impl From<Complaint> for Trouble {
    fn from(complaint: Complaint) -> Self {
        Self::Other(complaint)
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        match error.is_race() {
            true => Self::Race(error),
            false => Self::Other(error.into()),
        }
    }
}

impl Rollback<'_> {
    /// Looks and acts, and looks again where the engine was still at something that a Compose which is
    /// dead by now had asked of it: a container that was seen may be gone when it is touched.
    pub(super) async fn containers(
        &self,
        began: Instant,
        undone: &mut Undone,
    ) -> Result<(), Complaint> {
        fault!("rollback.files");
        let mut tries = LOOKS;
        let mut targets = BTreeSet::new();
        loop {
            tries -= 1;
            let mut attempt = Undone::default();
            match self.attempt(began, &mut targets, &mut attempt).await {
                Err(Trouble::Race(_)) if tries > 0 => {}
                Err(Trouble::Race(error)) => {
                    undone.add(error.to_string(), self.by_hand());
                    break;
                }
                Err(Trouble::Other(complaint)) => return Err(complaint),
                Ok(()) => {
                    undone.problems.extend(attempt.problems);
                    undone.todo.extend(attempt.todo);
                    undone.down = attempt.down;
                    break;
                }
            }
        }
        self.leftovers().await
    }

    async fn attempt(
        &self,
        began: Instant,
        targets: &mut BTreeSet<ServiceName>,
        undone: &mut Undone,
    ) -> Result<(), Trouble> {
        let now = self.containers_now().await?;
        // What had to be brought back at the first look has to be at the next one too.
        targets.extend(self.targets(&now));
        if targets.is_empty() {
            super::names(&self.place.docker, self.checkpoint).await;
            return Ok(());
        }
        let now = self.without_strangers(now, targets).await?;
        let model = resolve(&self.place.compose, &self.place.located)
            .await?
            .model;
        let steps = self.steps(&model, &now, targets);
        self.images(&steps, undone).await;
        let mut watch = self.watch(&model, &now, &steps);
        watch.were_away(self.away);
        let until_now = began.elapsed();
        for wave in converge::waves(&model, &steps) {
            fault!("rollback.wave");
            if let Err(error) = watch.alongside(self.wave(&wave, &now)).await {
                if error.is_race() {
                    return Err(Trouble::Race(error));
                }
                // The others are brought back all the same: the best state that can be reached.
                let failure = Failure::of_engine(Code::RollbackFailed, error);
                undone.add(failure.text(), self.by_hand());
            }
        }
        super::names(&self.place.docker, self.checkpoint).await;
        fault!("rollback.converged");
        let asleep = self.put_to_sleep(targets).await?;
        self.verify(&steps, &asleep, &mut watch, undone).await;
        for service in targets.iter() {
            let before = self.away.contains(service).then_some(until_now);
            if let Some(down) = watch.down(service) {
                let down = down + before.unwrap_or_default();
                undone.down.insert(service.clone(), down);
            }
        }
        fault!("rollback.verified");
        Ok(())
    }

    async fn containers_now(&self) -> Result<Vec<Container>, EngineError> {
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
    ) -> Result<Vec<Container>, EngineError> {
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

    async fn all_there(&self, service: &ServiceName) -> Result<bool, EngineError> {
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
    ) -> Result<Vec<ServiceName>, EngineError> {
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
            let (repository, tag) = kept::split_tag(&image.name);
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

    async fn wave(&self, wave: &[&Step], now: &[Container]) -> Result<(), EngineError> {
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

    async fn stop(&self, service: &ServiceName) -> Result<(), EngineError> {
        let all = self.place.docker.compose_containers().await?;
        for container in of_project(&all, &self.checkpoint.project) {
            if container.service == *service && container.is_up() {
                self.place.docker.stop(&container.id).await?;
            }
        }
        Ok(())
    }

    fn watch(&self, model: &Model, now: &[Container], steps: &[Step]) -> Watch {
        let shots = self.place.one_shots(model);
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
