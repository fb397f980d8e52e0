//! What counts as a secret: by the name of its key, and by the form of its value.

use super::url_password::password_in_url;

const SECRET_ENDINGS: [&str; 13] = [
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PASSPHRASE",
    "PWD",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "KEY",
    "KEYS",
    "CREDENTIALS",
    "CREDS",
    "DSN",
];

/// Endings that say what is *about* a secret (`REFRESH_TOKEN_EXPIRY`), not the secret itself.
const HARMLESS_ENDINGS: [&str; 16] = [
    "EXPIRY", "EXPIRES", "IN", "TTL", "LENGTH", "FILE", "PATH", "ENABLED", "PREFIX", "LIMIT",
    "MAX", "MIN", "TIMEOUT", "NAME", "ID", "URLS",
];

/// Whether a key's name says that its value is a secret.
///
/// The last word decides (`MEILI_MASTER_KEY`, `jwt-secret`); a key that starts with `CREDS_` or
/// holds the word `SECRET` or `PASSWORD` is one too, unless its last word says that it is about a
/// secret. `PUBLIC_KEY` is none.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let upper = key.to_ascii_uppercase();
    let words: Vec<&str> = upper
        .split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit()))
        .filter(|word| !word.is_empty())
        .collect();
    let Some(last) = words.last() else {
        return false;
    };
    if HARMLESS_ENDINGS.contains(last) || words.contains(&"PUBLIC") {
        return false;
    }
    SECRET_ENDINGS.contains(last)
        || last.ends_with("PASSWORD")
        || last.ends_with("SECRET")
        || last.ends_with("APIKEY")
        || words[0] == "CREDS"
        || words
            .iter()
            .any(|word| matches!(*word, "SECRET" | "PASSWORD"))
}

/// Whether a value is a secret, by its key or by itself.
///
/// A URL with a password in it is shown without the password.
pub(crate) fn is_secret(key: &str, value: &str) -> bool {
    is_secret_key(key) && !is_switch(value) || password_in_url(value).is_some()
}

/// `ALLOW_PASSWORD_RESET=false` says nothing of a password; hidden, it would take every `false` out of
/// every text.
pub(super) fn is_switch(value: &str) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "none", "null"];
    SWITCHES
        .iter()
        .any(|switch| value.trim().eq_ignore_ascii_case(switch))
}
