//! A file that another commit does not have.

use std::path::PathBuf;

/// A path that a tree does not have any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// From the top of the work tree.
    pub path: PathBuf,
    /// Where git takes the file to have gone to, by its content.
    pub renamed_to: Option<PathBuf>,
}
