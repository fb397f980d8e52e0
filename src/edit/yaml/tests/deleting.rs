//! Entries and items that go, with what is theirs.

use serde_json::json;

use super::super::{YamlNote, delete};
use super::{deleted, path};

#[test]
fn an_entry_goes_with_its_lines() {
    let cases = [
        ("a: 1\nb: 2 # why\nc: 3\n", "b", "a: 1\nc: 3\n"),
        (
            "a: 1\nb:\n  x: 1\n  # in b\n  y: 2\n# of c\nc: 3\n",
            "b",
            "a: 1\n# of c\nc: 3\n",
        ),
        ("a: 1\nb: |\n  x\n\nc: 3\n", "b", "a: 1\n\nc: 3\n"),
        ("a: 1\nb:\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("a: 1\nb: 2", "b", "a: 1"),
        ("a: 1\r\nb: 2\r\n", "b", "a: 1\r\n"),
        ("a: 1\r\nb: 2", "b", "a: 1"),
        ("\u{feff}a: 1\nb: 2\n", "a", "\u{feff}b: 2\n"),
        ("\u{feff}# c\na: 1\nb: 2\n", "a", "\u{feff}# c\nb: 2\n"),
        ("a:\n  b: 1 # why\nc: 1\n", "a.b", "a: {}\nc: 1\n"),
        ("a: # why\n  b: 1\nc: 1\n", "a.b", "a: {} # why\nc: 1\n"),
        ("a: &x\n  b: 1\nc: 1\n", "a.b", "a: &x {}\nc: 1\n"),
        ("a: 1\n", "a", "{}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", "a.b", "a: {c: 2, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3}\n", "a.c", "a: {b: 1, d: 3}\n"),
        ("a: {b: 1, c: 2, d: 3 }\n", "a.d", "a: {b: 1, c: 2 }\n"),
        ("a: { b: 1 }\n", "a.b", "a: {}\n"),
        ("a: 1\nb: &x 2\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("a: 1\nb: !reset null\nc: 3\n", "b", "a: 1\nc: 3\n"),
        ("a: 1\n? b\n: 2\nc: 3\n", "b", "a: 1\nc: 3\n"),
    ];
    for (before, at, after) in cases {
        assert_eq!(deleted(before, at), after, "{before}");
    }
}

#[test]
fn an_item_goes_with_its_lines() {
    let cases = [
        (
            "a:\n  - x\n  - y # why\n  - z\n",
            "a[1]",
            "a:\n  - x\n  - z\n",
        ),
        ("a:\n- x\n- y\nb: 1\n", "a[1]", "a:\n- x\nb: 1\n"),
        ("a:\n- x\nb: 1\n", "a[0]", "a: []\nb: 1\n"),
        (
            "a:\n  - k: 1\n    l: 2\n  - m: 3\n",
            "a[0].k",
            "a:\n  - l: 2\n  - m: 3\n",
        ),
        (
            "a:\n  - k: 1 # gone\n    # about l\n    l: 2\n",
            "a[0].k",
            "a:\n  - # about l\n    l: 2\n",
        ),
        (
            "a:\n  - k: 1\n    l: 2\n  - m: 3\n",
            "a[0].l",
            "a:\n  - k: 1\n  - m: 3\n",
        ),
        (
            "a:\n  - k: 1\n  - m: 3\n",
            "a[0].k",
            "a:\n  - {}\n  - m: 3\n",
        ),
        (
            "a:\n  - k: 1\n    l: 2\n  - m: 3\n",
            "a[0]",
            "a:\n  - m: 3\n",
        ),
        ("a:\n  - - x\n    - y\n", "a[0][0]", "a:\n  - - y\n"),
        ("a: [x, y, z]\n", "a[0]", "a: [y, z]\n"),
        ("a: [x, y, z]\n", "a[2]", "a: [x, y]\n"),
        ("a: [x, y,]\n", "a[1]", "a: [x,]\n"),
        (
            "a: [\n  x, # one\n  y, # two\n  z # three\n]\n",
            "a[1]",
            "a: [\n  x, # one\n  z # three\n]\n",
        ),
        (
            "a: [\n  x, # one\n  y # two\n]\n",
            "a[1]",
            "a: [\n  x # one\n]\n",
        ),
        (
            "environment:\n  - A=1\n  - B\n",
            "environment.A",
            "environment:\n  - B\n",
        ),
        (
            "environment: [A=1, B, A=2]\n",
            "environment.A",
            "environment: [B]\n",
        ),
        (
            "environment:\n  - A=1\n  - B\n  - A=2\n",
            "environment.A",
            "environment:\n  - B\n",
        ),
        (
            "ports:\n  - 80:80\n  - 53:53/udp\n",
            "ports[\"53/udp\"]",
            "ports:\n  - 80:80\n",
        ),
        (
            "depends_on:\n  - a\n  - b\n",
            "depends_on.a",
            "depends_on:\n  - b\n",
        ),
    ];
    for (before, at, after) in cases {
        assert_eq!(deleted(before, at), after, "{before}");
    }
}

#[test]
fn a_comment_goes_only_when_it_is_clearly_the_entrys_own() {
    let cases = [
        // Alone under its comment: the comment is its own.
        (
            "a: 1\n# about b,\n# in two lines\nb: 2\n\nc: 3\n",
            "b",
            "a: 1\n\nc: 3\n",
        ),
        (
            "a: 1\n# about b\nb: 2\n# about c\nc: 3\n",
            "b",
            "a: 1\n# about c\nc: 3\n",
        ),
        (
            "m:\n  # about it\n  a: 1\n  # about b\n  b: 2\nn: 1\n",
            "m.b",
            "m:\n  # about it\n  a: 1\nn: 1\n",
        ),
        // The heading of a group stays, unless it names the key.
        (
            "a: 1\n# database\nHOST: 2\nPORT: 3\n",
            "HOST",
            "a: 1\n# database\nPORT: 3\n",
        ),
        (
            "a: 1\n# HOST is the database\nHOST: 2\nPORT: 3\n",
            "HOST",
            "a: 1\nPORT: 3\n",
        ),
        // A blank line between, another indentation, or an entry that was commented out: not its own.
        (
            "a: 1\n# far\n\nb: 2\n\nc: 3\n",
            "b",
            "a: 1\n# far\n\n\nc: 3\n",
        ),
        (
            "m:\n  a: 1\n# shallow\n  b: 2\n\n  c: 3\n",
            "m.b",
            "m:\n  a: 1\n# shallow\n\n  c: 3\n",
        ),
        (
            "a: 1\n# old: 5\nb: 2\n\nc: 3\n",
            "b",
            "a: 1\n# old: 5\n\nc: 3\n",
        ),
        (
            "a: 1\n# - X=5\nb: 2\n\nc: 3\n",
            "b",
            "a: 1\n# - X=5\n\nc: 3\n",
        ),
        // The head of the file is about the file.
        ("# my stack\na: 1\n\nb: 2\n", "a", "# my stack\n\nb: 2\n"),
        (
            "a: # of a\n  b: 1\n\n  c: 2\n",
            "a.b",
            "a: # of a\n\n  c: 2\n",
        ),
    ];
    for (before, at, after) in cases {
        assert_eq!(deleted(before, at), after, "{before}");
    }
}

#[test]
fn what_is_not_there_is_no_error() {
    let text = "a: 1\n";
    for at in ["b", "b.c", "x.y[0]"] {
        let edited = delete(text, &path(at)).unwrap();
        assert_eq!(
            (edited.text.as_str(), edited.before, edited.after),
            (text, None, None)
        );
    }
}

#[test]
fn a_removed_override_lets_the_inherited_value_count_again() {
    let text = "x: &x\n  A: 1\nb:\n  <<: *x\n  A: 2\n";
    let edited = delete(text, &path("b.A")).unwrap();
    assert_eq!(edited.text, "x: &x\n  A: 1\nb:\n  <<: *x\n");
    assert_eq!(
        (edited.before, edited.after),
        (Some(json!(2)), Some(json!(1)))
    );
    assert_eq!(
        edited.notes,
        [YamlNote::InheritsAgain {
            anchor: "x".into(),
            line: 1
        }]
    );
}
