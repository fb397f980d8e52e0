//! Upgrades of a checkout, whose remote is a folder.

use super::Screens;
use crate::stack::checkout::{Cloned, config};
use crate::stack::{TestStack, idle, service};

/// `web` mounts `web.conf`, and ends at once where that is bad. No registry is asked for its image.
fn files() -> Vec<(&'static str, String)> {
    let web = service(
        "grep -q bad /etc/web.conf && { echo 'web.conf: bad line'; sleep 0.2; exit 7; }; exec sleep infinity",
        "pull_policy: never, volumes: ['./web.conf:/etc/web.conf:ro']",
    );
    vec![
        ("compose.yaml", format!("services:\n  web: {web}\n")),
        (".gitignore", ".env\n".to_owned()),
        (".env.example", "MODE=one\n".to_owned()),
        ("web.conf", config("one", "two")),
    ]
}

/// Screens on which each commit of the developer has a name.
fn screens<'a>(clone: &'a Cloned, commits: &[&str]) -> Screens<'a> {
    let mut screens = Screens::of_clone(clone);
    for (number, commit) in commits.iter().enumerate() {
        let short = &commit[..7];
        screens.varies(
            &format!(r"\b{short}[0-9a-f]*"),
            &format!("commit{}", number + 1),
        );
    }
    // Commits go before whatever else looks like an id.
    screens.varies.rotate_right(commits.len());
    screens
}

#[test]
fn a_checkout_is_upgraded() {
    let Some(clone) = Cloned::started(&files()) else {
        return;
    };
    let first = clone.head();
    let one = screens(&clone, &[&first]);
    one.shows("upgrade-check-nothing", "upgrade --check");
    one.shows("upgrade-nothing", "upgrade");
    let second = clone.push(&[("web.conf", config("new", "two"))]);
    clone.stack.write("web.conf", &config("mine", "two"));
    let two = screens(&clone, &[&first, &second]);
    two.shows("upgrade-conflict", "upgrade");
    clone.stack.write("web.conf", &config("one", "mine"));
    two.shows("upgrade-check", "upgrade --check");
    two.shows("upgrade-dry-run", "upgrade --dry-run");
    let line = "upgrade --settle 60s";
    two.shows_in_window_until("upgrade-interrupted-60", 60, line, |window| {
        super::terminals::interrupts(window, "web  running");
    });
    two.shows("upgrade-applied", "upgrade");
    two.shows("upgrade-history", "history");
    two.shows("upgrade-show", "show");
    let third = clone.push(&[("web.conf", config("bad", "two"))]);
    let three = screens(&clone, &[&first, &second, &third]);
    three.shows("upgrade-failed", "upgrade --settle 3s");
    three.shows("upgrade-failed-before", "upgrade");
    three.shows("upgrade-unattended", "upgrade --unattended");
    three.shows("upgrade-no-such-ref", "upgrade --to v9");
    three.shows("upgrade-rollback", "rollback --settle 300ms");
    let wanted = "MODE=one\n# Who may sign in.\nUSERS=ann\n";
    let fourth = clone.push(&[
        (".env.example", wanted.to_owned()),
        ("web.conf", config("good", "two")),
    ]);
    let four = screens(&clone, &[&first, &second, &third, &fourth]);
    clone.stack.write(".env", "MODE=one\n");
    four.shows("upgrade-new-keys", "upgrade");
    clone.stack.write("README", "mine\n");
    clone.git(&["add", "README"]);
    clone.git(&["commit", "-qm", "mine"]);
    let fifth = clone.head();
    clone.push(&[("web.conf", config("newer", "two"))]);
    let sixth = clone.develop(&["rev-parse", "HEAD"]);
    let six = screens(&clone, &[&first, &second, &third, &fourth, &fifth, &sixth]);
    six.shows("upgrade-diverged", "upgrade");
    six.shows_in_window("upgrade-diverged-60", 60, "upgrade");
}

#[test]
fn no_checkout() {
    let compose = format!("services:\n  web: {}\n", idle("pull_policy: never"));
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    let screens = Screens::of(&stack);
    screens.shows("upgrade-no-checkout", "upgrade");
    screens.shows("upgrade-no-checkout-to", "upgrade --to v2");
}
