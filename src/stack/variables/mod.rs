//! Every variable of the stack: where it is set, what each service gets, and which place counts. Read
//! from the files themselves, so that a stack that Compose cannot read has an answer as well; a test
//! holds it against `docker compose config`. Pure but for [`StackVariables::read`].

mod layers;
mod own;
mod setting;

pub(crate) use own::{OwnVariables, ReadEnvFile};
pub(crate) use setting::{KeySetting, SettingPlace};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::docker::compose::ProjectArgs;
use crate::edit::dotenv::Format;
use crate::event::ServiceName;
use crate::host::files;
use crate::secret::Secret;
use crate::stack::locate::Located;
use crate::stack::side::FileEdit;
use crate::stack::source::EnvFile;
use layers::{Assigned, Layer, Layers};
use own::{ReadBytes, shell};

/// Every variable of the stack.
#[derive(Debug)]
pub(crate) struct StackVariables {
    /// What Compose fills `${…}` in from.
    pub own: OwnVariables,
    services: BTreeMap<ServiceName, ServiceVariables>,
    layers: Layers,
}

/// A variable that the compose files use and nothing fills in, with the `env_file` that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnfilledKey {
    pub(crate) key: String,
    pub(crate) value: Secret,
    /// A service that gets the file.
    pub(crate) service: ServiceName,
    pub(crate) path: PathBuf,
    /// From 1.
    pub(crate) line: usize,
}

/// What one service gets.
#[derive(Debug, Default)]
pub(crate) struct ServiceVariables {
    /// `environment` by key, the strongest entry last.
    assigned: BTreeMap<String, Vec<(PathBuf, String, Assigned)>>,
    /// The files of `env_file` that are there, in order.
    files: Vec<ReadEnvFile>,
    /// Files and folders of the host that are mounted into it.
    binds: Vec<PathBuf>,
    /// Those that it sees as a `.env`, and so reads as one.
    pub env_binds: Vec<PathBuf>,
    /// The name of its image, where the files give one.
    pub image: Option<String>,
    /// Its whole environment, but for what the image brings; no value: taken out of the image's.
    pub environment: BTreeMap<String, Option<String>>,
}

impl StackVariables {
    /// Reads them, with these edits made.
    pub(crate) fn read(located: &Located, edits: &[FileEdit]) -> Self {
        Self::read_args(&located.args, edits)
    }

    /// The same of what Compose is to be told.
    pub(crate) fn read_args(args: &ProjectArgs, edits: &[FileEdit]) -> Self {
        let read = |path: &Path| {
            let real = files::follow(path);
            let is_it = |edit: &&FileEdit| edit.path == path || files::follow(&edit.path) == real;
            match edits.iter().find(is_it) {
                Some(edit) => edit.after.bytes().map(<[u8]>::to_vec),
                None => files::read_if_exists(path).ok().flatten(),
            }
        };
        Self::of(args, shell(), &read)
    }

    fn of(args: &ProjectArgs, shell: BTreeMap<String, String>, read: ReadBytes<'_>) -> Self {
        let own = OwnVariables::of_args(args, shell, read);
        let layers = layers::of(&args.files, &args.directory, &own, read);
        let services = layers.services.iter();
        let services = services
            .map(|(name, layers)| (name.as_str().into(), of_layers(layers, &own, read)))
            .collect();
        Self {
            own,
            services,
            layers,
        }
    }

    /// The services that the files define.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&ServiceName, &ServiceVariables)> {
        self.services.iter()
    }

    /// One of them.
    pub(crate) fn service(&self, name: &ServiceName) -> Option<&ServiceVariables> {
        self.services.get(name)
    }

    /// The compose files that others include.
    pub(crate) fn included(&self) -> &[PathBuf] {
        &self.layers.included
    }

    /// The compose files that Compose reads besides the stack's own.
    pub(crate) fn read_besides(&self) -> impl Iterator<Item = &PathBuf> {
        self.layers.included.iter().chain(&self.layers.extended)
    }

    /// Whether some compose file has `${KEY}`.
    pub(crate) fn is_filled_in(&self, key: &str) -> bool {
        self.layers.references.contains_key(key)
    }

    /// Every env file of the stack, each once: its own, those of includes, those of services.
    pub(crate) fn env_files(&self) -> Vec<&ReadEnvFile> {
        let of_services = self.services.values().flat_map(|service| &service.files);
        let all = self.own.files.iter().chain(&self.layers.include_env);
        let mut found: Vec<&ReadEnvFile> = Vec::new();
        for file in all.chain(of_services) {
            let real = files::follow(&file.path);
            if !found.iter().any(|known| files::follow(&known.path) == real) {
                found.push(file);
            }
        }
        found
    }

    /// What a `${KEY}` is filled in from, the strongest last.
    pub(crate) fn fills_in(&self, key: &str) -> Vec<KeySetting> {
        let included = self.layers.include_env.iter();
        let files = included.chain(&self.own.files);
        let mut found: Vec<KeySetting> = files
            .filter_map(|file| {
                let (path, line) = (file.path.clone(), file.line_of(key)?);
                let value = file.values.get(key).cloned();
                Some(KeySetting::new(SettingPlace::EnvFile { path, line }, value))
            })
            .collect();
        if let Some(value) = self.own.shell.get(key) {
            found.push(KeySetting::new(SettingPlace::Shell, Some(value.clone())));
        }
        found
    }

    /// Each `${KEY}` that nothing fills in, though an `env_file` sets the key, and that would be another text
    /// with this value: Compose hands those files to containers alone.
    pub(crate) fn unfilled(&self) -> Vec<UnfilledKey> {
        let unset = self.layers.references.iter().filter(|(key, _)| {
            let of_includes = || own::in_files(&self.layers.include_env, key);
            self.own.get(key).or_else(of_includes).is_none()
        });
        let found = unset.filter_map(|(key, texts)| {
            let set = self.services.iter().find_map(|(service, own)| {
                let mut files = own.files.iter().rev();
                let set = files.find_map(|file| Some((file, file.values.get(key)?)));
                Some((service, set?))
            });
            let (service, (file, value)) = set?;
            let is_other = |text: &String| {
                let given = |name: &str| match name == key {
                    true => Some(value.clone()),
                    false => self.own.get(name),
                };
                own::fill_in(text, &given) != self.own.fill_in(text)
            };
            texts.iter().any(is_other).then(|| UnfilledKey {
                key: key.clone(),
                value: Secret::new(value.clone()),
                service: service.clone(),
                path: file.path.clone(),
                line: file.line_of(key).unwrap_or_default(),
            })
        });
        found.collect()
    }

    /// Every key that something knows.
    pub(crate) fn known_keys(&self) -> impl Iterator<Item = &str> {
        let of_files = self.env_files().into_iter();
        let of_files = of_files.flat_map(|file| file.tree.keys().map(|(key, _)| key));
        let services = self.services.values();
        let of_services = services.flat_map(|service| service.assigned.keys());
        let of_files: Vec<&str> = of_files.collect();
        let of_layers = self.layers.references.keys();
        of_files
            .into_iter()
            .chain(of_services.chain(of_layers).map(String::as_str))
    }
}

impl ServiceVariables {
    /// Every place that sets a key for it, the one that counts last.
    pub(crate) fn settings(&self, key: &str) -> Vec<KeySetting> {
        let mut found: Vec<KeySetting> = self
            .files
            .iter()
            .filter_map(|file| {
                let (path, line) = (file.path.clone(), file.line_of(key)?);
                let value = file.values.get(key).cloned();
                Some(KeySetting::new(
                    SettingPlace::ServiceFile { path, line },
                    value,
                ))
            })
            .collect();
        let assigned = self.assigned.get(key).into_iter().flatten();
        found.extend(assigned.map(|(file, service, one)| KeySetting {
            place: SettingPlace::Definition {
                path: file.clone(),
                line: one.line,
                service: service.clone(),
            },
            // What is taken from outside was put in already.
            value: match one.value {
                None => self.environment.get(key).cloned().flatten(),
                Some(_) => one.value.clone(),
            },
            text: Some(one.text.clone()),
        }));
        found
    }

    /// The place that counts.
    pub(crate) fn counts(&self, key: &str) -> Option<KeySetting> {
        self.settings(key).pop()
    }

    /// Whether a file is one of its `env_file`s.
    pub(crate) fn reads(&self, path: &Path) -> bool {
        let real = files::follow(path);
        let mut files = self.files.iter();
        files.any(|file| files::follow(&file.path) == real)
    }

    /// Whether it sees a file by a mount.
    pub(crate) fn mounts(&self, path: &Path) -> bool {
        let real = files::follow(path);
        let mut binds = self.binds.iter();
        binds.any(|bind| real.starts_with(files::follow(bind)))
    }

    /// The files of its `env_file` that are there, in order.
    pub(crate) fn env_files(&self) -> &[ReadEnvFile] {
        &self.files
    }
}

/// The environment of each service of a stack, for the test that asks Compose for the same.
#[doc(hidden)]
pub fn environments(
    directory: &Path,
    files: &[PathBuf],
    env_files: &[PathBuf],
) -> BTreeMap<String, BTreeMap<String, Option<String>>> {
    let args = ProjectArgs {
        files: files.to_vec(),
        name: None,
        env_files: env_files.to_vec(),
        profiles: Vec::new(),
        directory: directory.to_owned(),
    };
    let read = StackVariables::read_args(&args, &[]).services;
    let services = read.into_iter();
    services
        .map(|(name, service)| (name.to_string(), service.environment))
        .collect()
}

fn of_layers(layers: &[Layer], own: &OwnVariables, read: ReadBytes<'_>) -> ServiceVariables {
    let mut assigned: BTreeMap<String, Vec<(PathBuf, String, Assigned)>> = BTreeMap::new();
    let mut env_files: Vec<&EnvFile> = Vec::new();
    for layer in layers {
        if layer.replaces {
            assigned.clear();
        }
        for one in &layer.environment {
            match one.removes {
                true => drop(assigned.remove(&one.key)),
                false => {
                    let known = assigned.entry(one.key.clone()).or_default();
                    known.push((layer.file.clone(), layer.service.clone(), one.clone()));
                }
            }
        }
        if layer.replaces_files {
            env_files.clear();
        }
        for entry in &layer.env_files {
            // A file that is named again stays where it was named first.
            match env_files.iter_mut().find(|known| known.path == entry.path) {
                Some(known) => *known = entry,
                None => env_files.push(entry),
            }
        }
    }
    let given: BTreeMap<String, Option<String>> = assigned
        .iter()
        .filter_map(|(key, all)| {
            let last = all.last()?.2.value.clone();
            Some((key.clone(), last.or_else(|| own.get(key))))
        })
        .collect();
    let mut files: Vec<ReadEnvFile> = Vec::new();
    for entry in env_files {
        let lookup = |name: &str| own.get(name).or_else(|| given.get(name)?.clone());
        let earlier = |_: &str| None;
        let format = if entry.raw {
            Format::Raw
        } else {
            Format::Compose
        };
        files.extend(ReadEnvFile::of(
            &entry.path,
            format,
            read,
            &lookup,
            &earlier,
        ));
    }
    let of_files = files.iter().flat_map(|file| &file.values);
    let of_files = of_files.map(|(key, value)| (key.clone(), Some(value.clone())));
    ServiceVariables {
        environment: of_files.chain(given).collect(),
        image: layers.iter().rev().find_map(|layer| layer.image.clone()),
        binds: layers
            .iter()
            .flat_map(|layer| layer.binds.clone())
            .collect(),
        env_binds: layers
            .iter()
            .flat_map(|layer| layer.env_binds.clone())
            .collect(),
        assigned,
        files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_an_env_file_has_is_filled_in_nowhere() {
        let files = [
            (
                "/s/compose.yaml",
                "services:\n  web:\n    image: 'app:${TAG:-v1}'\n    env_file: app.env\n    \
                 environment: {P: '${PORT:-80}', Q: '${SET}', R: '$${ESCAPED}'}\n",
            ),
            ("/s/.env", "SET=1\n"),
            ("/s/app.env", "TAG=v2\nPORT=80\nSET=2\nESCAPED=1\nOTHER=1\n"),
        ];
        let read = |path: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| text.as_bytes().to_vec())
        };
        let args = ProjectArgs {
            files: vec!["/s/compose.yaml".into()],
            name: None,
            env_files: Vec::new(),
            profiles: Vec::new(),
            directory: "/s".into(),
        };
        let variables = StackVariables::of(&args, BTreeMap::new(), &read);
        // The default of PORT is the same, so nobody is misled.
        let found = variables.unfilled();
        let keys: Vec<&str> = found.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["TAG"]);
        assert_eq!((found[0].line, found[0].service.as_str()), (1, "web"));
        let shell = BTreeMap::from([("TAG".to_owned(), "v3".to_owned())]);
        assert!(
            StackVariables::of(&args, shell, &read)
                .unfilled()
                .is_empty()
        );
    }
}
