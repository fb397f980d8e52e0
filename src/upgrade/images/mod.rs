//! Images of an upgrade: where each service has its own from, what registries have that is newer
//! than what runs, fetching it, and building from a copy of the checkout while the old version
//! serves. Changes no container, and moves no name that a compose file uses.

pub mod build_file;
pub mod fetch;
pub mod news;
pub mod origin;

pub use build_file::build_file;
pub use fetch::{Fetched, Wanted, fetch, too_young};
pub use news::{ImageNews, News, Note, news};
pub use origin::{Fixed, Origin, origin};
