//! The decisions as functions, and the look-up in real repositories.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use proptest::prelude::*;

use super::decide::{newest_tag, old_enough};
use super::version::Version;
use super::*;
use crate::git::{Checkout, Git, GitError, Tags};
use crate::settings::Allow;

const DAY: Duration = Duration::from_secs(86_400);

fn version(tag: &str) -> Version {
    Version::of_tag(tag).unwrap()
}

#[test]
fn versions_in_order() {
    let order = [
        "0.9",
        "v1.0.0-alpha",
        "1.0.0-alpha.1",
        "v1.0.0-beta",
        "v1.0.0-rc9",
        "v1.0.0-rc10",
        "v1.0",
        "v1.0.1",
        "v1.2.0",
        "v1.10.0+build",
        "v2.0.0",
    ];
    for pair in order.windows(2) {
        assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
    }
    for none in [
        "main",
        "v1",
        "2024",
        "v1.x",
        "1.2.3.4",
        "release-1.2.3",
        "v1.2-",
        "",
        "v",
    ] {
        assert_eq!(Version::of_tag(none), None, "{none}");
    }
}

fn newest(tags: &[&str], current: &str, allow: Allow) -> Option<String> {
    let tags = tags.iter().map(|tag| (*tag, None));
    let current = Version::of_tag(current);
    newest_tag(tags, current.as_ref(), allow, Duration::ZERO, 0).take
}

#[test]
fn tags_within_what_is_allowed() {
    let tags = [
        "v1.0.0",
        "v1.0.5",
        "v1.4.0",
        "v2.0.0",
        "v2.1.0-rc1",
        "nightly",
    ];
    assert_eq!(
        newest(&tags, "v1.0.0", Allow::Patch).as_deref(),
        Some("v1.0.5")
    );
    assert_eq!(
        newest(&tags, "v1.0.0", Allow::Minor).as_deref(),
        Some("v1.4.0")
    );
    assert_eq!(
        newest(&tags, "v1.0.0", Allow::Major).as_deref(),
        Some("v2.0.0")
    );
    assert_eq!(
        newest(&tags, "v2.0.0-rc3", Allow::Major).as_deref(),
        Some("v2.1.0-rc1")
    );
    assert_eq!(newest(&tags, "v2.0.0", Allow::Major), None);
    assert_eq!(newest(&tags, "", Allow::Major).as_deref(), Some("v2.0.0"));
}

#[test]
fn young_tags_wait() {
    let day = 86_400;
    let tags = [
        ("v1.1.0", Some(day)),
        ("v1.2.0", Some(4 * day)),
        ("v1.3.0", Some(5 * day)),
    ];
    let current = version("v1.0.0");
    let chosen = newest_tag(tags, Some(&current), Allow::Major, 3 * DAY, 5 * day);
    assert_eq!(chosen.take.as_deref(), Some("v1.1.0"));
    assert_eq!(
        chosen.waiting,
        Some(Waiting {
            count: 2,
            next_at: 7 * day
        })
    );
}

proptest! {
    #[test]
    fn what_is_taken_is_old_enough_and_the_newest_such(
        made in proptest::collection::vec(0i64..100, 0..20), age in 0u64..100, now in 0i64..200,
    ) {
        let commits: Vec<(usize, i64)> = made.iter().copied().enumerate().collect();
        let chosen = old_enough(&commits, Duration::from_secs(age), now);
        let age = age.cast_signed();
        let first = made.iter().position(|made| made + age <= now);
        prop_assert_eq!(chosen.take, first);
        let young = &made[..first.unwrap_or(made.len())];
        prop_assert_eq!(chosen.waiting.map(|w| w.count).unwrap_or(0), young.len());
        prop_assert!(chosen.waiting.is_none_or(|waiting| waiting.next_at > now));
    }

    #[test]
    fn a_tag_that_is_taken_is_newer_allowed_and_has_none_above_it(
        tags in proptest::collection::vec((0u64..3, 0u64..3, 0u64..3, any::<bool>()), 0..12),
        current in (0u64..3, 0u64..3, 0u64..3),
        allow in prop_oneof![Just(Allow::Patch), Just(Allow::Minor), Just(Allow::Major)],
    ) {
        let names: Vec<String> = tags.iter().map(|(a, b, c, pre)| {
            format!("v{a}.{b}.{c}{}", if *pre { "-rc1" } else { "" })
        }).collect();
        let current = version(&format!("{}.{}.{}", current.0, current.1, current.2));
        let dated = names.iter().map(|name| (name.as_str(), None));
        let taken = newest_tag(dated, Some(&current), allow, Duration::ZERO, 0).take;
        let fits = |v: &Version| *v > current && !v.is_pre_release()
            && (allow > Allow::Minor || v.major == current.major)
            && (allow > Allow::Patch || v.minor == current.minor);
        let best = names.iter().map(|name| version(name)).filter(fits).max();
        prop_assert_eq!(taken.map(|name| version(&name)), best);
    }

    #[test]
    fn the_order_of_versions_is_one(a in "[0-9]\\.[0-9](-[a-c0-9.]{1,4})?", b in "[0-9]\\.[0-9](-[a-c0-9.]{1,4})?") {
        if let (Some(a), Some(b)) = (Version::of_tag(&a), Version::of_tag(&b)) {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            prop_assert_eq!(a == b, a.cmp(&b).is_eq());
        }
    }
}

/// An upstream with a commit a day from day 1 on, every one of them tagged, and a clone `here`.
struct Lab(tempfile::TempDir);

impl Lab {
    fn new(days: u64, clone: &[&str]) -> Self {
        let lab = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(lab.path("up")).unwrap();
        lab.git("up", &["init", "-q", "-b", "main"], 1);
        for day in 1..=days {
            lab.git("up", &["commit", "-q", "--allow-empty", "-m", "x"], day);
            lab.git("up", &["tag", &format!("v1.{day}.0")], day);
        }
        let url = format!("file://{}", lab.path("up").display());
        let here = lab.path("here").display().to_string();
        let args = [&["clone", "-q"], clone, &[&url, &here]].concat();
        lab.git("up", &args, 1);
        lab
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn env(&self, day: u64) -> Vec<(&'static str, String)> {
        let date = format!("@{} +0000", day * 86_400);
        vec![
            ("HOME", self.0.path().display().to_string()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_AUTHOR_NAME", "a".into()),
            ("GIT_AUTHOR_EMAIL", "a@example.org".into()),
            ("GIT_AUTHOR_DATE", date.clone()),
            ("GIT_COMMITTER_NAME", "a".into()),
            ("GIT_COMMITTER_EMAIL", "a@example.org".into()),
            ("GIT_COMMITTER_DATE", date),
        ]
    }

    fn git(&self, folder: &str, args: &[&str], day: u64) -> String {
        let mut command = Command::new("git");
        command
            .current_dir(self.path(folder))
            .envs(self.env(day))
            .args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    async fn checkout(&self) -> Checkout {
        let git = self
            .env(1)
            .into_iter()
            .fold(Git::at(self.path("here"), true), |git, (key, value)| {
                git.with_env(key, value)
            });
        let checkout = Checkout::find(&git, &self.path("here"))
            .await
            .unwrap()
            .unwrap();
        checkout
            .git
            .fetch("origin", Tags::Following, |_| ())
            .await
            .unwrap();
        checkout
    }

    async fn find(
        &self,
        wanted: UpgradeGoal,
        min_age: Duration,
        day: i64,
    ) -> Result<UpgradeTarget, GitError> {
        let checkout = self.checkout().await;
        find(&checkout, "origin", &wanted, min_age, day * 86_400, |_| ()).await
    }

    fn commit(&self, name: &str) -> String {
        self.git("up", &["rev-parse", &format!("{name}^{{commit}}")], 1)
    }
}

#[tokio::test]
async fn the_upstream_as_far_as_it_is_old_enough() {
    let lab = Lab::new(5, &[]);
    lab.git("here", &["reset", "-q", "--hard", "HEAD~3"], 1);
    let target = lab
        .find(UpgradeGoal::Upstream, Duration::ZERO, 5)
        .await
        .unwrap();
    assert_eq!(target.commit.as_str(), lab.commit("main"));
    assert_eq!(
        (target.name.as_str(), target.waiting),
        ("origin/main", None)
    );

    let target = lab.find(UpgradeGoal::Upstream, DAY, 5).await.unwrap();
    assert_eq!(target.commit.as_str(), lab.commit("main~1"));
    let next_at = 6 * 86_400;
    assert_eq!(target.waiting, Some(Waiting { count: 1, next_at }));

    let target = lab.find(UpgradeGoal::Upstream, 30 * DAY, 5).await.unwrap();
    assert_eq!(
        target.commit,
        lab.checkout().await.head,
        "never older than HEAD"
    );
    assert_eq!(target.waiting.map(|waiting| waiting.count), Some(3));
}

#[tokio::test]
async fn tags_in_full_and_shallow_clones() {
    for clone in [&["-b", "v1.2.0"][..], &["-b", "v1.2.0", "--depth", "1"]] {
        let lab = Lab::new(5, clone);
        let wanted = UpgradeGoal::NewestTag(Allow::Minor);
        let target = lab.find(wanted.clone(), Duration::ZERO, 5).await.unwrap();
        assert_eq!(target.name, "v1.5.0");
        assert_eq!(target.commit.as_str(), lab.commit("v1.5.0"));
        let target = lab.find(wanted.clone(), DAY, 4).await.unwrap();
        assert_eq!(target.name, "v1.3.0", "{clone:?}");
        assert_eq!(target.waiting.map(|waiting| waiting.count), Some(2));
        let target = lab
            .find(UpgradeGoal::NewestTag(Allow::Patch), DAY, 5)
            .await
            .unwrap();
        assert_eq!(target.commit, lab.checkout().await.head);
        assert_eq!(target.name, "v1.2.0");
    }
}

#[tokio::test]
async fn names_of_every_kind_and_none() {
    let lab = Lab::new(3, &[]);
    lab.git("here", &["branch", "next", "HEAD~2"], 1);
    lab.git("up", &["checkout", "-q", "-b", "next"], 1);
    lab.git("up", &["commit", "-q", "--allow-empty", "-m", "next"], 4);
    let tip = lab.commit("next");
    for (name, commit) in [
        ("v1.1.0", lab.commit("v1.1.0")),
        ("next", tip.clone()),
        ("origin/next", tip.clone()),
        (tip.as_str(), tip.clone()),
        (&tip[..8], tip.clone()),
    ] {
        let wanted = UpgradeGoal::Named(name.to_owned());
        let target = lab.find(wanted, DAY, 4).await.unwrap();
        assert_eq!(target.commit.as_str(), commit, "{name}");
    }
    let error = lab
        .find(UpgradeGoal::Named("v1.1.l".into()), DAY, 4)
        .await
        .unwrap_err();
    let nearest = Some("v1.1.0".to_owned());
    assert_eq!(
        error,
        GitError::NoSuchRef {
            name: "v1.1.l".into(),
            nearest
        }
    );
    let error = lab
        .find(UpgradeGoal::Named("--all".into()), DAY, 4)
        .await
        .unwrap_err();
    assert_eq!(error.code().word(), "git_no_such_ref");
}

#[tokio::test]
async fn a_revision_is_what_git_makes_of_it() {
    let lab = Lab::new(4, &[]);
    lab.git("here", &["branch", "aside", "HEAD~2"], 1);
    lab.git("up", &["tag", "-a", "-m", "x", "noted", "HEAD~1"], 5);
    lab.git("up", &["commit", "-q", "--allow-empty", "-m", "y"], 5);
    for name in [
        "HEAD",
        "@",
        "HEAD~1",
        "HEAD^",
        "@~2",
        "main~1",
        "main^",
        "aside~1",
        "v1.3.0~1",
        "v1.2.0^{}",
        "origin/main~1",
        "@{u}",
        "main@{0}",
        "HEAD^{/x}",
        ":/x",
    ] {
        let wanted = UpgradeGoal::Named(name.to_owned());
        let target = lab.find(wanted, DAY, 5).await.unwrap();
        let meant = lab.git("here", &["rev-parse", &name.replace(":/x", "HEAD")], 1);
        let meant = lab.git("here", &["rev-parse", &format!("{meant}^{{commit}}")], 1);
        assert_eq!(target.commit.as_str(), meant, "{name}");
        assert_eq!(target.name, name);
    }
    let tip = lab.commit("main");
    let noted = lab
        .find(UpgradeGoal::Named("noted".into()), DAY, 5)
        .await
        .unwrap();
    assert_eq!(noted.commit.as_str(), lab.commit("noted"));
    // A name of 40 digits is read by nobody.
    let target = lab
        .find(UpgradeGoal::Named(tip.clone()), DAY, 5)
        .await
        .unwrap();
    assert_eq!(target.name, tip[..9]);
    for none in [
        "HEAD~99",
        "main~99",
        "v1.1.0..HEAD",
        "HEAD^{tree}",
        "a..b",
        "",
        "x y",
    ] {
        let wanted = UpgradeGoal::Named(none.to_owned());
        let error = lab.find(wanted, DAY, 5).await.unwrap_err();
        assert_eq!(error.code().word(), "git_no_such_ref", "{none}");
    }
}

/// What the clone does not fetch by itself is fetched by name, each time.
#[tokio::test]
async fn another_branch_of_a_single_branch_clone() {
    for clone in [&["--single-branch"][..], &["--depth", "1"]] {
        for name in ["next", "origin/next"] {
            let lab = Lab::new(2, clone);
            lab.git("up", &["checkout", "-q", "-b", "next"], 1);
            for day in 3..5 {
                lab.git("up", &["commit", "-q", "--allow-empty", "-m", "next"], day);
                let wanted = UpgradeGoal::Named(name.to_owned());
                let target = lab.find(wanted, DAY, 9).await.unwrap();
                assert_eq!(target.commit.as_str(), lab.commit("next"), "{clone:?}");
                assert_eq!(target.name, "origin/next");
            }
        }
        let lab = Lab::new(2, clone);
        lab.git("up", &["checkout", "-q", "-b", "next"], 1);
        lab.git(
            "here",
            &["config", "branch.main.merge", "refs/heads/next"],
            1,
        );
        for day in 3..5 {
            lab.git("up", &["commit", "-q", "--allow-empty", "-m", "next"], day);
            let wanted = UpgradeGoal::Upstream;
            let target = lab.find(wanted, Duration::ZERO, 9).await.unwrap();
            assert_eq!(target.commit.as_str(), lab.commit("next"), "{clone:?}");
        }
    }
}
