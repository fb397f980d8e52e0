//! Services that a change does not touch, and that end while it is made: by the engine's restart, by
//! somebody, or by themselves.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::stack::own_engine::{OWN, engine, kill_engine, on_an_engine_of_its_own};
use crate::stack::refit::Running;
use crate::stack::{TestStack, idle, service};

/// `web` takes `.env`; its neighbour does not, and ends with 3 when there is a file `end`.
fn started() -> Option<TestStack> {
    let neighbour = service(
        "while [ ! -e /end/end ]; do sleep 0.05; done; exit 3",
        "volumes: ['./end:/end']",
    );
    let compose = format!(
        "services:\n  web: {}\n  neighbour: {neighbour}\n",
        idle("env_file: .env, restart: always")
    );
    TestStack::started(&compose, &[(".env", "V=1\n"), ("end/none", "")])
}

/// A change of `web`, that sleeps here before it is watched.
fn changing(stack: &TestStack, pause: u32) -> Running {
    let mut command = stack.command(&["set", "V=2", "--settle", "300ms"]);
    command
        .env("FAILPOINTS", format!("watch.before=sleep({pause})"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.disturbed("the neighbour ends");
    let patience = Instant::now();
    let sleeps = || {
        let place = std::fs::read_to_string(format!("/proc/{}/wchan", child.id()));
        place.is_ok_and(|place| place.contains("nanosleep"))
    };
    while !sleeps() {
        assert!(patience.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn ended(child: Running, code: i32) -> String {
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn await_end(stack: &TestStack) {
    let patience = Instant::now();
    while stack.container("neighbour").status() != "exited" {
        assert!(patience.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_neighbour_that_crashes_meanwhile_is_not_told_as_applied() {
    let Some(stack) = started() else { return };
    let child = changing(&stack, 3_000);
    stack.write("end/end", "");
    await_end(&stack);
    std::fs::remove_file(stack.path("end/end")).unwrap();
    let said = ended(child, 3);
    assert!(
        said.contains("ended with 3 while the change was made"),
        "{said}"
    );
    assert_eq!(stack.read(".env"), "V=1\n");
    assert_eq!(stack.container("neighbour").status(), "running", "{said}");
}

#[test]
fn a_neighbour_that_somebody_stops_stays_stopped_and_is_told() {
    let Some(stack) = started() else { return };
    let child = changing(&stack, 3_000);
    stack.compose(&["stop", "neighbour"]);
    let said = ended(child, 0);
    assert!(said.contains("neighbour was stopped meanwhile"), "{said}");
    assert_eq!(stack.read(".env"), "V=2\n");
    assert_eq!(stack.container("neighbour").status(), "exited", "{said}");
}

#[test]
#[ignore = "run by the test below"]
fn the_engine_is_restarted() {
    let Some(home) = std::env::var_os(OWN).map(PathBuf::from) else {
        skipped!("only on an engine of its own");
        return;
    };
    let made = engine(&home, &["images", "busybox-1"]).status();
    assert!(made.unwrap().success());
    let stack = started().unwrap();
    let child = changing(&stack, 8_000);
    restart(&home);
    assert_eq!(stack.container("neighbour").status(), "exited");
    let said = ended(child, 0);
    let wanted = "neighbour was stopped by a restart of the engine, and was started again";
    assert!(said.contains(wanted), "{said}");
    assert_eq!(stack.read(".env"), "V=2\n");
    for name in ["web", "neighbour"] {
        assert_eq!(stack.container(name).status(), "running", "{said}");
    }
}

fn restart(home: &Path) {
    kill_engine(home, "KILL");
    assert!(engine(home, &["up"]).status().unwrap().success());
}

#[test]
fn what_a_restart_of_the_engine_stops_is_started_again() {
    on_an_engine_of_its_own("the_engine_is_restarted");
}
