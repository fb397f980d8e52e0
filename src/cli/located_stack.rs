//! The stack that a question is about.

use super::global::Global;
use crate::complaint::Complaint;
use crate::docker::client::Docker;
use crate::docker::container::Container;
use crate::stack::locate::{self, Located};
use crate::state::{StackState, StateHome};

/// The stack as far as it can be found without a right to the engine.
pub(super) struct LocatedStack {
    pub(super) located: Located,
    pub(super) docker: Option<Docker>,
    pub(super) containers: Vec<Container>,
}

impl LocatedStack {
    pub(super) async fn of(global: &Global) -> Result<Self, Complaint> {
        let docker = global.connect().await.ok();
        let containers = match &docker {
            Some(docker) => docker.compose_containers().await?,
            None => Vec::new(),
        };
        let located = locate::locate(&global.locate_request(), &containers)?;
        Ok(Self {
            located,
            docker,
            containers,
        })
    }

    /// What is remembered of it.
    pub(super) fn state(&self) -> Result<StackState, Complaint> {
        Ok(StateHome::find()?.of_stack(&self.located.args.directory))
    }
}
