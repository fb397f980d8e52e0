//! Which runs are in force, and which of them a rollback without a number undoes: the newest whose
//! change is still there. So a second rollback goes further back, and never forward again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::checkpoint::Checkpoint;
use crate::complaint::Code;
use crate::event::{Action, Outcome, RunId, ServiceName};
use crate::state::StackState;
use crate::state::journal::{self, Entry};
use crate::state::runs::Record;

/// What says of the state itself that it does not work, and not of a person, a disk or an engine.
const OF_THE_STATE: [Code; 4] = [
    Code::Unhealthy,
    Code::StartFailed,
    Code::EffectMissing,
    Code::CheckFailed,
];

/// The runs that left their change in place, the oldest first.
#[derive(Debug, Clone)]
pub(super) struct InForce {
    runs: Vec<RunInForce>,
    /// Rollbacks that failed because what they went back to did not work: by the run before which
    /// that was, the newest of them.
    attempts: BTreeMap<RunId, RunId>,
}

/// What a run left.
#[derive(Debug, Clone)]
struct RunInForce {
    run: RunId,
    /// Whether it is a rollback.
    is_rollback: bool,
    /// The runs that it undid, where it came to its end.
    undid: Vec<RunId>,
    leaves: Leaves,
    /// It failed, and was left in place as asked.
    has_failed: bool,
    /// Whether it touched a container.
    touched: bool,
    /// The services that it planned to touch, where it touched none.
    only_written: Vec<ServiceName>,
    is_undone: bool,
}

/// Whether there is something to undo of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaves {
    /// An image was built, or nobody knows how it ended.
    Something,
    /// Its files were put back already.
    Nothing,
    /// What its checkpoint says.
    OfCheckpoint,
}

impl Leaves {
    fn of(record: &Record) -> Self {
        match record.outcome == Some(Outcome::RollbackFailed) {
            true if record.files_restored => Self::Nothing,
            true => Self::Something,
            false if has_rebuilt(record) => Self::Something,
            false => Self::OfCheckpoint,
        }
    }
}

/// What a rollback without a number undoes.
#[derive(Debug)]
pub(super) struct LastChange {
    /// The oldest run that goes.
    pub from: RunId,
    /// Why it is not a newer one.
    pub because: Vec<String>,
}

/// Why what was before a run is not gone back to.
enum NoState {
    /// It failed.
    DidNotWork(String),
    /// It never ran by itself.
    OnlyWritten,
}

/// Says of runs that never ran by themselves why they go as well.
fn told_written(runs: &mut BTreeSet<RunId>) -> Option<String> {
    let runs: Vec<RunId> = std::mem::take(runs).into_iter().collect();
    let names = match runs.as_slice() {
        [one, other] => format!("runs {one} and {other}"),
        _ => named(&runs),
    };
    match runs.len() {
        0 => None,
        1 => Some(format!(
            "{names} was only written: what ran before it is put in force"
        )),
        _ => Some(format!(
            "{names} were only written: what ran before them is put in force"
        )),
    }
}

impl InForce {
    pub(super) fn of<'r>(records: impl IntoIterator<Item = &'r Record, IntoIter: Clone>) -> Self {
        let records = records.into_iter();
        let left = records.clone().filter(|record| record.is_in_force());
        let runs = left.map(|record| RunInForce {
            run: record.run,
            is_rollback: !record.undoes.is_empty(),
            // One that a person has to finish may have undone anything, or nothing.
            undid: match record.outcome.is_some_and(Outcome::is_in_force) {
                true => record.undoes.clone(),
                false => Vec::new(),
            },
            leaves: Leaves::of(record),
            has_failed: record.left_in_place,
            touched: !journal::touched(&record.lines).is_empty(),
            only_written: match journal::touched(&record.lines).is_empty() {
                true => record.planned().cloned().collect(),
                false => Vec::new(),
            },
            is_undone: false,
        });
        let failed = records.filter(|record| {
            let code = record.code.as_deref();
            record.outcome == Some(Outcome::RolledBack)
                && OF_THE_STATE.iter().any(|known| Some(known.word()) == code)
        });
        let attempts = failed.filter_map(|record| Some((*record.undoes.first()?, record.run)));
        let mut found = Self {
            runs: runs.collect(),
            attempts: attempts.collect(),
        };
        found.judge();
        found
    }

    /// A rollback counts unless it is undone itself; what undoes it is newer than it.
    fn judge(&mut self) {
        let mut undone: BTreeSet<RunId> = BTreeSet::new();
        for left in self.runs.iter_mut().rev() {
            left.is_undone = undone.contains(&left.run);
            if !left.is_undone {
                undone.extend(&left.undid);
            }
        }
    }

    /// All of them from a run on: what undoing it has to go through.
    pub(super) fn since(&self, from: RunId) -> Vec<RunId> {
        let runs = self.runs.iter().map(|left| left.run);
        runs.filter(|run| *run >= from).collect()
    }

    /// Whether there is none at all.
    pub(super) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// What a rollback without a number undoes. A run that changed nothing is its last resort: so it
    /// can be said that there is nothing to undo.
    pub(super) fn last_change(&self, state: &StackState) -> Option<LastChange> {
        let changes = || self.changes().map(|left| left.run);
        let from = self.newest_change(state).or_else(|| changes().next())?;
        let mut last = LastChange {
            from,
            because: Vec::new(),
        };
        let mut written = BTreeSet::new();
        while let Some((further, why)) = self.not_a_state_to_go_to(last.from, state) {
            last.from = further;
            match why {
                NoState::OnlyWritten => _ = written.insert(further),
                NoState::DidNotWork(because) => {
                    last.because.extend(told_written(&mut written));
                    last.because.push(because);
                }
            }
        }
        last.because.extend(told_written(&mut written));
        Some(last)
    }

    pub(super) fn newest_change(&self, state: &StackState) -> Option<RunId> {
        let mut changes = self.changes();
        let found = changes.find(|left| left.leaves_something(state));
        found.map(|left| left.run)
    }

    fn change_before(&self, run: RunId, state: &StackState) -> Option<&RunInForce> {
        let mut older = self.changes().filter(|left| left.run < run);
        older.find(|left| left.leaves_something(state))
    }

    /// The change before a run, where what was between the two did not work, or was never in force.
    fn not_a_state_to_go_to(&self, from: RunId, state: &StackState) -> Option<(RunId, NoState)> {
        let before = self.change_before(from, state)?;
        let run = before.run;
        let why = if let Some(attempt) = self.attempts.get(&from) {
            NoState::DidNotWork(format!(
                "what was before run {from} did not work when run {attempt} went back to it: what was \
                 before run {run} is put in force (refit rollback {from} tries it again)"
            ))
        } else if before.has_failed {
            NoState::DidNotWork(format!(
                "run {run} failed and was left in place: what was before it is put in force (refit \
                 rollback {from} goes back to before run {from} alone)"
            ))
        } else if self.never_ran(before, from, state) {
            NoState::OnlyWritten
        } else {
            return None;
        };
        Some((run, why))
    }

    /// Whether a run was only written, and one of those from `from` on was the first to put it in force:
    /// nobody has ever seen it work without that one. Somebody may have brought it in force by hand in
    /// between.
    fn never_ran(&self, written: &RunInForce, from: RunId, state: &StackState) -> bool {
        if written.only_written.is_empty() {
            return false;
        }
        // What was written after it, and was not put in force either, says nothing.
        let mut later = self.runs.iter().filter(|left| left.run > written.run);
        let next = later.find(|left| left.touched && !left.is_undone);
        let Some(next) = next.filter(|next| next.run >= from) else {
            return false;
        };
        let engine = |run: RunId| Some(Checkpoint::read(&state.run_folder(run)).ok()??.engine);
        let (Some(was), Some(is)) = (engine(written.run), engine(next.run)) else {
            return false;
        };
        let is_same = |service: &ServiceName| is.is_as_left(&was, service);
        written.only_written.iter().all(is_same)
    }

    /// What whoever names a run should know of what was before it.
    pub(super) fn warnings(&self, from: RunId, state: &StackState) -> Vec<String> {
        let pending = self.change_before(from, state);
        let pending = pending.filter(|before| self.never_ran(before, from, state));
        let text = pending.map(|before| {
            let run = before.run;
            format!("what run {run} wrote was never in force by itself: rollback {run} undoes it as well")
        });
        text.into_iter().collect()
    }

    fn one(&self, run: RunId) -> Option<&RunInForce> {
        self.runs.iter().find(|left| left.run == run)
    }

    /// The runs whose change is there, the newest first.
    fn changes(&self) -> impl Iterator<Item = &RunInForce> {
        let newest_first = self.runs.iter().rev();
        newest_first.filter(|left| !left.is_undone && !left.is_rollback)
    }

    /// Those among some runs whose change is there now and goes with them: not what is undone
    /// already, nor a rollback of others among them.
    pub(super) fn told(&self, runs: &[RunId]) -> Vec<RunId> {
        let among = |run: &RunId| runs.contains(run);
        let goes = |left: &&RunInForce| {
            let within = left.is_rollback && left.undid.iter().all(among);
            among(&left.run) && !left.is_undone && !within
        };
        let told = self.runs.iter().filter(goes);
        told.map(|left| left.run).collect()
    }

    /// The change that is the newest once some runs are undone.
    pub(super) fn further_back(&self, runs: &[RunId], state: &StackState) -> Option<RunId> {
        self.without(runs).newest_change(state)
    }

    /// The changes that are undone now, and are no more once some runs are.
    pub(super) fn again(&self, runs: &[RunId]) -> Vec<RunId> {
        let later = self.without(runs);
        let is_back = |run: &RunId| self.one(*run).is_some_and(|left| left.is_undone);
        let there = later.changes().map(|left| left.run).filter(is_back);
        let mut again: Vec<RunId> = there.collect();
        again.sort_unstable();
        again
    }

    fn without(&self, runs: &[RunId]) -> Self {
        let mut later = self.clone();
        later.runs.retain(|left| !runs.contains(&left.run));
        later.judge();
        later
    }

    /// The rollback that undid a run.
    pub(super) fn undone_by(&self, run: RunId) -> Option<RunId> {
        let rollbacks = self.runs.iter().filter(|left| !left.is_undone);
        let by = rollbacks.filter(|left| left.undid.contains(&run));
        by.map(|left| left.run).next_back()
    }

    /// The newest rollback, for whoever wants to have back what it took.
    pub(super) fn last_rollback(&self) -> Option<RunId> {
        let mut newest_first = self.runs.iter().rev();
        newest_first
            .find(|left| left.is_rollback)
            .map(|left| left.run)
    }
}

impl RunInForce {
    fn leaves_something(&self, state: &StackState) -> bool {
        match self.leaves {
            Leaves::Something => true,
            Leaves::Nothing => false,
            Leaves::OfCheckpoint => leaves_something(&state.run_folder(self.run)),
        }
    }
}

/// What a rollback undid of what was there then, for whoever lists the runs; the oldest first. One that
/// failed undid nothing.
pub(crate) fn undid(records: &[Record], rollback: &Record) -> Vec<RunId> {
    if !rollback.outcome.is_some_and(Outcome::is_in_force) {
        return Vec::new();
    }
    let end = records.partition_point(|record| record.run < rollback.run);
    let before = records.get(..end).unwrap_or_default().iter();
    // Another project of the same folder has runs of its own.
    let own = before.filter(|record| record.project == rollback.project);
    InForce::of(own).told(&rollback.undoes)
}

/// `run 16`, `runs 14–16`, `runs 12 and 14`.
pub(crate) fn named(runs: &[RunId]) -> String {
    let follow = runs.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0);
    match runs {
        [run] => format!("run {run}"),
        [first, .., last] if follow => format!("runs {first}–{last}"),
        [] => "no run".to_owned(),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(ToString::to_string).collect();
            format!("runs {} and {last}", most.join(", "))
        }
    }
}

fn has_rebuilt(record: &Record) -> bool {
    record.lines.iter().any(|line| {
        matches!(
            line.entry,
            Entry::Planned {
                action: Action::Rebuild,
                ..
            }
        )
    })
}

/// Whether there is something to undo of a run. One of which that is not known is not passed over.
pub(crate) fn leaves_something(folder: &Path) -> bool {
    match Checkpoint::read(folder) {
        Ok(Some(checkpoint)) => checkpoint.leaves_something(),
        Ok(None) | Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of numbers and what each undid; nothing for a change.
    fn runs(all: &[(u64, &[u64])]) -> InForce {
        let left = |(run, undid): &(u64, &[u64])| RunInForce {
            run: RunId(*run),
            is_rollback: !undid.is_empty(),
            undid: undid.iter().copied().map(RunId).collect(),
            leaves: Leaves::OfCheckpoint,
            has_failed: false,
            touched: true,
            only_written: Vec::new(),
            is_undone: false,
        };
        let mut found = InForce {
            runs: all.iter().map(left).collect(),
            attempts: BTreeMap::new(),
        };
        found.judge();
        found
    }

    fn next(all: &InForce) -> Option<u64> {
        all.changes().next().map(|left| left.run.0)
    }

    fn told(all: &InForce, from: u64) -> Vec<u64> {
        let told = all.told(&all.since(RunId(from)));
        told.iter().map(|run| run.0).collect()
    }

    #[test]
    fn each_rollback_goes_further_back() {
        let mut past: Vec<(u64, &[u64])> = vec![(14, &[]), (15, &[]), (16, &[])];
        assert_eq!(next(&runs(&past)), Some(16));
        past.push((17, &[16]));
        assert_eq!(next(&runs(&past)), Some(15));
        assert_eq!(told(&runs(&past), 15), [15]);
        past.push((18, &[15, 16, 17]));
        assert_eq!(next(&runs(&past)), Some(14));
        past.push((19, &[14, 15, 16, 17, 18]));
        assert_eq!(next(&runs(&past)), None);
        assert_eq!(runs(&past).last_rollback(), Some(RunId(19)));
    }

    #[test]
    fn a_rollback_that_is_undone_undoes_nothing() {
        let past: &[(u64, &[u64])] = &[(15, &[]), (16, &[]), (17, &[16]), (18, &[17])];
        let all = runs(past);
        assert_eq!(next(&all), Some(16));
        assert_eq!(told(&all, 16), [16]);
        assert_eq!(told(&all, 15), [15, 16]);
        // To undo the redo is to undo the change again.
        assert_eq!(told(&all, 18), [18]);
        assert_eq!(all.undone_by(RunId(16)), None);
    }

    #[test]
    fn runs_are_named_in_short() {
        let named = |runs: &[u64]| named(&runs.iter().copied().map(RunId).collect::<Vec<_>>());
        assert_eq!(named(&[16]), "run 16");
        assert_eq!(named(&[14, 15, 16]), "runs 14–16");
        assert_eq!(named(&[12, 14]), "runs 12 and 14");
    }

    #[test]
    fn what_is_undone_is_not_undone_twice() {
        let all = runs(&[(15, &[]), (16, &[]), (17, &[16])]);
        assert!(told(&all, 16).is_empty());
        assert_eq!(all.undone_by(RunId(16)), Some(RunId(17)));
        assert_eq!(told(&all, 17), [17]);
    }

    #[test]
    fn what_a_rollback_had_taken_comes_again_with_its_own_undoing() {
        let all = runs(&[(14, &[]), (15, &[]), (16, &[14, 15])]);
        assert_eq!(all.again(&[RunId(16)]), [RunId(14), RunId(15)]);
        assert!(runs(&[(14, &[]), (15, &[])]).again(&[RunId(15)]).is_empty());
    }
}
