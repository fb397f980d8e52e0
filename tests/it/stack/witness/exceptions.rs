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
    /// Compose's note in a container of what it depends on.
    Order,
}

pub(super) struct Exception {
    /// `module::test`; `*` for all.
    pub(super) test: &'static str,
    pub(super) of: &'static [Of],
    pub(super) why: &'static str,
}

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        test: "as_compose_does::what_a_provider_gave_is_not_lost",
        of: &[Of::Model],
        why: "`config --hash` does not call the provider, whose variables `up` puts into the hash",
    },
    Exception {
        test: "*",
        of: &[Of::Order],
        why: "product: what `up --no-deps` makes has an empty label depends_on, which `docker compose -p` goes by",
    },
    Exception {
        test: "edit_command::a_file_that_somebody_else_changed_meanwhile_is_theirs",
        of: &[Of::Files],
        why: "the editor of the test writes to the file as somebody else does",
    },
];
