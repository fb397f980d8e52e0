//! What is known of a reload: the file is there, and whether the application took it is another question.

use jiff::Timestamp;

use super::transaction::Transaction;
use crate::apply::reload::{CHECK, ReloadCheck};
use crate::event::{Action, Kind, ProofResult, ServiceName};
use crate::failure::Failure;
use crate::health::cause;
use crate::health::watch::Watch;
use crate::plan::Step;
use crate::state::journal::Entry;

/// So many of the lines that it logged since are shown.
const LINES: u32 = 20;

impl Transaction<'_> {
    /// Tells of each service that was sent a signal what is known of it since.
    pub(super) async fn reloads(&self, watch: &Watch, since: Timestamp) -> Result<(), Failure> {
        let steps = self.assessment.plan.steps.iter();
        for step in steps.filter(|step| step.action == Action::Signal) {
            self.reload(step, watch, since).await?;
        }
        Ok(())
    }

    async fn reload(&self, step: &Step, watch: &Watch, since: Timestamp) -> Result<(), Failure> {
        let service = &step.service;
        let containers = watch.containers(service);
        let signal = step.signal.as_deref().unwrap_or("HUP");
        let reload = self.place.settings.service(service).reload;
        if let Some(command) = reload.and_then(|reload| reload.check) {
            let check = ReloadCheck {
                service,
                command: &command,
            };
            let docker = &self.place.docker;
            check.ask(docker, &containers, &self.emitter).await?;
            let what = format!("reloaded ({signal}); {command} accepts its files");
            return self.tell_reload(service, ProofResult::Proven, what);
        }
        let lines = self.logged(&containers, since).await;
        let error = cause::error(&lines).map(|error| format!("; it logged an error: {error}"));
        let error = error.unwrap_or_default();
        let what =
            format!("reloaded ({signal}); whether it accepted the files is not known{error}");
        self.tell_reload(service, ProofResult::NotProven, what)?;
        self.emitter.emit(Kind::Logs {
            service: service.clone(),
            lines: crate::text::folded(lines),
        });
        Ok(())
    }

    /// What it said since then, without secrets; of a log that cannot be read nothing.
    async fn logged(&self, containers: &[String], since: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        for id in containers {
            let log = self.place.docker.logs(id, since, LINES).await;
            lines.extend(log.unwrap_or_default());
        }
        let redactor = self.assessment.redactor();
        let lines = redactor.lines(&lines);
        lines.iter().map(|line| redactor.told(line)).collect()
    }

    fn tell_reload(
        &self,
        service: &ServiceName,
        result: ProofResult,
        what: String,
    ) -> Result<(), Failure> {
        self.emitter.emit(Kind::Proof {
            service: service.clone(),
            check: CHECK,
            result,
            what: what.clone(),
        });
        self.journal.add(Entry::Proof {
            service: service.clone(),
            check: CHECK.to_owned(),
            result,
            what,
        })?;
        Ok(())
    }
}
