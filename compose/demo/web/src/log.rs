//! The log: lines on standard output, problems on standard error. Never a password.

use std::io::Write;

/// Writes one line to the log.
///
/// A log that nobody reads any more (a closed pipe) is no reason to stop serving.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Writes one line on something that went wrong.
pub(crate) fn problem(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
