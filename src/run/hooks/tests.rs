use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::event::RunId;

struct Ran {
    end: HookEnd,
    log: String,
    folder: tempfile::TempDir,
}

async fn ran(command: &str, timeout: Duration, environment: &HookEnvironment) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let mut redactor = Redactor::default();
    redactor.hide("hunter22");
    let hook = Hook {
        run: command.into(),
        timeout,
    };
    let name = HookName::BeforeUpgrade;
    let at = folder.path();
    let end = run(name, &hook, at, environment, at, &redactor)
        .await
        .unwrap();
    let file = at.join("hook-before_upgrade.log");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    Ran {
        end,
        log: std::fs::read_to_string(file).unwrap(),
        folder,
    }
}

async fn simply(command: &str) -> Ran {
    ran(
        command,
        Duration::from_secs(60),
        &HookEnvironment::default(),
    )
    .await
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|&line| line.to_owned()).collect()
}

#[tokio::test]
async fn both_streams_are_kept_in_their_order_without_secrets() {
    let text = "echo one; echo two >&2; echo pw hunter22; printf end";
    let good = simply(text).await;
    assert_eq!(good.end, HookEnd::Ok);
    assert_eq!(good.log, "one\ntwo\npw •••\nend\n");
    let bad = simply(&format!("{text}; exit 3")).await;
    let told = lines(&["one", "two", "pw •••", "end"]);
    let code = Some(3);
    assert_eq!(bad.end, HookEnd::Failed { code, lines: told });
}

#[tokio::test]
async fn a_hook_may_say_not_now() {
    let lines = lines(&["busy"]);
    assert_eq!(
        simply("echo busy; exit 75").await.end,
        HookEnd::NotNow { lines }
    );
}

#[tokio::test]
async fn a_signal_is_a_failure() {
    let (code, lines) = (None, Vec::new());
    assert_eq!(
        simply("kill -9 $$").await.end,
        HookEnd::Failed { code, lines }
    );
}

#[tokio::test]
async fn it_runs_in_the_stacks_folder_and_knows_the_run() {
    let environment = HookEnvironment {
        run: Some(RunId(7)),
        project: Some("shop".into()),
        from: Some("aaa".into()),
        ..HookEnvironment::default()
    };
    let text = "cat; pwd -P; echo $REFIT_RUN $REFIT_PROJECT $REFIT_FROM ${REFIT_TO-unset}";
    let ran = ran(text, Duration::from_secs(60), &environment).await;
    let folder = ran.folder.path().canonicalize().unwrap();
    assert_eq!(ran.log, format!("{}\n7 shop aaa unset\n", folder.display()));
}

#[tokio::test]
async fn at_its_limit_all_that_it_started_ends() {
    // The limit is reached because nothing of this ends by itself, however slow the machine.
    let text = "echo $$; sh -c 'trap \"\" TERM; while :; do sleep 600; done' & wait";
    let ran = ran(
        text,
        Duration::from_millis(300),
        &HookEnvironment::default(),
    )
    .await;
    assert!(matches!(ran.end, HookEnd::TimedOut { .. }), "{:?}", ran.end);
    let group: i32 = ran.log.trim().parse().unwrap();
    let group = rustix::process::Pid::from_raw(group).unwrap();
    // A killed process that nobody has waited for yet still counts as a member of its group.
    while rustix::process::test_kill_process_group(group).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_it_leaves_in_the_background_is_not_waited_for() {
    let ran = simply("echo done; sleep 600 & echo $!").await;
    assert_eq!(ran.end, HookEnd::Ok);
    let (done, pid) = ran.log.split_once('\n').unwrap();
    assert_eq!(done, "done");
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    // It lives on until the test ends it.
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[tokio::test]
async fn only_the_last_lines_are_told_and_all_are_kept() {
    let ran = simply("i=0; while [ $i -lt 200 ]; do i=$((i + 1)); echo $i; done; exit 1").await;
    let HookEnd::Failed { lines, .. } = ran.end else {
        panic!("{:?}", ran.end);
    };
    assert_eq!((lines.len(), &*lines[TOLD - 1]), (TOLD, "200"));
    assert_eq!(ran.log.lines().count(), 200);
}
