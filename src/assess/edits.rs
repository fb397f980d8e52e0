//! From what was asked to files as they are to be: in memory, nothing is written here.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::assess::edit_target;
use crate::assess::edit_target::key::{self, KeyTarget};
use crate::assessment::edited::{Edited, KeyChange};
use crate::assessment::key_diff::value_of;
use crate::complaint::{Code, Complaint};
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, EnvNote, Format};
use crate::edit::yaml::{self, NewValue, YamlError, YamlPath};
use crate::edit::{is_yaml, value_text};
use crate::event::ServiceName;
use crate::host::files;
use crate::request::{Edit, EditRequest, To, ValueType};
use crate::secret::Secret;
use crate::stack::locate::{Located, lexical};
use crate::stack::shown;
use crate::stack::side::Side;
use crate::stack::suggested_path;
use crate::stack::variables::StackVariables;
use crate::suggest;

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
            edit_file(&path, &request.edits, located, edited)?;
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
    for remark in found.others {
        if !edited.remarks.contains(&remark) {
            edited.remarks.push(remark);
        }
    }
    for target in found.targets {
        match target {
            KeyTarget::File(path) => {
                edit_file(&path, std::slice::from_ref(edit), located, edited)?;
            }
            KeyTarget::Definition(service) => {
                let keys = ["services", service.as_str(), "environment", &edit.key];
                let path = YamlPath::of_keys(keys);
                let path = path.map_err(|error| refused_yaml("environment", &error))?;
                let to = match &edit.to {
                    // What was typed is the value itself.
                    To::Set(value, _) => {
                        let text = value.expose().replace('$', "$$");
                        To::Set(Secret::new(text), ValueType::String)
                    }
                    To::Unset => To::Unset,
                };
                let key = path.to_string();
                edit_definition(&Edit { key, to }, located, edited)?;
            }
        }
    }
    Ok(())
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
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    if is_yaml(path) {
        edit_yaml(path, edits, located, edited)
    } else {
        edit_env(path, edits, located, edited)
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
    edit_yaml(&path, std::slice::from_ref(edit), located, edited)
}

/// A file that the person names, where it exists: relative to where they are inside the stack's
/// folder, else to that folder, else to where they are.
pub(crate) fn named(located: &Located, file: &Path) -> Option<PathBuf> {
    let folder = &located.args.directory;
    let below = files::follow(&located.here);
    let below = below.strip_prefix(files::follow(folder)).ok();
    let inside = below.map(|below| folder.join(below).join(file));
    inside
        .into_iter()
        .chain([folder.join(file), located.here.join(file)])
        .map(|path| lexical(&path))
        .find(|path| path.exists())
}

/// A file given by `-F`.
fn existing(located: &Located, file: &Path) -> Result<PathBuf, Complaint> {
    let in_stack = lexical(&located.args.directory.join(file));
    match named(located, file) {
        Some(path) => Ok(path),
        // A new env file is no mistake; a new YAML file would be read by nobody.
        None if !is_yaml(file) && in_stack.parent().is_some_and(Path::is_dir) => Ok(in_stack),
        None => Err(no_file(file)),
    }
}

/// A file that was named and is not there.
pub(crate) fn no_file(file: &Path) -> Complaint {
    Complaint::new(Code::NoFile, format!("no file {}", file.display()))
        .hint("a path that is not absolute starts at the stack's folder")
}

/// Whether a path can be edited as a file: not a folder, and no link that leads nowhere, which would
/// be lost.
///
/// # Errors
/// It cannot, and why.
pub(crate) fn check_is_file(shown: &str, path: &Path) -> Result<(), Complaint> {
    if path.is_dir() {
        let text = format!("{shown} is a folder");
        return Err(Complaint::new(Code::NotAFile, text).hint("name a file in it"));
    }
    // A pipe would be waited for without end, and a device replaced by a file.
    if path.exists() && !path.is_file() {
        let text = format!("{shown} is not a regular file");
        return Err(Complaint::new(Code::NotAFile, text).hint("name an env file or a YAML file"));
    }
    match std::fs::read_link(path) {
        Ok(target) if !path.exists() => {
            let target = target.display();
            let text = format!("{shown} is a link to {target}, which does not exist");
            Err(Complaint::new(Code::NoFile, text).hint("make that file, or remove the link"))
        }
        _ => Ok(()),
    }
}

/// What would be written all the same, and is no setting to anybody.
fn check_is_env(shown: &str, path: &Path, edits: &[Edit]) -> Result<(), Complaint> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    if let Some("json" | "toml" | "xml") = ending {
        let text = format!("{shown} is neither an env file nor a YAML file");
        return Err(Complaint::new(Code::NotAnEnvFile, text).hint(format!("refit edit {shown}")));
    }
    match edits
        .iter()
        .find(|edit| edit_target::is_compose_path(&edit.key))
    {
        Some(edit) => {
            let text = format!(
                "{} is a path in a compose file, and {shown} is not one",
                edit.key
            );
            Err(Complaint::new(Code::Usage, text).hint("leave -F out, or name the compose file"))
        }
        None => Ok(()),
    }
}

/// How services read an env file.
pub(crate) fn format_of(path: &Path, located: &Located) -> Format {
    if is_raw(path, located) {
        Format::Raw
    } else {
        Format::Compose
    }
}

fn edit_env(
    path: &Path,
    edits: &[Edit],
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let file = shown(&located.args.directory, path);
    check_is_file(&file, path)?;
    check_is_env(&file, path, edits)?;
    let was = edited.text(path)?;
    // A name that was mistyped makes a new file as well.
    if was == Side::Absent && path != located.first_env_file() {
        edited.remarks.push(format!("{file} is new"));
    }
    let format = format_of(path, located);
    let refused = |error: DotenvError| Complaint::new(error.code(), format!("{file}: {error}"));
    let mut tree = Dotenv::parse(was.bytes().unwrap_or_default(), format).map_err(&refused)?;
    for edit in edits {
        let key: EnvKey = edit
            .key
            .parse()
            .map_err(|error: crate::edit::dotenv::EnvKeyError| {
                Complaint::new(error.code(), error.to_string()).hint(
                    "write KEY=VALUE; a path such as services.web.image edits the compose file",
                )
            })?;
        let old = value_of(&tree, &key);
        let (notes, new) = match &edit.to {
            To::Set(value, _) => {
                let value = value.expose();
                (
                    tree.set(&key, value).map_err(&refused)?,
                    Some(value.to_owned()),
                )
            }
            To::Unset => (tree.unset(&key).map_err(&refused)?, None),
        };
        let near = || suggest::nearest(key.as_str(), tree.keys().map(|(known, _)| known));
        for note in notes {
            let text = format!("{file}: {note}");
            match (&note, near()) {
                (EnvNote::NotSet { .. }, None) => edited.remarks.push(text),
                (EnvNote::NotSet { .. }, near) => edited.notes.push(with_meant(text, near)),
                (_, _) => edited.notes.push(text),
            }
        }
        edited.changes.push(KeyChange {
            file: file.clone(),
            key: key.to_string(),
            name: key.to_string(),
            before: old,
            after: new,
        });
    }
    let after = tree.to_bytes();
    // Nothing to remove from a file that does not exist: it stays so.
    let after = match was == Side::Absent && after.is_empty() {
        true => Side::Absent,
        false => Side::new(after, &was),
    };
    edited.put(path, was, after);
    Ok(())
}

/// Whether a service reads this env file with `format: raw`.
fn is_raw(path: &Path, located: &Located) -> bool {
    let real = files::follow(path);
    located.args.files.iter().any(|file| {
        let Some(text) = files::text_if_readable(file) else {
            return false;
        };
        // The word must stand there; to read the whole file for it is rarely needed.
        if !text.contains("raw") {
            return false;
        }
        let Ok(tree) = yaml::read(&text) else {
            return false;
        };
        let services = tree.get("services").and_then(Value::as_object);
        services.into_iter().flatten().any(|(_, service)| {
            let entries = service.get("env_file").and_then(Value::as_array);
            entries.into_iter().flatten().any(|entry| {
                let named = entry.get("path").and_then(Value::as_str);
                entry.get("format").and_then(Value::as_str) == Some("raw")
                    && named.is_some_and(|n| files::follow(&located.args.directory.join(n)) == real)
            })
        })
    })
}

fn edit_yaml(
    path: &Path,
    edits: &[Edit],
    located: &Located,
    edited: &mut Edited,
) -> Result<(), Complaint> {
    let file = shown(&located.args.directory, path);
    check_is_file(&file, path)?;
    let was = edited.text(path)?;
    let mut text = text_of(&file, was.bytes().unwrap_or_default())?;
    for edit in edits {
        let place: YamlPath = edit
            .key
            .parse()
            .map_err(|error| refused_yaml(&file, &error))?;
        let done = match &edit.to {
            To::Set(value, kind) => yaml::set(&text, &place, &new_value(value.expose(), *kind)?),
            To::Unset => yaml::delete(&text, &place),
        };
        let done = done.map_err(|error| refused_yaml(&file, &error))?;
        edited
            .notes
            .extend(done.notes.iter().map(|note| format!("{file}: {note}")));
        edited
            .notes
            .extend(slip(&file, &place, edit, &done, located));
        edited.changes.push(KeyChange {
            file: file.clone(),
            key: edit.key.clone(),
            name: place.last_key().unwrap_or_default().to_owned(),
            before: done.before.as_ref().map(value_text),
            after: done.after.as_ref().map(value_text),
        });
        text = done.text;
    }
    let after = Side::new(text.into_bytes(), &was);
    edited.put(path, was, after);
    Ok(())
}

fn with_meant(text: String, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{text}; did you mean {meant}?"),
        None => text,
    }
}

/// What Compose lets pass, and a person may not have meant: nothing to remove, and a service that
/// only a slip of the finger made.
fn slip(
    file: &str,
    place: &YamlPath,
    edit: &Edit,
    done: &yaml::YamlEdit,
    located: &Located,
) -> Option<String> {
    if done.before.is_some() {
        return None;
    }
    let meant = suggested_path::of(place, located);
    match edit.to {
        To::Unset => {
            let text = format!("{file}: {place} was not set; nothing to remove");
            Some(with_meant(text, meant.as_deref()))
        }
        To::Set(..) => meant.map(|meant| format!("{place} is new; did you mean {meant}?")),
    }
}

/// A YAML file as text.
///
/// # Errors
/// It is not UTF-8.
pub(crate) fn text_of(file: &str, bytes: &[u8]) -> Result<String, Complaint> {
    String::from_utf8(bytes.to_vec()).map_err(|error| {
        Complaint::new(
            Code::NotUtf8,
            format!("{file} is not UTF-8: {}", error.utf8_error()),
        )
    })
}

fn new_value(text: &str, kind: ValueType) -> Result<NewValue, Complaint> {
    Ok(match kind {
        ValueType::Auto => NewValue::Auto(text.to_owned()),
        ValueType::String => NewValue::String(text.to_owned()),
        ValueType::Int => NewValue::Int(text.trim().parse().map_err(|_| {
            Complaint::new(Code::BadValue, "--int: the value is not a whole number")
        })?),
        ValueType::Json => NewValue::Json(serde_json::from_str(text).map_err(|error| {
            Complaint::new(
                Code::BadValue,
                format!("--as-json: the value is not JSON: {error}"),
            )
        })?),
    })
}

/// What is wrong with a YAML file or an edit of it, with its place.
pub(crate) fn refused_yaml(file: &str, error: &YamlError) -> Complaint {
    let place = error
        .line()
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    Complaint::new(error.code(), format!("{file}{place}: {error}")).hint(error.hint())
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
