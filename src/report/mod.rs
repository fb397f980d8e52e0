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

use std::io::{self, IsTerminal as _, Write as _};
use std::rc::Rc;
use std::sync::OnceLock;

use crate::event::{Event, Tell};
use crate::text;
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
        io::stderr().is_terminal(),
    ))
}

/// Prints a line of a result. That it cannot be printed stops nothing: a run goes on to its end, and
/// a question asks [`unwritten`] when it is answered.
pub fn out(line: &str) {
    print(&format!("{}\n", text::coloured(line)));
}

/// Prints text as it is: for programs, and with its own line ends.
pub fn print(text: &str) {
    let mut to = io::stdout().lock();
    if let Err(error) = to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        // Only the first one tells the cause.
        let _ = UNWRITTEN.set(error);
    }
}

/// The first failure to print, for the one who ends the program: as C's `ferror`, it belongs to the
/// stream, of which there is one.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// Why a part of what was printed did not arrive. A reader that went away, as `| head` does, has what
/// it wanted.
pub fn unwritten() -> Option<&'static io::Error> {
    let error = UNWRITTEN.get();
    error.filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// Prints a line that is not part of the result.
pub fn err(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text::coloured(line));
}

/// Tells nobody: for commands whose result is a page of its own.
pub struct Silence;

impl Tell for Silence {
    fn tell(&self, _: &Event) {}
}
