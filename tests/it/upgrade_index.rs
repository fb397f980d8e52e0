//! What is staged in a checkout: a text that is neither in HEAD nor in the work tree is nowhere else.

use std::fs;

use crate::faulty::at;
use crate::stack::checkout::{Cloned, config, mounted};

/// Stages what the work tree does not hold, and unlists a file.
fn stages(clone: &Cloned) {
    clone.stack.write("README", "staged\n");
    clone.stack.write("fresh", "staged\n");
    clone.git(&["add", "README", "fresh"]);
    clone.stack.write("README", "mine\n");
    clone.stack.write("fresh", "mine\n");
    clone.stack.write("announced", "mine\n");
    clone.git(&["add", "-N", "announced"]);
    clone.git(&["rm", "-q", "--cached", "listed"]);
}

fn started() -> Option<Cloned> {
    let mut files = mounted();
    files.push(("listed", "x\n".to_owned()));
    Cloned::started(&files)
}

#[track_caller]
fn staged(clone: &Cloned) -> String {
    clone.git(&["diff", "--cached"]) + &clone.status()
}

#[test]
fn what_was_staged_before_an_upgrade() {
    let Some(clone) = started() else { return };
    stages(&clone);
    let (old, diff) = (clone.side(), staged(&clone));
    clone.push(&[("web.conf", config("bad", "two"))]);
    clone.refit(&["upgrade"]).exits(3);
    assert_eq!(clone.side(), old);
    clone.push(&[("web.conf", config("new", "two"))]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(staged(&clone), diff);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(staged(&clone), diff);
    assert_eq!(clone.side().content(), old.content());
    clone.push(&[("README", "theirs\n".to_owned())]);
    // HEAD's text in the work tree: only what is staged stands against it.
    clone.stack.write("README", "read me\n");
    let now = clone.side();
    for args in [&["upgrade", "--check"][..], &["upgrade"]] {
        clone
            .refit(args)
            .exits(1)
            .says("1 file is staged here, and the same lines change with the move: README");
        assert_eq!(clone.side(), now);
    }
}

#[test]
fn what_is_staged_after_an_upgrade() {
    let Some(clone) = started() else { return };
    clone.push(&[("web.conf", config("new", "two"))]);
    clone.refit(&["upgrade"]).exits(0);
    stages(&clone);
    let diff = staged(&clone);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(staged(&clone), diff);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(staged(&clone), diff);
}

/// The hook stages something; the upgrade then fails.
#[test]
fn what_is_staged_during_an_upgrade_that_fails() {
    let Some(clone) = started() else { return };
    clone.push(&[("web.conf", config("new", "two"))]);
    let killed = clone.refit_failing(&at("watch.before", "return(kill)"), &["upgrade"]);
    assert_eq!(killed.code, -1, "{killed}");
    clone.stack.write("README", "staged\n");
    clone.git(&["add", "README"]);
    clone.stack.write("README", "read me\n");
    let answer = clone.refit(&["apply"]).exits(0);
    assert_eq!(clone.status(), "");
    let said = format!("{}{}", answer.stdout, answer.stderr);
    let (_, kept) = said.split_once("GIT_INDEX_FILE=").expect(&said);
    let kept = kept.split_whitespace().next().unwrap();
    let env = [("GIT_INDEX_FILE", kept)];
    let text = clone.try_git(&clone.top, &["show", ":README"], &env);
    assert_eq!(text.stdout, "staged\n");
    assert!(fs::exists(kept).unwrap());
}
