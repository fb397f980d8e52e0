//! The journal of a run: append-only, one JSON line a step, on disk before the step has its effect
//! and again after it. What recovery knows of a killed run is what stands here.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::{self, Lines, StateError};
use crate::event::{Action, Outcome, ProofResult, RunId, ServiceName, ServiceSummary, VerdictWord};
use crate::health::aftermath::LeftContainer;
use crate::host::process::start_time;
use crate::secret::Redactor;

const NAME: &str = "journal.jsonl";

/// An empty file that every program which a run starts has open.
const MARK: &str = "at-work";

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Entry {
    /// The run begins.
    Begin {
        /// Its number.
        run: RunId,
        /// What was typed, without secret values.
        command: String,
        /// Compose's project.
        project: String,
        /// The stack's folder.
        directory: PathBuf,
        /// This process.
        pid: u32,
        /// When it was started: with its number it is unique.
        #[serde(default)]
        started: Option<u64>,
        /// The runs that it undoes, if it is a rollback.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        undoes: Vec<RunId>,
    },
    /// One key changes; values only where they may be shown.
    Change {
        /// File as shown.
        file: String,
        /// Key or path.
        key: String,
        /// Before, if it may be shown.
        before: Option<String>,
        /// After, if it may be shown.
        after: Option<String>,
        /// A value is secret; it is left out.
        secret: bool,
        /// There was none before.
        #[serde(default)]
        added: bool,
        /// There is none afterwards.
        #[serde(default)]
        removed: bool,
    },
    /// One step of the plan.
    Planned {
        /// The service.
        service: ServiceName,
        /// What is done.
        action: Action,
        /// Why.
        reasons: Vec<String>,
    },
    /// Something in the settings was left out: nobody has accepted it yet.
    LeftOut {
        /// What, in a sentence.
        what: String,
    },
    /// The checkpoint is whole and on disk.
    Checkpointed,
    /// A file is about to be written.
    Writing {
        /// The file.
        file: PathBuf,
    },
    /// A file was left alone: somebody else had edited it in the last moment.
    LeftAlone {
        /// The file.
        file: PathBuf,
    },
    /// All files are written.
    Written,
    /// Images are about to be pulled or built.
    Preparing,
    /// A version of the application is passed that older ones cannot take back.
    PassingVersion {
        /// The first version after the step.
        to: String,
        /// Keys and paths of the settings that keep the way back; none: there is none.
        kept_by: Vec<String>,
    },
    /// A command is about to be run once, in a container of this name.
    RunningOnce {
        /// The service whose container is stopped meanwhile.
        service: ServiceName,
        /// The container's name.
        container: String,
        /// The command.
        command: String,
    },
    /// It came to its end, well.
    RanOnce {
        /// The service.
        service: ServiceName,
        /// The command.
        command: String,
    },
    /// Containers of these services are about to be touched.
    Touching {
        /// The services.
        services: Vec<ServiceName>,
    },
    /// All containers are as planned.
    Converged,
    /// A verdict.
    Verdict {
        /// The service.
        service: ServiceName,
        /// In a word.
        verdict: VerdictWord,
        /// Why, where it is not good.
        reason: Option<String>,
        /// Milliseconds from the start of its process until it was well.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        took_ms: Option<u64>,
    },
    /// An effect was looked for.
    Effect {
        /// The service.
        service: ServiceName,
        /// The key.
        key: String,
        /// As wanted.
        ok: bool,
        /// What was found, secrets hidden.
        what: String,
    },
    /// The application itself was looked at.
    Proof {
        /// The service.
        service: ServiceName,
        /// What was looked at, in a word.
        check: String,
        /// What came of it.
        result: ProofResult,
        /// What was seen, secrets hidden.
        what: String,
    },
    /// What it leaves of the services that it touched, well or not.
    Left {
        /// Their containers.
        containers: Vec<LeftContainer>,
    },
    /// An image was built for a service that runs of it now.
    Built {
        /// The image's ID.
        image: String,
        /// The digest of what it was built from.
        inputs: String,
    },
    /// Health and effect are proven: from here on the change stays.
    Proven,
    /// The change failed; the old state is about to be restored.
    RollingBack {
        /// Why.
        reason: String,
        /// The reason's stable code.
        code: String,
    },
    /// The change failed, and stays in place all the same, as asked.
    LeftInPlace {
        /// Why it failed.
        reason: String,
        /// The reason's stable code.
        code: String,
    },
    /// The files are as they were before the run.
    FilesRestored,
    /// The run is over.
    Finished {
        /// How.
        outcome: Outcome,
        /// What was done to whom.
        services: Vec<ServiceSummary>,
        /// What a person has to do, where the old state could not be restored.
        todo: Vec<String>,
    },
}

impl Entry {
    /// The same without the secrets that are known: what containers and Compose say may repeat them.
    /// Every case names its fields, so that a new text has to be thought of here.
    fn redacted(self, redactor: &Redactor) -> Self {
        let clean = |text: String| redactor.told(&text);
        match self {
            Self::Begin {
                run,
                command,
                project,
                directory,
                pid,
                started,
                undoes,
            } => Self::Begin {
                run,
                command: redactor.whole(&command),
                project,
                directory,
                pid,
                started,
                undoes,
            },
            Self::Planned {
                service,
                action,
                reasons,
            } => Self::Planned {
                service,
                action,
                reasons: reasons.into_iter().map(clean).collect(),
            },
            Self::LeftOut { what } => Self::LeftOut { what: clean(what) },
            Self::Verdict {
                service,
                verdict,
                reason,
                took_ms,
            } => Self::Verdict {
                service,
                verdict,
                reason: reason.map(clean),
                took_ms,
            },
            Self::Effect {
                service,
                key,
                ok,
                what,
            } => Self::Effect {
                service,
                key,
                ok,
                what: clean(what),
            },
            Self::Proof {
                service,
                check,
                result,
                what,
            } => Self::Proof {
                service,
                check,
                result,
                what: clean(what),
            },
            Self::RollingBack { reason, code } => Self::RollingBack {
                reason: clean(reason),
                code,
            },
            Self::LeftInPlace { reason, code } => Self::LeftInPlace {
                reason: clean(reason),
                code,
            },
            Self::Finished {
                outcome,
                services,
                todo,
            } => Self::Finished {
                outcome,
                services,
                todo: todo.iter().map(|todo| redactor.whole(todo)).collect(),
            },
            Self::Change {
                file,
                key,
                before,
                after,
                secret,
                added,
                removed,
            } => {
                let passes = |value: &String| redactor.lets_pass_of(&key, value);
                let hides = |value: &Option<String>| !value.iter().all(passes);
                Self::Change {
                    file,
                    secret: secret || hides(&before) || hides(&after),
                    before: before.filter(passes),
                    after: after.filter(passes),
                    key,
                    added,
                    removed,
                }
            }
            // Paths and names are what recovery goes by.
            same @ (Self::Checkpointed
            | Self::Writing { .. }
            | Self::LeftAlone { .. }
            | Self::Written
            | Self::Preparing
            | Self::PassingVersion { .. }
            | Self::RunningOnce { .. }
            | Self::RanOnce { .. }
            | Self::Touching { .. }
            | Self::Converged
            | Self::Left { .. }
            | Self::Built { .. }
            | Self::Proven
            | Self::FilesRestored) => same,
        }
    }
}

/// An open journal.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    redactor: Rc<Redactor>,
}

impl Journal {
    /// Begins the journal of a new run.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn create(folder: &Path) -> anyhow::Result<Self> {
        let journal = Self::open(folder)?;
        crate::host::files::sync_folder(folder)
            .with_context(|| format!("cannot sync {}", folder.display()))?;
        Ok(journal)
    }

    /// Opens the journal of a run to add to it.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let open = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let file = open.with_context(|| format!("cannot open {}", path.display()))?;
        // Half a line, which a power cut left, is taken away: what is added stands on a line of its own.
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let whole = document::whole_lines(&bytes);
        if whole < bytes.len() {
            let length = u64::try_from(whole).unwrap_or(u64::MAX);
            file.set_len(length)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Self {
            file,
            path,
            redactor: Rc::default(),
        })
    }

    /// The same, with these secrets taken out of every text.
    #[must_use]
    pub(crate) fn hiding(self, redactor: Rc<Redactor>) -> Self {
        Self { redactor, ..self }
    }

    /// Adds a line; it is on disk when this returns.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn add(&self, entry: Entry) -> anyhow::Result<()> {
        self.add_all([entry])
    }

    /// Adds lines that belong together, with one wait for the disk.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn add_all(&self, entries: impl IntoIterator<Item = Entry>) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            let line = Line {
                at: Timestamp::now(),
                entry: entry.redacted(&self.redactor),
            };
            lines.extend(document::line(&line)?);
        }
        self.put(&lines)
    }

    fn put(&self, bytes: &[u8]) -> anyhow::Result<()> {
        (&self.file)
            .write_all(bytes)
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// The mark of the programs that a run starts; it is made with the run, and recovery ends whoever
/// still has it open.
///
/// # Errors
/// It cannot be made.
pub(crate) fn mark(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(MARK);
    if !path.exists() {
        super::write_file(&path, b"")?;
    }
    Ok(path)
}

/// Reads a run's journal; `None`: there is none.
///
/// # Errors
/// It cannot be read, or a newer refit wrote it.
pub(crate) fn read(folder: &Path) -> Result<Option<Lines<Line>>, StateError> {
    document::read_lines(&path(folder))
}

/// That a journal is gone or empty, by what lies beside it: a run that did not come to its first line left
/// nothing else either.
pub(crate) fn gone(folder: &Path) -> Option<StateError> {
    let came_further = ["checkpoint.json", "file-0"];
    let further = came_further.iter().any(|name| folder.join(name).exists());
    further.then(|| StateError::Gone { path: path(folder) })
}

/// Where a run's journal is.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Whether the process that writes it is still there. A number alone may be another's by now.
pub(crate) fn is_at_work(lines: &[Line]) -> bool {
    lines.iter().any(|line| {
        matches!(line.entry, Entry::Begin { pid, started, .. }
            if started.is_some() && start_time(pid) == started)
    })
}

/// How a run ended, by its journal; `None`: it is open, or the line that says it is damaged.
pub(crate) fn outcome(lines: &[Line]) -> Option<Outcome> {
    lines.iter().rev().find_map(|line| {
        let Entry::Finished { outcome, .. } = line.entry else {
            return None;
        };
        Some(outcome)
    })
}

impl Line {
    /// Project and folder, where it is the first line of a run.
    pub(crate) fn begun_on(&self) -> Option<(&str, &Path)> {
        if let Entry::Begin {
            project, directory, ..
        } = &self.entry
        {
            return Some((project, directory));
        }
        None
    }
}

/// The services whose containers a run has touched, or was about to, with what was planned for each.
pub(crate) fn touched(lines: &[Line]) -> BTreeMap<ServiceName, Action> {
    let mut planned = BTreeMap::new();
    let mut touched = BTreeMap::new();
    for line in lines {
        if let Entry::Planned {
            service, action, ..
        } = &line.entry
        {
            planned.insert(service.clone(), *action);
        } else if let Entry::Touching { services } = &line.entry {
            for service in services {
                let action = planned.get(service).copied().unwrap_or(Action::Recreate);
                touched.insert(service.clone(), action);
            }
        }
    }
    touched
}

/// What a run was about to run once, or has: the containers, which go with it, and the commands.
pub(crate) fn run_once(lines: &[Line]) -> Vec<(String, String)> {
    let named = lines.iter().filter_map(|line| {
        let Entry::RunningOnce {
            container, command, ..
        } = &line.entry
        else {
            return None;
        };
        Some((container.clone(), command.clone()))
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_passed_over_and_the_next_one_stands_alone() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::create(dir.path()).unwrap();
        journal.add(Entry::Checkpointed).unwrap();
        drop(journal);
        let path = dir.path().join(NAME);
        let mut text = fs::read(&path).unwrap();
        text.extend(b"{\"at\":\"2026-01-01T00:");
        fs::write(&path, text).unwrap();
        Journal::open(dir.path())
            .unwrap()
            .add(Entry::Written)
            .unwrap();
        let found = read(dir.path()).unwrap().unwrap();
        let entries: Vec<_> = found.lines.iter().map(|line| &line.entry).collect();
        assert_eq!(entries, [&Entry::Checkpointed, &Entry::Written]);
        assert_eq!(outcome(&found.lines), None);
        assert_eq!(found.damaged, []);
    }
}
