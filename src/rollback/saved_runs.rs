//! What the checkpoints of some runs hold together: the files as the first of them found them, and what
//! nobody but a person wrote in between.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::checkout::SavedCheckout;
use super::checkpoint::{self, Checkpoint};
use super::saved_file::{self, SavedFile, SavedSide};
use crate::assessment::PinnedImage;
use crate::assessment::edited::Edited;
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::{RunId, ServiceName};
use crate::stack::Place;
use crate::stack::side::{FileEdit, Origin, Side};
use crate::stack::snapshot::EngineSide;
use crate::state::StackState;
use crate::state::journal;
use crate::state::runs::Record;

/// What the checkpoints of some runs hold together.
#[derive(Default)]
pub(super) struct Saved {
    /// Each file as the first of them found it, and the folder of that run.
    oldest: BTreeMap<PathBuf, (PathBuf, SavedFile)>,
    /// Each file as the last of them left it, and that run.
    newest: BTreeMap<PathBuf, (RunId, SavedFile)>,
    /// Texts that a later run found and kept, and that go with this one; with what this one had left.
    edited_between: BTreeMap<PathBuf, (RunId, SavedSide)>,
    /// Files that are written before these runs are undone.
    written: BTreeSet<PathBuf>,
    pub(super) images: Vec<PinnedImage>,
    pub(super) checkout: Option<SavedCheckout>,
    /// What the engine had before the first of them.
    pub(super) before: Option<EngineSide>,
    /// The services whose containers one of them touched.
    touched: BTreeSet<ServiceName>,
}

impl Saved {
    pub(super) fn of(
        state: &StackState,
        runs: &[RunId],
        records: &[Record],
    ) -> Result<Self, Complaint> {
        let mut saved = Self::default();
        for run in runs {
            let folder = state.run_folder(*run);
            let Some(checkpoint) = Checkpoint::read(&folder)? else {
                let text = format!("the checkpoint of run {run} is gone, it cannot be undone");
                let path = checkpoint::path(&folder).display().to_string();
                return Err(Complaint::new(Code::CheckpointGone, text).details(&path));
            };
            let record = records.iter().find(|record| record.run == *run);
            if let Some(record) = record {
                saved
                    .touched
                    .extend(journal::touched(&record.lines).into_keys());
            }
            // One that failed may have given its files back before it could not go on.
            let is_restored = record.is_some_and(|record| record.files_restored);
            saved.take(*run, &folder, checkpoint, is_restored);
        }
        Ok(saved)
    }

    fn take(&mut self, run: RunId, folder: &Path, checkpoint: Checkpoint, is_restored: bool) {
        self.checkout = match (self.checkout.take(), checkpoint.checkout) {
            // From where the last one left it to where the first one found it.
            (Some(first), Some(last)) => Some(first.then(last)),
            (first, last) => first.or(last),
        };
        self.before.get_or_insert(checkpoint.engine);
        for file in checkpoint.files {
            if let Some((earlier, known)) = self.newest.get(&file.path)
                && !file.found().is_same_text(&known.after)
            {
                let left = (*earlier, known.after.clone());
                self.edited_between.insert(file.path.clone(), left);
            }
            // What was edited is undone already.
            let between = self.edited_between.get(&file.path);
            if between.is_some_and(|(_, left)| left.is_known() && left.is_same_text(&file.after)) {
                self.edited_between.remove(&file.path);
            }
            let left = match is_restored {
                true => file.clone().given_back(),
                false => file.clone(),
            };
            self.newest.insert(file.path.clone(), (run, left));
            self.oldest
                .entry(file.path.clone())
                .or_insert((folder.to_owned(), file));
        }
        // A run that changed none has none to give back.
        let changed = checkpoint.images.into_iter();
        for image in changed.filter(|image| !image.kept_as.is_empty()) {
            if self
                .images
                .iter()
                .all(|known| known.service != image.service)
            {
                self.images.push(image);
            }
        }
    }

    /// The same once another run has written these.
    pub(super) fn then(mut self, edits: &[FileEdit]) -> Self {
        for edit in edits {
            let path = &edit.path;
            if let Some((earlier, known)) = self.newest.get(path)
                && known.after.is_known()
                && !known.after.holds(&edit.before)
            {
                let left = (*earlier, known.after.clone());
                self.edited_between.insert(path.clone(), left);
            }
            let between = self.edited_between.get(path);
            if between.is_some_and(|(_, left)| left.holds(&edit.after)) {
                self.edited_between.remove(path);
            }
            self.written.insert(path.clone());
        }
        self
    }

    /// The files that hold, or held between these runs, what none of them wrote.
    pub(super) fn edited_since(&self) -> Result<BTreeMap<PathBuf, RunId>, Complaint> {
        let between = self.edited_between.iter();
        let mut edited: BTreeMap<PathBuf, RunId> = between
            .map(|(path, (run, _))| (path.clone(), *run))
            .collect();
        let left = self.newest.values().map(|(_, file)| file);
        let left = left.filter(|file| !self.written.contains(&file.path));
        for path in saved_file::edited_since(left)? {
            let (run, _) = self.newest[&path];
            // Nothing is lost of a file that is as it is to be.
            if !self.is_as_before(&path)? {
                edited.insert(path, run);
            }
        }
        Ok(edited)
    }

    /// Whether a file is already as the first of these runs found it.
    fn is_as_before(&self, path: &Path) -> Result<bool, Complaint> {
        let oldest = self.oldest.get(path);
        let Some((_, file)) = oldest.filter(|(_, file)| file.before.is_known()) else {
            return Ok(false);
        };
        Ok(file.is_as_before()?)
    }

    /// The files that these runs changed, where all of them are already as before.
    pub(super) fn all_as_before(&self) -> Result<Vec<&PathBuf>, Complaint> {
        let mut all = Vec::new();
        for (path, (_, left)) in &self.newest {
            let file = self.oldest.get(path).map(|(_, file)| file);
            if file.is_some_and(|file| file.before.is_same_text(&left.after)) {
                continue;
            }
            if !self.is_as_before(path)? {
                return Ok(Vec::new());
            }
            all.push(path);
        }
        Ok(all)
    }

    /// The files whose text these runs found in place, and that are to have another one again.
    pub(super) fn found_in_place(&self) -> Result<Vec<&PathBuf>, Complaint> {
        let mut found = Vec::new();
        for (path, (_, file)) in &self.newest {
            if file.was_in_place() && !self.is_as_before(path)? {
                found.push(path);
            }
        }
        Ok(found)
    }

    /// The files as they are to be again.
    pub(super) fn edits(
        &self,
        place: &Place,
        moving: Option<&Moving>,
        edited_since: &BTreeMap<PathBuf, RunId>,
    ) -> Result<Edited, Complaint> {
        let mut edited = Edited::default();
        let is_past_link = |path: &Path| moving.is_some_and(|moving| moving.leads_past(path));
        let mut moved: Vec<FileEdit> = moving.into_iter().flat_map(Moving::file_edits).collect();
        moved.retain(|edit| {
            let saved = self.oldest.get(&edit.path);
            saved.is_none_or(|(_, file)| file.is_link_only()) || is_past_link(&edit.path)
        });
        edited.files = moved;
        for (path, (folder, file)) in &self.oldest {
            // What only git can put back, git puts back.
            if file.is_link_only() || is_past_link(path) {
                continue;
            }
            let before = Side::read(path).known();
            let before = before.map_err(|why| Complaint::new(Code::Io, why))?;
            let after = file.before.read(folder)?;
            if let Side::Unknown(why) = &after {
                let file = place.shown(path);
                let text = format!("{file} stays as it is: its earlier text is not known ({why})");
                edited.notes.push(text);
                continue;
            }
            let after = match after {
                Side::Text(text) if before == Side::Absent => Side::Text(text),
                Side::Text(text) => Side::new(text.bytes, &before),
                Side::Absent | Side::Unknown(_) => after,
            };
            if edited_since.contains_key(path) {
                edited.replaced.push(path.clone());
            }
            edited.files.push(FileEdit {
                path: path.clone(),
                before,
                after,
                origin: match (moving, file.origin) {
                    // git has moved it back by the time that it is written.
                    (Some(_), Origin::Upstream) => Origin::Upstream,
                    _ => Origin::Refit,
                },
            });
        }
        Ok(edited)
    }

    /// The services whose containers are those from before these runs: what goes was never in them.
    pub(super) async fn never_had(
        &self,
        place: &Place,
    ) -> Result<BTreeSet<ServiceName>, Complaint> {
        let Some(before) = &self.before else {
            return Ok(BTreeSet::new());
        };
        let now = EngineSide::look(&place.docker, &before.project, BTreeSet::new(), None).await?;
        let mut services: BTreeSet<ServiceName> = now.services().into_iter().cloned().collect();
        services
            .retain(|service| !self.touched.contains(service) && now.is_as_left(before, service));
        Ok(services)
    }
}
