//! Which hooks a run has around it, and what they are told.

use std::ffi::OsString;

use crate::event::RunId;
use crate::settings::Hooks;

/// What a hook is told in its environment; what is not known is not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct HookEnvironment {
    /// `REFIT_RUN`.
    pub run: Option<RunId>,
    /// `REFIT_PROJECT`.
    pub project: Option<String>,
    /// `REFIT_FROM`: the commit before.
    pub from: Option<String>,
    /// `REFIT_TO`: the commit that is wanted.
    pub to: Option<String>,
    /// `REFIT_OUTCOME`: the word of `finished`.
    pub outcome: Option<String>,
}

impl HookEnvironment {
    /// As environment variables.
    pub(crate) fn pairs(&self) -> Vec<(OsString, OsString)> {
        let known = [
            ("REFIT_RUN", self.run.map(|run| run.to_string())),
            ("REFIT_PROJECT", self.project.clone()),
            ("REFIT_FROM", self.from.clone()),
            ("REFIT_TO", self.to.clone()),
            ("REFIT_OUTCOME", self.outcome.clone()),
        ];
        let known = known.into_iter();
        known
            .filter_map(|(key, value)| Some((key.into(), value?.into())))
            .collect()
    }
}

/// The hooks of a run, as the version before the change has them, and what they are told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around {
    /// What `refit.yaml` says.
    pub hooks: Hooks,
    /// What they are told, as far as it is known before the run has a number.
    pub environment: HookEnvironment,
}
