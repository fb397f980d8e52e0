//! Gives the stack back: files byte for byte, then exactly the touched services, then the proof that
//! the old state works again. Every step looks at what is there before it acts, so that a rollback
//! that was killed is simply done again.

pub(crate) mod aftermath;
pub(crate) mod baseline;
pub(crate) mod by_others;
pub(crate) mod checkout;
pub(crate) mod checkpoint;
mod containers;
mod discarded;
mod end;
pub(crate) mod forget;
pub(crate) mod given_back;
pub(crate) mod history;
pub(crate) mod in_force;
mod named_images;
pub(crate) mod pinned_images;
mod projects;
pub(crate) mod recovery;
pub(crate) mod retention;
pub(crate) mod saved_file;
mod saved_runs;
mod shared_files;
pub(crate) mod unfinished;
mod verify;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) use end::{Cause, Problem, RollbackEnd, Undone};

use crate::apply::images;
use crate::docker::reference::split_tag;
use crate::rollback::checkout::SavedCheckout;
use crate::rollback::checkpoint::Checkpoint;
use crate::rollback::saved_file::{SavedFile, SavedSide};
use jiff::Timestamp;

use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::event::{Action, Emitter, Kind, NoteCode, Phase, ServiceName, Times};
use crate::fault::fault;
use crate::health::limits::Limits;
use crate::host::signals::Signals;
use crate::stack::Place;
use crate::stack::side::{Origin, Side};
use crate::stack::snapshot::{Handled, Left, Verified};
use crate::state::journal::{self, Entry, Journal};

/// What is to be undone.
pub(crate) struct Rollback<'a> {
    /// Engine and Compose.
    pub place: &'a Place,
    /// The state to go back to.
    pub checkpoint: &'a Checkpoint,
    /// The run's folder.
    pub folder: &'a Path,
    /// Services whose containers the run has touched, or was about to.
    pub touched: &'a BTreeMap<ServiceName, Action>,
    /// Compose may have been cut off: what it had asked of the engine may still be going on.
    pub cut_off: bool,
    /// When the run began.
    pub since: Timestamp,
    /// The engine itself may have died, and have started everything again (F31).
    pub engine_ended: bool,
    /// Services that were away when the run gave up.
    pub away: &'a BTreeSet<ServiceName>,
    /// What bounds the watch.
    pub limits: Limits,
    /// Whoever does not want to wait.
    pub signals: &'a Signals,
    /// Where it is told.
    pub emitter: &'a Emitter,
}

/// How far a rollback is.
#[derive(Default)]
struct Progress {
    problems: Vec<Problem>,
    /// What was brought back, and what the comparison has to know of it.
    handled: Handled,
    /// Containers that had been told to stop when it began.
    told_to_stop: BTreeSet<String>,
    times: BTreeMap<ServiceName, Times>,
}

impl Rollback<'_> {
    /// Undoes the run as far as it can be undone, and compares; what is not as it was is said in the
    /// result. Every wait has an end: its own limit, or a person who asks twice.
    pub(crate) async fn run(&self, journal: &Journal) -> Undone {
        let began = Instant::now();
        self.emitter.phase(Phase::Rollback);
        let mut progress = Progress::default();
        self.files(journal, &mut progress).await;
        // With the new files still in place, containers would be made of these.
        if progress
            .problems
            .iter()
            .any(|one| one.cause == Cause::Passing)
        {
            return progress.ended(Err(Vec::new()));
        }
        self.end_once(&mut progress).await;
        let asked = self.signals.asked();
        let compared = tokio::select! {
            done = self.engine_side(began, &mut progress) => done,
            () = self.asked_twice(asked) => Err(vec![Problem {
                text: "stopped waiting, as asked".to_owned(),
                todo: None,
                cause: Cause::Passing,
            }]),
        };
        progress.ended(compared)
    }

    /// What the run was to run once and was cut off in does not go on beside the old version.
    async fn end_once(&self, progress: &mut Progress) {
        let lines = match journal::read(self.folder) {
            Ok(found) => found.map(|found| found.lines).unwrap_or_default(),
            Err(error) => {
                let text = format!("not known: whether the run has run something once: {error}");
                self.emitter.note(NoteCode::NotKnown, text);
                return;
            }
        };
        for (container, command) in journal::run_once(&lines) {
            // Nobody can take that back.
            progress.handled.left.push(Left::RanOnce(command));
            if let Err(error) = self.place.docker.remove_by_force(&container).await {
                let text = format!("the container {container} is not removed: {error}");
                self.emitter.note(NoteCode::Note, text);
            }
        }
    }

    /// Whoever asks once is told what is going on; whoever asks again means it.
    async fn asked_twice(&self, before: u32) {
        self.signals.asked_beyond(before).await;
        let text = "rolling back; press again to stop waiting";
        self.emitter.note(NoteCode::RollingBack, text);
        self.signals.asked_beyond(before + 1).await;
    }

    async fn engine_side(
        &self,
        began: Instant,
        progress: &mut Progress,
    ) -> Result<Verified, Vec<Problem>> {
        self.containers(began, progress).await;
        self.compare(&progress.handled).await
    }

    async fn files(&self, journal: &Journal, progress: &mut Progress) {
        let aside = crate::state::edited_of(self.folder);
        let done = self.checkpoint.restore_files(self.folder, &aside);
        self.emitter.emit(Kind::Restored {
            files: self.told(&done.restored),
            removed: self.told_removed(&done.removed),
        });
        for (path, copy) in &done.kept {
            let copy_of = Side::read(copy);
            let (file, copy) = (self.place.shown(path), copy.display());
            let is_pulled = self.checkpoint.files.iter().any(|file| {
                file.path == *path && file.origin == Origin::Checkout && file.after.holds(&copy_of)
            });
            let text = match is_pulled {
                true => {
                    format!("{file} as the commit that is checked out has it is kept as {copy}")
                }
                false => format!("your edited {file} is kept as {copy}"),
            };
            self.emitter.note(NoteCode::Edited, text);
        }
        for (path, why) in &done.not_known {
            let file = self.place.shown(path);
            let text = format!("{file} stays as it is: its earlier text is not known ({why})");
            self.emitter.note(NoteCode::NotKnown, text);
        }
        for (file, error) in &done.failed {
            let todo = self.file_by_hand(file);
            progress.problems.push(Problem::of_file(error, todo));
        }
        if let Some(checkout) = &self.checkpoint.checkout
            && let Err(error) = self.checkout(checkout).await
        {
            let to = &checkout.state.head;
            let text = format!("the checkout is not back at {}: {error:#}", to.short());
            progress.problems.push(Problem {
                text,
                ..Problem::of_file(&error, checkout_by_hand(checkout))
            });
        }
        if done.failed.is_empty() {
            let _ = journal.add(Entry::FilesRestored);
        }
    }

    /// What is told of the files: of a checkout where it is, and not each of its files.
    fn told(&self, restored: &[PathBuf]) -> Vec<String> {
        let shown = |path: &&PathBuf| self.place.shown(path);
        let Some(checkout) = &self.checkpoint.checkout else {
            return restored.iter().map(|path| shown(&path)).collect();
        };
        let name = checkout.state.branch.as_deref().unwrap_or("HEAD");
        let at = format!("{name} at {}", checkout.state.head.short());
        let others = restored.iter().filter(|path| self.place.is_config(path));
        std::iter::once(at)
            .chain(others.map(|path| shown(&path)))
            .collect()
    }

    /// The same of what is gone again; of a checkout git has said so.
    fn told_removed(&self, removed: &[PathBuf]) -> Vec<String> {
        let is_told =
            |path: &&PathBuf| self.checkpoint.checkout.is_none() || self.place.is_config(path);
        let told = removed.iter().filter(is_told);
        told.map(|path| self.place.shown(path)).collect()
    }

    async fn checkout(&self, checkout: &SavedCheckout) -> anyhow::Result<()> {
        let mark = journal::mark(self.folder)?;
        if let Some(kept) = checkout.give_back(mark, self.folder).await? {
            let (kept, top) = (kept.display(), checkout.state.top.display());
            let text = format!(
                "what was staged in {top} during this run is kept: GIT_INDEX_FILE={kept} git diff --cached \
                 shows it"
            );
            self.emitter.note(NoteCode::Edited, text);
        }
        fault!("rollback.checkout");
        Ok(())
    }

    fn file_by_hand(&self, file: &SavedFile) -> String {
        let path = file.path.display();
        match &file.before {
            SavedSide::Text { name, .. } => match file.before.read(self.folder) {
                Ok(_) => format!("cp {}/{name} {path}", self.folder.display()),
                Err(_) => format!("restore {path} by hand, then refit apply"),
            },
            SavedSide::Absent | SavedSide::Unknown { .. } => format!("mv {path} {path}.edited"),
        }
    }

    /// What a person may type to see what Compose says.
    fn by_hand(&self) -> String {
        let services = self.touched.keys().map(ServiceName::as_str);
        let words: Vec<&str> = ["up", "-d", "--no-deps"]
            .into_iter()
            .chain(services)
            .collect();
        let args = self.checkpoint.args_before();
        args.typed(&self.checkpoint.engine.project, &words)
    }
}

fn checkout_by_hand(checkout: &SavedCheckout) -> String {
    let (top, to) = (checkout.state.top.display(), &checkout.state.head);
    format!("git -C {top} reset --mixed {to}")
}

impl Progress {
    fn ended(self, compared: Result<Verified, Vec<Problem>>) -> Undone {
        Undone {
            end: RollbackEnd::of(self.problems, compared),
            times: self.times,
        }
    }
}

/// Every name means again what it meant: a build or a fetch may have moved it, also where no
/// container was touched. The passing names of what was built in vain go.
pub(crate) async fn names(docker: &Docker, checkpoint: &Checkpoint) {
    for image in &checkpoint.images {
        let now = docker.image_id(&image.name).await.ok().flatten();
        // A name that was gone means what runs again, and not what came under it.
        let meant = image.meant.as_ref().unwrap_or(&image.id);
        if now.as_ref() != Some(meant) && (now.is_some() || image.meant.is_some()) {
            let (repository, tag) = split_tag(&image.name);
            // An image that is gone by now has no name to give back.
            let _ = docker.tag(meant, repository, tag).await;
        }
    }
    images::built::forget(docker, &checkpoint.project).await;
}

/// Networks that were not there before go; volumes stay, and are named.
///
/// # Errors
/// The engine's.
pub(crate) async fn leftovers(
    place: &Place,
    project: &str,
    networks: &[String],
    volumes: &[String],
    emitter: &Emitter,
) -> Result<(), EngineError> {
    let docker = &place.docker;
    for network in docker.networks(project).await? {
        if !networks.contains(&network) {
            // One that is still used is the person's by now.
            let _ = docker.remove_network(&network).await;
        }
    }
    for volume in docker.volumes(project).await? {
        if !volumes.contains(&volume) {
            let text = format!("the volume {volume} was made by this run and is kept");
            emitter.note(NoteCode::VolumeKept, text);
        }
    }
    Ok(())
}
