//! A run that got its number: checkpoint, write, prepare, converge, watch, effect, and then the
//! commit or the rollback, which `ending` tells.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;
use jiff::Timestamp;

use super::run_report::RunEnd;
use crate::apply::converge::Convergence;
use crate::apply::images;
use crate::assess::guarding;
use crate::assessment::Assessment;
use crate::assessment::edited::KeyChange;
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::docker::container::{Container, Inspected};
use crate::event::{
    Action, Emitter, Kind, NoteCode, Outcome, Phase, RunId, ServiceName, Shown, VerdictWord,
};
use crate::failure::Failure;
use crate::fault::fault;
use crate::git::GitError;
use crate::health::aftermath::LeftContainer;
use crate::health::effect;
use crate::health::new_errors::EarlierLogs;
use crate::health::watch::Watch;
use crate::host::exchange::{Exchanged, New, exchange};
use crate::host::process::start_time;
use crate::host::signals::Signals;
use crate::host::sockets::Listens;
use crate::plan::crossing::{Crossing, WayBack};
use crate::request::{Request, Strategy};
use crate::rollback::checkpoint::Checkpoint;
use crate::rollback::saved_file::keep_aside;
use crate::stack::Place;
use crate::stack::side::{FileEdit, Origin, Side};
use crate::stack::{build, build_inputs};
use crate::state::StackState;
use crate::state::journal::{self, Entry, Journal};
use crate::state::open_run::OpenRun;

/// What images of services are built from, by digest.
type BuildInputs = BTreeMap<ServiceName, String>;

/// One run.
pub(crate) struct Transaction<'a> {
    /// Engine and stack; its Compose marks each process that it starts.
    pub(super) place: Place,
    pub(super) assessment: &'a Assessment,
    pub(super) request: &'a Request,
    pub(super) state: &'a StackState,
    pub(super) run: RunId,
    pub(super) folder: PathBuf,
    pub(super) journal: Rc<Journal>,
    /// Events of this run.
    pub emitter: Emitter,
    pub(super) signals: &'a Signals,
    /// When it began.
    pub(super) began: Timestamp,
    /// Which versions of the application it passes, by the images that have come.
    pub(super) crossing: OnceCell<Option<Crossing>>,
}

impl<'a> Transaction<'a> {
    /// Opens the run: its folder, its journal, and what it is about.
    ///
    /// # Errors
    /// The state cannot be written; then nothing was touched.
    pub(crate) fn open(
        place: &Place,
        assessment: &'a Assessment,
        request: &'a Request,
        state: &'a StackState,
        emitter: &Emitter,
        signals: &'a Signals,
    ) -> Result<Self, Complaint> {
        let (run, folder) = state.next_run()?;
        let redactor = Rc::new(assessment.redactor());
        let journal = match Journal::create(&folder) {
            Ok(journal) => Rc::new(journal.hiding(Rc::clone(&redactor))),
            Err(error) => return Err(never_begun(&folder, error.into())),
        };
        let mut place = place.clone();
        let mark = journal::mark(&folder).map_err(|error| never_begun(&folder, error.into()))?;
        place.compose = place.compose.marked(mark);
        let transaction = Self {
            place,
            assessment,
            request,
            state,
            run,
            folder,
            journal,
            emitter: emitter.of_run(run).hiding(redactor),
            signals,
            began: Timestamp::now(),
            crossing: OnceCell::new(),
        };
        OpenRun::begin(&transaction.place.located.args.directory, state, run);
        match transaction.begin() {
            Ok(()) => Ok(transaction),
            Err(complaint) => {
                OpenRun::end(&transaction.place.located.args.directory, state);
                Err(never_begun(&transaction.folder, complaint))
            }
        }
    }

    fn begin(&self) -> Result<(), Complaint> {
        let directory = self.place.located.args.directory.clone();
        let project = self.assessment.after.name.clone();
        let command = self.request.command.clone();
        self.emitter.emit(Kind::RunStarted {
            command: command.clone(),
            project: project.clone(),
            directory: directory.clone(),
        });
        let begin = Entry::Begin {
            run: self.run,
            command,
            project,
            directory,
            pid: std::process::id(),
            started: start_time(std::process::id()),
            undoes: self.assessment.undoes().to_vec(),
        };
        fault!("begin.before");
        let changes = self.assessment.edited.changes.iter().map(entry_of_change);
        let steps = self
            .assessment
            .plan
            .steps
            .iter()
            .map(|step| Entry::Planned {
                service: step.service.clone(),
                action: step.action,
                reasons: step.reasons.iter().map(|r| r.text.clone()).collect(),
            });
        let left_out = self.assessment.waiting(&self.place).into_iter();
        let left_out = left_out.map(|what| Entry::LeftOut { what });
        let entries = std::iter::once(begin).chain(changes).chain(steps);
        let entries = entries.chain(left_out);
        self.journal.add_all(entries)?;
        fault!("begin.after");
        Ok(())
    }

    /// From checkpoint to commit, or to the rollback.
    pub(crate) async fn carry_out(&self) -> RunEnd {
        if let Err(end) = self.before().await {
            return end;
        }
        let end = self.carry_out_between_hooks().await;
        self.after(end.outcome).await;
        end
    }

    async fn carry_out_between_hooks(&self) -> RunEnd {
        let checkpoint = match self.checkpoint().await {
            Ok(checkpoint) => checkpoint,
            Err(complaint) => {
                let end = RunEnd {
                    outcome: Outcome::FailedBefore,
                    ..RunEnd::refused(&complaint, self.signals.received())
                };
                self.emitter.emit(Kind::Complaint(complaint));
                self.record(Outcome::FailedBefore, &[], &[]);
                return end;
            }
        };
        let mut watch = self.watch();
        match self.change(&mut watch).await {
            Ok(()) => self.commit(&watch),
            Err(failure) => {
                let broken = watch.broken().await;
                let failure = failure.blaming(&self.assessment.bonds(), &broken);
                self.tell_failure(&failure, &watch).await;
                self.give_back(failure, &checkpoint, watch).await
            }
        }
    }

    async fn checkpoint(&self) -> Result<Checkpoint, Complaint> {
        self.emitter.phase(Phase::Checkpoint);
        fault!("checkpoint.before");
        let taken = Checkpoint::take(&self.place, self.assessment, self.run, &self.folder).await?;
        fault!("checkpoint.taken");
        self.journal.add(Entry::Checkpointed)?;
        fault!("checkpoint.after");
        Ok(taken)
    }

    /// Write, prepare, converge, watch, effect; each failure leads to the rollback.
    async fn change(&self, watch: &mut Watch) -> Result<(), Failure> {
        let applies = !self.request.options.no_apply && !self.assessment.plan.is_empty();
        // A new version is built from its exported tree, before the checkout moves.
        let builds_first = self.assessment.moving().is_some();
        let mut inputs = BuildInputs::new();
        if applies && builds_first {
            inputs = self.prepare().await?;
        }
        self.interrupted()?;
        self.write().await?;
        if applies {
            self.interrupted()?;
            if !builds_first {
                inputs = self.prepare().await?;
            }
            let earlier_logs = self.earlier_logs().await;
            self.run_once(watch).await?;
            let written_at = Timestamp::now();
            self.converge(watch).await?;
            self.healthy(watch).await?;
            self.effects(watch, written_at).await?;
            self.reloads(watch, written_at).await?;
            self.proofs(watch).await?;
            self.still_well(watch).await?;
            self.neighbours(watch).await?;
            self.leave(watch, &inputs, &earlier_logs).await?;
        } else {
            self.proofs_left_out()?;
        }
        self.journal.add(Entry::Proven)?;
        fault!("effect.proven");
        Ok(())
    }

    /// Whether no service is to take the change now.
    pub(crate) fn is_written_only(&self) -> bool {
        self.request.options.no_apply || self.assessment.plan.stack_is_down
    }

    fn interrupted(&self) -> Result<(), Failure> {
        let signal = self.signals.received();
        signal.map_or(Ok(()), |signal| Err(Failure::of_signal(signal)))
    }

    async fn write(&self) -> Result<(), Failure> {
        self.emitter.phase(Phase::Write);
        // Before the first write: then nothing has to be undone.
        if let Some(path) = self.assessment.edited.edited_meanwhile().first() {
            return Err(self.edited_meanwhile(path));
        }
        if let Some(moving) = self.assessment.moving() {
            self.journal.add(Entry::Writing {
                file: moving.top().to_owned(),
            })?;
            fault!("move.before");
            let moved = moving.carry_out(journal::mark(&self.folder)?).await;
            moved.map_err(|error| self.not_moved(moving, error))?;
            fault!("move.after");
        }
        for edit in self.assessment.edited.changing() {
            self.journal.add(Entry::Writing {
                file: edit.path.clone(),
            })?;
            fault!("write.before");
            // A symlink of the checkout is as git has put it.
            if self.assessment.moving().is_some() && edit.path.is_symlink() {
                continue;
            }
            if let Err(failure) = self.put(edit) {
                // What could not be written is as it was: there is nothing to give back of it.
                if Side::read(&edit.path).is_same_file(&edit.before) {
                    let file = edit.path.clone();
                    self.journal.add(Entry::LeftAlone { file })?;
                }
                return Err(failure);
            }
            fault!("write.written");
        }
        self.journal.add(Entry::Written)?;
        fault!("write.after");
        Ok(())
    }

    /// Who edits while a new version is built keeps what he types: git looks before it writes.
    fn not_moved(&self, moving: &Moving, error: GitError) -> Failure {
        let looked = matches!(
            error,
            GitError::EditedMeanwhile { .. } | GitError::MovedMeanwhile { .. }
        );
        if looked {
            let file = moving.top().to_owned();
            if let Err(error) = self.journal.add(Entry::LeftAlone { file }) {
                return error.into();
            }
        }
        Complaint::from(error).into()
    }

    /// Puts a file's new side in place of just that side which the plan was made from.
    fn put(&self, edit: &FileEdit) -> Result<(), Failure> {
        // What a person edited by hand is in place already; its inode need not change.
        if edit.is_in_place() {
            return Ok(());
        }
        let now = match (&edit.before, edit.origin) {
            // git has moved it: what it holds now is what git has put there.
            (_, Origin::Upstream) => match Side::read(&edit.path) {
                now if now.is_same_text(&edit.after) => return Ok(()),
                now => now,
            },
            (before, Origin::Refit | Origin::Person | Origin::Checkout) => before.clone(),
        };
        if self.assessment.edited.replaced.contains(&edit.path) {
            self.keep_replaced(edit)?;
        }
        let seen = match &now {
            Side::Text(text) => text.seen(),
            Side::Absent | Side::Unknown(_) => None,
        };
        let new = match &edit.after {
            Side::Text(text) => Some(New {
                bytes: &text.bytes,
                attributes: &text.attributes,
            }),
            Side::Absent => None,
            // Nothing is known that could be put there.
            Side::Unknown(_) => return Ok(()),
        };
        if let (Some(_), Some(folder)) = (&new, edit.path.parent()) {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        match exchange(&edit.path, seen.as_ref(), new)? {
            Exchanged::Done => Ok(()),
            Exchanged::Edited => {
                self.journal.add(Entry::LeftAlone {
                    file: edit.path.clone(),
                })?;
                Err(self.edited_meanwhile(&edit.path))
            }
        }
    }

    /// `--allow edited` lets a text be replaced that only a person has.
    fn keep_replaced(&self, edit: &FileEdit) -> Result<(), Failure> {
        let Some(bytes) = edit.before.bytes() else {
            return Ok(());
        };
        let name = edit.path.file_name().unwrap_or_default().to_string_lossy();
        let aside = crate::state::edited_of(&self.folder);
        let copy = keep_aside(bytes, &name, &aside)?;
        let (file, copy) = (self.place.shown(&edit.path), copy.display());
        let text = format!("your edited {file} is kept as {copy}");
        self.emitter.note(NoteCode::Edited, text);
        Ok(())
    }

    fn edited_meanwhile(&self, path: &Path) -> Failure {
        let file = self.place.shown(path);
        let text = format!("{file} was edited while this run was prepared, and is left as it is");
        Failure::new(Code::Edited, text)
    }

    async fn prepare(&self) -> Result<BuildInputs, Failure> {
        self.emitter.phase(Phase::Prepare);
        self.journal.add(Entry::Preparing)?;
        fault!("prepare.before");
        let inputs = self.build_inputs();
        let work = images::images(&self.place, self.assessment, &self.folder, &self.emitter);
        tokio::select! {
            done = work => done?,
            signal = self.signals.wait() => return Err(Failure::of_signal(signal)),
        }
        let options = &self.request.options;
        let came = guarding::images_that_came(&self.place, self.assessment, options).await;
        let crossing = came.map_err(|complaint| {
            let hint = complaint.hint.clone();
            let mut failure = Failure::from(complaint);
            failure.details.extend(hint);
            failure
        })?;
        self.tell_crossing(crossing)?;
        fault!("prepare.after");
        Ok(inputs)
    }

    /// Says what the images that came tell of the versions that are passed, where that is news.
    fn tell_crossing(&self, crossing: Option<Crossing>) -> Result<(), Failure> {
        let told = |crossing: &Option<Crossing>| -> Vec<String> {
            let runs_once = self.assessment.undoing().is_none();
            crossing
                .iter()
                .flat_map(|one| one.told(runs_once))
                .collect()
        };
        let before = told(&self.assessment.crossing);
        let news = told(&crossing)
            .into_iter()
            .filter(|text| !before.contains(text));
        for text in news {
            self.emitter.note(NoteCode::Note, text);
        }
        for one in crossing.iter().flat_map(Crossing::up) {
            let kept_by = match &one.way_back {
                WayBack::Open => continue,
                WayBack::Kept(switches) => switches.iter().map(|one| one.name.clone()).collect(),
                WayBack::Lost(_) => Vec::new(),
            };
            let to = one.step.to.clone();
            self.journal.add(Entry::PassingVersion { to, kept_by })?;
        }
        let _ = self.crossing.set(crossing);
        Ok(())
    }

    /// Which versions of the application are passed, as far as it is known by now.
    pub(super) fn crossing(&self) -> Option<&Crossing> {
        let planned = || self.assessment.crossing.as_ref();
        self.crossing.get().map_or_else(planned, Option::as_ref)
    }

    /// Of the services whose images are built now, what they are built from.
    fn build_inputs(&self) -> BuildInputs {
        let steps = self.assessment.plan.steps.iter();
        let built = steps.filter(|step| step.action == Action::Rebuild);
        let inputs = built.filter_map(|step| {
            let build = self.assessment.after.services.get(&step.service)?;
            let build = build.raw.get("build")?;
            let context = build::context(build)?;
            // A new version is built from its exported tree.
            let exported = self.assessment.moving().and_then(|moving| {
                let inside = moving.checkout.inside(context)?;
                Some(moving.exported.path().join(inside))
            });
            let digest = build_inputs::digest(build, exported.as_deref().unwrap_or(context))?;
            Some((step.service.clone(), digest))
        });
        inputs.collect()
    }

    pub(super) fn convergence(&self) -> Convergence<'_> {
        Convergence {
            place: &self.place,
            args: &self.assessment.args,
            model: &self.assessment.after,
            emitter: &self.emitter,
            signals: self.signals,
        }
    }

    async fn converge(&self, watch: &mut Watch) -> Result<(), Failure> {
        self.emitter.phase(Phase::Converge);
        let convergence = self.convergence();
        if self.request.options.strategy == Strategy::DownUp {
            return convergence.down_up(watch, &self.journal).await;
        }
        let steps = &self.assessment.plan.steps;
        convergence.run(steps, watch, &self.journal).await
    }

    async fn healthy(&self, watch: &mut Watch) -> Result<(), Failure> {
        self.emitter.phase(Phase::Watch);
        fault!("watch.before");
        let services: Vec<ServiceName> = self.assessment.watched();
        let stopped = watch.settle(&services, self.signals).await;
        for (service, verdict) in watch.verdicts() {
            let took_ms = verdict
                .took()
                .and_then(|took| u64::try_from(took.as_millis()).ok());
            let (verdict, reason) = (verdict.word, verdict.reason);
            self.journal.add(Entry::Verdict {
                service,
                verdict,
                reason,
                took_ms,
            })?;
        }
        stopped.map_err(Failure::of_stopped)?;
        fault!("watch.after");
        Failure::of_verdicts(watch).map_or(Ok(()), Err)
    }

    /// The verdicts are as old as what was looked at since.
    async fn still_well(&self, watch: &mut Watch) -> Result<(), Failure> {
        let services = self.assessment.watched();
        let stopped = watch.still(&services, self.signals).await;
        stopped.map_err(Failure::of_stopped)?;
        Failure::of_verdicts(watch).map_or(Ok(()), Err)
    }

    async fn effects(&self, watch: &Watch, written_at: Timestamp) -> Result<(), Failure> {
        self.emitter.phase(Phase::Effect);
        fault!("effect.before");
        let verdicts = watch.verdicts();
        for expected in &self.assessment.effects {
            let service = &expected.service;
            // What has ended, or did not run before either, has nothing to show.
            let word = verdicts.get(service).map(|verdict| verdict.word);
            if word == Some(VerdictWord::AlreadyFailing) {
                continue;
            }
            for container in watch.containers(service) {
                let docker = &self.place.docker;
                let proof = effect::prove(docker, &container, expected, written_at).await?;
                self.tell_effect(expected, &proof)?;
                if !proof.ok {
                    let failure = Failure::new(Code::EffectMissing, proof.what);
                    return Err(Failure {
                        service: Some(service.clone()),
                        ..failure
                    });
                }
            }
        }
        self.removals().await?;
        fault!("effect.after");
        Ok(())
    }

    /// Keeps how the services are left: later commands look what became of them. What cannot be seen now is
    /// not looked at then.
    async fn leave(
        &self,
        watch: &Watch,
        inputs: &BuildInputs,
        earlier_logs: &EarlierLogs,
    ) -> Result<(), Failure> {
        let mut containers = Vec::new();
        let mut built = Vec::new();
        let mut with_other_image = BTreeSet::new();
        for (service, verdict) in watch.verdicts() {
            for id in watch.containers(&service) {
                let found = self.place.docker.inspect(&id).await.ok().flatten();
                if let Some(found) = &found {
                    self.tell_ports(watch, &service, found);
                    let mut had = self.assessment.containers.iter();
                    let is_other = |one: &Container| one.image_id != found.image_id;
                    if had.any(|one| one.service == service && is_other(one)) {
                        with_other_image.insert(service.clone());
                    }
                }
                if let (Some(found), Some(inputs)) = (&found, inputs.get(&service)) {
                    built.push(Entry::Built {
                        image: found.image_id.clone(),
                        inputs: inputs.clone(),
                    });
                }
                containers.extend(found.map(|found| LeftContainer {
                    service: service.clone(),
                    id,
                    verdict: verdict.word,
                    restarts: found.restarts,
                    ports: found.reach.known_among(&verdict.answers),
                    before: self.assessment.seen.pace(&service),
                }));
            }
        }
        self.tell_new_errors(watch, earlier_logs, &with_other_image)
            .await;
        self.tell_data(&with_other_image);
        self.journal.add(Entry::Left { containers })?;
        for entry in built {
            self.journal.add(entry)?;
        }
        Ok(())
    }

    /// Says which published ports of a container lead nowhere, as far as anybody can look.
    fn tell_ports(&self, watch: &Watch, service: &ServiceName, found: &Inspected) {
        let mut reach = found.reach.clone();
        let udp = reach.udp().collect();
        match self.place.docker.endpoint.is_local() {
            // Whoever lives in its network may be meant.
            true => reach.look(&found.id, false, udp),
            false => {
                reach.listens = Listens::NotLooked("the engine is on another machine".to_owned())
            }
        }
        for text in watch.unserved(service, &reach) {
            let text = format!("{service}: {text}");
            self.emitter.note(NoteCode::PortUnserved, text);
        }
    }

    pub(super) fn tell_effect(
        &self,
        expected: &effect::Expected,
        proof: &effect::Proof,
    ) -> Result<(), Failure> {
        self.emitter.emit(Kind::Effect {
            service: expected.service.clone(),
            key: expected.key.clone(),
            route: expected.route,
            ok: proof.ok,
            how: proof.how,
            what: proof.what.clone(),
        });
        self.journal.add(Entry::Effect {
            service: expected.service.clone(),
            key: expected.key.clone(),
            ok: proof.ok,
            what: proof.what.clone(),
        })?;
        Ok(())
    }

    fn watch(&self) -> Watch {
        Watch::begin(
            &self.place.docker,
            &self.assessment.after.name,
            self.assessment.targets(&self.place),
            self.request.options.limits,
            self.emitter.clone(),
        )
    }
}

/// A change as it is recorded: values only where they may be shown.
fn entry_of_change(change: &KeyChange) -> Entry {
    let shown = |value: &Option<String>| Shown::of(&change.name, value.as_deref());
    let plain = |value: &Option<String>| match shown(value) {
        Shown::Plain(text) => Some(text),
        Shown::Absent | Shown::Secret => None,
    };
    Entry::Change {
        file: change.file.clone(),
        key: change.key.clone(),
        before: plain(&change.before),
        after: plain(&change.after),
        secret: [&change.before, &change.after]
            .into_iter()
            .any(|value| shown(value) == Shown::Secret),
        added: change.before.is_none(),
        removed: change.after.is_none(),
    }
}

/// A run that could not even be begun leaves nothing to recover from; what cannot be removed now,
/// recovery closes.
fn never_begun(folder: &Path, complaint: Complaint) -> Complaint {
    let _ = std::fs::remove_dir_all(folder);
    complaint
}
