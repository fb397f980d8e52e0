//! refit changes a running Docker Compose stack in one command, and gives it back when the change
//! was wrong. The rooms, in the order in which a command meets them.

/// What a person types: one file per verb; parses and prints.
pub mod cli;

/// Unattended upgrades by systemd or cron.
pub mod schedule;

/// What is wrong with a stack.
pub mod doctor;

/// Named groups of changes, with their evidence and proofs.
pub mod recipe;

/// Another version: commits, images, new keys.
pub mod upgrade;

/// The story of a run, from a request to a report.
pub mod run;

/// What would happen: base and target, plan, preflight, expected effects, warnings.
pub mod assess;

/// Checkpoint, the way back and its verification, recovery.
pub mod rollback;

/// Makes the engine so, on the way there and on the way back: images, containers.
pub mod apply;

/// What was found out, as a value: edits, both sides, plan, decision.
pub mod assessment;

/// What was asked.
pub mod request;

/// Why a change is given up.
pub mod failure;

/// What refit keeps on disk.
pub mod state;

/// Whether services are well, and whether a value arrived.
pub mod health;

/// The steps of a change with their reasons. Pure.
pub mod plan;

/// What is there: files, model, routes, the engine's side.
pub mod stack;

/// `refit.yaml`.
pub mod settings;

/// Edits that keep every other byte. Pure.
pub mod edit;

/// What is known of one application, as data.
pub mod profile;

/// Events in; terminal, JSON and messages out.
pub mod report;

/// Exit codes.
pub mod exit;

/// The engine, Compose and registries.
pub mod docker;

/// git.
pub mod git;

/// This machine: files, processes, HTTP, systemd, cron.
pub mod host;

/// What can be told.
pub mod event;

/// Why something is refused or failed: text, hint, stable code.
pub mod complaint;

/// Values that do not print.
pub mod secret;

/// Text from outside, made fit for a terminal.
pub mod text;

/// Hashes in hex.
pub mod hash;

mod fault;
mod words;
