//! Which commit an upgrade goes to. The decisions are functions of values; [`find`] brings them the
//! tags and commits of the checkout, fetched before. Nothing here moves anything.

mod decide;
mod find;
#[cfg(test)]
mod tests;
mod version;

pub use decide::{Chosen, Waiting, newest_tag, old_enough};
pub use find::{Target, Wanted, find};
pub use version::Version;
