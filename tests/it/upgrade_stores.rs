//! Upgrades of a store: another major version of a database, on data that the old one has written,
//! is guarded on the way there and on the way back.

use crate::stack::checkout::Cloned;
use crate::stack::engine::docker;
use crate::stack::registry::Registry;
use crate::stack::{BUSYBOX, idle};

/// A stand-in: what counts is the image's name.
fn compose(registry: &Registry, tag: &str) -> (&'static str, String) {
    let name = registry.name(&format!("library/postgres:{tag}"));
    let store = idle("volumes: ['data:/var/lib/postgresql/data']").replace(BUSYBOX, &name);
    let text = format!(
        "services:\n  db: {store}\n  neighbour: {}\nvolumes: {{data: }}\n",
        idle("")
    );
    ("compose.yaml", text)
}

fn started() -> Option<(Registry, Cloned)> {
    let registry = Registry::start()?;
    for tag in ["16.1", "16.2", "17.0"] {
        registry.push(&format!("library/postgres:{tag}"), tag, 1);
    }
    let clone = Cloned::started(&[compose(&registry, "16.1")])?;
    Some((registry, clone))
}

fn version(clone: &Cloned) -> String {
    let text = clone.stack.exec("db", &["cat", "/version"]);
    text.trim().to_owned()
}

#[test]
fn a_major_version_of_a_store_is_refused_there_and_back() {
    let Some((registry, clone)) = started() else {
        return;
    };
    let (db, first) = (clone.stack.container("db"), clone.head());
    let neighbour = clone.stack.container("neighbour");
    clone.push(&[compose(&registry, "16.2")]);
    clone.refit(&["upgrade"]).exits(0);
    assert_eq!(version(&clone), "16.2");
    db.was_recreated(&clone.stack.container("db"));
    // Back within a major version is nobody's loss.
    clone.refit(&["rollback"]).exits(0);
    assert_eq!(
        (version(&clone), clone.head()),
        ("16.1".to_owned(), first.clone())
    );

    let major = clone.push(&[compose(&registry, "17.0")]);
    let before = clone.stack.container("db");
    let answer = clone.refit(&["--json", "upgrade"]).exits(1);
    assert_eq!(answer.refusal(), "guard_store");
    answer.says("--allow store-major").says("postgres:17.0");
    assert_eq!(clone.head(), first);
    before.is_untouched(&clone.stack.container("db"));

    clone.refit(&["upgrade", "--allow", "store-major"]).exits(0);
    assert_eq!(
        (version(&clone), clone.head()),
        ("17.0".to_owned(), major.clone())
    );
    let refused = clone.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "guard_store");
    refused.says("may have changed its data");
    assert_eq!((version(&clone), clone.head()), ("17.0".to_owned(), major));
    clone
        .refit(&["rollback", "--allow", "store-major"])
        .exits(0);
    assert_eq!((version(&clone), clone.head()), ("16.1".to_owned(), first));
    neighbour.is_untouched(&clone.stack.container("neighbour"));
}

/// A name that is moved to another major version says nothing of it: the images do.
#[test]
fn a_moving_tag_is_judged_by_what_the_images_say() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let push = |version: &str| {
        let env = format!("ENV MARIADB_VERSION=1:{version}+maria~ubu2204");
        registry.push_with("library/mariadb:latest", version, 1, &[&env]);
    };
    push("10.11.6");
    let name = registry.name("library/mariadb:latest");
    let web = idle("volumes: ['data:/var/lib/mysql']").replace(BUSYBOX, &name);
    let built = "build: ., volumes: ['built:/d'], init: true, command: [sleep, infinity]";
    let dockerfile = |major: &str| {
        let text = format!("FROM {BUSYBOX}\nENV PG_MAJOR={major} PGDATA=/d\n");
        [("Dockerfile", text)]
    };
    let compose =
        format!("services:\n  db: {web}\n  rel: {{{built}}}\nvolumes: {{data: , built: }}\n");
    let files = [&dockerfile("15")[..], &[("compose.yaml", compose)]].concat();
    let Some(clone) = Cloned::started(&files) else {
        return;
    };
    let (db, rel) = (clone.stack.container("db"), clone.stack.container("rel"));
    let untouched = || {
        db.is_untouched(&clone.stack.container("db"));
        rel.is_untouched(&clone.stack.container("rel"));
    };
    push("11.4.2");
    let old = clone.head();
    // The registry says it, and nothing is fetched for it.
    for how in ["--check", "--unattended"] {
        let refused = clone.refit(&["upgrade", how]).exits(1);
        refused
            .says("mariadb:latest (mariadb 10.11)")
            .says("mariadb:latest (mariadb 11.4)")
            .says("--allow store-major");
    }
    let image = docker(&["inspect", "--format", "{{.Config.Env}}", &name]);
    assert!(image.contains("MARIADB_VERSION=1:10.11.6"), "{image}");
    untouched();
    // What is built says it when it is built.
    clone.push(&dockerfile("16"));
    let refused = clone
        .refit(&["upgrade", "--retry", "--allow", "store-major", "--check"])
        .exits(0);
    refused.never_says("not known: which version");
    let refused = clone.refit(&["upgrade", "--retry"]).exits(1);
    refused.says("--allow store-major");
    assert_eq!(clone.head(), old);
    untouched();
    let answer = clone.refit(&["upgrade", "--retry", "--allow", "store-major"]);
    answer.exits(0);
    assert_eq!(version(&clone), "11.4.2");
    let refused = clone.refit(&["--json", "rollback"]).exits(1);
    assert_eq!(refused.refusal(), "guard_store");
    refused.says("may have changed its data");
    assert_eq!(version(&clone), "11.4.2");
    clone
        .refit(&["rollback", "--allow", "store-major"])
        .exits(0);
    assert_eq!(version(&clone), "10.11.6");
}

/// The data goes with the volume, whatever its service is called.
#[test]
fn a_renamed_store_keeps_its_volume_and_its_version() {
    let Some((registry, clone)) = started() else {
        return;
    };
    let renamed = |tag: &str| {
        let (file, text) = compose(&registry, tag);
        [(file, text.replace("  db:", "  base:"))]
    };
    clone
        .stack
        .exec("db", &["touch", "/var/lib/postgresql/data/x"]);
    let (db, first) = (clone.stack.container("db"), clone.head());
    clone.push(&renamed("17.0"));
    for args in [
        &["--json", "upgrade"][..],
        &["--json", "upgrade", "--allow", "volume-removed"],
    ] {
        let refused = clone.refit(args).exits(1);
        assert_eq!(refused.refusal(), "guard_store");
        refused.says("base would get the data of db");
    }
    db.is_untouched(&clone.stack.container("db"));
    clone.push(&renamed("16.2"));
    let answer = clone.refit(&["upgrade"]).exits(0);
    answer.has_line(&["✓ db", "removed"]);
    clone
        .stack
        .exec("base", &["ls", "/var/lib/postgresql/data/x"]);
    clone.refit(&["rollback"]).exits(0);
    clone
        .stack
        .exec("db", &["ls", "/var/lib/postgresql/data/x"]);
    assert_eq!(clone.head(), first);
}
