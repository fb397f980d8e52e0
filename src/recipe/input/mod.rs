//! From what was typed after a recipe's name to what is to be done. Pure.

pub(crate) mod arguments;
pub(crate) mod params;
pub(crate) mod render;
