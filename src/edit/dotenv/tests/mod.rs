//! Tests of env files.

mod edit;
mod golden;
mod property;
mod read;
mod soup;
