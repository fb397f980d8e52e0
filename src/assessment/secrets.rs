//! What is secret in a stack: everything that its env files and edits say, for redaction.

use crate::assessment::edited::Edited;
use crate::edit::dotenv::{Dotenv, Format};
use crate::edit::yaml;
use crate::host::files;
use crate::secret::{Redactor, names_secret};
use crate::stack::Place;
use crate::stack::model::Model;
use crate::stack::side::Side;

/// Teaches a redactor what an edit and the env files hold.
pub(crate) fn learn(redactor: &mut Redactor, edited: &Edited, env: &[(String, String)]) {
    for change in &edited.changes {
        for value in [&change.before, &change.after].into_iter().flatten() {
            redactor.learn(&change.name, value);
        }
    }
    for (key, value) in env {
        redactor.learn(key, value);
    }
    let sides = edited
        .files
        .iter()
        .flat_map(|edit| [&edit.before, &edit.after]);
    for bytes in sides.filter_map(Side::bytes) {
        let text = String::from_utf8_lossy(bytes);
        redactor.learn_lines(&text);
        // A text over several lines is one value there.
        for scalar in yaml::scalars(&text).unwrap_or_default() {
            let name = scalar.path.last_key();
            redactor.learn(name.unwrap_or_default(), &scalar.value);
        }
    }
}

/// Teaches a redactor which keys of an edit have a value that secrets of the stack hold, or are.
pub(crate) fn learn_by_value(redactor: &mut Redactor, edited: &Edited, model: &Model) {
    for change in &edited.changes {
        let Some(value) = change.after.as_deref().filter(|value| value.len() >= 4) else {
            continue;
        };
        let given = model.services.values().flat_map(|one| &one.environment);
        let given = given.filter_map(|(key, given)| Some((key, given.as_deref()?)));
        for (key, _) in given.filter(|(_, given)| given.contains(value)) {
            if names_secret(key) {
                redactor.hands_on(&change.name, key);
            }
        }
    }
}

/// Everything in the stack's env files, before and after.
pub(crate) fn env_of(place: &Place, edited: &Edited) -> Vec<(String, String)> {
    let mut contents: Vec<Vec<u8>> = place
        .located
        .env_files()
        .iter()
        .filter_map(|file| files::read_if_exists(file).ok().flatten())
        .collect();
    for edit in &edited.files {
        for side in [&edit.after, &edit.before] {
            contents.extend(side.bytes().map(<[u8]>::to_owned));
        }
    }
    contents
        .iter()
        .filter_map(|bytes| Dotenv::parse(bytes, Format::Compose).ok())
        .filter_map(|file| file.read(&|name| std::env::var(name).ok()).ok())
        .flatten()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}
