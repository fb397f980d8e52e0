//! Files of the stack in force that upstream removes, or has under another name now. What is in them may
//! be on this machine alone, and a service may not start without them: they stay as they are, and git does
//! not track them any more.

use std::path::{Path, PathBuf};

use crate::assessment::read_files::env_files_of;
use crate::complaint::Complaint;
use crate::git::{Checkout, Oid, Removed};
use crate::host::files;
use crate::stack::model::Model;
use crate::stack::{Place, resolve, routes};

/// Those of one move.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptFiles(Vec<KeptFile>);

#[derive(Debug, Clone)]
struct KeptFile {
    removed: Removed,
    path: PathBuf,
    role: KeptRole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeptRole {
    /// An env file, or an override file: it counts by being there.
    Read,
    /// A service mounts it: without one that does, it is upstream's to remove.
    Mounted,
}

/// The files of the stack that a commit does not have any more.
///
/// # Errors
/// git fails.
pub(super) async fn of(
    place: &Place,
    checkout: &Checkout,
    target: &Oid,
) -> Result<KeptFiles, Complaint> {
    let top = checkout.git.top();
    let mut removed = checkout.git.removed(&checkout.head, target).await?;
    removed.retain(|one| top.join(&one.path).symlink_metadata().is_ok());
    if removed.is_empty() {
        return Ok(KeptFiles::default());
    }
    let mut read = place.located.env_files();
    let compose_files = place.located.args.files.iter();
    // The first one is followed to its new name.
    read.extend(compose_files.skip(1).cloned());
    let mut mounts = Vec::new();
    // Compose's complaint is told where both versions are read.
    if let Ok(resolved) = resolve(&place.compose, &place.located).await {
        read.extend(env_files_of(&resolved.source));
        mounts = mounted(&resolved.model);
    }
    // A mounted folder of which upstream leaves nothing would be empty; what goes from one that stays is
    // upstream's to remove.
    let mut emptied = Vec::new();
    for folder in mounts.iter().filter(|path| path.is_dir()) {
        if let Some(inside) = checkout.inside(folder)
            && !inside.as_os_str().is_empty()
            && !checkout.git.has_at(target, &inside).await?
        {
            emptied.push(files::follow(folder));
        }
    }
    let role = |path: &Path| {
        let is_in = |list: &[PathBuf]| list.iter().any(|one| files::follow(one) == *path);
        let is_below = emptied.iter().any(|folder| path.starts_with(folder));
        match (is_in(&read), is_below || is_in(&mounts)) {
            (true, _) => Some(KeptRole::Read),
            (false, true) => Some(KeptRole::Mounted),
            (false, false) => None,
        }
    };
    let mut kept = Vec::new();
    for removed in removed {
        let path = checkout.named(&removed.path);
        let Some(role) = role(&files::follow(&path)) else {
            continue;
        };
        // Where upstream has a folder now, no file can stay.
        if !checkout.git.has_at(target, &removed.path).await? {
            kept.push(KeptFile {
                removed,
                path,
                role,
            });
        }
    }
    Ok(KeptFiles(kept))
}

/// The files that services mount, by themselves or as configs and secrets.
fn mounted(model: &Model) -> Vec<PathBuf> {
    let services = model.services.values();
    services
        .flat_map(|service| {
            let binds = service.binds.iter().map(|bind| bind.source.clone());
            let granted = routes::granted_files(model, service).into_iter();
            binds.chain(granted.map(|one| one.file)).collect::<Vec<_>>()
        })
        .collect()
}

/// Whether compose files name a renamed file as it is called now, and nowhere as it was. Where only its folder
/// was renamed, the folder tells.
fn is_read_as(compose_files: &[String], was: &Path, is: &Path) -> bool {
    let (was, is) = told_apart(was, is);
    let named = |text: &str, name: &str, other: &str| {
        // `app.env` is no name of a file where `conf/app.env` stands, and that is the other one.
        let rest = match other.contains(name) {
            true => text.replace(other, ""),
            false => text.to_owned(),
        };
        rest.contains(name)
    };
    let texts = || compose_files.iter();
    texts().any(|text| named(text, &is, &was)) && !texts().any(|text| named(text, &was, &is))
}

/// The ends of two paths, from the last name on that they do not have in common.
fn told_apart(one: &Path, other: &Path) -> (String, String) {
    let names = |path: &Path| -> Vec<String> {
        let names = path.iter();
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    };
    let (one, other) = (names(one), names(other));
    let pairs = one.iter().rev().zip(other.iter().rev());
    let same = pairs.take_while(|(one, other)| one == other).count();
    let end = |names: &[String]| {
        let from = names.len().saturating_sub(same + 1);
        names.get(from..).unwrap_or_default().join("/")
    };
    (end(&one), end(&other))
}

impl KeptFiles {
    /// From the top of the work tree.
    pub(super) fn paths(&self) -> Vec<PathBuf> {
        let kept = self.0.iter();
        kept.map(|one| one.removed.path.clone()).collect()
    }

    /// Without those that no service of the new version mounts any more, and those that its compose files
    /// read under the new name; `None`: all are needed.
    pub(super) fn needed_by(&self, after: &Model, compose_files: &[String]) -> Option<Self> {
        let mounts: Vec<PathBuf> = mounted(after)
            .iter()
            .map(|path| files::follow(path))
            .collect();
        let is_mounted = |path: PathBuf| mounts.iter().any(|mount| path.starts_with(mount));
        let has_moved = |one: &KeptFile| {
            let to = one.removed.renamed_to.as_deref();
            to.is_some_and(|to| is_read_as(compose_files, &one.removed.path, to))
        };
        let is_needed = |one: &&KeptFile| match one.role {
            KeptRole::Read => !has_moved(one),
            KeptRole::Mounted => is_mounted(files::follow(&one.path)),
        };
        let needed: Vec<KeptFile> = self.0.iter().filter(is_needed).cloned().collect();
        (needed.len() < self.0.len()).then_some(Self(needed))
    }

    /// What the person is told of each.
    pub(super) fn notes(&self, place: &Place) -> Vec<String> {
        let note = |one: &KeptFile| {
            let file = place.shown(&one.path);
            let what = match &one.removed.renamed_to {
                Some(to) => format!("renamed {file} to {}", to.display()),
                None => format!("removed {file}"),
            };
            format!(
                "upstream {what}; {file} is in use here, and stays as it is, no longer tracked by git"
            )
        };
        self.0.iter().map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_file_is_read_under_the_name_that_tells_it_apart() {
        for (text, was, is, expected) in [
            ("env_file: [new.env]", "old.env", "new.env", true),
            ("env_file: [old.env]", "old.env", "new.env", false),
            ("env_file: [old.env, new.env]", "old.env", "new.env", false),
            // Only the folder, and the use follows it, or does not.
            (
                "env_file: [conf/app.env]",
                "env/app.env",
                "conf/app.env",
                true,
            ),
            (
                "env_file: [env/app.env]",
                "env/app.env",
                "conf/app.env",
                false,
            ),
            (
                "env_file: [./conf/app.env]",
                "app.env",
                "conf/app.env",
                true,
            ),
            ("env_file: [./app.env]", "app.env", "conf/app.env", false),
            ("env_file: [./app.env]", "conf/app.env", "app.env", true),
            ("env_file: [conf/app.env]", "conf/app.env", "app.env", false),
            (
                "env_file: [new/a/app.env]",
                "d/old/a/app.env",
                "d/new/a/app.env",
                true,
            ),
            ("env_file: []", "old.env", "new.env", false),
        ] {
            let files = [text.to_owned()];
            let found = is_read_as(&files, Path::new(was), Path::new(is));
            assert_eq!(found, expected, "{text}: {was} to {is}");
        }
    }
}
