//! Hiding in text what is known to be secret, and what shows that it is.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;
use zeroize::Zeroizing;

use super::by_form::{self, is_secret};
use super::by_name::is_secret_word;
use super::hidden::HIDDEN;
use super::logins;
use super::member::is_secret_named;

/// Hides in text what is known to be secret - values of secret keys - and what has the form of one.
#[derive(Clone, Default)]
pub struct Redactor {
    values: Vec<Zeroizing<String>>,
    /// What the values of variables become, by variable: keys of environments.
    handed_on: Vec<(String, String)>,
}

/// Shorter values (`1`, `no`) occur in any text; hiding them would destroy it and tell nothing.
const SHORTEST: usize = 4;

/// Shorter ones are hidden where they stand as a word: `test` is a part of `latest`.
const SHORTEST_IN_WORDS: usize = 8;

impl Redactor {
    /// Learns a pair: what is secret in the value is hidden from now on.
    pub fn learn(&mut self, key: &str, value: &str) {
        if self.is_secret_named(key, value) {
            self.hide(value);
        }
        if is_secret(key, value) {
            for range in by_form::ranges_of(key, value) {
                self.hide(&value[range]);
            }
        }
    }

    /// Learns that the value of a variable becomes that of a key.
    pub(crate) fn hands_on(&mut self, variable: &str, key: &str) {
        self.handed_on.push((variable.to_owned(), key.to_owned()));
    }

    /// Whether the value of a key is a secret as far as its name tells, or the name of what it becomes.
    pub(crate) fn is_secret_named(&self, key: &str, value: &str) -> bool {
        let mut names = vec![key];
        let mut at = 0;
        // What it becomes may become something else in its turn.
        while let Some(name) = names.get(at).copied() {
            if is_secret_named(name, value) {
                return true;
            }
            let becomes = self.handed_on.iter().filter(|(from, _)| from == name);
            let new: Vec<&str> = becomes.map(|(_, key)| key.as_str()).collect();
            names.extend(
                new.into_iter()
                    .filter(|new| !names.contains(new))
                    .collect::<Vec<_>>(),
            );
            at += 1;
        }
        false
    }

    /// Learns every pair of a document, such as the model of a stack: members of maps, `KEY=value` in
    /// lists, and what follows a flag in a command.
    pub fn learn_all(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.learn(name, text),
            Value::Number(number) => self.learn(name, &number.to_string()),
            Value::Array(items) => {
                self.learn_command(items);
                let mut flag = None;
                for item in items {
                    self.learn_all(flag.unwrap_or(name), item);
                    let text = item.as_str().unwrap_or_default();
                    flag = text.strip_prefix("--").filter(|flag| !flag.contains('='));
                }
            }
            Value::Object(members) => {
                for (name, value) in members {
                    self.learn_all(name, value);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Learns what the words of a command say only together: `-u`, `name:password`.
    fn learn_command(&mut self, words: &[Value]) {
        let line = command_of(words);
        for range in logins::in_commands(&line) {
            self.hide(&line[range]);
        }
    }

    /// Learns the lines of a text that no parser takes: `KEY=value` and `key: value`.
    pub fn learn_lines(&mut self, text: &str) {
        for line in text.lines() {
            if let Some(at) = line.find(['=', ':']) {
                let name = line[..at].trim().trim_start_matches(['-', ' ', '#']);
                let name = name.strip_prefix("export ").unwrap_or(name);
                let value = line[at + 1..].trim().trim_matches(['"', '\'']);
                self.learn(name.trim_matches(['"', '\'']), value);
            }
        }
    }

    /// Hides this value from now on, whatever its key.
    pub fn hide(&mut self, value: &str) {
        for line in value.lines().map(str::trim) {
            for written in spellings(line) {
                let is_known = self.values.iter().any(|known| known.as_str() == written);
                // Who has `password` for one hides nothing by hiding the word.
                let is_no_word = !is_secret_word(&written);
                if written.len() >= SHORTEST && is_no_word && !is_known {
                    self.values.push(Zeroizing::new(written));
                }
            }
        }
    }

    /// Lines that belong together: a key may lie over several of them.
    pub fn lines(&self, lines: &[String]) -> Vec<String> {
        if lines.is_empty() {
            return Vec::new();
        }
        let text = self.redact(&lines.join("\n"));
        text.split('\n').map(str::to_owned).collect()
    }

    /// The text with all known secrets, and all that have the form of one, replaced by `•••`.
    pub fn redact(&self, text: &str) -> String {
        let mut out = text.to_owned();
        // Longest first: a secret may contain another one.
        let mut values: Vec<&str> = self.values.iter().map(|v| v.as_str()).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            if out.contains(value) {
                out = without(&out, value);
            }
        }
        hidden_by_form(&out)
    }

    /// Whether a value holds nothing that would be hidden. A word such as `postgres` tells nothing, also
    /// where somebody has taken it for a password.
    pub fn lets_pass(&self, text: &str) -> bool {
        let is_word = text.len() < 16 && text.chars().all(|c| c.is_ascii_lowercase());
        is_word || self.redact(text) == text
    }

    /// The same of the value of a key: that of a commit is known to all who know the text that it names.
    pub(crate) fn lets_pass_of(&self, key: &str, value: &str) -> bool {
        let is_version = by_form::is_version(key, value);
        let is_known = self.values.iter().any(|known| known.as_str() == value);
        !self.is_secret_named(key, value) && (is_version && !is_known || self.lets_pass(value))
    }

    /// Every text of a document, such as what the engine says of a container; members are judged by
    /// their names too, and so are `KEY=value` in lists.
    pub fn redact_all(&self, document: &Value) -> Value {
        self.redact_below("", document)
    }

    fn redact_below(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::String(text) if is_secret_named(name, text) => HIDDEN.into(),
            Value::String(text) => self.of_pair(text).into(),
            Value::Number(number) if is_secret_named(name, &number.to_string()) => HIDDEN.into(),
            Value::Array(items) => {
                let mut knows = Cow::Borrowed(self);
                if !logins::in_commands(&command_of(items)).is_empty() {
                    knows.to_mut().learn_command(items);
                }
                let items = items.iter().map(|item| knows.redact_below(name, item));
                items.collect()
            }
            Value::Object(members) => {
                let of_secrets =
                    !name.is_empty() && name != "secrets" && is_secret_named(name, "x");
                let clean = |(own, value): (&String, &Value)| {
                    let judged = if of_secrets { name } else { own };
                    (own.clone(), self.redact_below(judged, value))
                };
                Value::Object(members.iter().map(clean).collect())
            }
            same @ (Value::Null | Value::Bool(_) | Value::Number(_)) => same.clone(),
        }
    }

    fn of_pair(&self, text: &str) -> String {
        match text.split_once('=') {
            Some((name, value)) if is_secret(name, value) => format!("{name}={HIDDEN}"),
            Some(_) | None => self.redact(text),
        }
    }
}

fn command_of(words: &[Value]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    words.join(" ")
}

/// A text without what has the form of a secret, for what nobody has learned.
pub(crate) fn hidden_by_form(text: &str) -> String {
    hidden_at(text, by_form::ranges(text))
}

/// The same of the value of a key, whose name may say where in it a secret stands.
pub(crate) fn hidden_by_key(key: &str, value: &str) -> String {
    hidden_at(value, by_form::ranges_of(key, value))
}

fn hidden_at(text: &str, ranges: Vec<Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        out.push_str(&text[at..range.start]);
        out.push_str(HIDDEN);
        at = range.end;
    }
    out.push_str(&text[at..]);
    out
}

/// A value as others write it: in JSON and Go's quotes, with the dollars of Compose.
fn spellings(value: &str) -> Vec<String> {
    let mut found = vec![value.to_owned()];
    let quoted = serde_json::to_string(value).unwrap_or_default();
    let quoted = quoted
        .get(1..quoted.len().saturating_sub(1))
        .unwrap_or_default();
    for other in [quoted.to_owned(), value.replace('$', "$$")] {
        if !found.contains(&other) {
            found.push(other);
        }
    }
    found
}

fn without(text: &str, value: &str) -> String {
    if value.len() >= SHORTEST_IN_WORDS {
        return text.replace(value, HIDDEN);
    }
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find(value) {
        let (start, end) = (at + found, at + found + value.len());
        let in_word =
            is_word(text[..start].chars().next_back()) || is_word(text[end..].chars().next());
        out.push_str(&text[at..start]);
        out.push_str(if in_word { value } else { HIDDEN });
        at = end;
    }
    out.push_str(&text[at..]);
    out
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
