//! Checkouts that an upgrade leaves alone, and those that it takes although somebody has edited them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use crate::faulty::is_in_line;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, Side, config, mounted};

fn started() -> Option<Cloned> {
    Cloned::started(&mounted())
}

/// The upgrade is refused with this code, and nothing has changed.
#[track_caller]
fn refuses(clone: &Cloned, args: &[&str], code: &str) -> Answer {
    let (old, web) = (clone.side(), clone.stack.container("web"));
    let args = [&["--json", "upgrade"], args].concat();
    let answer = clone.refit(&args).exits(1);
    assert_eq!(answer.refusal(), code, "{answer}");
    assert_eq!(clone.side(), old, "{answer}");
    web.is_untouched(&clone.stack.container("web"));
    clone.is_tidy(code);
    answer
}

fn web_conf(text: String) -> [(&'static str, String); 1] {
    [("web.conf", text)]
}

#[test]
fn an_edit_on_other_lines_is_kept_also_by_a_failed_upgrade_and_a_rollback() {
    let Some(clone) = started() else { return };
    clone.stack.write("web.conf", &config("one", "mine"));
    let old = clone.side();
    clone.push(&web_conf(config("new", "two")));
    clone
        .refit(&["upgrade"])
        .exits(0)
        .says("local edits kept: web.conf");
    assert_eq!(clone.stack.read("web.conf"), config("new", "mine"));
    assert_eq!(
        clone.inside("/etc/web.conf"),
        config("new", "mine").trim_end()
    );
    assert_eq!(clone.status(), " M web.conf");
    let merged = clone.side();
    clone.git(&["reflog", "expire", "--expire=now", "--all"]);
    clone.git(&["gc", "-q", "--prune=now"]);
    let merged_and_packed = clone.side();
    assert_eq!(merged_and_packed, merged);
    clone.push(&web_conf(config("bad", "two")));
    let failed = clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(clone.side(), merged, "{failed}");
    // Nothing of the upgrade: it stays where it is.
    clone.stack.write("README", "edited after the upgrade\n");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.stack.read("README"), "edited after the upgrade\n");
    clone.stack.write("README", "read me\n");
    assert_eq!(clone.side().content(), old.content());
    is_in_line(&clone.stack, "after the rollback");
}

#[test]
fn an_edit_on_the_same_lines_is_a_conflict() {
    let Some(clone) = started() else { return };
    clone.stack.write("web.conf", &config("mine", "two"));
    clone.push(&web_conf(config("new", "two")));
    refuses(&clone, &[], "git_conflict").says("web.conf");
    refuses(&clone, &["--check"], "git_conflict");
}

#[test]
fn a_file_in_the_way() {
    let Some(clone) = started() else { return };
    clone.stack.write("extra.conf", "mine\n");
    let new = clone.push(&[("extra.conf", "theirs\n".to_owned())]);
    refuses(&clone, &[], "git_untracked").says("extra.conf");
    // The same bytes are nobody's loss.
    clone.stack.write("extra.conf", "theirs\n");
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!((clone.head(), clone.status()), (new, String::new()));
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.stack.read("extra.conf"), "theirs\n");
    assert_eq!(clone.status(), "?? extra.conf");
}

#[test]
fn a_history_that_was_rewritten_is_taken_only_on_request_and_comes_back() {
    let Some(clone) = started() else { return };
    let second = clone.push(&web_conf(config("second", "two")));
    clone.refit(&["upgrade"]).exits(0);
    let old = clone.side();
    clone.develop(&["reset", "-q", "--hard", "HEAD^"]);
    let other = clone.push(&web_conf(config("other", "two")));
    refuses(&clone, &[], "git_rewritten").says("--allow rewritten");
    let answer = clone.refit(&["upgrade", "--allow", "rewritten"]).exits(0);
    assert_eq!(clone.head(), other, "{answer}");
    assert!(clone.inside("/etc/web.conf").contains("first = other"));
    clone.git(&["reflog", "expire", "--expire=now", "--all"]);
    clone.git(&["gc", "-q", "--prune=now"]);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.head(), second);
    assert_eq!(clone.side().content(), old.content());
    clone.git(&["fsck", "--no-dangling"]);
}

#[test]
fn commits_made_here() {
    let Some(clone) = started() else { return };
    clone.stack.write("README", "mine\n");
    clone.git(&["commit", "-qam", "mine"]);
    let (old, mine) = (clone.side(), clone.head());
    let answer = clone.refit(&["upgrade"]).exits(0).says("Nothing to do");
    answer.says("1 commit ahead of origin/main");
    assert_eq!(clone.side(), old);
    clone.push(&web_conf(config("new", "two")));
    refuses(&clone, &[], "git_diverged").says("--allow rewritten");
    clone.refit(&["upgrade", "--allow", "rewritten"]).exits(0);
    assert_eq!(clone.stack.read("README"), "read me\n");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.head(), mine);
    assert_eq!(clone.side().content(), old.content());
}

#[test]
fn a_merge_that_is_not_finished() {
    let Some(clone) = started() else { return };
    clone.git(&["checkout", "-qb", "mine"]);
    clone.stack.write("README", "mine\n");
    clone.git(&["commit", "-qam", "mine"]);
    clone.git(&["checkout", "-q", "main"]);
    clone.git(&["merge", "-q", "--no-ff", "--no-commit", "mine"]);
    clone.push(&web_conf(config("new", "two")));
    refuses(&clone, &[], "git_busy").says("git merge --abort");
}

#[test]
fn an_index_that_another_git_holds() {
    let Some(clone) = started() else { return };
    clone.push(&web_conf(config("new", "two")));
    let lock = clone.git_dir().join("index.lock");
    fs::write(&lock, "").unwrap();
    let old = clone.side();
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "git_busy");
    assert_eq!(clone.side(), old);
    assert!(lock.exists(), "somebody else's lock was removed");
    fs::remove_file(lock).unwrap();
    clone.refit(&["upgrade"]).exits(0);
}

#[test]
fn names_that_mean_nothing() {
    let Some(clone) = started() else { return };
    clone.develop(&["tag", "v1.0.0"]);
    clone.develop(&["push", "-q", "--tags"]);
    let answer = refuses(&clone, &["--to", "v1.0.1"], "git_no_such_ref");
    answer.says("did you mean --to v1.0.0?");
    clone.git(&["checkout", "-q", "--detach"]);
    refuses(&clone, &[], "git_no_upstream").says("--to");
}

#[test]
fn a_remote_that_is_gone_and_none_at_all() {
    let Some(clone) = started() else { return };
    fs::rename(&clone.remote, clone.stack.beside("elsewhere")).unwrap();
    refuses(&clone, &[], "git_network");
    clone.git(&["remote", "remove", "origin"]);
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer
        .says("no remote")
        .says("Nothing was asked: the checkout has no remote");
    refuses(&clone, &["--to", "v9"], "git_no_such_ref");
}

/// Answers every request over HTTP with: who are you?
fn asks_for_a_password() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                  Content-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
    });
    port
}

#[test]
fn a_remote_that_wants_a_password_is_told_and_nobody_is_asked() {
    let Some(clone) = started() else { return };
    let url = format!("http://127.0.0.1:{}/x.git", asks_for_a_password());
    clone.git(&["remote", "set-url", "origin", &url]);
    refuses(&clone, &[], "git_credentials").says("GIT_TERMINAL_PROMPT=0 git fetch");
    refuses(&clone, &["--unattended"], "git_credentials");
}

#[test]
fn a_checkout_of_another_user() {
    let Some(clone) = started() else { return };
    if !rustix::process::geteuid().is_root() {
        skipped!("only root can give files away");
        return;
    }
    clone.push(&web_conf(config("new", "two")));
    let chown = |who: &str| {
        let mut command = Command::new("chown");
        command.args(["-R", who]).arg(&clone.top);
        Answer::of(command, b"").exits(0);
    };
    chown("1000:1000");
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "git_ownership");
    answer.says("safe.directory");
    // Trusted, it is upgraded, and stays theirs.
    let top = clone.top.display().to_string();
    clone.git_in(
        &clone.stack.beside(""),
        &["config", "--global", "--add", "safe.directory", &top],
    );
    let old = clone.side();
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(
        owned_by_root(&clone),
        Vec::<String>::new(),
        "after the upgrade"
    );
    clone.push(&web_conf(config("bad", "two")));
    clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    assert_eq!(
        owned_by_root(&clone),
        Vec::<String>::new(),
        "after one that failed"
    );
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(
        owned_by_root(&clone),
        Vec::<String>::new(),
        "after the rollback"
    );
    assert_eq!(clone.side().content(), old.content());
}

/// Files of the work tree and of git's own that their owner can no longer write.
fn owned_by_root(clone: &Cloned) -> Vec<String> {
    let mut command = Command::new("find");
    command.arg(&clone.top).args(["-user", "root"]);
    let found = Answer::of(command, b"").exits(0).stdout;
    found.lines().map(str::to_owned).collect()
}

#[test]
fn with_the_environment_of_cron() {
    let Some(clone) = started() else { return };
    let new = clone.push(&web_conf(config("new", "two")));
    let mut command = Command::new("/usr/bin/env");
    let program = env!("CARGO_BIN_EXE_refit");
    command.args(["-i", "PATH=/usr/bin:/bin"]);
    for name in ["DOCKER_HOST", "DOCKER_CONFIG"] {
        if let Ok(value) = std::env::var(name) {
            command.arg(format!("{name}={value}"));
        }
    }
    command.arg(format!("HOME={}", clone.stack.beside("home").display()));
    command.arg(format!(
        "REFIT_STATE_HOME={}",
        clone.stack.state().display()
    ));
    command.args([program, "-C"]).arg(&clone.top);
    command.args(["upgrade", "--unattended", "--settle", "300ms"]);
    command.current_dir("/");
    Answer::of(command, b"").exits(0).says("Applied");
    assert_eq!(clone.head(), new);
}

/// What has failed once, by hand and unattended.
#[test]
fn a_commit_that_failed_is_not_tried_again_by_itself() {
    let Some(clone) = started() else { return };
    let bad = clone.push(&web_conf(config("bad", "two")));
    let old: Side = clone.side();
    clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    let answer = refuses(&clone, &[], "failed_before");
    let answer = answer.says(&bad[..9]).says("run 1").says("--retry");
    let year = jiff::Timestamp::now().to_string()[..4].to_owned();
    answer.says(&year);
    let answer = clone.refit(&["--json", "upgrade", "--unattended"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do");
    let notes = answer.all("note");
    assert!(
        notes.iter().any(|note| note["code"] == "failed_before"),
        "{answer}"
    );
    // Whoever only looks is told of both: that there is something, and that it failed.
    let check = clone.refit(&["upgrade", "--check", "--exit-code"]);
    check.exits(10).says("failed before");
    clone
        .refit(&["upgrade", "--retry", "--settle", "3s"])
        .exits(3);
    refuses(&clone, &[], "failed_before").says("run 2");
    assert_eq!(clone.side(), old);
    let good = clone.push(&web_conf(config("good", "two")));
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(clone.head(), good);
}

#[test]
fn what_was_only_refused_has_not_failed() {
    let Some(clone) = started() else { return };
    clone.push(&web_conf(config("bad", "two")));
    clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    let compose = clone.stack.read("compose.yaml");
    let compose = compose.replace("volumes: [", "volumes: ['./own.conf:/etc/own.conf', ");
    let good = clone.push(&[
        ("compose.yaml", compose),
        ("web.conf", config("good", "two")),
    ]);
    refuses(&clone, &[], "bind_missing");
    clone.stack.write("own.conf", "mine\n");
    let answer = clone.refit(&["upgrade"]).exits(0);
    assert_eq!(clone.head(), good, "{answer}");
}

/// No command would work with them afterwards, and neither would the way back.
#[test]
fn settings_that_this_refit_cannot_read_are_not_taken() {
    let Some(clone) = started() else { return };
    clone.push(&[("refit.yaml", "fetch_from_the_future: 1\n".to_owned())]);
    for args in [&[][..], &["--check"], &["--unattended"]] {
        refuses(&clone, args, "bad_settings").says("fetch_from_the_future");
    }
    clone.push(&[
        ("refit.yaml", "keep: {runs: 9}\n".to_owned()),
        ("web.conf", config("new", "two")),
    ]);
    clone.refit(&["upgrade"]).exits(0);
    clone.refit(&["rollback"]).exits(0);
}
