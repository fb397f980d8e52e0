//! A recipe as data: its fields, how it is read and checked, where recipes come from, and how one is shown.

pub mod catalogue;
pub mod fields;
pub mod read;
pub mod render_page;
pub(crate) mod validate;
