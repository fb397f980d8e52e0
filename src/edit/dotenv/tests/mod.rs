//! Tests of env files.

mod corpus;
mod edit;
mod golden;
mod property;
mod read;
mod soup;
