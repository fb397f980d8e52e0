//! Whether a service runs the image that its name means by now, and which of the two is the older one: a
//! name may have been moved back, for another project or by hand. Pure.

use jiff::Timestamp;

use super::difference::{Drift, drift};
use super::engine_state::EngineState;
use crate::docker::container::Container;
use crate::event::{Action, Route, ServiceName};
use crate::stack::model::{Model, Service};

/// What runs, beside the image that the name means now; told by when both were built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ImageAge {
    /// What runs is older.
    Outdated,
    /// What runs is newer: to take the name's image is to go back.
    Newer,
    /// One of them does not say, or both say the same.
    Unknown,
}

impl ImageAge {
    /// By when they were built.
    pub(crate) fn of(running: Option<Timestamp>, named: Option<Timestamp>) -> Self {
        match (running, named) {
            (Some(running), Some(named)) if running < named => Self::Outdated,
            (Some(running), Some(named)) if running > named => Self::Newer,
            (Some(_), Some(_)) | (None, _) | (_, None) => Self::Unknown,
        }
    }

    /// What is said of a service.
    pub(crate) fn text(self, name: &str) -> String {
        match self {
            Self::Outdated => format!("runs an outdated image of {name}"),
            Self::Newer => format!("runs a newer image than {name} is now"),
            Self::Unknown => format!("runs another image than {name} is now"),
        }
    }
}

pub(super) fn of_service(
    name: &ServiceName,
    service: &Service,
    own: &[&Container],
    seen: &EngineState,
    model: &Model,
) -> Option<Drift> {
    // Not the name that the container has: the engine shows none once it belongs to another image.
    let image = model.image_of(name)?;
    let Some(named) = seen.images.get(&image)? else {
        let how = if service.builds() { "builds" } else { "pulls" };
        let text = format!("no image has the name {image} any more: docker compose up -d {how} it");
        return Some(drift(name, Action::None, Route::Definition, text));
    };
    let is_other = |c: &&&Container| !c.image_id.is_empty() && c.image_id != named.id;
    let other = own.iter().find(is_other)?;
    let running = seen.built_at.get(&other.image_id).copied();
    let age = ImageAge::of(running.flatten(), named.created);
    let found = drift(name, Action::Recreate, Route::Definition, age.text(&image));
    let keeps = (age == ImageAge::Newer).then(|| {
        let id = other.image_id.strip_prefix("sha256:");
        let id = id.and_then(|id| id.get(..12)).unwrap_or(&other.image_id);
        format!("docker tag {id} {image}")
    });
    Some(Drift { keeps, ..found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_called_outdated_that_was_not_compared() {
        let at = |text: &str| Some(text.parse().unwrap());
        let (old, new) = (at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
        let said = |running, named| ImageAge::of(running, named).text("r:1");
        assert_eq!(said(old, new), "runs an outdated image of r:1");
        assert_eq!(said(new, old), "runs a newer image than r:1 is now");
        for (running, named) in [(None, new), (old, None), (old, old)] {
            assert_eq!(said(running, named), "runs another image than r:1 is now");
        }
    }
}
