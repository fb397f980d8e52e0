//! Members of a text - `NAME=value`, `name: value`, `"name": "value"`, `--name value` - whose names say
//! that they hold secrets. Pure.

use std::ops::Range;

use super::by_name::{NameSays, counts, name_says};
use super::logins;
use super::nothing::{is_placeholder, says_nothing, written};
use super::ordinary::{is_ordinary, is_path};

/// Whether the value of a key is a secret as far as its name tells.
pub(crate) fn is_secret_named(name: &str, value: &str) -> bool {
    let value = written(value.trim());
    // `secrets: [db_password]` of a service names one.
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    let names_one = name == "secrets" && value.chars().all(is_name);
    if says_nothing(value) || is_placeholder(value) || names_one {
        return false;
    }
    let lists_logins = || !logins::of_key(name, value).is_empty();
    match name_says(name) {
        NameSays::Nothing => lists_logins(),
        NameSays::Perhaps => lists_logins() || !is_ordinary(value),
        NameSays::Secret => {
            let is_number = value.chars().all(|c| c.is_ascii_digit());
            !(is_path(value) || is_number && counts(name))
        }
    }
}

/// All of them.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, sign) in text.match_indices(['=', ':']) {
        if found.last().is_some_and(|last| last.end > at) {
            continue;
        }
        let Some(name) = Name::before(text, at) else {
            continue;
        };
        found.extend(value_behind(text, at + 1, sign, &name).filter(|value| {
            // Of a path the end says what it is.
            let own = name.text.rsplit('.').next().unwrap_or(name.text);
            is_secret_named(own, &text[value.clone()])
        }));
    }
    found.extend(flags(text));
    found
}

/// The name before a sign.
struct Name<'a> {
    text: &'a str,
    is_quoted: bool,
    /// A space stands between it and the sign.
    is_apart: bool,
    /// Nothing stands before it that makes it the end of a sentence.
    begins: bool,
}

impl<'a> Name<'a> {
    fn before(text: &'a str, sign: usize) -> Option<Self> {
        let left = text[..sign].trim_end_matches([' ', '\t']);
        let open = left.trim_end_matches(['"', '\'', '\\']);
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let start = open.rfind(|c| !is_part(c)).map_or(0, |at| {
            at + open[at..].chars().next().map_or(1, char::len_utf8)
        });
        let name = open[start..].trim_start_matches('-');
        let before =
            open[..start].trim_end_matches(['"', '\'', '\\', ' ', '-', '+', '│', '#', '\t']);
        (!name.is_empty()).then_some(Self {
            text: name,
            is_quoted: open.len() < left.len(),
            is_apart: left.len() < sign,
            begins: before.is_empty() || before.ends_with(['\n', '{', ',', '(', '[', ';']),
        })
    }
}

/// Where a value stands behind its sign, if it is one.
fn value_behind(text: &str, after: usize, sign: &str, name: &Name<'_>) -> Option<Range<usize>> {
    let rest = &text[after..];
    let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
    let value = line.trim_start_matches([' ', '\t']);
    let start = after + (line.len() - value.len());
    let is_spaced = start > after;
    for quote in ["\\\"", "\"", "'"] {
        if let Some(inner) = value.strip_prefix(quote) {
            let from = start + quote.len();
            // Quoted text goes on over lines.
            let whole = &text[from..];
            let length = closing(whole, quote).unwrap_or(inner.len());
            return Some(from..from + length);
        }
    }
    let end = value
        .find(|c: char| c.is_whitespace() || "\"'`".contains(c))
        .unwrap_or(value.len());
    let word = without_closing(&value[..end]);
    let is_alone =
        value[end..].trim().is_empty() || value[word.len()..].starts_with([',', '}', ']', ';']);
    let is_member = match sign {
        "=" => !(is_spaced || name.is_apart) || name.begins && is_alone,
        _ if value.starts_with("//") || value.starts_with(['{', '[']) => false,
        _ => name.is_quoted || is_spaced && name.begins && is_alone,
    };
    (is_member && !word.is_empty()).then_some(start..start + word.len())
}

/// A word without what ends a sentence or a list around it.
fn without_closing(word: &str) -> &str {
    let mut word = word.trim_end_matches([',', ';', '.']);
    for (open, close) in [('(', ')'), ('{', '}'), ('[', ']')] {
        if !word.contains(open) {
            word = word.trim_end_matches(close);
        }
    }
    word.trim_end_matches([',', ';', '.'])
}

/// Where a quote ends.
fn closing(text: &str, quote: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find(quote) {
        let end = at + found;
        let slashes = text[..end].chars().rev().take_while(|c| *c == '\\').count();
        if quote == "'" || slashes % 2 == 0 {
            return Some(end);
        }
        at = end + quote.len();
    }
    None
}

/// `--requirepass value`.
fn flags(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("--") {
        let rest = &text[at + 2..];
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        let Some(length) = length.filter(|length| rest[*length..].starts_with(' ')) else {
            continue;
        };
        let start = at + 2 + length + 1;
        let end = text[start..]
            .find(char::is_whitespace)
            .map_or(text.len(), |end| start + end);
        let is_value =
            !text[start..end].starts_with('-') && name_says(&rest[..length]) == NameSays::Secret;
        if is_value && is_secret_named(&rest[..length], &text[start..end]) {
            found.push(start..end);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        ranges(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn members_are_found_in_every_notation() {
        for (text, secrets) in [
            ("API_KEY=abc def", &["abc"][..]),
            ("  - API_KEY=a&b;c", &["a&b;c"]),
            ("password: hunter2", &["hunter2"]),
            ("  password: \"two words\"  # old", &["two words"]),
            (r#"[{"url":"http://x","key":"sk1"}]"#, &["sk1"]),
            (r#"{\"key\":\"sk1\",\"n\":1}"#, &["sk1"]),
            (r#"{"private_key":"a\"b"}"#, &[r#"a\"b"#]),
            ("{password: abcd, user: me}", &["abcd"]),
            ("Server=h;Password=pw;", &["pw"]),
            ("password = hunter2", &["hunter2"]),
            ("redis-server --requirepass foo --port 1", &["foo"]),
            ("JWT_SECRET: changing it signs everybody out", &[]),
            ("refit set JWT_SECRET=VALUE", &[]),
            ("the key: it is not set", &[]),
            ("API_KEY=${API_KEY}", &[]),
            ("API_KEY=•••", &[]),
            ("KEY_FILE=/run/secrets/key", &[]),
            ("TLS_KEY=/run/secrets/key", &[]),
            ("SMTP_AUTH=login", &[]),
            ("MAX_TOKENS=1024", &[]),
            ("keys:", &[]),
            ("token://host", &[]),
        ] {
            assert_eq!(hidden(text), secrets, "{text}");
        }
    }
}
