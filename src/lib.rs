//! refit changes a running Docker Compose stack in one command, and gives it back when the change
//! was wrong.

pub mod cli;
pub mod doctor;
pub mod schedule;

pub mod recipe;
pub mod upgrade;

pub mod run;

pub mod state;

pub mod health;
pub mod plan;
pub mod stack;

pub mod edit;
pub mod profile;

pub mod complaint;
pub mod engine;
pub mod event;
pub mod exit;
pub mod hash;
pub mod report;
pub mod secret;
pub mod text;

mod fault;
mod words;
