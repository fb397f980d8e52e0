//! Paths that are new, and a slip away from what is there.

use crate::assess::edits::{self, with_key};
use crate::complaint::{Code, Complaint};
use crate::edit::paths::{self, PathSyntax};
use crate::edit::yaml::{Segment, YamlPath};
use crate::host::files;
use crate::request::{Edit, EditRequest, To, ValueType};
use crate::stack::locate::Located;
use crate::stack::suggested_path;
use crate::stack::variables::StackVariables;

/// A service that no file of the stack has.
pub(super) fn new_service(
    edit: &Edit,
    request: &EditRequest,
    variables: &StackVariables,
    located: &Located,
) -> Result<(), Complaint> {
    let Ok(path) = edit.key.parse::<YamlPath>() else {
        return Ok(());
    };
    let [Segment::Key(top), Segment::Key(name), ..] = path.segments() else {
        return Ok(());
    };
    if top != "services" || variables.service(&name.as_str().into()).is_some() {
        return Ok(());
    }
    let meant = suggested_path::of(&path, located);
    // A whole one is written out on purpose.
    let is_whole = path.segments().len() == 2;
    if is_whole && meant.is_none() && matches!(edit.to, To::Set(_, ValueType::Json)) {
        return Ok(());
    }
    let text = format!("there is no service {name}");
    let hint = match meant {
        Some(meant) => format!("did you mean {}? ", with_key(&meant, edit, request)),
        None => String::new(),
    };
    let hint = format!("{hint}--allow new-service adds {name}");
    Err(Complaint::new(Code::NewService, text).hint(hint))
}

/// A path that is new, and a slip away from one that the file has; in YAML where there is no syntax.
pub(super) fn new_path(
    request: &EditRequest,
    edit: &Edit,
    syntax: Option<PathSyntax>,
    located: &Located,
) -> Result<(), Complaint> {
    let Some(file) = &request.file else {
        return Ok(());
    };
    // What is appended is meant to be new.
    if edit.key.contains("[+]") {
        return Ok(());
    }
    let text = edits::named(located, file).and_then(|path| files::text_if_readable(&path));
    let (Some(text), Ok(path)) = (text, edit.key.parse::<YamlPath>()) else {
        return Ok(());
    };
    let (key, name) = (&edit.key, file.display());
    let meant = match syntax {
        Some(syntax) => syntax.sibling(&text, &path),
        None => paths::sibling_in_yaml(&text, &path),
    };
    if let Some(meant) = meant {
        let text = format!("{key} is new, and {name} has {meant}");
        let command = with_key(&meant, edit, request);
        let hint = format!("did you mean {command}? --allow new-key writes {key}");
        return Err(Complaint::new(Code::NewKey, text).hint(hint));
    }
    if let Some(meant) = syntax.and_then(|syntax| syntax.section_left_out(&text, &path)) {
        let text = format!("{key} is new, and {name} has sections: it would stand in none");
        let command = with_key(&meant.to_string(), edit, request);
        let hint = format!(
            "name its section, as in {command}; --allow new-key writes it before the first one"
        );
        return Err(Complaint::new(Code::NewKey, text).hint(hint));
    }
    Ok(())
}

/// `app.image` for `services.app.image`.
pub(super) fn path_for_key(
    edit: &Edit,
    request: &EditRequest,
    located: &Located,
) -> Result<(), Complaint> {
    let Some(meant) = suggested_path::for_key(&edit.key, located) else {
        return Ok(());
    };
    let key = &edit.key;
    let text = format!("{key} is no key of this stack, and reads like a path in a compose file");
    let command = with_key(&meant, edit, request);
    let hint = format!("did you mean {command}? --allow new-key writes the key");
    Err(Complaint::new(Code::NewKey, text).hint(hint))
}
