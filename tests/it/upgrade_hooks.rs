//! What the person wants to run around an upgrade.

use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, config, mounted};

/// Each hook tells what it knows, and then ends like this.
fn hooked(before: &str) -> Option<Cloned> {
    let clone = Cloned::started(&mounted())?;
    let tell = "echo run=$REFIT_RUN from=$REFIT_FROM to=$REFIT_TO outcome=$REFIT_OUTCOME";
    let settings = format!(
        "hooks:\n  before_upgrade: {before}\n  after_success: '{tell}; cat web.conf'\n  \
         after_failure: '{tell}; cat web.conf; exit 4'\n"
    );
    clone
        .stack
        .write("refit.yaml", &settings.replace("TELL", tell));
    Some(clone)
}

/// What a hook of a run has printed; `None`: it was not run.
fn log(clone: &Cloned, run: u32, hook: &str) -> Option<String> {
    let wanted = format!("runs/{run}/hook-{hook}.log");
    let files = clone.stack.state_files();
    let found = files.into_iter().find(|(path, _)| path.ends_with(&wanted));
    found.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
}

#[test]
fn hooks_know_where_an_upgrade_goes_and_how_it_ends() {
    let Some(clone) = hooked("'TELL; cat web.conf'") else {
        return;
    };
    let first = clone.head();
    let good = clone.push(&[("web.conf", config("good", "two"))]);
    clone.refit(&["upgrade"]).exits(0);
    let told = |run: u32, from: &str, to: &str, outcome: &str, conf: &str| {
        format!(
            "run={run} from={from} to={to} outcome={outcome}\n{}",
            config(conf, "two")
        )
    };
    let before = log(&clone, 1, "before_upgrade");
    assert_eq!(before, Some(told(1, &first, &good, "", "one")));
    let after = log(&clone, 1, "after_success");
    assert_eq!(after, Some(told(1, &first, &good, "applied", "good")));
    assert_eq!(log(&clone, 1, "after_failure"), None);
    let bad = clone.push(&[("web.conf", config("bad", "two"))]);
    let answer = clone.refit(&["upgrade", "--settle", "3s"]).exits(3);
    answer.says("the hook after_failure ended with 4");
    let after = log(&clone, 2, "after_failure");
    assert_eq!(after, Some(told(2, &good, &bad, "rolled_back", "good")));
    assert_eq!(log(&clone, 2, "after_success"), None);
    // Nothing to do and a way back are no upgrades.
    clone.refit(&["upgrade", "--unattended"]).exits(0);
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(log(&clone, 3, "before_upgrade"), None);
}

/// An upgrade that its hook stops, twice: nothing is remembered against the version.
#[track_caller]
fn stopped(before: &str, code: i32) -> Option<Answer> {
    let clone = hooked(before)?;
    let (old, web) = (clone.side(), clone.stack.container("web"));
    clone.push(&[("web.conf", config("good", "two"))]);
    clone.refit(&["upgrade", "--unattended"]).exits(code);
    let answer = clone.refit(&["--json", "upgrade"]).exits(code);
    assert_eq!(clone.side(), old, "{answer}");
    web.is_untouched(&clone.stack.container("web"));
    clone.is_tidy(before);
    assert_eq!(
        log(&clone, 2, "before_upgrade").as_deref(),
        Some("no backup\n")
    );
    clone.stack.write("refit.yaml", "");
    clone.refit(&["upgrade"]).exits(0);
    Some(answer)
}

#[test]
fn a_hook_that_fails_stops_the_upgrade() {
    let Some(answer) = stopped("'echo no backup; exit 1'", 1) else {
        return;
    };
    assert_eq!(answer.outcome(), "failed_before");
    assert_eq!(answer.refusal(), "hook_failed");
    answer.says("ended with 1").says("no backup");
}

#[test]
fn a_hook_that_says_not_now() {
    let Some(answer) = stopped("'echo no backup; exit 75'", 0) else {
        return;
    };
    assert_eq!(answer.outcome(), "nothing_to_do");
    answer.says("not now: no backup");
}

#[test]
fn a_hook_that_does_not_end() {
    let hook = "{run: 'echo no backup; sleep infinity', timeout: 500ms}";
    let Some(answer) = stopped(hook, 1) else {
        return;
    };
    assert_eq!(answer.outcome(), "failed_before");
    answer.says("did not end within");
}

#[test]
fn hooks_are_those_of_the_version_before() {
    let Some(clone) = Cloned::new(&mounted()) else {
        return;
    };
    let settings = |text: &str| {
        let hooks = format!("hooks: {{before_upgrade: echo {text}, after_success: echo {text}}}\n");
        ("refit.yaml", hooks)
    };
    clone.push(&[settings("old")]);
    clone.anew(&[]);
    clone.stack.up_healthy();
    clone.refit(&["trust"]).exits(0);
    clone.push(&[settings("new"), ("web.conf", config("new", "two"))]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(log(&clone, 1, "before_upgrade").as_deref(), Some("old\n"));
    assert_eq!(log(&clone, 1, "after_success").as_deref(), Some("old\n"));
    assert!(clone.stack.read("refit.yaml").contains("new"));
}

/// The upgrade is done; nobody has to wait for what the hook does besides.
#[test]
fn who_does_not_want_to_wait_for_the_last_hook_ends_it() {
    let Some(clone) = Cloned::started(&mounted()) else {
        return;
    };
    let begun = clone.stack.beside("begun");
    let hook = format!(
        "hooks: {{after_success: {{run: 'echo > {}; sleep 1000', timeout: 60s}}}}\n",
        begun.display()
    );
    clone.stack.write("refit.yaml", &hook);
    clone.push(&[("web.conf", config("good", "two"))]);
    let mut command = clone.stack.command(&["upgrade", "--settle", "300ms"]);
    command
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    while !begun.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", "TERM", &pid])
        .status();
    assert!(sent.unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("after_success was ended before its end, as asked"),
        "{said}"
    );
}
