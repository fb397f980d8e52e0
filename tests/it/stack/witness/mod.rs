//! The witness: it looks at a stack before and after each call of refit, by ways of its own (the
//! engine's socket, git, the file system, `docker compose config`), and fails the test in which
//! refit's words, or its exit code, say more than was seen.
//!
//! | refit says | what is compared |
//! |---|---|
//! | refused, failed before, a question, a dry run, nothing to do | files, git, networks, volumes, names of images, and the very same containers, not started again |
//! | everything is as it was | the same; a container may be another one with the same face (image, environment, command, networks with aliases and static addresses, ports, mounts, restart policy, state), if something says so |
//! | what runs is what the files say | each container beside `docker compose config`, and its `config-hash` beside that of the resolved model: what `up -d` goes by. Also what `up -d` does not see: a mounted file that is another one inside |
//! | applied | the same for each service that is named; the others are the very same containers. Keys that were set read so in their env file |
//! | 0 | no container that stands in for another (`HASH_NAME`), no `.refit-tmp-*` |
//! | anything | exit code and outcome fit each other, and nothing is printed that a terminal would obey |
//!
//! While two calls are at work on a stack, neither is judged by what it left. A test that interferes
//! itself stands in `exceptions.rs`, or says so with [`Refit::disturbed`](super::refit::Refit::disturbed).

mod compare;
mod engine;
mod exceptions;
mod judge;
mod model;
mod snapshot;
mod words;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use exceptions::{EXCEPTIONS, Of};
use judge::Case;
use model::Asking;
use snapshot::Snapshot;
use words::Said;

/// A file to which objections go in place of failing tests, and what the witness cost.
const NOTES: &str = "REFIT_TEST_WITNESS_NOTES";

/// A stack that is watched.
pub(crate) struct Stage {
    pub(crate) project: String,
    pub(crate) root: PathBuf,
    pub(crate) others: Mutex<Vec<String>>,
    calls: Mutex<Calls>,
    test: Option<String>,
}

#[derive(Default)]
struct Calls {
    at_work: u32,
    begun: u32,
}

/// Stacks that are there now: a command is of the one in whose folder it starts.
static STAGES: Mutex<BTreeMap<String, Weak<Stage>>> = Mutex::new(BTreeMap::new());

impl Stage {
    pub(crate) fn new(project: &str, root: PathBuf) -> Arc<Self> {
        let stage = Arc::new(Self {
            project: project.to_owned(),
            root,
            others: Mutex::default(),
            calls: Mutex::default(),
            test: std::thread::current().name().map(str::to_owned),
        });
        let mut stages = STAGES.lock().unwrap();
        stages.retain(|_, stage| stage.strong_count() > 0);
        stages.insert(project.to_owned(), Arc::downgrade(&stage));
        stage
    }

    fn folder(&self) -> PathBuf {
        self.root.join(&self.project)
    }

    fn snapshot(&self) -> Snapshot {
        let mut projects = self.others.lock().unwrap().clone();
        projects.push(self.project.clone());
        Snapshot::take(&projects, &self.folder(), &self.root)
    }
}

/// A call that has begun.
pub(crate) struct Watching {
    stage: Arc<Stage>,
    before: Snapshot,
    args: Vec<String>,
    env: Vec<(OsString, Option<OsString>)>,
    folder: PathBuf,
    begun: u32,
    alone: bool,
    cost: Duration,
}

impl Watching {
    /// Looks before a command runs; `None`: it is not refit, or none of the stacks is its.
    pub(crate) fn begin(command: &Command, stage: Option<&Arc<Stage>>) -> Option<Self> {
        let began = Instant::now();
        let words: Vec<String> = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        // Also behind `setpriv`, `nsenter` and their kin.
        let at = words.iter().position(|word| {
            Path::new(word)
                .file_name()
                .is_some_and(|name| name == "refit")
        })?;
        let args = words[at + 1..].to_vec();
        let stage = stage.cloned().or_else(|| found(command, &words))?;
        let folder = command
            .get_current_dir()
            .unwrap_or(&stage.folder())
            .to_owned();
        let env = command
            .get_envs()
            .map(|(key, value)| (key.to_owned(), value.map(ToOwned::to_owned)));
        let (begun, alone) = {
            let mut calls = stage.calls.lock().unwrap();
            calls.at_work += 1;
            calls.begun += 1;
            (calls.begun, calls.at_work == 1)
        };
        let before = stage.snapshot();
        Some(Self {
            env: env.collect(),
            before,
            args,
            folder,
            begun,
            alone,
            cost: began.elapsed(),
            stage,
        })
    }

    /// Looks again, and fails the test where refit says more than that.
    #[track_caller]
    pub(crate) fn end(
        self,
        code: i32,
        stdout: Option<&str>,
        stderr: Option<&str>,
        disturbed: bool,
    ) {
        let began = Instant::now();
        let alone = {
            let calls = self.stage.calls.lock().unwrap();
            self.alone && calls.begun == self.begun && !disturbed
        };
        let said = Said {
            args: &self.args,
            code,
            stdout,
            stderr,
        };
        let after = self.stage.snapshot();
        let asking = Asking {
            args: self.args.clone(),
            env: self.env.clone(),
            folder: self.folder.clone(),
            project: self.stage.project.clone(),
        };
        let case = Case {
            said: &said,
            before: &self.before,
            after: &after,
            asking: &asking,
            alone,
        };
        let test = self.test();
        let objections: Vec<String> = case
            .objections()
            .into_iter()
            .filter(|objection| !is_excepted(&test, objection.of))
            .map(|objection| format!("{:?}: {}", objection.of, objection.text))
            .collect();
        let typed = self.args.join(" ");
        note(
            &test,
            &typed,
            &said.last(),
            code,
            &objections,
            self.cost + began.elapsed(),
        );
        let is_failing = std::thread::panicking() || std::env::var_os(NOTES).is_some();
        assert!(
            objections.is_empty() || is_failing,
            "the witness objects to what refit says:\n  {}\ntyped: {typed}\nexit code: {code}\n--- stdout\n{}--- stderr\n{}",
            objections.join("\n  "),
            stdout.unwrap_or_default(),
            stderr.unwrap_or_default(),
        );
    }

    /// Test threads carry the name of their test; those that a test starts have none.
    fn test(&self) -> String {
        let here = std::thread::current()
            .name()
            .filter(|name| *name != "main")
            .map(str::to_owned);
        let test = here.or_else(|| self.stage.test.clone());
        test.unwrap_or_else(|| "a test without a name".to_owned())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Ok(mut calls) = self.stage.calls.lock() {
            calls.at_work -= 1;
        }
    }
}

fn found(command: &Command, words: &[String]) -> Option<Arc<Stage>> {
    let folder = command.get_current_dir().unwrap_or(Path::new("/"));
    let stages: Vec<Arc<Stage>> = STAGES
        .lock()
        .unwrap()
        .values()
        .filter_map(Weak::upgrade)
        .collect();
    stages.into_iter().find(|stage| {
        let own = stage.folder();
        folder.starts_with(&own) || words.iter().any(|word| Path::new(word).starts_with(&own))
    })
}

fn is_excepted(test: &str, of: Of) -> bool {
    EXCEPTIONS.iter().any(|exception| {
        let fits = ["*", test].contains(&exception.test);
        fits && exception.of.contains(&of) && !exception.why.is_empty()
    })
}

fn note(test: &str, typed: &str, last: &str, code: i32, objections: &[String], cost: Duration) {
    let Some(path) = std::env::var_os(NOTES) else {
        return;
    };
    let mut text = format!("# {test} {} ms [{code}] {typed}\n", cost.as_millis());
    for objection in objections {
        text.push_str(&format!(
            "! {test}\t[{code}] {typed}\t{last}\t{}\n",
            objection.replace('\n', "\\n")
        ));
    }
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap();
}
