//! An action on this machine that waits to be accepted, and how that is told.

use std::path::PathBuf;

use super::host_action::{ActionAt, HostAction};
use super::upgrade::HookName;

/// Something that the settings would make refit do on this machine, and that nobody here has accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WaitingAction {
    /// What it is.
    pub action: HostAction,
    /// The file that it stands in, as shown.
    pub file: String,
    /// The files of the checkout that it runs or reads, and that are not accepted.
    pub programs: Vec<PathBuf>,
    /// The variables that fill its address, and whose definitions are not accepted.
    pub variables: Vec<String>,
    /// Whether what stands in the settings is accepted, so that only these wait.
    pub is_text_accepted: bool,
    /// Names this state of it: what is accepted, is accepted by that.
    pub id: String,
    /// The hashes of what waits of it.
    pub hashes: Vec<String>,
}

/// The command that accepts it.
const ACCEPTS: &str = "refit trust";

impl WaitingAction {
    /// `hooks.before_upgrade of refit.yaml (./backup.sh)`.
    fn told(&self) -> String {
        let Self { action, file, .. } = self;
        format!("{} of {file} ({})", action.key, action.in_a_line())
    }

    /// The files and variables of it that wait.
    fn further(&self) -> String {
        let programs = self.programs.iter();
        let programs = programs.map(|path| path.display().to_string());
        let all: Vec<String> = programs.chain(self.variables.iter().cloned()).collect();
        all.join(", ")
    }

    /// What is missing where it is left out.
    fn missing(&self) -> &'static str {
        match self.action.at {
            ActionAt::Hook(HookName::BeforeUpgrade) => "; until then upgrades make no backup by it",
            ActionAt::Hook(HookName::AfterSuccess | HookName::AfterFailure)
            | ActionAt::Receiver(_)
            | ActionAt::Probe(_) => "",
        }
    }

    /// That it is left out of this run.
    pub(crate) fn left_out(&self) -> String {
        let (not_done, told, further) = (self.action.at.not_done(), self.told(), self.further());
        let further = match (self.is_text_accepted, further.is_empty()) {
            (_, true) => String::new(),
            (true, false) => format!(", of which {further} is new or changed"),
            (false, false) => format!(", with {further}"),
        };
        let missing = self.missing();
        format!("{not_done} until it is accepted: {told}{further}: {ACCEPTS}{missing}")
    }

    /// That a new version brings it.
    pub(crate) fn arriving(&self) -> String {
        let (not_done, told, further) = (self.action.at.not_done(), self.told(), self.further());
        let brings = match (self.is_text_accepted, further.is_empty()) {
            (_, true) => format!("brings {told}"),
            (true, false) => format!("changes {further}, which belongs to {told}"),
            (false, false) => format!("brings {told}, with {further}"),
        };
        let missing = self.missing();
        format!("the new version {brings}; {not_done} until it is accepted: {ACCEPTS}{missing}")
    }
}
