//! A recipe as data: its fields, how it is read and checked, where recipes come from, and how one is shown.

pub(crate) mod catalogue;
pub(crate) mod fields;
pub(crate) mod read;
pub(crate) mod render_page;
pub(crate) mod validate;
