//! Which commit an upgrade goes to. The decisions are functions of values; [`find`] brings them the
//! tags and commits of the checkout, fetched before. Nothing here moves anything.

mod decide;
mod find;
#[cfg(test)]
mod tests;
mod version;

pub use decide::Waiting;
pub use find::{UpgradeGoal, UpgradeTarget, find};
