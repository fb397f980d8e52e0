//! A stack with one consumer of each kind and a neighbour that no route reaches, and the invariant:
//! after the next command everything is of the old side or everything is of the new.

pub(crate) mod small_disk;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stack::answer::Answer;
use crate::stack::engine::Container;
use crate::stack::refit::Running;
use crate::stack::{TestStack, healthcheck, idle, service};

/// Name, mode and bytes of every file of the stack's folder.
pub(crate) type Files = BTreeMap<String, (u32, Vec<u8>)>;

/// The stack, and its neighbour as it was at the start.
pub(crate) struct Faulty {
    pub(crate) stack: TestStack,
    neighbour: Container,
}

/// `app` has `.env` mounted, `worker` takes it as `env_file`, `api` interpolates it and waits for
/// `app`: a change of `KEY` is a restart, two recreates and two waves.
pub(crate) fn compose() -> String {
    let app = service(
        "grep -q '^KEY=bad' /app/.env && exit 9; exec sleep infinity",
        &format!(
            "volumes: ['./.env:/app/.env'], {}",
            healthcheck("grep -q ^KEY= /app/.env")
        ),
    );
    format!(
        "services:\n  app: {app}\n  worker: {}\n  api: {}\n  neighbour: {}\n",
        idle("env_file: .env"),
        idle("environment: {GIVEN: '${KEY}'}, depends_on: {app: {condition: service_healthy}}"),
        idle("environment: {MINE: '1'}"),
    )
}

impl Faulty {
    /// `None` where there is no engine.
    pub(crate) fn new() -> Option<Self> {
        Some(Self::on(TestStack::new(&[])?))
    }

    /// In a folder that is prepared for it.
    pub(crate) fn on(stack: TestStack) -> Self {
        stack.write("compose.yaml", &compose());
        stack.write(".env", "KEY=v0\n");
        fs::set_permissions(stack.path(".env"), fs::Permissions::from_mode(0o640)).unwrap();
        stack.up_healthy();
        let neighbour = stack.container("neighbour");
        Self { stack, neighbour }
    }

    pub(crate) fn files(&self) -> Files {
        files_of(&self.stack)
    }

    /// Runs refit with a fail point set, such as `write.before=return(kill)`.
    #[track_caller]
    pub(crate) fn refit_failing(&self, fault: &str, args: &[&str]) -> Answer {
        let mut command = self.stack.command(args);
        command.env("FAILPOINTS", fault);
        Answer::of(command, b"")
    }

    /// Starts refit without waiting for it; what it prints is dropped.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        use std::process::Stdio;
        let mut command = self.stack.command(args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// The invariant. `sides` are what the files may be.
    #[track_caller]
    pub(crate) fn is_whole(&self, sides: &[&Files], context: &str) {
        self.is_of_one_side(sides, context);
        let now = self.stack.container("neighbour");
        assert_eq!(
            self.neighbour.id, now.id,
            "{context}: the neighbour was made anew"
        );
        self.neighbour.is_untouched(&now);
    }

    /// The invariant without the neighbour, which a dead engine stops like everybody else.
    #[track_caller]
    pub(crate) fn is_of_one_side(&self, sides: &[&Files], context: &str) {
        let now = self.files();
        let names: Vec<&String> = now.keys().collect();
        assert!(
            sides.contains(&&now),
            "{context}: the files are of no side: {names:?}\n{:?}\nwanted one of {sides:?}",
            now
        );
        is_in_line(&self.stack, context);
        let containers = self.stack.containers();
        let env = String::from_utf8(now[".env"].1.clone()).unwrap();
        let key = env
            .lines()
            .find_map(|line| line.strip_prefix("KEY="))
            .unwrap();
        assert_eq!(containers["worker"].env["KEY"], key, "{context}: worker");
        assert_eq!(containers["api"].env["GIVEN"], key, "{context}: api");
        let seen = self.stack.exec("app", &["cat", "/app/.env"]);
        assert_eq!(seen, env, "{context}: app");
        assert_eq!(
            containers.contains_key("extra"),
            String::from_utf8_lossy(&now["compose.yaml"].1).contains("extra"),
            "{context}: the added service"
        );
        for (name, container) in &containers {
            assert_eq!(container.status(), "running", "{context}: {name}");
        }
    }
}

/// Waits until the process sleeps at its fail point; `false`: it has ended before.
pub(crate) fn await_sleep(pid: u32) -> bool {
    let patience = Instant::now();
    while patience.elapsed() < Duration::from_secs(30) {
        match fs::read_to_string(format!("/proc/{pid}/wchan")) {
            Ok(place) if place.contains("nanosleep") => return true,
            Ok(_) => std::thread::sleep(Duration::from_millis(5)),
            Err(_) => return false,
        }
    }
    false
}

/// Name, mode and bytes of every file of a stack's folder.
pub(crate) fn files_of(stack: &TestStack) -> Files {
    fs::read_dir(stack.folder())
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_file())
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, (mode, fs::read(entry.path()).unwrap()))
        })
        .collect()
}

/// Containers agree with the files, no run is open, nothing of ours lies in the stack, and no
/// Compose of a killed refit is at work.
#[track_caller]
pub(crate) fn is_in_line(stack: &TestStack, context: &str) {
    let plan = stack.refit(&["plan", "--exit-code"]);
    assert_eq!(plan.code, 0, "{context}: {plan}");
    let open = unfinished(stack);
    assert!(open.is_empty(), "{context}: open runs: {open:?}");
    let stray = files_of(stack)
        .into_keys()
        .find(|n| n.contains("refit-tmp"));
    assert_eq!(stray, None, "{context}");
    let left = processes_of(stack);
    assert!(left.is_empty(), "{context}: still at work: {left:?}");
}

/// What `refit status` says about open runs.
#[track_caller]
pub(crate) fn unfinished(stack: &TestStack) -> Vec<String> {
    let answer = stack.refit(&["--json", "status"]).exits(0);
    let document: Value = serde_json::from_str(&answer.stdout).unwrap();
    let open = document["unfinished"].as_array().unwrap();
    open.iter().map(|text| text.to_string()).collect()
}

/// Command lines of processes that name the stack's folder.
fn processes_of(stack: &TestStack) -> Vec<String> {
    let folder = stack.folder().display().to_string();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(&folder) && !line.contains("docker-init"))
        .collect()
}

/// The names under which refit keeps images of this stack.
pub(crate) fn kept_names(stack: &TestStack) -> Vec<String> {
    let all = crate::stack::engine::docker(&["image", "ls", "refit-kept", "--format", "{{.Tag}}"]);
    let prefix = format!("{}-", stack.project);
    all.lines()
        .filter(|tag| tag.starts_with(&prefix))
        .map(str::to_owned)
        .collect()
}

/// What `FAILPOINTS` is to be: `what` at a point, or after some passes of it (`NAME=N*off->`).
pub(crate) fn at(point: &str, what: &str) -> String {
    match point.split_once('=') {
        Some((name, passes)) => format!("{name}={passes}{what}"),
        None => format!("{point}={what}"),
    }
}

/// Several stacks at once, each with a part of the points: most of the time is spent waiting for the
/// engine. Gives what came of each part.
pub(crate) fn side_by_side<T: Send>(
    stacks: usize,
    points: &[&'static str],
    work: impl Fn(&[&'static str]) -> T + Sync,
) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = points
            .chunks(points.len().div_ceil(stacks))
            .map(|part| scope.spawn(move || work(part)))
            .collect();
        parts.into_iter().map(|part| part.join().unwrap()).collect()
    })
}
