//! The Docker engine, the Compose plug-in and registries. Returns data and errors; decides nothing and
//! prints nothing.

pub(crate) mod adjustable;
pub(crate) mod archive;
pub(crate) mod client;
pub(crate) mod compose;
pub(crate) mod container;
pub(crate) mod crash;
pub(crate) mod credentials;
pub(crate) mod endpoint;
mod error;
pub(crate) mod events;
pub(crate) mod image;
mod layer;
pub(crate) mod manifest;
pub(crate) mod network;
pub(crate) mod observed;
pub(crate) mod plugin;
pub(crate) mod reach;
pub(crate) mod reference;
pub(crate) mod registry;
pub(crate) mod running;

pub(crate) use error::EngineError;
