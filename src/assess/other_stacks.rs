//! Other stacks that run from files of the same checkout: what moves the checkout moves their files as well,
//! and touches none of their containers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::assessment::moving::Moving;
use crate::assessment::{Assessment, Change};
use crate::docker::container::{Container, label};
use crate::host::files;
use crate::stack::Place;
use crate::text::shell_word;

/// A project that runs beside this one.
#[derive(Default)]
struct OtherStack {
    directory: PathBuf,
    compose_files: Vec<PathBuf>,
}

/// Those whose files a move of the checkout changes, in sentences.
pub(super) fn told(place: &Place, assessment: &Assessment) -> Vec<String> {
    let Some(moving) = assessment.moving() else {
        return Vec::new();
    };
    let own = files::follow(&place.located.args.directory);
    let others = others(&place.containers, &assessment.after.name);
    let told = others.into_iter().filter_map(|(project, stack)| {
        let changed = changed(moving, &stack, &own);
        let first = place.shown(changed.first()?);
        let more = match changed.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let which = match stack.directory == own {
            true => format!("-p {project}"),
            false => format!("-C {}", shell_word(&stack.directory.to_string_lossy())),
        };
        let then = match assessment.change {
            Change::Rollback(_) => format!("go back as well ({first}{more}): refit {which} apply"),
            Change::Edit
            | Change::Apply(_)
            | Change::Restart { .. }
            | Change::Upgrade { .. }
            | Change::Recipe { .. } => {
                format!("change as well ({first}{more}): refit {which} upgrade")
            }
        };
        Some(format!(
            "{project} runs from files of this checkout too, and they {then} puts that in force there"
        ))
    });
    told.collect()
}

fn others(containers: &[Container], own: &str) -> BTreeMap<String, OtherStack> {
    let mut others: BTreeMap<String, OtherStack> = BTreeMap::new();
    for container in containers.iter().filter(|one| one.project != own) {
        let of = |name: &str| container.labels.get(name).map(String::as_str);
        let Some(directory) = of(label::WORKING_DIR) else {
            continue;
        };
        let other = others.entry(container.project.clone()).or_default();
        other.directory = files::follow(Path::new(directory));
        let named = of(label::CONFIG_FILES).unwrap_or_default().split(',');
        other.compose_files = named.map(|file| files::follow(Path::new(file))).collect();
    }
    others
}

/// The files of a stack that a move changes: its compose files, and what lies in its folder, but for the
/// folder of this stack where that lies in it.
fn changed(moving: &Moving, stack: &OtherStack, own: &Path) -> Vec<PathBuf> {
    let is_around = own != stack.directory && own.starts_with(&stack.directory);
    let edits = moving.edits.iter();
    let paths = edits.map(|edit| moving.top().join(&edit.path));
    paths
        .filter(|path| {
            let is_in = path.starts_with(&stack.directory) && !(is_around && path.starts_with(own));
            is_in || stack.compose_files.contains(path)
        })
        .collect()
}
