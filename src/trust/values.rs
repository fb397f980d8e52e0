//! The variables that fill an address, as the stack's env files define them. They are compared as they are
//! written: what they become holds the person's own secrets, and changes with these.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::edit::dotenv::{Dotenv, Format};
use crate::settings::written::ReadFile;
use crate::stack::locate::Located;

/// A variable's definition: the file, and the text that stands there.
pub(super) type Definition = (PathBuf, String);

/// The definitions of these variables, and of those that they name.
pub(super) fn of_variables(
    names: &[String],
    located: &Located,
    read: ReadFile<'_>,
) -> BTreeMap<String, Definition> {
    let mut all = BTreeMap::new();
    if names.is_empty() {
        return all;
    }
    for file in located.env_files() {
        // From a file that cannot be read no address is filled.
        if let Ok(Some(bytes)) = read(&file) {
            let defined = of_file(&bytes).into_iter();
            all.extend(defined.map(|(name, text)| (name, (file.clone(), text))));
        }
    }
    let mut found = BTreeMap::new();
    let mut open = names.to_vec();
    while let Some(name) = open.pop() {
        if found.contains_key(&name) {
            continue;
        }
        if let Some((file, text)) = all.get(&name) {
            open.extend(named_in(text));
            found.insert(name, (file.clone(), text.clone()));
        }
    }
    found
}

/// What an env file defines, as it is written; of several lines the last counts.
fn of_file(bytes: &[u8]) -> BTreeMap<String, String> {
    let Ok(file) = Dotenv::parse(bytes, Format::Compose) else {
        return BTreeMap::new();
    };
    let all = file.assignments();
    all.map(|(name, text)| (name.to_owned(), text.into_owned()))
        .collect()
}

/// How a text of an env file defines a variable.
pub(super) fn defined_in(bytes: &[u8], name: &str) -> Option<String> {
    of_file(bytes).remove(name)
}

/// The names behind each `$` of a text.
fn named_in(text: &str) -> Vec<String> {
    let names = text.split('$').skip(1).map(|after| {
        let after = after.strip_prefix('{').unwrap_or(after);
        let is_name = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        after.chars().take_while(is_name).collect::<String>()
    });
    names.filter(|name| !name.is_empty()).collect()
}
