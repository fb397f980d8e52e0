//! The move of a git checkout to another commit as a step of a run. Which commit it goes to is decided
//! elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::edited::KeyChange;
use crate::complaint::Complaint;
use crate::git::{Checkout, GitError, Move, Oid, Prediction, TreeEdit, TreeEntry};
use crate::host::files;
use crate::stack::side::{FileEdit, Origin, Side};

/// A move that is about to be made.
#[derive(Debug)]
pub(crate) struct Moving {
    /// The checkout.
    pub checkout: Checkout,
    /// From where to where.
    pub movement: Move,
    /// What it does at each path.
    pub edits: Vec<TreeEdit>,
    /// The whole tree as it is to be, for builds while the old one serves.
    pub exported: tempfile::TempDir,
}

impl Moving {
    /// Exports the predicted tree below `scratch`, and reads what changes.
    ///
    /// # Errors
    /// `git_conflict`, `git_untracked`; the disk is full; git's own.
    pub(crate) async fn new(
        checkout: Checkout,
        to: Oid,
        prediction: Prediction,
        scratch: &Path,
    ) -> Result<Self, Complaint> {
        prediction.refuse_loss()?;
        let exported = tempfile::Builder::new()
            .prefix(&format!("{}-tree-", std::process::id()))
            .tempdir_in(scratch)
            .map_err(|error| anyhow::Error::new(error).context("cannot export the new version"))?;
        checkout.export(&prediction.tree, exported.path()).await?;
        let edits = checkout.edits(&prediction, exported.path()).await?;
        let movement = Move {
            from: checkout.head.clone(),
            to,
            prediction,
        };
        Ok(Self {
            checkout,
            movement,
            edits,
            exported,
        })
    }

    /// The top of the work tree.
    pub(crate) fn top(&self) -> &Path {
        self.checkout.git.top()
    }

    /// What it does to files, as edits of the stack: what somebody reads at each path before and after,
    /// also through a symlink on the way that comes or goes.
    pub(crate) fn file_edits(&self) -> Vec<FileEdit> {
        let (top, exported) = (self.top(), self.exported.path());
        let own = self.edits.iter().map(|edit| FileEdit {
            path: self.checkout.named(&edit.path),
            before: content(edit.before.as_ref(), top, &edit.path),
            after: content(edit.after.as_ref(), exported, &edit.path),
            origin: Origin::Upstream,
        });
        let mut edits: Vec<FileEdit> = own.collect();
        let known: BTreeSet<&Path> = self.edits.iter().map(|edit| edit.path.as_path()).collect();
        let mut through = BTreeSet::new();
        for edit in &self.edits {
            for (entry, root) in [(&edit.before, top), (&edit.after, exported)] {
                if let Some(TreeEntry::Link { .. }) = entry {
                    through.extend(below_link(root, &edit.path));
                }
            }
        }
        through.retain(|path| !known.contains(path.as_path()));
        edits.extend(through.iter().map(|path| FileEdit {
            path: self.checkout.named(path),
            before: content(None, top, path),
            after: content(None, exported, path),
            origin: Origin::Upstream,
        }));
        edits
    }

    /// The edit as a checkpoint has to keep it; `None`: the file has another path, by which it is kept.
    pub(crate) fn kept(&self, edit: &FileEdit) -> Option<FileEdit> {
        let Some(inside) = self.checkout.inside(&edit.path) else {
            return Some(edit.clone());
        };
        let side = |root: &Path, side: &Side| match files::is_beyond_link(root, &root.join(&inside))
        {
            true => Side::Absent,
            false => side.clone(),
        };
        let kept = FileEdit {
            before: side(self.top(), &edit.before),
            after: side(self.exported.path(), &edit.after),
            ..edit.clone()
        };
        let is_nothing =
            |edit: &FileEdit| edit.before == Side::Absent && edit.after == Side::Absent;
        (!is_nothing(&kept) || is_nothing(edit)).then_some(kept)
    }

    /// The folder below which git writes a file: a symlink on the way from there is git's as well.
    pub(crate) fn root_of(&self, path: &Path) -> Option<PathBuf> {
        let named = &self.checkout.named.folder;
        let mut roots = [named.as_path(), self.top()].into_iter();
        roots
            .find(|root| path.starts_with(root))
            .map(Path::to_owned)
    }

    /// Whether a symlink leads to a path once the move is made: nobody may write there in its name.
    pub(crate) fn leads_past(&self, path: &Path) -> bool {
        let exported = self.exported.path();
        let inside = self.checkout.inside(path);
        inside.is_some_and(|inside| files::is_beyond_link(exported, &exported.join(inside)))
    }

    /// Where a symlink points that the move makes at this path.
    pub(crate) fn link_at(&self, path: &Path) -> Option<PathBuf> {
        let mut edits = self.edits.iter();
        match &edits
            .find(|edit| self.checkout.named(&edit.path) == path)?
            .after
        {
            Some(TreeEntry::Link { target }) => Some(target.clone()),
            _ => None,
        }
    }

    /// The move as a person reads it.
    pub(crate) fn described(&self) -> KeyChange {
        KeyChange {
            file: "git".to_owned(),
            key: self.checkout.branch().unwrap_or("HEAD").to_owned(),
            name: String::new(),
            before: Some(self.movement.from.short().to_owned()),
            after: Some(self.movement.to.short().to_owned()),
        }
    }

    /// Makes the move. Should refit be killed meanwhile, its programs are found by `mark`.
    ///
    /// # Errors
    /// [`GitError::EditedMeanwhile`], before anything has moved; git refuses; the disk is full.
    pub(crate) async fn carry_out(&self, mark: PathBuf) -> Result<(), GitError> {
        let checkout = Checkout {
            git: self.checkout.git.clone().marked(mark),
            ..self.checkout.clone()
        };
        let done = checkout.advance(&self.movement).await;
        checkout.give_to_owner();
        done
    }
}

/// What a path holds as a file; a symlink is read through, as everybody who mounts it does.
fn content(entry: Option<&TreeEntry>, root: &Path, path: &Path) -> Side {
    match entry {
        None if !files::is_beyond_link(root, &root.join(path)) => Side::Absent,
        Some(TreeEntry::File { bytes, .. }) => Side::new(bytes.clone(), &Side::Absent),
        // One that leads to a folder, or to nothing, holds no text.
        None | Some(TreeEntry::Link { .. }) => match Side::read(&root.join(path)) {
            Side::Text(text) => Side::new(text.bytes, &Side::Absent),
            textless @ (Side::Absent | Side::Unknown(_)) => textless,
        },
    }
}

/// The files that a symlink to a folder of the same tree gives a second path.
fn below_link(root: &Path, link: &Path) -> Vec<PathBuf> {
    let (root, folder) = (files::follow(root), files::follow(&root.join(link)));
    // What lies elsewhere does not change with it, and a folder that holds the link has no end.
    if !folder.starts_with(&root) || root.join(link).starts_with(&folder) || !folder.is_dir() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut open = vec![folder.clone()];
    while let Some(one) = open.pop() {
        for entry in std::fs::read_dir(&one).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(_) | Err(_) => {
                    let inside = path.strip_prefix(&folder).unwrap_or(&path);
                    found.push(link.join(inside));
                }
            }
        }
    }
    found
}
