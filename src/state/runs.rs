//! The runs of a stack, read from their journals.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::StackState;
use super::document::StateError;
use super::journal::{self, Entry, Line};
use crate::event::{Action, Outcome, RunId, ServiceName, ServiceSummary, VerdictWord};
use crate::health::aftermath::LeftContainer;
use crate::stack::drift::PastWork;

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Its process is there.
    Running,
    /// Its process is gone, and its journal does not end.
    CutOff,
    /// The line that says how it ended cannot be read, or was never written.
    Unknown,
    /// Files were written, and containers are still to take them.
    NotApplied,
    /// Files were written, and there was no container to touch.
    Written,
    /// What was asked for is done, and these services are as bad as they were before.
    StillFailing(Vec<ServiceName>),
    /// It came to its end.
    Ended(Outcome),
}

impl Standing {
    /// The word used in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::CutOff => "cut_off",
            Self::Unknown => "unknown",
            Self::NotApplied | Self::Written => "written",
            Self::StillFailing(_) => Outcome::NotProven.word(),
            Self::Ended(outcome) => outcome.word(),
        }
    }

    /// Whether it is over, so that it took as long as its journal says.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Running | Self::CutOff | Self::Unknown => false,
            Self::NotApplied | Self::Written | Self::StillFailing(_) | Self::Ended(_) => true,
        }
    }
}

/// A run as its journal tells it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its number.
    pub run: RunId,
    /// Compose's project; `None`: the line that says it is damaged.
    pub project: Option<String>,
    /// When it began.
    pub began: Timestamp,
    /// What was typed, without secret values; `None`: the line that says it is damaged.
    pub command: Option<String>,
    /// How it ended; `None`: it is open, or the line that says it is damaged.
    pub outcome: Option<Outcome>,
    /// How long it took, as far as it came.
    pub took: Duration,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// The reason's stable code.
    pub code: Option<String>,
    /// It failed, and was left in place as asked.
    pub left_in_place: bool,
    /// Its files were put back.
    pub files_restored: bool,
    /// What a person has to do, where it could not be given back.
    pub todo: Vec<String>,
    /// The runs that it undid.
    pub undoes: Vec<RunId>,
    /// All of its journal that can be read.
    pub lines: Vec<Line>,
    /// The lines that cannot.
    pub damaged: Vec<StateError>,
}

impl Record {
    /// Reads a run; `None` when it did not even begin.
    ///
    /// # Errors
    /// The journal cannot be read, or holds nothing that can be.
    pub(crate) fn read(state: &StackState, run: RunId) -> Result<Option<Self>, StateError> {
        let folder = state.run_folder(run);
        let nothing = |why: Option<StateError>| {
            let why = why.or_else(|| journal::gone(&folder));
            why.map_or(Ok(None), Err)
        };
        let Some(found) = journal::read(&folder)? else {
            return nothing(None);
        };
        let (Some(first), Some(last)) = (found.lines.first(), found.lines.last()) else {
            return nothing(found.damaged.into_iter().next());
        };
        let mut record = Self {
            took: last.at.duration_since(first.at).unsigned_abs(),
            damaged: found.damaged,
            ..Self::empty(run, first.at)
        };
        for line in &found.lines {
            record.take(&line.entry);
        }
        record.lines = found.lines;
        Ok(Some(record))
    }

    /// One of these lines.
    #[cfg(test)]
    pub(crate) fn of_lines(run: RunId, lines: Vec<Line>) -> Self {
        let mut record = Self::empty(run, Timestamp::UNIX_EPOCH);
        lines.iter().for_each(|line| record.take(&line.entry));
        Self { lines, ..record }
    }

    /// One of which nothing is known but when it began.
    pub(super) fn empty(run: RunId, began: Timestamp) -> Self {
        Self {
            run,
            project: None,
            began,
            command: None,
            outcome: None,
            took: Duration::ZERO,
            services: Vec::new(),
            reason: None,
            code: None,
            left_in_place: false,
            files_restored: false,
            todo: Vec::new(),
            undoes: Vec::new(),
            lines: Vec::new(),
            damaged: Vec::new(),
        }
    }

    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Begin {
                command,
                project,
                undoes,
                ..
            } => {
                self.command = Some(command.clone());
                self.project = Some(project.clone());
                self.undoes.clone_from(undoes);
            }
            Entry::RollingBack { reason, code } => self.failed(reason, code),
            Entry::LeftInPlace { reason, code } => {
                self.failed(reason, code);
                self.left_in_place = true;
            }
            Entry::FilesRestored => self.files_restored = true,
            Entry::Finished {
                outcome,
                services,
                todo,
            } => {
                self.outcome = Some(*outcome);
                self.services.clone_from(services);
                self.todo.clone_from(todo);
            }
            Entry::Change { .. }
            | Entry::Planned { .. }
            | Entry::LeftOut { .. }
            | Entry::Checkpointed
            | Entry::Writing { .. }
            | Entry::LeftAlone { .. }
            | Entry::Written
            | Entry::Preparing
            | Entry::PassingVersion { .. }
            | Entry::RunningOnce { .. }
            | Entry::RanOnce { .. }
            | Entry::Converged
            | Entry::Verdict { .. }
            | Entry::Effect { .. }
            | Entry::Proof { .. }
            | Entry::Touching { .. }
            | Entry::Left { .. }
            | Entry::Built { .. }
            | Entry::Proven => {}
        }
    }

    fn failed(&mut self, reason: &str, code: &str) {
        self.reason = Some(reason.to_owned());
        self.code = Some(code.to_owned());
    }

    /// The services that it planned to touch.
    pub(crate) fn planned(&self) -> impl Iterator<Item = &ServiceName> {
        self.lines.iter().filter_map(|line| {
            let Entry::Planned { service, .. } = &line.entry else {
                return None;
            };
            Some(service)
        })
    }

    /// Whether the run left its change in place.
    pub(crate) fn is_in_force(&self) -> bool {
        matches!(
            self.outcome,
            Some(Outcome::Applied | Outcome::NotProven | Outcome::RollbackFailed)
        )
    }

    /// How it stands now.
    pub(crate) fn standing(&self) -> Standing {
        let Some(outcome) = self.outcome else {
            return match (journal::is_at_work(&self.lines), self.damaged.is_empty()) {
                (true, _) => Standing::Running,
                (false, true) => Standing::CutOff,
                (false, false) => Standing::Unknown,
            };
        };
        if !outcome.is_in_force() {
            return Standing::Ended(outcome);
        }
        let has = |is: fn(&Entry) -> bool| self.lines.iter().any(|line| is(&line.entry));
        let failing = still_failing(&self.lines);
        if !failing.is_empty() {
            Standing::StillFailing(failing)
        } else if has(|entry| matches!(entry, Entry::Written))
            && !has(|entry| matches!(entry, Entry::Touching { .. }))
        {
            match self.planned().next() {
                Some(_) => Standing::NotApplied,
                None => Standing::Written,
            }
        } else {
            Standing::Ended(outcome)
        }
    }

    /// What was typed, as it is told.
    pub(crate) fn typed(&self) -> &str {
        self.command.as_deref().unwrap_or("(not readable)")
    }
}

/// The services that were failing before a run, and failed by their last verdict as well.
pub(crate) fn still_failing(lines: &[Line]) -> Vec<ServiceName> {
    let mut last = BTreeMap::new();
    for line in lines {
        if let Entry::Verdict {
            service, verdict, ..
        } = &line.entry
        {
            last.insert(service, *verdict);
        }
    }
    let failing = last
        .into_iter()
        .filter(|(_, verdict)| *verdict == VerdictWord::AlreadyFailing);
    failing.map(|(service, _)| service.clone()).collect()
}

/// Every run of a stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs {
    /// Those whose journals can be read, the oldest first.
    pub known: Vec<Record>,
    /// The others, and why.
    pub unreadable: Vec<(RunId, StateError)>,
}

/// What the runs of a stack did.
///
/// # Errors
/// The folder of runs cannot be listed.
pub(crate) fn past_work(state: &StackState) -> Result<PastWork, StateError> {
    let mut found = PastWork::default();
    for record in all(state)?.known {
        for line in &record.lines {
            if let Entry::Built { image, inputs } = &line.entry {
                found.built.insert(image.clone(), inputs.clone());
            }
        }
        if !record.outcome.is_some_and(Outcome::is_in_force) {
            continue;
        }
        let Some(last) = record.lines.last().map(|line| line.at) else {
            continue;
        };
        let signalled = journal::touched(&record.lines).into_iter();
        let signalled = signalled.filter(|(_, action)| *action == Action::Signal);
        let signalled = signalled.map(|(service, _)| (service, last));
        found.reloaded.extend(signalled);
    }
    Ok(found)
}

/// The versions without a way back that some runs have passed, where settings have kept it, and no run has
/// changed these since.
///
/// # Errors
/// The folder of runs cannot be listed.
pub(crate) fn kept_way_back(
    state: &StackState,
    runs: &[RunId],
) -> Result<BTreeSet<String>, StateError> {
    Ok(kept_among(&all(state)?.known, runs))
}

/// Whatever became of a run, the settings that it wrote may have been in force for a while.
fn kept_among(records: &[Record], runs: &[RunId]) -> BTreeSet<String> {
    let mut kept: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in records {
        let changed = |name: &String| {
            let mut lines = record.lines.iter();
            lines.any(|line| matches!(&line.entry, Entry::Change { key, .. } if key == name))
        };
        // What the run itself sets, it sets before the new version starts.
        kept.retain(|_, by| !by.iter().any(changed));
        for line in record.lines.iter().filter(|_| runs.contains(&record.run)) {
            if let Entry::PassingVersion { to, kept_by } = &line.entry {
                match kept_by.is_empty() {
                    true => drop(kept.remove(to)),
                    false => drop(kept.insert(to.clone(), kept_by.clone())),
                }
            }
        }
    }
    kept.into_keys().collect()
}

/// The containers that runs left, by their IDs, as the newest run did. What cannot be read is not known.
pub(crate) fn left(state: &StackState) -> BTreeMap<String, LeftContainer> {
    let known = all(state).map(|runs| runs.known).unwrap_or_default();
    let lines = known.into_iter().flat_map(|record| record.lines);
    let left = lines.filter_map(|line| {
        let Entry::Left { containers } = line.entry else {
            return None;
        };
        Some(containers)
    });
    left.flatten().map(|one| (one.id.clone(), one)).collect()
}

/// Every run of a stack, the oldest first.
///
/// # Errors
/// The folder of runs cannot be listed.
pub(crate) fn all(state: &StackState) -> Result<Runs, StateError> {
    let mut runs = Runs::default();
    for run in state.runs()? {
        match Record::read(state, run) {
            Ok(record) => runs.known.extend(record),
            Err(error) => runs.unreadable.push((run, error)),
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ServiceName;

    fn standing(entries: Vec<Entry>) -> Standing {
        let at = Timestamp::UNIX_EPOCH;
        let mut record = Record::empty(RunId(1), at);
        entries.iter().for_each(|entry| record.take(entry));
        record.lines = entries
            .into_iter()
            .map(|entry| Line { at, entry })
            .collect();
        record.standing()
    }

    fn begin(pid: u32) -> Entry {
        Entry::Begin {
            run: RunId(1),
            command: "set A=1".into(),
            project: "p".into(),
            directory: "/".into(),
            pid,
            started: crate::host::process::start_time(pid),
            undoes: Vec::new(),
        }
    }

    fn finished(outcome: Outcome) -> Entry {
        Entry::Finished {
            outcome,
            services: Vec::new(),
            todo: Vec::new(),
        }
    }

    #[test]
    fn a_run_is_called_what_it_did() {
        let web = || ServiceName::from("web");
        let touching = || Entry::Touching {
            services: vec![web()],
        };
        let verdict = |verdict| Entry::Verdict {
            service: web(),
            verdict,
            reason: None,
            took_ms: None,
        };
        let applied = || finished(Outcome::Applied);
        let written = standing(vec![begin(1), Entry::Written, applied()]);
        assert_eq!(written, Standing::Written);
        let planned = Entry::Planned {
            service: web(),
            action: Action::Recreate,
            reasons: Vec::new(),
        };
        let waits = standing(vec![begin(1), planned, Entry::Written, applied()]);
        assert_eq!(waits, Standing::NotApplied);
        let healthy = verdict(VerdictWord::Healthy);
        let touched = vec![Entry::Written, touching(), healthy.clone(), applied()];
        assert_eq!(standing(touched), Standing::Ended(Outcome::Applied));
        let failing = verdict(VerdictWord::AlreadyFailing);
        let still = vec![touching(), failing.clone(), applied()];
        assert_eq!(standing(still), Standing::StillFailing(vec![web()]));
        let not_proven = finished(Outcome::NotProven);
        let still = vec![touching(), failing.clone(), not_proven];
        assert_eq!(standing(still), Standing::StillFailing(vec![web()]));
        let mended = vec![touching(), failing, healthy, applied()];
        assert_eq!(standing(mended), Standing::Ended(Outcome::Applied));
    }

    #[test]
    fn a_run_without_an_end_is_at_work_or_cut_off() {
        let here = begin(std::process::id());
        assert_eq!(standing(vec![here]), Standing::Running);
        // No process has this number: it is above what the kernel gives.
        let gone = begin(u32::MAX);
        assert_eq!(standing(vec![gone, Entry::Written]), Standing::CutOff);
    }

    #[test]
    fn a_way_back_is_kept_as_long_as_no_run_changes_what_keeps_it() {
        let at = Timestamp::UNIX_EPOCH;
        let record = |run: u64, entries: Vec<Entry>| {
            let lines = entries.into_iter().map(|entry| Line { at, entry });
            Record::of_lines(RunId(run), lines.collect())
        };
        let change = |key: &str| Entry::Change {
            file: ".env".into(),
            key: key.into(),
            before: None,
            after: None,
            secret: false,
            added: false,
            removed: false,
        };
        let passing = |kept_by: &[&str]| Entry::PassingVersion {
            to: "2.0".into(),
            kept_by: kept_by.iter().map(|&name| name.into()).collect(),
        };
        let kept = |records: &[Record], runs: &[u64]| {
            let runs: Vec<RunId> = runs.iter().map(|run| RunId(*run)).collect();
            !kept_among(records, &runs).is_empty()
        };
        let upgrade = || record(2, vec![change("A"), passing(&["A", "b.c"])]);
        assert!(kept(&[record(1, vec![change("A")]), upgrade()], &[1, 2]));
        assert!(kept(&[upgrade(), record(3, vec![change("B")])], &[2, 3]));
        assert!(!kept(&[upgrade(), record(3, vec![change("b.c")])], &[2]));
        assert!(!kept(&[record(2, vec![passing(&[])])], &[2]));
        // It is not what is undone.
        assert!(!kept(&[upgrade(), record(3, vec![])], &[3]));
    }
}
