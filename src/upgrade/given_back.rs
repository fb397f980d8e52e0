//! Tracked files that a way back has given an earlier text of upstream's: so it is after a `git pull` by hand
//! that was put in force and rolled back. The next version takes their place.

use std::path::PathBuf;

use crate::complaint::Complaint;
use crate::event::RunId;
use crate::git::Checkout;
use crate::rollback::given_back;
use crate::state::StackState;
use crate::state::runs;

/// Each of them, from the top of the work tree, and the run that put it back.
///
/// # Errors
/// git fails; what is kept of a run cannot be read.
pub(super) async fn of(
    checkout: &Checkout,
    state: &StackState,
) -> Result<Vec<(PathBuf, RunId)>, Complaint> {
    let edited = checkout.local_edits().await?.edited;
    if edited.is_empty() {
        return Ok(Vec::new());
    }
    let records = runs::all(state)?.known;
    let mut found = Vec::new();
    for path in edited {
        let run = given_back::by_run(state, &records, &checkout.named(&path))?;
        // With somebody's edits in it, it is theirs.
        if let Some(run) = run
            && checkout.was_committed(&path).await?
        {
            found.push((path, run));
        }
    }
    Ok(found)
}
