//! Upgrades by themselves: a real cron that fires the line, and what an unattended run may do.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::cron::{ANN, ANN_ID, Cron};
use crate::nights::rolled_back;
use crate::stack::answer::Answer;
use crate::stack::checkout::{Cloned, version};
use crate::stack::engine::docker;
use crate::stack::holder::Holder;
use crate::stack::{TestStack, idle};
use serde_json::Value;

const IDLE: &str = "services:\n  web: {}\n";

fn started() -> Option<TestStack> {
    TestStack::started(&IDLE.replace("{}", &idle("")), &[])
}

fn record(stack: &TestStack) -> Vec<Value> {
    record_in(&stack.state())
}

/// What came of the runs of the only stack that is known to a state folder.
pub(crate) fn record_in(state: &Path) -> Vec<Value> {
    let stacks = fs::read_dir(state.join("stacks"));
    let files = stacks.into_iter().flatten().flatten();
    let mut texts =
        files.filter_map(|stack| fs::read_to_string(stack.path().join("unattended.jsonl")).ok());
    let text = texts.next().unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn words(entries: &[Value], field: &str) -> Vec<String> {
    let word = |entry: &Value| entry[field].as_str().unwrap_or("-").to_owned();
    entries.iter().map(word).collect()
}

/// A folder of hers with a compose file, and a refit that she can reach.
fn anns_stack(stack: &TestStack) -> (String, String) {
    fs::set_permissions(stack.beside(""), fs::Permissions::from_mode(0o711)).unwrap();
    let folder = stack.beside("ann's 50% \"ché\" $HOME \\x");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("compose.yaml"), stack.read("compose.yaml")).unwrap();
    chown(&folder, Some(ANN_ID), Some(ANN_ID)).unwrap();
    let program = stack.beside("refit");
    let built = env!("CARGO_BIN_EXE_refit");
    fs::hard_link(built, &program)
        .or_else(|_| fs::copy(built, &program).map(|_| ()))
        .unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    (text(&folder), text(&program))
}

#[test]
fn a_real_cron_fires_the_line() {
    let Some(stack) = started() else { return };
    let Some(other) = started() else { return };
    let Some(cron) = Cron::start(&stack.beside("cron")) else {
        return;
    };
    // What the person has there already.
    let theirs = "MAILTO=\"\"\n# mine\n0 1 * * * echo 100\\%\n";
    stack.write("theirs", theirs);
    cron.within(&stack, "crontab", &["theirs"]).exits(0);
    let ours = [
        "schedule",
        "install",
        "--via",
        "cron",
        "--every",
        "* * * * *",
    ];
    cron.refit(&stack, &ours)
        .exits(0)
        .says("Installed in the crontab");
    let once = cron.crontab(&stack);
    assert!(
        once.starts_with(theirs) && once.contains(&stack.project),
        "{once}"
    );
    cron.refit(&stack, &ours).exits(0).says("Nothing to do");
    assert_eq!(cron.crontab(&stack), once);
    // Another stack has lines of its own.
    cron.refit(&other, &["schedule", "install", "--at", "05:30"])
        .exits(0);
    let both = cron.crontab(&stack);
    assert!(
        both.starts_with(&once) && both.contains("\n30 5 * * * "),
        "{both}"
    );
    assert!(both.contains("\n@reboot "), "{both}");
    let status = cron.refit(&other, &["schedule", "status"]).exits(0);
    status
        .says("05:30")
        .says("this machine will run it")
        .says("none yet");
    // Somebody else's, in a folder whose name has all that means something to cron or to a shell.
    let anns = anns_stack(&stack);
    let install = [
        "-C",
        &anns.0,
        "schedule",
        "install",
        "--via",
        "cron-d",
        "--every",
        "* * * * *",
    ];
    cron.within(&stack, &anns.1, &install)
        .exits(0)
        .says("as refit-ann");

    // In the environment that cron gives, and nothing is remembered of it.
    let tested = cron.refit(&stack, &["schedule", "test"]).exits(0);
    let tested = tested.says("works in the timer's environment");
    tested.says("as root: env -i ").says("Nothing was asked");
    let tested = cron.refit(&stack, &["--json", "schedule", "test"]).exits(0);
    let document: Value = serde_json::from_str(&tested.stdout).unwrap();
    assert_eq!(
        (&document["works"], &document["exit_code"]),
        (&true.into(), &0.into())
    );
    let tested = cron.refit(&stack, &["-q", "schedule", "test"]).exits(0);
    assert_eq!((tested.stdout, tested.stderr), Default::default());
    // As she would: what fails is told, and nothing of hers is touched.
    let tested = ["-C", &anns.0, "schedule", "test"];
    let tested = cron.refit(&stack, &tested).exits(1);
    tested
        .says("as refit-ann: env -i ")
        .says("✗ the timer's command fails");
    assert!(!cron.home().join(".local/state/refit/stacks").exists());
    assert!(record(&stack).is_empty());

    let patience = Instant::now();
    let anns_state = cron.home().join(".local/state/refit");
    while record(&stack).is_empty() || record_in(&anns_state).is_empty() {
        assert!(
            patience.elapsed() < Duration::from_secs(130),
            "cron does not fire"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let fired = record(&stack);
    assert_eq!(words(&fired, "outcome")[0], "nothing_to_do", "{fired:?}");
    assert_eq!(words(&fired, "code")[0], "-", "{fired:?}");
    stack.refit(&["status"]).exits(0).says("unattended: ");
    // Ann has no engine; root sees what came of it, although she remembers it.
    assert_eq!(words(&record_in(&anns_state), "outcome")[0], "refused");
    let status = ["-C", &anns.0, "schedule", "status"];
    let status = cron.refit(&stack, &status).exits(0);
    status
        .says("this machine will run it")
        .has_line(&["last", "refused: "]);
    cron.refit(&stack, &["-C", &anns.0, "schedule", "remove"])
        .exits(0);
    let status = cron
        .refit(&stack, &["--json", "schedule", "status"])
        .exits(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(
        status["last_result"]["outcome"], "nothing_to_do",
        "{status}"
    );
    assert_eq!(
        status["timers"][0]["problems"],
        serde_json::json!([]),
        "{status}"
    );

    // From the crontab to a file of its own, and out again.
    let file = ["schedule", "install", "--via", "cron-d"];
    cron.refit(&stack, &file).exits(0);
    assert!(
        !cron
            .crontab(&stack)
            .contains(&format!("refit {}-", stack.project))
    );
    let files = cron.files();
    let [path] = &files[..] else {
        panic!("{files:?}")
    };
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o777,
        0o644
    );
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains("\n0 4 * * * root env -i "), "{text}");
    assert!(!text.contains(ANN), "{text}");
    cron.refit(&stack, &["schedule", "test"]).exits(0);
    cron.refit(&stack, &["schedule", "remove"]).exits(0);
    assert_eq!(cron.files().len(), 0);
    cron.refit(&stack, &["schedule", "remove"])
        .exits(0)
        .says("Nothing to do");
    cron.refit(&other, &["schedule", "remove"]).exits(0);
    assert_eq!(cron.crontab(&stack), theirs);
}

#[test]
fn an_unattended_run_keeps_to_its_hours() {
    let Some(stack) = started() else { return };
    // Open for an hour that is not now, in the zone that the command has.
    let hour = |ahead: i64| {
        let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(ahead);
        at.to_string()[11..16].to_owned()
    };
    let closed = format!("{}-{}", hour(2), hour(3));
    let run = |words: &[&str]| {
        let mut command = stack.command(&[&["--json", "schedule", "run"][..], words].concat());
        command.env("TZ", "UTC");
        Answer::of(command, b"").exits(0)
    };
    let answer = run(&["--window", &closed]);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    assert_eq!(answer.the("note")["code"], "outside_window");
    stack.write("refit.yaml", &format!("upgrade: {{window: '{closed}'}}\n"));
    assert_eq!(run(&[]).the("note")["code"], "outside_window");
    let open = format!("{}-{}", hour(-1), hour(1));
    assert!(run(&["--window", &open]).all("plan").len() == 1);
    // What was missed is made up for once; a machine that never ran it has missed nothing.
    let answer = run(&["--window", &open, "--missed", "0 4 * * *"]);
    assert_eq!(answer.the("note")["code"], "not_missed", "{answer}");
    let codes = words(&record(&stack), "code");
    assert_eq!(
        codes,
        ["outside_window", "outside_window", "-", "not_missed"]
    );
}

#[test]
fn after_so_many_failures_it_waits_for_a_person() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    clone
        .stack
        .write("refit.yaml", "upgrade: {max_failures: 2}\n");
    let run = ["--json", "schedule", "run"];
    clone.refit(&run).exits(0);
    rolled_back(&clone.stack, 1);
    // Who holds the lock is no failure.
    let holder = Holder::of(clone.command(&["restart", "--settle", "10m"]));
    let wait = [&run[..], &["--wait-lock", "100ms"]].concat();
    clone.refit(&wait).exits(5);
    holder.interrupt();
    clone.refit(&run).exits(0);
    rolled_back(&clone.stack, 1);
    let answer = clone.refit(&run).exits(1);
    assert_eq!(answer.refusal(), "max_failures", "{answer}");
    clone
        .refit(&["status"])
        .exits(0)
        .says("2 unattended runs in a row failed");
    clone.refit(&[&run[..], &["--retry"]].concat()).exits(0);

    // Tried again by hand: from then on it counts anew.
    clone.push(&[("README", "new\n".to_owned())]);
    clone.refit(&["upgrade"]).exits(0);
    clone.refit(&run).exits(0);
    let codes = words(&record(&clone.stack), "outcome");
    let wanted = [
        "nothing_to_do",
        "rolled_back",
        "refused",
        "nothing_to_do",
        "rolled_back",
        "refused",
        "nothing_to_do",
        "nothing_to_do",
    ];
    assert_eq!(codes, wanted);
    // They belong to the record of the time, although most of them made no run.
    let answer = clone.refit(&["history", "--since", "1d"]).exits(0);
    answer.says("unattended 8 times: 4 nothing to do, 2 refused or failed, 2 let pass");
    let answer = clone
        .refit(&["--json", "history", "--since", "1d"])
        .exits(0);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    let tally = &document["sum"]["unattended"];
    assert_eq!(
        (&tally["times"], &tally["failures"]),
        (&8.into(), &2.into()),
        "{tally}"
    );
}

#[test]
fn what_was_missed_is_made_up_for_when_a_real_cron_is_started() {
    let Some(stack) = started() else { return };
    let folder = stack.beside("cron");
    let Some(cron) = Cron::start(&folder) else {
        return;
    };
    let install = [
        "schedule",
        "install",
        "--via",
        "cron",
        "--every",
        "0 4 * * *",
    ];
    cron.refit(&stack, &install).exits(0);
    stack.refit(&["schedule", "run"]).exits(0);
    // As if the last time had been three days ago, and the machine off since then.
    let now = jiff::Timestamp::now();
    let then = now - jiff::SignedDuration::from_hours(72);
    let path = stack.state_files().into_iter().map(|(path, _)| path);
    let path = path
        .into_iter()
        .find(|path| path.ends_with("unattended.jsonl"))
        .unwrap();
    let mut entry = record(&stack).remove(0);
    entry["at"] = then.to_string().into();
    fs::write(&path, format!("{entry}\n")).unwrap();
    drop(cron);
    let again = Cron::start(&folder).expect("it started before");
    until(|| record(&stack).len() > 1);
    let fired = record(&stack);
    assert_eq!(
        (
            words(&fired, "outcome")[1].as_str(),
            words(&fired, "code")[1].as_str()
        ),
        ("nothing_to_do", "-"),
        "{fired:?}"
    );
    // Once: at the next start there is nothing to make up for.
    drop(again);
    let _last = Cron::start(&folder).expect("it started before");
    until(|| record(&stack).len() > 2);
    assert_eq!(words(&record(&stack), "code")[2], "not_missed");
}

#[test]
fn what_keeps_a_run_from_beginning_is_remembered_and_told_as_a_run() {
    let Some(stack) = started() else { return };
    let run = ["--json", "schedule", "run"];
    stack.write("refit.yaml", "upgrade: {windows: x}\n");
    let answer = stack.refit(&run).exits(1);
    assert_eq!(answer.the("error")["code"], "bad_settings", "{answer}");
    assert_eq!(answer.outcome(), "refused");
    let status = stack.refit(&["schedule", "test"]).exits(1);
    status.says("no timer is installed");
    stack.write("refit.yaml", "");
    let mut command = stack.command(&run);
    let dead = format!("unix://{}", stack.beside("no.sock").display());
    command.env("DOCKER_HOST", dead);
    let answer = Answer::of(command, b"").exits(1);
    assert_eq!(answer.outcome(), "refused", "{answer}");
    let codes = words(&record(&stack), "code");
    assert_eq!(codes, ["bad_settings", "no_engine"]);
}

#[test]
fn a_stack_that_is_down_stays_down() {
    let Some(stack) = started() else { return };
    stack.compose(&["down"]);
    let answer = stack.refit(&["--json", "schedule", "run"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    assert!(stack.containers().is_empty());
}

#[test]
fn after_the_start_of_the_machine_it_waits_for_the_engine() {
    let Some(stack) = started() else { return };
    let place = stack.beside("late.sock");
    let early = UnixListener::bind(&place).unwrap();
    let mut command = stack.command(&["--json", "schedule", "run", "--wait-engine", "60s"]);
    command.env("DOCKER_HOST", format!("unix://{}", place.display()));
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    // It was asked, and had no answer; then the engine is there.
    drop(early.accept().unwrap());
    let engine = docker(&[
        "context",
        "inspect",
        "--format",
        "{{.Endpoints.docker.Host}}",
    ]);
    let engine = engine.trim().strip_prefix("unix://").unwrap();
    fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink(engine, &place).unwrap();
    drop(early);
    let answer = Answer::of_output("schedule run".into(), &child.wait_with_output().unwrap());
    let answer = answer.exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
}

#[test]
fn a_run_that_is_cut_off_is_no_failure() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let begun = clone.stack.beside("begun");
    let run = |words: &[&str]| {
        let mut command = clone.command(&[&["--json", "schedule", "run"][..], words].concat());
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let end = |child: crate::stack::refit::Running| {
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        let output = child.wait_with_output().unwrap();
        Answer::of_output("schedule run".into(), &output).exits(143)
    };
    // While it waits by chance there is no run yet.
    let waiting = run(&["--random-delay", "10000h"]);
    until(|| catches_sigterm(waiting.id()));
    end(waiting);
    assert!(record(&clone.stack).is_empty());

    clone.stack.write(
        "refit.yaml",
        &format!(
            "upgrade: {{max_failures: 1}}\nhooks: {{before_upgrade: 'touch {}; sleep 300'}}\n",
            begun.display()
        ),
    );
    clone.push(&[("version", "v2\n".to_owned())]);
    let child = run(&[]);
    until(|| begun.exists());
    end(child);
    assert_eq!(words(&record(&clone.stack), "code"), ["interrupted"]);
    // It is tried again, also where one failure is enough to give up.
    clone
        .stack
        .write("refit.yaml", "upgrade: {max_failures: 1}\n");
    let answer = clone.refit(&["--json", "schedule", "run"]).exits(0);
    assert_eq!(answer.outcome(), "applied", "{answer}");
}

/// Waits for what another program does.
#[track_caller]
pub(crate) fn until(done: impl Fn() -> bool) {
    let patience = Instant::now();
    while !done() {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "it never happens"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process has a handler for SIGTERM.
fn catches_sigterm(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> 14 & 1 == 1)
}
