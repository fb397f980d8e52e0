//! Where a change of the stack's definition belongs, when the person names no file: not in a file
//! that an upgrade brings, when there is one that overrides it.

pub(crate) mod key;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::complaint::{Code, Complaint};
use crate::edit::yaml::{self, Segment, YamlPath};
use crate::git;
use crate::host::files;
use crate::stack::locate::Located;
use crate::stack::shown;
use crate::stack::variables::StackVariables;

/// The sections of a compose file that a path may begin with.
const SECTIONS: [&str; 6] = [
    "services", "networks", "volumes", "configs", "secrets", "include",
];

/// Whether what was typed is a path into a compose file rather than a key of an env file.
pub(crate) fn is_compose_path(typed: &str) -> bool {
    let first = typed.split(['.', '[', '=']).next().unwrap_or_default();
    let goes_on = typed[first.len()..].starts_with(['.', '[']);
    goes_on && (SECTIONS.contains(&first) || first.starts_with("x-"))
}

/// The file in which a change belongs.
pub(crate) struct EditTarget {
    /// It.
    pub file: PathBuf,
    /// Why it and no other.
    pub remark: Option<String>,
    /// What speaks against it.
    pub warning: Option<String>,
}

impl EditTarget {
    fn plain(file: PathBuf) -> Self {
        Self {
            file,
            remark: None,
            warning: None,
        }
    }
}

/// The file that a change of `path` belongs in, and what the person should know about the choice.
///
/// # Errors
/// A value that is defined upstream, and that an override file cannot remove or replace.
pub(crate) fn file_for(
    path: &YamlPath,
    removes: bool,
    located: &Located,
) -> Result<EditTarget, Complaint> {
    let files = &located.args.files;
    let name = |file: &Path| shown(&located.args.directory, file);
    // No other file may say anything of what an included one defines.
    if let Some(included) = including(path, located) {
        return Ok(EditTarget::plain(included));
    }
    let defining: Vec<usize> = (0..files.len())
        .rev()
        .filter(|index| defines(&files[*index], path))
        .collect();
    let at = defining.first().copied().unwrap_or_default();
    let natural = files
        .get(at)
        .ok_or_else(|| Complaint::new(Code::NoComposeFile, "no compose file"))?;
    if removes && let [_, below, ..] = defining[..] {
        let remark = format!("the value in {} counts again", name(&files[below]));
        let refused = upstream_removal(path, natural, &name);
        let target = EditTarget {
            remark: Some(remark),
            ..EditTarget::plain(natural.clone())
        };
        return refused.map_or(Ok(target), Err);
    }
    if (removes && defining.is_empty()) || !git::is_tracked_upstream(natural) {
        return Ok(EditTarget::plain(natural.clone()));
    }
    // What is loaded later wins; another tracked file is no better place.
    let mut later = files[at + 1..].iter().rev();
    let loaded = later.find(|file| !git::is_tracked_upstream(file));
    let Some(other) = loaded.cloned().or_else(|| located.default_override()) else {
        let warning = format!(
            "{} is tracked by git, and no other file overrides it: an upgrade may conflict with this change",
            name(natural)
        );
        return Ok(EditTarget {
            warning: Some(warning),
            ..EditTarget::plain(natural.clone())
        });
    };
    if removes && let Some(refused) = upstream_removal(path, natural, &name) {
        return Err(refused);
    }
    if adds_to(path, natural) {
        let text = format!(
            "{path} is part of a list or mapping in {}, which git tracks: {} can add to it, but not \
             replace it",
            name(natural),
            name(&other)
        );
        let hint = format!("to change it there anyway: -F {}", name(natural));
        return Err(Complaint::new(Code::DefinedUpstream, text).hint(hint));
    }
    let remark = format!(
        "{} is tracked by git, so the change goes to {}, which upgrades leave alone; -F {0} overrides this",
        name(natural),
        name(&other)
    );
    Ok(EditTarget {
        remark: Some(remark),
        ..EditTarget::plain(other)
    })
}

/// Why a value is not removed where it is: the next upgrade would bring it back.
fn upstream_removal(
    path: &YamlPath,
    natural: &Path,
    name: &impl Fn(&Path) -> String,
) -> Option<Complaint> {
    if !git::is_tracked_upstream(natural) {
        return None;
    }
    let text = format!("{path} is defined in {}, which git tracks", name(natural));
    let hint = format!("to remove it there anyway: -F {}", name(natural));
    Some(Complaint::new(Code::DefinedUpstream, text).hint(hint))
}

/// Lists of `KEY=VALUE`, which Compose merges by key, and lists that the later file replaces whole.
const BY_KEY: [&str; 5] = ["environment", "labels", "args", "annotations", "sysctls"];
const REPLACED: [&str; 3] = ["command", "entrypoint", "test"];

/// Whether a value at `path` in a later file stands beside what `file` has there, instead of taking
/// its place: Compose appends to lists and merges mappings.
fn adds_to(path: &YamlPath, file: &Path) -> bool {
    let text = files::text_if_readable(file).unwrap_or_default();
    let steps = path.segments();
    let name_of = |step: Option<&Segment>| match step {
        Some(Segment::Key(key)) => key.clone(),
        _ => String::new(),
    };
    if steps.iter().any(|step| matches!(step, Segment::Index(_))) {
        return true;
    }
    let Ok(Some(now)) = yaml::get(&text, path) else {
        return false;
    };
    let last = name_of(steps.last());
    if now.is_array() || now.is_object() {
        return !REPLACED.contains(&last.as_str());
    }
    let parents = &steps[..steps.len() - 1];
    let parent = YamlPath::from_segments(parents.to_vec());
    let in_list =
        parent.is_ok_and(|parent| matches!(yaml::get(&text, &parent), Ok(Some(Value::Array(_)))));
    in_list && !BY_KEY.contains(&name_of(parents.last()).as_str())
}

fn defines(file: &Path, path: &YamlPath) -> bool {
    let text = files::text_if_readable(file).unwrap_or_default();
    matches!(yaml::get(&text, path), Ok(Some(_)))
}

/// The files that have a value of a path; that of a later one counts, or is added to those before it.
pub(crate) fn defining(path: &YamlPath, located: &Located) -> Vec<PathBuf> {
    let files = &located.args.files;
    let all = including(path, located);
    let all = all.into_iter().chain(files.iter().cloned());
    all.filter(|file| defines(file, path)).collect()
}

/// The included file that defines the service of a path, where none of the stack's own files does.
fn including(path: &YamlPath, located: &Located) -> Option<PathBuf> {
    let files = &located.args.files;
    let [Segment::Key(section), Segment::Key(_), ..] = path.segments() else {
        return None;
    };
    let whole = YamlPath::from_segments(path.segments()[..2].to_vec()).ok()?;
    if section != "services" || files.iter().any(|file| defines(file, &whole)) {
        return None;
    }
    let variables = StackVariables::read(located, &[]);
    let included = variables.included();
    let counts = included.iter().rev().find(|file| defines(file, path));
    let first = || included.iter().find(|file| defines(file, &whole));
    counts.or_else(first).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_keys() {
        for path in [
            "services.web.image=x",
            "x-a.b",
            "volumes[\"a\"]",
            "services.web.ports[+]=1:1",
        ] {
            assert!(is_compose_path(path), "{path}");
        }
        for key in ["PORT=1", "services=1", "A.B=1", "URL=services.web", "x-a=1"] {
            assert!(!is_compose_path(key), "{key}");
        }
    }
}
