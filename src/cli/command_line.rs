//! What was typed, as it may be recorded. It is read off the parser's own list of options, so that
//! none is left out because somebody forgot to add it here.

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::request::{TypedCommand, TypedWord};
use crate::secret::{HIDDEN, Redactor, is_secret};
use crate::text::shell_word;

/// Options that say how refit prints, and from where it was called: they change nothing of a run.
const OF_NO_CONSEQUENCE: [&str; 5] = ["directory", "json", "quiet", "verbose", "color"];

/// The words of a command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CommandLine {
    verb: String,
    words: Vec<CommandWord>,
    /// So many of them belong to the verb; the others say which stack is meant.
    own: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CommandWord {
    /// What the command is about: `KEY=VALUE`, a service, a file.
    Plain(String),
    /// An option, and its value where it takes one.
    Option { flag: String, value: Option<String> },
}

impl CommandLine {
    /// Of a command line that the parser took.
    pub(super) fn of(command: &Command, matches: &ArgMatches) -> Self {
        let Some((verb, matches)) = matches.subcommand() else {
            return Self::default();
        };
        let own = command.find_subcommand(verb);
        let arguments = command.get_arguments().filter(|arg| arg.is_global_set());
        let arguments = arguments.chain(own.into_iter().flat_map(Command::get_arguments));
        let mut found: Vec<((bool, usize), CommandWord)> = Vec::new();
        for argument in arguments {
            let id = argument.get_id().as_str();
            let typed = matches.value_source(id) == Some(ValueSource::CommandLine);
            if !typed || OF_NO_CONSEQUENCE.contains(&id) {
                continue;
            }
            let flag = match (argument.get_short(), argument.get_long()) {
                (Some(short), _) => Some(format!("-{short}")),
                (None, long) => long.map(|long| format!("--{long}")),
            };
            let takes_value = argument.get_action().takes_values();
            let places = matches.indices_of(id).into_iter().flatten();
            let values = matches.get_raw(id).into_iter().flatten();
            for (place, value) in places.zip(values) {
                let value = value.to_string_lossy().into_owned();
                let word = match &flag {
                    None => CommandWord::Plain(value),
                    Some(flag) => CommandWord::Option {
                        flag: flag.clone(),
                        value: takes_value.then_some(value),
                    },
                };
                // What is typed before the verb is counted apart from what comes after it.
                found.push(((argument.is_global_set(), place), word));
            }
        }
        // In the order in which they were typed, those of every command last.
        found.sort_by_key(|(place, _)| *place);
        Self {
            verb: verb.to_owned(),
            own: found
                .iter()
                .filter(|((is_global, _), _)| !is_global)
                .count(),
            words: found.into_iter().map(|(_, word)| word).collect(),
        }
    }

    /// The command for a hint that repeats it.
    pub(super) fn typed(&self) -> TypedCommand {
        let urls = Redactor::default();
        let words = self.words[..self.own].iter().map(|word| match word {
            CommandWord::Plain(text) => TypedWord::Plain(told_again(text)),
            CommandWord::Option { flag, value } => {
                let value = value.iter().map(|value| shell_word(&urls.redact(value)));
                let words = std::iter::once(flag.clone()).chain(value);
                TypedWord::Option(words.collect::<Vec<_>>().join(" "))
            }
        });
        TypedCommand {
            verb: self.verb.clone(),
            words: words.collect(),
        }
    }

    /// The line for the record; `is_secret_name` knows of names that hold secrets and do not look so.
    pub(super) fn line(&self, is_secret_name: impl Fn(&str) -> bool) -> String {
        let urls = Redactor::default();
        let mut words = vec![self.verb.clone()];
        for word in &self.words {
            match word {
                CommandWord::Plain(text) => words.push(plain(text, &is_secret_name)),
                CommandWord::Option { flag, value } => {
                    words.push(flag.clone());
                    words.extend(value.iter().map(|value| shell_word(&urls.redact(value))));
                }
            }
        }
        words.join(" ")
    }
}

/// A word as it can be typed again: of an assignment to a secret, or of several lines, the name.
fn told_again(text: &str) -> String {
    match text.split_once('=') {
        // An address without its scheme may hold a password all the same.
        Some((name, value))
            if is_secret(last_name(name), value)
                || value.contains('@')
                || value.contains(char::is_control) =>
        {
            name.to_owned()
        }
        Some(_) => text.to_owned(),
        None => Redactor::default().redact(text),
    }
}

/// Of a path such as services.web.environment.API_KEY the end says what it is.
fn last_name(name: &str) -> &str {
    let mut parts = name.rsplit(['.', '"', '[', ']']);
    parts.find(|part| !part.is_empty()).unwrap_or(name)
}

/// A word; of an assignment to a secret only the name.
fn plain(text: &str, is_secret_name: impl Fn(&str) -> bool) -> String {
    let Some((name, value)) = text.split_once('=') else {
        return shell_word(&Redactor::default().redact(text));
    };
    match is_secret_name(name) || is_secret(last_name(name), value) {
        true => shell_word(&format!("{name}={HIDDEN}")),
        false => shell_word(text),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    fn line(words: &[&str]) -> String {
        let command = Cli::command();
        let matches = Cli::command().try_get_matches_from([&["refit"], words].concat());
        CommandLine::of(&command, &matches.unwrap()).line(|name| name == "store")
    }

    #[test]
    fn a_command_is_told_again_with_a_word_mended() {
        let told = |words: &[&str], at: std::ops::Range<usize>, by: &[&str]| {
            let command = Cli::command();
            let matches = Cli::command().try_get_matches_from([&["refit"], words].concat());
            let typed = CommandLine::of(&command, &matches.unwrap()).typed();
            typed.with(at, by)
        };
        for (typed, at, by, again) in [
            (
                &[
                    "-p",
                    "shop",
                    "set",
                    "A=1",
                    "DB_HST=it's",
                    "--dry-run",
                    "-F",
                    "x y.env",
                ][..],
                1..2,
                &["DB_HOST=it's"][..],
                "refit set A=1 'DB_HOST=it'\\''s' --dry-run -F 'x y.env'",
            ),
            (
                &[
                    "set",
                    "API_KEY=hunter22",
                    "URL=me:pw@x",
                    "PROT=1",
                    "--for",
                    "web",
                ],
                2..3,
                &["PORT=1"],
                "refit set API_KEY URL PORT=1 --for web",
            ),
            (
                &["set", "TITLE", "=", "x", "--no-apply"],
                0..3,
                &["TITLE=x"],
                "refit set TITLE=x --no-apply",
            ),
            (&["unset", "A=1", "B"], 0..1, &["A"], "refit unset A B"),
            (&["set", ".env", "A=1"], 0..1, &[], "refit set A=1"),
        ] {
            assert_eq!(told(typed, at, by), again);
        }
    }

    #[test]
    fn all_of_it_is_recorded_in_its_order_and_no_secret() {
        for (typed, recorded) in [
            (&["set", "A=1", "B=2"][..], "set A=1 B=2"),
            (
                &[
                    "set",
                    "--allow",
                    "guarded-key",
                    "A=1",
                    "--for=web",
                    "--settle",
                    "60s",
                ],
                "set --allow guarded-key A=1 --for web --settle 60s",
            ),
            (
                &["set", "API_KEY=hunter22", "PORT=80", "--no-apply"],
                "set API_KEY=••• PORT=80 --no-apply",
            ),
            (
                &[
                    "set",
                    "services.web.environment.API_KEY=x1y2",
                    "--in",
                    "compose.yaml",
                ],
                "set services.web.environment.API_KEY=••• -F compose.yaml",
            ),
            (
                &["set", "services.web.environment[\"API_KEY\"]=x1y2"],
                "set 'services.web.environment[\"API_KEY\"]=•••'",
            ),
            (&["set", "URL=redis://:pw12@host"], "set URL=•••"),
            (&["set", "TEXT=it's two"], "set 'TEXT=it'\\''s two'"),
            (
                &["use", "session-store", "store=x", "--as", "redis"],
                "use session-store store=••• --as redis",
            ),
            (&["restart", "--down"], "restart --down"),
            (
                &["upgrade", "--to", "v2", "--unattended"],
                "upgrade --to v2 --unattended",
            ),
            (
                &["rollback", "3", "--timeout", "2m"],
                "rollback 3 --timeout 2m",
            ),
            // What chooses the stack and its profiles is part of it, how refit prints is not.
            (
                &[
                    "-C",
                    "/",
                    "--json",
                    "-q",
                    "-p",
                    "shop",
                    "apply",
                    "--profile",
                    "debug",
                    "web",
                ],
                "apply web --profile debug -p shop",
            ),
            (
                &["-H", "tcp://me:pw12@host", "apply"],
                "apply -H tcp://me:•••@host",
            ),
        ] {
            assert_eq!(line(typed), recorded);
        }
    }
}
