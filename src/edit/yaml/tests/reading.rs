//! Values, lines and scalars.

use serde_json::json;

use super::super::{get, read, scalars};
use super::path;

const STACK: &str = "x-env: &env\n  A: 1\n  B: two\nservices:\n  web:\n    image: \"a:${TAG}\" # why\n    \
     environment:\n      <<: *env\n      B: 2\n    command: |\n      run ${X}\n    ports: [\"80:80\", 53:53/udp]\n  \
     db:\n    environment:\n      - P=${Q}\n      - R\n    labels:\n";

#[test]
fn values_are_read_through_aliases_and_merge_keys() {
    let cases = [
        ("services.web.image", Some(json!("a:${TAG}"))),
        ("services.web.environment.A", Some(json!(1))),
        ("services.web.environment.B", Some(json!(2))),
        ("services.web.environment", Some(json!({"A": 1, "B": 2}))),
        ("services.db.environment.P", Some(json!("${Q}"))),
        ("services.db.environment.R", Some(json!(null))),
        ("services.db.environment[0]", Some(json!("P=${Q}"))),
        ("services.web.ports[\"53/udp\"]", Some(json!("53:53/udp"))),
        ("services.db.labels", Some(json!(null))),
        ("services.db.labels.x", None),
        ("services.none.image", None),
        ("services.web.ports[7]", None),
    ];
    for (at, value) in cases {
        assert_eq!(get(STACK, &path(at)), Ok(value), "{at}");
    }
}

#[test]
fn every_scalar_has_its_place() {
    let found: Vec<_> = scalars(STACK)
        .unwrap()
        .into_iter()
        .map(|scalar| (scalar.path.to_string(), scalar.line, scalar.value))
        .filter(|(_, _, value)| value.contains('$') || value.is_empty())
        .collect();
    let expected = [
        ("services.web.image", 6, "a:${TAG}"),
        ("services.web.command", 11, "run ${X}\n"),
        ("services.db.environment[0]", 15, "P=${Q}"),
        ("services.db.labels", 17, ""),
    ];
    assert_eq!(
        found,
        expected.map(|(path, line, value)| (path.into(), line, value.into()))
    );
    assert_eq!(scalars("# nothing\n"), Ok(vec![]));
}

#[test]
fn words_are_typed_as_compose_types_them() {
    let text = "[yes, no, on, true, 0777, 0o17, 1_000, 0x1F, ~, 1:30, 2001-01-01, .5, 1e3, .nan, !x 5, !!str 5]";
    let expected = json!([
        "yes",
        "no",
        "on",
        true,
        511,
        15,
        1000,
        31,
        null,
        "1:30",
        "2001-01-01",
        0.5,
        1000.0,
        ".nan",
        5,
        "5"
    ]);
    assert_eq!(read(text), Ok(expected.clone()));
    assert_eq!(get(&format!("a: {text}"), &path("a")), Ok(Some(expected)));
    assert_eq!(read(""), Ok(json!(null)));
    assert_eq!(read("# c\n"), Ok(json!(null)));
}

#[test]
fn chained_merges_resolve_alike_in_both_readers() {
    let text = "a: &a {x: 1, y: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: [*b, {z: 3, y: 9}], w: 4}\nd: {<<: ~, e: 1}\n";
    let c = json!({"w": 4, "x": 1, "y": 2, "z": 3});
    assert_eq!(read(text).unwrap()["c"], c);
    assert_eq!(get(text, &path("c")), Ok(Some(c)));
    assert_eq!(get(text, &path("d")), Ok(Some(json!({"e": 1}))));
}
