//! What Compose fills `${…}` in from: the shell's variables before the stack's env files, and of those
//! a later one before an earlier one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::docker::compose::ProjectArgs;
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, Format, fill_in as filled_in};
use crate::host::files;

/// Where the bytes of a file come from.
pub(super) type ReadBytes<'a> = &'a dyn Fn(&Path) -> Option<Vec<u8>>;

/// An env file as it was read.
#[derive(Debug, Clone)]
pub(crate) struct ReadEnvFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What stands in it.
    pub tree: Dotenv,
    /// What Compose reads in it, each key once.
    pub values: BTreeMap<String, String>,
    /// Why Compose refuses it.
    pub refused: Option<DotenvError>,
}

impl ReadEnvFile {
    /// Reads a file that is there.
    pub(super) fn of(
        path: &Path,
        format: Format,
        read: ReadBytes<'_>,
        lookup: &dyn Fn(&str) -> Option<String>,
        earlier: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Self> {
        let bytes = read(path)?;
        let path = path.to_owned();
        let tree = match Dotenv::parse(&bytes, format) {
            Ok(tree) => tree,
            Err(error) => {
                return Some(Self {
                    path,
                    tree: Dotenv::parse(&[], format).ok()?,
                    values: BTreeMap::new(),
                    refused: Some(error),
                });
            }
        };
        let (values, refused) = match tree.read_over(lookup, earlier) {
            Ok(values) => (values, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        let values = values.into_iter();
        Some(Self {
            path,
            values: values
                .filter_map(|(key, value)| Some((key, value?)))
                .collect(),
            tree,
            refused,
        })
    }

    /// The line that sets a key, from 1.
    pub(crate) fn line_of(&self, key: &str) -> Option<usize> {
        self.tree.line_of(&key.parse::<EnvKey>().ok()?)
    }
}

/// What Compose fills `${…}` in from.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnVariables {
    /// The variables of the process.
    pub(super) shell: BTreeMap<String, String>,
    /// The stack's env files, those that are there, in order.
    pub(crate) files: Vec<ReadEnvFile>,
    /// The project's name, which Compose makes a variable of.
    project: Option<String>,
}

impl OwnVariables {
    /// Reads them.
    pub(crate) fn read(args: &ProjectArgs) -> Self {
        let read = |path: &Path| files::read_if_exists(path).ok().flatten();
        Self::of_args(args, shell(), &read)
    }

    pub(super) fn of_args(
        args: &ProjectArgs,
        shell: BTreeMap<String, String>,
        read: ReadBytes<'_>,
    ) -> Self {
        let default = [args.directory.join(".env")];
        let env_files = match args.env_files.is_empty() {
            true => &default[..],
            false => &args.env_files[..],
        };
        Self::of(shell, env_files, args.name.clone(), read)
    }

    fn of(
        shell: BTreeMap<String, String>,
        files: &[PathBuf],
        project: Option<String>,
        read: ReadBytes<'_>,
    ) -> Self {
        let mut own = Self {
            shell,
            files: Vec::new(),
            project,
        };
        for path in files {
            let lookup = |name: &str| own.shell.get(name).cloned();
            let earlier = |name: &str| in_files(&own.files, name);
            let file = ReadEnvFile::of(path, Format::Compose, read, &lookup, &earlier);
            own.files.extend(file);
        }
        own
    }

    /// A text with its references filled in; as it is where Compose would refuse it.
    pub(crate) fn fill_in(&self, text: &str) -> String {
        fill_in(text, &|name| self.get(name))
    }

    /// The value that is filled in.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let of_shell = self.shell.get(name).cloned();
        let of_files = || in_files(&self.files, name);
        let of_project = || {
            self.project
                .clone()
                .filter(|_| name == "COMPOSE_PROJECT_NAME")
        };
        of_shell.or_else(of_files).or_else(of_project)
    }
}

/// The value in the last of several env files that has one.
pub(super) fn in_files(files: &[ReadEnvFile], name: &str) -> Option<String> {
    let mut files = files.iter().rev();
    files.find_map(|file| file.values.get(name).cloned())
}

/// Where a compose file is read: what its relative paths start at, and what its `${…}` is filled in from.
/// An included file may have env files of its own, over which the stack's own win.
#[derive(Debug, Clone)]
pub(super) struct FileScope<'a> {
    pub(super) own: &'a OwnVariables,
    pub(super) base: PathBuf,
    /// The env files of the `include`s around it, the outer ones first.
    pub(super) included: Vec<ReadEnvFile>,
}

impl FileScope<'_> {
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let own = self.own.get(name);
        own.or_else(|| {
            let mut files = self.included.iter();
            files.find_map(|file| file.values.get(name).cloned())
        })
    }

    /// A text with its references filled in; as it is where Compose would refuse it.
    pub(super) fn fill_in(&self, text: &str) -> String {
        fill_in(text, &|name| self.get(name))
    }

    pub(super) fn path(&self, text: &str) -> PathBuf {
        let text = self.fill_in(text);
        crate::stack::locate::lexical(&self.base.join(text))
    }
}

pub(super) fn fill_in(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    if !text.contains('$') {
        return text.to_owned();
    }
    filled_in(text, lookup).unwrap_or_else(|| text.to_owned())
}

/// The variables of this process.
pub(super) fn shell() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(utf8).collect()
}

fn utf8((key, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((key.into_string().ok()?, value.into_string().ok()?))
}
