//! The command line itself: help, and what is no command. No engine is asked.

use super::Screens;
use crate::stack::TestStack;

#[test]
fn help() {
    let stack = TestStack::without_engine();
    let screens = Screens::of_the_command_line(&stack);
    screens.shows("help", "-h");
    screens.shows("help-set", "set -h");
    screens.shows("help-set-long", "set --help");
    for verb in [
        "unset", "edit", "get", "why", "apply", "restart", "plan", "status", "watch", "rollback",
        "history", "show", "use", "recipes", "upgrade", "schedule", "notify", "doctor",
    ] {
        screens.shows(&format!("help-{verb}"), &format!("{verb} -h"));
    }
    screens.shows_in_window("help-60", 60, "-h");
    screens.shows_in_window("help-100", 100, "-h");
    screens.shows_in_window("help-upgrade-60", 60, "upgrade -h");
}

#[test]
fn what_is_no_command() {
    let stack = TestStack::without_engine();
    let screens = Screens::of_the_command_line(&stack);
    screens.shows("usage-nothing", "");
    screens.shows("usage-unknown-verb", "up");
    screens.shows("usage-near-verb", "stauts");
    screens.shows("usage-unknown-option", "set A=1 --dryrun");
    screens.shows("usage-no-value", "set");
    screens.shows("usage-wrong-time", "set A=1 --timeout soon");
    screens.shows("usage-wrong-guard", "set A=1 --allow everything");
}
