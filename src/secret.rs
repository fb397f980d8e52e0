//! What must not be shown: which keys hold secrets, a value that does not print, and the redaction
//! of text that may contain one. Pure; knows neither files nor the engine.

pub(crate) mod generate;

use std::fmt;

use zeroize::Zeroizing;

/// What stands in place of a secret wherever text is printed.
pub(crate) const HIDDEN: &str = "•••";

/// A value that prints as `•••` and is wiped from memory when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value that must not be printed.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

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

/// The value as it may be shown: hidden when the key or the value itself is a secret.
///
/// A URL with a password in it is shown without the password.
pub(crate) fn is_secret(key: &str, value: &str) -> bool {
    is_secret_key(key) && !is_switch(value) || password_in_url(value).is_some()
}

/// `ALLOW_PASSWORD_RESET=false` says nothing of a password; hidden, it would take every `false` out of
/// every text.
fn is_switch(value: &str) -> bool {
    const SWITCHES: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "none", "null"];
    SWITCHES
        .iter()
        .any(|switch| value.trim().eq_ignore_ascii_case(switch))
}

/// Hides in text what is known to be secret: values of secret keys and passwords in URLs.
#[derive(Clone, Default)]
pub struct Redactor {
    values: Vec<Zeroizing<String>>,
}

/// Shorter values (`1`, `no`) occur in any text; hiding them would destroy it and tell nothing.
const SHORTEST: usize = 4;

impl Redactor {
    /// Learns a pair; values of secret keys and passwords inside URLs are hidden from now on.
    pub fn learn(&mut self, key: &str, value: &str) {
        if is_secret_key(key) && !is_switch(value) {
            self.hide(value);
        }
        if let Some(password) = password_in_url(value) {
            self.hide(password);
        }
    }

    /// Hides this value from now on, whatever its key.
    pub fn hide(&mut self, value: &str) {
        for line in value.lines().map(str::trim) {
            if line.len() >= SHORTEST && !self.values.iter().any(|known| known.as_str() == line) {
                self.values.push(Zeroizing::new(line.to_owned()));
            }
        }
    }

    /// The text with all known secrets, and every password in a URL, replaced by `•••`.
    pub fn redact(&self, text: &str) -> String {
        let mut out = text.to_owned();
        // Longest first: a secret may contain another one.
        let mut values: Vec<&str> = self.values.iter().map(|v| v.as_str()).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            if out.contains(value) {
                out = out.replace(value, HIDDEN);
            }
        }
        redact_urls(&out)
    }
}

impl Redactor {
    /// The same for a person: without what draws on a terminal, and not longer than anybody reads.
    pub fn told(&self, text: &str) -> String {
        crate::text::told(&self.whole(text))
    }

    /// The same of what is to be typed again, and has to be whole for that.
    pub fn whole(&self, text: &str) -> String {
        self.redact(&crate::text::printable(text))
    }
}

/// The password of `scheme://user:password@host`, if the text is such a URL. People write it as it is,
/// also where a URL wants `%2F` for `/`.
fn password_in_url(value: &str) -> Option<&str> {
    let (start, end) = next_password(value, 0).or_else(|| unescaped_password(value))?;
    value.get(start..end)
}

/// A password with characters that end the host in a well-formed URL. A port and a path with an `@` in
/// it are none.
fn unescaped_password(value: &str) -> Option<(usize, usize)> {
    let authority = value.find("://")? + 3;
    let rest = &value[authority..];
    let colon = rest.find(|c: char| c.is_whitespace() || ":/?#".contains(c))?;
    let at = rest.rfind('@')?;
    let password = rest.get(colon + 1..at)?;
    let after_port = password.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_port = after_port.len() < password.len() && after_port.starts_with(['/', '?', '#']);
    let is_one = rest[colon..].starts_with(':') && !password.is_empty() && !is_port;
    is_one.then_some((authority + colon + 1, authority + at))
}

/// The byte range of the next non-empty password in a URL at or after `from`.
fn next_password(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = text.get(at..)?.find("://") {
        let authority = at + found + 3;
        let rest = &text[authority..];
        let end = rest
            .find(|c: char| c == '/' || c.is_whitespace() || matches!(c, '"' | '\'' | '?' | '#'))
            .unwrap_or(rest.len());
        if let Some(host) = rest[..end].rfind('@')
            && let Some(colon) = rest[..host].find(':')
            && colon + 1 < host
        {
            return Some((authority + colon + 1, authority + host));
        }
        at = authority;
    }
    None
}

fn redact_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, end)) = next_password(text, at) {
        out.push_str(&text[at..start]);
        out.push_str(HIDDEN);
        at = end;
    }
    out.push_str(&text[at..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_no_secret_whatever_its_key() {
        assert!(!is_secret("ALLOW_PASSWORD_RESET", "false"));
        assert!(is_secret("ALLOW_PASSWORD_RESET", "falsehood"));
        let mut redactor = Redactor::default();
        redactor.learn("ALLOW_PASSWORD_RESET", "TRUE");
        assert_eq!(redactor.redact("A=TRUE"), "A=TRUE");
    }

    #[test]
    fn a_password_that_a_url_would_want_escaped_is_one() {
        for url in [
            "redis://:p/w@cache:6379",
            "redis://:p#w?x@cache",
            "redis://:two words@cache",
            "redis://user:it's@cache",
            "redis://:a/b@c@cache",
        ] {
            assert!(is_secret("REDIS_URL", url), "{url}");
        }
        let mut redactor = Redactor::default();
        redactor.learn("REDIS_URL", "redis://:p/w=1@cache:6379");
        assert_eq!(redactor.redact("WRONGPASS p/w=1"), "WRONGPASS •••");
        for plain in [
            "http://host:3080/@me",
            "https://medium.com/@me:1",
            "http://host:80?mail=a@b",
            "see http://host, or ask: a@b",
        ] {
            assert!(!is_secret("URL", plain), "{plain}");
        }
    }

    #[test]
    fn names_that_hold_secrets() {
        for key in [
            "JWT_SECRET",
            "MEILI_MASTER_KEY",
            "POSTGRES_PASSWORD",
            "CREDS_IV",
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "db-password",
            "SECRET_KEY_BASE",
            "token1",
            "MYSQL_ROOT_PASSWORD",
            "apikey",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "SESSION_EXPIRY",
            "REFRESH_TOKEN_EXPIRY",
            "JWT_EXPIRES_IN",
            "PUBLIC_KEY",
            "REDIS_KEY_PREFIX",
            "MIN_PASSWORD_LENGTH",
            "PORT",
            "",
            "KEYCLOAK_URL",
            "SECRET_FILE",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn passwords_in_urls_are_hidden_and_the_rest_stays() {
        let redactor = Redactor::default();
        assert_eq!(
            redactor.redact("at redis://u:p@ss@h:1/0 and http://plain.host:80/x"),
            "at redis://u:•••@h:1/0 and http://plain.host:80/x"
        );
        assert_eq!(redactor.redact("redis://:pw@h"), "redis://:•••@h");
        assert!(is_secret("REDIS_URL", "redis://:pw@h"));
        assert!(!is_secret("REDIS_URL", "redis://h:6379"));
    }

    #[test]
    fn a_learned_value_is_hidden_wherever_it_occurs() {
        let mut redactor = Redactor::default();
        redactor.learn("API_KEY", "hunter22");
        redactor.learn("COLOUR", "blue");
        redactor.learn("PIN_SECRET", "1");
        assert_eq!(redactor.redact("hunter22 is blue, 1"), "••• is blue, 1");
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter22".into());
        assert_eq!(format!("{secret} {secret:?}"), "••• •••");
        assert_eq!(secret.expose(), "hunter22");
    }
}
