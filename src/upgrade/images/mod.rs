//! Images of an upgrade: where each service has its own from, and what registries have that is newer
//! than what runs. Asks only: the run fetches and builds.

pub(crate) mod age;
pub mod news;
pub(crate) mod origin;
pub(crate) mod versions;

pub use age::too_young;
pub(crate) use news::NewerImage;
pub use news::{ImageNote, RegistryNews, news};
