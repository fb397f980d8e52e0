//! Whether the project that is worked on is the one that Compose would take by what the files say. Another
//! name, or another folder without one, is another project to Compose: a second stack beside the one that
//! runs, with empty volumes. Whoever names the project at the terminal is not asked.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::locate::Located;
use super::model::Model;
use super::side::FileEdit;
use super::variables::StackVariables;
use super::{Place, same_folder, shown};
use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::container::{Container, label};
use crate::edit::yaml::{self, YamlPath};
use crate::host::files;

/// What is said where the files mean another project than the one whose containers are there; `edits` are
/// about to be written.
///
/// # Errors
/// The engine's or Compose's.
pub(crate) async fn other_project(
    place: &Place,
    model: &Model,
    edits: &[FileEdit],
) -> Result<Option<Complaint>, EngineError> {
    let (located, all) = (&place.located, &place.containers);
    if located.is_project_given() {
        return Ok(None);
    }
    match all.iter().any(|one| is_own(one, &model.name)) {
        true => Ok(renamed(located, &model.name, edits)),
        false => left_behind(place, model).await,
    }
}

fn is_own(container: &Container, project: &str) -> bool {
    container.project == project && !container.oneoff
}

/// The project was found by its containers, and a compose file has another name for it.
fn renamed(located: &Located, project: &str, edits: &[FileEdit]) -> Option<Complaint> {
    // What `.env` says counts more.
    let by_rules = located.by_rules(edits).ok();
    if by_rules.is_some_and(|rules| rules.name.is_some()) {
        return None;
    }
    let (file, name) = name_in_files(located, edits)?;
    if name == project {
        return None;
    }
    let file = shown(&located.args.directory, &file);
    let text = format!(
        "{file} names the project {name}, and what runs from here is the project {project}: docker compose \
         up -d would start a second stack beside it, with empty volumes"
    );
    Some(Complaint::new(Code::GuardProject, text).hint(format!(
        "to keep it: name: {project} in {file}; for another name: docker compose -p {project} down, then \
         refit apply"
    )))
}

/// What is said where nothing in the files gives the project that runs from here its name: Compose, asked
/// without it, takes the folder's.
pub(crate) fn unnamed(place: &Place, model: &Model) -> Option<String> {
    let located = &place.located;
    let runs = place.containers.iter().any(|one| is_own(one, &model.name));
    let folders = default_name(&located.args.directory);
    let is_asked = !located.is_project_given() && runs && folders != model.name;
    let by_rules = located.by_rules(&[]).ok().filter(|_| is_asked)?;
    if by_rules.name.is_some() || name_in_files(located, &[]).is_some() {
        return None;
    }
    let project = &model.name;
    Some(format!(
        "no file names the project {project}, and docker compose without -p {project} means another one here, \
         {folders}"
    ))
}

/// The name that Compose gives a project of which nobody says one: its folder's.
pub(crate) fn default_name(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    let fit = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(*c));
    let fit: String = fit.collect();
    fit.trim_start_matches(['_', '-']).to_owned()
}

/// The last `name:` of the compose files, as Compose takes it.
fn name_in_files(located: &Located, edits: &[FileEdit]) -> Option<(PathBuf, String)> {
    let path = YamlPath::of_keys(["name"]).ok()?;
    let variables = StackVariables::read_args(&located.args, edits);
    let name_of = |file: &PathBuf| {
        let edit = edits.iter().find(|edit| edit.path == *file);
        let bytes = match edit {
            Some(edit) => edit.after.bytes()?.to_owned(),
            None => files::read_if_exists(file).ok()??,
        };
        let found = yaml::get(std::str::from_utf8(&bytes).ok()?, &path).ok()??;
        let name = variables.own.fill_in(found.as_str()?);
        (!name.is_empty()).then(|| (file.clone(), name))
    };
    located.args.files.iter().rev().find_map(name_of)
}

/// Nothing of the project is there, and the same services run as another one that was made of the same
/// files: in this folder, or in one that is gone.
async fn left_behind(place: &Place, model: &Model) -> Result<Option<Complaint>, EngineError> {
    let args = &place.located.args;
    let of_same_files = |one: &&Container| {
        let made = one.labels.get(label::CONFIG_FILES);
        let made = made.map(|files| files.split(',').map(PathBuf::from).collect::<Vec<_>>());
        !one.oneoff && made.is_some_and(|files| names(&files) == names(&args.files))
    };
    let others = place.containers.iter().filter(of_same_files);
    let others = others.filter(|one| is_of_model(one, model));
    for one in others {
        let Some(folder) = one.labels.get(label::WORKING_DIR).map(PathBuf::from) else {
            continue;
        };
        if same_folder(&folder, &args.directory) {
            return Ok(Some(renamed_here(one, &model.name)));
        }
        if matches!(folder.try_exists(), Ok(false)) && is_moved(place, one, &folder).await? {
            return Ok(Some(moved(one, &folder, &model.name)));
        }
    }
    Ok(None)
}

const SECOND: &str = "Compose would start a second stack, with empty volumes";

fn renamed_here(one: &Container, name: &str) -> Complaint {
    let (service, project) = (&one.service, &one.project);
    let text = format!(
        "{service} runs from here as the project {project}, and the files name the project {name}: {SECOND}"
    );
    Complaint::new(Code::GuardProject, text).hint(format!(
        "to keep it: give it its name back, or refit -p {project} apply; for another name: docker compose \
         -p {project} down, then refit apply"
    ))
}

fn moved(one: &Container, folder: &Path, name: &str) -> Complaint {
    let (service, project) = (&one.service, &one.project);
    let text = format!(
        "{service} runs as the project {project}, made in {}, which is gone: here {SECOND}",
        folder.display()
    );
    Complaint::new(Code::GuardProject, text).hint(format!(
        "if the folder was renamed: refit -p {project} apply; if this is another stack: refit -p {name} \
         apply"
    ))
}

/// Whether the folder that is gone is likely to be this one: it lay beside it, or the container was created
/// of what the files here would say there.
async fn is_moved(place: &Place, one: &Container, folder: &Path) -> Result<bool, EngineError> {
    let args = &place.located.args;
    if folder.parent() == args.directory.parent() {
        return Ok(true);
    }
    let json = super::resolve_model(&place.compose, &place.located)
        .await?
        .json;
    let quoted = |path: &Path| format!("\"{}", path.display());
    let json = json.replace(&quoted(&args.directory), &quoted(folder));
    let hashes = place.compose.hashes(args, &json, &place.scratch).await?;
    let label = one.labels.get(label::CONFIG_HASH);
    let mut own = hashes.into_iter().filter(|(name, _)| *name == one.service);
    Ok(own.any(|(_, hash)| Some(&hash) == label))
}

fn names(files: &[PathBuf]) -> Vec<OsString> {
    let names = files.iter().filter_map(|file| file.file_name());
    names.map(OsStr::to_owned).collect()
}

/// Whether a container is one of a service of these files, of the same image.
fn is_of_model(container: &Container, model: &Model) -> bool {
    let service = model.services.get(&container.service);
    // The engine shows only an ID once the name belongs to another image.
    let image = |name: &str| name == container.image || container.image.contains("sha256:");
    service.is_some_and(|service| service.image.as_deref().is_none_or(image))
}
