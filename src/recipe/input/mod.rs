//! From what was typed after a recipe's name to what is to be done. Pure.

pub mod arguments;
pub mod params;
pub mod render;
