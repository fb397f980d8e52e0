//! The only place that prints.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use super::options::PrintOptions;
use crate::text;

/// Prints a line of a result. That it cannot be printed stops nothing: a run goes on to its end, and
/// a question asks [`unwritten`] when it is answered.
pub(crate) fn out(line: &str) {
    print(&format!("{}\n", text::coloured(line)));
}

/// Prints text as it is: for programs, and with its own line ends.
pub(crate) fn print(text: &str) {
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
pub(crate) fn unwritten() -> Option<&'static io::Error> {
    let error = UNWRITTEN.get();
    error.filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// Prints a line that is not part of the result.
pub(crate) fn err(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text::coloured(line));
}

/// Prints a line for a person who waits at a terminal, unless they asked for quiet.
pub(crate) fn to_watcher(options: PrintOptions, line: &str) {
    if io::stderr().is_terminal() && !options.quiet {
        err(line);
    }
}
