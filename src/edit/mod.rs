//! Text-preserving edits: pure functions from text to text. No I/O, no clock, no async.

pub mod dotenv;
pub mod yaml;
