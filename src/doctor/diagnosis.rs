//! What `doctor` says of a stack: the findings, and what was looked at. Data.

use std::path::PathBuf;

use super::finding::Finding;

/// What was looked at, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// Keys that are set in env files.
    pub keys: usize,
    /// Services of which a container was looked for.
    pub services: Option<usize>,
    /// Whatever else, in words.
    pub also: Vec<String>,
    /// What was not, and why.
    pub not: Vec<String>,
}

/// A stack, with all that is to be said of it.
pub(crate) struct Diagnosis {
    /// Compose's name for it, as far as it is told.
    pub project: String,
    /// Its folder.
    pub directory: PathBuf,
    /// What the application is, if refit knows it.
    pub application: Option<RecognisedApplication>,
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub looked: Coverage,
}

/// An application that refit knows.
pub(crate) struct RecognisedApplication {
    /// Its name.
    pub title: String,
    /// The service that it is.
    pub service: String,
    /// Its version, as far as its image tells.
    pub version: Option<String>,
    /// By what it was recognised.
    pub because: Option<String>,
}
