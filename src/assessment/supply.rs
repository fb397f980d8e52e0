//! New images that a change asks for by itself.

use crate::docker::image::Brought;

/// New images that a change asks for by itself.
#[derive(Debug, Default)]
pub(crate) struct Supply {
    /// To be fetched by digest; what is here already costs nothing.
    pub wanted: Vec<WantedImage>,
    /// Fetch the base images of builds anew.
    pub refresh_bases: bool,
    /// Throw the engine's build cache away once the change is proven.
    pub prune_build_cache: bool,
}

/// An image to be fetched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedImage {
    /// The name that the model gives it.
    pub name: String,
    /// `platform:` of the service.
    pub platform: Option<String>,
    /// The digest that was seen at the registry; without it the name's own tag is fetched, and the
    /// name moves at once.
    pub digest: Option<String>,
    /// What its containers get of it, where that was seen at the registry.
    pub brought: Option<Brought>,
}
