//! An upgrade: which commit and which images it goes to, and what the new version says about
//! settings. The run itself is that of every change.

pub mod env;
pub mod images;
pub mod source;
