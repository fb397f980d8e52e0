//! The transaction: one change, from the request to its record, or back to where it began. This page
//! is the story up to the first write; `transaction` tells the rest, each phase is a room of its own.

pub mod baseline;
pub mod belongs;
pub mod checkout;
pub mod checkpoint;
pub mod checks;
pub mod converge;
pub mod describe;
pub mod diff;
pub mod edits;
pub mod ending;
pub mod failure;
mod fence;
pub mod history;
pub mod hooks;
pub mod kept;
mod known_probe;
pub mod meant;
pub mod proof;
pub mod prove;
pub mod recover;
mod remarks;
pub mod request;
pub mod rollback;
pub mod saved_file;
mod secrets;
pub mod supply;
pub mod survey;
pub mod transaction;
pub mod unfinished;

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use crate::complaint::{Code, Complaint};
use crate::engine::docker::Docker;
use crate::engine::files;
use crate::engine::signals::{Signal, Signals};
use crate::event::{Emitter, Kind, NoteCode, Outcome, RunId, ServiceSummary, Shown};
use crate::fault::fault;
use crate::stack::Place;
use crate::stack::locate::{LocateRequest, Located};
use crate::stack::model::Section;
use crate::stack::settings::Settings;
use crate::stack::side::FileEdit;
use crate::state::lock::{Lock, Subject};
use crate::state::{StackState, StateHome};
use recover::Recovered;
use request::{Request, What, WithUnfinished};
use survey::Survey;
use transaction::Transaction;
use unfinished::Ahead;

/// How often a change is planned anew while somebody edits the same files.
const SURVEYS: u32 = 3;

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
    /// An end without anything special about it.
    pub fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            something_to_do: false,
            signal: None,
            locked: false,
        }
    }
}

/// What a run ends with: its outcome, what was done to whom, and the last line to print.
#[derive(Debug)]
pub struct Conclusion {
    /// How it ended.
    pub ended: Ended,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// What the person reads last.
    pub text: Option<String>,
}

impl Conclusion {
    /// An end before any container was touched.
    pub fn early(outcome: Outcome, text: Option<String>) -> Self {
        Self {
            ended: Ended::of(outcome),
            services: Vec::new(),
            text,
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
    /// The stack, once a run has found it: for those who tell others of the run after it.
    pub found: OnceCell<Found>,
}

/// A stack as a run has found it, before its change.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where it is.
    pub located: Located,
    /// What its `refit.yaml` says.
    pub settings: Settings,
}

impl Runner {
    /// Carries out a request, whatever becomes of it. Refusals and failures are told, not returned.
    pub async fn execute(&self, located: &LocateRequest, request: &Request, what: &What) -> Ended {
        let survey = async |place: &Place, state: &StackState| {
            survey::make(place, what, &request.options, state).await
        };
        self.execute_surveyed(located, request, survey).await
    }

    /// The same for a change that is surveyed by somebody else.
    pub async fn execute_surveyed(
        &self,
        located: &LocateRequest,
        request: &Request,
        survey: impl AsyncFn(&Place, &StackState) -> Result<Survey, Complaint>,
    ) -> Ended {
        let began = Instant::now();
        match self.attempt(located, request, survey).await {
            Ok(ended) => ended,
            Err(complaint) => {
                let locked = complaint.code == Code::Locked;
                let ended = Ended {
                    locked,
                    signal: self.signals.received(),
                    ..Ended::of(Outcome::Refused)
                };
                let exit = crate::exit::of_run(&ended).code();
                self.emitter.refused(complaint, exit, began.elapsed());
                ended
            }
        }
    }

    async fn attempt(
        &self,
        located: &LocateRequest,
        request: &Request,
        survey: impl AsyncFn(&Place, &StackState) -> Result<Survey, Complaint>,
    ) -> Result<Ended, Complaint> {
        let began = Instant::now();
        let mut place = self.unless_signalled(self.find(located)).await?;
        let _ = self.found.set(Found {
            located: place.located.clone(),
            settings: place.settings.clone(),
        });
        let state = self.home.of_stack(&place.located.args.directory);
        let mut lock = match request.options.dry_run {
            true => None,
            false => Some(self.unless_signalled(self.lock(&place, request)).await?),
        };
        let how = request.options.unfinished;
        let mut ahead = None;
        if request.options.dry_run {
            let directory = &place.located.args.directory;
            ahead = unfinished::mention(directory, &state, &self.emitter);
        } else if let Some(recovered) =
            recover::finish(&place, &state, how, &self.emitter, &self.signals).await?
        {
            if let Some(conclusion) = concluded(recovered, how) {
                return Ok(finish(&self.emitter, conclusion, began));
            }
            // The stack is another one now.
            place = self.find(located).await?;
        } else {
            // Who held the lock until now may have made other containers.
            place.containers = self.docker.compose_containers().await?;
        }
        let mut survey = self.survey(&place, &state, survey).await?;
        self.tell(&place, &survey, request);
        if let Some(refusal) = survey.refusal.take() {
            return Err(refusal);
        }
        let (emitter, conclusion) = if request.options.dry_run {
            (self.emitter.clone(), dry(&survey, ahead.as_ref(), request))
        } else if survey.is_nothing() {
            self.kept(baseline::keep_if_in_line(&place, &survey, &state));
            let text = Some(survey.nothing_text());
            (
                self.emitter.clone(),
                Conclusion::early(Outcome::NothingToDo, text),
            )
        } else {
            if let Some(lock) = &mut lock {
                self.lock_more(lock, &place, &survey, request).await?;
            }
            if let Some((service, probe)) = known_probe::of(&place, &survey).await {
                place.settings.ask(service, probe);
            }
            self.transact(&place, &survey, request, &state).await?
        };
        Ok(finish(&emitter, conclusion, began))
    }

    /// Surveys, and once more where somebody has edited another key of the same files meanwhile.
    async fn survey(
        &self,
        place: &Place,
        state: &StackState,
        survey: impl AsyncFn(&Place, &StackState) -> Result<Survey, Complaint>,
    ) -> Result<Survey, Complaint> {
        let mut made = self.unless_signalled(survey(place, state)).await?;
        fault!("survey.made");
        for _ in 0..SURVEYS {
            let edited = made.edited.edited_meanwhile();
            let Some(file) = edited.first().map(|path| place.shown(path)) else {
                return Ok(made);
            };
            let anew = self.unless_signalled(survey(place, state)).await?;
            if let Some(change) = anew.edited.changed_since(&made.edited) {
                let text = format!(
                    "{} in {file} was edited while the change was planned",
                    change.key
                );
                return Err(
                    Complaint::new(Code::Edited, text).hint("look at it, and type it again")
                );
            }
            let text = format!("{file} was edited meanwhile; planned again from the new text");
            self.emitter.note(NoteCode::Edited, text);
            made = anew;
        }
        let text = "somebody goes on writing to the files of this stack";
        Err(Complaint::new(Code::Edited, text).hint("wait for it, and type it again"))
    }

    /// Nothing is touched yet: a signal simply ends it.
    async fn unless_signalled<T>(
        &self,
        work: impl Future<Output = Result<T, Complaint>>,
    ) -> Result<T, Complaint> {
        tokio::select! {
            done = work => done,
            signal = self.signals.wait() => {
                let text = format!("interrupted by {}; nothing was touched", signal.name());
                Err(Complaint::new(Code::Interrupted, text))
            }
        }
    }

    async fn find(&self, located: &LocateRequest) -> Result<Place, Complaint> {
        let (stamp, scratch) = (self.home.compose_stamp(), self.home.scratch()?);
        Place::find(self.docker.clone(), located, &stamp, scratch).await
    }

    async fn lock(&self, place: &Place, request: &Request) -> Result<Lock, Complaint> {
        let args = &place.located.args;
        let stack = Subject::Stack(args.directory.clone());
        let project = args.name.clone().map(Subject::Project);
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
        survey: &Survey,
        request: &Request,
    ) -> Result<(), Complaint> {
        // Whoever had it until now may have made other containers than those of the survey.
        let project = Subject::Project(survey.after.name.clone());
        let at_once = lock.also([project], Duration::ZERO);
        self.unless_signalled(at_once).await?;
        let directory = files::follow(&place.located.args.directory);
        let edits = survey
            .edited
            .changing()
            .map(|edit| files::follow(&edit.path));
        let outside = edits.filter(|path| !path.starts_with(&directory));
        let outside: Vec<Subject> = outside.map(Subject::File).collect();
        let waited = lock.also(outside, request.options.wait_lock);
        self.unless_signalled(waited).await
    }

    async fn transact(
        &self,
        place: &Place,
        survey: &Survey,
        request: &Request,
        state: &StackState,
    ) -> Result<(Emitter, Conclusion), Complaint> {
        let transaction =
            Transaction::open(place, survey, request, state, &self.emitter, &self.signals)?;
        let conclusion = transaction.carry_out().await;
        if conclusion.ended.outcome == Outcome::Applied {
            sweep(place, survey, &transaction.emitter).await;
            self.kept(baseline::keep(place, survey, state));
            if survey.supply.prune_build_cache {
                prune_build_cache(&self.docker, &transaction.emitter).await;
            }
        }
        if let Err(complaint) = history::prune(place, state).await {
            self.emitter.note(
                NoteCode::NotPruned,
                format!("old runs are kept: {complaint}"),
            );
        }
        Ok((transaction.emitter.clone(), conclusion))
    }

    /// A baseline that is not kept is missing when an `apply` fails.
    fn kept(&self, kept: anyhow::Result<()>) {
        if let Err(error) = kept {
            let text = format!("the present text of the stack's files is not kept: {error:#}");
            self.emitter.note(NoteCode::Baseline, text);
        }
    }

    /// What will happen, before it happens.
    fn tell(&self, place: &Place, survey: &Survey, request: &Request) {
        for note in &place.located.notes {
            self.emitter.note(NoteCode::Located, note);
        }
        // What would be done is of no interest where it is not done.
        if survey.called_off.is_some() {
            return;
        }
        for change in &survey.edited.changes {
            self.emitter.emit(Kind::Change {
                file: change.file.clone(),
                key: change.key.clone(),
                before: Shown::of(&change.name, change.before.as_deref()),
                after: Shown::of(&change.name, change.after.as_deref()),
                same: change.before == change.after,
            });
        }
        if !request.options.no_apply {
            let (steps, untouched) = (survey.plan.told(), survey.plan.untouched.clone());
            self.emitter.emit(Kind::Plan { steps, untouched });
            for (service, remark) in &survey.plan.remarks {
                self.emitter
                    .note(NoteCode::Remark, format!("{service} {remark}"));
            }
            for drift in &survey.differing {
                let text = format!(
                    "{} {}, since before this change; refit apply mends it",
                    drift.service, drift.reason.text
                );
                self.emitter.note(NoteCode::Differs, text);
            }
        }
        if request.options.dry_run {
            let redactor = survey.redactor();
            // Of a new version only what Compose reads is shown: git shows the rest.
            let shown = |edit: &&FileEdit| survey.moving.is_none() || place.is_config(&edit.path);
            for edit in survey.edited.changing().filter(shown) {
                let (file, lines) = (place.shown(&edit.path), diff::lines(edit, &redactor));
                self.emitter.emit(Kind::Diff { file, lines });
            }
        }
        for note in &survey.notes {
            self.emitter.note(NoteCode::Note, note);
        }
    }
}

/// How the command ends with what became of a run that was cut off; `None`: it goes on.
fn concluded(recovered: Recovered, how: WithUnfinished) -> Option<Conclusion> {
    let is_meant = |run: RunId| match how {
        WithUnfinished::GoBack(target) => target.is_none_or(|target| target == run),
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
        Recovered::Applied(_)
        | Recovered::NotBegun(_)
        | Recovered::RolledBack(..)
        | Recovered::LeftAsFound(_) => return None,
    };
    Some(Conclusion::early(outcome, Some(text)))
}

/// What undone runs had made goes as it does in a rollback of one that fails. A network that is in
/// the way of nobody is no reason to say that the undoing failed.
async fn sweep(place: &Place, survey: &Survey, emitter: &Emitter) {
    if survey.undoes.is_empty() {
        return;
    }
    let (networks, volumes) = &survey.before_undone;
    let defined = survey.after.shared.get(&Section::Networks);
    let named = defined.into_iter().flatten();
    let named = named.filter_map(|(_, network)| network.get("name")?.as_str());
    let mut networks = networks.clone();
    networks.extend(named.map(str::to_owned));
    let project = &survey.after.name;
    let _ = rollback::leftovers(place, project, &networks, volumes, emitter).await;
}

/// The upgrade is good without it.
async fn prune_build_cache(docker: &Docker, emitter: &Emitter) {
    match docker.prune_build_cache().await {
        Ok(bytes) => {
            let mib = bytes as f64 / f64::from(1 << 20);
            let text = format!("the engine's build cache is pruned: {mib:.1} MiB");
            emitter.note(NoteCode::BuildCache, text);
        }
        Err(error) => {
            let text = format!("the engine's build cache is not pruned: {error}");
            emitter.note(NoteCode::BuildCache, text);
        }
    }
}

/// The last event of every run.
fn finish(emitter: &Emitter, conclusion: Conclusion, began: Instant) -> Ended {
    let Conclusion {
        ended,
        services,
        text,
    } = conclusion;
    emitter.emit(Kind::Finished {
        outcome: ended.outcome,
        exit_code: crate::exit::of_run(&ended).code(),
        duration: began.elapsed(),
        services,
        next: text,
    });
    ended
}

/// With a run that is not finished there is always something to do, and nothing is in line with anything.
fn dry(survey: &Survey, ahead: Option<&Ahead>, request: &Request) -> Conclusion {
    let something_to_do = ahead.is_some() || !survey.is_nothing();
    let text = match ahead {
        Some(ahead) => format!(
            "Nothing was changed: this was a dry run. First comes {}: see above",
            ahead.what
        ),
        None if something_to_do => "Nothing was changed: this was a dry run".to_owned(),
        None => survey.nothing_text(),
    };
    Conclusion {
        ended: Ended {
            something_to_do: something_to_do && request.options.exit_code,
            ..Ended::of(Outcome::NothingToDo)
        },
        ..Conclusion::early(Outcome::NothingToDo, Some(text))
    }
}
