//! Screens in a window, narrow and wide.

use super::{Screens, shop};
use crate::stack::window::Window;

/// What a terminal sends for Ctrl-C.
const CTRL_C: u8 = 3;

/// Presses Ctrl-C when the service that is waited for runs, and has been drawn often enough for Compose
/// to have ended.
pub(super) fn interrupts(window: &mut Window, moment: &str) {
    window.shows(moment);
    for _ in 0..20 {
        assert!(window.read(), "{}", window.seen());
    }
    window.press(CTRL_C);
}

#[test]
fn narrow_and_wide() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    for columns in [60, 100] {
        let shows = |name: &str, line: &str| {
            screens.shows_in_window(&format!("{name}-{columns}"), columns, line);
        };
        shows("status", "status");
        shows("set-dry-run", "set MODE=two --dry-run");
        shows("set-applied", "set MODE=two WORKERS=2");
        shows("set-failed", "set MODE=bad --settle 3s");
        shows("set-guarded", "set JWT_SECRET=xyz");
        shows("restart", "restart");
        shows("show", "show 2");
        shows("rollback-applied", "rollback 1 --settle 300ms");
        shows("history", "history");
    }
}

#[test]
fn a_run_is_interrupted() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    for columns in [60, 100] {
        let interrupted = |verb: &str, line: &str| {
            let name = format!("{verb}-interrupted-{columns}");
            screens.shows_in_window_until(&name, columns, line, |window| {
                interrupts(window, "worker  running");
            });
        };
        interrupted("set", "set WORKERS=2 --settle 60s");
        interrupted("restart", "restart worker --settle 60s");
        screens.shows(&format!("interrupted-history-{columns}"), "history");
    }
    screens.shows_in_window_until("watch-interrupted-60", 60, "watch --settle 60s", |window| {
        window.shows("web     healthy");
        window.shows("worker  running");
        window.press(CTRL_C);
    });
}
