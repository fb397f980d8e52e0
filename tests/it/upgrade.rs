//! Upgrades of a git checkout with what is built from it: the good ones, and those that fail and are
//! given back.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Child, Stdio};

use crate::faulty::is_in_line;
use crate::stack::checkout::{Cloned, config, image_id, version};
use crate::stack::engine::{docker, docker_command};

/// Follows what the engine tells: it remembers only its last 256 events, and others are at work.
fn follow_engine() -> Child {
    let since = docker(&["info", "--format", "{{.SystemTime}}"]);
    let line = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}";
    let mut command = docker_command();
    command.args(["events", "--since", since.trim(), "--format", line]);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// The engine's events of a container's end and of an image's new name until now, in order.
fn order_of(clone: &Cloned, mut engine: Child) -> Vec<String> {
    let project = &clone.stack.project;
    let last = format!("{project}-last:1");
    docker(&["tag", "refit-test/busybox:1", &last]);
    let told = BufReader::new(engine.stdout.take().unwrap()).lines();
    let told = told.map_while(Result::ok);
    let told = told.take_while(|line| !line.contains(&last));
    let ours = told.filter(|line| line.contains(project.as_str()));
    let ours = ours.filter(|line| line.contains("image tag") || line.contains("container die"));
    let order = ours.collect();
    engine.kill().unwrap();
    engine.wait().unwrap();
    docker(&["rmi", &last]);
    order
}

#[test]
fn a_good_upgrade_and_its_way_back() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let (old, web, neighbour) = (
        clone.side(),
        clone.stack.container("web"),
        clone.neighbour(),
    );
    let first = clone.head();
    let second = clone.push(&[
        ("version", "v2\n".to_owned()),
        ("web.conf", config("new", "two")),
    ]);
    let engine = follow_engine();
    let answer = clone.refit(&["--json", "upgrade"]).exits(0);
    assert_eq!(answer.outcome(), "applied");
    let answer = answer.plans(&[("web", "rebuild")]);
    assert_eq!(answer.verdict("web").0, "healthy");
    let effects = answer.all("effect");
    assert!(
        !effects.is_empty() && effects.iter().all(|e| e["ok"] == true),
        "{answer}"
    );
    assert_eq!(
        (clone.head(), clone.status()),
        (second.clone(), String::new())
    );
    assert_eq!(clone.git(&["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    assert_eq!(clone.inside("/app/version"), "v2");
    assert!(clone.inside("/etc/web.conf").contains("first = new"));
    neighbour.is_untouched(&clone.neighbour());
    is_in_line(&clone.stack, "after the upgrade");
    clone.is_tidy("after the upgrade");
    // The old one served until there was a new one to take its place.
    let order = order_of(&clone, engine);
    let at = |what: &str| order.iter().position(|line| line.contains(what));
    let built = order
        .iter()
        .position(|line| line.contains("image tag") && !line.contains("refit-kept"));
    assert!(built.is_some() && built < at("container die"), "{order:?}");
    let new = clone.side();

    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    assert_eq!(clone.head(), first);
    assert_eq!(clone.inside("/app/version"), "v1");
    assert_eq!(clone.stack.container("web").image(), web.image());
    neighbour.is_untouched(&clone.neighbour());
    is_in_line(&clone.stack, "after the rollback");

    // Another one would go further back, and there is nothing.
    clone.refit(&["rollback"]).exits(1);
    clone.refit(&["rollback", "2"]).exits(0);
    assert_eq!(clone.side().content(), new.content());
    assert_eq!(clone.inside("/app/version"), "v2");
    assert_eq!((clone.head(), clone.status()), (second, String::new()));
    is_in_line(&clone.stack, "after the rollback of the rollback");
    clone.refit(&["upgrade"]).exits(0).says("Nothing to do");
    clone.is_tidy("at the end");
}

/// An upgrade to this fails, and everything is as it was, the local edit included.
fn gives_back(files: &[(&str, String)], cause: &str) {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    clone.stack.write("web.conf", &config("one", "mine"));
    clone.stack.write("README", "mine, and in no commit\n");
    clone.git(&["add", "README"]);
    clone.stack.write("notes.txt", "not in git\n");
    let (old, neighbour) = (clone.side(), clone.neighbour());
    let status = clone.status();
    clone.push(files);
    let answer = clone
        .refit(&["upgrade", "--settle", "3s"])
        .exits(3)
        .says(cause);
    assert_eq!(clone.side(), old, "{answer}");
    assert_eq!(clone.status(), status);
    assert_eq!(clone.inside("/app/version"), "v1");
    assert!(clone.inside("/etc/web.conf").contains("last = mine"));
    neighbour.is_untouched(&clone.neighbour());
    is_in_line(&clone.stack, cause);
    clone.is_tidy(cause);
    clone.refit(&["show"]).exits(0).says(cause);
}

#[test]
fn a_version_that_ends_at_once() {
    gives_back(
        &[("version", "crash\n".to_owned())],
        "this version cannot run",
    );
}

#[test]
fn a_version_that_never_gets_healthy() {
    gives_back(&[("version", "sick\n".to_owned())], "unhealthy");
}

#[test]
fn a_mounted_config_that_the_service_refuses() {
    gives_back(&[("web.conf", config("bad", "two"))], "the config is bad");
}

#[test]
fn a_build_that_fails_costs_nobody_anything() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let (old, web) = (clone.side(), clone.stack.container("web"));
    let tag = image_id(&format!("{}-web", clone.stack.project));
    let text = "FROM refit-test/busybox:1\nCOPY nowhere.txt /app/\n";
    clone.push(&[("Dockerfile", text.to_owned())]);
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.outcome(), "failed_before");
    assert_eq!(answer.refusal(), "build_failed");
    answer.says("nowhere.txt");
    assert_eq!(clone.side(), old);
    assert_eq!(image_id(&format!("{}-web", clone.stack.project)), tag);
    web.is_untouched(&clone.stack.container("web"));
    clone.is_tidy("after a build that failed");
    let again = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(again.refusal(), "failed_before");
}

/// Files of every kind that git knows, changed in every way that git knows.
#[test]
fn modes_links_and_folders_come_back_too() {
    let Some(clone) = Cloned::new(&version("v1")) else {
        return;
    };
    let path = |name: &str| clone.developer.join(name);
    let link = |to: &str, name: &str| {
        let _ = fs::remove_file(path(name));
        symlink(to, path(name)).unwrap();
    };
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    clone.push(&[
        ("tool", "#!/bin/sh\n".to_owned()),
        ("plain", "#!/bin/sh\n".to_owned()),
        ("same-1", "same\n".to_owned()),
        ("same-2", "same\n".to_owned()),
        ("becomes-folder", "a file\n".to_owned()),
        ("becomes-file/inside", "below\n".to_owned()),
        ("goes/with/folders", "deep\n".to_owned()),
        ("empty", String::new()),
    ]);
    mode("tool", 0o755);
    link("same-1", "link");
    link("nowhere", "dangling");
    link("same-2", "second-link");
    link("nowhere", "link-becomes-file");
    clone.commit("links", &[]);
    clone.anew(&[]);
    clone.stack.up_healthy();
    fs::set_permissions(clone.top.join("plain"), fs::Permissions::from_mode(0o600)).unwrap();
    clone.stack.write(".env", "MINE=1\n");
    let (old, first) = (clone.side(), clone.head());

    mode("tool", 0o644);
    mode("plain", 0o755);
    link("same-2", "link");
    link("elsewhere", "dangling");
    for name in ["link-becomes-file", "becomes-folder", "empty"] {
        fs::remove_file(path(name)).unwrap();
    }
    for name in ["becomes-file", "goes"] {
        fs::remove_dir_all(path(name)).unwrap();
    }
    link("same-1", "new-link");
    // What git does not know is nobody's edit because a symlink leads to it.
    link(".env", "link-to-env");
    link(".env", "second-link");
    let bad = [
        ("link-becomes-file", "a file\n".to_owned()),
        ("becomes-folder/inside", "below\n".to_owned()),
        ("becomes-file", "a file\n".to_owned()),
        ("comes/with/folders", "deep\n".to_owned()),
        ("new-empty", String::new()),
        ("version", "crash\n".to_owned()),
    ];
    clone.push(&bad);
    let answer = clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(clone.side(), old, "{answer}");
    assert!(!clone.top.join("comes").exists(), "an empty folder is left");
    assert_eq!(clone.status(), "");
    answer.never_says("edited meanwhile");

    clone.push(&[("version", "v2\n".to_owned())]);
    let answer = clone.refit(&["upgrade"]).exits(0);
    assert_eq!(clone.status(), "", "{answer}");
    assert_eq!(clone.stack.read("becomes-folder/inside"), "below\n");
    let link = fs::read_link(clone.top.join("link")).unwrap();
    assert_eq!(link.to_str(), Some("same-2"));
    let answer = clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.head(), first);
    assert_eq!(clone.side().content(), old.content(), "{answer}");
    assert!(!clone.top.join("comes").exists(), "an empty folder is left");
    assert_eq!(clone.status(), "");
}

#[test]
fn a_failed_upgrade_left_in_place_is_undone_by_hand() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let old = clone.side();
    let bad = clone.push(&[("version", "crash\n".to_owned())]);
    clone
        .refit(&["upgrade", "--no-rollback", "--settle", "3s"])
        .exits(4);
    assert_eq!(clone.head(), bad);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    assert_eq!(clone.inside("/app/version"), "v1");
    is_in_line(&clone.stack, "after the rollback by hand");
}

#[test]
fn a_stack_that_is_down_stays_so() {
    let Some(clone) = Cloned::new(&version("v1")) else {
        return;
    };
    let new = clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&["upgrade"]).exits(0).says("The stack is down");
    assert_eq!((clone.head(), clone.status()), (new, String::new()));
    assert!(clone.stack.containers().is_empty());
    clone.stack.up_healthy();
    assert_eq!(clone.inside("/app/version"), "v2");
}

#[test]
fn a_signal_ends_it_with_the_old_version() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let (old, neighbour) = (clone.side(), clone.neighbour());
    clone.push(&[("version", "sick\n".to_owned())]);
    let mut command = clone.command(&["--json", "upgrade"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut refit = command.spawn().unwrap();
    let pid = rustix::process::Pid::from_child(&refit);
    for line in BufReader::new(refit.stdout.take().unwrap()).lines() {
        if line.unwrap().contains(r#""phase":"watch""#) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        }
    }
    assert_eq!(refit.wait().unwrap().code(), Some(143));
    assert_eq!(clone.side(), old);
    neighbour.is_untouched(&clone.neighbour());
    is_in_line(&clone.stack, "after the signal");
    clone.is_tidy("after the signal");
    // It is nothing against the version that somebody ended the upgrade.
    let answer = clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    answer.says("unhealthy");
}
