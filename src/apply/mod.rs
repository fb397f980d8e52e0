//! Makes the engine so: images first, then containers, in the order of dependencies.

pub mod converge;
pub mod images;
