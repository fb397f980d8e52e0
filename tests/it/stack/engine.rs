//! The engine as the tests ask it: through the docker CLI, so that what refit says is checked by
//! somebody else.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use super::answer::Answer;

const PROJECT: &str = "com.docker.compose.project";

/// Whether there is an engine to test on. Says so when there is none; fails when there has to be one.
pub(crate) fn answers() -> bool {
    static ANSWERS: OnceLock<bool> = OnceLock::new();
    let answers = *ANSWERS.get_or_init(|| {
        let mut command = docker_command();
        command.args(["version", "--format", "{{.Server.Version}}"]);
        command.output().is_ok_and(|output| output.status.success())
    });
    let required = std::env::var("REFIT_TEST_ENGINE").is_ok_and(|value| value == "1");
    assert!(
        answers || !required,
        "`docker version` fails, and REFIT_TEST_ENGINE=1 is set"
    );
    if !answers {
        skipped!("no Docker engine answers");
    }
    answers
}

/// What the shell of the person who runs the tests says must not decide about test stacks.
pub(crate) fn plain_environment(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("COMPOSE_") || name.starts_with("REFIT_") || name == "FAILPOINTS" {
            command.env_remove(&*name);
        }
    }
    command.env("NO_COLOR", "1");
}

pub(crate) fn docker_command() -> Command {
    let mut command = Command::new("docker");
    plain_environment(&mut command);
    command
}

/// What the docker CLI prints; it must succeed.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    let mut command = docker_command();
    command.args(args);
    let answer = Answer::of(command, b"");
    assert_eq!(answer.code, 0, "{answer}");
    answer.stdout
}

/// Another name of an image; it goes with the test.
pub(crate) struct Tag(pub(crate) String);

impl Tag {
    pub(crate) fn of(image: &str, name: String) -> Self {
        docker(&["tag", image, &name]);
        Self(name)
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        let _ = docker_command().args(["rmi", "-f", &self.0]).output();
    }
}

/// A container as inspect shows it.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) service: String,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) raw: Value,
}

impl Container {
    fn of(raw: Value) -> Self {
        let env = raw["Config"]["Env"].as_array().into_iter().flatten();
        let env = env.filter_map(Value::as_str).filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        });
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: text(&raw["Id"]),
            service: text(&raw["Config"]["Labels"]["com.docker.compose.service"]),
            env: env.collect(),
            raw,
        }
    }

    pub(crate) fn started_at(&self) -> &str {
        self.raw["State"]["StartedAt"].as_str().unwrap_or_default()
    }

    /// `running`, `exited`, …
    pub(crate) fn status(&self) -> &str {
        self.raw["State"]["Status"].as_str().unwrap_or_default()
    }

    pub(crate) fn image(&self) -> &str {
        self.raw["Image"].as_str().unwrap_or_default()
    }

    pub(crate) fn label(&self, name: &str) -> &str {
        let labels = &self.raw["Config"]["Labels"];
        labels[name].as_str().unwrap_or_default()
    }

    /// The same container, not stopped and started since.
    #[track_caller]
    pub(crate) fn is_untouched(&self, later: &Self) {
        assert_eq!(self.id, later.id, "{} was made anew", self.service);
        let (then, now) = (self.started_at(), later.started_at());
        assert_eq!(then, now, "{} was restarted", self.service);
    }

    /// The same container, started again.
    #[track_caller]
    pub(crate) fn was_restarted(&self, later: &Self) {
        assert_eq!(self.id, later.id, "{} was made anew", self.service);
        let (then, now) = (self.started_at(), later.started_at());
        assert_ne!(then, now, "{} was not restarted", self.service);
    }

    /// Another container.
    #[track_caller]
    pub(crate) fn was_recreated(&self, later: &Self) {
        assert_ne!(self.id, later.id, "{} was not made anew", self.service);
    }
}

/// Containers of a project, those of `compose run` included.
pub(crate) fn containers_of(project: &str) -> Vec<Container> {
    let ids = ids(&["ps", "-aq", "--no-trunc"], project);
    if ids.is_empty() {
        return Vec::new();
    }
    let mut command = docker_command();
    command.arg("inspect").args(&ids);
    // One that is gone by now makes the exit code 1, and the others are told all the same.
    let answer = Answer::of(command, b"");
    let found: Vec<Value> = serde_json::from_str(&answer.stdout).unwrap_or_default();
    let mut found: Vec<Container> = found.into_iter().map(Container::of).collect();
    found.sort_by(|a, b| a.raw["Name"].as_str().cmp(&b.raw["Name"].as_str()));
    found
}

fn ids(question: &[&str], project: &str) -> Vec<String> {
    let mut command = docker_command();
    command.args(question);
    command
        .arg("--filter")
        .arg(format!("label={PROJECT}={project}"));
    let answer = Answer::of(command, b"");
    answer.stdout.lines().map(str::to_owned).collect()
}

/// Removes what a project left: containers, networks, volumes, images, and the names under which
/// refit keeps images.
pub(crate) fn remove_everything(project: &str) {
    let remove = |verb: &[&str], names: Vec<String>| {
        if !names.is_empty() {
            let mut command = docker_command();
            command.args(verb).args(names);
            let _ = command.output();
        }
    };
    // A volume without a name has no label; one that two containers share outlives both.
    let mounted = containers_of(project).into_iter().flat_map(|container| {
        let mounts = container.raw["Mounts"].as_array().cloned();
        mounts.unwrap_or_default()
    });
    let volumes: Vec<String> = mounted
        .filter(|mount| mount["Type"] == "volume")
        .filter_map(|mount| Some(mount["Name"].as_str()?.to_owned()))
        .collect();
    remove(
        &["rm", "--force", "--volumes"],
        ids(&["ps", "-aq"], project),
    );
    remove(&["volume", "rm", "--force"], volumes);
    remove(&["network", "rm"], ids(&["network", "ls", "-q"], project));
    remove(&["volume", "rm"], ids(&["volume", "ls", "-q"], project));
    let mut command = docker_command();
    command.args(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"]);
    let all = Answer::of(command, b"").stdout;
    let ours = |name: &&str| {
        name.starts_with(&format!("refit-kept:{project}-")) || name.starts_with(project)
    };
    let names = all.lines().filter(ours).map(str::to_owned).collect();
    remove(&["image", "rm", "--force"], names);
    remove(
        &["image", "rm", "--force"],
        ids(&["image", "ls", "-q"], project),
    );
}
