//! Stacks to measure on: each in a folder of its own, under a name of its own, and gone afterwards.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::measure::output_of;

pub(crate) const IMAGE: &str = "refit-test/busybox:1";

/// Projects that must be removed, whatever happens.
static PROJECTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A stack in a temporary folder.
pub(crate) struct Stack {
    folder: tempfile::TempDir,
    project: String,
    /// The port of 127.0.0.1 on which `web` answers, if it runs.
    pub(crate) port: u16,
}

/// Says what is missing before anything is measured.
pub(crate) fn engine_answers() -> Result<()> {
    let mut image = Command::new("docker");
    output_of(image.args(["image", "inspect", "--format", "{{.Id}}", IMAGE]))
        .context("no Docker engine with the tests' image; run: make bench")?;
    Ok(())
}

/// Ctrl-C removes what was made, as the end does.
pub(crate) fn clean_up_on_signals() {
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let Ok(runtime) = runtime else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            let projects = PROJECTS.lock().map(|list| list.clone()).unwrap_or_default();
            projects.iter().for_each(|project| remove(project));
            std::process::exit(130);
        }
    });
}

impl Stack {
    /// `web` with a healthcheck, reached by `.env` through `env_file`; a neighbour that is not reached,
    /// and whose first process ignores SIGTERM.
    pub(crate) fn small() -> Result<Self> {
        let port = free_port()?;
        let compose = format!(
            r#"services:
  web:
    image: {IMAGE}
    init: true
    command:
      - sh
      - -c
      - '[ "$$GREETING" != bad ] || exit 1; mkdir -p /www && echo "$$GREETING" > /www/index.html && exec httpd -f -p 80 -h /www'
    env_file: [.env]
    ports: ["127.0.0.1:{port}:80"]
    healthcheck:
      test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1/"]
      interval: 30s
      start_period: 10s
      start_interval: 100ms
  neighbour:
    image: {IMAGE}
    command: ["sleep", "100000"]
"#
        );
        Self::new(&compose, "GREETING=hello\n", port)
    }

    /// A clone of a repository that has this compose file and what `fill` writes; its remote and the
    /// author's work tree lie beside it.
    pub(crate) fn cloned(
        compose: &str,
        port: u16,
        fill: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let stack = Self::new(compose, "", port)?;
        let folder = stack.folder.path();
        let (clone, author) = (folder.join("stack"), stack.author());
        fs::rename(&clone, &author)?;
        fs::remove_file(author.join(".env"))?;
        fs::create_dir(author.join("web"))?;
        fill(&author)?;
        let remote = format!("file://{}", folder.join("remote.git").display());
        let init = [
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            &remote["file://".len()..],
        ];
        output_of(&mut stack.git_in(folder, &init))?;
        output_of(&mut stack.git_in(&author, &["init", "--quiet", "--initial-branch=main"]))?;
        output_of(&mut stack.git_in(&author, &["remote", "add", "origin", &remote]))?;
        stack.publish()?;
        let target = clone.display().to_string();
        output_of(&mut stack.git_in(folder, &["clone", "--quiet", &remote, &target]))?;
        Ok(stack)
    }

    /// Where the author works.
    pub(crate) fn author(&self) -> PathBuf {
        self.folder.path().join("author")
    }

    /// The author commits all that is there, and pushes it.
    pub(crate) fn publish(&self) -> Result<()> {
        let author = self.author();
        for words in [
            &["add", "--all"][..],
            &["commit", "--quiet", "--message", "a version"],
            &["push", "--quiet", "origin", "main"],
        ] {
            output_of(&mut self.git_in(&author, words))?;
        }
        Ok(())
    }

    /// A call of git in the stack's folder.
    pub(crate) fn git(&self, args: &[&str]) -> Command {
        self.git_in(&self.folder.path().join("stack"), args)
    }

    fn git_in(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = self.command(Path::new("git"));
        command.args(args).current_dir(folder);
        for person in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{person}_NAME"), "Somebody");
            command.env(format!("GIT_{person}_EMAIL"), "somebody@example.org");
        }
        command
    }

    /// Removes the image of a service that is built.
    pub(crate) fn remove_image(&self, service: &str) -> Command {
        let mut command = self.command(Path::new("docker"));
        command.args(["image", "rm", &format!("{}-{service}", self.project)]);
        command
    }

    /// Services that are never started.
    pub(crate) fn many(count: usize) -> Result<Self> {
        let mut compose = String::from("services:\n");
        for number in 0..count {
            compose.push_str(&format!(
                "  s{number}:\n    image: {IMAGE}\n    env_file: [.env]\n    environment:\n      \
                 ONE: ${{SETTING_{}}}\n      TWO: fixed\n    labels: {{a.b: c}}\n",
                number % 20
            ));
        }
        let env: String = (0..20)
            .map(|number| format!("SETTING_{number}=value\n"))
            .collect();
        Self::new(&compose, &env, 0)
    }

    fn new(compose: &str, env: &str, port: u16) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("refit-bench-").tempdir()?;
        fs::create_dir(folder.path().join("stack"))?;
        fs::write(folder.path().join("stack/compose.yaml"), compose)?;
        fs::write(folder.path().join("stack/.env"), env)?;
        let name = folder.path().file_name().unwrap_or_default();
        let project = name.to_string_lossy().to_lowercase();
        if let Ok(mut projects) = PROJECTS.lock() {
            projects.push(project.clone());
        }
        Ok(Self {
            folder,
            project,
            port,
        })
    }

    /// Starts it, and waits until it is healthy.
    pub(crate) fn start(&self) -> Result<()> {
        output_of(&mut self.compose(&["up", "--detach", "--wait"])).map(drop)
    }

    /// A call of `docker compose` in the stack's folder.
    pub(crate) fn compose(&self, args: &[&str]) -> Command {
        let mut command = self.command(Path::new("docker"));
        command.arg("compose").args(args);
        command
    }

    /// A call of refit in the stack's folder.
    pub(crate) fn refit(&self, args: &[&str]) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_refit")));
        command.args(args);
        command
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path().join("stack"))
            .env("COMPOSE_PROJECT_NAME", &self.project)
            .env("REFIT_STATE_HOME", self.folder.path().join("state"))
            // Nothing of the person's own, such as signed commits.
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env_remove("COMPOSE_FILE")
            .env_remove("COMPOSE_PROFILES")
            .env_remove("COMPOSE_ENV_FILES");
        command
    }

    /// What a person does today: edits the file, then types one of these.
    pub(crate) fn by_hand(&self, greeting: &str, verbs: &[&str]) -> Result<()> {
        let env = format!("GREETING={greeting}\n");
        fs::write(self.folder.path().join("stack/.env"), env)?;
        for &verb in verbs {
            let words: &[&str] = match verb {
                "up" => &["up", "--detach"],
                "wait" => &["up", "--detach", "--wait"],
                "build" => &["up", "--detach", "--build"],
                other => &[other],
            };
            output_of(&mut self.compose(words))?;
        }
        Ok(())
    }

    /// `refit set`; the time from the engine's health event to refit's verdict.
    pub(crate) fn set_with_lag(&self, greeting: &str) -> Result<Duration> {
        let assignment = format!("GREETING={greeting}");
        let since = jiff::Timestamp::now();
        let lines = output_of(&mut self.refit(&["--json", "set", &assignment]))?;
        let events: Vec<Value> = lines
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let verdict = events
            .iter()
            .find(|event| event["event"] == "verdict" && event["service"] == "web")
            .context("refit told no verdict")?;
        ensure!(
            verdict["verdict"] == "healthy",
            "web is not healthy: {verdict}"
        );
        let told: jiff::Timestamp = verdict["at"].as_str().unwrap_or_default().parse()?;
        let healthy = self.healthy_event(since)?;
        let lag = told.as_nanosecond() - i128::from(healthy);
        Ok(Duration::from_nanos(u64::try_from(lag).context(
            "the verdict is older than the engine's health event",
        )?))
    }

    /// A change after which `web` ends at once: the time from that end to the old version's health.
    pub(crate) fn fail_and_come_back(&self) -> Result<Duration> {
        let since = jiff::Timestamp::now();
        let output = self.refit(&["set", "GREETING=bad"]).output()?;
        ensure!(
            output.status.code() == Some(3),
            "not rolled back: {output:?}"
        );
        let failed = self.last_event(since, "event=die", "1")?;
        span(failed, self.healthy_event(since)?)
    }

    /// The same old version made anew by hand: the time from the command to its health.
    pub(crate) fn recreate(&self) -> Result<Duration> {
        let since = jiff::Timestamp::now();
        let words = ["up", "--detach", "--no-deps", "--force-recreate", "web"];
        output_of(&mut self.compose(&words))?;
        // Compose returns before the health is known.
        output_of(&mut self.compose(&["up", "--detach", "--wait", "--no-recreate", "web"]))?;
        span(
            i64::try_from(since.as_nanosecond())?,
            self.healthy_event(since)?,
        )
    }

    /// The last moment at which the engine said that `web` is healthy, in nanoseconds since 1970.
    fn healthy_event(&self, since: jiff::Timestamp) -> Result<i64> {
        self.last_event(since, "event=health_status: healthy", "")
    }

    /// The last event of a kind, with this exit code if it has one; nanoseconds since 1970.
    fn last_event(&self, since: jiff::Timestamp, filter: &str, code: &str) -> Result<i64> {
        let (project, now) = (&self.project, jiff::Timestamp::now());
        let mut events = Command::new("docker");
        events.args(["events", "--format", "{{json .}}"]);
        events.args(["--since", &since.to_string(), "--until", &now.to_string()]);
        events.args(["--filter", filter, "--filter"]);
        events.arg(format!("label=com.docker.compose.project={project}"));
        let lines = output_of(&mut events)?;
        let of_code = |event: &Value| {
            let found = event["Actor"]["Attributes"]["exitCode"].as_str();
            found.unwrap_or_default() == code
        };
        let all: Vec<Value> = lines
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        let last = all.iter().rfind(|event| of_code(event));
        let last = last.with_context(|| format!("the engine told no {filter}"))?;
        last["timeNano"].as_i64().context("an event without a time")
    }
}

/// A port of 127.0.0.1 that nobody has at the moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn span(from: i64, to: i64) -> Result<Duration> {
    let nanos = u64::try_from(to - from).context("the end is older than the beginning")?;
    Ok(Duration::from_nanos(nanos))
}

impl Drop for Stack {
    fn drop(&mut self) {
        remove(&self.project);
    }
}

/// Containers and networks of a project, and the images that refit kept for it.
fn remove(project: &str) {
    let quiet = |args: &[&str]| {
        let mut command = Command::new("docker");
        command.args(args).stdin(Stdio::null()).output()
    };
    let down = [
        "compose",
        "-p",
        project,
        "down",
        "--volumes",
        "--rmi",
        "local",
        "--timeout",
        "0",
    ];
    let _ = quiet(&down);
    let list = [
        "image",
        "ls",
        "--format",
        "{{.Repository}}:{{.Tag}}",
        "refit-kept",
    ];
    let Ok(kept) = quiet(&list) else { return };
    let prefix = format!("refit-kept:{project}-");
    for name in String::from_utf8_lossy(&kept.stdout).lines() {
        if name.starts_with(&prefix) {
            let _ = quiet(&["image", "rm", name]);
        }
    }
}
