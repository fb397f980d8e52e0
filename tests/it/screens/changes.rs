//! Keys that are set, unset and given back, and what is remembered of it.

use super::{Screens, shop};

#[test]
fn a_key_is_set() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    screens.shows("set-dry-run", "set MODE=two --dry-run");
    screens.shows("set-applied", "set MODE=two");
    screens.shows("set-nothing-to-do", "set MODE=two");
    screens.shows("set-two-services", "set MODE=three WORKERS=2");
    screens.shows("set-quiet", "set WORKERS=3 -q");
    screens.shows("set-secret", "set API_TOKEN=hunter3");
    screens.shows("set-new-key", "set COLOUR=red");
    screens.shows("unset-applied", "unset API_TOKEN");
    screens.shows("unset-nothing-to-do", "unset API_TOKEN");
}

#[test]
fn a_key_is_refused() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    screens.shows("set-guarded", "set JWT_SECRET=xyz");
    screens.shows("set-bad-name", "set A/B=xyz");
    screens.shows("set-no-service", "set COLOUR=red --for wbe");
    screens.shows("set-no-file", "set -F compse.yaml services.web.image=x");
    screens.shows(
        "set-yaml-unreadable",
        "set -F compose.yaml services.web.colour=red",
    );
    screens.shows("set-no-apply", "set MODE=two --no-apply");
    screens.shows("status-drifted", "status");
    screens.shows("plan-something", "plan");
    screens.shows("apply-drift", "apply");
    screens.shows("plan-nothing", "plan");
    screens.shows("apply-nothing-to-do", "apply");
}

#[test]
fn a_key_is_wrong() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    screens.shows("set-failed", "set MODE=bad --settle 3s");
    screens.shows("show-failed", "show");
    screens.shows(
        "set-failed-no-rollback",
        "set MODE=bad --no-rollback --settle 3s",
    );
    screens.shows("status-crashed", "status");
    screens.shows("watch-crashed", "watch");
    screens.shows("doctor-crashed", "doctor");
    stack.write(".env", &stack.read(".env").replace("MODE=bad", "MODE=bad2"));
    screens.shows("apply-failing-before", "apply --settle 3s");
    screens.shows("rollback-of-failed", "rollback --settle 300ms");
}

#[test]
fn runs_are_undone() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    screens.shows("history-none", "history");
    screens.shows("show-none", "show");
    screens.shows("rollback-none", "rollback");
    stack.refit(&["set", "MODE=two"]).exits(0);
    stack.refit(&["set", "WORKERS=2"]).exits(0);
    stack.refit(&["set", "MODE=bad", "--settle", "3s"]).exits(3);
    screens.shows("rollback-dry-run", "rollback --dry-run");
    screens.shows("rollback-applied", "rollback --settle 300ms");
    let mine = stack.read(".env") + "MINE=1\n";
    stack.write(".env", &mine);
    screens.shows("rollback-edited", "rollback 1 --settle 300ms");
    screens.shows(
        "rollback-edited-allowed",
        "rollback 1 --allow edited --settle 300ms",
    );
    screens.shows("rollback-no-such-run", "rollback 77");
    screens.shows("history", "history");
    screens.shows("history-since", "history --since 1d");
    screens.shows("history-since-wrong", "history --since yesterday");
    screens.shows("show-applied", "show 1");
    screens.shows("show-rollback", "show");
    screens.shows("show-no-such-run", "show 77");
}
