//! The files of a checkout that a command line names, and the programs that these name: their text runs as
//! much as the command line does.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use crate::assessment::moving::Moving;
use crate::host::files;
use crate::settings::{file_in, words_of_text};
use crate::stack::side::Side;

/// More files than this no command line is followed into.
const MOST: usize = 1024;

/// A folder with more entries than this holds data.
const MOST_ENTRIES: usize = 4096;

/// A longer text is no program that a person reads, and names none.
const LONGEST: usize = 1 << 20;

/// What the shell puts names in the place of.
const GLOB: [char; 3] = ['*', '?', '['];

/// How the names of programs end that need no mark to be one.
const PROGRAMS: [&str; 14] = [
    "sh", "bash", "zsh", "ksh", "ash", "py", "pl", "rb", "js", "mjs", "ts", "php", "lua", "awk",
];

/// The work tree that upstream's files of a stack lie in: the nearest folder above with a `.git`.
pub(super) fn top(directory: &Path, settings: Option<&Path>) -> Option<PathBuf> {
    let folders = [Some(directory), settings.and_then(Path::parent)];
    let above = |folder: &Path| {
        let folder = files::follow(folder);
        let mut above = folder.ancestors();
        above
            .find(|above| above.join(".git").symlink_metadata().is_ok())
            .map(Path::to_owned)
    };
    folders.into_iter().flatten().find_map(above)
}

/// The files of a work tree: as they are, or as a move is about to make them.
pub(crate) struct VersionFiles {
    top: PathBuf,
    /// Where the tree that comes lies, and which files go.
    coming: Option<(PathBuf, BTreeSet<PathBuf>)>,
}

impl VersionFiles {
    /// As it is.
    pub(super) fn checked_out(top: &Path) -> Self {
        Self {
            top: top.to_owned(),
            coming: None,
        }
    }

    /// As a move makes it.
    pub(crate) fn after(moving: &Moving) -> Self {
        let gone = moving.file_edits().into_iter();
        let gone = gone.filter(|edit| matches!(edit.after, Side::Absent));
        Self {
            top: files::follow(moving.top()),
            coming: Some((
                moving.exported.path().to_owned(),
                gone.map(|edit| clean(&files::follow(&edit.path))).collect(),
            )),
        }
    }

    /// The top of the work tree.
    pub(super) fn top(&self) -> &Path {
        &self.top
    }

    /// Where a file of this version can be read; `None`: it has none there.
    fn place_of(&self, path: &Path) -> Option<PathBuf> {
        let Some((exported, gone)) = &self.coming else {
            return Some(path.to_owned());
        };
        let folder = path.parent().map(files::follow).unwrap_or_default();
        let whole = folder.join(path.file_name().unwrap_or_default());
        if let Ok(inside) = whole.strip_prefix(&self.top) {
            let coming = exported.join(inside);
            if coming.symlink_metadata().is_ok() {
                return Some(coming);
            }
        }
        (!gone.contains(&whole)).then(|| path.to_owned())
    }

    /// A file's bytes; `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn read(&self, path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
        match self.place_of(path) {
            Some(place) => files::read_if_exists(&place),
            None => Ok(None),
        }
    }

    /// The settings of a stack in it.
    pub(crate) fn settings_file(&self, directory: &Path) -> PathBuf {
        let (own, other) = (directory.join("refit.yaml"), directory.join("refit.yml"));
        let exists = |path: &Path| self.place_of(path).is_some_and(|place| place.exists());
        match self.coming.is_some() {
            true if !exists(&own) && exists(&other) => other,
            true => own,
            false => file_in(directory),
        }
    }

    /// The files of the work tree, and the programs that words name and that their texts name in turn, by
    /// their paths from the stack's folder. What sets the stack up is left out: it changes with every
    /// version, and what it says runs in containers.
    pub(super) fn files_named(
        &self,
        (files, words): (&[String], &[String]),
        directory: &Path,
        sets_up: &[PathBuf],
    ) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open: Vec<(PathBuf, bool)> = Vec::new();
        for word in words {
            // `cd ops; ./backup.sh` and `for one in hooks.d/*`.
            let path = directory.join(word.trim_end_matches(['*', '/']));
            let entries = self.entries(&clean(&path), directory).into_iter();
            open.extend(entries.map(|path| (path, false)));
            let meant = self.meant_by(directory, word).into_iter();
            open.extend(meant.map(|path| (path, false)));
            open.push((path, false));
        }
        for file in files {
            let meant = self.meant_by(directory, file).into_iter();
            open.extend(meant.map(|path| (path, true)));
        }
        while let Some((path, is_direct)) = open.pop() {
            let path = clean(&path);
            let name = path.strip_prefix(directory).unwrap_or(&path).to_owned();
            if found.len() == MOST || found.contains_key(&name) || sets_up.contains(&path) {
                continue;
            }
            if !is_direct && !self.is_program(&path) {
                continue;
            }
            let Some(bytes) = self.bytes_of_own(&path) else {
                continue;
            };
            if bytes.len() <= LONGEST
                && let Ok(text) = std::str::from_utf8(&bytes)
            {
                let folders = [Some(directory), path.parent()];
                for word in words_of_text(text) {
                    let named = folders.into_iter().flatten();
                    let meant = named.flat_map(|folder| self.meant_by(folder, &word));
                    open.extend(meant.map(|path| (path, false)));
                }
            }
            found.insert(name, bytes);
        }
        found
    }

    /// The paths that a word means: more than one where the shell fills in `*` and `?`.
    fn meant_by(&self, folder: &Path, word: &str) -> Vec<PathBuf> {
        if !word.contains(GLOB) {
            return vec![folder.join(word)];
        }
        let mut all = vec![folder.to_owned()];
        for part in Path::new(word).components() {
            let name = part.as_os_str();
            all = match name.to_str().filter(|name| name.contains(GLOB)) {
                // `tar c *` means the data.
                Some("*") if all == [folder] => Vec::new(),
                Some(pattern) => {
                    let names = all.iter().flat_map(|folder| self.names_in(folder));
                    let fits = names.filter(|path| {
                        let name = path.file_name().unwrap_or_default().to_string_lossy();
                        // What could take long to compare is meant.
                        pattern.matches('*').count() > 3 || fits(pattern, &name)
                    });
                    fits.take(MOST_ENTRIES).collect()
                }
                None => all.iter().map(|folder| folder.join(name)).collect(),
            };
        }
        all
    }

    /// What lies right in a folder of the work tree.
    fn names_in(&self, folder: &Path) -> BTreeSet<PathBuf> {
        let real = files::follow(&clean(folder));
        let Ok(inside) = real.strip_prefix(&self.top) else {
            return BTreeSet::new();
        };
        let coming = self.coming.iter();
        let coming = coming.map(|(exported, _)| exported.join(inside));
        let entries = coming.chain([real.clone()]);
        let entries = entries.flat_map(|place| std::fs::read_dir(place).into_iter().flatten());
        let names = entries
            .flatten()
            .map(|entry| folder.join(entry.file_name()));
        names.collect()
    }

    /// What lies in a folder of the work tree and below it: programs count, and nothing else. The stack's own
    /// folder is named by every second command line, and means no program.
    fn entries(&self, folder: &Path, directory: &Path) -> BTreeSet<PathBuf> {
        let mut found = BTreeSet::new();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop().filter(|_| found.len() < MOST_ENTRIES) {
            let real = files::follow(&folder);
            let is_own = files::follow(directory).starts_with(&real);
            if is_own || !real.starts_with(&self.top) {
                continue;
            }
            let coming = self.coming.iter().filter_map(|(exported, _)| {
                let inside = real.strip_prefix(&self.top).ok()?;
                Some(exported.join(inside))
            });
            for place in coming.chain([real.clone()]) {
                for entry in std::fs::read_dir(place).into_iter().flatten().flatten() {
                    let path = folder.join(entry.file_name());
                    match entry.file_type() {
                        Ok(kind) if kind.is_dir() && found.insert(path.clone()) => open.push(path),
                        Ok(_) | Err(_) => {
                            found.insert(path);
                        }
                    }
                }
            }
        }
        found
    }

    /// What a file of the work tree holds; one elsewhere does not come from upstream.
    fn bytes_of_own(&self, path: &Path) -> Option<Vec<u8>> {
        let folder = files::follow(path.parent()?);
        if !folder.starts_with(&self.top) {
            return None;
        }
        let place = self.place_of(path)?;
        if !place.is_file() {
            return None;
        }
        // What cannot be read is still one that can change: as nothing, it is never what was accepted.
        Some(files::read_if_exists(&place).ok()?.unwrap_or_default())
    }

    fn is_program(&self, path: &Path) -> bool {
        let Some(place) = self.place_of(path).filter(|place| place.is_file()) else {
            return false;
        };
        let ending = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        let mode = place.metadata().map(|found| found.permissions().mode());
        let begins = || {
            let mut begin = [0; 2];
            let mut file = File::open(&place)?;
            file.read_exact(&mut begin).map(|()| begin)
        };
        PROGRAMS.contains(&ending)
            || mode.is_ok_and(|mode| mode & 0o111 != 0)
            || begins().is_ok_and(|begin| begin == *b"#!")
    }
}

/// Whether the shell would put a name in the place of a pattern. A `[…]` is taken for any one character.
fn fits(pattern: &str, name: &str) -> bool {
    let mut rest = pattern.chars();
    match rest.next() {
        None => name.is_empty(),
        Some('*') => {
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            let mut ends = ends.filter_map(|at| name.get(at..));
            ends.any(|left| fits(rest.as_str(), left))
        }
        Some(first) => {
            let mut left = name.chars();
            let is_same = match (first, left.next()) {
                (_, None) => false,
                ('?', Some(_)) => true,
                ('[', Some(_)) => {
                    rest.by_ref().find(|c| *c == ']');
                    true
                }
                (first, Some(found)) => first == found,
            };
            is_same && fits(rest.as_str(), left.as_str())
        }
    }
}

/// A path without `.` and `..`, as it is written.
fn clean(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            Component::Normal(_) | Component::RootDir | Component::Prefix(_) => clean.push(part),
        }
    }
    clean
}
