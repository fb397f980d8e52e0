//! Images that a rollback needs and that somebody has removed, as `docker image prune -a` does; names that
//! other projects use as well; and images that are not new to this machine, or not for it.

use crate::imaged::{APP, Imaged, notes, of_image};
use crate::stack::checkout::{Cloned, version};
use crate::stack::engine::docker;
use crate::stack::registry::Registry;
use crate::stack::{TestStack, idle};

/// As `docker image prune -a` takes an image, whatever names it has.
fn prune(id: &str) {
    docker(&["image", "rm", "--force", id]);
}

#[test]
fn an_image_that_is_gone_is_pulled_again_by_its_digest() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    it.push("two");
    it.upgrade(&[]).exits(0);
    prune(&old);
    let plan = it.stack.refit(&["rollback", "--dry-run"]).exits(0);
    plan.says("is gone and is pulled again");
    it.stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    it.is_at("one");
    assert_eq!(it.named(), old);
}

/// Another name is given to what a run may lose, and to nothing else.
#[test]
fn a_run_that_changes_no_image_keeps_none() {
    let compose = format!(
        "services:\n  web: {}\n",
        idle("environment: {A: '${A:-1}'}")
    );
    let Some(stack) = TestStack::started(&compose, &[]) else {
        return;
    };
    stack.refit(&["set", "A=2", "--settle", "300ms"]).exits(0);
    let names = docker(&["image", "ls", "--format", "{{.Tag}}", "refit-kept"]);
    assert!(!names.contains(&stack.project), "{names}");
    stack.refit(&["rollback", "--settle", "300ms"]).exits(0);
    assert_eq!(stack.container("web").env["A"], "1");
}

/// The registry is away: there is nothing that the way back could be made of.
#[test]
fn an_image_that_nobody_has_is_refused_before_it_is_planned() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    it.push("two");
    it.upgrade(&[]).exits(0);
    prune(&old);
    it.registry.stop();
    let web = it.stack.container("web");
    let answer = it.stack.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(answer.refusal(), "checkpoint_gone", "{answer}");
    assert!(answer.all("plan").is_empty(), "{answer}");
    answer.says("services.web.image=");
    web.is_untouched(&it.stack.container("web"));
    it.stack.refit(&["history"]).exits(0).never_says("rollback");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_failed_upgrade_pulls_its_old_image_again() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let old = it.named();
    for is_there in [true, false] {
        it.push("ends");
        let mut command = it.command(&["--retry"]);
        command.env("FAILPOINTS", "watch.before=return(kill)");
        let killed = crate::stack::answer::Answer::of(command, b"");
        assert_eq!(killed.code, -1, "{killed}");
        prune(&old);
        if is_there {
            it.stack.refit(&["apply"]).exits(0).says("cut off");
            it.is_at("one");
            assert_eq!(it.named(), old);
        } else {
            it.registry.stop();
            let answer = it.stack.refit(&["apply"]).exits(4);
            // What the name means at the registry is the image that ends.
            let name = it.registry.name("team/app");
            let answer = answer.never_says(&format!("docker pull {name}:"));
            answer.says(&format!("docker pull {name}@sha256:"));
        }
    }
}

#[test]
fn a_built_image_that_is_gone_is_built_again_from_its_commit() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let old = clone.stack.container("web");
    let old = old.image();
    clone.push(&[("version", "v2\n".to_owned())]);
    clone.refit(&["upgrade"]).exits(0);
    prune(old);
    let plan = clone.refit(&["rollback", "--dry-run"]).exits(0);
    plan.says("is built again from");
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(clone.inside("/app/version"), "v1");
}

#[cfg(feature = "failpoints")]
#[test]
fn a_failed_upgrade_builds_its_old_image_again() {
    let Some(clone) = Cloned::started(&version("v1")) else {
        return;
    };
    let old = clone.stack.container("web");
    let old = old.image();
    clone.push(&[("version", "v2\n".to_owned())]);
    let killed = clone.refit_failing("watch.before=return(kill)", &["upgrade"]);
    assert_eq!(killed.code, -1, "{killed}");
    prune(old);
    let answer = clone.refit(&["apply"]).exits(0);
    answer.says("the old image of web was gone, and was built again from");
    assert_eq!(clone.inside("/app/version"), "v1");
}

/// Another platform's image is new, and this machine's is not.
#[test]
fn an_index_that_is_new_for_other_machines_touches_nothing() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let digests = ["own", "theirs", "theirs2"].map(|tag| {
        let image = format!("team/app:{tag}");
        registry.push(&image, tag, 1)
    });
    let architecture = docker(&["version", "--format", "{{.Server.Arch}}"]);
    let other = match architecture.trim() {
        "arm64" => "amd64",
        _ => "arm64",
    };
    let index = |theirs: usize| {
        let own = (architecture.trim(), digests[0].as_str());
        registry.push_index(
            "team/app",
            "index",
            &[own, (other, digests[theirs].as_str())],
        )
    };
    let first = index(1);
    let name = registry.name("team/app:index");
    let compose = format!("services:\n  web: {}\n", of_image(&name, ""));
    let Some(stack) = TestStack::new(&[("compose.yaml", &compose)]) else {
        return;
    };
    let config = registry.config.path().to_string_lossy().into_owned();
    docker(&["--config", &config, "pull", "--quiet", &name]);
    stack.up_healthy();
    let web = stack.container("web");
    assert_ne!(index(2), first);
    let check = ["--json", "upgrade", "--check", "--exit-code"];
    let answer = stack.refit(&check).exits(0);
    assert!(answer.the("news")["images"].as_array().unwrap().is_empty());
    let answer = stack.refit(&["--json", "upgrade"]).exits(0);
    assert_eq!(answer.outcome(), "nothing_to_do", "{answer}");
    web.is_untouched(&stack.container("web"));
}

#[test]
fn an_image_for_another_machine_is_found_before_anything_stops() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let web = it.stack.container("web");
    let old = it.named();
    let architecture = docker(&["version", "--format", "{{.Server.Arch}}"]);
    let other = match architecture.trim() {
        "arm64" => "linux/amd64",
        _ => "linux/arm64",
    };
    it.registry.push_for(APP, other);
    let answer = it.upgrade(&[]).exits(1);
    answer.says(&format!("is for {other}")).says(APP);
    web.is_untouched(&it.stack.container("web"));
    assert_eq!(it.named(), old);
}

#[test]
fn a_name_of_other_projects_is_not_moved_back_in_silence() {
    let Some(it) = Imaged::started("") else {
        return;
    };
    let compose = format!(
        "services:\n  cache: {}\n",
        of_image(&it.registry.name(APP), "")
    );
    let Some(other) = TestStack::started(&compose, &[]) else {
        return;
    };
    it.push("two");
    it.upgrade(&[]).exits(0);
    other.refit(&["upgrade", "--settle", "300ms"]).exits(0);
    let back = it
        .stack
        .refit(&["--json", "rollback", "--settle", "300ms"])
        .exits(0);
    let told = notes(&back);
    assert!(
        told.contains(&format!("{} runs the newer one", other.project)),
        "{told}"
    );
    let answer = other.refit(&["status"]);
    answer
        .says("runs a newer image than")
        .never_says("outdated");
    let doctor = other.refit(&["doctor"]);
    let doctor = doctor.says("refit apply would go back to the older one");
    let typed = doctor
        .says("→ docker tag")
        .never_says("→ refit apply")
        .stdout;
    let (_, typed) = typed.split_once("→ docker ").unwrap();
    docker(
        &typed
            .lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    other.refit(&["status"]).exits(0).never_says("newer image");
}

#[test]
fn container_names_that_are_taken_are_found_before_anything_stops() {
    let named = |first: &str, second: &str| {
        let service = |name: &str| idle(&format!("container_name: PROJECT-{name}"));
        format!(
            "services:\n  a: {}\n  b: {}\n",
            service(first),
            service(second)
        )
    };
    let Some(stack) = TestStack::new(&[]) else {
        return;
    };
    let write = |first: &str, second: &str| {
        let text = named(first, second).replace("PROJECT", &stack.project);
        stack.write("compose.yaml", &text);
    };
    write("x", "y");
    stack.up();
    let (a, b) = (stack.container("a"), stack.container("b"));
    let refused = |by: &str| {
        for words in [["--json", "plan"], ["--json", "apply"]] {
            let answer = stack.refit(&words).exits(1);
            assert_eq!(answer.refusal(), "name_in_use", "{answer}");
            answer.says(by);
        }
        a.is_untouched(&stack.container("a"));
        b.is_untouched(&stack.container("b"));
    };
    write("y", "x");
    refused("is in use by");
    let stranger = format!("{}-z", stack.project);
    docker(&["create", "--name", &stranger, crate::stack::BUSYBOX]);
    write("z", "y");
    refused("by a container that no Compose project has");
    docker(&["rm", &stranger]);
    stack.refit(&["apply"]).exits(0);
}
