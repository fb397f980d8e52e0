//! Events in, words out: the only room that prints. One renderer a format, chosen once at the edge.
//! Progress goes to standard error, results to standard output.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the room that prints"
)]

pub(crate) mod called;
mod fold;
pub(crate) mod json;
mod news;
pub(crate) mod notify;
mod options;
mod output;
pub(crate) mod page;
mod plan;
mod screen;
pub(crate) mod style;
pub(crate) mod terminal;
pub(crate) mod words;

pub(crate) use options::{Color, PrintOptions};
pub(crate) use output::{Traces, err, out, print, to_watcher, unwritten, value};

use std::io::{self, IsTerminal as _};
use std::rc::Rc;

use crate::event::{Event, Tell};
use style::Style;

/// The renderer for these options.
pub(crate) fn renderer(options: PrintOptions) -> Rc<dyn Tell> {
    if options.json {
        return Rc::new(AsCalled(json::JsonLines));
    }
    let style = Style::for_stdout(options.color);
    let terminal = terminal::Terminal::new(options, style, io::stderr().is_terminal());
    Rc::new(AsCalled(terminal))
}

/// What is to be typed next, as it works here.
struct AsCalled<T>(T);

impl<T: Tell> Tell for AsCalled<T> {
    fn tell(&self, event: &Event) {
        self.0.tell(&event.with_commands(called::fit));
    }
}
