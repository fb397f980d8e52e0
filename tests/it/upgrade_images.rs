//! `refit upgrade` of images: what a registry has under the same name comes into the stack as a run
//! like any other, and goes again when it is wrong.

use crate::imaged::{Imaged, found, notes, of_image};
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, free_port, service};

#[test]
fn a_check_tells_what_is_new_and_changes_nothing() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let none = it.upgrade(&["--check", "--exit-code"]).exits(0);
    assert_eq!(found(&none), [""; 0]);
    let old = it.registry.push("team/other:1", "other", 1);
    let digest = it.push("two");
    assert_ne!(old, digest);
    let web = it.stack.container("web");
    let images = it.named();
    let check = it.upgrade(&["--check", "--exit-code"]).exits(10);
    let answer = check.plans(&[("web", "recreate")]);
    assert_eq!(found(&answer), ["web"]);
    let news = &answer.the("news")["images"][0];
    assert_eq!(news["to"], *digest);
    assert!(
        news["from"].as_str().unwrap().starts_with("sha256:"),
        "{answer}"
    );
    web.is_untouched(&it.stack.container("web"));
    assert_eq!(it.named(), images);
    it.is_at("one");
    let reference = format!("{}@{digest}", it.registry.name("team/app"));
    assert_eq!(it.registry.local_id(&reference), None, "it was fetched");
    let history = it.stack.refit(&["history"]).exits(0);
    history.never_says("upgrade");
}

#[test]
fn a_good_image_comes_and_goes_back_on_request() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    it.push("two");
    let answer = it.upgrade(&[]).exits(0).plans(&[("web", "recreate")]);
    assert_eq!(answer.outcome(), "applied");
    assert_eq!(found(&answer), ["web"]);
    assert_eq!(answer.verdict("web").0, "healthy");
    it.is_at("two");
    assert_ne!(it.named(), old);
    let again = it.upgrade(&[]).exits(0);
    assert_eq!(again.outcome(), "nothing_to_do");

    let back = it.stack.refit(&["--json", "rollback", "--settle", "300ms"]);
    assert_eq!(back.exits(0).outcome(), "applied");
    it.is_at("one");
    assert_eq!(it.named(), old);
    // Whoever went back does not want it again tonight.
    let answer = it.upgrade(&["--unattended"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do");
    assert!(notes(&answer).contains("rolled back"), "{answer}");
    it.is_at("one");
    it.push("three");
    it.upgrade(&["--unattended"]).exits(0);
    it.is_at("three");
    // By hand it is another matter.
    it.stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    it.is_at("one");
    it.upgrade(&[]).exits(0);
    it.is_at("three");
}

/// The name may lead back by hand already, and the container still be of the new image.
#[test]
fn a_rollback_looks_at_what_runs_and_not_at_the_name() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    it.push("two");
    it.upgrade(&[]).exits(0);
    let name = it.registry.name(crate::imaged::APP);
    crate::stack::engine::docker(&["tag", &old, &name]);
    it.stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    it.is_at("one");
}

#[track_caller]
fn gives_back(version: &str, reason: &str, remembered: &str) {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    it.push(version);
    let answer = it.upgrade(&["--timeout", "20s"]).exits(3);
    assert_eq!(answer.outcome(), "rolled_back");
    let _ = answer.says(reason);
    it.is_at("one");
    assert_eq!(it.named(), old);

    // Not again, until there is something newer.
    let refused = it.upgrade(&[]).exits(1);
    assert_eq!(refused.refusal(), "failed_before");
    refused.says("--retry").says(remembered);
    let quiet = it.upgrade(&["--unattended"]).exits(0);
    assert_eq!(quiet.outcome(), "nothing_to_do");
    assert!(quiet.all("plan").is_empty(), "{quiet}");
    assert_eq!(quiet.the("note")["code"], "failed_before", "{quiet}");
    it.is_at("one");
    it.upgrade(&["--retry", "--timeout", "20s"]).exits(3);
    it.is_at("one");
    it.push("two");
    it.upgrade(&["--unattended"]).exits(0);
    it.is_at("two");
}

#[test]
fn an_image_that_ends_at_once_is_given_back_and_remembered() {
    gives_back("ends", "no such table", "exited with 7");
}

#[test]
fn an_image_that_is_never_healthy_is_given_back_and_remembered() {
    gives_back("sick", "unhealthy", "unhealthy");
}

/// What failed is remembered with its own name, whatever is refused afterwards.
#[test]
fn a_refusal_is_no_failure_of_what_was_refused() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    it.push("ends");
    it.upgrade(&[]).exits(3);
    it.push("two");
    // A file that the service is to mount, and that nobody has made.
    let compose = it.stack.read("compose.yaml");
    let broken = compose.replacen("init: true", "init: true, volumes: ['./gone.txt:/gone']", 1);
    it.stack.write("compose.yaml", &broken);
    let refused = it.upgrade(&[]).exits(1);
    assert_eq!(refused.refusal(), "bind_missing");
    it.stack.write("compose.yaml", &compose);
    it.upgrade(&[]).exits(0);
    it.is_at("two");
}

#[cfg(feature = "failpoints")]
#[test]
fn whoever_is_killed_while_images_come_leaves_the_names_as_they_were() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    it.push("two");
    for place in ["prepare.before", "prepare.after", "watch.after"] {
        let mut command = it.command(&[]);
        command.env("FAILPOINTS", format!("{place}=return(kill)"));
        let killed = crate::stack::answer::Answer::of(command, b"");
        assert_eq!(killed.code, -1, "{killed}");
        if place == "prepare.after" {
            assert_ne!(
                it.named(),
                old,
                "the name was given to the new image by then"
            );
        }
        let next = it.stack.refit(&["apply"]).exits(0);
        next.says("cut off");
        it.is_at("one");
        assert_eq!(it.named(), old, "{place}");
    }
    // To be cut off is no failure of the image.
    it.upgrade(&[]).exits(0);
    it.is_at("two");
}

/// What a page answered before is asked of the new version as well, healthy or not.
#[test]
fn a_page_that_answered_before_has_to_answer_after() {
    let Some(registry) = Registry::start() else {
        return;
    };
    registry.push("team/page:1", "200", 1);
    let name = registry.name("team/page:1");
    let shell = "nc -ll -p 80 -e sh -c 'read a; printf \"HTTP/1.0 $(cat /version) X\\r\\n\\r\\n\"'";
    let port = free_port();
    let page = service(shell, &format!("ports: ['127.0.0.1:{port}:80']")).replace(BUSYBOX, &name);
    let it = Imaged::with(registry, |name| {
        format!("  web: {}\n  page: {page}\n", of_image(name, ""))
    });
    let Some(it) = it else { return };
    it.registry.push("team/page:1", "500", 1);
    let answer = it.upgrade(&["--timeout", "5s"]).exits(3);
    let _ = answer.says(&format!("answers 500 on port {port} (200 before)"));
    assert_eq!(it.version("page"), "200");
}
