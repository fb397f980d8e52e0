//! refit changes a running Docker Compose stack in one command, and gives it back when the change
//! was wrong. The rooms, in the order in which a command meets them.

/// What a person types: one file per verb; parses and prints.
pub mod cli;
/// Why something is refused or failed: text, hint, stable code.
pub mod complaint;
/// The engine, Compose and registries.
pub mod docker;
/// What is wrong with a stack.
pub mod doctor;
/// Edits that keep every other byte. Pure.
pub mod edit;
/// What can be told.
pub mod event;
/// Exit codes.
pub mod exit;
/// Places where tests make a run fail.
mod fault;
/// git.
pub mod git;
/// Hashes in hex.
pub mod hash;
/// Whether services are well, and whether a value arrived.
pub mod health;
/// This machine: files, processes, HTTP, systemd, cron.
pub mod host;
/// The steps of a change with their reasons. Pure.
pub mod plan;
/// What is known of one application, as data.
pub mod profile;
/// Named groups of changes, with their evidence and proofs.
pub mod recipe;
/// Events in; terminal, JSON and messages out.
pub mod report;
/// From a request to a report: assess, change, prove, and commit or roll back.
pub mod run;
/// Unattended upgrades by systemd or cron.
pub mod schedule;
/// Values that do not print.
pub mod secret;
/// What is there: files, model, routes, the engine's side.
pub mod stack;
/// What refit keeps on disk.
pub mod state;
/// Text from outside, made fit for a terminal.
pub mod text;
/// Another version: commits, images, new keys.
pub mod upgrade;
/// Enums with a word for each case.
mod words;
