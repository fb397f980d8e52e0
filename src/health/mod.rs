//! Health: what is seen of a container, the verdict on it, and the proof that a change arrived. The
//! verdict is a pure function of observations; `watch` feeds it, and stands on the engine's events.

pub(crate) mod aftermath;
pub(crate) mod before;
pub(crate) mod cause;
pub(crate) mod check;
pub(crate) mod culprit;
pub(crate) mod downtime;
pub(crate) mod effect;
mod feed;
mod life;
pub(crate) mod limits;
pub(crate) mod new_errors;
pub(crate) mod others;
mod port_track;
pub(crate) mod ports;
mod questions;
mod sampler;
pub(crate) mod set_cookie;
pub(crate) mod track;
pub(crate) mod verdict;
pub(crate) mod watch;
