//! Reading: what the golden file has no room for.

use crate::edit::dotenv::error::{LineProblem, ReferenceProblem};
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, Format};

type Entries = Vec<(String, Option<String>)>;

fn outside(name: &str) -> Option<String> {
    (name == "OUT").then(|| "outside".to_owned())
}

fn read(format: Format, text: &str) -> Result<Entries, DotenvError> {
    Dotenv::parse(text.as_bytes(), format)
        .unwrap()
        .read(&outside)
}

fn entries(expected: &[(&str, Option<&str>)]) -> Entries {
    expected
        .iter()
        .map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned)))
        .collect()
}

#[test]
fn references_see_the_environment_first_and_then_earlier_lines() {
    let text = "OUT=file\nA=$OUT\nB=${LATER:-none}\nLATER=1\n";
    let read = read(Format::Compose, text);
    let expected = [
        ("OUT", Some("file")),
        ("A", Some("outside")),
        ("B", Some("none")),
        ("LATER", Some("1")),
    ];
    assert_eq!(read, Ok(entries(&expected)));
}

#[test]
fn earlier_files_come_last() {
    let file = Dotenv::parse(b"A=new\nB=$A\nC=$OLD\nD=$OUT\nOLD\n", Format::Compose).unwrap();
    let earlier = |name: &str| {
        ["A", "OLD", "OUT"]
            .contains(&name)
            .then(|| "old".to_owned())
    };
    let expected = [
        ("A", Some("new")),
        ("B", Some("new")),
        ("C", Some("old")),
        ("D", Some("outside")),
        ("OLD", None),
    ];
    assert_eq!(file.read_over(&outside, &earlier), Ok(entries(&expected)));
}

#[test]
fn a_name_alone_inherits_or_takes_nothing_away() {
    let read = read(Format::Compose, "OUT\nNONE\nA=1\nA\nexport OUT\n");
    let expected = [("OUT", Some("outside")), ("NONE", None), ("A", Some("1"))];
    assert_eq!(read, Ok(entries(&expected)));
}

#[test]
fn a_later_line_wins_in_the_place_of_the_first() {
    assert_eq!(
        read(Format::Compose, "A=1\nB=$A\nA=2\nC=$A\n"),
        Ok(entries(&[
            ("A", Some("2")),
            ("B", Some("1")),
            ("C", Some("2"))
        ]))
    );
}

#[test]
fn raw_lines_are_literal() {
    assert_eq!(
        read(
            Format::Raw,
            "\u{feff}A='x' # c\r\n # c\n  B= $A \nOUT\nNONE\nC/D=1\nA=2"
        ),
        Ok(entries(&[
            ("A", Some("2")),
            ("B", Some(" $A ")),
            ("OUT", Some("outside")),
            ("NONE", None),
            ("C/D", Some("1")),
        ]))
    );
}

#[test]
fn faults_name_their_line() {
    let unreadable = |line, problem| DotenvError::Unreadable { line, problem };
    let long = format!("A=1\n#{}\n", "x".repeat(65_535));
    let rows: &[(Format, &str, DotenvError)] = &[
        (
            Format::Compose,
            "A=1\nno variable\n",
            unreadable(2, LineProblem::SpaceInName),
        ),
        (
            Format::Compose,
            "A='1\n2'\n\nA!=1\n",
            unreadable(4, LineProblem::Character('!')),
        ),
        (
            Format::Compose,
            "A=1\nB=\"x\nC=1\n",
            unreadable(2, LineProblem::OpenQuote('"')),
        ),
        (
            Format::Compose,
            "A=1\nexport ",
            unreadable(2, LineProblem::LoneExport),
        ),
        (
            Format::Raw,
            "A=1\nexport A=1\n",
            unreadable(2, LineProblem::RawName),
        ),
        (Format::Raw, &long, unreadable(2, LineProblem::RawLength)),
    ];
    for (format, text, error) in rows {
        assert_eq!(read(*format, text).as_ref(), Err(error), "{text:?}");
        assert_eq!(error.code().word(), "env_unreadable");
    }
}

#[test]
fn bad_references_name_line_and_key_and_no_value() {
    let rows = [
        ("secret${", ReferenceProblem::Malformed),
        (
            "${NONE:?secret}",
            ReferenceProblem::Required {
                name: "NONE".to_owned(),
            },
        ),
        // Also where the text behind the operator is not needed.
        (
            "${OUT:-${NONE?}}",
            ReferenceProblem::Required {
                name: "NONE".to_owned(),
            },
        ),
    ];
    for (value, problem) in rows {
        let error = read(Format::Compose, &format!("A=1\nB={value}\n")).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert_eq!(
            error,
            DotenvError::Reference {
                line: 2,
                key: "B".to_owned(),
                problem
            }
        );
    }
}

#[test]
fn references_are_bounded() {
    let nested = |depth| format!("A={}x{}\n", "${N:-".repeat(depth), "}".repeat(depth));
    assert_eq!(
        read(Format::Compose, &nested(32)),
        Ok(entries(&[("A", Some("x"))]))
    );
    let deep = read(Format::Compose, &nested(100_000)).unwrap_err();
    assert!(deep.to_string().contains("32 deep"), "{deep}");

    let doubling = format!("A=0123456789\n{}", "A=$A$A\n".repeat(64));
    let large = read(Format::Compose, &doubling).unwrap_err();
    assert!(matches!(
        large,
        DotenvError::Reference {
            problem: ReferenceProblem::TooLarge(64),
            ..
        }
    ));
}

#[test]
fn bytes_that_no_env_file_has_are_refused() {
    let parse = |bytes: &[u8]| Dotenv::parse(bytes, Format::Compose).unwrap_err();
    assert_eq!(
        parse(b"A=1\n\xc3\xa9\xff=1\n"),
        DotenvError::NotUtf8 { line: 2, column: 2 }
    );
    assert_eq!(
        parse("A=1\r\né\0".as_bytes()),
        DotenvError::Nul { line: 2, column: 2 }
    );
}

#[test]
fn keys_lines_and_examples() {
    let text = "# A=1\nA=1\nexport B: 'x\ny'\n=nameless\nC\nA=2\n#D=\n";
    let file = Dotenv::parse(text.as_bytes(), Format::Compose).unwrap();
    let key = |name: &str| name.parse::<EnvKey>().unwrap();
    assert_eq!(
        file.keys().collect::<Vec<_>>(),
        [("A", 2), ("B", 3), ("C", 6), ("A", 7)]
    );
    assert_eq!(file.line_of(&key("A")), Some(7));
    assert_eq!(file.line_of(&key("D")), None);
    assert_eq!(file.is_documented(&key("A")), Some(1));
    assert_eq!(file.is_documented(&key("D")), Some(8));
    assert_eq!(file.is_documented(&key("B")), None);
    assert_eq!(file.get(&key("A"), &outside), Ok(Some("2".to_owned())));
    assert_eq!(file.get(&key("C"), &outside), Ok(None));
    assert_eq!(
        format!("{file:?}"),
        "Dotenv { format: Compose, bytes: 46, items: 14 }"
    );
}

#[test]
fn keys_are_what_compose_accepts() {
    for name in ["A", "_", "1A", "a.b-c", "A[0]", "é", "export"] {
        assert_eq!(
            name.parse::<EnvKey>().map(|key| key.to_string()),
            Ok(name.to_owned())
        );
    }
    let error = |name: &str| name.parse::<EnvKey>().unwrap_err().to_string();
    assert_eq!(error(""), "a variable needs a name: write KEY=VALUE");
    assert_eq!(
        error("A B"),
        "\"A B\" is not a variable name: ' ' at character 2 is not allowed; Compose takes letters, \
         digits, `_`, `.`, `-`, `[` and `]`"
    );
    for name in ["A=B", "A:B", "A$", "#A", "A\n", "\u{feff}A", "A\0"] {
        assert!(name.parse::<EnvKey>().is_err(), "{name:?}");
    }
}
