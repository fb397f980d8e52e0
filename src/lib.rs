//! refit changes a running Docker Compose stack in one command, and gives it back when the change
//! was wrong.

pub mod edit;
