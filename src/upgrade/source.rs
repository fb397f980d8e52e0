//! Which commit an upgrade goes to. The decisions are functions of values; [`find`] brings them the
//! tags and commits of the checkout, fetched before. Nothing here moves anything.

mod decide;
mod find;
#[cfg(test)]
mod tests;
mod version;

pub(crate) use decide::Waiting;
pub(crate) use find::{UpgradeGoal, UpgradeTarget, find};
