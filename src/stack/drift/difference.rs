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
    /// What `apply` would put in force is older than what runs: the command that keeps this instead.
    pub keeps: Option<String>,
}

impl Drift {
    /// Whether `apply` does something about it.
    pub(crate) fn is_mended_by_apply(&self) -> bool {
        self.action != Action::None
    }

    /// Whether it is about what a container was created of, or has read.
    pub(crate) fn is_of_files(&self) -> bool {
        match self.action {
            Action::Signal | Action::Restart | Action::Recreate | Action::Rebuild => true,
            Action::None | Action::Start | Action::Remove => false,
        }
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
        keeps: None,
    }
}
