//! Texts that refit has put back, on the way back of a run: nobody has typed them.

use std::path::Path;

use super::checkpoint::Checkpoint;
use crate::event::{Outcome, RunId};
use crate::stack::side::Side;
use crate::state::StackState;
use crate::state::document::StateError;
use crate::state::runs::Record;

/// The newest run that has to do with a file, where it put back just what lies there now.
///
/// # Errors
/// What is kept of a run cannot be read.
pub(crate) fn by_run(
    state: &StackState,
    records: &[Record],
    path: &Path,
) -> Result<Option<RunId>, StateError> {
    let now = Side::read(path);
    for record in records.iter().rev() {
        let Some(checkpoint) = Checkpoint::read(&state.run_folder(record.run))? else {
            continue;
        };
        let Some(file) = checkpoint.files.iter().find(|file| file.path == path) else {
            continue;
        };
        let is_rollback = !record.undoes.is_empty();
        let left = match record.outcome {
            Some(Outcome::RolledBack) => Some(&file.before),
            Some(Outcome::Applied | Outcome::NotProven) if is_rollback => Some(&file.after),
            Some(
                Outcome::Applied
                | Outcome::NotProven
                | Outcome::NothingToDo
                | Outcome::Refused
                | Outcome::FailedBefore
                | Outcome::RollbackFailed,
            )
            | None => None,
        };
        return Ok(left.filter(|side| side.holds(&now)).map(|_| record.run));
    }
    Ok(None)
}
