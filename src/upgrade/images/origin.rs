//! Where a service has its image from, and whether an upgrade may look for a newer one. Pure.

use crate::docker::reference::Reference;
use crate::stack::model::Service;

/// Where a service has its image from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageOrigin {
    /// It is built here, whether or not it has a name as well.
    Built,
    /// A registry has it, and may have a newer one under the same name.
    Pulled {
        /// As the model has it.
        name: String,
    },
    /// It has a name, and an upgrade leaves it alone.
    Fixed {
        /// As the model has it.
        name: String,
        /// Because of what.
        why: Fixed,
    },
    /// It has none: something else than the engine provides the service.
    None,
}

/// Why an upgrade does not look for a newer image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixed {
    /// Its name holds its digest: there is no other.
    Pinned,
    /// `pull_policy` says that it is fetched by hand (`never`), or once (`missing`).
    PullPolicy,
}

/// Decides by the service's definition.
///
/// With both `build` and `image` a service is built, unless `pull_policy` says outright that
/// its image is to be fetched.
pub(crate) fn origin(service: &Service) -> ImageOrigin {
    let policy = service.text("pull_policy").unwrap_or_default();
    let fetches = policy == "always"
        || policy == "daily"
        || policy == "weekly"
        || policy.starts_with("every_");
    let Some(name) = service.image.clone().filter(|name| !name.is_empty()) else {
        return match service.builds() {
            true => ImageOrigin::Built,
            false => ImageOrigin::None,
        };
    };
    if service.builds() && !fetches {
        return ImageOrigin::Built;
    }
    let why = if Reference::parse(&name).is_some_and(|name| name.digest.is_some()) {
        Fixed::Pinned
    } else if fetches || policy.is_empty() {
        return ImageOrigin::Pulled { name };
    } else {
        // `never`, `missing`, `if_not_present`, and `build` without anything to build; with a
        // policy that we do not know we take nothing that was not asked for.
        Fixed::PullPolicy
    };
    ImageOrigin::Fixed { name, why }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::stack::model::Model;

    fn of(service: Value) -> ImageOrigin {
        let model = Model::of_json(json!({"name": "p", "services": {"s": service}}));
        origin(&model.services[&"s".into()])
    }

    fn with_policy(policy: &str) -> ImageOrigin {
        of(json!({"image": "redis:7", "pull_policy": policy}))
    }

    #[test]
    fn a_policy_decides_whether_to_look() {
        let name = || "redis:7".to_owned();
        assert_eq!(
            of(json!({"image": "redis:7"})),
            ImageOrigin::Pulled { name: name() }
        );
        for policy in ["always", "daily", "weekly", "every_12h"] {
            assert_eq!(
                with_policy(policy),
                ImageOrigin::Pulled { name: name() },
                "{policy}"
            );
        }
        let why = Fixed::PullPolicy;
        for policy in ["never", "missing", "if_not_present", "build", "new_word"] {
            assert_eq!(
                with_policy(policy),
                ImageOrigin::Fixed { name: name(), why },
                "{policy}"
            );
        }
    }

    #[test]
    fn what_has_both_is_built_unless_told_otherwise() {
        let build = json!({"context": "/s"});
        assert_eq!(of(json!({"build": build})), ImageOrigin::Built);
        assert_eq!(
            of(json!({"build": build, "image": "a"})),
            ImageOrigin::Built
        );
        assert_eq!(
            of(json!({"build": build, "image": "a", "pull_policy": "missing"})),
            ImageOrigin::Built
        );
        assert_eq!(
            of(json!({"build": build, "image": "a", "pull_policy": "always"})),
            ImageOrigin::Pulled { name: "a".into() }
        );
    }

    #[test]
    fn a_digest_is_final() {
        let why = Fixed::Pinned;
        for policy in ["", "always"] {
            let name = "a/b:1@sha256:00".to_owned();
            let service = json!({"image": name, "pull_policy": policy});
            assert_eq!(of(service), ImageOrigin::Fixed { name, why });
        }
        assert_eq!(of(json!({"provider": {"type": "x"}})), ImageOrigin::None);
    }
}
