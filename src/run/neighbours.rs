//! Services that the change does not touch, at its end: nobody is told that all is well while one of them
//! is down that ran before.

use std::collections::BTreeSet;

use crate::complaint::Code;
use crate::docker::container::Container;
use crate::event::{Kind, NoteCode, ServiceName, Times, VerdictWord};
use crate::failure::Failure;
use crate::health::others::UnexpectedEnd;
use crate::health::watch::Watch;
use crate::run::transaction::Transaction;

impl Transaction<'_> {
    /// Starts again what ended with the engine: that it was restarted is no failure of the change. What
    /// ended by itself with an error may have missed what was changed.
    ///
    /// # Errors
    /// One that does not run any more, and was not stopped by somebody.
    pub(crate) async fn neighbours(&self, watch: &Watch) -> Result<(), Failure> {
        let done = self.start_again(watch).await;
        if let Err(failure) = &done
            && let Some(service) = &failure.service
        {
            self.emitter.emit(Kind::Verdict {
                service: service.clone(),
                verdict: VerdictWord::Failed,
                reason: Some(failure.reason.clone()),
                ports: Vec::new(),
                times: Times {
                    after: watch.elapsed(),
                    ..Times::default()
                },
            });
        }
        done
    }

    async fn start_again(&self, watch: &Watch) -> Result<(), Failure> {
        if !watch.others().may_have_ended() {
            return Ok(());
        }
        let mut started = Vec::new();
        for container in self.fallen().await? {
            let service = &container.service;
            let text = match watch.others().end_of(&container.id) {
                UnexpectedEnd::WithTheEngine => {
                    let done = self.place.docker.start(&container.id).await;
                    done.map_err(|error| Failure {
                        service: Some(service.clone()),
                        ..Failure::of_engine(Code::StartFailed, error)
                    })?;
                    started.push(container.id);
                    format!(
                        "{service} was stopped by a restart of the engine, and was started again"
                    )
                }
                UnexpectedEnd::Stopped => {
                    format!("{service} was stopped meanwhile, not by this run")
                }
                UnexpectedEnd::Exited(0) => {
                    format!("{service} ended meanwhile with 0, untouched by this run")
                }
                UnexpectedEnd::Exited(_) if self.assessment.one_shots.contains(service) => continue,
                UnexpectedEnd::Exited(code) => {
                    let reason = format!(
                        "ended with {code} while the change was made, which does not touch it"
                    );
                    return Err(Failure {
                        service: Some(service.clone()),
                        ..Failure::new(Code::Unhealthy, reason)
                    });
                }
            };
            self.emitter.note(NoteCode::Neighbour, text);
        }
        if started.is_empty() {
            return Ok(());
        }
        let again = self.fallen().await?;
        match again.into_iter().find(|one| started.contains(&one.id)) {
            None => Ok(()),
            Some(fallen) => Err(Failure {
                service: Some(fallen.service),
                ..Failure::new(
                    Code::StartFailed,
                    "was stopped by a restart of the engine, and does not run again",
                )
            }),
        }
    }

    /// Containers that ran before the run, are not touched by it, and do not run now, in the order in
    /// which they are started.
    async fn fallen(&self) -> Result<Vec<Container>, Failure> {
        let (docker, model) = (&self.place.docker, &self.assessment.after);
        let steps = self.assessment.plan.steps.iter();
        let touched: BTreeSet<&ServiceName> = steps.map(|step| &step.service).collect();
        let were_up: BTreeSet<&String> = self
            .assessment
            .containers
            .iter()
            .filter(|was| was.is_up() && !touched.contains(&was.service))
            .map(|was| &was.id)
            .collect();
        let all = docker.compose_containers().await?;
        let now = crate::stack::of_project(&all, &model.name).into_iter();
        let mut fallen: Vec<Container> = now
            .filter(|is| were_up.contains(&is.id) && !is.is_up())
            .collect();
        let order = model.in_dependency_order();
        fallen.sort_by_key(|one| order.iter().position(|name| *name == one.service));
        Ok(fallen)
    }
}
