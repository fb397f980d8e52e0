//! Which variables are secrets by what they become: the value of a key that names one, or a part of a text
//! that its form shows to be one, in compose files as in the lines of env files. Pure.

use serde_json::Value;

use super::variable_names::variables;
use crate::edit::dotenv::Dotenv;
use crate::secret::{hidden_by_key, names_secret};

/// A name that says that its value is a secret.
pub(crate) const SECRET: &str = "PASSWORD";

/// Lists whose items are the words of one command.
const COMMANDS: [&str; 3] = ["command", "entrypoint", "test"];

/// Maps that are also written as lists of `KEY=value`.
const LISTS_OF_PAIRS: [&str; 3] = ["environment", "labels", "args"];

/// Those of a model with `${VAR}` in place, each with the name of what it becomes.
pub(super) fn of_model(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => {
            let (name, text) = match text.split_once('=') {
                Some((key, rest)) if LISTS_OF_PAIRS.contains(&name) => (key, rest),
                Some(_) | None => (name, text.as_str()),
            };
            found.extend(of_text(name, text));
        }
        Value::Array(items) => {
            items.iter().for_each(|item| of_model(name, item, found));
            if COMMANDS.contains(&name) {
                let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                let line = words.join(" ");
                let own = variables(&line).into_iter();
                let own = own.filter(|variable| hides_part("", &line, variable));
                found.extend(own.map(|variable| (variable, SECRET.to_owned())));
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                match (name, item) {
                    // `secrets: {NAME: {environment: VAR}}`
                    ("secrets", Value::Object(own)) => {
                        let variable = own.get("environment").and_then(Value::as_str);
                        found.extend(variable.map(|one| (one.to_owned(), SECRET.to_owned())));
                    }
                    _ => of_model(key, item, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Those of the lines of an env file.
pub(crate) fn of_env_file(file: &Dotenv) -> Vec<(String, String)> {
    let lines = file.templates();
    lines.flat_map(|(key, text)| of_text(key, &text)).collect()
}

/// Those of the text of one key.
pub(crate) fn of_text(name: &str, text: &str) -> Vec<(String, String)> {
    let becomes = |variable: String| {
        let key = match is_one_variable(text) || names_secret(name) {
            true => name,
            false if hides_part(name, text, &variable) => SECRET,
            false => return None,
        };
        Some((variable, key.to_owned()))
    };
    variables(text).into_iter().filter_map(becomes).collect()
}

/// Whether a text would be hidden where the value of a variable stands in it.
fn hides_part(name: &str, text: &str, variable: &str) -> bool {
    let probe = "Probeword1";
    let filled = with_probe(text, variable, probe);
    filled.contains(probe) && !hidden_by_key(name, &filled).contains(probe)
}

fn with_probe(text: &str, variable: &str, probe: &str) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        let bare = from[1..].strip_prefix(variable);
        let braced = from[1..]
            .strip_prefix('{')
            .and_then(|inner| inner.strip_prefix(variable));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = match (bare, braced) {
            (Some(behind), _) if !behind.starts_with(is_name) => Some(from.len() - behind.len()),
            (_, Some(behind)) if !behind.starts_with(is_name) => {
                Some(from.find('}').map_or(from.len(), |end| end + 1))
            }
            (_, _) if from.starts_with("$$") => {
                filled.push_str("$$");
                rest = &from[2..];
                continue;
            }
            (_, _) => None,
        };
        filled.push_str(if end.is_some() { probe } else { "$" });
        rest = &from[end.unwrap_or(1)..];
    }
    filled + rest
}

/// Whether a text is one `${VAR…}`, or one `$VAR`, and nothing else.
fn is_one_variable(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('$') else {
        return false;
    };
    match rest.strip_prefix('{') {
        Some(inner) => inner.find('}') == Some(inner.len().saturating_sub(1)),
        None => variables(text).first().is_some_and(|name| name == rest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::edit::dotenv::Format;
    use crate::secret::Redactor;

    #[track_caller]
    fn hides(becomes: &[(String, String)], all: &[(&str, bool)]) {
        let mut redactor = Redactor::default();
        for (variable, key) in becomes {
            redactor.hands_on(variable, key);
        }
        for (variable, is_secret) in all {
            let shows = redactor.lets_pass_of(variable, "meadow");
            assert_eq!(shows, !is_secret, "{variable}");
        }
    }

    #[test]
    fn variables_that_become_secrets() {
        let source = json!({
            "services": {"web": {
                "environment": {
                    "API_TOKEN": "${NK}",
                    "DB_PASSWORD": "x${PART}y",
                    "DB_URL": "postgres://${USER}:${WORD}@db/${NAME}",
                    "AUTH": "Bearer ${BEARER:-none}",
                    "HOOK": "https://hooks.slack.com/services/${SLACK}",
                    "BOT": "https://api.telegram.org/bot${BOT}/sendMessage",
                    "TZ": "${ZONE}",
                    "AT": "${HOST}:${PORT}",
                },
                "secrets": [{"source": "s"}],
                "command": "curl -u me:${IN_SHELL} http://${ADDRESS}/",
                "healthcheck": {"test": ["CMD", "curl", "-u", "me:${IN_WORDS}", "http://${PLACE}"]},
                "labels": ["traefik.http.middlewares.a.basicauth.users=me:${LABEL}", "b=${PLAIN}"],
            }, "db": {
                "healthcheck": {"test": ["CMD", "mysqladmin", "ping", "-h", "${DB}", "-p${MYSQL}"]},
                "labels": {"x.basicauth.users": "${NAMES}:${OF_MAP}"},
            }},
            "secrets": {"s": {"environment": "OF_SECRET"}, "f": {"file": "./${FILE}"}},
        });
        let mut becomes = Vec::new();
        of_model("", &source, &mut becomes);
        for (secret, names) in [
            (
                true,
                "NK PART WORD BEARER SLACK BOT OF_SECRET IN_SHELL IN_WORDS LABEL MYSQL OF_MAP",
            ),
            (
                false,
                "USER NAME ZONE HOST PORT FILE ADDRESS PLACE PLAIN DB NAMES",
            ),
        ] {
            let names = names.split(' ').map(|name| (name, secret));
            hides(&becomes, &names.collect::<Vec<_>>());
        }
    }

    #[test]
    fn variables_that_become_secrets_in_an_env_file() {
        let text = "A1=postgres://app:${V1}@db/${NAME}\nB1=\"Bearer $V9\"\nCHAIN=${V2}\nLITERAL='x://a:${NO}@h'\n\
             USERS=me:${V3},you:${V4}\nTOKEN=${V5:-x}\nPGPASS=h:1:d:u:${V6}\nURL=redis://:${CHAIN}@c\nTZ=${ZONE}\n";
        let file = Dotenv::parse(text.as_bytes(), Format::Compose).unwrap();
        let becomes = of_env_file(&file);
        for secret in ["V1", "V9", "V2", "V3", "V4", "V5", "V6", "CHAIN"] {
            hides(&becomes, &[(secret, true)]);
        }
        hides(&becomes, &[("NAME", false), ("NO", false), ("ZONE", false)]);
    }

    #[test]
    fn a_variable_is_no_other_that_begins_alike() {
        assert_eq!(with_probe("$AB-${A:-x}$$A$A", "A", "P"), "$AB-P$$AP");
    }
}
