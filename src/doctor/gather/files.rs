//! What lies on disk: env files with whom they reach, mounted files, the application's own files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::examination::Examination;
use crate::assess::edits::format_of;
use crate::doctor::diagnosis::Coverage;
use crate::doctor::{BindMount, EnvLine, EnvText, MountSource, Reach};
use crate::edit::dotenv::Dotenv;
use crate::event::{Route, ServiceName};
use crate::host::files;
use crate::secret::{Redactor, Secret};
use crate::stack::application::Subject;
use crate::stack::drift::mounted::{self, MountedKind, SeenMount};
use crate::stack::locate::Located;
use crate::stack::model::Bind;
use crate::stack::variables::StackVariables;
use crate::stack::{Resolved, routes, sample, shown};

/// Every env file of the stack, of its services, and those that the application mounts.
pub(super) fn env_texts(
    located: &Located,
    resolved: &Resolved,
    subject: Option<&Subject>,
) -> Vec<EnvText> {
    let own = located.env_files();
    let mut paths = own.clone();
    for service in resolved.source.services.values() {
        paths.extend(service.env_files.iter().map(|entry| entry.path.clone()));
    }
    let application = subject.and_then(|subject| resolved.model.services.get(&subject.service));
    let binds = application.into_iter().flat_map(|service| &service.binds);
    let is_env = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && (name.starts_with(".env") || name.ends_with(".env"))
    };
    paths.extend(
        binds
            .map(|bind| bind.source.clone())
            .filter(|path| is_env(path)),
    );
    let mut seen = BTreeSet::new();
    paths.retain(|path| seen.insert(files::follow(path)));
    let first = located.first_env_file();
    let variables = StackVariables::read(located, &[]);
    let text = |path: &PathBuf| {
        let reaches = routes::of_file(&resolved.model, &resolved.source, path);
        let reaches = reaches
            .into_iter()
            .filter(|reach| matches!(reach.route, Route::EnvFile | Route::Bind))
            .map(|reach| Reach {
                service: reach.service,
                route: reach.route,
            });
        Some(EnvText {
            name: shown(&located.args.directory, path),
            is_first: *path == first,
            fills_in: own.contains(path),
            lines: lines(path, located, &variables)?,
            reaches: reaches.collect(),
        })
    };
    paths.iter().filter_map(text).collect()
}

/// The lines of an env file, as Compose reads it where it does; `None`: it cannot be read.
fn lines(path: &Path, located: &Located, variables: &StackVariables) -> Option<Vec<EnvLine>> {
    let real = files::follow(path);
    let mut known = variables.env_files().into_iter();
    let (tree, values) = match known.find(|file| files::follow(&file.path) == real) {
        Some(file) => (file.tree.clone(), file.values.clone()),
        // One that only the application reads.
        None => {
            let bytes = files::read_if_exists(path).ok()??;
            let tree = Dotenv::parse(&bytes, format_of(path, located)).ok()?;
            let values = tree.read(&|name| std::env::var(name).ok());
            let values = values.unwrap_or_default().into_iter();
            let values = values.filter_map(|(key, value)| Some((key, value?)));
            let values = values.collect();
            (tree, values)
        }
    };
    let sample = path.parent().map(sample::values).unwrap_or_default();
    let mut lines: Vec<EnvLine> = values
        .into_iter()
        .filter_map(|(key, value)| {
            let line = tree.line_of(&key.parse().ok()?)?;
            Some(EnvLine {
                is_sample: sample.get(&key) == Some(&value),
                key,
                line,
                value: Secret::new(value),
            })
        })
        .collect();
    lines.sort_by_key(|line| line.line);
    Some(lines)
}

impl Examination<'_> {
    pub(super) fn mounts(&self, looked: &mut Coverage) -> Vec<BindMount> {
        if !self.is_local() {
            looked
                .not
                .push("mounted files: the engine is on another machine".to_owned());
            return Vec::new();
        }
        let directory = &self.located.args.directory;
        let own = self.subject.map(|subject| &subject.profile.config_files);
        let mut found = Vec::new();
        for (name, service) in &self.resolved.model.services {
            for bind in &service.binds {
                let source = shown(directory, &bind.source);
                found.push(BindMount {
                    service: name.clone(),
                    is_file: self.has_as_file(name, bind)
                        || bind.looks_like_file() && !is_home_folder(&bind.source),
                    is_config: own.is_some_and(|own| own.contains_key(&source)),
                    source,
                    creates_source: bind.creates_source,
                    lies: lies(&bind.source),
                });
            }
        }
        found
    }

    /// Whether a container has a file there, though nothing lies at its source any more.
    fn has_as_file(&self, name: &ServiceName, bind: &Bind) -> bool {
        let running = self.running.into_iter().flat_map(|one| &one.containers);
        let own = running.filter(|(container, _)| container.service == *name);
        own.filter_map(|(_, inspected)| inspected.as_ref())
            .any(|one| mounted::of_bind(one, bind) == SeenMount::Gone(MountedKind::File))
    }

    /// The application's own files beside the compose file, with whether somebody gets them.
    pub(super) fn config_files(&self) -> Vec<(String, bool)> {
        let own = self.subject.map(|subject| &subject.profile.config_files);
        let names = own.into_iter().flat_map(|own| own.keys());
        names
            .filter_map(|name| {
                let path = self.located.args.directory.join(name);
                let reached = routes::of_file(&self.resolved.model, &self.resolved.source, &path);
                path.is_file().then(|| (name.clone(), !reached.is_empty()))
            })
            .collect()
    }

    /// What other programs print may hold what they were given.
    pub(super) fn redactor(&self, env: &[EnvText]) -> Redactor {
        let mut redactor = self.resolved.source.redactor();
        for line in env.iter().flat_map(|file| &file.lines) {
            redactor.learn(&line.key, line.value.expose());
        }
        self.resolved.model.teach(&mut redactor);
        redactor
    }
}

/// `~/.aws` is as much a folder as a file, so nothing is said of it.
fn is_home_folder(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && path.extension().is_none() && !name.starts_with(".env")
}

fn lies(path: &Path) -> MountSource {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => {
            let entry = std::fs::read_dir(path).map(|mut entries| entries.next().is_some());
            match entry {
                Ok(false) => MountSource::EmptyFolder,
                _ => MountSource::Folder,
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => MountSource::Nothing,
        // What cannot be looked at is not said to be missing.
        _ => MountSource::Something,
    }
}
