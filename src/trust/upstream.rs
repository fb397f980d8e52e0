//! Whether a part of an action is as the commit that is checked out has it, or was written here. Asked only
//! of what was never seen before, such as after a `git pull` by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::part::{Part, PartOf};
use super::values;
use crate::git::{Git, GitError};
use crate::host::files;
use crate::settings::written::WrittenSettings;
use crate::settings::{HostAction, Settings};

/// Who wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WrittenBy {
    /// Somebody here: no commit has it.
    Here,
    /// It is in the commit that is checked out.
    Upstream,
    /// git does not say.
    Unknown,
}

/// What a commit has at a path.
#[derive(Debug, Clone)]
enum Committed {
    Nothing,
    /// As a checkout writes it.
    File(Vec<u8>),
    Link(Vec<u8>),
    Unknown,
}

/// The commit that is checked out.
pub(super) struct CheckedOutCommit<'a> {
    directory: &'a Path,
    written: &'a WrittenSettings,
    seen: BTreeMap<PathBuf, Committed>,
}

impl<'a> CheckedOutCommit<'a> {
    /// Asks nothing yet.
    pub(super) fn new(written: &'a WrittenSettings, directory: &'a Path) -> Self {
        Self {
            directory,
            written,
            seen: BTreeMap::new(),
        }
    }

    /// Who wrote a part.
    pub(super) async fn wrote(&mut self, action: &HostAction, part: &Part) -> WrittenBy {
        match (&part.of, &self.written.file) {
            (PartOf::File(file), _) => self.wrote_file(&self.directory.join(file)).await,
            (PartOf::Variable(name, (file, text)), _) => {
                match self.committed(&files::follow(file)).await {
                    Committed::Nothing => WrittenBy::Here,
                    Committed::Link(_) | Committed::Unknown => WrittenBy::Unknown,
                    Committed::File(bytes) => match values::defined_in(&bytes, name) {
                        Some(committed) if committed == *text => WrittenBy::Upstream,
                        Some(_) | None => WrittenBy::Here,
                    },
                }
            }
            (PartOf::Setting, Some(file)) => self.wrote_setting(file, action).await,
            (PartOf::Setting, None) => WrittenBy::Here,
        }
    }

    async fn wrote_setting(&mut self, file: &Path, action: &HostAction) -> WrittenBy {
        let bytes = match self.committed(&files::follow(file)).await {
            Committed::Nothing => return WrittenBy::Here,
            Committed::File(bytes) => bytes,
            Committed::Link(_) | Committed::Unknown => return WrittenBy::Unknown,
        };
        let has = |settings: &Settings| {
            let all = settings.host_actions();
            all.iter().any(|one| one.identity == action.identity)
        };
        match WrittenSettings::other_text(file, &bytes) {
            Ok(settings) if has(&settings) => WrittenBy::Upstream,
            Ok(_) => WrittenBy::Here,
            Err(_) => WrittenBy::Unknown,
        }
    }

    async fn wrote_file(&mut self, path: &Path) -> WrittenBy {
        // A link is a text of its own: what it leads to can lie anywhere.
        for above in path.ancestors() {
            let Ok(target) = std::fs::read_link(above) else {
                continue;
            };
            match self.committed(&parent_followed(above)).await {
                Committed::Link(link) if *link == *target.as_os_str().as_encoded_bytes() => {
                    return WrittenBy::Upstream;
                }
                Committed::Unknown => return WrittenBy::Unknown,
                Committed::Link(_) | Committed::File(_) | Committed::Nothing => {}
            }
        }
        let now = match files::read_if_exists(path) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(_) => return WrittenBy::Unknown,
        };
        match self.committed(&files::follow(path)).await {
            Committed::File(bytes) if bytes == now => WrittenBy::Upstream,
            Committed::File(_) | Committed::Link(_) | Committed::Nothing => WrittenBy::Here,
            Committed::Unknown => WrittenBy::Unknown,
        }
    }

    async fn committed(&mut self, path: &Path) -> Committed {
        if let Some(found) = self.seen.get(path) {
            return found.clone();
        }
        let found = committed(path).await.unwrap_or(Committed::Unknown);
        self.seen.insert(path.to_owned(), found.clone());
        found
    }
}

/// A path whose last part alone may be a link.
fn parent_followed(path: &Path) -> PathBuf {
    let folder = path.parent().map(files::follow).unwrap_or_default();
    folder.join(path.file_name().unwrap_or_default())
}

async fn committed(path: &Path) -> Result<Committed, GitError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(Committed::Nothing);
    };
    let mut above = folder.ancestors();
    if !above.any(|above| above.join(".git").symlink_metadata().is_ok()) {
        return Ok(Committed::Nothing);
    }
    let git = Git::at(folder, true);
    let is_born = git.ask("rev-parse").args(["-q", "--verify", "HEAD"]);
    if is_born.text_if_any().await?.is_none() {
        return Ok(Committed::Nothing);
    }
    let listed = git
        .ask("ls-tree")
        .args(["-z", "HEAD", "--"])
        .arg(name)
        .bytes()
        .await?;
    let mut revision = std::ffi::OsString::from("HEAD:./");
    revision.push(name);
    if listed.is_empty() {
        return Ok(Committed::Nothing);
    }
    if listed.starts_with(b"120000 ") {
        let bytes = git
            .ask("cat-file")
            .arg("blob")
            .arg(revision)
            .bytes()
            .await?;
        return Ok(Committed::Link(bytes));
    }
    // As a checkout writes it: with the line ends and filters that attributes ask for.
    let bytes = git.ask("cat-file").arg("--filters").arg(revision);
    Ok(Committed::File(bytes.bytes().await?))
}
