//! The only place that prints.

use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use super::fold;
use super::options::PrintOptions;
use crate::secret::hidden_by_form;
use crate::text;

/// Prints a line of a result, without what looks like a secret: what nobody has learned is found here.
/// That it cannot be printed stops nothing: a run goes on to its end, and a question asks
/// [`unwritten`] when it is answered.
pub(crate) fn out(line: &str) {
    for line in in_window(&hidden_by_form(line), io::stdout()) {
        value(&line);
    }
}

/// As long as the terminal is wide; what is no terminal gets whole lines.
fn in_window(text: &str, to: impl AsFd) -> Vec<String> {
    let columns = match rustix::termios::tcgetwinsize(to) {
        Ok(size) => usize::from(size.ws_col),
        Err(_) => 0,
    };
    let lines = text.split('\n');
    lines.flat_map(|line| fold::folded(line, columns)).collect()
}

/// Prints the very value that was asked for.
pub(crate) fn value(text: &str) {
    print(&format!("{}\n", text::coloured(text)));
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
    for line in in_window(&hidden_by_form(line), io::stderr()) {
        let _ = writeln!(io::stderr().lock(), "{}", text::coloured(&line));
    }
}

/// Prints a line for a person who waits at a terminal, unless they asked for quiet.
pub(crate) fn to_watcher(options: PrintOptions, line: &str) {
    if io::stderr().is_terminal() && !options.quiet {
        err(line);
    }
}

/// Standard error for messages of `-vv`, which tell what was called with which words.
pub(crate) struct Traces;

impl io::Write for Traces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = hidden_by_form(&String::from_utf8_lossy(bytes));
        io::stderr().lock().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
