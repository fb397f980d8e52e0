//! Where a change of the stack's definition belongs, when the person names no file: not in a file
//! that an upgrade brings, when there is one that overrides it.

use std::path::{Path, PathBuf};

use crate::complaint::Complaint;
use crate::edit::yaml::{self, YamlPath};
use crate::engine::git;
use crate::stack::locate::{Located, default_override};
use crate::stack::shown;

/// The sections of a compose file that a path may begin with.
const SECTIONS: [&str; 6] = [
    "services", "networks", "volumes", "configs", "secrets", "include",
];

/// Whether what was typed is a path into a compose file rather than a key of an env file.
pub fn is_compose_path(typed: &str) -> bool {
    let first = typed.split(['.', '[', '=']).next().unwrap_or_default();
    let goes_on = typed[first.len()..].starts_with(['.', '[']);
    goes_on && (SECTIONS.contains(&first) || first.starts_with("x-"))
}

/// The file that a change of `path` belongs in, and what the person should know about the choice.
///
/// # Errors
/// A value that is defined upstream cannot be removed by an override.
pub fn file_for(
    path: &YamlPath,
    removes: bool,
    located: &Located,
) -> Result<(PathBuf, Option<String>), Complaint> {
    let files = &located.args.files;
    let defining = files.iter().rev().find(|file| defines(file, path));
    let first = files
        .first()
        .ok_or_else(|| Complaint::new("no_compose_file", "no compose file"))?;
    let natural = defining.unwrap_or(first);
    if !git::is_tracked_upstream(natural) {
        return Ok((natural.clone(), None));
    }
    let name = |file: &Path| shown(&located.args.directory, file);
    let loaded = files
        .last()
        .filter(|last| files.len() > 1 && *last != natural);
    let Some(other) = loaded.cloned().or_else(|| default_override(files)) else {
        return Ok((natural.clone(), None));
    };
    if removes {
        let text = format!("{path} is defined in {}, which git tracks", name(natural));
        let hint = format!("to remove it there all the same: -F {}", name(natural));
        return Err(Complaint::new("defined_upstream", text).hint(hint));
    }
    let note = format!(
        "{} is tracked by git, so the change goes to {}, where no upgrade meets it; -F {0} decides \
         otherwise",
        name(natural),
        name(&other)
    );
    Ok((other, Some(note)))
}

fn defines(file: &Path, path: &YamlPath) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    matches!(yaml::get(&text, path), Ok(Some(_)))
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
