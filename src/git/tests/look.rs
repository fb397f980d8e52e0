//! What is there, what came, what lies between.

use std::fs;
use std::path::Path;

use super::{Lab, lines};
use crate::git::checkout::HeadName;
use crate::git::{Checkout, Relation, Tags};

#[tokio::test]
async fn a_stack_in_a_subfolder() {
    let lab = Lab::new();
    let git = lab.here();
    let found = Checkout::find(&git, &lab.path("here/app"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.git.top(), lab.path("here"));
    assert_eq!(found.prefix, Path::new("app/"));
    assert_eq!(found.at, HeadName::Branch("main".into()));
    let upstream = found.need_upstream().unwrap();
    assert_eq!(
        (upstream.name(), upstream.remote.as_str()),
        ("origin/main", "origin")
    );
    assert!(!found.is_shallow && !found.is_sparse && !found.has_submodules);
    assert!(found.is_tracked(Path::new("app/settings")).await.unwrap());
    assert!(
        found
            .is_tracked(&lab.path("here/app/settings"))
            .await
            .unwrap()
    );
    assert!(!found.is_tracked(Path::new("app/other")).await.unwrap());
    assert!(!found.is_tracked(&lab.path("home")).await.unwrap());
}

#[tokio::test]
async fn no_checkout_and_no_commit() {
    let lab = Lab::empty();
    fs::create_dir(lab.path("here")).unwrap();
    let git = lab.here();
    assert_eq!(Checkout::find(&git, &lab.path("here")).await.unwrap(), None);
    lab.git("here", "init -q");
    assert_eq!(Checkout::find(&git, &lab.path("here")).await.unwrap(), None);
}

#[tokio::test]
async fn without_an_upstream() {
    let lab = Lab::new();
    lab.git("here", "checkout -q -b own");
    let checkout = lab.checkout().await;
    let error = checkout.need_upstream().unwrap_err();
    assert_eq!(error.code().word(), "git_no_upstream");
    assert_eq!(error.to_string(), "the branch own has no upstream");
}

#[tokio::test]
async fn what_a_target_brings() {
    let lab = Lab::new();
    let first = lab.checkout().await.head;
    lab.write("up/app/settings", &lines(&[(1, "one")]));
    lab.commit("older");
    lab.git("up", "tag v2");
    fs::rename(lab.path("up/run.sh"), lab.path("up/start.sh")).unwrap();
    lab.commit("newer");
    let git = lab.here();
    git.fetch("origin", Tags::Following, |_| ()).await.unwrap();
    let to = git.commit("origin/main").await.unwrap().unwrap();
    let news = git.news(&first, &to).await.unwrap();
    assert_eq!(news.count, 2);
    assert_eq!(news.oldest.as_deref(), Some("older"));
    assert_eq!(news.newest.as_deref(), Some("newer"));
    assert_eq!(news.tags, ["v2"]);
    let paths: Vec<_> = news
        .changes
        .iter()
        .map(|change| change.path.to_str().unwrap())
        .collect();
    assert_eq!(paths, ["app/settings", "run.sh", "start.sh"]);
    let nothing = git.news(&to, &to).await.unwrap();
    assert_eq!((nothing.count, nothing.newest), (0, None));
    let old = git
        .read_at(&first, Path::new("app/settings"))
        .await
        .unwrap();
    assert_eq!(old, Some(lines(&[]).into_bytes()));
    assert_eq!(git.read_at(&first, Path::new("none")).await.unwrap(), None);
}

#[tokio::test]
async fn relations_of_a_line() {
    let lab = Lab::new();
    let first = lab.checkout().await.head;
    lab.commit("second");
    let third = lab.commit("third");
    lab.git("here", "fetch -q");
    let checkout = lab.checkout().await;
    assert_eq!(
        checkout.relation(&first, None).await.unwrap(),
        Relation::Same
    );
    assert_eq!(
        checkout.relation(&third, None).await.unwrap(),
        Relation::Forward { count: 2 }
    );
    lab.git("here", "merge -q --ff-only origin/main");
    let checkout = lab.checkout().await;
    assert_eq!(
        checkout.relation(&first, None).await.unwrap(),
        Relation::Behind { count: 2 }
    );
}

#[tokio::test]
async fn a_release_on_another_line_leaves_nothing_behind() {
    let lab = Lab::new();
    lab.git("up", "checkout -q -b release");
    lab.commit("fix");
    lab.git("up", "tag v1.0.1");
    lab.git("up", "checkout -q main");
    let to = lab.commit("feature");
    lab.git("here", "fetch -q --tags");
    lab.git("here", "checkout -q v1.0.1");
    let relation = lab.checkout().await.relation(&to, None).await.unwrap();
    assert_eq!(relation, Relation::Aside { theirs: 1 });
}

#[tokio::test]
async fn a_moved_tag_is_told_and_the_rest_comes() {
    let lab = Lab::empty();
    lab.git("up", "tag v1");
    lab.clone("here", &[]);
    let old = lab.git("here", "rev-parse v1");
    let new = lab.commit("second");
    lab.git("up", "tag -f v1");
    let git = lab.here();
    let fetched = git.fetch("origin", Tags::All, |_| ()).await.unwrap();
    assert_eq!(fetched.moved_tags, ["v1"]);
    assert_eq!(lab.git("here", "rev-parse v1"), old);
    assert_eq!(lab.git("here", "rev-parse origin/main"), new.as_str());
    assert!(!lab.path("here/.git/FETCH_HEAD").exists());
}

#[tokio::test]
async fn a_fetch_tells_how_far_it_is() {
    let lab = Lab::new();
    lab.write("up/big", &lines(&[]).repeat(10_000));
    lab.commit("second");
    let mut seen = Vec::new();
    lab.here()
        .fetch("origin", Tags::All, |state| seen.push(state))
        .await
        .unwrap();
    assert!(
        seen.iter()
            .any(|s| s.total.is_some() && s.total == Some(s.done)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_shallow_clone_moves_forward() {
    let lab = Lab::empty();
    lab.git("up", "tag v0.1.0");
    lab.commit("before");
    lab.clone("here", &["--depth", "1"]);
    lab.write("up/app/settings", "new");
    let to = lab.commit("after");
    let before = lab.picture("here");
    let plan = lab.plan("here", &to).await;
    let checkout = &plan.checkout;
    assert!(checkout.is_shallow);
    checkout
        .deepen_until_related("origin", &checkout.head, &to, |_| ())
        .await
        .unwrap();
    let relation = checkout
        .relation(&to, checkout.upstream.as_ref())
        .await
        .unwrap();
    assert_eq!(relation, Relation::Forward { count: 1 });
    assert_eq!(lab.git("here", "rev-parse --is-shallow-repository"), "true");
    assert_eq!(lab.git("here", "tag"), "", "no old history for old tags");
    plan.advance().await.unwrap();
    assert_eq!(lab.git("here", "status --porcelain"), "");
    plan.back().await;
    assert_eq!(lab.picture("here"), before);
}

#[tokio::test]
async fn a_shallow_clone_is_deepened_until_it_can_tell() {
    let lab = Lab::empty();
    for _ in 0..60 {
        lab.commit("old");
    }
    lab.git("up", "tag v0.9.0 HEAD~55");
    lab.clone("here", &["--depth", "1"]);
    let checkout = lab.checkout().await;
    assert!(
        checkout
            .git
            .fetch_named("origin", "v0.9.0", |_| ())
            .await
            .unwrap()
    );
    assert!(
        !checkout
            .git
            .fetch_named("origin", "none", |_| ())
            .await
            .unwrap()
    );
    let old = checkout.git.commit("v0.9.0").await.unwrap().unwrap();
    checkout
        .deepen_until_related("origin", &checkout.head, &old, |_| ())
        .await
        .unwrap();
    let relation = checkout.relation(&old, None).await.unwrap();
    assert_eq!(relation, Relation::Behind { count: 55 });
}

#[tokio::test]
async fn a_branch_that_the_clone_leaves_out_is_fetched_by_name() {
    let lab = Lab::empty();
    lab.git("up", "checkout -q -b next");
    let to = lab.commit("next");
    lab.git("up", "checkout -q main");
    lab.clone("here", &["--single-branch", "-b", "main"]);
    let git = lab.here();
    assert_eq!(git.commit("refs/remotes/origin/next").await.unwrap(), None);
    assert!(git.fetch_named("origin", "next", |_| ()).await.unwrap());
    assert_eq!(
        git.commit("refs/remotes/origin/next").await.unwrap(),
        Some(to)
    );
}

/// Not a test of time: prints what a look costs in a checkout of the size of an application.
#[tokio::test]
#[ignore = "prints durations, judges nothing"]
async fn what_a_look_costs() {
    let lab = Lab::empty();
    for number in 0..4000 {
        lab.write(
            &format!("up/src/{}/{number}", number % 97),
            &lines(&[]).repeat(150),
        );
    }
    lab.commit("many");
    lab.clone("here", &[]);
    lab.write("up/app/settings", "new");
    let to = lab.commit("second");
    let time = |what: &str, since: std::time::Instant| eprintln!("{what}: {:?}", since.elapsed());
    let since = std::time::Instant::now();
    let checkout = lab.checkout().await;
    time("find", since);
    let since = std::time::Instant::now();
    checkout
        .git
        .fetch("origin", Tags::All, |_| ())
        .await
        .unwrap();
    time("fetch", since);
    let since = std::time::Instant::now();
    checkout
        .relation(&to, checkout.upstream.as_ref())
        .await
        .unwrap();
    checkout.git.news(&checkout.head, &to).await.unwrap();
    time("relation and news", since);
    let since = std::time::Instant::now();
    let prediction = checkout.predict(&to, &[], &[]).await.unwrap();
    time("predict", since);
    let since = std::time::Instant::now();
    checkout
        .export(&prediction.tree, &lab.path("export"))
        .await
        .unwrap();
    time("export", since);
    let since = std::time::Instant::now();
    let from = checkout.head.clone();
    let step = crate::git::Move {
        from,
        to,
        prediction,
    };
    checkout.advance(&step).await.unwrap();
    time("advance", since);
}
