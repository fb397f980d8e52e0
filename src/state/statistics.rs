//! What runs come to: how many, how they ended, and how long services were away by them. Pure,
//! but for the reading of the last ones.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StackState;
use super::journal::Entry;
use super::runs::{Record, Standing};
use crate::event::{Outcome, ServiceName};

/// The sum of some runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sum {
    /// All of them.
    pub runs: usize,
    /// Those that were proven, and stayed or were undone later.
    pub applied: usize,
    /// Those that were made while a service failed, before and after.
    pub not_proven: usize,
    /// Those that wrote files and touched no container.
    pub written: usize,
    /// Of these, those that undid others.
    pub undoing: usize,
    /// Failed and given back.
    pub rollbacks: usize,
    /// Failed before anything was touched, or failed and not given back.
    pub failures: usize,
    /// Called off, by a hook.
    pub called_off: usize,
    /// At work, or cut off and not finished yet.
    pub unfinished: usize,
    /// By service.
    pub away: BTreeMap<ServiceName, Away>,
}

/// How long runs took a service away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Away {
    /// Runs that touched it.
    pub runs: usize,
    /// Milliseconds in which nobody listened on its port, in all runs that measured it.
    pub down_ms: u64,
    /// Those runs.
    pub measured: usize,
    /// Milliseconds in which it had no container, in all.
    pub replaced_ms: u64,
    /// Runs that touched it while it was not seen to go down, or did not run.
    pub unmeasured: usize,
}

impl Sum {
    /// Of these runs.
    pub(crate) fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut sum = Self::default();
        for record in records {
            sum.add(record);
        }
        sum
    }

    fn add(&mut self, record: &Record) {
        self.runs += 1;
        let standing = record.standing();
        let is_applied = matches!(
            standing,
            Standing::StillFailing(_) | Standing::Ended(Outcome::Applied | Outcome::NotProven)
        );
        let count = match standing {
            Standing::NotApplied | Standing::Written => &mut self.written,
            Standing::Ended(Outcome::Applied) => &mut self.applied,
            Standing::StillFailing(_) | Standing::Ended(Outcome::NotProven) => &mut self.not_proven,
            Standing::Ended(Outcome::RolledBack) => &mut self.rollbacks,
            Standing::Ended(Outcome::FailedBefore | Outcome::RollbackFailed | Outcome::Refused) => {
                &mut self.failures
            }
            Standing::Ended(Outcome::NothingToDo) => &mut self.called_off,
            Standing::Running | Standing::CutOff | Standing::Unknown => &mut self.unfinished,
        };
        *count += 1;
        if is_applied && !record.undoes.is_empty() {
            self.undoing += 1;
        }
        for one in &record.services {
            let away = self.away.entry(one.service.clone()).or_default();
            away.runs += 1;
            if let Some(down) = one.down_ms {
                away.down_ms = away.down_ms.saturating_add(down);
                away.measured += 1;
            }
            let replaced = one.replaced_ms.unwrap_or_default();
            away.replaced_ms = away.replaced_ms.saturating_add(replaced);
            if one.down_ms.is_none() && one.replaced_ms.is_none() {
                away.unmeasured += 1;
            }
        }
    }
}

/// So many of the last runs tell how long services take.
const LAST_RUNS: usize = 10;

/// The longest that each service took to be well in the last runs. A run that cannot be read says nothing.
pub(crate) fn took(state: &StackState) -> BTreeMap<ServiceName, Duration> {
    let runs = state.runs().unwrap_or_default();
    let last = runs.iter().rev().take(LAST_RUNS);
    let records = last.filter_map(|run| Record::read(state, *run).unwrap_or_default());
    took_in(&records.collect::<Vec<Record>>())
}

fn took_in(records: &[Record]) -> BTreeMap<ServiceName, Duration> {
    let mut longest: BTreeMap<ServiceName, Duration> = BTreeMap::new();
    for line in records.iter().flat_map(|record| &record.lines) {
        if let Entry::Verdict {
            service,
            took_ms: Some(took),
            ..
        } = &line.entry
        {
            let known = longest.entry(service.clone()).or_default();
            *known = (*known).max(Duration::from_millis(*took));
        }
    }
    longest
}

#[cfg(test)]
mod tests;
