//! A Compose stack of its own for a test, on a real engine: files in a temporary folder, a project
//! name that nobody else has, and a state folder of its own. Everything that the test made is gone
//! after it, also when it failed.
//!
//! Without an engine the tests are skipped, unless `REFIT_TEST_ENGINE=1` says that there has to be
//! one.

pub(crate) mod answer;
pub(crate) mod checkout;
pub(crate) mod engine;
pub(crate) mod holder;
pub(crate) mod own_engine;
pub(crate) mod refit;
pub(crate) mod registry;
pub(crate) mod window;
mod witness;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use answer::Answer;
use engine::{Container, docker, docker_command};
use refit::Refit;
use tempfile::TempDir;
use witness::Stage;

/// The image of every service that needs nothing but a shell.
pub(crate) const BUSYBOX: &str = "refit-test/busybox:1";

/// A service that does nothing, stops at once when asked to, and has no network to be made.
pub(crate) fn idle(more: &str) -> String {
    service("sleep infinity", more)
}

/// A service that runs this in a shell. `more` holds further keys in YAML's flow style.
pub(crate) fn service(shell: &str, more: &str) -> String {
    let network = if more.contains("network") || more.contains("ports") {
        ""
    } else {
        "network_mode: none, "
    };
    let shell = serde_json::to_string(&shell.replace('$', "$$")).unwrap();
    let more = more.trim().trim_end_matches(',');
    format!(
        "{{image: {BUSYBOX}, init: true, stop_grace_period: 2s, {network}command: [sh, -c, {shell}], {more}}}"
    )
}

/// A healthcheck that asks often until the answer is good, and seldom from then on: each question is
/// a process, and many stacks are up at a time. In YAML's flow style.
pub(crate) fn healthcheck(test: &str) -> String {
    let test = serde_json::to_string(&test.replace('$', "$$")).unwrap();
    format!(
        "healthcheck: {{test: [CMD-SHELL, {test}], interval: 1s, timeout: 2s, retries: 3, \
         start_period: 1s, start_interval: 100ms}}"
    )
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The same for a service that is to turn unhealthy: it asks often all the time.
pub(crate) fn quick_healthcheck(test: &str) -> String {
    healthcheck(test).replace("interval: 1s,", "interval: 100ms,")
}

/// Verbs that wait for services to settle; tests do not wait as long as a person would.
/// Where a service is to fail, a test gives `--settle` itself: on a busy machine its end is seen late.
const WAITING: [&str; 6] = ["set", "unset", "apply", "restart", "watch", "use"];

pub(crate) struct TestStack {
    root: TempDir,
    /// Name of the project, and of its folder.
    pub(crate) project: String,
    stage: Arc<Stage>,
}

impl TestStack {
    /// A folder with these files; nothing is started. `None`, with a word about it, where there is
    /// no engine.
    pub(crate) fn new(files: &[(&str, &str)]) -> Option<Self> {
        if !engine::answers() {
            return None;
        }
        let stack = Self::without_engine();
        for (name, text) in files {
            stack.write(name, text);
        }
        Some(stack)
    }

    /// The same with one compose file, and started.
    pub(crate) fn started(compose: &str, files: &[(&str, &str)]) -> Option<Self> {
        let stack = Self::new(files)?;
        stack.write("compose.yaml", compose);
        stack.up();
        Some(stack)
    }

    /// An empty folder below this one. `None`, with a word about it, where there is no engine.
    pub(crate) fn in_folder(root: TempDir) -> Option<Self> {
        engine::answers().then(|| Self::below(root))
    }

    /// An empty folder, for tests that need no engine.
    pub(crate) fn without_engine() -> Self {
        Self::below(tempfile::tempdir().unwrap())
    }

    fn below(root: TempDir) -> Self {
        let project = format!("refit-t-{:016x}", RandomState::new().hash_one(()));
        let stack = Self {
            stage: Stage::new(&project, root.path().canonicalize().unwrap()),
            root,
            project,
        };
        fs::create_dir_all(stack.folder()).unwrap();
        stack
    }

    /// The name of another project of this test; it goes with the test as well.
    pub(crate) fn second_project(&self, name: &str) -> String {
        let project = format!("{}-{name}", self.project);
        self.stage.others.lock().unwrap().push(project.clone());
        project
    }

    /// The stack's folder, with symlinks followed.
    pub(crate) fn folder(&self) -> PathBuf {
        let root = self.root.path().canonicalize().unwrap();
        root.join(&self.project)
    }

    /// A place outside of the stack's folder.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    /// Where refit keeps its runs.
    pub(crate) fn state(&self) -> PathBuf {
        self.beside("state")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// `docker compose` in the stack's folder; it must succeed.
    #[track_caller]
    pub(crate) fn compose(&self, args: &[&str]) -> String {
        let answer = self.try_compose(args);
        assert_eq!(answer.code, 0, "{answer}");
        answer.stdout
    }

    /// The same, whatever comes of it.
    pub(crate) fn try_compose(&self, args: &[&str]) -> Answer {
        let mut command = docker_command();
        command.arg("compose").args(args).current_dir(self.folder());
        Answer::of(command, b"")
    }

    /// Starts what the files define.
    #[track_caller]
    pub(crate) fn up(&self) {
        self.compose(&["up", "-d"]);
    }

    /// refit as a person types it in the stack's folder.
    #[track_caller]
    pub(crate) fn refit(&self, args: &[&str]) -> Answer {
        Answer::of(self.command(args), b"")
    }

    /// The same with something on standard input.
    #[track_caller]
    pub(crate) fn refit_with_input(&self, args: &[&str], input: &[u8]) -> Answer {
        Answer::of(self.command(args), input)
    }

    /// refit, to be changed by the test before it runs.
    pub(crate) fn command(&self, args: &[&str]) -> Refit {
        let mut command = Command::new(env!("CARGO_BIN_EXE_refit"));
        command.args(args).current_dir(self.folder());
        let verb = args.iter().find(|word| WAITING.contains(word));
        if verb.is_some() && !args.contains(&"--settle") {
            command.args(["--settle", "300ms"]);
        }
        engine::plain_environment(&mut command);
        command.env("REFIT_STATE_HOME", self.state());
        Refit::new(command, Arc::clone(&self.stage))
    }

    /// The project's containers by service; of several of one service the first.
    pub(crate) fn containers(&self) -> BTreeMap<String, Container> {
        let mut found = BTreeMap::new();
        for container in engine::containers_of(&self.project) {
            found.entry(container.service.clone()).or_insert(container);
        }
        found
    }

    #[track_caller]
    pub(crate) fn container(&self, service: &str) -> Container {
        let found = self.containers().remove(service);
        found.unwrap_or_else(|| panic!("no container of {service}"))
    }

    /// What a command prints inside a service's container.
    #[track_caller]
    pub(crate) fn exec(&self, service: &str, args: &[&str]) -> String {
        let id = self.container(service).id;
        let words: Vec<&str> = ["exec", &id].iter().chain(args).copied().collect();
        docker(&words)
    }

    /// Waits until the engine says that a service is healthy.
    #[track_caller]
    pub(crate) fn up_healthy(&self) {
        self.compose(&["up", "-d", "--wait"]);
    }

    /// Every file below the state folder, with its text.
    pub(crate) fn state_files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.state(), &mut found);
        found
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path, bytes));
        }
    }
}

impl Drop for TestStack {
    fn drop(&mut self) {
        // A failed test wants to be read without the complaints of its cleaning up.
        for project in self
            .stage
            .others
            .lock()
            .unwrap()
            .iter()
            .chain([&self.project])
        {
            engine::remove_everything(project);
        }
    }
}
