//! Build contexts of the exported tree, completed with what git does not have: a build in place would
//! find untracked files too.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::Action;
use crate::git::ChangeKind;
use crate::plan::Plan;
use crate::stack::build;
use crate::stack::model::Model;

/// A submodule that is new upstream lies nowhere here yet, and is fetched by git alone: a build or a mount
/// that wants it would find an empty folder.
///
/// # Errors
/// `not_supported`.
pub(super) fn without_new_submodules(model: &Model, moving: &Moving) -> Result<(), Complaint> {
    let changes = moving.movement.prediction.changes.iter();
    let new = changes.filter(|change| {
        change.after == ChangeKind::Submodule && change.before != ChangeKind::Submodule
    });
    for change in new {
        let folder = moving.checkout.named(&change.path);
        let uses = |path: &Path| folder.starts_with(path) || path.starts_with(&folder);
        let user = model.services.iter().find(|(_, service)| {
            let build = service.raw.get("build").and_then(build::context);
            let mut paths = service.binds.iter().map(|bind| bind.source.as_path());
            build.is_some_and(uses) || paths.any(uses)
        });
        if let Some((service, _)) = user {
            let path = change.path.display();
            let text = format!(
                "upstream brings the submodule {path}, which {service} needs, and which is not here yet"
            );
            let hint = format!(
                "git pull && git submodule update --init {path}, then refit upgrade puts it in force"
            );
            return Err(Complaint::new(Code::NotSupported, text).hint(hint));
        }
    }
    Ok(())
}

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
