//! What the settings name and the stack does not have: nothing of it would ever count.

use std::path::{Path, PathBuf};

use super::{Hook, Settings, file_in};
use crate::edit::yaml::{self, YamlPath};
use crate::host::files;
use crate::suggest;

/// The file that the settings stand in, with the path to them in it.
struct SettingsText {
    name: String,
    text: String,
    above: &'static [&'static str],
}

impl SettingsText {
    fn find(directory: &Path, compose_files: &[PathBuf]) -> Option<Self> {
        let name = |file: &Path| {
            file.strip_prefix(directory)
                .unwrap_or(file)
                .display()
                .to_string()
        };
        let own = file_in(directory);
        if let Some(text) = files::text_if_readable(&own) {
            let name = name(&own);
            return Some(Self {
                name,
                text,
                above: &[],
            });
        }
        compose_files.iter().find_map(|file| {
            let text = files::text_if_readable(file)?;
            let above: &[&str] = &["x-refit"];
            let name = name(file);
            text.contains("x-refit")
                .then_some(Self { name, text, above })
        })
    }

    /// `refit.yaml:3` of an entry of a section.
    fn at(&self, section: &str, entry: &str) -> String {
        let path = YamlPath::of_keys(self.above.iter().copied().chain([section]));
        let found = path
            .ok()
            .and_then(|path| yaml::entries(&self.text, &[path]).ok());
        let items = found
            .into_iter()
            .flatten()
            .flatten()
            .flat_map(|found| found.items);
        let line = items
            .filter(|item| item.key.as_deref() == Some(entry))
            .map(|item| item.line);
        match line.max() {
            Some(line) => format!("{}:{line}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Settings {
    /// The services that only the settings name.
    pub(crate) fn unknown_services<'a>(
        &self,
        directory: &Path,
        compose_files: &[PathBuf],
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Vec<String> {
        let mut text = None;
        let named = self.services.keys().map(|name| name.as_str());
        let unknown = named.filter(|name| known.clone().all(|known| known != *name));
        unknown
            .map(|name| {
                let text = text.get_or_insert_with(|| SettingsText::find(directory, compose_files));
                let at = text
                    .as_ref()
                    .map_or_else(|| "refit.yaml".to_owned(), |text| text.at("services", name));
                let meant = suggest::nearest(name, known.clone());
                let meant = meant.map(|meant| format!("; did you mean {meant}?"));
                let meant = meant.unwrap_or_default();
                format!("{at}: {name} is not a service of this stack{meant}")
            })
            .collect()
    }

    /// The hooks whose program, named by a path, is not there.
    pub(crate) fn missing_hooks(&self, directory: &Path, compose_files: &[PathBuf]) -> Vec<String> {
        let hooks = [
            ("before_upgrade", &self.hooks.before_upgrade),
            ("after_success", &self.hooks.after_success),
            ("after_failure", &self.hooks.after_failure),
        ];
        let missing = hooks.into_iter().filter_map(|(key, hook)| {
            let program = program(hook.as_ref()?)?;
            (!directory.join(program).exists()).then_some((key, program))
        });
        let mut text = None;
        missing
            .map(|(key, program)| {
                let text = text.get_or_insert_with(|| SettingsText::find(directory, compose_files));
                let at = text
                    .as_ref()
                    .map_or_else(|| "refit.yaml".to_owned(), |text| text.at("hooks", key));
                format!("{at}: {key}: {program} does not exist")
            })
            .collect()
    }
}

/// The program of a command line, where it is named by a plain path.
fn program(hook: &Hook) -> Option<&str> {
    let first = hook.run.split_whitespace().next()?;
    let is_plain = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    (first.contains('/') && first.chars().all(is_plain)).then_some(first)
}
