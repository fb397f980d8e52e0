//! The terminal under the lines that move. It may go away at any moment - a window is closed, a
//! connection drops - and that must never be what ends a run half way: from the first write that
//! fails, nothing more is drawn.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// So many times a second it is drawn at most.
const RATE: u8 = 20;

/// Where nobody says how wide or high a terminal is.
const USUAL: (u16, u16) = (80, 24);

/// Columns that stay free: a terminal echoes a Ctrl-C as `^C` where the cursor is, and on a full line
/// that would begin another one, which is never taken away.
const ECHO: u16 = 3;

/// Standard error, as a place to draw on.
#[derive(Debug, Default)]
struct Screen {
    /// What is drawn next: it is written whole, so that nothing flickers.
    next: Mutex<String>,
    is_gone: AtomicBool,
}

/// Lines that move, on standard error.
pub(super) fn live() -> MultiProgress {
    let screen = Box::<Screen>::default();
    MultiProgress::with_draw_target(ProgressDrawTarget::term_like_with_hz(screen, RATE))
}

impl Screen {
    fn size() -> (u16, u16) {
        match rustix::termios::tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => USUAL,
        }
    }

    fn put(&self, text: &str) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.push_str(text);
    }

    fn move_by(&self, count: usize, letter: char) {
        if count > 0 {
            self.put(&format!("\x1b[{count}{letter}"));
        }
    }
}

/// Nothing fails here: what draws on it takes a failure for the end of the program.
impl TermLike for Screen {
    fn width(&self) -> u16 {
        Self::size().0.saturating_sub(ECHO)
    }

    fn height(&self) -> u16 {
        Self::size().1
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.move_by(n, 'D');
        Ok(())
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.put(s);
        self.put("\n");
        Ok(())
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.put(s);
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.put("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::mem::take(&mut *next);
        if self.is_gone.load(Ordering::Relaxed) || text.is_empty() {
            return Ok(());
        }
        let mut to = io::stderr().lock();
        if to
            .write_all(text.as_bytes())
            .and_then(|()| to.flush())
            .is_err()
        {
            self.is_gone.store(true, Ordering::Relaxed);
        }
        Ok(())
    }
}
