//! refit changes a running Docker Compose stack in one command, and rolls it back when the change
//! was wrong. The rooms, in the order in which a command meets them.

/// What a person types: one file per verb; parses and prints.
pub mod cli;

/// Unattended upgrades: the crontab line, systemd units, and what a timer runs.
pub(crate) mod schedule;

/// What is wrong with a stack: gathers, and rules that find.
pub(crate) mod doctor;

/// Named groups of changes for one aim, with their evidence, stores and checks.
pub(crate) mod recipe;

/// Another version: commits, images, new keys of the sample.
pub(crate) mod upgrade;

/// The story of a run, from a request to a report; who is told of it.
pub(crate) mod run;

/// What would happen, before anything is written: edits and the file each goes to, both sides, the plan,
/// what Compose accepts, expected effects, warnings, the application's page as a probe.
pub(crate) mod assess;

/// The checkpoint (old texts of files, commit, images kept from prune), the way back and its
/// verification, recovery.
pub(crate) mod rollback;

/// Makes the engine so, on the way there and on the way back: images, containers.
pub(crate) mod apply;

/// Which of what `refit.yaml` does on this machine counts, and which waits to be accepted.
pub(crate) mod trust;

/// What was found out by `assess`, as a value: edits, both sides, plan, decision.
pub(crate) mod assessment;

/// What was asked.
pub(crate) mod request;

/// Why a change is given up: leads to the rollback.
pub(crate) mod failure;

/// What refit keeps on disk: lock, journal, runs and their statistics, who was told.
pub(crate) mod state;

/// Whether services are well and within which limits, and whether a value arrived.
pub(crate) mod health;

/// The steps of a change with their reasons, and the guards that `--allow` lets pass. Pure.
pub(crate) mod plan;

/// What is there: files, model, routes, the engine's side.
pub(crate) mod stack;

/// `refit.yaml`.
pub(crate) mod settings;

/// Edits that keep every other byte. Pure.
pub(crate) mod edit;

/// What is known of one application, as data: how it is recognised, what it makes of each key.
pub(crate) mod profile;

/// Events in; out come the terminal's lines, a line of JSON for each event, messages to people.
pub(crate) mod report;

/// Exit codes.
pub(crate) mod exit;

/// The engine, every call of Compose (`config`, `build`, the `up` of a recreate), and registries.
pub(crate) mod docker;

/// git.
pub(crate) mod git;

/// This machine: files, processes, accounts, HTTP, Redis, cron, systemd and its lingering users.
pub(crate) mod host;

/// What can be told.
pub(crate) mod event;

/// Why something is refused or failed: text, hint, stable code.
pub(crate) mod complaint;

/// What counts as a secret; values that do not print, and hiding them in text.
pub(crate) mod secret;

/// Text from outside, made fit for a terminal.
pub(crate) mod text;

/// "Did you mean": the known word that is a slip away.
pub(crate) mod suggest;

/// Hashes in hex.
pub(crate) mod hash;

/// Fail points for tests.
mod fault;

/// Enums whose cases are words of a contract, such as guards and codes.
mod words;

/// What the tests of this repository look at without the binary, and nobody else.
#[doc(hidden)]
pub mod tested {
    pub use crate::apply::images::build_file::{build_file, with_contexts};
    pub use crate::apply::images::built::PassingNames;
    pub use crate::apply::images::fetch::fetch;
    pub use crate::assessment::supply::WantedImage;
    pub use crate::complaint::Code;
    pub use crate::docker::client::Docker;
    pub use crate::docker::credentials::Logins;
    pub use crate::doctor::FindingCode;
    pub use crate::edit::dotenv::{Dotenv, EnvKey, Format};
    pub use crate::event::NoteCode;
    pub use crate::exit::Exit;
    pub use crate::host::signals::Signal;
    pub use crate::plan::guard::Guard;
    pub use crate::secret::is_secret;
    pub use crate::settings::Settings;
    pub use crate::stack::model::Model;
    pub use crate::stack::variables::environments;

    pub mod endpoint {
        pub use crate::docker::endpoint::{EndpointRequest, resolve};
    }

    pub mod yaml {
        pub use crate::edit::yaml::{
            NewValue, ScalarAt, Segment, YamlEdit, YamlError, YamlNote, YamlPath, delete, get,
            read, scalars, set,
        };
    }

    pub mod images {
        pub use crate::upgrade::images::{ImageNote, RegistryNews, news, too_young};
    }
}
