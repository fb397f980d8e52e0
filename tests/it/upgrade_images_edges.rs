//! `refit upgrade` of images where something is in the way, or is none of its business.

use crate::imaged::{APP, Imaged, found, notes, of_image};
use crate::stack::engine::docker;
use crate::stack::idle;
use crate::stack::registry::Registry;

#[test]
fn a_registry_that_is_down_is_a_note() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    it.push("two");
    it.registry.stop();
    let answer = it.upgrade(&["--unattended"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do");
    assert!(notes(&answer).contains("cannot be reached"), "{answer}");
    it.is_at("one");
}

#[test]
fn a_login_of_the_docker_cli_opens_a_registry() {
    let Some(registry) = Registry::with_password() else {
        return;
    };
    let services = |name: &str| format!("  web: {}\n", of_image(name, ""));
    let Some(it) = Imaged::with(registry, services) else {
        return;
    };
    it.push("two");
    let stranger = it.upgrade(&[]).exits(0);
    assert_eq!(stranger.outcome(), "nothing_to_do");
    assert!(notes(&stranger).contains("does not give"), "{stranger}");
    let config = it.registry.config.path();
    if let Some(usual) = std::env::var_os("DOCKER_CONFIG") {
        let plugins = std::path::Path::new(&usual).join("cli-plugins");
        std::os::unix::fs::symlink(plugins, config.join("cli-plugins")).unwrap();
    }
    let mut command = it.command(&[]);
    command.env("DOCKER_CONFIG", config);
    crate::stack::answer::Answer::of(command, b"").exits(0);
    it.is_at("two");
}

#[test]
fn what_is_pinned_or_fetched_by_hand_is_left_alone() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let digest = registry.push("team/pinned:1", "one", 1);
    let pinned = format!("{}@{digest}", registry.name("team/pinned:1"));
    let Some(it) = Imaged::with(registry, |name| {
        let web = of_image(name, "");
        let never = of_image(name, "pull_policy: never");
        let missing = of_image(name, "pull_policy: missing");
        let pinned = of_image(&pinned, "");
        format!("  web: {web}\n  never: {never}\n  missing: {missing}\n  pinned: {pinned}\n")
    }) else {
        return;
    };
    it.registry.push("team/pinned:1", "two", 1);
    it.push("two");
    let alone = ["never", "missing", "pinned"].map(|name| it.stack.container(name));
    let answer = it.upgrade(&[]).exits(0);
    assert_eq!(found(&answer), ["web"]);
    it.is_at("two");
    for old in alone {
        old.is_untouched(&it.stack.container(&old.service));
    }
}

#[test]
fn a_young_image_waits() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    it.stack.write("refit.yaml", "upgrade: {min_age: 3d}\n");
    it.push("two");
    let answer = it.upgrade(&["--unattended"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do");
    assert_eq!(found(&answer), [""; 0]);
    assert!(notes(&answer).contains("eligible in 3 d"), "{answer}");
    it.is_at("one");
    it.stack.write("refit.yaml", "upgrade: {min_age: 0d}\n");
    it.upgrade(&[]).exits(0);
    it.is_at("two");
}

/// `build:` and `image:`: what a registry has under that name is somebody else's.
#[test]
fn what_is_built_here_is_not_fetched() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let Some(it) = Imaged::with(registry, |name| {
        let both = idle("build: ./both").replace(crate::stack::BUSYBOX, name);
        format!("  web: {both}\n")
    }) else {
        return;
    };
    it.push("two");
    let web = it.stack.container("web");
    let answer = it.upgrade(&[]).exits(0);
    assert_eq!(found(&answer), [""; 0]);
    assert_eq!(answer.outcome(), "nothing_to_do");
    web.is_untouched(&it.stack.container("web"));
}

#[test]
fn an_image_of_two_services_is_fetched_once() {
    let Some(it) = Imaged::with_two() else { return };
    let digest = it.push("two");
    let both = [("twin", "recreate"), ("web", "recreate")];
    let answer = it.upgrade(&[]).exits(0).plans(&both);
    assert_eq!(found(&answer), ["twin", "web"]);
    it.is_at("two");
    assert_eq!(it.version("twin"), "two");
    let log = it.registry.log();
    let asked = format!("/v2/team/app/manifests/{digest}");
    let asked = log.lines().filter(|line| line.contains(&asked));
    let (by_refit, by_engine): (Vec<&str>, Vec<&str>) =
        asked.partition(|line| line.contains("refit/"));
    // Once for the question, once to be fetched; and once for what it is for this machine.
    assert_eq!((by_engine.len(), by_refit.len()), (2, 1), "{log}");
}

/// It lives in the network of the container that goes.
#[test]
fn whoever_shares_the_container_follows() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let Some(it) = Imaged::with(registry, |name| {
        let side = idle("network_mode: 'service:web'");
        let after = idle("depends_on: {web: {condition: service_started, restart: true}}");
        format!(
            "  web: {}\n  side: {side}\n  after: {after}\n",
            of_image(name, "")
        )
    }) else {
        return;
    };
    let after = it.stack.container("after");
    it.push("two");
    let wanted = [
        ("after", "restart"),
        ("side", "recreate"),
        ("web", "recreate"),
    ];
    it.upgrade(&[]).exits(0).plans(&wanted);
    it.is_at("two");
    after.was_restarted(&it.stack.container("after"));
    let back = ["--json", "rollback", "--settle", "300ms"];
    it.stack.refit(&back).exits(0).plans(&wanted);
    it.is_at("one");
}

#[test]
fn what_was_stopped_on_purpose_stays_so() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let Some(it) = Imaged::with(registry, |name| {
        let rest = of_image(name, "");
        format!("  web: {rest}\n  rest: {rest}\n")
    }) else {
        return;
    };
    it.stack.compose(&["stop", "rest"]);
    let rest = it.stack.container("rest");
    it.push("two");
    let answer = it.upgrade(&[]).exits(0).plans(&[("web", "recreate")]);
    assert!(
        notes(&answer).contains("rest is stopped and stays stopped"),
        "{answer}"
    );
    it.is_at("two");
    rest.is_untouched(&it.stack.container("rest"));
    assert_eq!(it.upgrade(&[]).exits(0).outcome(), "nothing_to_do");
}

#[test]
fn old_and_failed_images_go_with_their_runs() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let one = it.named();
    let kept = || {
        let names = docker(&[
            "image",
            "ls",
            "--format",
            "{{.Repository}}:{{.Tag}}",
            "refit-kept",
        ]);
        let own = format!("refit-kept:{}-", it.stack.project);
        names.lines().filter(|name| name.starts_with(&own)).count()
    };
    it.push("two");
    it.upgrade(&[]).exits(0);
    let two = it.named();
    let failed = format!("{}@{}", it.registry.name("team/app"), it.push("ends"));
    it.upgrade(&[]).exits(3);
    let failed = it.registry.local_id(&failed).unwrap();
    assert_eq!(kept(), 2);
    it.push("three");
    it.stack.write("refit.yaml", "keep: {runs: 1}\n");
    it.upgrade(&[]).exits(0);
    // The one run that is left can be undone.
    assert_eq!(kept(), 1);
    assert!(it.registry.local_id(&two).is_some());
    assert_eq!(
        it.registry.local_id(&one),
        None,
        "the first one is still there"
    );
    assert_eq!(
        it.registry.local_id(&failed),
        None,
        "the failed one is still there"
    );
    // What runs is known to the registry as before.
    assert_eq!(it.upgrade(&[]).exits(0).outcome(), "nothing_to_do");
    it.stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    it.is_at("two");
}

#[test]
fn an_image_that_has_another_name_as_well_stays() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let one = it.named();
    // Named by the project, so that it goes with the test.
    let mine = format!("{}-mine:1", it.stack.project);
    docker(&["tag", &it.registry.name(APP), &mine]);
    it.stack.write("refit.yaml", "keep: {runs: 1}\n");
    for version in ["two", "three"] {
        it.push(version);
        it.upgrade(&[]).exits(0);
    }
    assert_eq!(it.registry.local_id(&mine), Some(one));
}

/// Somebody took the name away while the container runs: it is not left to the new image.
#[cfg(feature = "failpoints")]
#[test]
fn a_name_that_was_gone_is_not_left_to_an_image_that_was_given_back() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let name = it.registry.name(APP);
    docker(&["tag", &name, &it.registry.name("team/app:mine")]);
    docker(&["image", "rm", &name]);
    it.push("two");
    let mut command = it.command(&[]);
    command.env("FAILPOINTS", "prepare.after=return(kill)");
    let killed = crate::stack::answer::Answer::of(command, b"");
    assert_eq!(killed.code, -1, "{killed}");
    it.stack.refit(&["apply"]).exits(0).says("cut off");
    it.is_at("one");
}
