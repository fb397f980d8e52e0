//! Tests of env files.

mod golden;
