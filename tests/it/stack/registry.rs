//! A registry of the test's own, as a container on a loopback port that the engine chooses: such a
//! registry needs no certificate. It and every image that went through it are gone after the test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::BUSYBOX;
use super::answer::Answer;
use super::engine::{self, docker, docker_command};

const IMAGE: &str = "refit-test/registry:1";

/// By this label the images of a registry are found again, whatever their names are by then.
const LABEL: &str = "refit.test.registry";

pub(crate) struct Registry {
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
    container: String,
    /// A folder like `~/.docker`, with the login where one is needed.
    pub(crate) config: TempDir,
}

impl Registry {
    /// One that is open to everybody. `None`, with a word about it, where there is no engine.
    ///
    /// To be made before the stacks that use its images: what is used cannot be removed.
    pub(crate) fn start() -> Option<Self> {
        Self::run(0, &[], |_| String::from("{}"))
    }

    /// One that wants the login in `config`.
    pub(crate) fn with_password() -> Option<Self> {
        Self::with_password_at(0)
    }

    /// The same on a port that it has again when it is started again; 0: the engine chooses.
    pub(crate) fn with_password_at(port: u16) -> Option<Self> {
        // A registry whose list of users is missing makes one, and tells the password in its log.
        let env = [
            "REGISTRY_AUTH=htpasswd",
            "REGISTRY_AUTH_HTPASSWD_REALM=test",
            "REGISTRY_AUTH_HTPASSWD_PATH=/tmp/htpasswd",
        ];
        Self::run(port, &env, |log| {
            let field = |name: &str| {
                let (_, rest) = log.split_once(name).expect("no user in the log");
                rest.split_whitespace().next().unwrap().to_owned()
            };
            let pair = format!("{}:{}", field(" user="), field(" password="));
            let auth = base64::engine::general_purpose::STANDARD.encode(pair);
            format!(r#"{{"auths": {{"ADDRESS": {{"auth": "{auth}"}}}}}}"#)
        })
    }

    fn run(port: u16, env: &[&str], config: impl Fn(&str) -> String) -> Option<Self> {
        if !engine::answers() {
            return None;
        }
        let published = match port {
            0 => "127.0.0.1::5000".to_owned(),
            port => format!("127.0.0.1:{port}:5000"),
        };
        let mut args = vec!["run", "-d", "-p", &published];
        for variable in env {
            args.extend(["-e", variable]);
        }
        args.push(IMAGE);
        let mut registry = Self {
            address: String::new(),
            container: docker(&args).trim().to_owned(),
            config: tempfile::tempdir().unwrap(),
        };
        let ports = docker(&["port", &registry.container, "5000"]);
        registry.address = ports.lines().next().unwrap().to_owned();
        let text = config(&registry.log_until_it_listens()).replace("ADDRESS", &registry.address);
        std::fs::write(registry.config.path().join("config.json"), text).unwrap();
        Some(registry)
    }

    fn log_until_it_listens(&self) -> String {
        let mut command = docker_command();
        // Of this start of it.
        let since = docker(&[
            "inspect",
            "--format",
            "{{.State.StartedAt}}",
            &self.container,
        ]);
        command.args(["logs", "--follow", "--since", since.trim()]);
        command.arg(&self.container);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut follower = command.spawn().unwrap();
        let mut log = String::new();
        for line in BufReader::new(follower.stderr.take().unwrap()).lines() {
            log.push_str(&line.unwrap());
            log.push('\n');
            if log.contains("listening on") {
                break;
            }
        }
        let _ = follower.kill();
        let _ = follower.wait();
        assert!(log.contains("listening on"), "the registry ended:\n{log}");
        log
    }

    /// The name of an image in this registry.
    pub(crate) fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }

    /// Gives the registry a new image of this name: the shell, `/version` with this text, and
    /// `bytes` of noise. The engine keeps what it had under the name. Returns the digest.
    #[track_caller]
    pub(crate) fn push(&self, image: &str, version: &str, bytes: u32) -> String {
        self.push_with(image, version, bytes, &[])
    }

    /// The same with lines of a Dockerfile, such as `ENV KEY=value`.
    #[track_caller]
    pub(crate) fn push_with(
        &self,
        image: &str,
        version: &str,
        bytes: u32,
        lines: &[&str],
    ) -> String {
        let name = self.name(image);
        let old = self.local_id(&name);
        let script = format!("echo {version} > /version; head -c {bytes} /dev/urandom > /noise");
        let run = [
            "run",
            "-d",
            "--network",
            "none",
            BUSYBOX,
            "sh",
            "-c",
            &script,
        ];
        let container = docker(&run).trim().to_owned();
        docker(&["wait", &container]);
        let label = format!("LABEL {LABEL}={}", self.address);
        let commit = [
            "commit",
            "--change",
            &label,
            "--change",
            "CMD [\"sleep\", \"infinity\"]",
        ];
        let lines: Vec<&str> = lines.iter().flat_map(|line| ["--change", line]).collect();
        docker(&[&commit[..], &lines[..], &[&container, &name]].concat());
        docker(&["rm", &container]);
        self.hand_over(&name, old)
    }

    /// Gives the registry this image under another name, with lines of a Dockerfile. The engine keeps what it
    /// had under the name.
    #[track_caller]
    pub(crate) fn push_of(&self, image: &str, from: &str, lines: &[&str]) -> String {
        let name = self.name(image);
        let old = self.local_id(&name);
        let folder = tempfile::tempdir().unwrap();
        let head = [
            format!("FROM {from}"),
            format!("LABEL {LABEL}={}", self.address),
        ];
        let text = [&head.each_ref().map(String::as_str), lines].concat();
        std::fs::write(folder.path().join("Dockerfile"), text.join("\n")).unwrap();
        let context = folder.path().to_string_lossy();
        docker(&["build", "--quiet", "--tag", &name, &context]);
        self.hand_over(&name, old)
    }

    /// Pushes what a name means, and gives the name back to what it meant before. Returns the digest.
    #[track_caller]
    fn hand_over(&self, name: &str, old: Option<String>) -> String {
        let config = self.config.path().to_string_lossy();
        docker(&["--config", &config, "push", "--quiet", name]);
        let digests = docker(&["inspect", "--format", "{{join .RepoDigests \"\\n\"}}", name]);
        let (_, digest) = digests.trim().rsplit_once('@').expect("no digest");
        docker(&["image", "rm", name]);
        if let Some(old) = old {
            docker(&["tag", &old, name]);
        }
        digest.to_owned()
    }

    /// Gives the registry an image of this name for another machine.
    #[track_caller]
    pub(crate) fn push_for(&self, image: &str, platform: &str) {
        let name = self.name(image);
        let old = self.local_id(&name);
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "FROM scratch\nLABEL {LABEL}={}\nCOPY Dockerfile /version\nCMD [\"/version\"]\n",
            self.address
        );
        std::fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let context = folder.path().to_string_lossy();
        docker(&[
            "build",
            "--quiet",
            "--platform",
            platform,
            "--tag",
            &name,
            &context,
        ]);
        self.hand_over(&name, old);
    }

    /// Makes a tag an index of manifests that the repository has, each for an architecture. Returns its
    /// digest.
    #[track_caller]
    pub(crate) fn push_index(&self, repository: &str, tag: &str, of: &[(&str, &str)]) -> String {
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        let manifests: Vec<Value> = of
            .iter()
            .map(|(architecture, digest)| {
                let path = format!("/v2/{repository}/manifests/{digest}");
                let manifest = self.http("GET", &path, &format!("Accept: {kind}"), "");
                let (_, body) = manifest.split_once("\r\n\r\n").unwrap();
                json!({"mediaType": kind, "digest": digest, "size": body.len(),
                    "platform": {"os": "linux", "architecture": architecture}})
            })
            .collect();
        let kind = "application/vnd.docker.distribution.manifest.list.v2+json";
        let index = json!({"schemaVersion": 2, "mediaType": kind, "manifests": manifests});
        let path = format!("/v2/{repository}/manifests/{tag}");
        let head = format!("Content-Type: {kind}");
        let answer = self.http("PUT", &path, &head, &index.to_string());
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        let digest = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("docker-content-digest")
                .then(|| value.trim())
        });
        digest.unwrap().to_owned()
    }

    #[track_caller]
    fn http(&self, method: &str, path: &str, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let (address, length) = (&self.address, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{head}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What the engine has under a name.
    pub(crate) fn local_id(&self, name: &str) -> Option<String> {
        let mut command = docker_command();
        command.args(["image", "inspect", "--format", "{{.Id}}", name]);
        let answer = Answer::of(command, b"");
        (answer.code == 0).then(|| answer.stdout.trim().to_owned())
    }

    /// What it was asked for, a line for each request.
    pub(crate) fn log(&self) -> String {
        let mut command = docker_command();
        command.args(["logs", &self.container]);
        let answer = Answer::of(command, b"");
        answer.stdout + &answer.stderr
    }

    /// Nobody answers at its address any more.
    pub(crate) fn stop(&self) {
        docker(&["stop", &self.container]);
    }

    /// It does not know a tag any more, such as `1` of `team/app`.
    pub(crate) fn forget(&self, repository: &str, tag: &str) {
        let repositories = "/var/lib/registry/docker/registry/v2/repositories";
        let folder = format!("{repositories}/{repository}/_manifests/tags/{tag}");
        docker(&["exec", &self.container, "rm", "-r", &folder]);
    }

    /// It answers again, where it was before.
    pub(crate) fn start_again(&self) {
        docker(&["start", &self.container]);
        self.log_until_it_listens();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let quietly = |args: &[&str]| {
            let mut command = docker_command();
            command.args(args);
            Answer::of(command, b"").stdout
        };
        quietly(&["rm", "--force", "--volumes", &self.container]);
        let label = format!("label={LABEL}={}", self.address);
        let found = quietly(&["image", "ls", "-aq", "--no-trunc", "--filter", &label]);
        for id in found.lines() {
            quietly(&["image", "rm", "--force", id]);
        }
    }
}
