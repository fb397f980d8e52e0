//! Questions, which change nothing.

use super::{Screens, shop};
use crate::demo::Demo;
use crate::stack::TestStack;

#[test]
fn keys_and_services() {
    let Some(stack) = shop() else { return };
    let screens = Screens::of(&stack);
    screens.shows("status", "status");
    screens.shows("get", "get MODE");
    screens.shows("get-json", "get MODE --json");
    screens.shows("get-not-set", "get COLOUR");
    screens.shows("get-near", "get MODES");
    screens.shows("why", "why MODE");
    screens.shows("why-interpolated", "why WORKERS");
    screens.shows("why-secret", "why API_TOKEN");
    screens.shows("why-not-set", "why COLOUR");
    screens.shows("why-near", "why MODES");
    screens.shows("watch", "watch");
    screens.shows("watch-nothing-could-settle", "watch --for 1s --settle 60s");
    screens.shows("notify-no-receiver", "notify test");
    screens.shows("schedule-status-none", "schedule status");
    screens.shows("schedule-test-none", "schedule test");
    screens.shows("doctor-unknown-application", "doctor");
    stack.compose(&["down", "-t", "1"]);
    screens.shows("status-down", "status");
    screens.shows("watch-down", "watch");
    screens.shows("plan-down", "plan");
    screens.shows("doctor-down", "doctor");
    screens.shows("apply-down", "apply");
}

#[test]
fn an_application_that_is_known() {
    let Some(demo) = Demo::started() else { return };
    let stack = &demo.stack;
    let mut screens = Screens::of(stack);
    screens.varies(&format!(r"\b{}\b", demo.port), "30800");
    screens.shows("why-known", "why SESSION_EXPIRY");
    screens.shows("why-known-secret", "why DEMO_PASSWORD");
    screens.shows("doctor-good", "doctor");
    let env = stack.read(".env");
    let wrong = env.replace("SESSION_EXPIRY=900", "SESSION_EXPIRY=week");
    stack.write(".env", &(wrong + "COOKIE_SECUR=true\n"));
    screens.shows("doctor-findings", "doctor");
    screens.shows("status-mounted-file-changed", "status");
    screens.shows_in_window("doctor-60", 60, "doctor");
    screens.shows_in_window("doctor-100", 100, "doctor");
    screens.shows_in_window("why-60", 60, "why SESSION_EXPIRY");
    screens.shows_in_window("why-100", 100, "why SESSION_EXPIRY");
}

#[test]
fn settings_that_are_wrong() {
    let stack = TestStack::without_engine();
    stack.write("compose.yaml", "services:\n  web: {image: x}\n");
    stack.write("refit.yaml", "guard: {key: [A]}\n");
    let screens = Screens::of(&stack);
    screens.shows("settings-wrong", "status");
}
