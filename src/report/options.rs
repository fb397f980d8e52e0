//! How much is told, and in which form.

/// The options of every command that are about printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct PrintOptions {
    /// JSON Lines.
    pub json: bool,
    /// Only what failed.
    pub quiet: bool,
    /// Also what is otherwise left out.
    pub verbose: bool,
    /// `--color`.
    pub color: Color,
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}
