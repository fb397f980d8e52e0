//! What stands in the way of a recovery: containers that go while it looks, files that somebody edited
//! or that cannot be written.

use std::fs;
use std::io::BufRead as _;

use crate::faulty::{Faulty, await_sleep};
use crate::stack::answer::Answer;
use crate::stack::engine::docker;
use crate::stack::refit::Running;
use crate::stack::{TestStack, service};

/// Run 1, cut off when its containers were made.
#[track_caller]
fn kill_a_change(faulty: &Faulty) {
    let change = ["set", "KEY=v1", "--settle", "50ms"];
    let killed = faulty.refit_failing("watch.after=return(kill)", &change);
    assert_eq!(killed.code, -1, "{killed}");
}

/// As after a Compose that was killed right after it had asked for the removal.
#[test]
fn a_container_that_goes_between_look_and_touch_is_made_anew() {
    let Some(faulty) = Faulty::new() else { return };
    let old = faulty.files();
    kill_a_change(&faulty);
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

/// A dry run is of the stack as it is, and another one comes first: nothing is called in line meanwhile.
#[test]
fn a_dry_run_says_that_a_run_which_was_cut_off_comes_first() {
    let Some(faulty) = Faulty::new() else { return };
    let stack = &faulty.stack;
    kill_a_change(&faulty);
    for args in [
        &["plan", "--exit-code"][..],
        &["set", "KEY=v1", "--dry-run", "--exit-code"],
    ] {
        let answer = stack.refit(args).exits(10);
        answer
            .says("run 1 was cut off; the next command that changes something (refit apply) rolls it back first")
            .says("Not planned: first comes run 1, which was cut off: rolling it back restores");
    }
    // What it would need to go back is gone: nobody hears of it first when it is too late.
    let kept = stack.state_files().into_iter().map(|(path, _)| path);
    let kept = kept.into_iter().find(|path| path.ends_with("1/file-0"));
    let kept = kept.unwrap();
    let text = fs::read(&kept).unwrap();
    fs::write(&kept, "KEY=damaged\n").unwrap();
    for question in ["status", "plan", "doctor"] {
        let answer = stack.refit(&[question]);
        let all = format!("{}{}", answer.stdout, answer.stderr);
        assert!(all.contains("cannot be rolled back"), "{answer}");
        assert!(all.contains(&*kept.to_string_lossy()), "{answer}");
    }
    fs::write(&kept, text).unwrap();
    stack.refit(&["apply"]).exits(0);
    faulty.is_whole(&[&faulty.files()], "given back");
}

/// An out-of-memory killer takes the largest, and may take Compose while a run is rolled back.
#[test]
fn a_compose_that_is_killed_under_a_rollback_is_called_again() {
    let Some(faulty) = Faulty::new() else { return };
    let stack = &faulty.stack;
    let old = faulty.files();
    kill_a_change(&faulty);
    let mut command = stack.command(&["apply", "--settle", "50ms"]);
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let pid = await_compose_up(&mut child);
    let kill = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status();
    assert!(kill.unwrap().success());
    Answer::of_output(format!("{command:?}"), &child.wait_with_output().unwrap()).exits(0);
    faulty.is_whole(&[&old], "after a killed Compose");
}

/// Waits until a refit has started `docker compose up`, and gives its number.
fn await_compose_up(refit: &mut Running) -> String {
    loop {
        if let Some(pid) = compose_up_of(refit.id()) {
            return pid;
        }
        let ended = refit.try_wait().unwrap();
        assert!(ended.is_none(), "it calls no docker compose up");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

fn compose_up_of(refit: u32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{refit}/task/{refit}/children")).ok()?;
    let is_up = |pid: &&str| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == b"up")
    };
    children.split_whitespace().find(is_up).map(str::to_owned)
}

/// A Ctrl-C reaches Compose too in the moment before it has a process group of its own: whichever end
/// is heard of first, the person asked for it.
#[test]
fn a_signal_that_ends_compose_as_well_is_a_signal() {
    let Some(faulty) = Faulty::new() else { return };
    let old = faulty.files();
    let mut command = faulty.stack.command(&["set", "KEY=v1", "--settle", "50ms"]);
    command.env("FAILPOINTS", "call.spawned=sleep(1500)");
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let up = await_compose_up(&mut child);
    for (signal, pid) in [("-KILL", up), ("-INT", child.id().to_string())] {
        let kill = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(kill.unwrap().success());
    }
    Answer::of_output(format!("{command:?}"), &child.wait_with_output().unwrap()).exits(130);
    faulty.is_whole(&[&old], "after a signal that ended Compose as well");
}

/// What somebody did to services that the run had not touched is theirs, as an edited file is.
#[test]
fn a_stack_that_was_stopped_by_hand_after_a_kill_is_asked_about() {
    let Some(faulty) = Faulty::new() else { return };
    let stack = &faulty.stack;
    let old = faulty.files();
    kill_a_change(&faulty);
    let neighbour = stack.container("neighbour").id;
    docker(&["stop", "--time", "0", &neighbour]);
    let refused = stack.refit(&["set", "MORE=1"]).exits(1);
    refused
        .says("neighbour was stopped by somebody since")
        .says("refit rollback")
        .says("refit apply");
    assert_ne!(stack.container("neighbour").status(), "running");
    stack.refit(&["rollback"]).exits(0);
    faulty.is_of_one_side(&[&old], "rolled back");
}

/// The old container is in its grace period, and looks like any other that runs.
#[test]
fn a_stop_that_is_under_way_when_compose_dies_is_undone() {
    let slow = service("trap : TERM; while :; do sleep 0.1; done", "env_file: .env");
    let slow = slow.replace("period: 2s", "period: 6s");
    let compose = format!("services:\n  web: {slow}\n");
    let Some(stack) = TestStack::started(&compose, &[(".env", "KEY=v0\n")]) else {
        return;
    };
    let web = stack.container("web");
    let mut command = stack.command(&["set", "KEY=v1", "--settle", "50ms"]);
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut events = std::process::Command::new("docker")
        .args(["events", "--filter", "event=kill", "--filter"])
        .arg(format!("container={}", web.id))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let told = events.stdout.take().unwrap();
    std::io::BufReader::new(told).read_line(&mut line).unwrap();
    events.kill().unwrap();
    events.wait().unwrap();
    let up = compose_up_of(child.id()).expect("Compose waits for the stop");
    let kill = std::process::Command::new("kill")
        .args(["-TERM", &up])
        .status();
    assert!(kill.unwrap().success());
    assert!(child.try_wait().unwrap().is_none());
    let answer = Answer::of_output(format!("{command:?}"), &child.wait_with_output().unwrap());
    answer.exits(3).says("is as it was");
    // It is another process: the one that was told to stop has ended.
    let now = stack.container("web");
    assert_eq!(
        (now.status(), &now.env["KEY"]),
        ("running", &"v0".to_owned())
    );
    web.was_restarted(&now);
}

/// Its containers are the same ones, whichever folder it was begun in.
#[test]
fn a_killed_run_of_another_folder_on_the_same_project_comes_first() {
    let Some(faulty) = Faulty::new() else { return };
    let stack = &faulty.stack;
    kill_a_change(&faulty);
    let other = stack.beside("other");
    fs::create_dir(&other).unwrap();
    for name in ["compose.yaml", ".env"] {
        fs::copy(stack.path(name), other.join(name)).unwrap();
    }
    let folder = other.to_string_lossy().into_owned();
    let there = ["-C", &folder, "-p", &stack.project, "set", "KEY=v7"];
    let refused = stack.refit(&there).exits(1);
    refused
        .says("was cut off, and is not finished")
        .says("refit -C ");
    stack.refit(&["apply"]).exits(0);
    stack.refit(&[&there[..], &["--dry-run"]].concat()).exits(0);
}
