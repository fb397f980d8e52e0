//! Every wait ends and hears signals: for containers that somebody takes away, for an engine that
//! hangs or is killed, for files that nobody writes. And what ends a wait is what was seen, not the
//! time that has passed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stack::own_engine::{Frozen, OWN, engine, kill_engine, on_an_engine_of_its_own};
use crate::stack::refit::Running;
use crate::stack::{TestStack, idle, service};

const GOOD: (&str, &str) = (".env", "MODE=good\n");

fn started(web: &str) -> Option<TestStack> {
    let compose = format!("services:\n  web: {web}\n  neighbour: {}\n", idle(""));
    TestStack::started(&compose, &[GOOD])
}

/// A run whose events are read as they come.
struct Run {
    child: Running,
    out: BufReader<ChildStdout>,
    seen: Vec<Value>,
}

impl Run {
    fn of(stack: &TestStack, args: &[&str]) -> Self {
        let mut command = stack.command(args);
        command.arg("--json");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            out,
            seen: Vec::new(),
        }
    }

    /// Reads on until an event fits.
    #[track_caller]
    fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let mut line = String::new();
            let read = self.out.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "it ended before: {:#?}", self.seen);
            let event: Value = serde_json::from_str(&line).unwrap();
            self.seen.push(event.clone());
            if fits(&event) {
                return event;
            }
        }
    }

    #[track_caller]
    fn until_watching(&mut self) {
        self.until(|event| event["event"] == "phase" && event["phase"] == "watch");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Its exit code, with all that it told.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code();
        let told: Vec<String> = self.seen.iter().map(Value::to_string).collect();
        (code, format!("{}\n{rest}", told.join("\n")))
    }
}

#[test]
fn a_container_that_somebody_removes_is_told_at_once() {
    let Some(stack) = started(&idle("env_file: .env")) else {
        return;
    };
    let mut run = Run::of(&stack, &["set", "MODE=other", "--settle", "10m"]);
    run.until_watching();
    stack.compose(&["rm", "--stop", "--force", "web"]);
    let verdict = run.until(|event| event["event"] == "verdict");
    assert_eq!(verdict["service"], "web");
    let (code, told) = run.end();
    assert_eq!(verdict["reason"], "was removed by somebody else", "{told}");
    assert_eq!(code, Some(3), "{told}");
    assert_eq!(stack.container("web").env["MODE"], "good", "{told}");
}

#[test]
fn a_paused_container_does_not_run() {
    let Some(stack) = started(&idle("env_file: .env")) else {
        return;
    };
    let mut run = Run::of(&stack, &["set", "MODE=other", "--settle", "5s"]);
    run.until_watching();
    stack.compose(&["pause", "web"]);
    let (code, told) = run.end();
    assert!(told.contains("was paused by somebody else"), "{told}");
    assert_eq!(code, Some(3), "{told}");
    let web = stack.container("web");
    assert_eq!(
        (web.env["MODE"].as_str(), web.status()),
        ("good", "running")
    );
}

#[test]
fn a_pause_that_ends_is_no_failure() {
    let Some(stack) = started(&idle("env_file: .env")) else {
        return;
    };
    let mut run = Run::of(&stack, &["set", "MODE=other", "--settle", "3s"]);
    run.until_watching();
    stack.compose(&["pause", "web"]);
    stack.compose(&["unpause", "web"]);
    let (code, told) = run.end();
    assert_eq!(code, Some(0), "{told}");
}

/// Compose makes what the files say, whatever somebody had made by hand.
#[test]
fn a_service_scaled_by_hand_is_watched_in_the_number_of_the_files() {
    let Some(stack) = started(&idle("env_file: .env")) else {
        return;
    };
    stack.compose(&["up", "-d", "--scale", "web=3"]);
    let answer = stack.refit(&["set", "MODE=other"]).exits(0);
    let own = crate::stack::engine::containers_of(&stack.project);
    let own = own.iter().filter(|container| container.service == "web");
    assert_eq!(own.count(), 1, "{answer}");
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// What nobody writes is not waited for, whichever file it is.
#[test]
fn a_pipe_in_place_of_a_file_is_refused() {
    for name in [
        "refit.yaml",
        ".env",
        "compose.yaml",
        "compose.override.yaml",
    ] {
        let compose = format!("services:\n  web: {}\n", idle(""));
        let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
            return;
        };
        let _ = std::fs::remove_file(stack.path(name));
        pipe(&stack.path(name));
        for verb in [
            &["status"][..],
            &["set", "A=1"],
            &["plan"],
            &["doctor"],
            &["get", "A"],
        ] {
            let answer = stack.refit(verb);
            // What Compose does not find by itself is no file of the stack.
            let unseen = name == "compose.yaml" || verb[0] == "get" && name == "refit.yaml";
            assert_eq!(answer.code, 1, "{name}: {answer}");
            if !unseen {
                answer.says("a named pipe");
            }
        }
    }
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    stack.write("compose.yaml", &format!("services:\n  web: {}\n", idle("")));
    pipe(&stack.path("app.env"));
    for args in [
        &["set", "-F", "app.env", "A=1"][..],
        &["--env-file", "app.env", "status"],
        &["-f", "app.env", "status"],
    ] {
        stack.refit(args).exits(1);
    }
    let null = stack.refit(&["set", "-F", "/dev/null", "A=1"]);
    assert_eq!(null.code, 1, "{null}");
    stack.refit(&["--env-file", "/dev/null", "status"]).exits(0);
}

/// A stack of which Compose comes to no end: it waits for somebody to write a pipe.
fn endless() -> Option<TestStack> {
    let stack = started(&idle(""))?;
    stack.write(
        "compose.yaml",
        &format!("services:\n  web: {}\n", idle("env_file: slow.env")),
    );
    pipe(&stack.path("slow.env"));
    Some(stack)
}

/// A killed refit's Compose is ended by the next command, whichever it is.
#[test]
fn nothing_that_a_killed_question_started_goes_on() {
    let Some(stack) = endless() else { return };
    let mut run = Run::of(&stack, &["plan"]);
    let folder = stack.folder().display().to_string();
    while composes(&folder).is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    run.child.kill().unwrap();
    run.child.wait().unwrap();
    assert!(!composes(&folder).is_empty(), "nothing outlived it");
    std::fs::remove_file(stack.path("slow.env")).unwrap();
    stack.write("slow.env", "A=1\n");
    stack.refit(&["status"]).exits(0);
    assert_eq!(composes(&folder), Vec::<String>::new());
    let left = stack.state_files();
    let left: Vec<_> = left
        .iter()
        .filter(|(path, _)| path.to_string_lossy().contains("-mark-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A question whose Compose comes to no end hears signals.
#[test]
fn a_question_ends_at_once_by_a_signal() {
    let Some(stack) = endless() else { return };
    let folder = stack.folder().display().to_string();
    for verb in [
        &["status"][..],
        &["doctor"],
        &["why", "A"],
        &["plan"],
        &["set", "A=1"],
    ] {
        let run = Run::of(&stack, verb);
        while composes(&folder).is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        run.signal("INT");
        let (code, told) = run.end();
        assert_eq!(code, Some(130), "{verb:?}: {told}");
        // They are killed; the kernel takes its time.
        let patience = Instant::now();
        while !composes(&folder).is_empty() {
            assert!(patience.elapsed() < Duration::from_secs(10), "{verb:?}");
        }
    }
}

/// Command lines of Compose calls on a folder.
fn composes(folder: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines
        .filter(|line| line.contains(folder) && line.contains("config"))
        .collect()
}

fn own_home() -> Option<PathBuf> {
    let home = std::env::var_os(OWN).map(PathBuf::from);
    if home.is_none() {
        skipped!("only on an engine of its own");
    }
    let images = engine(home.as_deref()?, &["images", "busybox-1"]).status();
    assert!(images.unwrap().success());
    home
}

/// Ends when the process of a service's container with this `MODE` is there, and gives its number.
fn process_of(stack: &TestStack, mode: &str) -> String {
    loop {
        let found = stack.containers().remove("web");
        if let Some(web) = found.filter(|web| web.env["MODE"] == mode && web.status() == "running")
        {
            return web.raw["State"]["Pid"].to_string();
        }
    }
}

const DIES: &str = "test $MODE = good || { sleep 2; exit 3; }; exec sleep infinity";

#[test]
#[ignore = "run by the tests below"]
fn frozen_over_the_settle_window() {
    let Some(home) = own_home() else { return };
    for settle in [1, 3] {
        let stack = started(&service(DIES, "env_file: .env")).unwrap();
        let time = format!("{settle}s");
        let run = Run::of(&stack, &["set", "MODE=bad", "--settle", &time]);
        let pid = process_of(&stack, "bad");
        let frozen = Frozen::new(&home);
        while Path::new(&format!("/proc/{pid}")).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The window passes: it is the time that must not decide.
        std::thread::sleep(Duration::from_secs(settle));
        drop(frozen);
        let (code, told) = run.end();
        assert_eq!(code, Some(3), "{told}");
        assert!(told.contains("exited with 3"), "{told}");
    }
}

#[test]
#[ignore = "run by the tests below"]
fn killed_and_started_again() {
    let Some(home) = own_home() else { return };
    for round in 0..3 {
        let stack = started(&idle("env_file: .env")).unwrap();
        let mut run = Run::of(&stack, &["set", "MODE=other", "--settle", "1s"]);
        run.until_watching();
        kill_engine(&home, "KILL");
        assert!(engine(&home, &["up"]).status().unwrap().success());
        let (code, told) = run.end();
        let web = stack.container("web");
        let applied = code == Some(0);
        assert_eq!(applied, web.env["MODE"] == "other", "{round}: {told}");
        assert_eq!(web.status(), "running", "{round}: {code:?} {told}");
    }
}

#[test]
#[ignore = "run by the tests below"]
fn questions_to_a_frozen_engine() {
    let Some(home) = own_home() else { return };
    let stack = started(&idle("env_file: .env")).unwrap();
    let frozen = Frozen::new(&home);
    let mut runs: Vec<(Run, &[&str])> = Vec::new();
    let verbs: [&[&str]; 4] = [&["status"], &["plan"], &["set", "MODE=other"], &["watch"]];
    for verb in verbs {
        runs.push((Run::of(&stack, verb), verb));
    }
    let began = Instant::now();
    for (run, verb) in runs {
        let (code, told) = run.end();
        assert_eq!(code, Some(1), "{verb:?}: {told}");
        assert!(told.contains("no_engine"), "{verb:?}: {told}");
        assert!(told.contains("waited 15 s"), "{verb:?}: {told}");
    }
    assert!(began.elapsed() < Duration::from_secs(60));
    // The handler is there as soon as the process waits for the answer.
    let run = Run::of(&stack, &["status"]);
    while !waits_for_events(run.child.id()) {
        std::thread::sleep(Duration::from_millis(5));
    }
    run.signal("INT");
    let (code, told) = run.end();
    assert_eq!(code, Some(130), "{told}");
    drop(frozen);
    assert_eq!(stack.read(".env"), GOOD.1);
}

fn waits_for_events(pid: u32) -> bool {
    let place = std::fs::read_to_string(format!("/proc/{pid}/wchan"));
    place.is_ok_and(|place| place.contains("epoll"))
}

#[test]
fn an_engine_that_hangs_gives_no_good_verdict() {
    on_an_engine_of_its_own("frozen_over_the_settle_window");
}

#[test]
fn an_engine_that_is_killed_gives_no_good_verdict() {
    on_an_engine_of_its_own("killed_and_started_again");
}

#[test]
fn a_question_to_an_engine_that_hangs_ends() {
    on_an_engine_of_its_own("questions_to_a_frozen_engine");
}
