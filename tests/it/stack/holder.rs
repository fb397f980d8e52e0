//! A run that holds the locks of a stack for as long as a test wants.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStdout, Command, Stdio};

use super::refit::{Refit, Running};

/// A run that is at work, until it is ended.
pub(crate) struct Holder {
    pub(crate) child: Running,
    out: BufReader<ChildStdout>,
}

impl Holder {
    /// Runs until it waits for a service to settle.
    pub(crate) fn of(mut command: Refit) -> Self {
        command.arg("--json");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("\"watch\"") {
            line.clear();
            assert_ne!(out.read_line(&mut line).unwrap(), 0, "it ended too soon");
        }
        Self { child, out }
    }

    /// Ends it by a signal; what it did is rolled back.
    pub(crate) fn interrupt(self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", "INT", &pid]).status();
        assert!(sent.unwrap().success());
        assert_eq!(self.ended(), Some(130));
    }

    /// Waits for its end; gives the exit code.
    pub(crate) fn ended(mut self) -> Option<i32> {
        let _ = self.out.read_to_end(&mut Vec::new());
        self.child.wait().unwrap().code()
    }
}
