//! What is refused, with its code and place; and that nothing breaks the reader.

use proptest::prelude::*;
use serde_json::json;

use super::super::{NewValue, YamlError, YamlPath, delete, get, read, scalars, set};
use super::path;

fn refused(text: &str, at: &str, value: NewValue) -> YamlError {
    match set(text, &path(at), &value) {
        Err(failure) => failure,
        Ok(edited) => panic!("{at} was set: {}", edited.text),
    }
}

#[test]
fn what_is_not_one_document_of_yaml_is_refused_with_its_place() {
    let cases = [
        ("a: [b\n", "yaml_syntax", Some(1)),
        ("a: b\n c: d\n", "yaml_syntax", Some(2)),
        ("a: {{ b }}\n", "yaml_template", Some(1)),
        (
            "x: 1\n{% if a %}\na: 1\n{% endif %}\n",
            "yaml_template",
            Some(2),
        ),
        ("a: {{ b }}-c\n", "yaml_template", Some(1)),
        ("a: 1\n---\nb: 2\n", "yaml_several_documents", Some(2)),
        ("a: 1\nb: 2\na: 3\n", "yaml_duplicate_key", Some(3)),
        ("? [a]\n: b\n", "yaml_complex_key", Some(1)),
        ("? {a: b}\n: c\n", "yaml_complex_key", Some(1)),
        ("a: &x [*x]\n", "yaml_recursive_alias", Some(1)),
        ("a: *nowhere\n", "yaml_syntax", Some(1)),
        ("a:\n\tb: 1\n", "yaml_syntax", Some(2)),
    ];
    for (text, code, line) in cases {
        let failure = read(text).expect_err(text);
        assert_eq!(
            (failure.code().word(), failure.line()),
            (code, line),
            "{text}: {failure}"
        );
        assert!(
            failure.column().is_some() && !failure.hint().is_empty(),
            "{text}"
        );
        assert_eq!(get(text, &path("a")), Err(failure.clone()), "{text}");
        assert_eq!(delete(text, &path("a")), Err(failure), "{text}");
    }
}

#[test]
fn a_place_that_cannot_be_changed_alone_is_refused() {
    let word = || NewValue::Auto("x".into());
    let cases = [
        (
            "x: &x {m: {a: 1}}\nb:\n  <<: *x\n",
            "b.m.a",
            word(),
            "yaml_inherited",
            Some(1),
        ),
        (
            "x: &x [A=1]\nenvironment: *x\n",
            "environment.A",
            word(),
            "yaml_inherited",
            Some(1),
        ),
        (
            "x: &x [A=1]\nb: *x\n",
            "b[0]",
            word(),
            "yaml_inherited",
            Some(1),
        ),
        (
            "x: &x\n  - a: &y 1\nb: *y\n",
            "x",
            word(),
            "yaml_anchor_in_use",
            Some(2),
        ),
        (
            "x: &x {a: 1}\nb: {<<: *x}\n",
            "x",
            word(),
            "yaml_anchor_in_use",
            Some(1),
        ),
        ("a: !reset null\n", "a", word(), "yaml_tagged", Some(1)),
        ("a: !reset\n", "a.b", word(), "yaml_tagged", Some(1)),
        (
            "a: !reset {b: {c: 1}}\n",
            "a.b.c",
            word(),
            "yaml_tagged",
            Some(1),
        ),
        ("a: !reset {b: 1}\n", "a.d", word(), "yaml_tagged", Some(1)),
        (
            "a: !!str 5\n",
            "a",
            NewValue::Int(5),
            "yaml_tagged",
            Some(1),
        ),
        ("a: b\n", "a.b", word(), "yaml_wrong_kind", Some(1)),
        ("a: b\n", "a[0]", word(), "yaml_wrong_kind", Some(1)),
        ("a: b\n", "a[+]", word(), "yaml_wrong_kind", Some(1)),
        ("a: {b: c}\n", "a[0]", word(), "yaml_wrong_kind", Some(1)),
        ("a: [b]\n", "a[2]", word(), "yaml_no_such_item", Some(1)),
        ("a: 1\n", "b[2]", word(), "yaml_value", None),
        (
            "ports: [\"80:80\"]\n",
            "ports[\"80/tcp\"]",
            word(),
            "yaml_item_mismatch",
            None,
        ),
        (
            "ports: [\"80:80\"]\n",
            "ports[\"81/tcp\"]",
            word(),
            "yaml_item_mismatch",
            None,
        ),
        (
            "services:\n  w:\n    labels:\n      a: b\n",
            "services.w.labels.traefik.enable",
            word(),
            "yaml_value",
            None,
        ),
        (
            "environment: [A=1]\n",
            "environment.A",
            NewValue::Json(json!([1])),
            "yaml_value",
            None,
        ),
        ("null\n", "a", word(), "yaml_notation", Some(1)),
    ];
    for (text, at, value, code, line) in cases {
        let failure = refused(text, at, value);
        assert_eq!(
            (failure.code().word(), failure.line()),
            (code, line),
            "{text}: {failure}"
        );
        assert!(!failure.hint().is_empty());
    }
    for (text, at, code) in [
        ("x: &x {a: 1}\nb: *x\n", "b.a", "yaml_inherited"),
        ("x: &x {a: 1}\nb: {<<: *x}\n", "b.a", "yaml_inherited"),
        ("x: &x 1\nb: *x\n", "x", "yaml_anchor_in_use"),
    ] {
        assert_eq!(
            delete(text, &path(at)).expect_err(text).code().word(),
            code,
            "{text}"
        );
    }
}

#[test]
fn aliases_that_grow_without_bounds_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for at in 1..10 {
        let items = vec![format!("*a{}", at - 1); 10].join(", ");
        text += &format!("a{at}: &a{at} [{items}]\n");
    }
    assert!(matches!(
        read(&text),
        Err(YamlError::Unreadable { .. } | YamlError::Limit { .. })
    ));
    assert_eq!(
        get(&text, &path("a9")).expect_err("a bomb").code().word(),
        "yaml_limit"
    );
    assert_eq!(
        get(&("[".repeat(5000)), &path("a"))
            .expect_err("too deep")
            .line(),
        Some(1)
    );
    assert!(read(&"- ".repeat(5000)).is_err());
}

/// Everything that can be called, for its absence of panics; edits must be read back.
fn exercise(text: &str, at: &YamlPath, word: &str) -> Result<(), TestCaseError> {
    let before = read(text);
    let _ = (get(text, at), scalars(text));
    for value in [
        NewValue::Auto(word.into()),
        NewValue::Json(json!({"k": [word]})),
    ] {
        if let Ok(edited) = set(text, at, &value) {
            prop_assert!(before.is_ok());
            prop_assert!(read(&edited.text).is_ok(), "{:?}", edited.text);
        }
    }
    if let Ok(edited) = delete(text, at) {
        prop_assert!(
            edited.before.is_none() || read(&edited.text).is_ok(),
            "{:?}",
            edited.text
        );
    }
    Ok(())
}

/// Pieces of which YAML is made, put together without sense.
fn near_yaml() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b",
        "services",
        "environment",
        ": ",
        ":\n",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "\n- ",
        "\n  - ",
        "{",
        "}",
        "[",
        "]",
        ", ",
        "'",
        "\"",
        "|\n",
        ">-\n",
        "|+\n",
        " # c",
        "#",
        "&x ",
        "*x",
        "<<: ",
        "!reset ",
        "!!str ",
        "? ",
        "---\n",
        "...\n",
        "\t",
        "\r\n",
        "\u{feff}",
        "A=1",
        "80:80",
        "null",
        "~",
        "1",
        "é",
        "%",
        "`",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..24)
        .prop_map(|pieces| pieces.concat())
}

/// `PROPTEST_CASES` counts, for long runs; without it, more than the usual 256.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        default.cases
    } else {
        2000
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_text_breaks_it(bytes in proptest::collection::vec(any::<u8>(), 0..200), word in any::<String>()) {
        let text = String::from_utf8_lossy(&bytes);
        exercise(&text, &path("a.b"), &word)?;
    }

    #[test]
    fn nothing_that_looks_like_yaml_breaks_it(text in near_yaml(), at in 0..6_usize, word in any::<String>()) {
        let paths = ["a", "a.b", "services.a.environment.A", "a[0]", "a[+]", "b.a[0].a"];
        exercise(&text, &path(paths[at]), &word)?;
        for scalar in scalars(&text).into_iter().flatten().filter(|scalar| !scalar.path.segments().is_empty()) {
            exercise(&text, &scalar.path, "new")?;
        }
    }

    #[test]
    fn every_word_is_carried_by_every_style(word in prop_oneof![any::<String>(), "[ab\n\r\t '\"#:|>&*!%@`{}\\[\\],~0-9\\\\-]{0,12}"]) {
        for text in ["a: b\n", "a: 'b'\n", "a: \"b\"\n", "a: |\n  b\nc: 1\n", "a: >-\n  b\n", "a: [b]\n", "a:\n  - b\n", "{a: b}", "a:\n", "c: 1"] {
            let at = path(if text.contains("[b]") || text.contains("- b") { "a[0]" } else { "a" });
            let edited = set(text, &at, &NewValue::String(word.clone()));
            let edited = edited.map_err(|failure| TestCaseError::fail(format!("{text:?}: {failure}")))?;
            prop_assert_eq!(get(&edited.text, &at), Ok(Some(json!(word))), "{:?}", edited.text);
        }
    }
}
