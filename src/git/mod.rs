//! git, by its CLI, so that credentials, filters and `safe.directory` behave as the user's own. This
//! is the only place that calls it. Nothing here decides which commit an upgrade goes to.
//!
//! [`Checkout::find`] says what there is; [`Git`] asks and moves. Every call is without prompt: a
//! child in a process group of its own would be stopped by the terminal that it reads from.

mod advance;
mod attributes;
mod changes;
mod checkout;
pub(crate) mod command;
mod error;
mod export;
mod fetch;
pub(crate) mod grep;
mod history;
pub(crate) mod identical;
mod index;
mod index_lock;
mod oid;
mod owner;
mod predict;
mod progress;
mod refs;
mod removed;
mod scratch;
mod staged;
mod state;
mod submodule;
#[cfg(test)]
mod tests;
mod tracked;

pub(crate) use advance::Move;
pub(crate) use changes::ChangeKind;
pub(crate) use checkout::{Checkout, Upstream};
pub(crate) use command::Git;
pub(crate) use error::{Commits, FollowedBy, GitError};
pub(crate) use export::{TreeEdit, TreeEntry};
pub(crate) use fetch::Tags;
pub(crate) use history::Relation;
pub(crate) use oid::Oid;
pub(crate) use predict::Prediction;
pub(crate) use progress::GitProgress;
pub(crate) use refs::Tag;
pub(crate) use removed::Removed;
pub(crate) use staged::StagedTrees;
pub(crate) use state::GitState;
pub(crate) use tracked::is_tracked_upstream;
