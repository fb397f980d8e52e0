//! The stack as it would be after an edit, without writing to it: a tree of symlinks to the real
//! entries, from the root of the file system down, with the edited files put in as copies (F18).
//! It starts at the root so that files above the stack (`../common.env`) are found as well.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::side::{FileEdit, Origin};
use crate::docker::compose::ProjectArgs;
use crate::host::files;

/// A staged stack; its folder goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Staged {
    root: tempfile::TempDir,
    /// What Compose is to be told.
    pub args: ProjectArgs,
}

impl Staged {
    /// Builds the tree.
    ///
    /// # Errors
    /// The temporary folder cannot be written.
    pub(crate) fn new(
        project: &ProjectArgs,
        edits: &[FileEdit],
        scratch: &Path,
    ) -> anyhow::Result<Self> {
        // Named after this process, so that the next one knows whether it is still wanted.
        let root = tempfile::Builder::new()
            .prefix(&format!("{}-staged-", std::process::id()))
            .tempdir_in(scratch)
            .with_context(|| format!("cannot stage in {}", scratch.display()))?;
        // Secrets lie in the copies; the folder is made 0700 by tempfile.
        let copies: Vec<(PathBuf, Option<&[u8]>)> = edits
            .iter()
            .flat_map(|edit| both_names(edit).map(|p| (p, edit.after.bytes())))
            .collect();
        let mut open = BTreeSet::new();
        let folders = copies.iter().filter_map(|(path, _)| path.parent());
        for folder in folders.chain([project.directory.as_path()]) {
            open.extend(folder.ancestors().map(Path::to_owned));
        }
        let edited: BTreeSet<&Path> = copies.iter().map(|(path, _)| path.as_path()).collect();
        for folder in &open {
            mirror(root.path(), folder, &open, &edited)
                .with_context(|| format!("cannot stage {}", folder.display()))?;
        }
        for (path, bytes) in &copies {
            let staged = below(root.path(), path);
            let _ = fs::remove_file(&staged);
            // A file that takes the place of a folder: what was below it goes.
            if bytes.is_some() && staged.is_dir() {
                fs::remove_dir_all(&staged)
                    .with_context(|| format!("cannot stage {}", path.display()))?;
            }
            if let Some(bytes) = bytes {
                fs::write(&staged, bytes)
                    .with_context(|| format!("cannot stage {}", path.display()))?;
            }
        }
        let args = ProjectArgs {
            files: project
                .files
                .iter()
                .map(|file| below(root.path(), file))
                .collect(),
            name: project.name.clone(),
            env_files: project
                .env_files
                .iter()
                .map(|file| below(root.path(), file))
                .collect(),
            profiles: project.profiles.clone(),
            directory: below(root.path(), &project.directory),
        };
        Ok(Self { root, args })
    }

    /// The prefix that stands before every path which Compose prints of this tree.
    pub(crate) fn prefix(&self) -> &Path {
        self.root.path()
    }
}

/// The path itself, and the file that it means where it is a symlink. git writes at the path alone.
fn both_names(edit: &FileEdit) -> impl Iterator<Item = PathBuf> + use<> {
    let real = files::follow(&edit.path);
    let same = real == edit.path || edit.origin == Origin::Upstream;
    [Some(edit.path.clone()), (!same).then_some(real)]
        .into_iter()
        .flatten()
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// One real folder, with symlinks to all of its entries that are not real folders themselves.
fn mirror(
    root: &Path,
    folder: &Path,
    open: &BTreeSet<PathBuf>,
    edited: &BTreeSet<&Path>,
) -> anyhow::Result<()> {
    let staged = below(root, folder);
    fs::create_dir_all(&staged)?;
    // A folder that may be passed but not listed holds nothing that Compose could list either; what
    // is needed of it is opened below.
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if !open.contains(&path) {
            // A symlink to what is edited leads to the copy.
            let target = match path.is_symlink().then(|| files::follow(&path)) {
                Some(real) if edited.contains(real.as_path()) || open.contains(&real) => {
                    below(root, &real)
                }
                Some(_) | None => path,
            };
            symlink(target, staged.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::side::Side;

    #[test]
    fn edited_files_are_copies_and_the_rest_is_the_stack_itself() {
        let dir = tempfile::tempdir().unwrap();
        let stack = dir.path().canonicalize().unwrap().join("stack");
        fs::create_dir(&stack).unwrap();
        fs::write(stack.join("compose.yaml"), "services: {}").unwrap();
        fs::write(stack.join("../common.env"), "A=1").unwrap();
        symlink("../common.env", stack.join(".env")).unwrap();
        let project = ProjectArgs {
            files: vec![stack.join("compose.yaml")],
            name: None,
            env_files: Vec::new(),
            profiles: Vec::new(),
            directory: stack.clone(),
        };
        let edit = FileEdit {
            path: stack.join(".env"),
            before: Side::new(b"A=1".to_vec(), &Side::Absent),
            after: Side::new(b"A=2".to_vec(), &Side::Absent),
            origin: Origin::Refit,
        };
        let staged = Staged::new(&project, &[edit], dir.path()).unwrap();
        let at = &staged.args.directory;
        assert_eq!(fs::read(at.join(".env")).unwrap(), b"A=2");
        assert_eq!(
            fs::read(at.join("../common.env")).unwrap(),
            b"A=2",
            "the file it links to"
        );
        assert_eq!(
            fs::read_to_string(at.join("compose.yaml")).unwrap(),
            "services: {}"
        );
        assert_eq!(
            fs::read(stack.join(".env")).unwrap(),
            b"A=1",
            "the stack is untouched"
        );
        assert!(
            at.ends_with("stack"),
            "Compose names the project after the folder"
        );
    }
}
