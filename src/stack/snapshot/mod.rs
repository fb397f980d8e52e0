//! The engine's side of a stack at one moment, as a value: filled by one function, stored in the
//! checkpoint, and compared with itself at another moment. Only the comparison can say that
//! everything is as it was.

mod differences;
mod engine_side;
mod handled;
mod verified;

pub(crate) use crate::docker::observed::{Replica, RunState};
#[cfg(test)]
pub(crate) use differences::tests;
pub(crate) use differences::{About, Difference};
pub(crate) use differences::{limit_flag, of_network, pairs};
pub(crate) use engine_side::EngineSide;
pub(crate) use handled::{Handled, Left};
pub(crate) use verified::{Compared, Verified, compare};
