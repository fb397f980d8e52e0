//! A machine that a real systemd runs: a container with systemd as its first process. The engine, the programs of
//! the tests and the stack are those of this machine, at places where an account without rights finds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::stack::TestStack;
use crate::stack::answer::Answer;
use crate::stack::engine::{docker, docker_command};

const IMAGE: &str = "refit-test/systemd:1";

/// An account of the image, who may use the engine.
pub(crate) const ANN: &str = "refit-ann";
pub(crate) const ANN_ID: u32 = 54321;

pub(crate) struct Machine {
    container: String,
    folder: PathBuf,
    env: Vec<(String, String)>,
}

/// A folder for a stack, where a service may be given a temporary folder of its own.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

impl Machine {
    /// Started, and done with starting. `None`, with a word about it, where this engine runs no systemd.
    pub(crate) fn start(stack: &TestStack) -> Option<Self> {
        let socket = match std::env::var("DOCKER_HOST") {
            Ok(host) => host.strip_prefix("unix://")?.to_owned(),
            Err(_) => "/var/run/docker.sock".to_owned(),
        };
        let mut args: Vec<String> = [
            "run",
            "--detach",
            "--rm",
            "--privileged",
            "--cgroupns=host",
            "--network",
            "host",
            "--volume",
            "/sys/fs/cgroup:/sys/fs/cgroup:rw",
            "--tmpfs",
            "/run",
            "--tmpfs",
            "/run/lock",
            "--env",
            "container=docker",
        ]
        .map(str::to_owned)
        .to_vec();
        let root = stack.beside("").display().to_string();
        let mut mounts = vec![
            (root.trim_end_matches('/').to_owned(), root.clone()),
            (socket, "/srv/docker.sock".to_owned()),
            (program("docker")?, "/usr/bin/docker".to_owned()),
            (
                env!("CARGO_BIN_EXE_refit").to_owned(),
                "/usr/local/bin/refit".to_owned(),
            ),
        ];
        let plugins = "{{range .ClientInfo.Plugins}}{{.Path}}\n{{end}}";
        for path in docker(&["info", "--format", plugins])
            .lines()
            .filter(|path| !path.is_empty())
        {
            let name = Path::new(path).file_name().unwrap().to_string_lossy();
            let at = format!("/usr/libexec/docker/cli-plugins/{name}");
            mounts.push((path.to_owned(), at));
        }
        for (from, to) in mounts {
            args.extend(["--volume".to_owned(), format!("{from}:{to}")]);
        }
        args.push(IMAGE.to_owned());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let env = [
            ("DOCKER_HOST", "unix:///srv/docker.sock".to_owned()),
            ("REFIT_STATE_HOME", stack.state().display().to_string()),
            ("HOME", stack.beside("home").display().to_string()),
            ("NO_COLOR", "1".to_owned()),
        ];
        let machine = Self {
            container: docker(&args).trim().to_owned(),
            folder: stack.folder(),
            env: env.map(|(key, value)| (key.to_owned(), value)).to_vec(),
        };
        let up = "until systemctl is-system-running --wait >/dev/null 2>&1; do
                [ \"$(systemctl is-system-running 2>/dev/null)\" != degraded ] || break
                n=$((n + 1)); [ $n -lt 600 ] || exit 1; sleep 0.05
            done; refit --version";
        let answer = machine.root(&["sh", "-c", up]);
        if answer.code != 0 {
            skipped!("this engine runs no systemd, or no program of this machine: {answer}");
            return None;
        }
        Some(machine)
    }

    fn run(&self, more: &[&str], words: &[&str]) -> Answer {
        let mut command: Command = docker_command();
        command.arg("exec").arg("--workdir").arg(&self.folder);
        for (key, value) in &self.env {
            command.arg("--env").arg(format!("{key}={value}"));
        }
        command.args(more).arg(&self.container).args(words);
        Answer::of(command, b"")
    }

    /// A command there as root.
    pub(crate) fn root(&self, words: &[&str]) -> Answer {
        self.run(&[], words)
    }

    /// A command there as the account, with its own systemd, where that runs.
    pub(crate) fn ann(&self, words: &[&str]) -> Answer {
        let runtime = format!("XDG_RUNTIME_DIR=/run/user/{ANN_ID}");
        self.run(&["--user", ANN, "--env", &runtime], words)
    }
}

/// Where the program of this name is.
fn program(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let mut all = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = all.find(|path| path.is_file())?;
    Some(found.canonicalize().ok()?.display().to_string())
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = docker_command()
            .args(["rm", "--force", "--volumes", &self.container])
            .output();
    }
}
