//! The steps of a plan.

use crate::event::{Action, PlannedStep, Reason, ServiceName};

/// What is to be done to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// The service.
    pub service: ServiceName,
    /// What.
    pub action: Action,
    /// Why; the reasons of the action first.
    pub reasons: Vec<Reason>,
    /// For [`Action::Signal`]: which.
    pub signal: Option<String>,
}

/// The ordered steps, and what is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// In dependency order; none of them is [`Action::None`].
    pub steps: Vec<Step>,
    /// Services that nothing is done to.
    pub untouched: Vec<ServiceName>,
    /// What the person should know: stopped services that stay so, fields that need no restart.
    pub remarks: Vec<(ServiceName, String)>,
    /// No container of the stack is up: files are edited, nothing is started.
    pub stack_is_down: bool,
}

impl Plan {
    /// Whether there is nothing to be done to any service.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The step of a service.
    pub(crate) fn step(&self, service: &ServiceName) -> Option<&Step> {
        self.steps.iter().find(|step| step.service == *service)
    }

    /// The form in which it is told.
    pub(crate) fn told(&self) -> Vec<PlannedStep> {
        self.steps
            .iter()
            .map(|step| PlannedStep {
                service: step.service.clone(),
                action: step.action,
                reasons: step.reasons.clone(),
            })
            .collect()
    }
}
