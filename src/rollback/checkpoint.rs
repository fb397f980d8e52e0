//! What a run needs to give the stack back: bytes and attributes of every file that it may touch,
//! the images (`kept`), and the state of every container.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkout::SavedCheckout;
use super::saved_file::{Back, SavedFile, SavedSide};
use crate::assessment::Assessment;
use crate::assessment::PinnedImage;
use crate::assessment::read_files;
use crate::complaint::Complaint;
use crate::docker::client::Docker;
use crate::docker::compose::ProjectArgs;
use crate::docker::reference::split_tag;
use crate::event::RunId;
use crate::fault::fault;
use crate::health::before::SeenBefore;
use crate::host::files;
use crate::plan::own_layer::DiscardedLayer;
use crate::rollback::pinned_images;
use crate::stack::Place;
use crate::stack::snapshot::EngineSide;
use crate::state;
use crate::state::document::{self, StateError};

const NAME: &str = "checkpoint.json";

/// Where a run's checkpoint is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

fn is_of_first_format(path: &Path) -> bool {
    let bytes = std::fs::read(path).unwrap_or_default();
    let value = serde_json::from_slice::<serde_json::Value>(&bytes);
    value.is_ok_and(|value| value.is_object() && value.get("format").is_none())
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// What Compose was told before the change.
    pub args: ProjectArgs,
    /// Compose's project.
    pub project: String,
    /// Every file that the run may touch.
    pub files: Vec<SavedFile>,
    /// Files of the stack's folder that new containers are made of, and that the run only reads: a
    /// container that is recreated on the way back would take what somebody typed there since.
    #[serde(default)]
    pub read: Vec<SavedFile>,
    /// The git checkout, if the run moves it.
    #[serde(default)]
    pub checkout: Option<SavedCheckout>,
    /// What the engine has of the project.
    pub engine: EngineSide,
    /// What was seen of the services that the run touches.
    #[serde(default)]
    pub seen: SeenBefore,
    /// What goes with the containers that the run replaces.
    #[serde(default)]
    pub discards: Vec<DiscardedLayer>,
    /// Images of the services that get new containers.
    pub images: Vec<PinnedImage>,
}

impl Checkpoint {
    /// Takes and stores a checkpoint; it is whole on disk when this returns.
    ///
    /// # Errors
    /// A file that cannot be read, a full disk, an engine that does not answer.
    pub(crate) async fn take(
        place: &Place,
        assessment: &Assessment,
        run: RunId,
        folder: &Path,
    ) -> Result<Self, Complaint> {
        let model = assessment.before.as_ref().unwrap_or(&assessment.after);
        let project = &model.name;
        let mut saved = Vec::new();
        let moving = assessment.moving();
        // A move also changes modes and where symlinks point, and no byte then.
        let edits = assessment.edited.files.iter();
        let touched = edits.filter(|edit| moving.is_some() || !edit.is_noop());
        for (index, edit) in touched.enumerate() {
            let Some(moving) = moving else {
                saved.push(SavedFile::save(edit, index, folder)?);
                fault!("checkpoint.file");
                continue;
            };
            let Some(edit) = moving.kept(edit) else {
                continue;
            };
            saved.push(SavedFile {
                after_link: moving.link_at(&edit.path),
                ..SavedFile::save_moved(&edit, index, folder, moving.root_of(&edit.path))?
            });
            fault!("checkpoint.file");
        }
        let read = read_files::of_new_containers(place, assessment)
            .filter(|(path, _)| saved.iter().all(|file| file.path != **path))
            .enumerate()
            .map(|(index, (path, side))| SavedFile::save_read(path, side, index, folder))
            .collect::<anyhow::Result<Vec<SavedFile>>>()?;
        let checkout = match moving {
            Some(moving) => Some(SavedCheckout::save(moving, run, folder).await?),
            None => None,
        };
        let containers = place.of_project(project);
        let prefix = format!("{project}-{run}-{}", state::short_name(folder));
        let images =
            pinned_images::images_of(&place.docker, &prefix, model, assessment, &containers)
                .await?;
        let names = pinned_images::names_of(&images);
        let engine = EngineSide::look(&place.docker, project, names, None).await?;
        let checkpoint = Self {
            args: assessment.args_before.clone(),
            project: project.clone(),
            files: saved,
            read,
            checkout,
            engine,
            seen: assessment.seen.clone(),
            discards: assessment.discards.clone(),
            images,
        };
        // Before the names are given: whoever is killed while giving them is followed by somebody
        // who knows which to take back.
        document::write(&path(folder), &checkpoint)?;
        fault!("checkpoint.stored");
        let kept = checkpoint.images.iter();
        for image in kept.filter(|image| !image.kept_as.is_empty()) {
            let (repository, tag) = split_tag(&image.kept_as);
            place.docker.tag(&image.id, repository, tag).await?;
            fault!("checkpoint.tagged");
        }
        Ok(checkpoint)
    }

    /// Reads a run's checkpoint; `None` when the run did not come so far.
    ///
    /// # Errors
    /// It is there and cannot be used.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, StateError> {
        document::read(&path(folder)).map_err(|error| match error {
            // Sides of files had another form then.
            StateError::Damaged { path, .. } if is_of_first_format(&path) => {
                StateError::Older { path, format: 1 }
            }
            error @ (StateError::Unreadable { .. }
            | StateError::Damaged { .. }
            | StateError::Gone { .. }
            | StateError::Newer { .. }
            | StateError::Older { .. }) => error,
        })
    }

    /// Whether there is something to undo: a file, the checkout, or what the name of an image means.
    /// A restart leaves nothing, nor does a container that was recreated as it was.
    pub(crate) fn leaves_something(&self) -> bool {
        let is_another = |image: &PinnedImage| {
            image.fetched.is_some() || image.meant.as_ref() != Some(&image.id)
        };
        // Nobody can put back what nobody knows.
        let is_known = |file: &SavedFile| !matches!(file.before, SavedSide::Unknown { .. });
        self.files.iter().any(is_known)
            || self.checkout.is_some()
            || self.images.iter().any(is_another)
    }

    /// All files of which it knows how they were.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = &SavedFile> {
        self.files.iter().chain(&self.read)
    }

    /// What Compose was told before the change. A file that the change itself brought, and that goes
    /// again, was not yet there.
    pub(crate) fn args_before(&self) -> ProjectArgs {
        let came = |path: &PathBuf| {
            let file = self.files.iter().find(|file| file.path == *path);
            file.is_some_and(|file| !file.was_there())
        };
        let mut args = self.args.clone();
        args.files.retain(|path| !came(path));
        args.env_files.retain(|path| !came(path));
        args
    }

    /// Puts every file back, byte for byte, in a state that is safe to repeat. One that cannot be
    /// restored keeps no other from it. A text that is neither side of the run, so somebody wrote it
    /// meanwhile, is kept in the run's folder first.
    pub(crate) fn restore_files(&self, folder: &Path, aside: &Path) -> Restored {
        let mut done = Restored::default();
        // What came goes first, so that files and folders which took each other's place do not meet.
        let (came, was): (Vec<_>, Vec<_>) = self.all_files().partition(|file| !file.was_there());
        for file in came.into_iter().rev().chain(was) {
            match file.restore(folder, aside) {
                Ok(Back::Put { kept }) => {
                    let list = match file.was_there() {
                        true => &mut done.restored,
                        false => &mut done.removed,
                    };
                    list.push(file.path.clone());
                    done.kept.extend(kept.map(|copy| (file.path.clone(), copy)));
                }
                Ok(Back::AsItWas) => {}
                Ok(Back::NotKnown { why }) => done.not_known.push((file.path.clone(), why)),
                Err(error) => done.failed.push((file.clone(), error)),
            }
        }
        for file in &self.files {
            if let Some(folder) = files::follow(&file.path).parent()
                && let Err(error) = files::remove_temporaries(folder)
            {
                done.failed.push((file.clone(), error));
            }
        }
        done
    }
}

/// What became of the files of a checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// Those that had to be put back.
    pub restored: Vec<PathBuf>,
    /// Those that the run had brought, and that are gone again.
    pub removed: Vec<PathBuf>,
    /// Texts that somebody wrote meanwhile, and where they are now.
    pub kept: Vec<(PathBuf, PathBuf)>,
    /// Those whose earlier text nobody knows, and why: they were left as they are.
    pub not_known: Vec<(PathBuf, String)>,
    /// Those that could not be restored, and why.
    pub failed: Vec<(SavedFile, anyhow::Error)>,
}

/// Lets the images and the old commit of a checkpoint go.
///
/// # Errors
/// The engine's. A repository that is gone has nothing to let go.
pub(crate) async fn release(docker: &Docker, checkpoint: &Checkpoint) -> Result<(), Complaint> {
    if let Some(checkout) = &checkpoint.checkout {
        let _ = checkout.release().await;
    }
    for image in &checkpoint.images {
        pinned_images::release(image, docker).await?;
    }
    Ok(())
}
