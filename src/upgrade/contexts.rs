//! Build contexts of the exported tree, completed with what git does not have: a build in place would
//! find untracked files too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::assessment::moving::Moving;
use crate::event::Action;
use crate::git::ChangeKind;
use crate::plan::Plan;
use crate::stack::build;
use crate::stack::model::Model;

/// Puts the untracked files of every context that is to be built into the exported tree.
///
/// # Errors
/// The tree cannot be written.
pub(super) fn complete(model: &Model, moving: &Moving, plan: &Plan) -> anyhow::Result<()> {
    // What services keep in folders of the checkout is data, and no part of a build.
    let services = model.services.values();
    let data: Vec<&PathBuf> = services
        .flat_map(|service| &service.binds)
        .map(|bind| &bind.source)
        .filter(|source| source.is_dir())
        .collect();
    let gone: Vec<PathBuf> = moving
        .movement
        .prediction
        .changes
        .iter()
        .filter(|change| change.after == ChangeKind::Nothing)
        .map(|change| moving.checkout.named(&change.path))
        .collect();
    for step in &plan.steps {
        let Some(service) = model.services.get(&step.service) else {
            continue;
        };
        let Some(build) = service.raw.get("build") else {
            continue;
        };
        let context = build::context(build);
        let Some(context) = context.filter(|_| step.action == Action::Rebuild) else {
            continue;
        };
        let Some(inside) = moving.checkout.inside(context) else {
            continue;
        };
        let copy = Copy {
            context,
            into: moving.exported.path().join(inside),
            ignore: build::ignored_by(build),
            leave: |path| data.contains(&&path.to_owned()) || gone.contains(&path.to_owned()),
        };
        copy.folder(Path::new(""))
            .with_context(|| format!("cannot copy the build context of {}", step.service))?;
    }
    Ok(())
}

struct Copy<'a, L: Fn(&Path) -> bool> {
    context: &'a Path,
    into: PathBuf,
    ignore: String,
    /// Paths that stay where they are.
    leave: L,
}

impl<L: Fn(&Path) -> bool> Copy<'_, L> {
    fn folder(&self, inside: &Path) -> anyhow::Result<()> {
        // What this user may not read, the build may not read either.
        let Ok(entries) = fs::read_dir(self.context.join(inside)) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let name = inside.join(entry.file_name());
            let (from, to) = (entry.path(), self.into.join(&name));
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let is_git = entry.file_name() == ".git";
            let ignored = build::is_ignored(&self.ignore, &name);
            if is_git || ignored && !build::brings_back(&self.ignore) || (self.leave)(&from) {
                continue;
            }
            if kind.is_dir() {
                self.folder(&name)?;
            } else if to.symlink_metadata().is_err() {
                copy(&from, &to, kind)?;
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path, kind: fs::FileType) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    if kind.is_symlink() {
        std::os::unix::fs::symlink(fs::read_link(from)?, to)?;
    } else if kind.is_file() && fs::hard_link(from, to).is_err() {
        // Another file system, or another user's file. What cannot be read, a build cannot read.
        let _ = fs::copy(from, to);
    }
    Ok(())
}
