//! One thing in which files and containers differ.

use crate::event::{Action, Reason, Route, ServiceName};

/// One difference between the files and what runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drift {
    /// The service.
    pub service: ServiceName,
    /// What `apply` would do about it.
    pub action: Action,
    /// What differs.
    pub reason: Reason,
}

impl Drift {
    /// Whether `apply` does something about it.
    pub(crate) fn is_mended_by_apply(&self) -> bool {
        self.action != Action::None
    }
}

/// A difference without a file or key behind it.
pub(super) fn drift(
    service: &ServiceName,
    action: Action,
    route: Route,
    text: impl Into<String>,
) -> Drift {
    let reason = Reason {
        route,
        file: None,
        key: None,
        text: text.into(),
    };
    Drift {
        service: service.clone(),
        action,
        reason,
    }
}
