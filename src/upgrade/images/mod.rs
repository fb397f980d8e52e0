//! Images of an upgrade: where each service has its own from, and what registries have that is newer
//! than what runs. Asks only: the run fetches and builds.

pub mod age;
pub mod news;
pub mod origin;

pub use age::too_young;
pub use news::{ImageNote, NewerImage, RegistryNews, news};
