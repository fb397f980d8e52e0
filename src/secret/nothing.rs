//! Values that tell nothing: switches, references, what stands for a value. Pure.

use super::hidden::HIDDEN;

/// `ALLOW_PASSWORD_RESET=false` says nothing of a password; hidden, it would take every `false` out of
/// every text. Nor does a reference, whatever it refers to.
pub(super) fn says_nothing(value: &str) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "none", "null"];
    let value = value.trim();
    let is_switch = || SWITCHES.iter().any(|one| value.eq_ignore_ascii_case(one));
    value.is_empty() || value == "0" || value == "1" || is_switch() || is_reference(value)
}

/// `${NAME}` or `$NAME`.
fn is_reference(value: &str) -> bool {
    let named = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let inner = value
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    // `${NAME:?message}` has no value of its own.
    let inner = inner.map(|inner| inner.split_once('?').map_or(inner, |(name, _)| name));
    let bare = value
        .strip_prefix('$')
        .filter(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    let name = inner
        .map(|inner| inner.trim_end_matches([':', '-']))
        .or(bare);
    name.is_some_and(named)
}

/// What is written in a text: of `${NAME:-default}` the default.
pub(super) fn written(value: &str) -> &str {
    let inner = value
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let parts = inner.and_then(|inner| inner.split_once(['-', '+']));
    match parts.filter(|(_, text)| !text.is_empty() && !text.contains("${")) {
        Some((_, text)) => text,
        None => value,
    }
}

/// What stands for a value where it is to be typed, or where it was hidden.
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim_end_matches('…');
    value == "VALUE"
        || value.is_empty()
        || value.starts_with(HIDDEN)
        || value.starts_with('<') && value.ends_with('>')
}
