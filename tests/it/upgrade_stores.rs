//! Upgrades of a store: another major version of a database, on data that the old one has written,
//! is guarded on the way there and on the way back.

use crate::stack::checkout::Cloned;
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
    refused.says("may not read the data of the old version");
    assert_eq!((version(&clone), clone.head()), ("17.0".to_owned(), major));
    clone
        .refit(&["rollback", "--allow", "store-major"])
        .exits(0);
    assert_eq!((version(&clone), clone.head()), ("16.1".to_owned(), first));
    neighbour.is_untouched(&clone.stack.container("neighbour"));
}
