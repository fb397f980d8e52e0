//! A terminal for a program of a test: a person's window, and what is left on its screen at the end.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command};

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::refit::Refit;

/// Lines of a window: more than any screen has.
const ROWS: u16 = 200;

/// The other end of a terminal that refit has.
pub(crate) struct Window {
    master: File,
    written: Vec<u8>,
}

impl Window {
    /// Starts a program of a test as a person does in a window: it leads a session, and the terminal
    /// is its own.
    pub(crate) fn open(command: &Refit) -> (Self, Child) {
        let window = Self::new();
        let child = window.start(command);
        (window, child)
    }

    /// The same in a window that is so wide.
    pub(crate) fn wide(columns: u16, command: &Refit) -> (Self, Child) {
        let window = Self::new();
        let size = Winsize {
            ws_row: ROWS,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&window.master, size).unwrap();
        let child = window.start(command);
        (window, child)
    }

    fn new() -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        Self {
            master: File::from(master),
            written: Vec::new(),
        }
    }

    fn start(&self, command: &Refit) -> Child {
        let name = ptsname(&self.master, Vec::new()).unwrap();
        let terminal = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(i32::try_from(OFlags::NOCTTY.bits()).unwrap())
            .open(name.to_str().unwrap())
            .unwrap();
        let mut within = Command::new("setsid");
        within.arg("--ctty").arg(command.get_program());
        within.args(command.get_args());
        within.current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => within.env(name, value),
                None => within.env_remove(name),
            };
        }
        within
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal);
        within.spawn().unwrap()
    }

    /// Reads on; false: nobody has the terminal open any more.
    pub(crate) fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        match self.master.read(&mut bytes) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.written.extend_from_slice(&bytes[..count]);
                true
            }
        }
    }

    /// All that was written to it so far.
    pub(crate) fn seen(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }

    /// Reads until this has been shown.
    #[track_caller]
    pub(crate) fn shows(&mut self, text: &str) {
        while !self.seen().contains(text) {
            assert!(self.read(), "never shows {text:?}: {}", self.seen());
        }
    }

    /// A key of the person's keyboard.
    pub(crate) fn press(&mut self, key: u8) {
        self.master.write_all(&[key]).unwrap();
    }
}

/// What is on the screen after all of this was written to it.
#[track_caller]
pub(crate) fn left_on_screen(columns: u16, written: &str) -> String {
    let size = |count: u16| NonZero::new(count).unwrap();
    let mut terminal = vt100::Parser::new(size(ROWS), size(columns), 0);
    terminal.process(written.as_bytes());
    let screen = terminal.screen();
    assert!(!screen.hide_cursor(), "the cursor is gone: {written}");
    let mut text = String::new();
    for row in screen.rows(0, columns) {
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}
