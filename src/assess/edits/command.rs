//! The command that was meant, in the words in which it was typed.

use crate::request::{Edit, EditRequest, To};
use crate::secret::is_secret;
use crate::text::shell_word;

/// The whole command with another key or path in it. A secret is not told again.
pub(crate) fn with_key(word: &str, edit: &Edit, request: &EditRequest) -> String {
    let value = match &edit.to {
        To::Set(value, _) => {
            let text = value.expose();
            let name = word.rsplit(['.', '[']).next().unwrap_or(word);
            // Without a value it is asked for.
            (!is_hidden(name, text) && !text.contains(char::is_control)).then_some(text)
        }
        To::Unset => None,
    };
    let typed = request.edits.iter().position(|one| one.key == edit.key);
    let has_value = |at: usize| {
        request
            .typed
            .as_ref()
            .is_some_and(|typed| typed.has_value(at))
    };
    // What was generated, or asked for, is so again.
    let value = value.filter(|_| typed.is_none_or(|at| request.typed.is_none() || has_value(at)));
    match value {
        Some(value) => with_word(&format!("{word}={value}"), edit, request),
        None => with_word(word, edit, request),
    }
}

/// The whole command with another word in the place of an edit.
pub(crate) fn with_word(word: &str, edit: &Edit, request: &EditRequest) -> String {
    let at = request.edits.iter().position(|one| one.key == edit.key);
    if let (Some(typed), Some(at)) = (&request.typed, at) {
        return typed.with(at..at + 1, &[word]);
    }
    let verb = match edit.to {
        To::Set(..) => "set",
        To::Unset => "unset",
    };
    let file = request
        .file
        .as_ref()
        .map(|file| shell_word(&file.display().to_string()));
    let file = file.map(|file| format!(" -F {file}")).unwrap_or_default();
    format!("refit {verb} {}{file}", shell_word(word))
}

/// An address without its scheme may hold a password all the same.
pub(crate) fn is_hidden(key: &str, text: &str) -> bool {
    is_secret(key, text) || text.contains('@')
}
