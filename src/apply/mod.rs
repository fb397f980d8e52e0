//! Makes the engine so: images first, then containers, in the order of dependencies.

pub(crate) mod converge;
pub(crate) mod images;
pub(crate) mod reload;
