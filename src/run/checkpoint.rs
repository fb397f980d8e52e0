//! What a run needs to give the stack back: bytes and attributes of every file that it may touch,
//! the images (`kept`), and the state of every container.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::checkout::SavedCheckout;
use super::kept::{self, SavedImage};
use super::state::write_file;
use super::survey::Survey;
use crate::complaint::Complaint;
use crate::engine::compose::ProjectArgs;
use crate::engine::container::{Container, Health, State};
use crate::engine::docker::Docker;
use crate::engine::files::{self, Attributes};
use crate::event::{RunId, ServiceName};
use crate::fault::fault;
use crate::stack::Place;
use crate::stack::staged::FileEdit;

const NAME: &str = "checkpoint.json";

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What Compose was told before the change.
    pub args: ProjectArgs,
    /// Compose's project.
    pub project: String,
    /// Every file that the run may touch.
    pub files: Vec<SavedFile>,
    /// The git checkout, if the run moves it.
    #[serde(default)]
    pub checkout: Option<SavedCheckout>,
    /// Every container of the project.
    pub containers: Vec<SavedContainer>,
    /// Images of the services that get new containers.
    pub images: Vec<SavedImage>,
    /// Networks that exist.
    pub networks: Vec<String>,
    /// Volumes that exist.
    pub volumes: Vec<String>,
}

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// Where the stack has it.
    pub path: PathBuf,
    /// Where a symlink points, if it is one.
    pub link: Option<PathBuf>,
    /// Its content's name in the run's folder, and its attributes; `None`: there was no such file, or
    /// only a symlink that leads to none.
    pub content: Option<(String, Attributes)>,
    /// Hash of what the run makes of it; `None`: it removes it.
    pub after: Option<String>,
    /// Where a symlink points that the run makes of it: what lies there may be another's.
    #[serde(default)]
    pub after_link: Option<PathBuf>,
    /// The highest folder that did not exist, and goes when the file goes.
    #[serde(default)]
    pub new_folder: Option<PathBuf>,
}

/// A container as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedContainer {
    /// The engine's ID.
    pub id: String,
    /// Its service.
    pub service: ServiceName,
    /// Whether its process was there.
    pub up: bool,
    /// Whether it was in trouble.
    pub failing: bool,
    /// Digest of its image.
    pub image_id: String,
}

impl Checkpoint {
    /// Takes and stores a checkpoint; it is whole on disk when this returns.
    ///
    /// # Errors
    /// A file that cannot be read, a full disk, an engine that does not answer.
    pub async fn take(
        place: &Place,
        survey: &Survey,
        run: RunId,
        folder: &Path,
    ) -> Result<Self, Complaint> {
        let model = survey.before.as_ref().unwrap_or(&survey.after);
        let project = &model.name;
        let mut saved = Vec::new();
        let moving = survey.moving.as_ref();
        // A move also changes modes and where symlinks point, and no byte then.
        let edits = survey.edited.files.iter();
        let touched = edits.filter(|edit| moving.is_some() || !edit.is_noop());
        for (index, edit) in touched.enumerate() {
            let after_link = moving.and_then(|moving| moving.link_at(&edit.path));
            saved.push(SavedFile {
                after_link,
                ..save_file(edit, index, folder)?
            });
            fault!("checkpoint.file");
        }
        let checkout = match moving {
            Some(moving) => Some(moving.save(run, folder).await?),
            None => None,
        };
        let containers = place.of_project(project);
        let prefix = format!("{project}-{run}-{}", whose(folder));
        let images = kept::images_of(&place.docker, &prefix, model, survey, &containers).await?;
        let (networks, volumes) = tokio::join!(
            place.docker.networks(project),
            place.docker.volumes(project)
        );
        let checkpoint = Self {
            args: place.located.args.clone(),
            project: project.clone(),
            files: saved,
            checkout,
            containers: containers.iter().map(SavedContainer::of).collect(),
            images,
            networks: networks?,
            volumes: volumes?,
        };
        let json = serde_json::to_vec_pretty(&checkpoint).context("cannot write a checkpoint")?;
        // Before the names are given: whoever is killed while giving them is followed by somebody
        // who knows which to take back.
        write_file(&folder.join(NAME), &json)?;
        fault!("checkpoint.stored");
        for image in &checkpoint.images {
            let (repository, tag) = kept::split_tag(&image.kept_as);
            place.docker.tag(&image.id, repository, tag).await?;
            fault!("checkpoint.tagged");
        }
        Ok(checkpoint)
    }

    /// Reads a run's checkpoint; `None` when the run did not come so far.
    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(folder.join(NAME)).ok()?).ok()
    }

    /// Containers of a service as they were.
    pub fn of_service(&self, service: &ServiceName) -> Vec<&SavedContainer> {
        self.containers
            .iter()
            .filter(|container| container.service == *service)
            .collect()
    }

    /// Puts every file back, byte for byte, in a state that is safe to repeat. One that cannot be
    /// restored keeps no other from it. A text that is neither side of the run, so somebody wrote it
    /// meanwhile, is kept in the run's folder first.
    pub fn restore_files(&self, folder: &Path) -> Restored {
        let mut done = Restored::default();
        // What came goes first, so that files and folders which took each other's place do not meet.
        let (came, was): (Vec<_>, Vec<_>) = self.files.iter().partition(|file| !file.was_there());
        for file in came.into_iter().rev().chain(was) {
            match file.restore(folder) {
                Ok(Some(kept)) => {
                    done.restored.push(file.path.clone());
                    done.kept.extend(kept.map(|copy| (file.path.clone(), copy)));
                }
                Ok(None) => {}
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
pub struct Restored {
    /// Those that had to be put back.
    pub restored: Vec<PathBuf>,
    /// Texts that somebody wrote meanwhile, and where they are now.
    pub kept: Vec<(PathBuf, PathBuf)>,
    /// Those that could not be restored, and why.
    pub failed: Vec<(SavedFile, anyhow::Error)>,
}

/// The files whose content is no longer what the run made of them.
///
/// # Errors
/// A file cannot be read.
pub fn edited_since<'a>(
    files: impl Iterator<Item = &'a SavedFile>,
) -> anyhow::Result<Vec<PathBuf>> {
    let mut edited = Vec::new();
    for file in files {
        if file.is_as_linked() {
            continue;
        }
        let now = files::read_unless_folder(&file.path)?.map(|bytes| hash(&bytes));
        if now != file.after {
            edited.push(file.path.clone());
        }
    }
    Ok(edited)
}

impl SavedFile {
    /// `None`: nothing had to be done; else where a text that somebody wrote meanwhile is now.
    fn restore(&self, folder: &Path) -> anyhow::Result<Option<Option<PathBuf>>> {
        if !self.was_there() {
            return self.remove(folder);
        }
        let now = self.make_room()?;
        let Some((name, attributes)) = &self.content else {
            return self.restore_link();
        };
        let bytes = std::fs::read(folder.join(name))
            .with_context(|| format!("the checkpoint of {} is gone", self.path.display()))?;
        let same_link = self.link.as_deref() == std::fs::read_link(&self.path).ok().as_deref();
        let same = now.as_ref() == Some(&bytes)
            && Attributes::of(&self.path).ok().as_ref() == Some(attributes);
        if same && same_link {
            return Ok(None);
        }
        let kept = match &now {
            Some(text) => self.keep_foreign(text, Some(&bytes), folder)?,
            None => None,
        };
        if !same_link {
            files::remove(&self.path)?;
            if let Some(target) = &self.link {
                std::os::unix::fs::symlink(target, &self.path)?;
            }
            // What the symlink leads to is a file of its own, and may be as it was.
            let there = files::read_if_exists(&self.path)?;
            if self.link.is_some() && there.as_ref() == Some(&bytes) {
                return Ok(Some(kept));
            }
        }
        files::replace_with(&self.path, &bytes, attributes)?;
        Ok(Some(kept))
    }

    /// Whether it was a symlink that led to no file.
    pub fn is_link_only(&self) -> bool {
        self.content.is_none() && self.link.is_some()
    }

    /// Whether it is the symlink that the run made.
    fn is_as_linked(&self) -> bool {
        let now = std::fs::read_link(&self.path).ok();
        now.is_some() && now == self.after_link
    }

    fn was_there(&self) -> bool {
        self.content.is_some() || self.link.is_some()
    }

    /// Takes away what the run made where nothing was.
    fn remove(&self, folder: &Path) -> anyhow::Result<Option<Option<PathBuf>>> {
        // A folder is none of the run's: whoever made it has put it in the place of the file.
        if self.path.is_dir() || self.path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let kept = match files::read_if_exists(&self.path)? {
            Some(text) => self.keep_foreign(&text, None, folder)?,
            None => None,
        };
        files::remove(&self.path)?;
        let above = self.path.ancestors().skip(1);
        for folder in above.take_while(|dir| {
            self.new_folder
                .as_ref()
                .is_some_and(|new| dir.starts_with(new))
        }) {
            // One that holds something else by now stays.
            let _ = std::fs::remove_dir(folder);
        }
        Ok(Some(kept))
    }

    /// The content that is there; the folders above are made where they are missing.
    fn make_room(&self) -> anyhow::Result<Option<Vec<u8>>> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        if self.path.is_dir() && !self.path.is_symlink() {
            // Only where it is empty: what a person put there is not ours to remove.
            std::fs::remove_dir(&self.path)
                .with_context(|| format!("a folder is in the way of {}", self.path.display()))?;
        }
        files::read_if_exists(&self.path)
    }

    /// A symlink that leads to no file.
    fn restore_link(&self) -> anyhow::Result<Option<Option<PathBuf>>> {
        let (Some(target), now) = (&self.link, std::fs::read_link(&self.path).ok()) else {
            return Ok(None);
        };
        if now.as_ref() == Some(target) {
            return Ok(None);
        }
        files::remove(&self.path)?;
        std::os::unix::fs::symlink(target, &self.path)?;
        Ok(Some(None))
    }

    /// Keeps a text that neither this run nor its checkpoint knows.
    fn keep_foreign(
        &self,
        text: &[u8],
        before: Option<&[u8]>,
        folder: &Path,
    ) -> anyhow::Result<Option<PathBuf>> {
        if self.is_as_linked() {
            return Ok(None);
        }
        let now = hash(text);
        if Some(&now) == self.after.as_ref() || Some(text) == before {
            return Ok(None);
        }
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let copy = folder.join(format!("edited-{}-{name}", now.get(..8).unwrap_or(&now)));
        write_file(&copy, text)?;
        Ok(Some(copy))
    }

    /// The old content.
    pub fn old_bytes(&self, folder: &Path) -> Option<Vec<u8>> {
        let (name, _) = self.content.as_ref()?;
        std::fs::read(folder.join(name)).ok()
    }
}

fn save_file(edit: &FileEdit, index: usize, folder: &Path) -> anyhow::Result<SavedFile> {
    let missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let above = edit.path.ancestors().skip(1);
    let content = match &edit.before {
        Some(bytes) => {
            let name = format!("file-{index}");
            write_file(&folder.join(&name), bytes)?;
            let attributes = Attributes::of(&edit.path)
                .with_context(|| format!("cannot read {}", edit.path.display()))?;
            Some((name, attributes))
        }
        None => None,
    };
    Ok(SavedFile {
        path: edit.path.clone(),
        link: std::fs::read_link(&edit.path).ok(),
        content,
        after: edit.after.as_deref().map(hash),
        after_link: None,
        new_folder: above.take_while(missing).last().map(Path::to_owned),
    })
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl SavedContainer {
    fn of(container: &Container) -> Self {
        Self {
            id: container.id.clone(),
            service: container.service.clone(),
            up: container.is_up(),
            failing: is_failing(container),
            image_id: container.image_id.clone(),
        }
    }
}

/// Whether a container is in trouble: an old fault is not to be blamed on a change.
pub fn is_failing(container: &Container) -> bool {
    match container.state {
        State::Restarting | State::Dead => true,
        State::Exited => !container.stopped_on_purpose(),
        State::Created => true,
        _ => container.crashing || container.health == Health::Unhealthy,
    }
}

/// A short name of a run's folder. Root and a user have a state folder each, and count their runs
/// by themselves: one must not take the other's names.
pub(super) fn whose(folder: &Path) -> String {
    let hash = hash(folder.as_os_str().as_encoded_bytes());
    hash.get(..6).unwrap_or(&hash).to_owned()
}

/// Lets the images and the old commit of a checkpoint go.
///
/// # Errors
/// The engine's. A repository that is gone has nothing to let go.
pub async fn release(docker: &Docker, checkpoint: &Checkpoint) -> Result<(), Complaint> {
    if let Some(checkout) = &checkpoint.checkout {
        let _ = checkout.release().await;
    }
    for image in &checkpoint.images {
        image.release(docker).await?;
    }
    Ok(())
}
