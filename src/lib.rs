//! refit changes a running Docker Compose stack in one command, and gives it back when the change
//! was wrong. The rooms, in the order in which a command meets them.

/// What a person types: one file per verb; parses and prints.
pub mod cli;

/// Unattended upgrades by systemd or cron.
pub(crate) mod schedule;

/// What is wrong with a stack.
pub(crate) mod doctor;

/// Named groups of changes, with their evidence and proofs.
pub(crate) mod recipe;

/// Another version: commits, images, new keys.
pub(crate) mod upgrade;

/// The story of a run, from a request to a report.
pub(crate) mod run;

/// What would happen: base and target, plan, preflight, expected effects, warnings.
pub(crate) mod assess;

/// Checkpoint, the way back and its verification, recovery.
pub(crate) mod rollback;

/// Makes the engine so, on the way there and on the way back: images, containers.
pub(crate) mod apply;

/// What was found out, as a value: edits, both sides, plan, decision.
pub(crate) mod assessment;

/// What was asked.
pub(crate) mod request;

/// Why a change is given up.
pub(crate) mod failure;

/// What refit keeps on disk.
pub(crate) mod state;

/// Whether services are well, and whether a value arrived.
pub(crate) mod health;

/// The steps of a change with their reasons. Pure.
pub(crate) mod plan;

/// What is there: files, model, routes, the engine's side.
pub(crate) mod stack;

/// `refit.yaml`.
pub(crate) mod settings;

/// Edits that keep every other byte. Pure.
pub(crate) mod edit;

/// What is known of one application, as data.
pub(crate) mod profile;

/// Events in; terminal, JSON and messages out.
pub(crate) mod report;

/// Exit codes.
pub(crate) mod exit;

/// The engine, Compose and registries.
pub(crate) mod docker;

/// git.
pub(crate) mod git;

/// This machine: files, processes, HTTP, systemd, cron.
pub(crate) mod host;

/// What can be told.
pub(crate) mod event;

/// Why something is refused or failed: text, hint, stable code.
pub(crate) mod complaint;

/// Values that do not print.
pub(crate) mod secret;

/// Text from outside, made fit for a terminal.
pub(crate) mod text;

/// Hashes in hex.
pub(crate) mod hash;

mod fault;
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
    pub use crate::settings::Settings;
    pub use crate::stack::model::Model;

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
