//! Files that came with a `git pull` by hand, or with another stack's upgrade, and were put in force: nobody
//! has typed them, nor what a way back makes of them.

use std::fs;

use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, config, mounted};
use crate::stack::engine::docker;
use crate::stack::idle;

fn pulled(clone: &Cloned, text: &str) {
    clone.push(&[("web.conf", config(text, "two"))]);
    clone.git(&["pull", "-q"]);
}

#[test]
fn what_was_pulled_put_in_force_and_rolled_back_is_no_edit() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.refit(&["apply"]).exits(0);
    pulled(&clone, "2");
    clone.refit(&["upgrade"]).exits(0);
    let back = clone.refit(&["rollback"]).exits(0);
    back.never_says("your edited");
    assert_eq!(clone.stack.read("web.conf"), config("one", "two"));
    for args in [&["upgrade", "--check"][..], &["upgrade"]] {
        clone
            .refit(args)
            .exits(0)
            .says("run 1 was rolled back: web.conf is as before it")
            .says("refit rollback 2 puts run 1 in force again");
    }
    let old = clone.side();
    clone.push(&[("web.conf", config("3", "two"))]);
    for args in [&["upgrade", "--check"][..], &["upgrade"]] {
        clone.refit(args).exits(0).never_says("local edits");
    }
    assert_eq!(clone.status(), "");
    assert_eq!(clone.inside("/etc/web.conf"), config("3", "two").trim_end());
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.side().content(), old.content());
    // With somebody's edit in it, it is theirs.
    clone.stack.write("web.conf", &config("mine", "two"));
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "git_conflict", "{answer}");
    assert_eq!(clone.stack.read("web.conf"), config("mine", "two"));
}

#[test]
fn what_was_pulled_and_does_not_work_is_nobodys_text() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    clone.refit(&["apply"]).exits(0);
    pulled(&clone, "bad");
    let mut command = clone.command(&["upgrade", "--settle", "3s"]);
    command.disturbed("the text that runs takes the place of what was pulled, and that is told");
    Answer::of(command, b"")
        .exits(3)
        .says("web.conf as the commit that is checked out has it is kept as")
        .says("except for web.conf, which has the text again that it had before it was pulled")
        .never_says("your edited");
    assert_eq!(clone.stack.read("web.conf"), config("one", "two"));
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("web.conf is as before it")
        .says("checkout HEAD -- web.conf");
    clone.push(&[("web.conf", config("3", "two"))]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(clone.status(), "");
    assert_eq!(clone.inside("/etc/web.conf"), config("3", "two").trim_end());
}

/// Two stacks in folders of one checkout, with an env file that both take.
#[test]
fn neither_of_two_stacks_writes_old_texts_of_the_other() {
    let Some(clone) = Cloned::new(&mounted()) else {
        return;
    };
    let names = ["left", "right"];
    let projects = names.map(|name| clone.stack.second_project(name));
    for (name, project) in names.iter().zip(&projects) {
        let web = idle("env_file: [../common.env]");
        let compose = format!("name: {project}\nservices:\n  web: {web}\n");
        clone.push(&[
            (&format!("{name}/compose.yaml"), compose),
            ("common.env", "K=1\n".to_owned()),
        ]);
    }
    clone.git(&["pull", "-q"]);
    let refit = |args: &[&str]| {
        let mut command = clone.command(args);
        command.disturbed("another stack than that of the witness");
        Answer::of(command, b"")
    };
    for name in names {
        let file = clone.top.join(name).join("compose.yaml");
        docker(&["compose", "-f", &file.display().to_string(), "up", "-d"]);
        refit(&["-C", name, "apply"]).exits(0);
    }
    clone.push(&[("common.env", "K=2\n".to_owned())]);
    refit(&["-C", "left", "upgrade"]).exits(0);
    refit(&["-C", "right", "upgrade"]).exits(0);
    refit(&["-C", "right", "rollback"])
        .exits(1)
        .says(&format!(
            "was written by run 1 of the project {}",
            projects[0]
        ))
        .says("left rollback undoes it there");
    assert_eq!(clone.status(), "");
    assert_eq!(
        fs::read_to_string(clone.top.join("common.env")).unwrap(),
        "K=2\n"
    );
    refit(&["-C", "left", "rollback"]).exits(0);
    refit(&["-C", "right", "rollback"])
        .exits(1)
        .says("already as before run 1")
        .says("right apply puts in force what is there");
    refit(&["-C", "right", "apply"])
        .exits(0)
        .says("environment has K=1");
    assert_eq!(clone.status(), "");
}
