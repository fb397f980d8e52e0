//! The transaction: one change, from the request to its record, or back to where it began. This page
//! is the story up to the first write; `transaction` tells the rest, each phase is a room of its own.

mod application_check;
mod data_written;
pub(crate) mod finish;
pub(crate) mod hooks;
mod neighbours;
mod new_errors;
pub(crate) mod notify;
mod once;
mod reload;
mod removals;
pub(crate) mod run_report;
pub(crate) mod transaction;

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::assess::{self, profile_probe, text_diff};
use crate::assessment::{Assessment, Decision};
use crate::complaint::{Code, Complaint};
use crate::docker::client::Docker;
use crate::event::{Emitter, Kind, NoteCode, Outcome, RunId, Shown};
use crate::failure::interrupted;
use crate::fault::fault;
use crate::host::signals::Signals;
use crate::host::writable;
use crate::request::{Request, What, WithUnfinished};
use crate::rollback::recovery::{self, Recovered, files_outside};
use crate::rollback::unfinished::{self, Ahead};
use crate::rollback::{self, baseline, in_force, retention};
use crate::stack::Place;
use crate::stack::locate::LocateRequest;
use crate::stack::model::Section;
use crate::stack::side::{FileEdit, Origin};
use crate::state::lock::{Lock, LockSubject};
use crate::state::runs::Record;
use crate::state::{StackState, StateHome};
use crate::trust;
use run_report::{FoundStack, Refused, RunEnd, RunReport};
use transaction::Transaction;

/// How often a change is planned anew while somebody edits the same files.
const ASSESSMENTS: u32 = 3;

/// What every run stands on.
pub(crate) struct Runner {
    /// The engine.
    pub docker: Docker,
    /// Where runs are kept.
    pub home: StateHome,
    /// Where events go.
    pub emitter: Emitter,
    /// What may come between.
    pub signals: Signals,
}

impl Runner {
    /// Carries out a request, whatever becomes of it. Refusals and failures are told, not returned.
    pub(crate) async fn execute(
        &self,
        located: &LocateRequest,
        request: &Request,
        what: &What,
    ) -> RunReport {
        let assessment = async |place: &Place, state: &StackState| {
            let made = assess::make(place, what, &request.options, state).await;
            made.map_err(Refused::from)
        };
        self.execute_assessed(located, request, assessment).await
    }

    /// The same for a change that is assessed by somebody else.
    pub(crate) async fn execute_assessed(
        &self,
        located: &LocateRequest,
        request: &Request,
        assessment: impl AsyncFn(&Place, &StackState) -> Result<Assessment, Refused>,
    ) -> RunReport {
        let began = Instant::now();
        let mut report = RunReport::begun();
        let mut emitter = self.emitter.clone();
        let attempt = self.attempt(located, request, assessment, &mut report, &mut emitter);
        match attempt.await {
            Ok(end) => report.end = end,
            Err(Refused { complaint, news }) => {
                report.news = news.map(|news| *news).or(report.news);
                report.end = RunEnd::refused(&complaint, self.signals.received());
                emitter.emit(Kind::Complaint(complaint));
            }
        }
        emitter.emit(Kind::Finished {
            outcome: report.end.outcome,
            exit_code: report.end.exit().code(),
            duration: began.elapsed(),
            services: report.end.services.clone(),
            next: report.end.text.clone(),
        });
        report
    }

    /// `emitter` becomes that of the run once it has a number.
    async fn attempt(
        &self,
        located: &LocateRequest,
        request: &Request,
        assessment: impl AsyncFn(&Place, &StackState) -> Result<Assessment, Refused>,
        report: &mut RunReport,
        emitter: &mut Emitter,
    ) -> Result<RunEnd, Refused> {
        let mut place = self.unless_signalled(self.find(located)).await?;
        report.stack = Some(FoundStack::of(&place));
        let state = self.home.of_stack(&place.located.args.directory);
        let mut lock = match request.options.dry_run {
            true => None,
            false => Some(self.unless_signalled(self.lock(&place, request)).await?),
        };
        let how = request.options.unfinished;
        let mut ahead = None;
        let recovered = match &mut lock {
            None => {
                let directory = &place.located.args.directory;
                ahead = unfinished::mention(&self.docker, directory, &state, &self.emitter).await;
                None
            }
            Some(lock) => {
                let wait = request.options.wait_lock;
                let locking = recovery::Locking { lock, wait };
                let (emitter, signals) = (&self.emitter, &self.signals);
                recovery::finish(&place, &state, how, locking, emitter, signals).await?
            }
        };
        if let Some(ahead) = ahead.as_ref().filter(|ahead| !ahead.leaves_the_stack()) {
            return Ok(not_planned(ahead, request));
        }
        if let Some(recovered) = recovered {
            report.recovered = recovered.outcome();
            if let Some(end) = concluded(recovered, how, &state)? {
                return Ok(end);
            }
            // The stack is another one now.
            place = self.find(located).await?;
        } else if lock.is_some() {
            // Who held the lock until now may have made other containers.
            place.containers = self
                .docker
                .compose_containers()
                .await
                .map_err(Complaint::from)?;
        }
        let has_lock = lock.is_some();
        if has_lock {
            trust::admit_and_keep(&mut place, &state).await?;
            report.stack = Some(FoundStack::of(&place));
        }
        let mut assessment = self.assessment(&place, &state, assessment).await?;
        match baseline::pending(&place, &assessment, &state, has_lock).await {
            Ok(Some(pending)) => {
                assessment.notes.push(pending.text);
                assessment.edited.pending = pending.files;
            }
            Ok(None) => {}
            Err(error) => {
                let text =
                    format!("not looked at: whether edits by hand wait in the files: {error}");
                assessment.notes.push(text);
            }
        }
        report.assessed(&assessment);
        report.left_out = assessment.waiting(&place);
        self.tell(&place, &assessment, request);
        if let Decision::Refused(complaint) = &assessment.decision {
            return Err(complaint.clone().into());
        }
        if request.options.dry_run {
            let end = dry(&assessment, ahead.as_ref(), request);
            return Ok(beside(end, &assessment, emitter));
        }
        if assessment.is_nothing() {
            self.kept(baseline::keep_if_in_line(&place, &assessment, &state));
            let text = Some(assessment.nothing_text());
            return Ok(RunEnd::of(Outcome::NothingToDo, text));
        }
        can_be_written(&place, &assessment)?;
        if let Some(lock) = &mut lock {
            self.lock_more(lock, &place, &assessment, request).await?;
        }
        if !request.options.no_apply {
            let (probe, seen) = tokio::join!(
                profile_probe::of(&place, &assessment),
                assess::before::look(&place, &assessment, &state)
            );
            assessment.seen = seen;
            if let Some((service, probe)) = probe {
                if assess::before::is_unhealthy(&assessment, &service) {
                    let what = format!("answers as it should at {}", probe.url);
                    assessment.seen.answers(service.clone(), what);
                }
                place.settings.ask(service, probe);
            }
        }
        for note in assessment.seen.notes() {
            self.emitter.note(NoteCode::Note, note);
        }
        let transaction = Transaction::open(
            &place,
            &assessment,
            request,
            &state,
            &self.emitter,
            &self.signals,
        )?;
        report.run = Some(transaction.run);
        emitter.clone_from(&transaction.emitter);
        let end = self
            .transact(&transaction, &place, &assessment, &state)
            .await;
        Ok(beside(end, &assessment, emitter))
    }

    /// Assesses, and once more where somebody has edited another key of the same files meanwhile.
    async fn assessment(
        &self,
        place: &Place,
        state: &StackState,
        assessment: impl AsyncFn(&Place, &StackState) -> Result<Assessment, Refused>,
    ) -> Result<Assessment, Refused> {
        let mut made = self.unless_signalled(assessment(place, state)).await?;
        fault!("assessment.made");
        for _ in 0..ASSESSMENTS {
            let edited = made.edited.edited_meanwhile();
            let Some(file) = edited.first().map(|path| place.shown(path)) else {
                return Ok(made);
            };
            let anew = self.unless_signalled(assessment(place, state)).await?;
            if let Some(change) = anew.edited.changed_since(&made.edited) {
                let text = format!(
                    "{} in {file} was edited while the change was planned",
                    change.key
                );
                let complaint = Complaint::new(Code::Edited, text);
                return Err(complaint
                    .hint("check it, then run the command again")
                    .into());
            }
            let text = format!("{file} was edited meanwhile; planned again from the new text");
            self.emitter.note(NoteCode::Edited, text);
            made = anew;
        }
        let text = "the files of this stack keep changing";
        let complaint = Complaint::new(Code::Edited, text);
        Err(complaint
            .hint("run the command again when they are left alone")
            .into())
    }

    /// Nothing is touched yet: a signal simply ends it.
    async fn unless_signalled<T, E: From<Complaint>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            done = work => done,
            signal = self.signals.wait() => {
                Err(interrupted(signal).into())
            }
        }
    }

    async fn find(&self, located: &LocateRequest) -> Result<Place, Complaint> {
        let (stamp, scratch) = (self.home.compose_stamp(), self.home.scratch()?);
        let mut place = Place::find(self.docker.clone(), located, &stamp, scratch).await?;
        let state = self.home.of_stack(&place.located.args.directory);
        trust::admit(&mut place, &state).await?;
        Ok(place)
    }

    async fn lock(&self, place: &Place, request: &Request) -> Result<Lock, Complaint> {
        let args = &place.located.args;
        let stack = LockSubject::Stack(args.directory.clone());
        let project = args.name.clone().map(LockSubject::Project);
        let subjects = std::iter::once(stack).chain(project);
        let wait = request.options.wait_lock;
        Lock::take(subjects, &self.docker.endpoint, wait).await
    }

    /// What other folders' runs may be at work on as well, as far as it is known only now: the project,
    /// where Compose names it, and files outside of the stack's folder.
    async fn lock_more(
        &self,
        lock: &mut Lock,
        place: &Place,
        assessment: &Assessment,
        request: &Request,
    ) -> Result<(), Complaint> {
        // Whoever had it until now may have made other containers than those of the assessment.
        let project = LockSubject::Project(assessment.after.name.clone());
        let at_once = lock.also([project], Duration::ZERO);
        self.unless_signalled(at_once).await?;
        let paths = assessment.edited.changing().map(|edit| &*edit.path);
        let outside: Vec<LockSubject> = files_outside(place, paths).collect();
        let waited = lock.also(outside, request.options.wait_lock);
        self.unless_signalled(waited).await
    }

    async fn transact(
        &self,
        transaction: &Transaction<'_>,
        place: &Place,
        assessment: &Assessment,
        state: &StackState,
    ) -> RunEnd {
        let end = transaction.carry_out().await;
        if end.outcome.is_in_force() {
            sweep(place, assessment, &transaction.emitter).await;
            // What was only written is not proven.
            if !transaction.is_written_only() {
                self.kept(baseline::keep(place, assessment, state));
            }
            if assessment
                .supply()
                .is_some_and(|supply| supply.prune_build_cache)
            {
                prune_build_cache(&self.docker, &transaction.emitter).await;
            }
        }
        if let Err(complaint) = retention::prune(place, state).await {
            let text = format!("old runs were not removed: {complaint}");
            self.emitter.note(NoteCode::NotPruned, text);
        }
        end
    }

    /// A baseline that is not kept is missing when an `apply` fails.
    fn kept(&self, kept: anyhow::Result<()>) {
        if let Err(error) = kept {
            let text = format!("cannot keep a copy of the stack's files: {error:#}");
            self.emitter.note(NoteCode::Baseline, text);
        }
    }

    /// What will happen, before it happens.
    fn tell(&self, place: &Place, assessment: &Assessment, request: &Request) {
        let emitter = self.emitter.hiding(Rc::new(assessment.redactor()));
        for note in &place.located.notes {
            emitter.note(NoteCode::Located, note);
        }
        for told in assessment.waiting(place) {
            emitter.note(NoteCode::NotTrusted, told);
        }
        // What would be done is of no interest where it is not done.
        if let Decision::CalledOff { .. } = assessment.decision {
            return;
        }
        if let Some(undoing) = assessment.undoing()
            && !assessment.is_nothing()
        {
            let text = format!("undoes {}", in_force::named(&undoing.told));
            emitter.note(NoteCode::Undoes, text);
        }
        for change in &assessment.edited.changes {
            emitter.emit(Kind::Change {
                file: change.file.clone(),
                key: change.key.clone(),
                before: Shown::of(&change.name, change.before.as_deref()),
                after: Shown::of(&change.name, change.after.as_deref()),
                same: change.before == change.after,
            });
        }
        if !request.options.no_apply {
            let (steps, untouched) = (assessment.plan.told(), assessment.plan.untouched.clone());
            emitter.emit(Kind::Plan { steps, untouched });
            for (service, remark) in &assessment.plan.remarks {
                emitter.note(NoteCode::Remark, format!("{service} {remark}"));
            }
            for drift in &assessment.differing {
                let (service, what) = (&drift.service, &drift.reason.text);
                let text = match (&drift.keeps, drift.is_mended_by_apply()) {
                    (Some(keeps), _) => format!(
                        "{service} {what}: refit apply would go back to the older one; {keeps} keeps the newer"
                    ),
                    (None, true) => format!(
                        "{service} {what}: out of sync since before this run; refit apply fixes it"
                    ),
                    (None, false) => format!("{service}: {what}"),
                };
                emitter.note(NoteCode::Differs, text);
            }
            for text in assessment.not_compared() {
                emitter.note(NoteCode::NotCompared, format!("not known: {text}"));
            }
        }
        if request.options.dry_run {
            let redactor = assessment.redactor();
            // Of a new version only what Compose reads is shown: git shows the rest.
            let shown =
                |edit: &&FileEdit| assessment.moving().is_none() || place.is_config(&edit.path);
            for edit in assessment.edited.changing().filter(shown) {
                let (file, lines) = (place.shown(&edit.path), text_diff::lines(edit, &redactor));
                emitter.emit(Kind::Diff { file, lines });
            }
        }
        for remark in &assessment.edited.remarks {
            emitter.note(NoteCode::Remark, remark);
        }
        for note in &assessment.notes {
            emitter.note(NoteCode::Note, note);
        }
    }
}

/// What cannot be written is found before a run begins. What git moves, git writes.
fn can_be_written(place: &Place, assessment: &Assessment) -> Result<(), Complaint> {
    let written = assessment
        .edited
        .changing()
        .filter(|edit| !edit.is_in_place());
    for edit in written.filter(|edit| edit.origin != Origin::Upstream) {
        if let Some(why) = writable::obstacle(&edit.path) {
            let text = format!("{} cannot be written: {why}", place.shown(&edit.path));
            return Err(Complaint::new(Code::Io, text));
        }
    }
    Ok(())
}

/// How the command ends with what became of a run that was cut off; `None`: it goes on.
/// A rollback that was cut off is what whoever names no run wants to have done, and not undone.
fn concluded(
    recovered: Recovered,
    how: WithUnfinished,
    state: &StackState,
) -> Result<Option<RunEnd>, Complaint> {
    let run = recovered.outcome().map(|(run, _)| run);
    let record = run.map(|run| Record::read(state, run)).transpose()?;
    let is_rollback = record
        .flatten()
        .is_some_and(|record| !record.undoes.is_empty());
    let is_meant = |run: RunId| match how {
        WithUnfinished::GoBack(target) => {
            target.map_or_else(|| !is_rollback, |target| target == run)
        }
        WithUnfinished::Refuse | WithUnfinished::KeepPresent => false,
    };
    let (outcome, text) = match recovered {
        Recovered::Failed { text, .. } => (Outcome::RollbackFailed, text),
        // It was that run which was to be undone.
        Recovered::RolledBack(run, text) if is_meant(run) => (Outcome::Applied, text),
        Recovered::NotBegun(run) if is_meant(run) => {
            let text = format!("Nothing to do: run {run} had changed nothing.");
            (Outcome::NothingToDo, text)
        }
        Recovered::InForce(..)
        | Recovered::NotBegun(_)
        | Recovered::RolledBack(..)
        | Recovered::LeftAsFound(_) => return Ok(None),
    };
    Ok(Some(RunEnd::of(outcome, Some(text))))
}

/// Files and containers will be others when it is this command's turn.
fn not_planned(ahead: &Ahead, request: &Request) -> RunEnd {
    RunEnd {
        something_to_do: request.options.exit_code,
        ..RunEnd::of(Outcome::NothingToDo, Some(ahead.in_place_of_a_plan()))
    }
}

/// What undone runs had made goes as it does in a rollback of one that fails. A network that is in
/// the way of nobody is no reason to say that the undoing failed.
async fn sweep(place: &Place, assessment: &Assessment, emitter: &Emitter) {
    let Some(undoing) = assessment.undoing() else {
        return;
    };
    let (networks, volumes) = (&undoing.networks, &undoing.volumes);
    let defined = assessment.after.shared.get(&Section::Networks);
    let named = defined.into_iter().flatten();
    let named = named.filter_map(|(_, network)| network.get("name")?.as_str());
    let mut networks = networks.clone();
    networks.extend(named.map(str::to_owned));
    let project = &assessment.after.name;
    let _ = rollback::leftovers(place, project, &networks, volumes, emitter).await;
}

/// The upgrade is good without it.
async fn prune_build_cache(docker: &Docker, emitter: &Emitter) {
    match docker.prune_build_cache().await {
        Ok(bytes) => {
            let mib = bytes as f64 / f64::from(1 << 20);
            let text = format!("build cache removed: {mib:.1} MiB");
            emitter.note(NoteCode::BuildCache, text);
        }
        Err(error) => {
            let text = format!("the build cache was not removed: {error}");
            emitter.note(NoteCode::BuildCache, text);
        }
    }
}

/// A run that ends well is a failure all the same where something beside it is one. The last word says so;
/// one that failed itself has a word of its own.
fn beside(end: RunEnd, assessment: &Assessment, emitter: &Emitter) -> RunEnd {
    let is_well = matches!(end.outcome, Outcome::Applied | Outcome::NothingToDo);
    let Some(complaint) = assessment.beside.as_ref().filter(|_| is_well) else {
        return end;
    };
    emitter.emit(Kind::Complaint(complaint.clone()));
    end.beside(complaint, emitter.told(&complaint.text))
}

/// With a run that is not finished there is always something to do, and nothing is in line with anything.
fn dry(assessment: &Assessment, ahead: Option<&Ahead>, request: &Request) -> RunEnd {
    let something_to_do = ahead.is_some() || !assessment.is_nothing();
    let text = match ahead {
        Some(ahead) => format!(
            "Nothing was changed: this is what would be done. First comes {}: see above",
            ahead.what
        ),
        None if something_to_do => "Nothing was changed: this is what would be done".to_owned(),
        None => assessment.nothing_text(),
    };
    RunEnd {
        something_to_do: something_to_do && request.options.exit_code,
        ..RunEnd::of(Outcome::NothingToDo, Some(text))
    }
}
