//! Whether a part of an action is as a commit has it - the one that is checked out, or one that was fetched -
//! or was written here. Asked only of what was never seen before, such as after a `git pull` by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
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
    /// It is in the commit that is checked out, or in one that was fetched: `git checkout origin/main -- .`
    /// makes no commit.
    Upstream,
    /// git does not say.
    Unknown,
}

/// So many tips of branches are looked into, the newest.
const TIPS: &str = "--count=64";

/// What a commit has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Committed {
    Nothing,
    /// As a checkout writes it.
    File(Vec<u8>),
    Link(Vec<u8>),
    Unknown,
}

/// What the commit that is checked out has at a path, and the others.
#[derive(Debug, Clone)]
struct AtPath {
    head: Committed,
    fetched: Vec<Committed>,
}

/// The commit that is checked out.
pub(super) struct CheckedOutCommit<'a> {
    directory: &'a Path,
    written: &'a WrittenSettings,
    seen: BTreeMap<PathBuf, AtPath>,
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
                let found = self.committed(&files::follow(file)).await;
                found.wrote(|committed| match committed {
                    Committed::Nothing => WrittenBy::Here,
                    Committed::Link(_) | Committed::Unknown => WrittenBy::Unknown,
                    Committed::File(bytes) => match values::defined_in(bytes, name) {
                        Some(committed) if committed == *text => WrittenBy::Upstream,
                        Some(_) | None => WrittenBy::Here,
                    },
                })
            }
            (PartOf::Setting, Some(file)) => self.wrote_setting(file, action).await,
            (PartOf::Setting, None) => WrittenBy::Here,
        }
    }

    async fn wrote_setting(&mut self, file: &Path, action: &HostAction) -> WrittenBy {
        let has = |settings: &Settings| {
            let all = settings.host_actions();
            all.iter().any(|one| one.identity == action.identity)
        };
        let found = self.committed(&files::follow(file)).await;
        found.wrote(|committed| match committed {
            Committed::Nothing => WrittenBy::Here,
            Committed::Link(_) | Committed::Unknown => WrittenBy::Unknown,
            Committed::File(bytes) => match WrittenSettings::other_text(file, bytes) {
                Ok(settings) if has(&settings) => WrittenBy::Upstream,
                Ok(_) => WrittenBy::Here,
                Err(_) => WrittenBy::Unknown,
            },
        })
    }

    async fn wrote_file(&mut self, path: &Path) -> WrittenBy {
        // A link is a text of its own: what it leads to can lie anywhere.
        for above in path.ancestors() {
            let Ok(target) = std::fs::read_link(above) else {
                continue;
            };
            let found = self.committed(&parent_followed(above)).await;
            let wrote = found.wrote(|committed| match committed {
                Committed::Link(link) if **link == *target.as_os_str().as_encoded_bytes() => {
                    WrittenBy::Upstream
                }
                Committed::Unknown => WrittenBy::Unknown,
                Committed::Link(_) | Committed::File(_) | Committed::Nothing => WrittenBy::Here,
            });
            match wrote {
                WrittenBy::Here => {}
                WrittenBy::Upstream | WrittenBy::Unknown => return wrote,
            }
        }
        let now = match files::read_if_exists(path) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(_) => return WrittenBy::Unknown,
        };
        let found = self.committed(&files::follow(path)).await;
        found.wrote(|committed| match committed {
            Committed::File(bytes) if *bytes == now => WrittenBy::Upstream,
            Committed::File(_) | Committed::Link(_) | Committed::Nothing => WrittenBy::Here,
            Committed::Unknown => WrittenBy::Unknown,
        })
    }

    async fn committed(&mut self, path: &Path) -> AtPath {
        if let Some(found) = self.seen.get(path) {
            return found.clone();
        }
        let found = committed(path).await.unwrap_or(AtPath {
            head: Committed::Unknown,
            fetched: Vec::new(),
        });
        self.seen.insert(path.to_owned(), found.clone());
        found
    }
}

impl AtPath {
    /// Who wrote what is compared with each. Another branch than that which is checked out says only what is
    /// the same there.
    fn wrote(&self, compared: impl Fn(&Committed) -> WrittenBy) -> WrittenBy {
        let is_fetched =
            |one: &Committed| compared(one) == WrittenBy::Upstream || *one == Committed::Unknown;
        match compared(&self.head) {
            WrittenBy::Here if self.fetched.iter().any(is_fetched) => WrittenBy::Upstream,
            wrote @ (WrittenBy::Here | WrittenBy::Upstream | WrittenBy::Unknown) => wrote,
        }
    }
}

/// A path whose last part alone may be a link.
fn parent_followed(path: &Path) -> PathBuf {
    let folder = path.parent().map(files::follow).unwrap_or_default();
    folder.join(path.file_name().unwrap_or_default())
}

async fn committed(path: &Path) -> Result<AtPath, GitError> {
    let nothing = AtPath {
        head: Committed::Nothing,
        fetched: Vec::new(),
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(nothing);
    };
    let mut above = folder.ancestors();
    if !above.any(|above| above.join(".git").symlink_metadata().is_ok()) {
        return Ok(nothing);
    }
    let git = Git::at(folder, true);
    let mut revisions = Vec::new();
    for special in ["HEAD", "FETCH_HEAD"] {
        let ask = git.ask("rev-parse").args(["-q", "--verify", special]);
        revisions.push(ask.text_if_any().await?);
    }
    let tips = git
        .ask("for-each-ref")
        .args(["--sort=-committerdate", TIPS]);
    let tips = tips.args(["--format=%(objectname)", "refs/remotes"]);
    let tips = tips.text().await?;
    revisions.extend(tips.lines().map(|tip| Some(tip.to_owned())));
    let mut entries = BTreeSet::new();
    let mut found = nothing;
    for (index, revision) in revisions.into_iter().enumerate() {
        let Some(revision) = revision else { continue };
        let listed = git.ask("ls-tree").args(["-z", &revision, "--"]).arg(name);
        let listed = listed.bytes().await?;
        if listed.is_empty() || !entries.insert(listed.clone()) {
            continue;
        }
        let committed = in_revision(&git, &revision, name, &listed).await?;
        match index {
            0 => found.head = committed,
            _ => found.fetched.push(committed),
        }
    }
    Ok(found)
}

async fn in_revision(
    git: &Git,
    revision: &str,
    name: &OsStr,
    listed: &[u8],
) -> Result<Committed, GitError> {
    let mut revision = OsString::from(format!("{revision}:./"));
    revision.push(name);
    if listed.starts_with(b"120000 ") {
        let bytes = git.ask("cat-file").arg("blob").arg(revision);
        return Ok(Committed::Link(bytes.bytes().await?));
    }
    // As a checkout writes it: with the line ends and filters that attributes ask for.
    let bytes = git.ask("cat-file").arg("--filters").arg(revision);
    Ok(Committed::File(bytes.bytes().await?))
}
