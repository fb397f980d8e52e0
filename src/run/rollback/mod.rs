//! Gives the stack back: files byte for byte, then exactly the touched services, then the proof that
//! the old state works again. Every step looks at what is there before it acts, so that a rollback
//! that was killed is simply done again.

mod containers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checkout::SavedCheckout;
use super::checkpoint::Checkpoint;
use super::kept;
use super::saved_file::SavedSide;
use crate::complaint::Complaint;
use crate::engine::docker::Docker;
use crate::event::{Action, Emitter, Kind, NoteCode, Phase, ServiceName};
use crate::fault::fault;
use crate::health::limits::Limits;
use crate::stack::Place;
use crate::state::journal::{self, Entry, Journal};

/// What is to be undone.
pub struct Rollback<'a> {
    /// Engine and Compose.
    pub place: &'a Place,
    /// The state to go back to.
    pub checkpoint: &'a Checkpoint,
    /// The run's folder.
    pub folder: &'a Path,
    /// Services whose containers the run has touched, or was about to.
    pub touched: &'a BTreeMap<ServiceName, Action>,
    /// Start what ran before and does not now, touched or not: the engine itself may have died (F31).
    pub revive: bool,
    /// Services that were away when the run gave up.
    pub away: &'a BTreeSet<ServiceName>,
    /// What bounds the watch.
    pub limits: Limits,
    /// Where it is told.
    pub emitter: &'a Emitter,
}

/// What a rollback could not do, and what a person has to do about it.
#[derive(Debug, Default)]
pub struct Undone {
    /// Why it is not as it was; empty: it is.
    pub problems: Vec<String>,
    /// What to type.
    pub todo: Vec<String>,
    /// How long services were away while it lasted.
    pub down: BTreeMap<ServiceName, Duration>,
}

impl Undone {
    /// Whether everything is as it was.
    pub fn is_whole(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, problem: impl Into<String>, todo: impl Into<String>) {
        self.problems.push(problem.into());
        self.todo.push(todo.into());
    }
}

impl Rollback<'_> {
    /// Undoes the run as far as it can be undone; what cannot be is said in the result.
    pub async fn run(&self, journal: &Journal) -> Undone {
        let mut undone = Undone::default();
        let began = Instant::now();
        self.emitter.phase(Phase::Rollback);
        self.files(journal, &mut undone).await;
        if let Err(problem) = self.containers(began, &mut undone).await {
            let text = problem.details.first().cloned().unwrap_or_default();
            undone.add(format!("{} {text}", problem.text).trim(), self.by_hand());
        }
        undone
    }

    async fn files(&self, journal: &Journal, undone: &mut Undone) {
        let aside = crate::state::edited_of(self.folder);
        let done = self.checkpoint.restore_files(self.folder, &aside);
        self.emitter.emit(Kind::Restored {
            files: self.told(&done.restored),
        });
        for (path, copy) in &done.kept {
            let (file, copy) = (self.place.shown(path), copy.display());
            let text = format!("your edited {file} is kept as {copy}");
            self.emitter.note(NoteCode::Edited, text);
        }
        for (path, why) in &done.not_known {
            let file = self.place.shown(path);
            let text = format!("{file} stays as it is: its earlier text is not known ({why})");
            self.emitter.note(NoteCode::NotKnown, text);
        }
        for (file, error) in &done.failed {
            let path = file.path.display();
            let todo = match &file.before {
                SavedSide::Text { name, .. } => {
                    format!("cp {}/{name} {path}", self.folder.display())
                }
                SavedSide::Absent | SavedSide::Unknown { .. } => {
                    format!("mv {path} {path}.edited")
                }
            };
            undone.add(format!("{error:#}"), todo);
        }
        if let Some(checkout) = &self.checkpoint.checkout
            && let Err(error) = self.checkout(checkout).await
        {
            let to = &checkout.state.head;
            let text = format!("the checkout is not back at {}: {error:#}", to.short());
            let top = checkout.state.top.display();
            undone.add(text, format!("git -C {top} reset --mixed {to}"));
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

    async fn checkout(&self, checkout: &SavedCheckout) -> anyhow::Result<()> {
        let mark = journal::mark(self.folder)?;
        checkout.give_back(mark, self.folder).await?;
        fault!("rollback.checkout");
        Ok(())
    }

    fn by_hand(&self) -> String {
        let files = self
            .checkpoint
            .args
            .files
            .iter()
            .map(|f| format!("-f {}", f.display()));
        let files = files.collect::<Vec<_>>().join(" ");
        let services: Vec<&str> = self.touched.keys().map(ServiceName::as_str).collect();
        let project = &self.checkpoint.project;
        format!(
            "docker compose {files} -p {project} up -d --no-deps {}",
            services.join(" ")
        )
    }

    async fn leftovers(&self) -> Result<(), Complaint> {
        let Checkpoint {
            project,
            networks,
            volumes,
            ..
        } = self.checkpoint;
        leftovers(self.place, project, networks, volumes, self.emitter).await
    }
}

/// Every name means again what it meant: a build or a fetch may have moved it, also where no
/// container was touched.
pub async fn names(docker: &Docker, checkpoint: &Checkpoint) {
    for image in &checkpoint.images {
        let now = docker.image_id(&image.name).await.ok().flatten();
        // A name that was gone means what runs again, and not what came under it.
        let meant = image.meant.as_ref().unwrap_or(&image.id);
        if now.as_ref() != Some(meant) && (now.is_some() || image.meant.is_some()) {
            let (repository, tag) = kept::split_tag(&image.name);
            // An image that is gone by now has no name to give back.
            let _ = docker.tag(meant, repository, tag).await;
        }
    }
}

/// Networks that were not there before go; volumes stay, and are named.
///
/// # Errors
/// The engine's.
pub async fn leftovers(
    place: &Place,
    project: &str,
    networks: &[String],
    volumes: &[String],
    emitter: &Emitter,
) -> Result<(), Complaint> {
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
