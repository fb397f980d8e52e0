//! What the files say, by `docker compose config`, beside what the containers are.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::compare::{
    environment, image, list, mounts, networks, plain, ports, shares, stale_files, texts,
};
use super::engine::text;
use super::snapshot::{Seen, Snapshot, label};

/// The options of a call that decide what Compose reads, as far as they stand before Compose's own.
const WITH_VALUE: [&str; 9] = [
    "-f",
    "--file",
    "-p",
    "--project-name",
    "--env-file",
    "--profile",
    "--project-directory",
    "-C",
    "--directory",
];

/// Files that Compose finds by itself.
const DEFAULTS: [&str; 8] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

pub(super) struct Model {
    services: BTreeMap<String, Value>,
    hashes: BTreeMap<String, String>,
    raw: Value,
}

/// Which containers of a service are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    All,
    /// Those that run: of a service that is stopped nobody says that it is as the files say.
    Up,
}

/// How to ask Compose about the stack of a call.
pub(super) struct Asking {
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(OsString, Option<OsString>)>,
    pub(super) folder: PathBuf,
    /// The project of the test.
    pub(super) project: String,
}

impl Asking {
    /// Where the call goes first.
    pub(super) fn directory(&self) -> PathBuf {
        let after = |option: &str| {
            let at = self.args.iter().position(|word| word == option)?;
            self.args.get(at + 1)
        };
        let named = after("-C").or_else(|| after("--directory"));
        named.map_or(self.folder.clone(), |name| self.folder.join(name))
    }

    /// Compose's words for this call; `profiles` says whether all of them count.
    fn command(&self, after: &Snapshot) -> Command {
        let mut command = compose();
        let mut folder = self.folder.clone();
        let mut files = false;
        let mut name = false;
        let mut env_files = self
            .env
            .iter()
            .any(|(key, value)| key == "COMPOSE_ENV_FILES" && value.is_some());
        let mut own = Vec::new();
        let mut words = self.args.iter().peekable();
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => {
                    (option.to_owned(), Some(value.to_owned()))
                }
                _ => (word.clone(), None),
            };
            if !WITH_VALUE.contains(&option.as_str()) {
                continue;
            }
            let Some(value) = value.or_else(|| words.next().cloned()) else {
                break;
            };
            match option.as_str() {
                "-C" | "--directory" => folder = folder.join(value),
                "-p" | "--project-name" => {
                    name = true;
                    own.extend(["-p".to_owned(), value]);
                }
                "-f" | "--file" => {
                    files = true;
                    own.extend(["-f".to_owned(), value]);
                }
                other => {
                    env_files |= other == "--env-file";
                    own.extend([option, value]);
                }
            }
        }
        for (key, value) in &self.env {
            let kept = [
                "PATH",
                "HOME",
                "TMPDIR",
                "DOCKER_HOST",
                "DOCKER_CONTEXT",
                "DOCKER_CONFIG",
                "FAILPOINTS",
            ];
            if kept.iter().any(|kept| key == kept) {
                continue;
            }
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        let told = self
            .env
            .iter()
            .any(|(key, value)| key == "COMPOSE_FILE" && value.is_some());
        let dotenv = std::fs::read_to_string(folder.join(".env")).unwrap_or_default();
        let chosen = own
            .iter()
            .position(|word| word == "-p")
            .map(|at| own[at + 1].clone());
        let newest = newest(after, &folder, chosen.as_deref());
        if !files && !told && !dotenv.contains("COMPOSE_FILE=") {
            own.extend(running_files(newest, &folder));
        }
        if !env_files {
            own.extend(running_env_files(newest, &folder));
        }
        if !name && !dotenv.contains("COMPOSE_PROJECT_NAME=") {
            let name = newest.and_then(|seen| text(label(&seen.raw, "project")));
            own.extend(name.into_iter().flat_map(|name| ["-p".to_owned(), name]));
        }
        command.args(own).current_dir(folder);
        command
    }

    /// What the files say now; `Err`: Compose's own words.
    pub(super) fn model(&self, after: &Snapshot) -> Result<Model, String> {
        let config = run(
            self.command(after).args(["config", "--format", "json"]),
            b"",
        )?;
        let raw: Value = serde_json::from_str(&config).map_err(|error| error.to_string())?;
        // The label of a container is the hash of the resolved model, env files and all.
        let file =
            tempfile::NamedTempFile::with_suffix(".json").map_err(|error| error.to_string())?;
        std::fs::write(file.path(), &config).map_err(|error| error.to_string())?;
        let mut hash = compose();
        hash.arg("-f")
            .arg(file.path())
            .arg("--project-directory")
            .arg(&self.folder);
        if let Some(name) = raw["name"].as_str() {
            hash.args(["-p", name]);
        }
        let hashes = run(
            hash.args(["config", "--hash", "*"])
                .current_dir(&self.folder),
            b"",
        )?;
        let hashes = hashes.lines().filter_map(|line| line.split_once(' '));
        let services = raw["services"].as_object().cloned().unwrap_or_default();
        Ok(Model {
            services: services.into_iter().collect(),
            hashes: hashes
                .map(|(name, hash)| (name.to_owned(), hash.trim().to_owned()))
                .collect(),
            raw,
        })
    }

    /// The value of a key in an env file, as Compose reads it.
    pub(super) fn env_file(&self, file: &Path) -> Result<BTreeMap<String, String>, String> {
        let path = serde_json::to_string(&file.display().to_string()).unwrap_or_default();
        let page =
            format!("{{\"services\": {{\"x\": {{\"image\": \"x\", \"env_file\": [{path}]}}}}}}");
        let mut command = compose();
        command.args(["-f", "-", "-p", "witness", "config", "--format", "json"]);
        let config = run(command.current_dir("/"), page.as_bytes())?;
        let raw: Value = serde_json::from_str(&config).map_err(|error| error.to_string())?;
        let read = raw["services"]["x"]["environment"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        Ok(read
            .into_iter()
            .map(|(key, value)| (key, plain(&value)))
            .collect())
    }
}

/// The plug-in itself where it lies in the engine's settings: that saves the start of a docker CLI.
fn compose() -> Command {
    let config = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let plugin = config.map(|config| config.join("cli-plugins/docker-compose"));
    let mut command = match plugin.filter(|plugin| plugin.exists()) {
        Some(plugin) => Command::new(plugin),
        None => {
            let mut command = Command::new("docker");
            command.arg("compose");
            command
        }
    };
    crate::stack::engine::plain_environment(&mut command);
    command
}

fn run(command: &mut Command, input: &[u8]) -> Result<String, String> {
    use std::io::Write as _;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(input);
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// The container of the newest definition.
fn newest<'a>(after: &'a Snapshot, folder: &Path, project: Option<&str>) -> Option<&'a Seen> {
    let here = folder.canonicalize().unwrap_or_default();
    let seen = after.all().map(|(_, seen)| seen);
    let ours = seen.filter(|seen| {
        let directory = label(&seen.raw, "project.working_dir").as_str();
        let name = label(&seen.raw, "project").as_str();
        directory.is_some_and(|dir| Path::new(dir) == here)
            && project.is_none_or(|one| name == Some(one))
    });
    ours.max_by_key(|seen| text(&seen.raw["Created"]))
}

/// The files that the containers say they come from, where Compose would not find just those.
fn running_files(newest: Option<&Seen>, folder: &Path) -> Vec<String> {
    let files = newest.and_then(|seen| text(label(&seen.raw, "project.config_files")));
    let here = folder.canonicalize().unwrap_or_default();
    let is_default = |file: &str| {
        let path = Path::new(file);
        let name = path.file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| DEFAULTS.contains(&name)) && path.parent() == Some(&here)
    };
    let files = files.unwrap_or_default();
    let files: Vec<&str> = files.split(',').filter(|file| !file.is_empty()).collect();
    let is_found = files.iter().all(|file| is_default(file));
    if is_found || !files.iter().all(|file| Path::new(file).exists()) {
        return Vec::new();
    }
    let pairs = files
        .iter()
        .map(|file| ["-f".to_owned(), (*file).to_owned()]);
    pairs.flatten().collect()
}

fn running_env_files(newest: Option<&Seen>, folder: &Path) -> Vec<String> {
    let files = newest.and_then(|seen| text(label(&seen.raw, "project.environment_file")));
    let own = folder.canonicalize().unwrap_or_default().join(".env");
    let files = files.unwrap_or_default();
    let others = files
        .split(',')
        .filter(|file| !file.is_empty() && Path::new(file) != own);
    let pairs = others
        .filter(|file| Path::new(file).exists())
        .map(|file| ["--env-file".to_owned(), file.to_owned()]);
    pairs.flatten().collect()
}

impl Model {
    pub(super) fn services(&self) -> impl Iterator<Item = &String> {
        self.services.keys()
    }

    /// How many containers the files want of a service.
    fn replicas(&self, service: &str) -> u64 {
        let defined = &self.services[service];
        let scale = defined["scale"].as_u64();
        scale
            .or(defined["deploy"]["replicas"].as_u64())
            .unwrap_or(1)
    }

    /// What `up -d` would do to a service that has containers, or what it has otherwise than the
    /// files say: each thing in a sentence.
    pub(super) fn differences(
        &self,
        service: &str,
        now: &Snapshot,
        counted: Counted,
    ) -> Vec<String> {
        let Some(defined) = self.services.get(service) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        let here: Vec<&Seen> = now
            .of_service(service)
            .filter(|seen| label(&seen.raw, "oneoff") != "True")
            .filter(|seen| *label(&seen.raw, "project") == self.raw["name"])
            .collect();
        let is_counted = |seen: &&Seen| counted == Counted::All || seen.face["state"] == "up";
        let (wanted, count) = (self.replicas(service), here.len() as u64);
        let here: Vec<&Seen> = here.into_iter().filter(is_counted).collect();
        if wanted != count && (counted == Counted::All || !here.is_empty()) {
            found.push(format!(
                "{service}: the files say {wanted} containers, there are {count}"
            ));
        }
        for seen in here {
            let mut say = |text: String| found.push(format!("{}: {text}", seen.name));
            self.compare(service, defined, seen, now, &mut say);
        }
        found
    }

    fn compare(
        &self,
        service: &str,
        defined: &Value,
        seen: &Seen,
        now: &Snapshot,
        say: &mut impl FnMut(String),
    ) {
        let raw = &seen.raw;
        image(self.raw["name"].as_str(), service, defined, raw, now, say);
        environment(defined, raw, say);
        for (key, field) in [("command", "Cmd"), ("entrypoint", "Entrypoint")] {
            let wanted = list(&defined[key]);
            let has = texts(&raw["Config"][field]);
            if !defined[key].is_null() && wanted != has {
                say(format!("{key} is {has:?}, the files say {wanted:?}"));
            }
        }
        mounts(defined, raw, &self.raw, say);
        stale_files(raw, say);
        ports(defined, raw, say);
        networks(defined, raw, &self.raw, service, say);
        let policy = raw["HostConfig"]["RestartPolicy"]["Name"]
            .as_str()
            .unwrap_or_default();
        if let Some(wanted) = defined["restart"].as_str()
            && wanted.split(':').next() != Some(policy)
        {
            say(format!(
                "the restart policy is {policy}, the files say {wanted}"
            ));
        }
        for (key, value) in defined["labels"].as_object().into_iter().flatten() {
            let has = raw["Config"]["Labels"][key].as_str();
            if has != Some(&plain(value)) {
                say(format!(
                    "label {key} is {has:?}, the files say {}",
                    plain(value)
                ));
            }
        }
        let hash = label(raw, "config-hash").as_str().unwrap_or_default();
        if let Some(wanted) = self.hashes.get(service)
            && wanted != hash
            && !shares(defined)
        {
            say("`docker compose up -d` would make it anew: its config-hash is not that of the files".to_owned());
        }
    }
}
