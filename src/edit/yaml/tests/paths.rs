//! The grammar of paths.

use proptest::prelude::*;

use super::super::{Segment, YamlError, YamlPath};

fn key(name: &str) -> Segment {
    Segment::Key(name.into())
}

#[test]
fn paths_are_read_as_typed() {
    let cases = [
        (
            "services.web.image",
            vec![key("services"), key("web"), key("image")],
        ),
        (
            "services[\"my.svc\"].ports[0]",
            vec![
                key("services"),
                key("my.svc"),
                key("ports"),
                Segment::Index(0),
            ],
        ),
        ("x-env.A_b-c/d:e", vec![key("x-env"), key("A_b-c/d:e")]),
        (
            "services.web.ports[+]",
            vec![key("services"), key("web"), key("ports"), Segment::Append],
        ),
        (
            "a['b.c'][\"d\\\"e\"]",
            vec![key("a"), key("b.c"), key("d\"e")],
        ),
        ("[\"a b\"].c", vec![key("a b"), key("c")]),
        ("ports[\"80/tcp\"]", vec![key("ports"), key("80/tcp")]),
    ];
    for (typed, steps) in cases {
        assert_eq!(
            typed.parse::<YamlPath>().unwrap().segments(),
            steps,
            "{typed}"
        );
    }
}

#[test]
fn an_error_names_the_column() {
    let cases = [
        ("", 1),
        (".a", 1),
        ("a..b", 3),
        ("a.", 3),
        ("a[", 3),
        ("a[x]", 3),
        ("a[1", 4),
        ("a[\"b]", 4),
        ("ä[\"\\q\"]", 4),
        ("a b", 2),
        ("a[+].b", 5),
        ("a=b", 2),
        ("a[99999999999999999999999]", 3),
    ];
    for (typed, expected) in cases {
        match typed.parse::<YamlPath>() {
            Err(YamlError::Path { column, .. }) => assert_eq!(column, expected, "{typed}"),
            other => panic!("{typed}: {other:?}"),
        }
    }
}

#[test]
fn an_assignment_ends_the_path_at_the_first_equals_sign_outside_brackets() {
    let split =
        |typed| YamlPath::parse_assignment(typed).map(|(path, value)| (path.to_string(), value));
    assert_eq!(split("a.b=c=d"), Ok(("a.b".into(), Some("c=d"))));
    assert_eq!(
        split("labels[\"a=b\"]="),
        Ok(("labels[\"a=b\"]".into(), Some("")))
    );
    assert_eq!(
        split("ports[+]=80:80"),
        Ok(("ports[+]".into(), Some("80:80")))
    );
    assert_eq!(split("a.b"), Ok(("a.b".into(), None)));
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(names in proptest::collection::vec(any::<Option<String>>(), 1..5), index in any::<usize>()) {
        let steps: Vec<_> = names
            .into_iter()
            .map(|name| name.map_or(Segment::Index(index), Segment::Key))
            .collect();
        let path = YamlPath::from_segments(steps).unwrap();
        prop_assert_eq!(path.to_string().parse::<YamlPath>(), Ok(path));
    }

    #[test]
    fn no_text_breaks_the_grammar(typed in any::<String>()) {
        let _ = typed.parse::<YamlPath>();
        let _ = YamlPath::parse_assignment(&typed);
    }
}
