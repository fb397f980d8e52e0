//! What is secret in a stack: everything that its env files and edits say, for redaction.

use crate::assessment::edited::Edited;
use crate::edit::dotenv::{Dotenv, Format};
use crate::edit::{is_yaml, yaml};
use crate::host::files;
use crate::secret::{Redactor, hidden_by_key, names_secret};
use crate::stack::Place;
use crate::stack::model::Model;
use crate::stack::side::{FileEdit, Side};
use crate::stack::source::handed_on;

/// Teaches a redactor what an edit and the env files hold.
pub(crate) fn learn(redactor: &mut Redactor, edited: &Edited, env: &[(String, String)]) {
    // What a value becomes by the edit itself is known before any value is looked at.
    for (variable, key) in edited.files.iter().flat_map(handed_on_by) {
        redactor.hands_on(&variable, &key);
    }
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

/// What variables become in a file that is edited, on both sides.
fn handed_on_by(edit: &FileEdit) -> Vec<(String, String)> {
    let sides = [&edit.before, &edit.after].into_iter();
    let texts = sides.filter_map(|side| std::str::from_utf8(side.bytes()?).ok());
    let of_text = |text: &str| match is_yaml(&edit.path) {
        true => {
            let scalars = yaml::scalars(text).unwrap_or_default().into_iter();
            let own = scalars
                .map(|one| handed_on::of_text(one.path.last_key().unwrap_or_default(), &one.value));
            own.flatten().collect()
        }
        false => Dotenv::parse(text.as_bytes(), Format::Compose)
            .map(|file| handed_on::of_env_file(&file))
            .unwrap_or_default(),
    };
    texts.flat_map(of_text).collect()
}

/// Teaches a redactor which keys of an edit have a value that secrets of the stack hold, or are.
pub(crate) fn learn_by_value(redactor: &mut Redactor, edited: &Edited, model: &Model) {
    for change in &edited.changes {
        let Some(value) = change.after.as_deref().filter(|value| value.len() >= 4) else {
            continue;
        };
        let given = model.services.values().flat_map(|one| &one.environment);
        let given = given.filter_map(|(key, given)| Some((key, given.as_deref()?)));
        for (key, given) in given.filter(|(_, given)| given.contains(value)) {
            if names_secret(key) {
                redactor.hands_on(&change.name, key);
            } else if given != value && !hidden_by_key(key, given).contains(value) {
                redactor.hands_on(&change.name, handed_on::SECRET);
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
