//! How a run ends: committed and recorded, or rolled back. What the guilty service said is saved
//! before its container is replaced.

use std::collections::BTreeMap;
use std::time::Duration;

use super::run_report::{RunEnd, RunFailure};
use super::transaction::Transaction;
use crate::assessment::Undoing;
use crate::complaint::passing::may_pass;
use crate::complaint::{Code, Complaint};
use crate::event::{
    Action, Kind, NoteCode, Outcome, Phase, RunId, ServiceName, ServiceSummary, VerdictWord,
};
use crate::failure::Failure;
use crate::fault::fault;
use crate::health::cause;
use crate::health::watch::Watch;
use crate::plan::crossing::Crossing;
use crate::rollback::checkpoint::Checkpoint;
use crate::rollback::in_force;
use crate::rollback::{self, Rollback, RollbackEnd};
use crate::state;
use crate::state::journal::{self, Entry};
use crate::state::open_run::OpenRun;

/// So many of the last lines of a log are shown and kept.
const LOG_LINES: usize = 20;
/// So many are read for the one that names the error: it may stand above a long trace.
const READ_LINES: u32 = 400;

/// What a service said last.
#[derive(Debug, Default)]
struct LastWords {
    lines: Vec<String>,
    /// What of it names the error.
    cause: Option<String>,
}

impl Transaction<'_> {
    /// The change stays.
    pub(super) fn commit(&self, watch: &Watch) -> RunEnd {
        self.emitter.phase(Phase::Commit);
        let services = self.summaries(watch);
        let failing = still_failing(watch);
        let outcome = match failing.is_empty() {
            true => Outcome::Applied,
            false => Outcome::NotProven,
        };
        self.record(outcome, &services, &[]);
        RunEnd {
            services,
            failure: (!failing.is_empty()).then(|| RunFailure {
                code: Code::Unhealthy,
                text: self.emitter.told(&failing.join("; ")),
                may_pass: false,
            }),
            ..RunEnd::of(outcome, Some(self.applied_text(watch)))
        }
    }

    /// What was done, and what undoes it: nothing is offered that would not work.
    fn applied_text(&self, watch: &Watch) -> String {
        let run = self.run;
        let undoing = self.assessment.undoing();
        let failing = match still_failing_services(watch).as_slice() {
            [] => String::new(),
            [one] => format!(", not proven: {one} is still failing"),
            more => format!(", not proven: {} are still failing", more.join(", ")),
        };
        let plan = &self.assessment.plan;
        let undone = undoing.map(|undoing| undone_text(undoing, run));
        let written = || {
            undone
                .clone()
                .unwrap_or_else(|| format!("Written as run {run}"))
        };
        let done = if self.request.options.no_apply {
            format!("{}, not applied. Apply: refit apply.", written())
        } else if plan.stack_is_down {
            let down = "The stack is down and stays down; docker compose up -d starts it.";
            format!("{}. {down}", written())
        } else if self.assessment.before.is_none() {
            // Without a model of before nobody knows which of them it affects.
            let left = "in the files: no container was touched. Apply: refit apply.";
            format!("{}, {left}", written())
        } else if let Some(undone) = &undone {
            format!("{undone}{failing}.")
        } else if plan.is_empty() {
            format!("Written as run {run}. No service is affected.")
        } else {
            format!("Applied as run {run}{failing}.")
        };
        match undoing {
            Some(undoing) => {
                let further = undoing.further;
                let further = further.map(|run| format!(" Further back: refit rollback {run}."));
                format!(
                    "{done}{} Redo: refit rollback {run}",
                    further.unwrap_or_default()
                )
            }
            None if self.leaves_something() => match self.crossing().and_then(Crossing::holds) {
                Some(holds) => format!("{done} {holds}"),
                None => format!("{done} Undo: refit rollback"),
            },
            None => done,
        }
    }

    /// Whether a rollback would find something to undo.
    fn leaves_something(&self) -> bool {
        let steps = &self.assessment.plan.steps;
        let rebuilt = steps.iter().any(|step| step.action == Action::Rebuild);
        rebuilt || in_force::leaves_something(&self.folder)
    }

    /// Says what failed, with the guilty service's own words.
    pub(super) async fn tell_failure(&self, failure: &Failure, watch: &Watch) {
        let Some(service) = &failure.service else {
            let then = match failure.signal.is_some() && self.is_rolled_back() {
                true => "; rolling back",
                false => "",
            };
            let complaint = Complaint::new(failure.code, format!("{}{then}", failure.text()));
            let complaint = complaint.details(&failure.details.join("\n"));
            self.emitter.emit(Kind::Complaint(complaint));
            return;
        };
        let said = self.save_evidence(service).await;
        let verdict = watch.verdicts().remove(service);
        let is_blamed = failure.consequence.is_some();
        if is_blamed || verdict.is_some_and(|verdict| verdict.word == VerdictWord::Failed) {
            let reason = match &said.cause {
                Some(cause) => format!("{}: {cause}", failure.reason),
                None => failure.reason.clone(),
            };
            self.emitter.emit(Kind::Verdict {
                service: service.clone(),
                verdict: VerdictWord::Failed,
                reason: Some(reason),
                ports: Vec::new(),
                times: watch.times(service),
            });
        }
        self.emitter.emit(Kind::Logs {
            service: service.clone(),
            lines: crate::text::folded(said.lines),
        });
        if let Some(consequence) = &failure.consequence {
            self.emitter.note(NoteCode::Note, consequence);
        }
    }

    /// Keeps log and inspect of a service's containers in the run's folder, without secrets; gives
    /// the log's last lines, and what they say of the end.
    async fn save_evidence(&self, service: &ServiceName) -> LastWords {
        let docker = &self.place.docker;
        let Ok(all) = docker.compose_containers().await else {
            return LastWords::default();
        };
        let redactor = self.assessment.redactor();
        let (mut lines, mut causes) = (Vec::new(), Vec::new());
        for container in crate::stack::of_project(&all, &self.assessment.after.name) {
            if container.service != *service {
                continue;
            }
            let log = docker.logs(&container.id, self.began, READ_LINES).await;
            let log = redactor.lines(&log.unwrap_or_default());
            let mut log: Vec<String> = log.iter().map(|line| redactor.told(line)).collect();
            causes.extend(cause::cause(&log));
            lines.extend(log.split_off(log.len().saturating_sub(LOG_LINES)));
            if let Some(inspect) = docker.inspect_json(&container.id).await {
                let name = format!("{}.inspect.json", container.name);
                let text = format!("{:#}", redactor.redact_all(&inspect));
                let _ = state::write_file(&self.folder.join(name), text.as_bytes());
            }
        }
        let name = format!("{service}.log");
        let _ = state::write_file(&self.folder.join(name), lines.join("\n").as_bytes());
        LastWords {
            lines,
            cause: causes.pop(),
        }
    }

    /// Undoes the run, and says whether it is undone.
    pub(super) async fn give_back(
        &self,
        failure: Failure,
        checkpoint: &Checkpoint,
        watch: Watch,
    ) -> RunEnd {
        let mut services = self.summaries(&watch);
        let away = watch.away();
        drop(watch);
        if !self.has_touched() {
            return self.call_off(&failure, checkpoint).await;
        }
        if self.request.options.no_rollback {
            return self.leave_in_place(&failure, services);
        }
        let failed = self.reason(&failure);
        let (reason, code) = (failure.text(), failure.code.word().to_owned());
        self.emitter.emit(Kind::Rollback {
            reason: reason.clone(),
        });
        // A full disk must not keep anybody from getting the stack back.
        let _ = self.journal.add(Entry::RollingBack { reason, code });
        let touched = self.touched();
        let mut place = self.place.clone();
        place.located.args = checkpoint.args.clone();
        let rollback = Rollback {
            place: &place,
            checkpoint,
            folder: &self.folder,
            touched: &touched,
            cut_off: failure.signal.is_some(),
            since: self.began,
            engine_ended: false,
            away: &away,
            limits: self.request.options.limits.of_rollback(),
            signals: self.signals,
            emitter: &self.emitter,
        };
        let mut undone = rollback.run(&self.journal).await;
        undone.end.blame(&self.assessment.edited.pending);
        let replaced = self.assessment.plan.steps.iter();
        let replaced = replaced.filter(|step| step.action.makes_container());
        let replaced = replaced.map(|step| step.service.clone());
        let replaced = replaced.filter(|name| touched.contains_key(name)).collect();
        if let Some((text, todo)) = self.changed_data(&replaced) {
            undone.end.doubt_data(text, todo);
        }
        for one in &mut services {
            let Some(times) = undone.times.get(&one.service) else {
                continue;
            };
            let add = |to: &mut Option<u64>, more: Option<Duration>| {
                let more = more.map(|more| u64::try_from(more.as_millis()).unwrap_or(u64::MAX));
                if let Some(more) = more {
                    *to = Some(to.unwrap_or_default().saturating_add(more));
                }
            };
            add(&mut one.down_ms, times.down.map(|down| down.time));
            add(&mut one.replaced_ms, times.replaced);
        }
        for problem in undone.end.problems() {
            let complaint = Complaint::new(Code::RollbackFailed, &problem.text);
            self.emitter.emit(Kind::Complaint(complaint));
        }
        let (outcome, todo) = match &undone.end {
            RollbackEnd::Back(_) => (Outcome::RolledBack, Vec::new()),
            RollbackEnd::Open(_) | RollbackEnd::Failed(_) => {
                (Outcome::RollbackFailed, undone.end.todo())
            }
        };
        match &undone.end {
            // Left open on purpose: the next command finds the run and finishes it.
            RollbackEnd::Open(_) => {}
            RollbackEnd::Back(_) | RollbackEnd::Failed(_) => self.record(outcome, &services, &todo),
        }
        RunEnd {
            signal: failure.signal,
            services,
            failure: Some(failed),
            todo,
            ..RunEnd::of(outcome, Some(undone.end.text(self.run)))
        }
    }

    /// Why it failed, as others may read it.
    fn reason(&self, failure: &Failure) -> RunFailure {
        RunFailure {
            code: failure.code,
            text: self.emitter.told(&failure.text()),
            may_pass: may_pass(
                failure.code,
                std::iter::once(&failure.reason)
                    .chain(&failure.details)
                    .map(String::as_str),
            ),
        }
    }

    /// Whether a failure from here on is undone.
    fn is_rolled_back(&self) -> bool {
        self.has_touched() && !self.request.options.no_rollback
    }

    /// Whether a file or a container may be another by now.
    fn has_touched(&self) -> bool {
        let Ok(Some(found)) = journal::read(&self.folder) else {
            return true;
        };
        let count =
            |is: fn(&Entry) -> bool| found.lines.iter().filter(|line| is(&line.entry)).count();
        let written = count(|entry| matches!(entry, Entry::Writing { .. }));
        let left_alone = count(|entry| matches!(entry, Entry::LeftAlone { .. }));
        let touched = count(|entry| matches!(entry, Entry::Touching { .. }));
        written > left_alone || touched > 0 || !found.damaged.is_empty()
    }

    /// The services whose containers may be others by now.
    fn touched(&self) -> BTreeMap<ServiceName, Action> {
        match journal::read(&self.folder) {
            Ok(Some(found)) if found.damaged.is_empty() => journal::touched(&found.lines),
            // A journal that went away meanwhile: whatever was planned may have been done.
            Ok(_) | Err(_) => {
                let steps = self.assessment.plan.steps.iter();
                steps
                    .map(|step| (step.service.clone(), step.action))
                    .collect()
            }
        }
    }

    /// The end of a run that has fetched or built at most: names of images go back.
    async fn call_off(&self, failure: &Failure, checkpoint: &Checkpoint) -> RunEnd {
        rollback::names(&self.place.docker, checkpoint).await;
        let (reason, code) = (failure.text(), failure.code.word().to_owned());
        let _ = self.journal.add(Entry::RollingBack { reason, code });
        self.record(Outcome::FailedBefore, &[], &[]);
        let run = self.run;
        let text = format!("Stopped before anything was changed. More: refit show {run}");
        RunEnd {
            signal: failure.signal,
            failure: Some(self.reason(failure)),
            ..RunEnd::of(Outcome::FailedBefore, Some(text))
        }
    }

    fn leave_in_place(&self, failure: &Failure, services: Vec<ServiceSummary>) -> RunEnd {
        // Without a number the runs before a rollback are meant.
        let undo = match self.assessment.undoing() {
            Some(_) => format!("refit rollback {}", self.run),
            None => "refit rollback".to_owned(),
        };
        let text = format!(
            "Run {} failed and is left in place, as asked. Undo: {undo}",
            self.run
        );
        let todo = vec![undo];
        let (reason, code) = (failure.text(), failure.code.word().to_owned());
        let _ = self.journal.add(Entry::LeftInPlace { reason, code });
        self.record(Outcome::RollbackFailed, &services, &todo);
        RunEnd {
            signal: failure.signal,
            services,
            failure: Some(self.reason(failure)),
            todo,
            ..RunEnd::of(Outcome::RollbackFailed, Some(text))
        }
    }

    /// Closes the journal.
    pub(super) fn record(&self, outcome: Outcome, services: &[ServiceSummary], todo: &[String]) {
        let entry = Entry::Finished {
            outcome,
            services: services.to_vec(),
            todo: todo.to_vec(),
        };
        match self.close(entry) {
            Ok(()) => OpenRun::end(&self.place.located.args.directory, self.state),
            Err(error) => self.emitter.emit(Kind::Complaint(error.into())),
        }
    }

    fn close(&self, entry: Entry) -> anyhow::Result<()> {
        fault!("record.before");
        self.journal.add(entry)?;
        fault!("record.after");
        Ok(())
    }

    fn summaries(&self, watch: &Watch) -> Vec<ServiceSummary> {
        let millis = |time: Option<Duration>| u64::try_from(time?.as_millis()).ok();
        let steps = self.assessment.plan.steps.iter();
        steps
            .map(|step| {
                let times = watch.times(&step.service);
                ServiceSummary {
                    service: step.service.clone(),
                    action: step.action,
                    down_ms: millis(times.down.map(|down| down.time)),
                    replaced_ms: millis(times.replaced),
                }
            })
            .collect()
    }
}

/// What is undone, and what is there again because of that.
fn undone_text(undoing: &Undoing, run: RunId) -> String {
    let undone = format!("Undone: {}, as run {run}", in_force::named(&undoing.told));
    let is = match undoing.again.as_slice() {
        [] => return undone,
        [_] => "is",
        _ => "are",
    };
    let again = in_force::named(&undoing.again);
    match undoing.again_edited.as_slice() {
        [] => format!("{undone}: {again} {is} in force again"),
        files => format!(
            "{undone}: {again} {is} in force again, with what was edited in {} since",
            files.join(", ")
        ),
    }
}

/// Services that were failing before, and are now.
fn still_failing_services(watch: &Watch) -> Vec<String> {
    let verdicts = watch.verdicts().into_iter();
    let failing = verdicts.filter(|(_, verdict)| verdict.word == VerdictWord::AlreadyFailing);
    failing.map(|(service, _)| service.to_string()).collect()
}

/// The same with the reasons.
fn still_failing(watch: &Watch) -> Vec<String> {
    let verdicts = watch.verdicts().into_iter();
    let failing = verdicts.filter(|(_, verdict)| verdict.word == VerdictWord::AlreadyFailing);
    let told = failing.map(|(service, verdict)| {
        let reason = verdict.reason.unwrap_or_else(|| "failed".to_owned());
        format!("{service} was failing before, and still is: {reason}")
    });
    told.collect()
}
