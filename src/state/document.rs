//! How every file of the state is read and written. Not there, not readable, damaged and newer than this
//! program are four answers, each with the path: what cannot be read is never taken for nothing.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use thiserror::Error;

use super::files::write_file;
use crate::complaint::{Code, Complaint};

/// The format that this program writes, in every file. Files without a number are of format 1.
pub(crate) const FORMAT: u64 = 2;

/// The name of the number.
const KEY: &str = "format";

/// Why a file of the state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateError {
    /// The system does not let us read it.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The system's own words.
        cause: String,
    },
    /// It is there, and holds something else than it should.
    #[error("{} is damaged{place}: {cause}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, as far as is known.
        place: DamagedAt,
        /// What is wrong there.
        cause: String,
    },
    /// It was there once, by what else is known.
    #[error("{} is gone", path.display())]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A newer refit wrote it.
    #[error("{} was written by a newer refit (format {format}, this one reads up to {FORMAT})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
    /// An older refit wrote it, in a form that is not read any more.
    #[error("{} was written by an older refit (format {format}), and cannot be used by this one", path.display())]
    Older {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u64,
    },
}

/// Where a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamagedAt {
    /// Somewhere.
    Somewhere,
    /// In this line; the first is 1.
    Line(usize),
}

impl fmt::Display for DamagedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Somewhere => Ok(()),
            Self::Line(line) => write!(f, " in line {line}"),
        }
    }
}

impl StateError {
    /// An error of the system's about a path.
    pub fn of_io(path: &Path, error: &io::Error) -> Self {
        Self::Unreadable {
            path: path.to_owned(),
            cause: error.to_string(),
        }
    }

    /// What to do about it.
    fn hint(&self) -> String {
        match self {
            Self::Unreadable { path, .. } => {
                format!("make it readable again: ls -ld {}", path.display())
            }
            Self::Damaged { path, .. } | Self::Gone { path } => {
                format!(
                    "restore it from a backup, or see what is left: ls -l {}",
                    folder(path)
                )
            }
            Self::Newer { .. } => "use the newer refit".to_owned(),
            Self::Older { .. } => "undo it with the older refit, or by hand".to_owned(),
        }
    }

    /// Whether a later try may find it readable: nothing must be closed or given up for it.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreadable { .. } | Self::Newer { .. } => true,
            Self::Damaged { .. } | Self::Gone { .. } | Self::Older { .. } => false,
        }
    }
}

fn folder(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

impl From<StateError> for Complaint {
    fn from(error: StateError) -> Self {
        let code = match error {
            StateError::Unreadable { .. } => Code::StateUnreadable,
            StateError::Damaged { .. } | StateError::Gone { .. } => Code::StateDamaged,
            StateError::Newer { .. } => Code::StateNewer,
            StateError::Older { .. } => Code::StateOlder,
        };
        Self::new(code, error.to_string()).hint(error.hint())
    }
}

/// A file's bytes; `None`: it is not there.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        // A link that leads nowhere was put there by somebody: the file is not simply missing.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) => Err(StateError::of_io(path, &error)),
    }
}

/// Reads a file that holds one thing.
///
/// # Errors
/// See [`StateError`].
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let Some(bytes) = read_bytes(path)? else {
        return Ok(None);
    };
    parse(path, &bytes, DamagedAt::Somewhere).map(Some)
}

fn parse<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    place: DamagedAt,
) -> Result<T, StateError> {
    let damaged = |cause: String| StateError::Damaged {
        path: path.to_owned(),
        place,
        cause,
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| damaged(error.to_string()))?;
    let format = match value.get(KEY) {
        None => 1,
        // What is no number was written by nobody who can be told apart from a newer refit.
        Some(told) => told
            .as_u64()
            .ok_or_else(|| damaged(format!("{KEY} is no number: {told}")))?,
    };
    if format > FORMAT {
        let path = path.to_owned();
        return Err(StateError::Newer { path, format });
    }
    serde_json::from_value(value).map_err(|error| damaged(error.to_string()))
}

/// Writes a file that holds one thing, with the number of its format.
///
/// # Errors
/// The disk is full.
pub(crate) fn write(path: &Path, what: &impl Serialize) -> anyhow::Result<()> {
    write_file(path, &serde_json::to_vec_pretty(&numbered(what)?)?)
}

/// One line of a file of lines, with the number of its format.
///
/// # Errors
/// It cannot be written as JSON.
pub(crate) fn line(what: &impl Serialize) -> anyhow::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(&numbered(what)?)?;
    line.push(b'\n');
    Ok(line)
}

fn numbered(what: &impl Serialize) -> anyhow::Result<Value> {
    let mut all = Map::from_iter([(KEY.to_owned(), FORMAT.into())]);
    let value = serde_json::to_value(what)?;
    let Value::Object(fields) = value else {
        anyhow::bail!("a file of the state must hold an object, not {value}");
    };
    all.extend(fields);
    Ok(all.into())
}

/// A file of lines: a damaged line costs that line, never the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines<T> {
    /// Those that could be read, in order.
    pub lines: Vec<T>,
    /// What is wrong with the others.
    pub damaged: Vec<StateError>,
}

/// Reads a file of lines. What a power cut leaves of the last line is no damage: its step had no effect.
///
/// # Errors
/// The file cannot be read, or a line is of a newer format.
pub(crate) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Option<Lines<T>>, StateError> {
    let Some(bytes) = read_bytes(path)? else {
        return Ok(None);
    };
    let mut all = Lines {
        lines: Vec::new(),
        damaged: Vec::new(),
    };
    let mut rest = &bytes[..];
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (line, whole) = match end {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        rest = rest.get(line.len() + 1..).unwrap_or_default();
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match parse(path, line, DamagedAt::Line(number)) {
            Ok(line) => all.lines.push(line),
            Err(newer @ StateError::Newer { .. }) => return Err(newer),
            Err(_) if !whole => {}
            Err(error) => all.damaged.push(error),
        }
    }
    Ok(Some(all))
}

/// How many bytes of a file of lines are whole lines: what follows was cut off by a power cut.
pub(crate) fn whole_lines(bytes: &[u8]) -> usize {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    end.map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Thing {
        name: String,
    }

    fn thing(name: &str) -> Thing {
        Thing { name: name.into() }
    }

    #[test]
    fn not_there_damaged_newer_and_unreadable_are_four_answers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("thing.json");
        assert_eq!(read::<Thing>(&path), Ok(None));
        write(&path, &thing("a")).unwrap();
        assert_eq!(read(&path), Ok(Some(thing("a"))));
        fs::write(&path, r#"{"name": "a"}"#).unwrap();
        assert_eq!(read(&path), Ok(Some(thing("a"))), "of the first format");
        for damaged in [
            "",
            "{\"name\":",
            "\u{0}\u{0}",
            "{}",
            r#"{"format": "99", "name": "a"}"#,
        ] {
            fs::write(&path, damaged).unwrap();
            let found = read::<Thing>(&path);
            assert!(
                matches!(found, Err(StateError::Damaged { .. })),
                "{found:?}"
            );
        }
        fs::write(&path, r#"{"format": 99, "other": true}"#).unwrap();
        let found = read::<Thing>(&path);
        assert!(matches!(found, Err(StateError::Newer { format: 99, .. })));
        for odd in ["folder", "dangling"] {
            let _ = fs::remove_file(&path);
            match odd {
                "folder" => fs::create_dir(&path).unwrap(),
                _ => {
                    fs::remove_dir(&path).unwrap();
                    std::os::unix::fs::symlink("nowhere", &path).unwrap();
                }
            }
            let found = read::<Thing>(&path);
            assert!(
                matches!(found, Err(StateError::Unreadable { .. })),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_damaged_line_costs_that_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("things.jsonl");
        let mut bytes = line(&thing("a")).unwrap();
        bytes.extend(b"\xff\xfe garbage\n");
        bytes.extend(line(&thing("b")).unwrap());
        bytes.extend(b"{\"name\": \"torn");
        fs::write(&path, &bytes).unwrap();
        let found: Lines<Thing> = read_lines(&path).unwrap().unwrap();
        assert_eq!(found.lines, [thing("a"), thing("b")]);
        let places: Vec<String> = found.damaged.iter().map(ToString::to_string).collect();
        assert_eq!(places.len(), 1);
        assert!(places[0].contains("in line 2"), "{places:?}");
        assert_eq!(whole_lines(&bytes), bytes.len() - 14);
    }
}
