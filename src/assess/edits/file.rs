//! The file that an edit is of: where it is, and what kind of text.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::complaint::{Code, Complaint};
use crate::edit::dotenv::Format;
use crate::edit::syntax::FileSyntax;
use crate::edit::yaml;
use crate::host::files;
use crate::stack::locate::{Located, lexical};
use crate::stack::shown;
use crate::stack::side::{FileEdit, Side};
use crate::stack::variables::StackVariables;
use crate::suggest;

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

/// A file given by `-F`. One that is not there is made where that is plainly meant: the stack reads it
/// as an env file, or it has the name of one and is not a slip away from one that is there.
pub(super) fn existing(located: &Located, file: &Path) -> Result<PathBuf, Complaint> {
    if let Some(path) = named(located, file) {
        return Ok(path);
    }
    let path = lexical(&located.args.directory.join(file));
    let has_folder = path.parent().is_some_and(Path::is_dir);
    if has_folder && is_used_as_env(&path, located) {
        return Ok(path);
    }
    if !has_folder || FileSyntax::of(file, None, false).has_paths() {
        return Err(no_file(file));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let others = beside(&path);
    let others = || others.iter().map(String::as_str);
    let is_meant = FileSyntax::is_env_name(&path);
    let meant = match is_meant {
        true => suggest::slip_of(&name, others()),
        false => suggest::nearest(&name, others()),
    };
    if is_meant && meant.is_none() {
        return Ok(path);
    }
    let touch = format!(
        "to make it: touch {}",
        crate::text::shell_word(&path.display().to_string())
    );
    let hint = match meant {
        Some(meant) => {
            let meant = file.with_file_name(meant).display().to_string();
            format!(
                "did you mean -F {}? {touch}",
                crate::text::shell_word(&meant)
            )
        }
        None => touch,
    };
    Err(no_file(file).hint(hint))
}

/// The names in the folder of a file.
fn beside(path: &Path) -> Vec<String> {
    let folder = path.parent().map(std::fs::read_dir);
    // Advice needs no folder that cannot be listed.
    let Some(Ok(entries)) = folder else {
        return vec![];
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.collect()
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
        return Err(Complaint::new(Code::NotAFile, text).hint("name a file with settings"));
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

/// How services read an env file.
pub(crate) fn format_of(path: &Path, located: &Located) -> Format {
    if is_raw(path, located) {
        Format::Raw
    } else {
        Format::Compose
    }
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

pub(super) fn with_meant(text: String, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{text}; did you mean {meant}?"),
        None => text,
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

/// What kind of text a file of the stack is: as what it is used, by its name, by reading it.
pub(crate) fn syntax_of(path: &Path, side: &Side, located: &Located) -> FileSyntax {
    FileSyntax::of(path, side.bytes(), is_used_as_env(path, located))
}

/// Whether Compose or a service reads a file as an env file, or would if it were there.
fn is_used_as_env(path: &Path, located: &Located) -> bool {
    let real = files::follow(path);
    let is_it = |other: &Path| other == path || files::follow(other) == real;
    let variables = StackVariables::read(located, &[]);
    located.env_files().iter().any(|own| is_it(own))
        || variables.env_files().iter().any(|file| is_it(&file.path))
        || variables
            .services()
            .any(|(_, service)| service.env_binds.iter().any(|file| is_it(file)))
}

/// Whether a file is one of the stack's definition, or would be loaded with it.
pub(crate) fn is_of_stack(path: &Path, located: &Located, variables: &StackVariables) -> bool {
    let path = files::follow(path);
    let own = located.args.files.iter().chain(variables.read_besides());
    let overrides = located.default_overrides();
    let mut own = own.chain(&overrides);
    own.any(|known| files::follow(known) == path)
}

/// A file of which nobody can say what a setting in it looks like.
pub(crate) fn not_editable(shown: &str) -> Complaint {
    let text = format!("{shown} does not read as an env file, nor as YAML, TOML, JSON or INI");
    let hint = format!("refit edit {}", crate::text::shell_word(shown));
    Complaint::new(Code::NotAnEnvFile, text).hint(hint)
}

/// A text that could be read before an edit, and cannot after it: the slip of an editor's hand, which the
/// application would only find at its start. Compose's own files are Compose's to judge.
///
/// # Errors
/// `invalid_after`, with the place.
pub(crate) fn stays_readable(edit: &FileEdit, located: &Located) -> Result<(), Complaint> {
    let text = |side: &Side| String::from_utf8(side.bytes()?.to_vec()).ok();
    if located.args.files.contains(&edit.path) {
        return Ok(());
    }
    let Some(before) = text(&edit.before) else {
        return Ok(());
    };
    let syntax = syntax_of(&edit.path, &edit.before, located);
    let why = |text: &str| match syntax {
        FileSyntax::Paths(syntax) => syntax.unreadable(text).map(|error| error.to_string()),
        FileSyntax::Yaml => yaml::read(text).err().map(|error| error.to_string()),
        FileSyntax::Env | FileSyntax::Other => None,
    };
    let name = shown(&located.args.directory, &edit.path);
    let says = match text(&edit.after) {
        Some(after) => why(&after),
        None => Some("it is no text any more".to_owned()),
    };
    match says.filter(|_| why(&before).is_none()) {
        None => Ok(()),
        Some(says) => {
            let text = format!("{name} cannot be read with this edit: {says}");
            let hint = format!(
                "open it again: refit edit {}",
                crate::text::shell_word(&name)
            );
            Err(Complaint::new(Code::InvalidAfter, text).hint(hint))
        }
    }
}
