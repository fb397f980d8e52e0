//! What stands in the way of a recovery: containers that go while it looks, files that somebody edited
//! or that cannot be written.
#![cfg(feature = "failpoints")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faulty;
mod stack;

use std::fs;

use faulty::{Faulty, await_sleep};
use stack::answer::Answer;
use stack::engine::docker;

/// As after a Compose that was killed right after it had asked for the removal.
#[test]
fn a_container_that_goes_between_look_and_touch_is_made_anew() {
    let Some(faulty) = Faulty::new() else { return };
    let old = faulty.files();
    let change = ["set", "KEY=v1", "--settle", "50ms"];
    let killed = faulty.refit_failing("watch.after=return(kill)", &change);
    assert_eq!(killed.code, -1, "{killed}");
    let app = faulty.stack.container("app").id;
    let mut command = faulty.stack.command(&["apply", "--settle", "50ms"]);
    command.env("FAILPOINTS", "rollback.wave=1*sleep(1500)");
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    assert!(await_sleep(child.id()), "not reached");
    docker(&["rm", "--force", &app]);
    let answer = Answer::of_output(format!("{command:?}"), &child.wait_with_output().unwrap());
    answer.exits(0);
    faulty.is_whole(&[&old], "a container went");
}

#[test]
fn a_file_that_cannot_be_restored_keeps_no_other_from_it() {
    let Some(faulty) = Faulty::new() else { return };
    let old = faulty.files();
    // Two files: the key, and the service that is made to take it.
    let change = ["set", "MORE=1", "--for", "neighbour", "--settle", "50ms"];
    let killed = faulty.refit_failing("write.after=return(kill)", &change);
    assert_eq!(killed.code, -1, "{killed}");
    let written = faulty.files();
    let changed: Vec<&String> = written
        .keys()
        .filter(|name| old.get(*name) != written.get(*name))
        .collect();
    assert_eq!(changed.len(), 2, "{changed:?}");
    // The first that is restored.
    let env = faulty.stack.path(".env");
    fs::remove_file(&env).unwrap();
    fs::create_dir_all(env.join("in-the-way")).unwrap();
    // Whoever asks to go back gets all that can be had.
    let answer = faulty.stack.refit(&["rollback"]).exits(4);
    answer.says(".env");
    let now = faulty.files();
    assert_eq!(now.get("compose.yaml"), old.get("compose.yaml"));
    assert!(!now.contains_key("compose.override.yaml"));
}
