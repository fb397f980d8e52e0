//! Where an upgrade goes, and the kinds of checkout that it moves.

use std::fs;

use crate::faulty::is_in_line;
use crate::stack::checkout::{Cloned, config, mounted};

/// A stack of one mounted file, and releases of it: a tag for each text.
fn released(tags: &[&str]) -> Option<Cloned> {
    let clone = Cloned::new(&mounted())?;
    for tag in tags {
        release(&clone, tag);
    }
    Some(clone)
}

fn release(clone: &Cloned, tag: &str) {
    clone.push(&[("web.conf", config(tag, "two"))]);
    clone.develop(&["tag", tag]);
    clone.develop(&["push", "-q", "--tags"]);
}

/// What the service reads.
fn first(clone: &Cloned) -> String {
    let text = clone.inside("/etc/web.conf");
    text.lines().next().unwrap()["first = ".len()..].to_owned()
}

fn at(clone: &Cloned) -> String {
    let answer = clone.try_git(&clone.top, &["symbolic-ref", "-q", "--short", "HEAD"], &[]);
    answer.stdout.trim().to_owned()
}

#[test]
fn from_tag_to_tag_without_a_branch() {
    let Some(clone) = released(&["v1", "v2"]) else {
        return;
    };
    clone.anew(&["--branch", "v1"]);
    clone.stack.up_healthy();
    let old = clone.side();
    clone.refit(&["upgrade", "--to", "v2"]).exits(0);
    assert_eq!((first(&clone), at(&clone)), ("v2".into(), String::new()));
    assert_eq!(clone.git(&["describe", "--tags"]), "v2");
    clone
        .refit(&["upgrade", "--to", "v2"])
        .exits(0)
        .says("Nothing to do");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    // An older release that somebody names is wanted.
    clone.refit(&["upgrade", "--to", "v2"]).exits(0);
    clone.refit(&["upgrade", "--to", "v1"]).exits(0);
    assert_eq!(first(&clone), "v1");
    clone.push(&[("web.conf", config("bad", "two"))]);
    clone
        .refit(&["upgrade", "--to", "main", "--settle", "3s"])
        .exits(3);
    assert_eq!(clone.side().content(), old.content());
    is_in_line(&clone.stack, "at the end");
}

#[test]
fn a_branch_goes_to_a_tag_and_stays_a_branch() {
    let Some(clone) = released(&["v1", "v2"]) else {
        return;
    };
    clone.anew(&[]);
    clone.git(&["reset", "-q", "--hard", "v1"]);
    clone.stack.up_healthy();
    release(&clone, "v3");
    clone.refit(&["upgrade", "--to", "v2"]).exits(0);
    assert_eq!((first(&clone), at(&clone)), ("v2".into(), "main".into()));
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!((first(&clone), at(&clone)), ("v3".into(), "main".into()));
    clone.refit(&["rollback", "1"]).exits(0);
    assert_eq!((first(&clone), at(&clone)), ("v1".into(), "main".into()));
    assert_eq!(clone.status(), "");
}

#[test]
fn the_newest_version_that_the_settings_allow() {
    let Some(clone) = released(&["v1.0.0", "v1.1.0", "v2.0.0", "v1.2.0-rc.1"]) else {
        return;
    };
    clone.anew(&["--branch", "v1.0.0"]);
    clone
        .stack
        .write("refit.yaml", "upgrade: {track: tags, allow: minor}\n");
    clone.stack.up_healthy();
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(first(&clone), "v1.1.0");
    clone.refit(&["upgrade"]).exits(0).says("Nothing to do");
    clone
        .stack
        .write("refit.yaml", "upgrade: {track: tags, allow: patch}\n");
    clone.develop(&["checkout", "-qb", "stable", "v1.1.0"]);
    release(&clone, "v1.1.3");
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(first(&clone), "v1.1.3");
    clone
        .stack
        .write("refit.yaml", "upgrade: {track: tags, allow: major}\n");
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(first(&clone), "v2.0.0");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(first(&clone), "v1.1.3");
}

#[test]
fn what_is_too_young_waits() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.stack.write("refit.yaml", "upgrade: {min_age: 3d}\n");
    let dated = |text: &str, date: &str| {
        fs::write(clone.developer.join("web.conf"), config(text, "two")).unwrap();
        let env = [("GIT_COMMITTER_DATE", date), ("GIT_AUTHOR_DATE", date)];
        clone.commit(text, &env)
    };
    dated("old", "2020-01-01T00:00:00Z");
    dated("young", &jiff::Timestamp::now().to_string());
    let answer = clone.refit(&["upgrade"]).exits(0);
    let answer = answer.says("1 newer version, eligible in");
    assert_eq!(first(&clone), "old", "{answer}");
    let answer = clone.refit(&["upgrade"]).exits(0).says("Nothing to do");
    answer.says("eligible in");
    clone.refit(&["upgrade", "--to", "main"]).exits(0);
    assert_eq!(first(&clone), "young");
}

#[test]
fn a_stack_in_a_folder_of_the_repository() {
    let mut files = mounted();
    let below: Vec<(String, String)> = files
        .drain(..)
        .map(|(name, text)| (format!("deploy/{name}"), text))
        .collect();
    let mut files: Vec<(&str, String)> = below
        .iter()
        .map(|(name, text)| (name.as_str(), text.clone()))
        .collect();
    files.push(("elsewhere", "one\n".to_owned()));
    let Some(clone) = Cloned::new(&files) else {
        return;
    };
    let env = format!("COMPOSE_PROJECT_NAME={}\n", clone.stack.project);
    clone.stack.write("deploy/.env", &env);
    clone
        .stack
        .compose(&["--project-directory", "deploy", "up", "-d"]);
    let old = clone.side();
    let new = clone.push(&[
        ("deploy/web.conf", config("new", "two")),
        ("elsewhere", "two\n".to_owned()),
    ]);
    let answer = clone.refit(&["--json", "-C", "deploy", "upgrade"]).exits(0);
    answer.plans(&[("web", "restart")]);
    assert_eq!((clone.head(), clone.status()), (new, String::new()));
    assert_eq!(clone.stack.read("elsewhere"), "two\n");
    assert_eq!(first(&clone), "new");
    clone.push(&[
        ("deploy/web.conf", config("bad", "two")),
        ("elsewhere", "three\n".into()),
    ]);
    let after = clone.side();
    clone
        .refit(&["-C", "deploy", "upgrade", "--settle", "3s"])
        .exits(3);
    assert_eq!(clone.side(), after);
    clone.refit(&["-C", "deploy", "rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
}

#[test]
fn a_shallow_clone() {
    let Some(clone) = released(&["v1", "v2"]) else {
        return;
    };
    clone.anew(&["--depth", "1"]);
    clone.stack.up_healthy();
    let old = clone.side();
    assert_eq!(clone.git(&["rev-parse", "--is-shallow-repository"]), "true");
    for number in 3..6 {
        release(&clone, &format!("v{number}"));
    }
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(
        (first(&clone), clone.status()),
        ("v5".into(), String::new())
    );
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    assert_eq!(first(&clone), "v2");
}

#[test]
fn a_worktree() {
    let Some(clone) = released(&[]) else { return };
    let main = clone.stack.beside("main");
    fs::rename(&clone.top, &main).unwrap();
    clone.git_in(&main, &["checkout", "-q", "--detach"]);
    let top = clone.top.display().to_string();
    clone.git_in(&main, &["worktree", "add", "-q", &top, "main"]);
    clone.stack.up_healthy();
    let old = clone.side();
    clone.push(&[("web.conf", config("new", "two"))]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!((first(&clone), at(&clone)), ("new".into(), "main".into()));
    assert_eq!(clone.status(), "");
    clone.push(&[("web.conf", config("bad", "two"))]);
    let new = clone.side();
    clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(clone.side(), new);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    assert_eq!(clone.git_in(&main, &["status", "--porcelain"]), "");
    clone.is_tidy("at the end");
}

#[test]
fn a_submodule_that_is_mounted() {
    let Some(clone) = Cloned::new(&mounted()) else {
        return;
    };
    let beside = clone.stack.beside("");
    let module = clone.stack.beside("module");
    clone.git_in(&beside, &["init", "-q", "module"]);
    let commit = |text: &str| {
        fs::write(module.join("web.conf"), config(text, "two")).unwrap();
        clone.git_in(&module, &["add", "-A"]);
        clone.git_in(&module, &["commit", "-q", "-m", text]);
    };
    commit("one");
    let url = format!("file://{}", module.display());
    clone.develop(&["submodule", "--quiet", "add", &url, "conf"]);
    let compose = fs::read_to_string(clone.developer.join("compose.yaml")).unwrap();
    let compose = compose.replace("./web.conf:/etc/web.conf:ro", "./conf:/etc/conf:ro");
    let compose = compose.replace("/etc/web.conf", "/etc/conf/web.conf");
    clone.push(&[("compose.yaml", compose)]);
    clone.anew(&["--recurse-submodules"]);
    clone.stack.up_healthy();
    let inside = || clone.inside("/etc/conf/web.conf");
    let follow = |text: &str| {
        commit(text);
        clone.git_in(
            &clone.developer.join("conf"),
            &["pull", "-q", "origin", "HEAD"],
        );
        clone.push(&[])
    };
    let old = clone.side();
    let new = follow("new");
    clone.refit(&["upgrade"]).exits(0);
    assert!(inside().contains("first = new"));
    assert_eq!((clone.head(), clone.status()), (new, String::new()));
    let after = clone.side();
    follow("bad");
    let failed = clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(clone.side().content(), after.content(), "{failed}");
    assert_eq!(clone.status(), "");
    assert!(inside().contains("first = new"));
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    assert_eq!(clone.status(), "");
    assert!(inside().contains("first = one"));
    is_in_line(&clone.stack, "at the end");
}

/// What a plain fetch of the clone leaves out is asked for each time.
#[test]
fn a_single_branch_clone_that_follows_another_branch() {
    let Some(clone) = released(&[]) else { return };
    clone.anew(&["--single-branch"]);
    clone.stack.up_healthy();
    clone.develop(&["checkout", "-q", "-b", "next"]);
    clone.stack.write("refit.yaml", "upgrade: {branch: next}\n");
    for text in ["2", "3"] {
        clone.push(&[("web.conf", config(text, "two"))]);
        clone
            .refit(&["upgrade", "--check"])
            .exits(0)
            .says("1 new commit");
        clone.refit(&["upgrade"]).exits(0);
        assert_eq!(first(&clone), text);
    }
    clone.refit(&["upgrade", "--to", "HEAD~1"]).exits(0);
    assert_eq!(first(&clone), "2");
    clone.stack.write("refit.yaml", "upgrade: {branch: none}\n");
    let answer = clone.refit(&["upgrade"]).exits(1);
    answer
        .says("origin has no branch none")
        .never_says("any more");
}
