//! What a new version wants to be run once: in its place of the order, and never again.

use crate::stack::BUSYBOX;
use crate::stack::answer::Answer;
use crate::stack::checkout::Cloned;

/// LibreChat's version and its `npm run migrate:tenant-indexes`, which does this. Everything writes what it
/// does into one file of a volume.
fn files(version: &str, migrates: &str) -> Vec<(&'static str, String)> {
    let serve = format!(
        "trap 'echo stop {version} >> /data/log; exit 0' TERM\n\
         echo start {version} >> /data/log\nsleep infinity & wait\n"
    );
    let npm = format!("#!/bin/sh\necho \"$(pwd) $*\" >> /data/log\n{migrates}\n");
    let dockerfile = format!(
        "FROM {BUSYBOX}\nWORKDIR /app\nCOPY package.json serve.sh /app/\nCOPY npm /bin/npm\n\
         RUN chmod +x /bin/npm\nCMD [\"sh\", \"/app/serve.sh\"]\n"
    );
    let api = "{build: ., labels: {refit.application: librechat}, network_mode: none, \
               volumes: ['data:/data']}";
    let compose = format!("services:\n  api: {api}\nvolumes: {{data: }}\n");
    vec![
        ("compose.yaml", compose),
        ("Dockerfile", dockerfile),
        ("package.json", format!("{{\"version\": \"v{version}\"}}\n")),
        ("serve.sh", serve),
        ("npm", npm),
    ]
}

fn log(clone: &Cloned) -> Vec<String> {
    let text = clone.stack.exec("api", &["cat", "/data/log"]);
    text.lines().map(str::to_owned).collect()
}

fn upgrade(clone: &Cloned, args: &[&str]) -> Answer {
    clone.refit(&[&["upgrade", "--settle", "300ms"], args].concat())
}

const MIGRATES: &str = "/app run migrate:tenant-indexes";

#[test]
fn it_is_run_between_the_two_versions_and_not_again() {
    let Some(clone) = Cloned::started(&files("0.8.7", "")) else {
        return;
    };
    clone.push(&files("0.8.8", "echo done"));
    let check = upgrade(&clone, &["--check"]).exits(0);
    check
        .says("runs npm run migrate:tenant-indexes once")
        .says("-w /app api npm run migrate:tenant-indexes:dry-run");
    assert_eq!(log(&clone), ["start 0.8.7"]);
    let answer = upgrade(&clone, &[]).exits(0);
    answer
        .says("npm run migrate:tenant-indexes ended with 0")
        .says("Undo: refit rollback");
    let expected = ["start 0.8.7", "stop 0.8.7", MIGRATES, "start 0.8.8"];
    assert_eq!(log(&clone), expected);
    let shown = clone.refit(&["show"]).exits(0);
    shown.says("running npm run migrate:tenant-indexes once");
    clone.push(&[("extra", "x".to_owned())]);
    upgrade(&clone, &[]);
    clone
        .refit(&["rollback", "1", "--settle", "300ms"])
        .exits(0);
    let log = log(&clone);
    assert_eq!(
        log.iter().filter(|line| *line == MIGRATES).count(),
        1,
        "{log:?}"
    );
    assert_eq!(log.last().unwrap(), "start 0.8.7");
}

#[test]
fn an_error_of_it_is_rolled_back_with_its_line() {
    let Some(clone) = Cloned::started(&files("0.8.7", "")) else {
        return;
    };
    let head = clone.head();
    clone.push(&files(
        "0.8.8",
        "echo 'Error: duplicate key email_1' >&2; exit 7",
    ));
    let answer = clone
        .refit(&["--json", "upgrade", "--settle", "300ms"])
        .exits(3);
    answer
        .says("ended with 7: Error: duplicate key email_1")
        .says("once_failed")
        .says("except for what ");
    assert_eq!(clone.head(), head);
    assert_eq!(log(&clone).last().unwrap(), "start 0.8.7");
    let left = clone.stack.compose(&["ps", "-a", "-q"]);
    assert_eq!(left.lines().count(), 1, "{left}");
}

#[cfg(feature = "failpoints")]
#[test]
fn whoever_is_killed_in_the_middle_has_the_old_version_again() {
    let Some(clone) = Cloned::started(&files("0.8.7", "")) else {
        return;
    };
    let head = clone.head();
    clone.push(&files("0.8.8", ""));
    for place in ["once.before", "once.after"] {
        let killed = clone.refit_failing(
            &format!("{place}=return(kill)"),
            &["upgrade", "--settle", "300ms"],
        );
        assert_eq!(killed.code, -1, "{killed}");
        clone.refit(&["apply"]).exits(0).says("cut off");
        assert_eq!(clone.head(), head, "{place}");
        assert_eq!(log(&clone).last().unwrap(), "start 0.8.7");
        let left = crate::stack::engine::docker(&[
            "ps",
            "-aq",
            "--filter",
            &format!("name={}-once", clone.stack.project),
        ]);
        assert_eq!(left.trim(), "", "{place}");
    }
    upgrade(&clone, &[]).exits(0);
    assert_eq!(log(&clone).last().unwrap(), "start 0.8.8");
}
