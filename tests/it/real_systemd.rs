//! Timers of a real systemd: they fire, make up for what they missed, keep to their folders, and are gone when they
//! are removed.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::schedule::{record_in, until};
use crate::stack::TestStack;
use crate::stack::checkout::{Cloned, version};
use crate::stack::idle;
use crate::systemd::{ANN_ID, Machine, folder};

/// The names of refit's units, without their kinds.
fn unit(machine: &Machine, who: &[&str]) -> String {
    let ask = [
        "systemctl",
        "list-unit-files",
        "--no-legend",
        "refit-*.timer",
    ];
    let words = [&ask[..1], who, &ask[1..]].concat();
    let answer = match who {
        [] => machine.root(&words),
        _ => machine.ann(&words),
    };
    let name = answer.stdout.split_whitespace().next().unwrap_or_default();
    name.strip_suffix(".timer").unwrap_or_default().to_owned()
}

/// A clone whose stack runs, and a machine that it is a stack of.
fn started() -> Option<(Cloned, Machine)> {
    let clone = Cloned::with(TestStack::in_folder(folder())?, &version("v1"))?;
    clone.stack.up_healthy();
    let machine = Machine::start(&clone.stack)?;
    Some((clone, machine))
}

#[test]
fn a_timer_of_the_system_fires_behind_its_wall_and_makes_up_for_what_it_missed() {
    let Some((clone, machine)) = started() else {
        return;
    };
    let stray = clone.stack.beside("stray");
    let hooks = format!("hooks: {{after_success: 'touch {}'}}\n", stray.display());
    clone.stack.write("refit.yaml", &hooks);
    clone.push(&[("version", "v2\n".to_owned())]);

    machine
        .root(&["refit", "schedule", "install", "--at", "04:00"])
        .exits(0)
        .says("Installed in systemd")
        .says("04:00, as root");
    let unit = unit(&machine, &[]);
    assert!(unit.starts_with("refit-"), "{unit}");
    let (timer, service) = (format!("{unit}.timer"), format!("{unit}.service"));
    machine
        .root(&["refit", "schedule", "status"])
        .exits(0)
        .says("this machine will run it");

    machine.root(&["systemctl", "start", &service]).exits(0);
    assert_eq!(clone.inside("/app/version"), "v2");
    assert!(!stray.exists(), "it wrote outside of its folders");
    let entries = || record_in(&clone.stack.state());
    assert_eq!(entries().len(), 1);
    assert_eq!(entries()[0]["outcome"], "applied");

    // The machine was off at four in the morning.
    clone.push(&[("version", "v3\n".to_owned())]);
    machine.root(&["systemctl", "stop", &timer]).exits(0);
    let stamp = format!("/var/lib/systemd/timers/stamp-{timer}");
    machine
        .root(&["touch", "-d", "2 days ago", &stamp])
        .exits(0);
    machine.root(&["systemctl", "start", &timer]).exits(0);
    until(|| entries().len() == 2);
    machine.root(&["systemctl", "start", &service]).exits(0);
    assert_eq!(clone.inside("/app/version"), "v3");
    let outcomes: Vec<Value> = entries()
        .into_iter()
        .map(|one| one["outcome"].clone())
        .collect();
    assert_eq!(outcomes[..2], ["applied", "applied"], "{outcomes:?}");

    machine
        .root(&["refit", "schedule", "remove"])
        .exits(0)
        .says("Removed from systemd");
    let left = machine.root(&[
        "systemctl",
        "list-timers",
        "--all",
        "--no-legend",
        "refit-*",
    ]);
    assert_eq!(left.exits(0).stdout.trim(), "");
    machine.root(&["test", "!", "-e", &stamp]).exits(0);
}

#[test]
fn a_timer_of_a_user_waits_for_somebody_to_let_it_linger() {
    let Some((clone, machine)) = started() else {
        return;
    };
    clone.push(&[("version", "v2\n".to_owned())]);
    let root = clone.stack.beside("");
    fs::create_dir(clone.stack.state()).unwrap();
    give(&root);
    // She is logged in, as far as systemd can tell.
    let user = format!("user@{ANN_ID}.service");
    machine.root(&["systemctl", "start", &user]).exits(0);
    let warned = "nothing runs while refit-ann is not logged in: loginctl enable-linger refit-ann";
    machine
        .ann(&["refit", "schedule", "install", "--user"])
        .exits(0)
        .says("Installed in systemd of this user")
        .says(warned);
    machine
        .root(&["loginctl", "enable-linger", "refit-ann"])
        .exits(0);
    machine
        .ann(&["refit", "schedule", "status"])
        .exits(0)
        .says("this machine will run it")
        .never_says("not logged in");
    let unit = unit(&machine, &["--user"]);
    let service = format!("{unit}.service");
    machine
        .ann(&["systemctl", "--user", "start", &service])
        .exits(0);
    assert_eq!(clone.inside("/app/version"), "v2");
    machine
        .ann(&["refit", "schedule", "remove"])
        .exits(0)
        .says("Removed from systemd of this user");
    let list = [
        "systemctl",
        "--user",
        "list-timers",
        "--all",
        "--no-legend",
        "refit-*",
    ];
    assert_eq!(machine.ann(&list).exits(0).stdout.trim(), "");
}

/// Everything below a folder becomes the account's.
fn give(folder: &Path) {
    let owner = format!("{ANN_ID}:{ANN_ID}");
    let done = Command::new("chown")
        .args(["-R", &owner])
        .arg(folder)
        .status();
    assert!(done.unwrap().success());
    chown(folder, Some(ANN_ID), Some(ANN_ID)).unwrap();
}

/// In a unit a line that ends so goes on in the next one.
#[test]
fn a_folder_whose_name_ends_in_a_backslash_is_the_one_that_the_service_is_in() {
    let Some(stack) = TestStack::in_folder(folder()) else {
        return;
    };
    let odd = stack.path("o dd\\");
    fs::create_dir(&odd).unwrap();
    let compose = format!("name: {}\nservices:\n  web: {}\n", stack.project, idle(""));
    fs::write(odd.join("compose.yaml"), compose).unwrap();
    let Some(machine) = Machine::start(&stack) else {
        return;
    };
    let at = odd.display().to_string();
    machine.root(&["refit", "-C", &at, "apply"]).exits(0);
    machine
        .root(&["refit", "-C", &at, "schedule", "install"])
        .exits(0);
    let unit = unit(&machine, &[]);
    let service = format!("{unit}.service");
    let shown = machine.root(&[
        "systemctl",
        "show",
        "-p",
        "Description",
        "-p",
        "WorkingDirectory",
        &service,
    ]);
    let shown = shown.exits(0);
    let wanted = format!("WorkingDirectory={at}");
    assert!(shown.stdout.lines().any(|line| line == wanted), "{shown}");
    machine.root(&["systemctl", "start", &service]).exits(0);
    machine
        .root(&["refit", "-C", &at, "schedule", "status"])
        .exits(0)
        .says("nothing to do");
    machine
        .root(&["refit", "-C", &at, "schedule", "remove"])
        .exits(0);
}
