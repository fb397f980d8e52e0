//! The Docker engine, the Compose plug-in and registries. Returns data and errors; decides nothing and
//! prints nothing.

pub mod client;
pub mod compose;
pub mod container;
pub mod credentials;
pub mod endpoint;
mod error;
pub mod events;
pub mod image;
pub mod network;
pub mod observed;
pub mod plugin;
pub mod reference;
pub mod registry;
pub mod running;

pub use error::EngineError;
