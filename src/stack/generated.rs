//! Values that an application has generated for keys that nobody gave it one for: where it keeps them,
//! and what they are. Read through the engine from the container's files, whether it runs or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::variables::ServiceVariables;
use crate::docker::client::Docker;
use crate::docker::container::{Container, Inspected};
use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::profile::{GeneratedIn, Profile};
use crate::secret::Secret;

/// A key for which an application generates a value where it has none.
#[derive(Debug, Clone)]
pub(crate) struct GeneratedKey {
    /// The key.
    pub key: String,
    /// The file in the container.
    pub file: PathBuf,
    /// What a container uses.
    pub value: ValueInUse,
    /// The file is in the container's own layer, which a recreate discards.
    pub is_in_layer: bool,
}

/// The value of such a key that a container uses.
#[derive(Debug, Clone)]
pub(crate) enum ValueInUse {
    /// The one that it has generated.
    Generated(Secret),
    /// One that its environment gives, under this key.
    Given(String, Secret),
    /// None that can be seen: the file is not there, or does not hold it.
    Nowhere,
    /// The file cannot be read.
    Unknown(String),
}

impl GeneratedKey {
    /// The value that was generated, where the next container has another one.
    pub(crate) fn is_lost_by_recreate(&self) -> bool {
        self.is_in_layer && matches!(self.value, ValueInUse::Generated(_))
    }
}

/// Every key that the application of this profile generates, as a container of it has it.
pub(crate) async fn in_container(
    docker: &Docker,
    profile: &Profile,
    container: &Container,
) -> Vec<GeneratedKey> {
    if profile.generated.is_empty() {
        return Vec::new();
    }
    let inspected = match docker.inspect(&container.id).await {
        Ok(Some(inspected)) => inspected,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let unknown = |(key, place): (&String, &GeneratedIn)| GeneratedKey {
                key: key.clone(),
                file: place.file.clone().into(),
                value: ValueInUse::Unknown(error.to_string()),
                is_in_layer: false,
            };
            return profile.generated.iter().map(unknown).collect();
        }
    };
    let mut files: BTreeMap<PathBuf, Result<Option<Vec<u8>>, String>> = BTreeMap::new();
    let mut found = Vec::new();
    for (key, place) in &profile.generated {
        let file = file_of(place, &inspected);
        if !files.contains_key(&file) {
            let read = docker.file_in(&container.id, &file.to_string_lossy()).await;
            files.insert(file.clone(), read.map_err(|error| error.to_string()));
        }
        let read = files.get(&file);
        let value = match (given(key, place, &inspected), read) {
            (Some((by, value)), _) => ValueInUse::Given(by, Secret::new(value)),
            (None, Some(Err(why))) => ValueInUse::Unknown(why.clone()),
            (None, Some(Ok(Some(bytes)))) => match value_in(bytes, key, place) {
                Some(value) => ValueInUse::Generated(Secret::new(value)),
                None => ValueInUse::Nowhere,
            },
            (None, Some(Ok(None)) | None) => ValueInUse::Nowhere,
        };
        let mut mounts = inspected.mounts.iter();
        found.push(GeneratedKey {
            key: key.clone(),
            is_in_layer: !mounts.any(|mount| file.starts_with(&mount.destination)),
            file,
            value,
        });
    }
    found
}

/// What its environment gives it, so that it generates none.
fn given(key: &str, place: &GeneratedIn, inspected: &Inspected) -> Option<(String, String)> {
    let mut keys = std::iter::once(key).chain(place.instead.iter().map(String::as_str));
    keys.find_map(|key| {
        let value = inspected.env.get(key).filter(|value| !value.is_empty())?;
        Some((key.to_owned(), value.clone()))
    })
}

fn file_of(place: &GeneratedIn, inspected: &Inspected) -> PathBuf {
    let named = place
        .named_by
        .as_ref()
        .and_then(|key| inspected.env.get(key));
    let named = named
        .map(|name| name.trim())
        .filter(|name| !name.is_empty());
    inspected.working_dir.join(named.unwrap_or(&place.file))
}

fn value_in(bytes: &[u8], key: &str, place: &GeneratedIn) -> Option<String> {
    let value = match place.alone {
        true => std::str::from_utf8(bytes).ok()?.trim().to_owned(),
        false => {
            let tree = Dotenv::parse(bytes, Format::Compose).ok()?;
            tree.get(&key.parse::<EnvKey>().ok()?, &|_| None).ok()??
        }
    };
    (!value.is_empty()).then_some(value)
}

/// The value that the stack's files give the application for a key, so that it generates none, and where
/// they do: in its environment, else in a `.env` that is mounted into it, which an empty value in the environment hides.
pub(crate) fn given_by_files(
    service: &ServiceVariables,
    directory: &Path,
    key: &str,
    read: &dyn Fn(&Path) -> Option<Vec<u8>>,
) -> Option<(String, Secret)> {
    if let Some(last) = service.counts(key) {
        let value = last.value.clone().filter(|value| !value.is_empty())?;
        return Some((last.at(directory), Secret::new(value)));
    }
    let parsed: EnvKey = key.parse().ok()?;
    service.env_binds.iter().find_map(|path| {
        let tree = Dotenv::parse(&read(path)?, Format::Compose).ok()?;
        let value = tree.get(&parsed, &|_| None).ok().flatten()?;
        let line = tree.line_of(&parsed)?;
        let file = super::shown(directory, path);
        (!value.is_empty()).then(|| (format!("{file}:{line}"), Secret::new(value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> GeneratedIn {
        GeneratedIn {
            file: ".env.temp".into(),
            alone: false,
            named_by: Some("AT".into()),
            instead: vec!["OLD".into()],
        }
    }

    #[test]
    fn a_value_alone_and_one_among_others() {
        let found = |alone: bool, text: &str| {
            let place = GeneratedIn { alone, ..place() };
            value_in(text.as_bytes(), "JWT_SECRET", &place)
        };
        assert_eq!(found(true, "a+/b==\n").as_deref(), Some("a+/b=="));
        assert_eq!(found(true, "\n"), None);
        let others = "# Keep this.\nCREDS_KEY=1\nJWT_SECRET=ab12\n";
        assert_eq!(found(false, others).as_deref(), Some("ab12"));
        assert_eq!(found(false, "# Keep this.\nCREDS_KEY=1\n"), None);
        assert_eq!(found(false, "JWT_SECRET=\n"), None);
    }

    #[test]
    fn the_file_is_where_the_container_says() {
        let place = place();
        let mut inspected = Inspected {
            working_dir: "/app/api".into(),
            ..Inspected::default()
        };
        let at = |inspected: &Inspected| file_of(&place, inspected);
        assert_eq!(at(&inspected), Path::new("/app/api/.env.temp"));
        inspected.env.insert("AT".into(), " /data/x ".into());
        assert_eq!(at(&inspected), Path::new("/data/x"));
        inspected.env.insert("KEY".into(), String::new());
        assert_eq!(given("KEY", &place, &inspected), None);
        inspected.env.insert("OLD".into(), "v".into());
        let by_another = Some(("OLD".to_owned(), "v".to_owned()));
        assert_eq!(given("KEY", &place, &inspected), by_another);
    }
}
