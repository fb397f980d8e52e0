//! Colours, where they are wanted.

use std::io::IsTerminal as _;

use super::options::Color;

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// For standard output: `--color`, `NO_COLOR`, a terminal.
    pub(crate) fn for_stdout(color: Color) -> Self {
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let refused = std::env::var_os("NO_COLOR").is_some_and(|text| !text.is_empty());
                !refused && std::io::stdout().is_terminal()
            }
        };
        Self { on }
    }

    /// Without colours.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { on: false };

    fn paint(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    /// What is good.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// What is bad.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// What should be noted.
    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// What is less important.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    /// What is most important.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }
}
