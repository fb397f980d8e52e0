//! Health: what is seen of a container, the verdict on it, and the proof that a change arrived. The
//! verdict is a pure function of observations; `watch` feeds it, and stands on the engine's events.

pub mod check;
pub mod downtime;
pub mod effect;
mod feed;
mod life;
pub mod limits;
pub mod others;
pub mod set_cookie;
pub mod track;
pub mod verdict;
pub mod watch;
