//! What there is at one moment: containers, networks, volumes, names of images, files, git.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::engine::{self, text};

/// Larger files are known by size and date.
const LARGE: u64 = 1 << 20;

pub(super) struct Snapshot {
    /// `None`: no engine answers.
    pub(super) containers: Option<BTreeMap<String, Seen>>,
    pub(super) networks: BTreeMap<String, Value>,
    pub(super) volumes: BTreeMap<String, Value>,
    /// Every name of an image that the engine has.
    pub(super) tags: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, String>,
    pub(super) git: BTreeMap<&'static str, String>,
}

/// A container, as far as it is a promise.
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) name: String,
    pub(super) started_at: String,
    pub(super) restarts: i64,
    /// What a container that takes its place has to have as well.
    pub(super) face: Value,
    pub(super) raw: Value,
}

impl Snapshot {
    pub(super) fn take(projects: &[String], folder: &Path, root: &Path) -> Self {
        let raw = engine::containers(projects);
        let is_there = raw.is_some();
        let by = |ask: fn(&[String]) -> BTreeMap<String, Value>| match is_there {
            true => ask(projects),
            false => BTreeMap::new(),
        };
        let containers = raw.map(seen);
        let mut files = BTreeMap::new();
        let skipped = written_by_containers(containers.as_ref(), folder);
        walk(folder, folder, &skipped, &mut files);
        Self {
            networks: by(engine::networks),
            volumes: by(engine::volumes),
            tags: if is_there {
                engine::tags()
            } else {
                BTreeMap::new()
            },
            git: git(folder, root),
            containers,
            files,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Seen)> {
        self.containers.iter().flatten()
    }

    pub(super) fn of_service<'a>(&'a self, service: &'a str) -> impl Iterator<Item = &'a Seen> {
        self.all()
            .map(|(_, seen)| seen)
            .filter(move |seen| seen.service == service)
    }

    /// The names of images that are this stack's business.
    pub(super) fn names(&self, project: &str) -> BTreeMap<String, String> {
        let used: Vec<&str> = self
            .all()
            .filter_map(|(_, seen)| seen.raw["Config"]["Image"].as_str())
            .collect();
        let ours = |name: &str| used.contains(&name) || name.starts_with(&format!("{project}-"));
        let tags = self.tags.iter().filter(|(name, _)| ours(name));
        tags.map(|(name, id)| (name.clone(), id.clone())).collect()
    }
}

/// By service and number; a second one of the same number is told by its name.
fn seen(raw: Vec<Value>) -> BTreeMap<String, Seen> {
    let services: BTreeMap<String, String> = raw
        .iter()
        .filter_map(|one| Some((text(&one["Id"])?, text(label(one, "service"))?)))
        .collect();
    let mut found = BTreeMap::new();
    for one in raw {
        let service = text(label(&one, "service")).unwrap_or_default();
        let number = text(label(&one, "container-number")).unwrap_or_default();
        let name = one["Name"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches('/');
        let mut key = format!("{service}/{number}");
        if found.contains_key(&key) || label(&one, "oneoff") == "True" {
            key = format!("{key} {name}");
        }
        let seen = Seen {
            id: text(&one["Id"]).unwrap_or_default(),
            name: name.to_owned(),
            started_at: text(&one["State"]["StartedAt"]).unwrap_or_default(),
            restarts: one["RestartCount"].as_i64().unwrap_or_default(),
            face: face(&one, &services),
            service,
            raw: one,
        };
        found.insert(key, seen);
    }
    found
}

pub(super) fn label<'a>(container: &'a Value, name: &str) -> &'a Value {
    &container["Config"]["Labels"][format!("com.docker.compose.{name}")]
}

fn face(one: &Value, services: &BTreeMap<String, String>) -> Value {
    let (config, host) = (&one["Config"], &one["HostConfig"]);
    let mut labels = config["Labels"].as_object().cloned().unwrap_or_default();
    // Names the container whose place it took.
    labels.remove("com.docker.compose.replace");
    // It holds the ID of the container whose namespace is used, and is another one with that (F82).
    let modes = ["NetworkMode", "PidMode", "IpcMode"].map(|field| host[field].as_str());
    let lives_in_another = |mode: &&str| mode.starts_with("container:");
    if modes.iter().flatten().any(lives_in_another) {
        labels.remove("com.docker.compose.config-hash");
    }
    let short = one["Id"]
        .as_str()
        .unwrap_or_default()
        .get(..12)
        .unwrap_or_default();
    let networks: Map<String, Value> = one["NetworkSettings"]["Networks"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, network)| {
            let mut aliases: Vec<&str> = network["Aliases"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .filter(|alias| *alias != short)
                .collect();
            aliases.sort_unstable();
            aliases.dedup();
            (
                name.clone(),
                json!({"aliases": aliases, "static": network["IPAMConfig"]}),
            )
        })
        .collect();
    // Somebody else's namespace is named by an ID, which changes with that container.
    let mode = |field: &str| {
        let mode = host[field].as_str().unwrap_or_default();
        let id = mode.strip_prefix("container:");
        id.and_then(|id| services.get(id))
            .map_or(mode.to_owned(), |name| format!("service:{name}"))
    };
    let mut mounts: Vec<String> = one["Mounts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|mount| {
            let from = mount["Name"].as_str().or(mount["Source"].as_str());
            format!(
                "{} {} {} {}",
                mount["Type"],
                from.unwrap_or_default(),
                mount["Destination"],
                mount["RW"]
            )
        })
        .collect();
    mounts.sort();
    json!({
        "name": one["Name"],
        "image": one["Image"],
        "image name": config["Image"],
        "env": sorted(&config["Env"]),
        "command": config["Cmd"],
        "entrypoint": config["Entrypoint"],
        "user": config["User"],
        "folder": config["WorkingDir"],
        "labels": labels,
        "restart": host["RestartPolicy"],
        "ports": host["PortBindings"],
        "network mode": mode("NetworkMode"),
        "pid mode": mode("PidMode"),
        "networks": networks,
        "mounts": mounts,
        "state": state(one),
    })
}

fn sorted(list: &Value) -> Value {
    let mut texts: Vec<&str> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    texts.sort_unstable();
    json!(texts)
}

/// What somebody sees who asks for the service. One that crashes again and again is up and down by turns.
fn state(one: &Value) -> &str {
    match one["State"]["Status"].as_str().unwrap_or_default() {
        "running" | "restarting" => "up",
        other => other,
    }
}

/// Folders of the stack that containers write to, such as a database's.
fn written_by_containers(
    containers: Option<&BTreeMap<String, Seen>>,
    folder: &Path,
) -> Vec<PathBuf> {
    let mounts = containers
        .into_iter()
        .flatten()
        .flat_map(|(_, seen)| seen.raw["Mounts"].as_array().into_iter().flatten());
    let writable = mounts.filter(|mount| mount["Type"] == "bind" && mount["RW"] == true);
    let sources = writable.filter_map(|mount| mount["Source"].as_str().map(PathBuf::from));
    sources
        .filter(|path| path.is_dir() && path != folder)
        .collect()
}

fn walk(top: &Path, folder: &Path, skipped: &[PathBuf], files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name() == ".git" || skipped.contains(&path) {
            continue;
        }
        let Ok(meta) = path.symlink_metadata() else {
            continue;
        };
        let name = path
            .strip_prefix(top)
            .unwrap_or(&path)
            .display()
            .to_string();
        let owner = format!("{:o} {}:{}", meta.mode() & 0o7777, meta.uid(), meta.gid());
        let content = if meta.is_symlink() {
            format!("→ {}", fs::read_link(&path).unwrap_or_default().display())
        } else if meta.is_dir() {
            walk(top, &path, skipped, files);
            format!("folder {owner}")
        } else if !meta.is_file() {
            format!("special {owner}")
        } else if meta.len() > LARGE {
            format!(
                "{owner} {} bytes of {}.{}",
                meta.len(),
                meta.mtime(),
                meta.mtime_nsec()
            )
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            format!("{owner} {}", String::from_utf8_lossy(&bytes))
        };
        files.insert(name, content);
    }
}

/// What a person sees of a checkout. Refs of remotes and tags come with every fetch.
fn git(folder: &Path, root: &Path) -> BTreeMap<&'static str, String> {
    let mut above = folder.ancestors().take_while(|path| path.starts_with(root));
    let Some(top) = above.find(|path| path.join(".git").exists()) else {
        return BTreeMap::new();
    };
    let ask = |words: &[&str]| {
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command
            .args(["-c", "safe.directory=*", "-c", "core.fsmonitor=false"])
            .args(words)
            .current_dir(top)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", "/nonexistent");
        let output = command.output();
        output
            .map(|out| String::from_utf8_lossy(&out.stdout).into_owned())
            .unwrap_or_default()
    };
    let head = ask(&["rev-parse", "--symbolic-full-name", "HEAD"]);
    BTreeMap::from([
        ("HEAD", head + &ask(&["rev-parse", "HEAD"])),
        (
            "branches",
            ask(&["for-each-ref", "refs/heads", "refs/stash"]),
        ),
        ("index", ask(&["ls-files", "--stage"])),
        (
            "status",
            ask(&["status", "--porcelain", "--untracked-files=all"]),
        ),
    ])
}
