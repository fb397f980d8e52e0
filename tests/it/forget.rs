//! `refit forget`: what goes, what stays, and what it takes for gone.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::faulty::{await_sleep, kept_names};
use crate::imaged::Imaged;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, version};
use crate::stack::{TestStack, idle, service};

fn compose() -> String {
    let shell = "[ \"$MODE\" = bad ] && exit 3; exec sleep infinity";
    format!("services:\n  web: {}\n", service(shell, "env_file: .env"))
}

fn started() -> Option<TestStack> {
    TestStack::started(&compose(), &[(".env", "MODE=one\n")])
}

fn remembered(stack: &TestStack) -> Vec<String> {
    let entries = fs::read_dir(stack.state().join("stacks"));
    let entries = entries.into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn runs_and_kept_images_go_and_what_runs_stays() {
    let Some(it) = Imaged::started("environment: {A: '${A:-1}'}") else {
        return;
    };
    it.push("two");
    it.upgrade(&[]).exits(0);
    it.stack.refit(&["set", "A=2"]).exits(0);
    let (web, names) = (it.stack.container("web"), kept_names(&it.stack));
    assert_eq!(names.len(), 1, "{names:?}");
    let looked = it.stack.refit(&["forget", "--dry-run"]).exits(0);
    looked.says("Would be forgotten: 2 runs, 1 kept image");
    assert_eq!(kept_names(&it.stack), names);
    it.stack.refit(&["rollback", "--dry-run"]).exits(0);

    let answer = it.stack.refit(&["forget"]).exits(0);
    answer
        .says("Forgotten: 2 runs, 1 kept image")
        .says("What runs is as it was");
    assert_eq!(kept_names(&it.stack), Vec::<String>::new());
    assert_eq!(remembered(&it.stack), Vec::<String>::new());
    assert_eq!(it.stack.container("web").id, web.id);
    it.is_at("two");
    it.stack.refit(&["history"]).exits(0).says("no runs");
    it.stack
        .refit(&["rollback"])
        .exits(1)
        .says("there is no run to undo");
    it.stack.refit(&["forget"]).exits(0).says("Nothing to do");
    it.stack
        .refit(&["set", "A=3"])
        .exits(0)
        .says("Applied as run 1");
}

#[test]
fn commits_that_were_kept_in_git_go() {
    let Some(clone) = Cloned::started(&version("one")) else {
        return;
    };
    clone.push(&version("two"));
    clone.refit(&["upgrade"]).exits(0);
    let refs = || clone.git(&["for-each-ref", "--format=%(refname)", "refs/refit"]);
    assert_ne!(refs(), "");
    let (head, side) = (clone.head(), clone.files());
    let answer = clone.refit(&["forget"]).exits(0);
    answer.says("1 commit kept in git");
    assert_eq!(refs(), "");
    assert_eq!(clone.head(), head);
    assert!(clone.files() == side);
}

#[test]
fn a_text_that_a_person_typed_stays_and_is_named() {
    let Some(stack) = started() else { return };
    stack.refit(&["apply"]).exits(0);
    stack.write(".env", "# an hour of notes\nMODE=bad\n");
    stack.refit(&["apply", "--settle", "2s"]).exits(3);
    let answer = stack.refit(&["forget"]).exits(0);
    let place = answer.stdout.split("somebody typed it: ").nth(1);
    let place = place.unwrap_or_else(|| panic!("{answer}"));
    let folder = std::path::Path::new(place.lines().next().unwrap());
    let kept = fs::read_dir(folder).unwrap().flatten().next().unwrap();
    let kept = fs::read_dir(kept.path()).unwrap().flatten().next().unwrap();
    assert_eq!(
        fs::read_to_string(kept.path()).unwrap(),
        "# an hour of notes\nMODE=bad\n"
    );
    stack.refit(&["history"]).exits(0).says("no runs");
    stack.refit(&["forget"]).exits(0).says("Nothing to do");
}

/// What it keeps is needed to finish it.
#[test]
fn a_run_that_was_cut_off_is_not_forgotten() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    let mut command = stack.command(&["set", "MODE=three"]);
    command.env("FAILPOINTS", "write.after=return(kill)");
    let killed = Answer::of(command, b"");
    assert_ne!(killed.code, 0, "{killed}");
    stack
        .refit(&["forget"])
        .exits(1)
        .says("run 2 was cut off")
        .says("refit rollback");
    stack.refit(&["history"]).exits(0).says("MODE=two");
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    stack.refit(&["forget"]).exits(0).says("Forgotten");
}

#[test]
fn a_run_that_is_at_work_is_none_that_was_cut_off() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    let mut command = stack.command(&["set", "MODE=three"]);
    command.env("FAILPOINTS", "write.after=sleep(600000)");
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut working = command.spawn().unwrap();
    assert!(await_sleep(working.id()));
    for words in [&["forget"][..], &["forget", "--dry-run"]] {
        stack.refit(words).exits(5).never_says("cut off");
    }
    let _ = working.kill();
    working.wait().unwrap();
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
}

/// What nobody can read may be the only copy of a text.
#[test]
fn a_run_of_which_nothing_is_known_is_left_with_a_way_on() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    let file = stack.state_files().into_iter().map(|(path, _)| path);
    let journal = file
        .into_iter()
        .find(|path| path.ends_with("runs/1/journal.jsonl"));
    fs::remove_file(journal.unwrap()).unwrap();
    let refused = stack.refit(&["forget"]).exits(1);
    let (_, way) = refused.stderr.split_once("as it should be: mv ").unwrap();
    let (from, to) = way
        .split_once(", and again")
        .unwrap()
        .0
        .split_once(' ')
        .unwrap();
    fs::rename(from, to).unwrap();
    stack.refit(&["forget"]).exits(0);
    stack.refit(&["set", "MODE=three"]).exits(0);
}

/// Each of the stacks shares one state folder, as all of one user do.
#[test]
fn of_stacks_that_are_gone_and_of_no_other() {
    let Some(stack) = started() else { return };
    stack.refit(&["set", "MODE=two"]).exits(0);
    let beside = |name: &str| {
        let folder = stack.beside(name);
        fs::create_dir_all(&folder).unwrap();
        let compose = format!(
            "name: {}\nservices:\n  web: {}\n",
            stack.second_project(name.rsplit('/').next().unwrap()),
            idle("environment: {A: '${A:-1}'}")
        );
        fs::write(folder.join("compose.yaml"), compose).unwrap();
        let at = folder.display().to_string();
        stack.refit(&["-C", &at, "apply"]).exits(0);
        stack.refit(&["-C", &at, "set", "A=2"]).exits(0);
        folder
    };
    let down = |name: &str| {
        let project = stack.second_project(name);
        stack.compose(&["-p", &project, "down", "-t", "0"]);
    };
    let (gone, runs, lost) = (beside("gone"), beside("runs"), beside("disk/lost"));
    down("gone");
    down("lost");
    for folder in [&gone, &runs, &lost] {
        fs::remove_dir_all(folder).unwrap();
    }
    let looked = stack.refit(&["--json", "forget", "--all-gone", "--dry-run"]);
    let document: Value = serde_json::from_str(&looked.exits(0).stdout).unwrap();
    let forgotten = document["forgotten"].as_array().unwrap();
    assert_eq!(forgotten.len(), 1, "{document:#}");
    assert_eq!(forgotten[0]["directory"], gone.display().to_string());
    assert_eq!(remembered(&stack).len(), 4);

    let answer = stack.refit(&["forget", "--all-gone"]).exits(0);
    answer
        .says(&format!("Forgotten: {}: ", gone.display()))
        .says(&format!("Left: {}: ", runs.display()))
        .says("the engine still has its containers")
        .says(&format!("Left: {}: ", lost.display()))
        .says("its disk may be missing");
    assert_eq!(remembered(&stack).len(), 3);
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);

    // By its name, a person says that it is gone.
    let at = lost.display().to_string();
    stack.refit(&["-C", &at, "forget"]).exits(0);
    assert_eq!(remembered(&stack).len(), 2);
}

/// What two projects of one folder do to its files is one history.
#[test]
fn runs_of_another_project_of_the_folder_are_not_forgotten_by_the_way() {
    let Some(stack) = started() else { return };
    let other = stack.second_project("other");
    stack.compose(&["-p", &other, "up", "-d"]);
    let own = stack.project.clone();
    stack.refit(&["-p", &own, "set", "MODE=two"]).exits(0);
    stack.refit(&["-p", &other, "apply"]).exits(0);
    for project in [&own, &other] {
        let refused = stack.refit(&["--json", "-p", project, "forget"]).exits(1);
        refused.says("ambiguous_project").says("without -p");
    }
    stack.refit(&["-p", &own, "history"]).says("MODE=two");
    let told = format!("Forgotten: 2 runs of {own} and {other}");
    stack.refit(&["forget"]).exits(0).says(&told);
    stack
        .refit(&["-p", &own, "history"])
        .exits(0)
        .says("no runs");
}
