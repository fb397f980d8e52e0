//! What a new version of the application wants to be run once: in a container of the new image, after the
//! old one is stopped and before the new one is made.

use std::time::Instant;

use super::transaction::Transaction;
use crate::complaint::Code;
use crate::docker::compose::OneOffRun;
use crate::event::{NoteCode, ServiceName};
use crate::failure::Failure;
use crate::fault::fault;
use crate::health::cause;
use crate::health::watch::Watch;
use crate::plan::crossing::Crossing;
use crate::profile::UpgradeStep;
use crate::state;
use crate::state::journal::Entry;

/// So many of the last lines are shown where it fails.
const SHOWN: usize = 20;

impl Transaction<'_> {
    /// Runs it for each step that is passed, in order. Whoever goes back, or back again, runs nothing.
    pub(super) async fn run_once(&self, watch: &mut Watch) -> Result<(), Failure> {
        let steps = self.crossing().map(Crossing::up).unwrap_or_default();
        let steps: Vec<&UpgradeStep> = steps
            .iter()
            .map(|passed| &passed.step)
            .filter(|step| step.once.is_some())
            .collect();
        let Some(crossing) = self.crossing().filter(|_| !steps.is_empty()) else {
            return Ok(());
        };
        if self.assessment.undoing().is_some() {
            return Ok(());
        }
        let service = &crossing.service;
        self.journal.add(Entry::Touching {
            services: vec![service.clone()],
        })?;
        for container in &self.assessment.containers {
            if container.service == *service && container.is_up() {
                self.place.docker.stop(&container.id).await?;
            }
        }
        for (index, step) in steps.into_iter().enumerate() {
            self.run_one(watch, service, step, index).await?;
        }
        Ok(())
    }

    async fn run_one(
        &self,
        watch: &mut Watch,
        service: &ServiceName,
        step: &UpgradeStep,
        index: usize,
    ) -> Result<(), Failure> {
        let Some(once) = &step.once else {
            return Ok(());
        };
        let command = once.command.join(" ");
        let container = format!("{}-once-{}-{index}", self.assessment.after.name, self.run);
        self.journal.add(Entry::RunningOnce {
            service: service.clone(),
            container: container.clone(),
            command: command.clone(),
        })?;
        fault!("once.before");
        let run = OneOffRun {
            service,
            name: &container,
            folder: once.folder.as_deref(),
            command: &once.command,
        };
        // The image has come: with `pull_policy: always` Compose would fetch another one.
        let own = serde_json::json!({"services": {service.as_str(): {"pull_policy": "never"}}});
        let more = self.folder.join("once.compose.json");
        state::write_file(&more, own.to_string().as_bytes())?;
        let mut args = self.assessment.args.clone();
        args.files.push(more);
        let began = Instant::now();
        let work = self.place.compose.run_in_new(&args, &run);
        let ended = watch.during(work, self.signals).await;
        let (code, lines) = ended.map_err(Failure::of_stopped)??;
        fault!("once.after");
        let lines = self.assessment.redactor().lines(&lines);
        let log = self.folder.join(format!("once-{}.log", step.to));
        state::write_file(&log, lines.join("\n").as_bytes())?;
        if code == Some(0) {
            let took = began.elapsed().as_secs_f64();
            let text = format!(
                "{service} was stopped, and {command} ended with 0 after {took:.1} s: it {}",
                once.about
            );
            self.emitter.note(NoteCode::RanOnce, text);
            self.journal.add(Entry::RanOnce {
                service: service.clone(),
                command,
            })?;
            return Ok(());
        }
        let how = code.map_or("was killed".to_owned(), |code| format!("ended with {code}"));
        let why = cause::cause(&lines).map(|why| format!(": {why}"));
        let from = lines.len().saturating_sub(SHOWN);
        Err(Failure {
            details: lines.get(from..).unwrap_or_default().to_vec(),
            ..Failure::new(
                Code::OnceFailed,
                format!("{command} {how}{}", why.unwrap_or_default()),
            )
        })
    }
}
