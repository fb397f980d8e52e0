//! Text-preserving edits: pure functions from text to text. No I/O, no clock, no async.

pub(crate) mod dotenv;
pub(crate) mod paths;
pub(crate) mod syntax;
pub(crate) mod yaml;

use std::path::Path;

use serde_json::Value;

/// Whether a file is edited as YAML: its name says so.
pub(crate) fn is_yaml(path: &Path) -> bool {
    matches!(
        path.extension().and_then(|e| e.to_str()),
        Some("yml" | "yaml")
    )
}

/// A YAML value as text.
pub(crate) fn value_text(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}
