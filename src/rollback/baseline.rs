//! The last text of the stack's files that was seen to agree with its containers: what an `apply`
//! after an edit by hand goes back to when it fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::checkpoint::Checkpoint;
use crate::assessment::{Assessment, Change, read_files};
use crate::docker::compose::ProjectArgs;
use crate::docker::container::Container;
use crate::event::{RunId, ServiceName};
use crate::hash::sha256;
use crate::host::files::Attributes;
use crate::stack::model::{Model, Section};
use crate::stack::side::{FileEdit, Origin, Side, Text};
use crate::stack::source::Source;
use crate::stack::{self, Place, drift};
use crate::state::document::{self, StateError};
use crate::state::{StackState, make_folder, runs, write_file};

/// Larger files are data, not settings.
const LARGEST: u64 = 1 << 20;

const INDEX: &str = "index.json";

/// The stack's files when they agreed with its containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// What Compose was told.
    pub args: ProjectArgs,
    /// Every file that was looked at, and what was there.
    files: BTreeMap<PathBuf, BaselineSide>,
}

/// A file as it was then. One that is not in the list was not looked at: nothing is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "side", rename_all = "snake_case")]
enum BaselineSide {
    Absent,
    Text {
        /// Names the kept text.
        hash: String,
        attributes: Attributes,
    },
    Unknown {
        why: String,
    },
}

/// The files that make the stack what it is, and those that Compose would load were they there.
fn files_of(place: &Place, model: &Model, source: &Source) -> BTreeSet<PathBuf> {
    let mut paths: BTreeSet<PathBuf> = read_files::of_all(place).collect();
    for service in source.services.values() {
        paths.extend(service.env_files.iter().map(|entry| entry.path.clone()));
    }
    for service in model.services.values() {
        paths.extend(service.binds.iter().map(|bind| bind.source.clone()));
    }
    for section in [Section::Configs, Section::Secrets] {
        for definition in model.shared.get(&section).into_iter().flatten() {
            let file = definition.1.get("file").and_then(Value::as_str);
            paths.extend(file.map(PathBuf::from));
        }
    }
    paths.retain(|path| !path.is_dir());
    paths
}

fn folder_of(state: &StackState) -> PathBuf {
    state.folder().join("baseline")
}

/// Reads the baseline of a stack; `None`: there is none.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(state: &StackState) -> Result<Option<Baseline>, StateError> {
    document::read(&folder_of(state).join(INDEX))
}

/// Keeps the texts that a run has proven: those that it changed, and those of which none is known.
/// What a person edited elsewhere and did not apply is not proven by it.
///
/// # Errors
/// The disk is full, or what is there cannot be read.
pub(crate) fn keep(
    place: &Place,
    assessment: &Assessment,
    state: &StackState,
) -> anyhow::Result<()> {
    let known = match read(state) {
        // Some services were left out of an `apply`.
        Ok(Some(_)) if assessment.leaves_drift() && assessment.edited.is_by_hand => {
            return Ok(());
        }
        Ok(known) => known.map(|known| known.files).unwrap_or_default(),
        // What is damaged is of no use to anybody any more; a newer refit's is left to it.
        Err(error) if error.may_pass() => return Err(error.into()),
        Err(_) => BTreeMap::new(),
    };
    let changed: BTreeSet<&PathBuf> = assessment
        .edited
        .changing()
        .map(|edit| &edit.path)
        .collect();
    let proven = |path: &PathBuf| match changed.contains(path) {
        true => None,
        false => known.get(path).cloned(),
    };
    try_keep(place, after(assessment), state, proven)
}

/// What new containers take besides the change: files that were edited since they were last seen to agree
/// with what runs, where what runs was not created of them. `apply` tells the edits itself, and a rollback
/// those of the files that it puts back. Where everything was put in force by hand, that is what a failure
/// goes back to from now on.
///
/// # Errors
/// What runs cannot be compared with the files.
pub(crate) async fn pending(
    place: &Place,
    assessment: &Assessment,
    state: &StackState,
    has_lock: bool,
) -> anyhow::Result<Option<Pending>> {
    match assessment.change {
        Change::Edit | Change::Recipe { .. } | Change::Rollback(_) => {}
        Change::Apply(_) | Change::Restart { .. } | Change::Upgrade { .. } => return Ok(None),
    }
    let steps = assessment.plan.steps.iter();
    let makes: BTreeSet<&ServiceName> = steps
        .filter(|step| step.action.makes_container())
        .map(|step| &step.service)
        .collect();
    let differing = edited_since(assessment, state)?;
    if makes.is_empty() || differing.is_empty() {
        return Ok(None);
    }
    let resolved = stack::resolve(&place.compose, &place.located).await?;
    let containers = place.of_project(&resolved.model.name);
    let work = runs::past_work(state)?;
    let found = drift::find(place, &resolved, &containers, &work, &[]).await?;
    let waits: Vec<&ServiceName> = found
        .drifts
        .iter()
        .filter(|drift| drift.is_of_files())
        .map(|drift| &drift.service)
        .collect();
    if waits.is_empty() && has_lock {
        let (model, source) = (&resolved.model, &resolved.source);
        let present = (model, source, &place.located.args);
        try_keep(place, present, state, |_| None)?;
    }
    let takers: BTreeSet<&str> = waits
        .into_iter()
        .filter(|service| makes.contains(service))
        .map(ServiceName::as_str)
        .collect();
    if takers.is_empty() {
        return Ok(None);
    }
    let takers: Vec<&str> = takers.into_iter().collect();
    let differing: Vec<(&PathBuf, &Side)> = differing.into_iter().collect();
    let text = told_pending(place, state, &differing, &takers.join(", "));
    let files = differing
        .iter()
        .map(|(path, _)| place.shown(path))
        .collect();
    Ok(text.map(|text| Pending { text, files }))
}

/// What waits in files to be put in force.
#[derive(Debug)]
pub(crate) struct Pending {
    /// In words.
    pub text: String,
    /// The files, as they are shown.
    pub files: Vec<String>,
}

/// The files whose present text is not the one that was last seen in force.
///
/// # Errors
/// What is kept of them cannot be read.
fn edited_since<'a>(
    assessment: &'a Assessment,
    state: &StackState,
) -> Result<BTreeMap<&'a PathBuf, &'a Side>, StateError> {
    let Some(baseline) = read(state)? else {
        return Ok(BTreeMap::new());
    };
    let edited = &assessment.edited;
    // What a rollback takes away is taken by nobody.
    let changing = edited.changing().filter(|_| assessment.undoing().is_none());
    let changing = changing.map(|edit| (&edit.path, &edit.before));
    let present = edited.read.iter().chain(changing);
    let differs = |path: &PathBuf, now: &Side| match baseline.side(path, state) {
        Side::Unknown(_) => false,
        known @ (Side::Absent | Side::Text(_)) => !known.is_same_text(now),
    };
    Ok(present.filter(|(path, now)| differs(path, now)).collect())
}

/// Who wrote what is not in force yet: refit itself, or a person.
fn told_pending(
    place: &Place,
    state: &StackState,
    differing: &[(&PathBuf, &Side)],
    takers: &str,
) -> Option<String> {
    let mut by_run: BTreeMap<Option<RunId>, Vec<String>> = BTreeMap::new();
    for (path, now) in differing {
        let written = written_by(state, path, now);
        by_run.entry(written).or_default().push(place.shown(path));
    }
    let told = by_run.iter().map(|(run, files)| match run {
        Some(run) => {
            let files = files.join(", ");
            format!("{files}: run {run} wrote it and did not apply it")
        }
        None => {
            let (was, it) = match files.as_slice() {
                [_] => ("was", "it was"),
                _ => ("were", "they were"),
            };
            let files = files.join(", ");
            format!("{files} {was} edited by hand since {it} last seen in force, and not applied")
        }
    });
    let told: Vec<String> = told.collect();
    let all = told.join("; ");
    (!told.is_empty())
        .then(|| format!("{all}: {takers} will take that as well (refit plan shows it)"))
}

/// The newest run that touched a file, where what is there now is what that run left.
pub(super) fn written_by(state: &StackState, path: &Path, now: &Side) -> Option<RunId> {
    let runs = state.runs().unwrap_or_default();
    let newest = runs.into_iter().rev().find_map(|run| {
        let checkpoint = Checkpoint::read(&state.run_folder(run)).ok()??;
        let file = checkpoint.files.into_iter().find(|file| file.path == *path);
        file.map(|file| (run, file))
    });
    let (run, file) = newest?;
    file.after.holds(now).then_some(run)
}

/// Keeps all present texts where files and containers were compared and agree.
///
/// # Errors
/// As [`keep`].
pub(crate) fn keep_if_in_line(
    place: &Place,
    assessment: &Assessment,
    state: &StackState,
) -> anyhow::Result<()> {
    match assessment.is_in_line() {
        true => try_keep(place, after(assessment), state, |_| None),
        false => Ok(()),
    }
}

/// A stack as Compose reads it, where its values come from, and what Compose is told.
type ReadStack<'a> = (&'a Model, &'a Source, &'a ProjectArgs);

fn after(assessment: &Assessment) -> ReadStack<'_> {
    (&assessment.after, &assessment.source, &assessment.args)
}

/// `retained` names the text that stays the known good one of a file.
fn try_keep(
    place: &Place,
    (model, source, args): ReadStack<'_>,
    state: &StackState,
    retained: impl Fn(&PathBuf) -> Option<BaselineSide>,
) -> anyhow::Result<()> {
    let folder = folder_of(state);
    let mut files = BTreeMap::new();
    for path in files_of(place, model, source) {
        let kept = match retained(&path) {
            Some(kept) => kept,
            None => kept_now(&path, &folder)?,
        };
        files.insert(path, kept);
    }
    let baseline = Baseline {
        args: args.clone(),
        files,
    };
    if read(state).is_ok_and(|known| known.as_ref() == Some(&baseline)) {
        return Ok(());
    }
    make_folder(&folder)?;
    document::write(&folder.join(INDEX), &baseline)?;
    remove_unused(&folder, &baseline)
}

fn kept_now(path: &Path, folder: &Path) -> anyhow::Result<BaselineSide> {
    if std::fs::metadata(path).is_ok_and(|found| found.len() > LARGEST) {
        let why = "it is too large to be kept".to_owned();
        return Ok(BaselineSide::Unknown { why });
    }
    Ok(match Side::read(path) {
        Side::Absent => BaselineSide::Absent,
        Side::Unknown(why) => BaselineSide::Unknown { why },
        Side::Text(text) => {
            let hash = sha256(&text.bytes);
            let copy = folder.join(&hash);
            // One that is there may be damaged: it is worth a look only where it is read.
            if !copy.exists() {
                make_folder(folder)?;
                write_file(&copy, &text.bytes)?;
            }
            BaselineSide::Text {
                hash,
                attributes: text.attributes,
            }
        }
    })
}

fn remove_unused(folder: &Path, baseline: &Baseline) -> anyhow::Result<()> {
    let used: BTreeSet<&str> = baseline
        .files
        .values()
        .filter_map(|kept| match kept {
            BaselineSide::Text { hash, .. } => Some(hash.as_str()),
            BaselineSide::Absent | BaselineSide::Unknown { .. } => None,
        })
        .collect();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != INDEX && !name.to_str().is_some_and(|name| used.contains(name)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Baseline {
    /// What was edited by hand since: `before` is the baseline's text, `after` the present one. A file
    /// that was not looked at then has an unknown side: it is left as it is, whatever happens.
    pub(crate) fn edits(
        &self,
        place: &Place,
        model: &Model,
        source: &Source,
        state: &StackState,
    ) -> Vec<FileEdit> {
        let mut paths = files_of(place, model, source);
        paths.extend(self.files.keys().cloned());
        let edits = paths.into_iter().map(|path| FileEdit {
            before: self.side(&path, state),
            after: Side::read(&path),
            path,
            origin: Origin::Person,
        });
        edits.filter(|edit| !edit.is_noop()).collect()
    }

    /// The services whose containers were created of other texts than these: somebody had put others in
    /// force by hand, which nobody has kept.
    ///
    /// # Errors
    /// The engine's or Compose's.
    pub(crate) async fn is_not_of(
        &self,
        place: &Place,
        edits: &[FileEdit],
        containers: &[Container],
    ) -> anyhow::Result<BTreeSet<ServiceName>> {
        let known = edits
            .iter()
            .filter(|edit| !matches!(edit.before, Side::Unknown(_)));
        let back = known.map(|edit| FileEdit {
            before: edit.after.clone(),
            after: edit.before.clone(),
            ..edit.clone()
        });
        let back: Vec<FileEdit> = back.collect();
        let Ok(value) = stack::resolve_staged(place, &self.args, &back).await? else {
            // What Compose could not read was never in force.
            return Ok(containers.iter().map(|one| one.service.clone()).collect());
        };
        let json = value.to_string();
        let model = Model::of_json(value);
        drift::created_otherwise(place, &self.args, (&model, &json), containers)
            .await
            .map_err(anyhow::Error::from)
    }

    /// The same edits since what the newest run left, which somebody may have put in force with Compose,
    /// or which was put in force before that run was cut off.
    pub(crate) fn since_last_run(edits: &[FileEdit], state: &StackState) -> Vec<FileEdit> {
        let newest = state.runs().unwrap_or_default().into_iter().next_back();
        let folder = newest.map(|run| state.run_folder(run));
        let left = folder.and_then(|folder| {
            let checkpoint = Checkpoint::read(&folder).ok()??;
            Some((folder, checkpoint.files))
        });
        let Some((folder, files)) = left else {
            return edits.to_vec();
        };
        let since = edits.iter().map(|edit| {
            let mut edit = edit.clone();
            let left = files.iter().find(|file| file.path == edit.path);
            if let Some(side) = left.and_then(|file| file.after.read(&folder).ok()) {
                edit.before = side;
            }
            edit
        });
        since.collect()
    }

    pub(crate) fn side(&self, path: &Path, state: &StackState) -> Side {
        let (known, attributes) = match self.files.get(path) {
            None => return Side::Unknown("it was no file of the stack then".to_owned()),
            Some(BaselineSide::Absent) => return Side::Absent,
            Some(BaselineSide::Unknown { why }) => return Side::Unknown(why.clone()),
            Some(BaselineSide::Text { hash, attributes }) => (hash, attributes),
        };
        let copy = folder_of(state).join(known);
        match std::fs::read(&copy) {
            Ok(bytes) if sha256(&bytes) == *known => Side::Text(Text {
                bytes,
                attributes: attributes.clone(),
                id: None,
            }),
            Ok(_) => Side::Unknown(format!("its kept text {} is damaged", copy.display())),
            Err(error) => Side::Unknown(format!("cannot read {}: {error}", copy.display())),
        }
    }
}
