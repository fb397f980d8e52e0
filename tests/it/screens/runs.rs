//! Restarts, runs that are cut off, and runs that keep each other out.

use super::{Screens, shop};
use crate::stack::holder::Holder;

#[test]
fn services_are_restarted() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    screens.shows("restart", "restart");
    screens.shows("restart-one", "restart web");
    screens.shows("rollback-of-restart", "rollback --settle 300ms");
    screens.shows("restart-unknown", "restart wbe");
    screens.shows("restart-down", "restart --down");
    stack.write("web.conf", "bad\n");
    screens.shows("status-mounted-file", "status");
    screens.shows("restart-crashed", "restart web --settle 3s");
    screens.shows("status-restart-crashed", "status");
    screens.shows("restart-still-crashed", "restart web --settle 3s");
    stack.write("web.conf", "good\n");
    screens.shows("apply-mended", "apply");
    screens.shows("history-restarts", "history");
}

#[test]
fn a_run_is_cut_off() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    let cut = |line: &str| {
        let mut command = stack.command(&super::words(line));
        command.env("FAILPOINTS", "watch.after=return(kill)");
        let killed = crate::stack::answer::Answer::of(command, b"");
        assert_eq!(killed.code, -1, "{killed}");
    };
    cut("set MODE=two");
    screens.shows("unfinished-status", "status");
    screens.shows("unfinished-history", "history");
    screens.shows("unfinished-show", "show");
    screens.shows("unfinished-plan", "plan");
    screens.shows("unfinished-doctor", "doctor");
    screens.shows("unfinished-set", "set WORKERS=2");
    cut("set MODE=three");
    screens.shows("unfinished-rollback", "rollback --settle 300ms");
    cut("set MODE=four");
    stack.write(".env", &(stack.read(".env") + "MINE=1\n"));
    screens.shows("unfinished-edited", "set WORKERS=3");
    screens.shows("unfinished-edited-apply", "apply");
}

#[test]
fn another_run_is_at_work() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    let holder = Holder::of(stack.command(&["set", "WORKERS=2", "--settle", "10m"]));
    screens.shows("locked-set", "set MODE=two");
    screens.shows("locked-rollback", "rollback");
    screens.shows("locked-status", "status");
    screens.shows("locked-history", "history");
    holder.interrupt();
}
