//! Events in, words out: the only room that prints. One renderer a format, chosen once at the edge.
//! Progress goes to standard error, results to standard output.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the room that prints"
)]

pub mod json;
mod news;
pub mod notify;
pub mod page;
mod screen;
pub mod style;
pub mod terminal;
pub mod words;

use std::io::{IsTerminal as _, Write as _};
use std::rc::Rc;

use crate::event::{Event, Tell};
use style::Style;

/// How much is told, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
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
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The renderer for these options.
pub fn renderer(options: Options) -> Rc<dyn Tell> {
    if options.json {
        return Rc::new(json::Lines);
    }
    let style = Style::for_stdout(options.color);
    Rc::new(terminal::Terminal::new(
        options,
        style,
        std::io::stderr().is_terminal(),
    ))
}

/// Prints a line of a result. A reader that went away (`| head`) is no error.
pub fn out(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a line that is not part of the result.
pub fn err(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Tells nobody: for commands whose result is a page of its own.
pub struct Silence;

impl Tell for Silence {
    fn tell(&self, _: &Event) {}
}
