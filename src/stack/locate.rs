//! Which stack is meant: the compose files, the project's name, its env files and profiles. The
//! rules are Compose's own; added is that a project which runs from this folder gives its own name
//! and files, so that refit edits the stack that runs.

use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use crate::complaint::{Code, Complaint};
use crate::docker::compose::ProjectArgs;
use crate::docker::container::{Container, label};
use crate::edit::dotenv::{Dotenv, Format};
use crate::host::files;
use crate::stack::side::{FileEdit, Side};

const NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// What the person said; the words are Compose's options.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "Compose's own option names")]
pub(crate) struct LocateRequest {
    pub directory: Option<PathBuf>,
    pub files: Vec<PathBuf>,
    pub project_name: Option<String>,
    pub env_files: Vec<PathBuf>,
    pub profiles: Vec<String>,
    pub project_directory: Option<PathBuf>,
}

/// Why no stack was found.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each message says it")]
pub enum LocateError {
    #[error("no folder {0}")]
    NoDirectory(PathBuf),
    #[error("no compose file in {0} or the folders above it")]
    NoComposeFile(PathBuf),
    #[error("no file {0}")]
    MissingFile(PathBuf),
    #[error("a compose file from standard input cannot be changed")]
    Stdin,
    #[error("{} projects run from {directory}: {}", names.len(), names.join(", "))]
    Ambiguous {
        directory: PathBuf,
        names: Vec<String>,
    },
    #[error("{path} is {what}, not a regular file")]
    NotRegular { path: PathBuf, what: &'static str },
    #[error("{0}")]
    Unreadable(String),
}

impl From<LocateError> for Complaint {
    fn from(error: LocateError) -> Self {
        let text = error.to_string();
        match error {
            LocateError::NoDirectory(_) => Self::new(Code::NoDirectory, text)
                .hint("check what -C or --project-directory names"),
            LocateError::NoComposeFile(_) => Self::new(Code::NoComposeFile, text)
                .hint("go to the folder of the stack, or name it: refit -C DIR … or -f FILE"),
            LocateError::MissingFile(_) => Self::new(Code::NoComposeFile, text).hint(
                "check -f, COMPOSE_FILE and --env-file; paths are relative to the current folder",
            ),
            LocateError::Stdin => {
                Self::new(Code::ComposeFromStdin, text).hint("name a file with -f")
            }
            LocateError::Ambiguous { .. } => {
                Self::new(Code::AmbiguousProject, text).hint("choose one with -p NAME")
            }
            LocateError::NotRegular { .. } => {
                Self::new(Code::NotAFile, text).hint("put a file there, or name another one")
            }
            LocateError::Unreadable(_) => Self::new(Code::Io, text),
        }
    }
}

/// The stack that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Located {
    /// What Compose is to be told; `name` is empty where Compose decides it.
    pub args: ProjectArgs,
    /// What the person should know about the choice.
    pub notes: Vec<String>,
    /// Where the person is, after `-C`.
    pub here: PathBuf,
    /// Compose finds these files by itself, so it would load an override file beside them as well.
    pub by_default: bool,
    /// What the person said.
    request: LocateRequest,
}

/// The disk as it is with edits that are not written yet.
#[derive(Debug, Clone, Copy)]
struct Disk<'a> {
    edits: &'a [FileEdit],
}

impl Disk<'_> {
    /// As it is.
    const PRESENT: Disk<'static> = Disk { edits: &[] };

    fn edited(&self, path: &Path) -> Option<&Side> {
        let path = lexical(path);
        let edit = self.edits.iter().find(|edit| edit.path == path);
        edit.map(|edit| &edit.after)
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        match self.edited(path) {
            Some(Side::Text(text)) => Some(text.bytes.clone()),
            Some(Side::Absent) => None,
            Some(Side::Unknown(_)) | None => files::read_if_exists(path).ok().flatten(),
        }
    }

    fn has(&self, path: &Path) -> bool {
        match self.edited(path) {
            Some(Side::Text(_)) => true,
            Some(Side::Absent) => false,
            Some(Side::Unknown(_)) | None => path.exists(),
        }
    }

    /// The files that Compose loads by itself from a folder: one, and its override.
    fn default_files(&self, folder: &Path) -> Vec<PathBuf> {
        let first = |names: &[&str]| {
            names
                .iter()
                .map(|name| folder.join(name))
                // Whatever lies there, Compose opens it.
                .find(|file| self.has(file) && !file.is_dir())
        };
        match first(&NAMES) {
            Some(main) => [Some(main), first(&OVERRIDES)]
                .into_iter()
                .flatten()
                .collect(),
            None => Vec::new(),
        }
    }

    /// Absolute, under the name that the person gave it.
    fn absolute(&self, file: &Path) -> Result<PathBuf, LocateError> {
        match self.has(file) {
            true => Ok(lexical(file)),
            false => Err(LocateError::MissingFile(file.to_owned())),
        }
    }
}

impl Located {
    /// What Compose is to be told by its own rules, without a look at what runs, once these edits are
    /// written: they may bring or take away files that it loads, or name others in `.env`.
    ///
    /// # Errors
    /// There would be no such stack.
    pub(crate) fn by_rules(&self, edits: &[FileEdit]) -> Result<ProjectArgs, LocateError> {
        Ok(locate_on(&self.request, &[], Disk { edits })?.args)
    }

    /// Whether the person says at the terminal which project is meant.
    pub(crate) fn is_project_given(&self) -> bool {
        let of_shell = std::env::var_os("COMPOSE_PROJECT_NAME");
        self.request.project_name.is_some() || of_shell.is_some_and(|name| !name.is_empty())
    }

    /// The override file that Compose would load by itself, were it there.
    pub(crate) fn default_override(&self) -> Option<PathBuf> {
        default_override(&self.args.files).filter(|_| self.by_default)
    }

    /// Every override file that Compose would load by itself, were it there.
    pub(crate) fn default_overrides(&self) -> Vec<PathBuf> {
        let folder = self.args.files.first().and_then(|file| file.parent());
        let folder = folder.filter(|_| self.by_default).into_iter();
        folder
            .flat_map(|folder| OVERRIDES.map(|name| folder.join(name)))
            .collect()
    }

    /// Compose would wait for somebody to write a named pipe, and refit reads each file several times.
    fn only_regular_files(&self) -> Result<(), LocateError> {
        let nothing = Path::new("/dev/null");
        let env_files = self.env_files();
        let read = self.args.files.iter().chain(&env_files);
        for path in read.filter(|path| *path != nothing) {
            if let Some(what) = files::special(path) {
                let path = path.clone();
                return Err(LocateError::NotRegular { path, what });
            }
        }
        Ok(())
    }

    /// The env file that `set` without `-F` edits: the stack's first.
    pub(crate) fn first_env_file(&self) -> PathBuf {
        self.args
            .env_files
            .first()
            .cloned()
            .unwrap_or_else(|| self.args.directory.join(".env"))
    }

    /// The env files that Compose interpolates from, in order.
    pub(crate) fn env_files(&self) -> Vec<PathBuf> {
        if self.args.env_files.is_empty() {
            return vec![self.args.directory.join(".env")];
        }
        self.args.env_files.clone()
    }
}

/// The `COMPOSE_*` settings, from the process environment or else from `.env`.
struct ComposeVariables {
    dot_env: Vec<(String, Option<String>)>,
}

impl ComposeVariables {
    fn of(directory: &Path, disk: Disk<'_>) -> Self {
        let bytes = disk.read(&directory.join(".env"));
        // A file that cannot be read is reported by whoever needs it; here it names nothing.
        let dot_env = bytes
            .and_then(|bytes| Dotenv::parse(&bytes, Format::Compose).ok())
            .and_then(|file| file.read(&|name| std::env::var(name).ok()).ok())
            .unwrap_or_default();
        Self { dot_env }
    }

    fn get(&self, name: &str) -> Option<String> {
        let of_process = std::env::var(name).ok();
        let of_file = || self.dot_env.iter().rfind(|(key, _)| key == name)?.1.clone();
        of_process.or_else(of_file).filter(|text| !text.is_empty())
    }

    fn is_in_file(&self, name: &str) -> bool {
        self.dot_env.iter().any(|(key, _)| key == name)
    }

    fn paths(&self, name: &str, separator: &str, base: &Path) -> Option<Vec<PathBuf>> {
        let text = self.get(name)?;
        Some(
            text.split(separator)
                .filter(|one| !one.is_empty())
                .map(|one| base.join(one))
                .collect(),
        )
    }
}

/// Finds the stack.
///
/// `containers` are those of every project; empty where there is no engine.
///
/// # Errors
/// There is none, or more than one that fits.
pub(crate) fn locate(
    request: &LocateRequest,
    containers: &[Container],
) -> Result<Located, LocateError> {
    locate_on(request, containers, Disk::PRESENT)
}

fn locate_on(
    request: &LocateRequest,
    containers: &[Container],
    disk: Disk<'_>,
) -> Result<Located, LocateError> {
    let current = current_directory(request.directory.as_deref())?;
    if request.files.iter().any(|file| file.as_os_str() == "-") {
        return Err(LocateError::Stdin);
    }
    let project_directory = match &request.project_directory {
        Some(dir) => Some(directory(&current.join(dir))?),
        None => None,
    };
    let start = project_directory.clone().unwrap_or_else(|| current.clone());
    let settings = ComposeVariables::of(&start, disk);
    let name = request
        .project_name
        .clone()
        .or_else(|| settings.get("COMPOSE_PROJECT_NAME"));

    let mut found = find_files(
        request,
        &settings,
        &current,
        &start,
        name.as_deref(),
        containers,
        disk,
    )?;
    for file in &mut found.files {
        *file = disk.absolute(file)?;
    }
    let folder = project_directory.or(found.directory);
    let folder = folder.or_else(|| Some(found.files.first()?.parent()?.to_owned()));
    let folder = folder.ok_or_else(|| LocateError::NoComposeFile(current.clone()))?;

    let own = if folder == start {
        settings
    } else {
        ComposeVariables::of(&folder, disk)
    };
    let separator = ",";
    let mut env_files: Vec<PathBuf> = request.env_files.iter().map(|f| current.join(f)).collect();
    if env_files.is_empty() {
        env_files = own
            .paths("COMPOSE_ENV_FILES", separator, &current)
            .unwrap_or(found.env_files);
    }
    for file in &mut env_files {
        *file = disk.absolute(file)?;
    }
    let profiles = if request.profiles.is_empty() {
        own.get("COMPOSE_PROFILES")
            .map(|text| text.split(',').map(|one| one.trim().to_owned()).collect())
            .unwrap_or_default()
    } else {
        request.profiles.clone()
    };
    let name = name
        .or(found.name)
        .or_else(|| own.get("COMPOSE_PROJECT_NAME"));
    let args = ProjectArgs {
        files: found.files,
        name,
        env_files,
        profiles,
        directory: folder,
    };
    let located = Located {
        args,
        notes: found.notes,
        by_default: found.by_default,
        here: current,
        request: request.clone(),
    };
    located.only_regular_files()?;
    Ok(located)
}

#[derive(Default)]
struct FoundFiles {
    files: Vec<PathBuf>,
    name: Option<String>,
    env_files: Vec<PathBuf>,
    directory: Option<PathBuf>,
    notes: Vec<String>,
    by_default: bool,
}

fn find_files(
    request: &LocateRequest,
    settings: &ComposeVariables,
    current: &Path,
    start: &Path,
    name: Option<&str>,
    containers: &[Container],
    disk: Disk<'_>,
) -> Result<FoundFiles, LocateError> {
    if !request.files.is_empty() {
        let files = request
            .files
            .iter()
            .map(|file| current.join(file))
            .collect();
        return Ok(FoundFiles {
            files,
            ..FoundFiles::default()
        });
    }
    let separator = settings
        .get("COMPOSE_PATH_SEPARATOR")
        .unwrap_or_else(|| ":".into());
    let base = if settings.is_in_file("COMPOSE_FILE") && std::env::var_os("COMPOSE_FILE").is_none()
    {
        start
    } else {
        current
    };
    if let Some(files) = settings.paths("COMPOSE_FILE", &separator, base) {
        // The files are named, the project is the one that runs here all the same.
        let running = running_from(start, name, containers)?;
        return Ok(FoundFiles {
            files,
            name: running.map(|project| project.name),
            ..FoundFiles::default()
        });
    }
    for folder in start.ancestors() {
        let default = disk.default_files(folder);
        if let Some(project) = running_from(folder, name, containers)? {
            return Ok(of_running(&project, folder, default));
        }
        if !default.is_empty() {
            return Ok(FoundFiles {
                files: default,
                by_default: true,
                ..FoundFiles::default()
            });
        }
    }
    if let Some(project) = name.and_then(|name| RunningProject::of_name(name, containers)) {
        let folder = project.directory.clone();
        return Ok(of_running(&project, &folder, disk.default_files(&folder)));
    }
    Err(LocateError::NoComposeFile(start.to_owned()))
}

/// A project as the labels of its containers describe it.
#[derive(Debug, PartialEq, Eq)]
struct RunningProject {
    name: String,
    directory: PathBuf,
    files: Vec<PathBuf>,
    env_files: Vec<PathBuf>,
}

impl RunningProject {
    fn of(container: &Container) -> Option<Self> {
        let list = |key: &str| {
            container
                .labels
                .get(key)
                .map(|text| {
                    text.split(',')
                        .filter(|one| !one.is_empty())
                        .map(PathBuf::from)
                        .collect()
                })
                .unwrap_or_default()
        };
        if container.oneoff {
            return None;
        }
        Some(Self {
            name: container.project.clone(),
            directory: container.labels.get(label::WORKING_DIR)?.into(),
            files: list(label::CONFIG_FILES),
            env_files: list(label::ENV_FILES),
        })
    }

    fn of_name(name: &str, containers: &[Container]) -> Option<Self> {
        newest_first(containers)
            .filter_map(Self::of)
            .find(|project| project.name == name)
    }
}

/// The newest container knows the file list that is in force.
fn newest_first(containers: &[Container]) -> impl Iterator<Item = &Container> {
    let mut all: Vec<&Container> = containers.iter().collect();
    all.sort_by_key(|container| std::cmp::Reverse(container.created));
    all.into_iter()
}

fn running_from(
    folder: &Path,
    name: Option<&str>,
    containers: &[Container],
) -> Result<Option<RunningProject>, LocateError> {
    let mut projects: Vec<RunningProject> = Vec::new();
    for project in newest_first(containers).filter_map(RunningProject::of) {
        let wanted =
            same_folder(&project.directory, folder) && name.is_none_or(|name| name == project.name);
        if wanted && projects.iter().all(|known| known.name != project.name) {
            projects.push(project);
        }
    }
    if projects.len() > 1 {
        let mut names: Vec<String> = projects.into_iter().map(|project| project.name).collect();
        names.sort();
        return Err(LocateError::Ambiguous {
            directory: folder.to_owned(),
            names,
        });
    }
    Ok(projects.pop())
}

/// The running project's own files, unless Compose would find them by itself today: then what it
/// would find counts, so that an override file made since the start is seen.
fn of_running(project: &RunningProject, folder: &Path, default: Vec<PathBuf>) -> FoundFiles {
    let mut notes = Vec::new();
    let missing: Vec<&PathBuf> = project
        .files
        .iter()
        .filter(|file| !file.is_file())
        .collect();
    let by_default = project.files.iter().all(|file| {
        file.parent()
            .is_some_and(|parent| same_folder(parent, folder))
            && file
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| NAMES.contains(&name) || OVERRIDES.contains(&name))
    });
    let by_default = by_default && !default.is_empty();
    let files = if by_default {
        default
    } else if missing.is_empty() && !project.files.is_empty() {
        project.files.clone()
    } else {
        for file in missing {
            notes.push(format!(
                "{} runs from {}, which is gone; using what Compose finds here",
                project.name,
                file.display()
            ));
        }
        default
    };
    let env_files = project
        .env_files
        .iter()
        .filter(|file| file.is_file())
        .cloned()
        .collect();
    FoundFiles {
        files,
        name: Some(project.name.clone()),
        env_files,
        directory: Some(project.directory.clone()),
        notes,
        by_default,
    }
}

/// The override file that Compose would load by itself beside this file, were it there.
fn default_override(files: &[PathBuf]) -> Option<PathBuf> {
    let [main] = files else { return None };
    let name = main.file_name()?.to_str()?;
    let index = NAMES.iter().position(|known| *known == name)?;
    // The same family and ending as the main file, as a person would name it.
    let wanted = ["compose.override.yaml", "compose.override.yml"];
    let wanted = match index {
        0 => wanted[0],
        1 => wanted[1],
        2 => "docker-compose.override.yml",
        _ => "docker-compose.override.yaml",
    };
    Some(main.with_file_name(wanted))
}

/// Whether two paths lead to the same folder.
pub(crate) fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || files::follow(a) == files::follow(b)
}

/// The folder that the person is in, under the name by which they went there: Compose names bind
/// sources after it, and another name of the same folder would look to it like another stack.
fn current_directory(wanted: Option<&Path>) -> Result<PathBuf, LocateError> {
    let here = std::env::current_dir().map_err(|error| {
        LocateError::Unreadable(format!("cannot tell the current folder: {error}"))
    })?;
    let named = std::env::var_os("PWD").map(PathBuf::from);
    let here = named
        .filter(|path| path.is_absolute() && same_folder(path, &here))
        .unwrap_or(here);
    match wanted {
        Some(dir) => directory(&here.join(dir)),
        None => Ok(here),
    }
}

fn directory(path: &Path) -> Result<PathBuf, LocateError> {
    if path.is_dir() {
        Ok(lexical(path))
    } else {
        Err(LocateError::NoDirectory(path.to_owned()))
    }
}

/// Without `.` and `..`, which Compose takes out of paths by their text alone.
pub(crate) fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => _ = clean.pop(),
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => clean.push(part),
        }
    }
    clean
}

/// A path relative to a folder where it lies in it, else whole.
pub(crate) fn shown(directory: &Path, path: &Path) -> String {
    path.strip_prefix(directory)
        .unwrap_or(path)
        .display()
        .to_string()
}

#[cfg(test)]
mod tests;
