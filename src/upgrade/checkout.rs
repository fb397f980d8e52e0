//! The checkout's part of an upgrade: fetched, looked up, and refused where something would be lost.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::given_back;
use super::kept_files::{self, KeptFiles};
use super::source::{self, UpgradeGoal, UpgradeTarget, Waiting};
use super::upgrade_request::UpgradeRequest;
use crate::assessment::Assessment;
use crate::assessment::moving::Moving;
use crate::complaint::{Code, Complaint};
use crate::event::{CheckoutNews, Emitter, Kind, Phase, RunId};
use crate::git::{Checkout, Commits, FollowedBy, Git, GitError, GitProgress, Relation, Tags};
use crate::host::files;
use crate::plan::guard::Guard;
use crate::request::Options;
use crate::settings::Track;
use crate::stack::Place;
use crate::stack::sample::SAMPLE_NAMES;
use crate::state::StackState;

/// What there is to move to, and what is to be told.
pub(super) struct FoundTarget {
    /// It.
    pub(super) target: Destination,
    /// What the person should know.
    pub(super) notes: Vec<String>,
    /// What is only told.
    pub(super) remarks: Vec<String>,
}

/// What there is to move to.
pub(super) enum Destination {
    /// The stack is no checkout, or nothing was fetched, and why.
    None(&'static str),
    /// The checkout is where it is wanted, and what the remote says of that.
    Here(Box<Checkout>, String),
    /// Something newer.
    Newer(Box<Newer>),
}

impl From<Destination> for FoundTarget {
    fn from(target: Destination) -> Self {
        Self {
            target,
            notes: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

/// A newer version.
pub(super) struct Newer {
    pub(super) moving: Moving,
    pub(super) news: CheckoutNews,
    /// Files that upstream removes, and that stay.
    pub(super) kept: KeptFiles,
    /// Files that hold an earlier text of upstream's, and take the new one.
    given_back: Vec<PathBuf>,
}

impl Newer {
    /// Leaves to upstream what no service of the new version mounts any more; says whether there was
    /// such a file.
    ///
    /// # Errors
    /// It was edited here; git fails.
    pub(super) async fn without_needless(
        &mut self,
        place: &Place,
        assessment: &Assessment,
    ) -> Result<bool, Complaint> {
        let files = assessment.args.files.iter();
        let files = files.filter_map(|file| self.moving.checkout.inside(file));
        let texts = files.filter_map(|inside| {
            files::text_if_readable(&self.moving.exported.path().join(inside))
        });
        let texts: Vec<String> = texts.collect();
        let Some(kept) = self.kept.needed_by(&assessment.after, &texts) else {
            return Ok(false);
        };
        let checkout = self.moving.checkout.clone();
        let target = self.moving.movement.to.clone();
        let prediction = checkout
            .predict(&target, &kept.paths(), &self.given_back)
            .await?;
        self.moving = Moving::new(checkout, target, prediction, &place.scratch).await?;
        self.kept = kept;
        Ok(true)
    }
}

/// Fetches, and looks up the target.
///
/// # Errors
/// What speaks against a move: conflicts, files in the way, a rewritten history, no network.
pub(super) async fn find(
    place: &Place,
    state: &StackState,
    options: &Options,
    upgrade: &UpgradeRequest,
    emitter: &Emitter,
) -> Result<FoundTarget, Complaint> {
    let Some(checkout) = of_stack(place, upgrade.unattended).await? else {
        if upgrade.to.is_some() {
            let text = "--to needs a git checkout, and this stack is not a git repository";
            return Err(Complaint::new(Code::NoCheckout, text)
                .hint("its images are upgraded without --to: refit upgrade"));
        }
        return Ok(Destination::None("this stack is no git checkout").into());
    };
    checkout.ensure_idle()?;
    emitter.phase(Phase::Fetch);
    let remote = remote_of(place, &checkout).await?;
    // Without a remote, what --to names may be here all the same; `.` is git's name for "here".
    let remote = remote.or_else(|| upgrade.to.as_ref().map(|_| ".".to_owned()));
    let Some(remote) = remote else {
        let text = "the checkout has no remote: only images can be newer";
        return Ok(FoundTarget {
            remarks: vec![text.to_owned()],
            ..Destination::None("the checkout has no remote").into()
        });
    };
    let wanted = wanted(place, upgrade, &remote);
    ensure_followed(place, &checkout, &remote, &wanted).await?;
    let tags = match wanted {
        UpgradeGoal::NewestTag(_) => Tags::All,
        UpgradeGoal::Named(_) | UpgradeGoal::Upstream => Tags::Following,
    };
    let progress = |progress: GitProgress| tell(emitter, &progress);
    let fetched = checkout.git.fetch(&remote, tags, progress).await;
    checkout.give_to_owner();
    let fetched = fetched?;
    let notes = fetched.moved_tags.iter().map(moved_tag).collect();
    let min_age = place.settings.upgrade.min_age;
    let now = Timestamp::now().as_second();
    let target = source::find(&checkout, &remote, &wanted, min_age, now, progress).await?;
    let waiting = target.waiting.map(|waiting| waits(waiting, now, min_age));
    let given_back = given_back::of(&checkout, state).await?;
    let ahead = (&checkout, given_back);
    let found = newer(place, ahead, &remote, target, options, emitter).await;
    checkout.give_to_owner();
    let found = found?;
    let remarks = waiting.into_iter().chain(found.remarks).collect();
    Ok(FoundTarget {
        target: found.target,
        notes,
        remarks,
    })
}

/// The checkout that the stack's compose file is tracked in.
async fn of_stack(place: &Place, unattended: bool) -> Result<Option<Checkout>, Complaint> {
    let directory = &place.located.args.directory;
    let git = Git::at(directory, unattended);
    // What a fetch has started is ended by the next command, should refit be killed.
    let git = match place.compose.mark() {
        Some(mark) => git.marked(mark),
        None => git,
    };
    let Some(checkout) = Checkout::find(&git, directory).await? else {
        return Ok(None);
    };
    for file in &place.located.args.files {
        if checkout.is_tracked(file).await? {
            return Ok(Some(checkout));
        }
    }
    Ok(None)
}

/// The remote of the branch, else the only one, else `origin`.
async fn remote_of(place: &Place, checkout: &Checkout) -> Result<Option<String>, GitError> {
    if let Some(upstream) = &checkout.upstream {
        return Ok(Some(upstream.remote.clone()));
    }
    let mut remotes = checkout.git.remotes().await?;
    if remotes.is_empty() {
        return Ok(None);
    }
    let follows = place.settings.upgrade.branch.is_some() || remotes.len() == 1;
    let origin = remotes.iter().position(|name| name == "origin");
    Ok(match (origin, follows) {
        (Some(index), _) => Some(remotes.swap_remove(index)),
        (None, _) => Some(remotes.swap_remove(0)),
    })
}

fn wanted(place: &Place, upgrade: &UpgradeRequest, remote: &str) -> UpgradeGoal {
    let settings = &place.settings.upgrade;
    match (&upgrade.to, settings.track, &settings.branch) {
        (Some(name), ..) => UpgradeGoal::Named(name.clone()),
        (None, Some(Track::Tags), _) => UpgradeGoal::NewestTag(settings.allow),
        (None, _, Some(branch)) => UpgradeGoal::Named(format!("{remote}/{branch}")),
        (None, ..) => UpgradeGoal::Upstream,
    }
}

/// A branch that upstream has renamed or removed brings no news for ever, and a fetch does not say so.
///
/// # Errors
/// `git_branch_gone`; the remote does not answer.
async fn ensure_followed(
    place: &Place,
    checkout: &Checkout,
    remote: &str,
    wanted: &UpgradeGoal,
) -> Result<(), GitError> {
    let settings = place.settings.upgrade.branch.as_ref();
    let (branch, followed) = match (wanted, settings, &checkout.upstream) {
        (UpgradeGoal::Named(name), Some(branch), _) if *name == format!("{remote}/{branch}") => {
            (branch.as_str(), FollowedBy::Settings)
        }
        (UpgradeGoal::Upstream, _, Some(upstream)) => {
            let name = upstream.branch.as_str();
            let name = name.strip_prefix("refs/heads/").unwrap_or(name);
            (name, FollowedBy::Git)
        }
        (UpgradeGoal::Named(_) | UpgradeGoal::NewestTag(_) | UpgradeGoal::Upstream, ..) => {
            return Ok(());
        }
    };
    if remote == "." {
        return Ok(());
    }
    let found = checkout.git.remote_branch(remote, branch).await?;
    if found.exists {
        return Ok(());
    }
    Err(GitError::BranchGone {
        remote: remote.to_owned(),
        branch: branch.to_owned(),
        default: found.default,
        followed,
    })
}

/// The move to a target, unless it is where the checkout is already.
async fn newer(
    place: &Place,
    (checkout, given_back): (&Checkout, Vec<(PathBuf, RunId)>),
    remote: &str,
    target: UpgradeTarget,
    options: &Options,
    emitter: &Emitter,
) -> Result<FoundTarget, Complaint> {
    if target.commit == checkout.head {
        let said = is_newest(&target, checkout);
        return Ok(Destination::Here(Box::new(checkout.clone()), said).into());
    }
    let progress = |progress: GitProgress| tell(emitter, &progress);
    if checkout.is_shallow {
        let (head, commit) = (&checkout.head, &target.commit);
        checkout
            .deepen_until_related(remote, head, commit, progress)
            .await?;
    }
    let upstream = target.upstream.as_ref();
    let relation = checkout.relation(&target.commit, upstream).await?;
    let mut remarks = Vec::new();
    match relation {
        // Whoever is ahead of upstream has made commits of his own; nothing is newer.
        Relation::Behind { count } if upstream.is_some() && options_name_nothing(&target) => {
            let (ours, name) = (Commits(count), &target.name);
            let said = format!("this checkout is {ours} ahead of {name}, which has nothing newer");
            return Ok(Destination::Here(Box::new(checkout.clone()), said).into());
        }
        Relation::Rewritten { .. } | Relation::Diverged { .. } => {
            if !options.allow.contains(&Guard::Rewritten) {
                relation.refuse_loss(&target.name)?;
            }
            let text = format!(
                "{} is left for {}, and kept: refit rollback goes back to it",
                checkout.head.short(),
                target.name
            );
            remarks.push(text);
        }
        Relation::Same
        | Relation::Forward { .. }
        | Relation::Behind { .. }
        | Relation::Aside { .. } => {}
    }
    let kept = kept_files::of(place, checkout, &target.commit).await?;
    let given_back: Vec<PathBuf> = given_back.into_iter().map(|(path, _)| path).collect();
    let prediction = checkout
        .predict(&target.commit, &kept.paths(), &given_back)
        .await?;
    prediction.refuse_loss()?;
    checkout.fetch_submodules(&prediction, progress).await?;
    let news = checkout.git.news(&checkout.head, &target.commit).await?;
    let files = news.changes.iter().map(|change| change.path.as_path());
    let files = files.filter(|path| sets_up(place, checkout, path));
    let told = CheckoutNews {
        from: checkout.head.to_string(),
        to: target.commit.to_string(),
        target: target.name,
        commits: news.count,
        older: match relation {
            Relation::Behind { count } => Some(count),
            Relation::Same
            | Relation::Forward { .. }
            | Relation::Aside { .. }
            | Relation::Rewritten { .. }
            | Relation::Diverged { .. } => None,
        },
        oldest: news.oldest,
        newest: news.newest,
        tags: news.tags,
        files: files.map(|path| path.display().to_string()).collect(),
    };
    let mut local = checkout.local_edits().await?.edited;
    local.retain(|path| !kept.paths().contains(path) && !given_back.contains(path));
    if !local.is_empty() {
        let names: Vec<String> = local.iter().map(|p| p.display().to_string()).collect();
        remarks.push(format!("local edits kept: {}", names.join(", ")));
    }
    let scratch = &place.scratch;
    let moving = Moving::new(checkout.clone(), target.commit, prediction, scratch).await?;
    let newer = Newer {
        moving,
        news: told,
        kept,
        given_back,
    };
    Ok(FoundTarget {
        remarks,
        ..Destination::Newer(Box::new(newer)).into()
    })
}

/// What the remote says of the commit that is checked out.
fn is_newest(target: &UpgradeTarget, checkout: &Checkout) -> String {
    let (name, short) = (&target.name, checkout.head.short());
    match (&target.waiting, &target.upstream) {
        (Some(_), _) => format!("{short} is the newest of {name} that is old enough"),
        (None, Some(_)) => format!("{name} is at {short}, the newest"),
        (None, None) => format!("{name} ({short}) is checked out"),
    }
}

/// Whether a target is what is followed, and not an older release that somebody asked for by name.
fn options_name_nothing(target: &UpgradeTarget) -> bool {
    target
        .upstream
        .as_ref()
        .is_some_and(|upstream| upstream.name() == target.name)
}

/// Whether a file of the checkout sets up the stack: a compose file, a sample of the env file.
fn sets_up(place: &Place, checkout: &Checkout, path: &Path) -> bool {
    let whole = checkout.named(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let below = whole.starts_with(&place.located.args.directory);
    place.is_config(&whole)
        || (below && SAMPLE_NAMES.contains(&&*name))
        || whole == crate::settings::file_in(&place.located.args.directory)
}

fn tell(emitter: &Emitter, progress: &GitProgress) {
    let size = progress.bytes.map(|bytes| {
        let mib = bytes as f64 / f64::from(1 << 20);
        format!(", {mib:.1} MiB")
    });
    emitter.emit(Kind::Progress {
        what: format!("fetch: {}{}", progress.what, size.unwrap_or_default()),
        done: progress.done,
        total: progress.total,
    });
}

fn moved_tag(tag: &String) -> String {
    format!(
        "the remote has moved the tag {tag}; the one here stays (git fetch --tags --force takes it)"
    )
}

fn waits(waiting: Waiting, now: i64, min_age: Duration) -> String {
    let left = u64::try_from(waiting.next_at.saturating_sub(now)).unwrap_or(0);
    let (left, min_age) = (in_words(Duration::from_secs(left)), in_words(min_age));
    match waiting.count {
        1 => format!("1 newer version, eligible in {left} (min_age: {min_age})"),
        count => {
            format!("{count} newer versions, the next eligible in {left} (min_age: {min_age})")
        }
    }
}

/// `2 d 3 h`, `5 min`.
pub(super) fn in_words(time: Duration) -> String {
    let minutes = time.as_secs().div_ceil(60);
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (days, 0, 0) => format!("{days} d"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
