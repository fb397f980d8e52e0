//! Data that a new version of the files would lose from view, and services that somebody had stopped.

use crate::stack::answer::Answer;
use crate::stack::checkout::Cloned;
use crate::stack::{BUSYBOX, idle};

fn stack(name: &str, folder: &str, options: &str, more: &str) -> [(&'static str, String); 1] {
    let core = idle(&format!("volumes: ['{folder}:/data', 'kvd:/kv']"));
    let text = format!("{name}services:\n  core: {core}\n{more}volumes:\n  kvd: {options}\n");
    [("compose.yaml", text)]
}

fn refuses(clone: &Cloned, code: &str) -> Answer {
    let core = clone.stack.container("core");
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), code, "{answer}");
    core.is_untouched(&clone.stack.container("core"));
    answer
}

#[test]
fn another_folder_another_project_and_other_options_of_a_volume() {
    let files = [
        &stack("", "./data", "{}", "")[..],
        &[("data/.gitkeep", String::new())],
    ];
    let Some(clone) = Cloned::started(&files.concat()) else {
        return;
    };
    clone.stack.write("data/rows", "1\n");
    let files = [
        &stack("", "./appdata", "{}", "")[..],
        &[("appdata/.gitkeep", String::new())],
    ];
    clone.push(&files.concat());
    refuses(&clone, "guard_bind").says("would not find rows");

    clone.push(&stack(
        "name: other\n",
        "./data",
        "{labels: {rev: two}}",
        "",
    ));
    let project = &clone.stack.project;
    let keep = format!("COMPOSE_PROJECT_NAME={project}");
    refuses(&clone, "guard_project").says(&format!("refit set {keep}"));
    let core = clone.stack.container("core");
    clone.refit(&["set", &keep]).exits(0);
    core.is_untouched(&clone.stack.container("core"));
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer.says(&format!(
        "the volume {project}_kvd exists, and keeps its options"
    ));
    assert_eq!(clone.stack.exec("core", &["cat", "/data/rows"]), "1\n");
}

/// Both had been stopped by hand, or had not.
#[test]
fn a_removed_service_comes_back_as_it_was() {
    let more = format!("  third: {}\n  fourth: {}\n", idle(""), idle(""));
    let Some(clone) = Cloned::started(&stack("", "./data", "{}", &more)) else {
        return;
    };
    clone.stack.compose(&["stop", "-t", "0", "third"]);
    clone.push(&stack("", "./data", "{}", ""));
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer
        .has_line(&["✓ third", "removed"])
        .has_line(&["✓ fourth", "removed"]);
    let answer = clone.refit(&["rollback"]).exits(0);
    answer.says("third was stopped before, and is not started");
    let running = clone.stack.compose(&["ps", "--services"]);
    assert_eq!(running.lines().collect::<Vec<_>>(), ["core", "fourth"]);
}

/// The new version writes what the old one refuses: no file and no image cures that.
#[test]
fn a_version_that_changed_the_data_and_failed() {
    let app = |script: &str| {
        let file = format!("FROM {BUSYBOX}\nCOPY run.sh /run.sh\nCMD [\"sh\", \"/run.sh\"]\n");
        [
            ("Dockerfile", file),
            ("run.sh", format!("trap 'exit 0' TERM\n{script}\n")),
        ]
    };
    let reads = "test -e /kv/two && echo 'data two' && exit 1; sleep infinity & wait";
    let service = "{build: ., init: true, restart: always, volumes: ['kvd:/kv']}";
    let compose = format!("services:\n  core: {service}\nvolumes:\n  kvd:\n");
    let settings = "hooks: {before_upgrade: 'echo saved'}\n";
    let more = [
        ("compose.yaml", compose),
        ("refit.yaml", settings.to_owned()),
    ];
    let Some(clone) = Cloned::started(&[&app(reads)[..], &more].concat()) else {
        return;
    };
    clone.refit(&["trust"]).exits(0);
    clone.push(&app("touch /kv/two; exit 3"));
    let answer = clone.refit(&["upgrade", "--settle", "1s"]).exits(4);
    let volume = format!("{}_kvd", clone.stack.project);
    answer
        .says("the new version may have changed the data that the old one is to read")
        .says(&format!("volume {volume}"))
        .says("hook-before_upgrade.log");
}
