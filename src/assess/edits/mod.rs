//! From what was asked to files as they are to be: in memory, nothing is written here.

mod by_path;
mod command;
mod env_file;
mod file;

use std::path::{Path, PathBuf};

pub(crate) use by_path::{refused_paths, refused_yaml};
pub(crate) use command::{is_hidden, with_key, with_word};
pub(crate) use file::{
    check_is_file, format_of, is_of_stack, named, no_file, not_editable, stays_readable, syntax_of,
    text_of,
};

use crate::assess::edit_target;
use crate::assess::edit_target::key::{self, KeyTarget};
use crate::assessment::edited::{Edited, KeyChange, NotThere};
use crate::complaint::{Code, Complaint};
use crate::edit::syntax::FileSyntax;
use crate::edit::value_text;
use crate::edit::yaml::{self, NewValue, YamlError, YamlPath};
use crate::event::ServiceName;
use crate::host::files;
use crate::request::{Edit, EditRequest, To, ValueType};
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::side::Side;
use crate::stack::variables::StackVariables;
use crate::suggest;
use by_path::{PathFile, edit_by_path};
use env_file::edit_env;
use file::existing;

/// Makes the edits in memory.
///
/// # Errors
/// A file that cannot be read or edited, a value that cannot be written, an unknown place.
pub(crate) fn make(request: &EditRequest, located: &Located) -> Result<Edited, Complaint> {
    make_all(std::slice::from_ref(request), located)
}

/// Makes several requests' edits in memory, one after the other: a file that an earlier one has
/// changed is changed further.
///
/// # Errors
/// As [`make`].
pub(crate) fn make_all(requests: &[EditRequest], located: &Located) -> Result<Edited, Complaint> {
    let mut edited = Edited::default();
    for request in requests {
        add(request, located, &mut edited)?;
    }
    Ok(edited)
}

fn add(request: &EditRequest, located: &Located, edited: &mut Edited) -> Result<(), Complaint> {
    match &request.file {
        Some(file) => {
            let path = existing(located, file)?;
            edit_file(&path, &request.edits, Some(request), located, edited)?;
        }
        None => {
            for edit in &request.edits {
                match edit_target::is_compose_path(&edit.key) {
                    true => edit_definition(edit, located, edited)?,
                    false => edit_in_force(edit, &request.reach, located, edited)?,
                }
            }
        }
    }
    if !request.reach.is_empty() {
        check_reach(request, located)?;
    }
    edited.reach.extend(request.reach.iter().cloned());
    let variables = StackVariables::read(located, &edited.files);
    for service in &request.reach {
        let own = variables.service(service);
        let has = |edit: &&Edit| own.is_some_and(|own| own.counts(&edit.key).is_some());
        for edit in request.edits.iter().filter(|edit| !has(edit)) {
            add_consumer(service, &edit.key, located, edited)?;
        }
    }
    Ok(())
}

/// A key without a file: it is written where it counts.
fn edit_in_force(
    edit: &Edit,
    reach: &[ServiceName],
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let variables = StackVariables::read(located, &edited.files);
    let found = key::in_force(&variables, located, &edit.key, reach)?;
    if let Some(complaint) = found.refused {
        return Err(complaint);
    }
    if matches!(edit.to, To::Unset) {
        let slip = slip_of_unset(&variables, located, &edit.key);
        edited.not_there.extend(slip);
    }
    for remark in found.others {
        if !edited.remarks.contains(&remark) {
            edited.remarks.push(remark);
        }
    }
    for target in found.targets {
        match target {
            KeyTarget::File(path) => {
                edit_file(&path, std::slice::from_ref(edit), None, located, edited)?;
            }
            KeyTarget::Definition(service) => {
                let keys = ["services", service.as_str(), "environment", &edit.key];
                let path = YamlPath::of_keys(keys);
                let path = path.map_err(|error| refused_yaml("environment", &error))?;
                let to = match &edit.to {
                    // What was typed is the value itself.
                    To::Set(value, _) => To::Set(value.clone(), ValueType::Literal),
                    To::Unset => To::Unset,
                };
                let key = path.to_string();
                edit_definition(&Edit { key, to }, located, edited)?;
            }
        }
    }
    Ok(())
}

/// A key that nothing sets, and that is a slip of the hand away from one that something does.
fn slip_of_unset(variables: &StackVariables, located: &Located, key: &str) -> Option<NotThere> {
    let setting = |key: &str| {
        let filled = variables.fills_in(key).pop();
        let mut services = variables.services();
        filled.or_else(|| services.find_map(|(_, service)| service.counts(key)))
    };
    let mut known = variables.known_keys();
    if known.any(|known| known == key) {
        return None;
    }
    let known = variables.known_keys().filter(|key| setting(key).is_some());
    let meant = suggest::slip_of(key, known)?;
    let at = setting(meant)?.at(&located.args.directory);
    Some(NotThere {
        key: key.to_owned(),
        meant: meant.to_owned(),
        at,
    })
}

/// `--for` hands a key on by `${KEY}`, which Compose fills in from the stack's env files alone.
fn check_reach(request: &EditRequest, located: &Located) -> Result<(), Complaint> {
    let file = request.file.as_ref().and_then(|file| named(located, file));
    let file = file.or_else(|| request.file.clone());
    let own = |path: &Path| {
        let env_files = located.env_files();
        env_files
            .iter()
            .any(|own| files::follow(own) == files::follow(path))
    };
    if request
        .edits
        .iter()
        .any(|edit| edit_target::is_compose_path(&edit.key))
    {
        let text = "--for is for keys of env files, and a path names its service itself";
        return Err(Complaint::new(Code::Usage, text).hint("leave --for out"));
    }
    match file {
        Some(path) if !own(&path) => {
            let file = shown(&located.args.directory, &path);
            let text = format!(
                "--for cannot pass on a key of {file}: Compose does not read it for ${{…}}"
            );
            let service = match request.reach.as_slice() {
                [one] => one.as_str(),
                _ => "SERVICE",
            };
            let hint = format!(
                "refit set 'services.{service}.env_file[+]={file}' hands the file to a service"
            );
            Err(Complaint::new(Code::ForOtherFile, text).hint(hint))
        }
        _ => Ok(()),
    }
}

fn edit_file(
    path: &Path,
    edits: &[Edit],
    request: Option<&EditRequest>,
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let name = shown(&located.args.directory, path);
    check_is_file(&name, path)?;
    match syntax_of(path, &edited.text(path)?, located) {
        FileSyntax::Yaml => {
            let is_own = is_of_stack(path, located, &StackVariables::read(located, &edited.files));
            let of = if is_own {
                PathFile::Compose
            } else {
                PathFile::Yaml
            };
            edit_by_path(of, path, edits, request, located, edited)
        }
        FileSyntax::Paths(syntax) => edit_by_path(
            PathFile::Other(syntax),
            path,
            edits,
            request,
            located,
            edited,
        ),
        FileSyntax::Env => edit_env(path, edits, located, edited),
        FileSyntax::Other => Err(not_editable(&name)),
    }
}

/// A path without a file: it is written where it belongs.
fn edit_definition(edit: &Edit, located: &Located, edited: &mut Edited) -> Result<(), Complaint> {
    let place: YamlPath = edit.key.parse().map_err(|error: YamlError| {
        Complaint::new(error.code(), error.to_string()).hint(error.hint())
    })?;
    let removes = matches!(edit.to, To::Unset);
    let target = edit_target::file_for(&place, removes, located)?;
    let path = target.file;
    if !path.exists() {
        edited.new_compose_file = Some(path.clone());
    }
    let (remark, warning) = (target.remark, target.warning);
    let is_new = |text: &String| !edited.remarks.contains(text) && !edited.notes.contains(text);
    let (remark, warning) = (remark.filter(is_new), warning.filter(is_new));
    edited.remarks.extend(remark);
    edited.notes.extend(warning);
    let edits = std::slice::from_ref(edit);
    edit_by_path(PathFile::Compose, &path, edits, None, located, edited)
}

/// `--for`: the service's `environment` takes the key from the env files.
fn add_consumer(
    service: &ServiceName,
    key: &str,
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let path = override_file(located)?;
    let file = shown(&located.args.directory, &path);
    let was = edited.text(&path)?;
    let text = text_of(&file, was.bytes().unwrap_or_default())?;
    let place = YamlPath::of_keys(["services", service.as_str(), "environment", key])
        .map_err(|error| refused_yaml(&file, &error))?;
    let value = NewValue::String(format!("${{{key}}}"));
    let done = yaml::set(&text, &place, &value).map_err(|error| refused_yaml(&file, &error))?;
    edited.changes.push(KeyChange {
        file,
        key: place.to_string(),
        // A reference is no secret, whatever it refers to.
        name: String::new(),
        before: done.before.as_ref().map(value_text),
        after: done.after.as_ref().map(value_text),
    });
    if was == Side::Absent {
        edited.new_compose_file = Some(path.clone());
    }
    let after = Side::new(done.text.into_bytes(), &was);
    edited.put(&path, was, after);
    Ok(())
}

/// The file that overrides the others: the last one loaded, or the one that Compose would load.
fn override_file(located: &Located) -> Result<PathBuf, Complaint> {
    let files = &located.args.files;
    match (files.len(), located.default_override()) {
        (2.., _) => files.last().cloned().ok_or_else(no_override),
        (_, Some(path)) => Ok(path),
        _ => Err(no_override()),
    }
}

fn no_override() -> Complaint {
    Complaint::new(
        Code::NoOverride,
        "this stack loads no override file that --for could edit",
    )
    .hint("make one, and load it as well: -f COMPOSE_FILE -f override.yaml")
}
