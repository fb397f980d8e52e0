//! Env files: what Compose reads in them, and edits that change one variable and no other byte.
//!
//! [`Dotenv`] keeps the text itself beside the items found in it, so what was not edited comes out as
//! it came in. Nothing here reads a file, a clock or the environment: the caller brings the bytes, and
//! the environment as a function.

mod env_file;
mod error;
mod key;
mod place;
mod quote;
mod read;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use env_file::{Dotenv, Format};
pub(crate) use error::DotenvError;
pub use key::EnvKey;
pub(crate) use key::EnvKeyError;
pub(crate) use write::EnvNote;

/// A text of a compose file with its `$` references filled in; `None`: Compose refuses it, or the value
/// grows without bound.
pub(crate) fn fill_in(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let budget = template::GROWTH_LIMIT;
    template::resolve(text, &mut template::Variables { lookup, budget }).ok()
}
