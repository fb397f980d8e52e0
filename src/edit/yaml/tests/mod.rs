//! Full text before, operation, full text after.

mod alike;
mod deleting;
mod paths;
mod reading;
mod refusing;
mod setting;

use super::{NewValue, YamlEdit, YamlError, YamlPath};

fn path(typed: &str) -> YamlPath {
    typed
        .parse()
        .unwrap_or_else(|failure| panic!("{typed}: {failure}"))
}

fn set(text: &str, at: &str, value: NewValue) -> Result<YamlEdit, YamlError> {
    super::set(text, &path(at), &value)
}

fn auto(text: &str, at: &str, word: &str) -> String {
    set(text, at, NewValue::Auto(word.into()))
        .unwrap_or_else(|failure| panic!("{at}: {failure}"))
        .text
}

fn string(text: &str, at: &str, word: &str) -> String {
    set(text, at, NewValue::String(word.into()))
        .unwrap_or_else(|failure| panic!("{at}: {failure}"))
        .text
}

fn json(text: &str, at: &str, value: serde_json::Value) -> String {
    set(text, at, NewValue::Json(value))
        .unwrap_or_else(|failure| panic!("{at}: {failure}"))
        .text
}

fn deleted(text: &str, at: &str) -> String {
    super::delete(text, &path(at))
        .unwrap_or_else(|failure| panic!("{at}: {failure}"))
        .text
}
