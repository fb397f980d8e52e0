//! Tests in which the witness may see something else than refit says, each with its reason. A reason
//! that begins with `product:` is a fault of refit that is known: it goes when the fault goes.

/// What an objection is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Exit code and outcome.
    Code,
    /// What is printed.
    Words,
    Files,
    Git,
    Containers,
    /// A container that nothing is said of.
    Touched,
    Networks,
    Volumes,
    Images,
    /// What `docker compose` makes of the files, beside the containers.
    Model,
    Leftovers,
}

pub(super) struct Exception {
    /// `program::test`; `program::*` for tests that call refit from threads without a name.
    pub(super) test: &'static str,
    pub(super) of: &'static [Of],
    pub(super) why: &'static str,
}

pub(super) const EXCEPTIONS: &[Exception] = &[];
