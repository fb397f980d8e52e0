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
pub mod grep;
mod history;
pub(crate) mod identical;
mod index;
mod index_lock;
mod oid;
mod owner;
mod predict;
mod progress;
mod refs;
mod scratch;
mod state;
mod submodule;
#[cfg(test)]
mod tests;
mod tracked;

pub use advance::Move;
pub use changes::ChangeKind;
pub use checkout::{Checkout, Upstream};
pub use command::Git;
pub use error::{Commits, GitError};
pub use export::{TreeEdit, TreeEntry};
pub use fetch::Tags;
pub use history::Relation;
pub use oid::Oid;
pub use predict::Prediction;
pub use progress::GitProgress;
pub use refs::Tag;
pub use state::GitState;
pub use tracked::is_tracked_upstream;
