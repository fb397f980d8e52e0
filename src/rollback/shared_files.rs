//! Files that stacks of other folders use as well: an env file or a fragment that they have in common, and
//! all of a checkout.

use std::path::{Path, PathBuf};

use super::baseline;
use super::checkpoint::Checkpoint;
use crate::event::RunId;
use crate::stack::side::Side;
use crate::state::StackState;

/// A run of a stack in another folder.
pub(super) struct RunElsewhere {
    pub(super) run: RunId,
    pub(super) directory: PathBuf,
    pub(super) project: String,
}

/// The one that wrote what a file holds now.
pub(super) fn writer(state: &StackState, path: &Path) -> Option<RunElsewhere> {
    let now = Side::read(path);
    state.others().into_iter().find_map(|other| {
        let run = baseline::written_by(&other, path, &now)?;
        // Without its checkpoint it would not have been found.
        let checkpoint = Checkpoint::read(&other.run_folder(run)).ok()??;
        let directory = checkpoint.args.directory;
        directory.is_dir().then_some(RunElsewhere {
            run,
            directory,
            project: checkpoint.project,
        })
    })
}
