//! The transaction: one change, from the request to its record, or back to where it began. This page
//! is the story; each phase is a room of its own.

pub mod checkpoint;
pub mod checks;
pub mod converge;
pub mod edits;
pub mod failure;
pub mod journal;
pub mod lock;
pub mod prepare;
pub mod prove;
pub mod request;
pub mod rollback;
pub mod state;
pub mod survey;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use jiff::Timestamp;

use crate::complaint::Complaint;
use crate::engine::docker::Docker;
use crate::engine::files;
use crate::engine::signals::{Signal, Signals};
use crate::event::{
    Action, Emitter, Kind, Outcome, Phase, RunId, ServiceName, ServiceSummary, Shown, VerdictWord,
};
use crate::fault::fault;
use crate::health::effect;
use crate::health::watch::{Stopped, Watch};
use crate::secret::Redactor;
use crate::stack::Place;
use crate::stack::locate::LocateRequest;
use checkpoint::Checkpoint;
use converge::Convergence;
use failure::Failure;
use journal::{Entry, Journal};
use lock::Lock;
use request::{Request, Strategy};
use rollback::Rollback;
use state::StateHome;
use survey::Survey;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// In a word.
    pub outcome: Outcome,
    /// With `--dry-run`: there is something to do.
    pub something_to_do: bool,
    /// A signal asked for the end.
    pub signal: Option<Signal>,
    /// Another run holds the lock.
    pub locked: bool,
}

impl Ended {
    fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            something_to_do: false,
            signal: None,
            locked: false,
        }
    }
}

/// What every run stands on.
pub struct Runner {
    /// The engine.
    pub docker: Docker,
    /// Where runs are kept.
    pub home: StateHome,
    /// Where events go.
    pub emitter: Emitter,
    /// What may come between.
    pub signals: Signals,
}

/// A run that has its number.
struct Open<'a> {
    place: &'a Place,
    survey: &'a Survey,
    request: &'a Request,
    run: RunId,
    folder: PathBuf,
    emitter: Emitter,
    signals: &'a Signals,
    began: Instant,
}

impl Runner {
    /// Carries out a request, whatever becomes of it. Refusals and failures are told, not returned.
    pub async fn execute(&self, located: &LocateRequest, request: &Request) -> Ended {
        let began = Instant::now();
        match self.attempt(located, request, began).await {
            Ok(ended) => ended,
            Err(complaint) => {
                let locked = complaint.code == "locked";
                self.emitter.emit(Kind::Complaint(complaint));
                Ended {
                    locked,
                    ..Ended::of(Outcome::Refused)
                }
            }
        }
    }

    async fn attempt(
        &self,
        located: &LocateRequest,
        request: &Request,
        began: Instant,
    ) -> Result<Ended, Complaint> {
        let stamp = self.home.compose_stamp();
        let place = Place::find(self.docker.clone(), located, &stamp).await?;
        let _lock = match request.options.dry_run {
            true => None,
            false => {
                let folder = &place.located.args.directory;
                Some(Lock::take(folder, request.options.wait_lock).await?)
            }
        };
        let survey = survey::make(&place, request).await?;
        for note in place.located.notes.iter().chain(&survey.notes) {
            self.emitter.note("note", note);
        }
        self.tell_plan(&survey, request);
        if request.options.dry_run {
            return Ok(self.dry(&survey, request));
        }
        if survey.is_nothing() {
            let ended = Ended::of(Outcome::NothingToDo);
            self.finish(
                &self.emitter,
                &ended,
                began,
                Vec::new(),
                Some(survey.nothing_text()),
            );
            return Ok(ended);
        }
        let (run, folder) = self
            .home
            .of_stack(&place.located.args.directory, &survey.after.name)
            .next_run()?;
        let open = Open {
            place: &place,
            survey: &survey,
            request,
            run,
            folder,
            emitter: self.emitter.of_run(run),
            signals: &self.signals,
            began,
        };
        let (ended, services, next) = open.carry_out().await;
        self.finish(&open.emitter, &ended, began, services, next);
        Ok(ended)
    }

    fn tell_plan(&self, survey: &Survey, request: &Request) {
        for change in &survey.edited.changes {
            self.emitter.emit(Kind::Change {
                file: change.file.clone(),
                key: change.key.clone(),
                before: Shown::of(&change.name, change.before.as_deref()),
                after: Shown::of(&change.name, change.after.as_deref()),
            });
        }
        if request.options.no_apply {
            return;
        }
        let (steps, untouched) = (survey.plan.told(), survey.plan.untouched.clone());
        self.emitter.emit(Kind::Plan { steps, untouched });
        for (service, remark) in &survey.plan.remarks {
            self.emitter.note("remark", format!("{service} {remark}"));
        }
        for drift in &survey.differing {
            let text = format!(
                "{} {} (since before; refit apply)",
                drift.service, drift.reason.text
            );
            self.emitter.note("differs", text);
        }
    }

    fn dry(&self, survey: &Survey, request: &Request) -> Ended {
        let something_to_do = !survey.is_nothing();
        let next = if something_to_do {
            "Nothing was changed: this was a dry run".to_owned()
        } else {
            survey.nothing_text()
        };
        let ended = Ended {
            something_to_do: something_to_do && request.options.exit_code,
            ..Ended::of(Outcome::NothingToDo)
        };
        self.finish(
            &self.emitter,
            &ended,
            Instant::now(),
            Vec::new(),
            Some(next),
        );
        ended
    }

    fn finish(
        &self,
        emitter: &Emitter,
        ended: &Ended,
        began: Instant,
        services: Vec<ServiceSummary>,
        next: Option<String>,
    ) {
        emitter.emit(Kind::Finished {
            outcome: ended.outcome,
            exit_code: crate::exit::of_run(ended).code(),
            duration: began.elapsed(),
            services,
            next,
        });
    }
}

/// What a run that got its number ends with: its outcome, what was done, the last line to print.
type Result3 = (Ended, Vec<ServiceSummary>, Option<String>);

impl Open<'_> {
    /// From checkpoint to commit, or to the rollback.
    async fn carry_out(&self) -> Result3 {
        let mut journal = match self.begin().await {
            Ok(journal) => journal,
            Err(complaint) => {
                self.emitter.emit(Kind::Complaint(complaint));
                // Nothing was touched: an open run would only be "recovered" to the same state.
                let _ = std::fs::remove_dir_all(&self.folder);
                return (Ended::of(Outcome::FailedBefore), Vec::new(), None);
            }
        };
        let checkpoint = match self.checkpoint(&mut journal).await {
            Ok(checkpoint) => checkpoint,
            Err(complaint) => {
                self.emitter.emit(Kind::Complaint(complaint));
                let ended = Ended::of(Outcome::FailedBefore);
                self.record(&mut journal, ended.outcome, &[], &[]);
                return (ended, Vec::new(), None);
            }
        };
        let mut watch = self.watch();
        match self.change(&mut journal, &mut watch).await {
            Ok(()) => self.commit(&mut journal, &watch),
            Err(failure) => {
                self.tell_failure(&failure, &mut watch).await;
                self.give_back(failure, &checkpoint, &mut journal, watch)
                    .await
            }
        }
    }

    async fn begin(&self) -> Result<Journal, Complaint> {
        let mut journal = Journal::create(&self.folder)?;
        let directory = self.place.located.args.directory.clone();
        let project = self.survey.after.name.clone();
        let command = self.request.command.clone();
        let pid = std::process::id();
        self.emitter.emit(Kind::RunStarted {
            command: command.clone(),
            project: project.clone(),
            directory: directory.clone(),
        });
        journal.add(Entry::Begin {
            run: self.run,
            command,
            project,
            directory,
            pid,
        })?;
        for change in &self.survey.edited.changes {
            let shown = |value: &Option<String>| match Shown::of(&change.name, value.as_deref()) {
                Shown::Plain(text) => Some(text),
                _ => None,
            };
            let values = [&change.before, &change.after];
            let secret = values
                .iter()
                .any(|value| Shown::of(&change.name, value.as_deref()) == Shown::Secret);
            journal.add(Entry::Change {
                file: change.file.clone(),
                key: change.key.clone(),
                before: shown(&change.before),
                after: shown(&change.after),
                secret,
            })?;
        }
        for step in &self.survey.plan.steps {
            journal.add(Entry::Planned {
                service: step.service.clone(),
                action: step.action,
                reasons: step
                    .reasons
                    .iter()
                    .map(|reason| reason.text.clone())
                    .collect(),
            })?;
        }
        Ok(journal)
    }

    async fn checkpoint(&self, journal: &mut Journal) -> Result<Checkpoint, Complaint> {
        self.emitter.phase(Phase::Checkpoint);
        fault!("checkpoint.before");
        let project = &self.survey.after.name;
        let edits: Vec<_> = self.survey.edited.changing().cloned().collect();
        let taken = Checkpoint::take(
            self.place,
            project,
            &self.survey.plan,
            &edits,
            self.run,
            &self.folder,
        )
        .await?;
        journal.add(Entry::Checkpointed)?;
        fault!("checkpoint.after");
        Ok(taken)
    }

    /// Write, prepare, converge, watch, effect; each failure leads to the rollback.
    async fn change(&self, journal: &mut Journal, watch: &mut Watch) -> Result<(), Failure> {
        self.write(journal)?;
        if self.request.options.no_apply || self.survey.plan.is_empty() {
            journal.add(Entry::Proven)?;
            return Ok(());
        }
        self.interrupted()?;
        self.prepare(journal).await?;
        let written_at = Timestamp::now();
        self.converge(journal, watch).await?;
        self.healthy(journal, watch).await?;
        self.effects(journal, watch, written_at).await?;
        journal.add(Entry::Proven)?;
        fault!("effect.proven");
        Ok(())
    }

    fn interrupted(&self) -> Result<(), Failure> {
        self.signals
            .received()
            .map_or(Ok(()), |signal| Err(Failure::of_signal(signal)))
    }

    fn write(&self, journal: &mut Journal) -> Result<(), Failure> {
        self.emitter.phase(Phase::Write);
        for edit in self.survey.edited.changing() {
            journal.add(Entry::Writing {
                file: edit.path.clone(),
            })?;
            fault!("write.before");
            match &edit.after {
                Some(bytes) => files::replace(&edit.path, bytes)?,
                None => files::remove(&edit.path)?,
            }
            fault!("write.between");
        }
        journal.add(Entry::Written)?;
        fault!("write.after");
        Ok(())
    }

    async fn prepare(&self, journal: &mut Journal) -> Result<(), Failure> {
        self.emitter.phase(Phase::Prepare);
        journal.add(Entry::Preparing)?;
        fault!("prepare.before");
        let work = prepare::images(self.place, &self.survey.args, self.survey, &self.emitter);
        tokio::select! {
            done = work => done?,
            signal = self.signals.wait() => return Err(Failure::of_signal(signal)),
        }
        fault!("prepare.after");
        Ok(())
    }

    async fn converge(&self, journal: &mut Journal, watch: &mut Watch) -> Result<(), Failure> {
        self.emitter.phase(Phase::Converge);
        let convergence = Convergence {
            place: self.place,
            args: &self.survey.args,
            model: &self.survey.after,
            emitter: &self.emitter,
            signals: self.signals,
        };
        if self.request.options.strategy == Strategy::DownUp {
            return convergence.down_up(watch, journal).await;
        }
        convergence
            .run(&self.survey.plan.steps, watch, journal)
            .await
    }

    async fn healthy(&self, journal: &mut Journal, watch: &mut Watch) -> Result<(), Failure> {
        self.emitter.phase(Phase::Watch);
        fault!("watch.before");
        let services: Vec<ServiceName> = self.survey.watched();
        if let Err(Stopped::Signal(signal)) = watch.settle(&services, self.signals).await {
            return Err(Failure::of_signal(signal));
        }
        for (service, verdict) in watch.verdicts() {
            let (verdict, reason) = (verdict.word, verdict.reason);
            journal.add(Entry::Verdict {
                service,
                verdict,
                reason,
            })?;
        }
        fault!("watch.after");
        Failure::of_verdicts(watch).map_or(Ok(()), Err)
    }

    async fn effects(
        &self,
        journal: &mut Journal,
        watch: &Watch,
        written_at: Timestamp,
    ) -> Result<(), Failure> {
        self.emitter.phase(Phase::Effect);
        fault!("effect.before");
        let verdicts = watch.verdicts();
        for expected in &self.survey.effects {
            let service = &expected.service;
            // What did not run before and does not now has nothing to show.
            if verdicts
                .get(service)
                .is_some_and(|v| v.word == VerdictWord::AlreadyFailing)
            {
                continue;
            }
            for container in watch.containers(service) {
                let docker = &self.place.docker;
                let proof = effect::prove(docker, &container, expected, written_at).await?;
                self.emitter.emit(Kind::Effect {
                    service: service.clone(),
                    key: expected.key.clone(),
                    route: expected.route,
                    ok: proof.ok,
                    how: proof.how,
                    what: proof.what.clone(),
                });
                journal.add(Entry::Effect {
                    service: service.clone(),
                    key: expected.key.clone(),
                    ok: proof.ok,
                    what: proof.what.clone(),
                })?;
                if !proof.ok {
                    let failure = Failure::new("effect_missing", proof.what);
                    return Err(Failure {
                        service: Some(service.clone()),
                        ..failure
                    });
                }
            }
        }
        Ok(())
    }

    fn watch(&self) -> Watch {
        Watch::begin(
            &self.place.docker,
            &self.survey.after.name,
            self.survey.targets(self.place),
            self.request.options.limits,
            self.emitter.clone(),
        )
    }

    fn commit(&self, journal: &mut Journal, watch: &Watch) -> Result3 {
        self.emitter.phase(Phase::Commit);
        let services = self.summaries(watch);
        self.record(journal, Outcome::Applied, &services, &[]);
        let run = self.run;
        let next = match (
            self.request.options.no_apply,
            self.survey.plan.stack_is_down,
        ) {
            (true, _) => format!(
                "Written as run {run}, not applied. Apply: refit apply. Undo: refit rollback"
            ),
            (_, true) => format!(
                "Written as run {run}. The stack is down: docker compose up -d starts it. Undo: refit rollback"
            ),
            _ => format!("Applied as run {run}. Undo: refit rollback"),
        };
        (Ended::of(Outcome::Applied), services, Some(next))
    }

    /// The guilty service's own words, saved before its container is replaced.
    async fn tell_failure(&self, failure: &Failure, watch: &mut Watch) {
        let Some(service) = &failure.service else {
            let complaint = Complaint::new(failure.code, failure.text());
            let complaint = complaint.details(&failure.details.join("\n"));
            self.emitter.emit(Kind::Complaint(complaint));
            return;
        };
        let lines = self.logs(service).await;
        let reason = match lines.iter().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}: {}", failure.reason, line.trim()),
            None => failure.reason.clone(),
        };
        let verdict = watch.verdicts().remove(service);
        if verdict.is_some_and(|verdict| verdict.word == VerdictWord::Failed) {
            self.emitter.emit(Kind::Verdict {
                service: service.clone(),
                verdict: VerdictWord::Failed,
                reason: Some(reason),
                after: watch.elapsed(),
                down: watch.down(service),
            });
        }
        self.emitter.emit(Kind::Logs {
            service: service.clone(),
            lines,
        });
    }

    /// The last lines since the change, without secrets; kept in the run's folder as well.
    async fn logs(&self, service: &ServiceName) -> Vec<String> {
        let since = Timestamp::now() - self.began.elapsed();
        let Ok(all) = self.place.docker.compose_containers().await else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        for container in crate::stack::of_project(&all, &self.survey.after.name) {
            if container.service == *service {
                let log = self.place.docker.logs(&container.id, since, 20).await;
                lines.extend(log.unwrap_or_default());
            }
        }
        let redactor = self.redactor();
        let lines: Vec<String> = lines.iter().map(|line| redactor.redact(line)).collect();
        let name = format!("{service}.log");
        let _ = state::write_file(&self.folder.join(name), lines.join("\n").as_bytes());
        lines
    }

    /// Everything secret that this stack is known to hold.
    fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for model in self.survey.before.iter().chain([&self.survey.after]) {
            for service in model.services.values() {
                for (key, value) in &service.environment {
                    redactor.learn(key, value.as_deref().unwrap_or_default());
                }
            }
        }
        for change in &self.survey.edited.changes {
            for value in [&change.before, &change.after].into_iter().flatten() {
                redactor.learn(&change.name, value);
            }
        }
        for (key, value) in &self.survey.env {
            redactor.learn(key, value);
        }
        redactor
    }

    async fn give_back(
        &self,
        failure: Failure,
        checkpoint: &Checkpoint,
        journal: &mut Journal,
        watch: Watch,
    ) -> Result3 {
        let services = self.summaries(&watch);
        drop(watch);
        if self.request.options.no_rollback {
            let todo = vec!["refit rollback".to_owned()];
            self.record(journal, Outcome::RollbackFailed, &services, &todo);
            let next = format!(
                "Run {} failed and is left in place, as asked. Undo: refit rollback",
                self.run
            );
            let ended = Ended {
                signal: failure.signal,
                ..Ended::of(Outcome::RollbackFailed)
            };
            return (ended, services, Some(next));
        }
        self.emitter.emit(Kind::Rollback {
            reason: failure.text(),
        });
        let _ = journal.add(Entry::RollingBack {
            reason: failure.text(),
            code: failure.code.into(),
        });
        let touched = touched(&self.folder);
        let rollback = Rollback {
            place: self.place,
            checkpoint,
            folder: &self.folder,
            touched: &touched,
            revive: false,
            limits: self.request.options.limits,
            emitter: &self.emitter,
        };
        let undone = match rollback.run(journal).await {
            Ok(undone) => undone,
            Err(failure) => rollback::Undone {
                problems: vec![failure.text()],
                todo: Vec::new(),
            },
        };
        if undone.is_whole() {
            self.record(journal, Outcome::RolledBack, &services, &[]);
            let run = self.run;
            let next = format!(
                "Rolled back: everything is as it was before run {run}. More: refit show {run}"
            );
            let ended = Ended {
                signal: failure.signal,
                ..Ended::of(Outcome::RolledBack)
            };
            return (ended, services, Some(next));
        }
        for problem in &undone.problems {
            self.emitter
                .emit(Kind::Complaint(Complaint::new("rollback_failed", problem)));
        }
        self.record(journal, Outcome::RollbackFailed, &services, &undone.todo);
        let next = format!(
            "Not given back: a person is needed. To do: {}",
            undone.todo.join("; ")
        );
        (Ended::of(Outcome::RollbackFailed), services, Some(next))
    }

    fn record(
        &self,
        journal: &mut Journal,
        outcome: Outcome,
        services: &[ServiceSummary],
        todo: &[String],
    ) {
        let entry = Entry::Finished {
            outcome,
            services: services.to_vec(),
            todo: todo.to_vec(),
        };
        if let Err(error) = journal.add(entry) {
            self.emitter.emit(Kind::Complaint(error.into()));
        }
    }

    fn summaries(&self, watch: &Watch) -> Vec<ServiceSummary> {
        self.survey
            .plan
            .steps
            .iter()
            .map(|step| ServiceSummary {
                service: step.service.clone(),
                action: step.action,
                down_ms: watch
                    .down(&step.service)
                    .and_then(|d| u64::try_from(d.as_millis()).ok()),
            })
            .collect()
    }
}

/// The services whose containers a run has touched, or was about to, by its journal.
fn touched(folder: &std::path::Path) -> BTreeSet<ServiceName> {
    journal::read(folder)
        .into_iter()
        .filter_map(|line| match line.entry {
            Entry::Touching { services } => Some(services),
            _ => None,
        })
        .flatten()
        .collect()
}

/// Whether an action makes the service's downtime worth telling.
pub fn is_disruptive(action: Action) -> bool {
    !matches!(action, Action::None | Action::Signal | Action::Start)
}
