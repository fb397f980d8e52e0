//! The proof that a change arrived: the setting read where the process reads it. The API's archive
//! call would show the new file even where the process still has the old one (F29), so it is not
//! asked.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use crate::docker::EngineError;
use crate::docker::client::Docker;
use crate::docker::container::Inspected;
use crate::edit::dotenv::{Dotenv, Format};
use crate::edit::syntax::FileSyntax;
use crate::edit::yaml::{self, YamlPath};
use crate::event::{How, Route, ServiceName, Shown};
use crate::stack::drift::seen_by_process;

/// What must be seen in a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// The service.
    pub service: ServiceName,
    /// How the change reaches it.
    pub route: Route,
    /// The edited key, or the place in the definition.
    pub key: String,
    /// What to look for.
    pub wanted: ExpectedValue,
}

/// What to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExpectedValue {
    /// The variable has this value; `None`: it is not there, or no longer has `before`.
    Variable {
        /// Its value after the change.
        value: Option<String>,
        /// Its value before.
        before: Option<String>,
    },
    /// The process sees the file as it is on the host.
    File {
        /// On the host.
        host: PathBuf,
        /// In the container.
        target: PathBuf,
    },
    /// The container was made after the files were written.
    NewContainer,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// As wanted.
    pub ok: bool,
    /// How it is known.
    pub how: How,
    /// In words.
    pub what: String,
}

/// Looks into one container.
///
/// # Errors
/// The engine's.
pub(crate) async fn prove(
    docker: &Docker,
    container: &str,
    expected: &Expected,
    written_at: Timestamp,
) -> Result<Proof, EngineError> {
    let Some(inspected) = docker.inspect(container).await? else {
        let what = "its container is gone".to_owned();
        return Ok(Proof {
            ok: false,
            how: How::Inspect,
            what,
        });
    };
    Ok(match &expected.wanted {
        ExpectedValue::Variable { value, before } => of_variable(
            &inspected,
            &expected.key,
            value.as_deref(),
            before.as_deref(),
        ),
        ExpectedValue::File { host, target } => {
            of_file(docker, &inspected, expected, host, target, written_at).await
        }
        ExpectedValue::NewContainer => of_container(&inspected, written_at),
    })
}

fn of_container(inspected: &Inspected, written_at: Timestamp) -> Proof {
    let ok = inspected.created.is_some_and(|at| at >= written_at);
    let what = match ok {
        true => "runs the new configuration",
        false => "still runs the old configuration",
    };
    Proof {
        ok,
        how: How::Recreated,
        what: what.to_owned(),
    }
}

fn of_variable(
    inspected: &Inspected,
    key: &str,
    value: Option<&str>,
    before: Option<&str>,
) -> Proof {
    let found = inspected.env.get(key).map(String::as_str);
    let ok = match value {
        Some(value) => found == Some(value),
        // An image may bring a default of its own.
        None => found.is_none() || found != before,
    };
    let what = match (ok, Shown::of(key, found)) {
        (true, Shown::Absent) => format!("environment has no {key} any more"),
        (false, Shown::Absent) => format!("environment has no {key}"),
        (_, Shown::Plain(text)) if text.is_empty() => format!("environment has an empty {key}"),
        (_, Shown::Plain(text)) => format!("environment has {key}={text}"),
        (true, Shown::Secret) => format!("environment has the wanted {key}"),
        (false, Shown::Secret) => format!("environment has another {key}"),
    };
    Proof {
        ok,
        how: How::Inspect,
        what,
    }
}

async fn of_file(
    docker: &Docker,
    inspected: &Inspected,
    expected: &Expected,
    host: &Path,
    target: &Path,
    written_at: Timestamp,
) -> Proof {
    let wanted = std::fs::read(host).unwrap_or_default();
    if docker.endpoint.is_local()
        && inspected.pid > 0
        && let Ok(found) = std::fs::read(seen_by_process(inspected.pid, target))
    {
        return of_content(&found, &wanted, expected, (host, target), How::Proc);
    }
    let path = target.to_string_lossy();
    if let Some(found) = docker.exec_output(&inspected.id, &["cat", &path]).await {
        return of_content(&found, &wanted, expected, (host, target), How::Exec);
    }
    let ok = inspected
        .started_at
        .is_some_and(|started| started >= written_at);
    let what = if ok {
        format!("was started after {} was written", target.display())
    } else {
        format!("was not started since {} was written", target.display())
    };
    Proof {
        ok,
        how: How::StartedAfterWrite,
        what,
    }
}

fn of_content(
    found: &[u8],
    wanted: &[u8],
    expected: &Expected,
    (host, target): (&Path, &Path),
    how: How,
) -> Proof {
    let ok = found == wanted;
    // What kind of file it is is seen by the name that it was edited under.
    let value = value_in(host, found, &expected.key);
    let target = target.display();
    let what = if ok {
        match value {
            Some(Shown::Plain(value)) => format!("{target} reads {}={value}", expected.key),
            Some(Shown::Secret) => format!("{target} has the wanted {}", expected.key),
            Some(Shown::Absent) => format!("{target} has no {} any more", expected.key),
            None => format!("{target} is the file of the stack now"),
        }
    } else {
        format!("{target} is still the old file")
    };
    Proof { ok, how, what }
}

/// What a file says of a key; nothing where it is of no kind that is edited by key, or this is no key.
fn value_in(name: &Path, file: &[u8], key: &str) -> Option<Shown> {
    let path = || key.parse::<YamlPath>().ok();
    let text = || std::str::from_utf8(file).ok();
    let value = match FileSyntax::of(name, Some(file), false) {
        FileSyntax::Other => return None,
        FileSyntax::Yaml => yaml::get(text()?, &path()?).ok()?,
        FileSyntax::Paths(syntax) => syntax.get(text()?, &path()?).ok()?,
        FileSyntax::Env => {
            let key: crate::edit::dotenv::EnvKey = key.parse().ok()?;
            let file = Dotenv::parse(file, Format::Compose).ok()?;
            let value = file.get(&key, &|name| std::env::var(name).ok()).ok()?;
            return Some(Shown::of(key.as_str(), value.as_deref()));
        }
    };
    let word = || match FileSyntax::of(name, Some(file), false) {
        FileSyntax::Yaml => yaml::number_word(text()?, &path()?),
        FileSyntax::Paths(syntax) => syntax.number_word(text()?, &path()?),
        FileSyntax::Env | FileSyntax::Other => None,
    };
    match value {
        None => Some(Shown::Absent),
        // A whole part of the file is not told in a line.
        Some(Value::Object(_) | Value::Array(_)) => None,
        Some(Value::String(text)) => Some(Shown::of(key, Some(&text))),
        Some(other) => {
            let text = word().unwrap_or_else(|| other.to_string());
            Some(Shown::of(key, Some(&text)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After an undo it is the old one again, so it is not called new.
    #[test]
    fn secrets_are_proven_without_being_told() {
        let inspected = |value: &str| Inspected {
            env: [("API_KEY".to_owned(), value.to_owned())].into(),
            ..Inspected::default()
        };
        let proof = of_variable(&inspected("new"), "API_KEY", Some("new"), Some("old"));
        assert!(proof.ok && proof.what == "environment has the wanted API_KEY");
        let proof = of_variable(&inspected("old"), "API_KEY", Some("new"), Some("old"));
        assert!(!proof.ok && proof.what == "environment has another API_KEY");
    }

    #[test]
    fn a_file_is_read_as_what_it_is() {
        let text = "auth:\n  enabled: false\n  token: abcd\n";
        let told = |name: &str, key: &str| value_in(Path::new(name), text.as_bytes(), key);
        let plain = Some(Shown::Plain("false".to_owned()));
        assert_eq!(told("/a/config.yaml", "auth.enabled"), plain);
        assert_eq!(told("/a/config.yml", "auth.token"), Some(Shown::Secret));
        assert_eq!(told("/a/config.yaml", "auth.gone"), Some(Shown::Absent));
        assert_eq!(told("/a/config.yaml", "auth"), None);
        let env = value_in(Path::new("/a/.env"), b"A=1\n", "A");
        assert_eq!(env, Some(Shown::Plain("1".to_owned())));
    }

    #[test]
    fn a_removed_key_may_leave_the_images_own_default() {
        let inspected = Inspected {
            env: [("K".to_owned(), "image".to_owned())].into(),
            ..Inspected::default()
        };
        assert!(of_variable(&inspected, "K", None, Some("mine")).ok);
        assert!(!of_variable(&inspected, "K", None, Some("image")).ok);
    }
}
