//! Tests of env files.

mod golden;
mod property;
mod soup;
