//! Edits as tables: the whole text before, the edit, the whole text after.

use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, EnvNote, Format};

fn key(name: &str) -> EnvKey {
    name.parse().unwrap()
}

fn edited(
    format: Format,
    before: &str,
    edit: impl Fn(&mut Dotenv) -> Result<Vec<EnvNote>, DotenvError>,
) -> Result<(String, Vec<EnvNote>), DotenvError> {
    let mut file = Dotenv::parse(before.as_bytes(), format).unwrap();
    let notes = edit(&mut file)?;
    Ok((String::from_utf8(file.to_bytes()).unwrap(), notes))
}

/// Each row: text before, key, value, text after. No row may have a note.
fn check_set(format: Format, rows: &[(&str, &str, &str, &str)]) {
    for (before, name, value, after) in rows {
        let result = edited(format, before, |file| file.set(&key(name), value));
        assert_eq!(
            result,
            Ok(((*after).to_owned(), vec![])),
            "{before:?} {name}={value:?}"
        );
    }
}

/// Each row: text before, key to remove, text after.
fn check_unset(format: Format, rows: &[(&str, &str, &str)]) {
    for (before, name, after) in rows {
        let result = edited(format, before, |file| file.unset(&key(name)));
        assert_eq!(
            result,
            Ok(((*after).to_owned(), vec![])),
            "{before:?} {name}"
        );
    }
}

#[test]
fn the_style_of_the_old_value_stays() {
    check_set(
        Format::Compose,
        &[
            ("A=1\n", "A", "2", "A=2\n"),
            ("A='1'\n", "A", "2", "A='2'\n"),
            ("A=\"1\"\n", "A", "2", "A=\"2\"\n"),
            (
                "A=\"1\"\n",
                "A",
                "a$b\\c\"d\ne",
                "A=\"a\\$b\\\\c\\\"d\\ne\"\n",
            ),
            ("A='1'\n", "A", "it's", "A=\"it's\"\n"),
            ("A='1'\n", "A", "a$b\\c\"d", "A='a$b\\c\"d'\n"),
            ("A='1'\n", "A", "ends in \\", "A=\"ends in \\\\\"\n"),
            ("A='1'\n", "A", "ends in \\\\", "A='ends in \\\\'\n"),
            ("A=1\n", "A", "two words", "A='two words'\n"),
            ("A=1\n", "A", "it's", "A=\"it's\"\n"),
            ("A=1\n", "A", "a\nb", "A=\"a\\nb\"\n"),
            ("A=1\n", "A", "#c", "A='#c'\n"),
            ("A=1\n", "A", "$B", "A='$B'\n"),
            ("A=1\n", "A", "{\"k\": 1}", "A='{\"k\": 1}'\n"),
            // What stood there without quotes may stand there again.
            ("A=a b\n", "A", "c d", "A=c d\n"),
            (
                "A=http://h/?a=1&b=2\n",
                "A",
                "http://g/?a=3&b=4",
                "A=http://g/?a=3&b=4\n",
            ),
            ("A={\"k\": 1}\n", "A", "{\"k\": 2}", "A={\"k\": 2}\n"),
            ("A=C:\\dir\n", "A", "D:\\dir", "A=D:\\dir\n"),
            // But not where it would mean something else.
            ("A=a 'b' # c\n", "A", "'b' a", "A=\"'b' a\" # c\n"),
            ("A=a# b\n", "A", "a #b", "A='a #b'\n"),
            ("A=a b\n", "A", " a", "A=' a'\n"),
            ("A=$B$C\n", "A", "$B", "A='$B'\n"),
        ],
    );
}

#[test]
fn values_over_several_lines() {
    check_set(
        Format::Compose,
        &[
            ("A='a\nb' # c\nB=1\n", "A", "c\nd", "A='c\nd' # c\nB=1\n"),
            (
                "A=\"a\nb\" # c\nB=1\n",
                "A",
                "c\n$d",
                "A=\"c\n\\$d\" # c\nB=1\n",
            ),
            ("A='a\nb'\n", "A", "c\nit's", "A=\"c\nit's\"\n"),
            ("A='a\nb'\n", "A", "\n\\", "A=\"\n\\\\\"\n"),
            ("A='a\nb'\n", "A", "one", "A='one'\n"),
            ("A='a\r\nb'\r\n", "A", "c\nd", "A=\"c\\nd\"\r\n"),
            ("A='a\r\nb'\r\n", "A", "c\r\nd", "A=\"c\\r\\nd\"\r\n"),
            ("A='a\nB=2'\nB=3\n", "B", "4", "A='a\nB=2'\nB=4\n"),
        ],
    );
}

#[test]
fn what_is_around_the_value_stays() {
    check_set(
        Format::Compose,
        &[
            (
                "# top\n\nA=1 # one\n\n# end\n",
                "A",
                "2",
                "# top\n\nA=2 # one\n\n# end\n",
            ),
            // Only a space makes a comment: the value here is `1\t# c`.
            ("A=1\t# c\n", "A", "2", "A=2\n"),
            ("export A=1\n", "A", "2", "export A=2\n"),
            ("export\tA=1\n", "A", "2", "export\tA=2\n"),
            ("  A = 1  \n", "A", "2", "  A = 2  \n"),
            ("A: 1\n", "A", "2", "A: 2\n"),
            ("A : 'x y' # c\n", "A", "2", "A : '2' # c\n"),
            ("A=1\r\nB=2\r\n", "A", "3", "A=3\r\nB=2\r\n"),
            ("\u{feff}A=1\n", "A", "2", "\u{feff}A=2\n"),
            ("B=1\nA=1", "A", "2", "B=1\nA=2"),
            ("A='1' B='2' C=3\n", "B", "x", "A='1' B='x' C=3\n"),
            ("A='1'#c\n", "A", "2", "A='2'#c\n"),
            ("no variable\nA=1\n", "A", "2", "no variable\nA=2\n"),
        ],
    );
}

#[test]
fn empty_values() {
    check_set(
        Format::Compose,
        &[
            ("A=1\n", "A", "", "A=\n"),
            ("A=1 # c\n", "A", "", "A='' # c\n"),
            ("A='1' # c\n", "A", "", "A='' # c\n"),
            ("A=\"1\"\n", "A", "", "A=\"\"\n"),
            ("A=\n", "A", "1", "A=1\n"),
            ("A=", "A", "1", "A=1"),
            ("A= \n", "A", "", "A= \n"),
            // This is no comment: Compose reads `# c` as the value (F36).
            ("A= # c\n", "A", "1", "A= 1\n"),
            ("", "A", "", "A=\n"),
        ],
    );
}

#[test]
fn a_value_that_is_there_changes_nothing() {
    check_set(
        Format::Compose,
        &[
            ("A=a b\n", "A", "a b", "A=a b\n"),
            ("A=\"a\\tb\"\n", "A", "a\tb", "A=\"a\\tb\"\n"),
            ("A='it\\'s'\n", "A", "it's", "A='it\\'s'\n"),
            ("A=a$$b\n", "A", "a$b", "A=a$$b\n"),
            ("A=$\n", "A", "$", "A=$\n"),
            ("A=\"\"# c\n", "A", "", "A=\"\"# c\n"),
            ("A= # c\n", "A", "# c", "A= # c\n"),
            // With a reference it is there by chance.
            ("B=1\nA=${B}\n", "A", "1", "B=1\nA=1\n"),
            ("A=${B:-1}\n", "A", "1", "A=1\n"),
        ],
    );
}

#[test]
fn names_alone_become_assignments() {
    check_set(
        Format::Compose,
        &[
            ("A\n", "A", "1", "A=1\n"),
            ("A\r\nB=2\r\n", "A", "x y", "A='x y'\r\nB=2\r\n"),
            ("export A \nB=2\n", "A", "", "export A= \nB=2\n"),
            ("B=1\nA", "A", "1", "B=1\nA=1"),
        ],
    );
}

#[test]
fn a_new_key_goes_behind_its_example() {
    check_set(
        Format::Compose,
        &[
            ("#A=1\nB=2\n", "A", "3", "#A=1\nA=3\nB=2\n"),
            ("# A=1\r\nB=2\r\n", "A", "3", "# A=1\r\nA=3\r\nB=2\r\n"),
            (
                "## A = one or two\nB=2\n",
                "A",
                "3",
                "## A = one or two\nA=3\nB=2\n",
            ),
            (
                "#A=1\n# text\n#A=2\nB=2\n",
                "A",
                "3",
                "#A=1\n# text\n#A=2\nA=3\nB=2\n",
            ),
            (
                "# export A=1\nB=2\n",
                "A",
                "3",
                "# export A=1\nexport A=3\nB=2\n",
            ),
            ("B=2\n#A=1", "A", "3", "B=2\n#A=1\nA=3\n"),
            ("\u{feff}#A=1\nB=2\n", "A", "3", "\u{feff}#A=1\nA=3\nB=2\n"),
            // A sentence that breaks before the key is none where there is a real one.
            (
                "# Needs\n# A=1 for all.\n#A=0\n\n# none only with\n# A=1.\n#B=2\n",
                "A",
                "3",
                "# Needs\n# A=1 for all.\n#A=0\nA=3\n\n# none only with\n# A=1.\n#B=2\n",
            ),
            // No examples: another key, prose, the end of a line, the inside of a value.
            ("#AB=1\nB=2\n", "A", "3", "#AB=1\nB=2\nA=3\n"),
            ("# A: or B\nB=2\n", "A", "3", "# A: or B\nB=2\nA=3\n"),
            ("B='2' #A=1\nC=2\n", "A", "3", "B='2' #A=1\nC=2\nA=3\n"),
            ("B='\n#A=1\n'\nC=2\n", "A", "3", "B='\n#A=1\n'\nC=2\nA=3\n"),
        ],
    );
}

#[test]
fn a_new_key_without_example_goes_to_the_end() {
    check_set(
        Format::Compose,
        &[
            ("", "A", "1", "A=1\n"),
            ("B=1\n", "A", "two words", "B=1\nA='two words'\n"),
            ("B=1", "A", "1", "B=1\nA=1\n"),
            ("B=1\r\nC=2", "A", "1", "B=1\r\nC=2\r\nA=1\r\n"),
            ("B=1\r\nC=2\r", "A", "1", "B=1\r\nC=2\r\nA=1\r\n"),
            ("\u{feff}", "A", "1", "\u{feff}A=1\n"),
            ("B=1\n\n", "A", "1", "B=1\n\nA=1\n"),
            ("B='1'", "A", "1", "B='1'\nA=1\n"),
            // A line end behind the C would change what Compose reads there.
            ("B=1\nC", "A", "1", "B=1\nA=1\nC"),
            ("B='1\n2' C", "A", "1", "A=1\nB='1\n2' C"),
        ],
    );
}

#[test]
fn a_broken_line_can_be_mended() {
    check_set(
        Format::Compose,
        &[
            ("A=\"1 # c\nB=2\n", "A", "1", "A=\"1\"\nB=2\n"),
            ("A='it\r\nB=2\r\n", "A", "it", "A='it'\r\nB=2\r\n"),
            ("A=${B\n", "A", "1", "A=1\n"),
        ],
    );
}

#[test]
fn the_last_of_several_counts() {
    let result = edited(Format::Compose, "A=1\nB=2\nA=3 # c\n#\nA=4", |f| {
        f.set(&key("A"), "5")
    });
    let note = EnvNote::DuplicateKey {
        key: key("A"),
        lines: vec![1, 3, 5],
        edited: 5,
    };
    assert_eq!(
        note.to_string(),
        "A is set on lines 1, 3 and 5; only the last one, line 5, counts"
    );
    assert_eq!(
        result,
        Ok(("A=1\nB=2\nA=3 # c\n#\nA=5".to_owned(), vec![note]))
    );

    let result = edited(Format::Compose, "A=1\nB=2\nA=3 # c\n#\nA=4", |f| {
        f.unset(&key("A"))
    });
    let note = EnvNote::RemovedDuplicates {
        key: key("A"),
        lines: vec![1, 3, 5],
    };
    assert_eq!(
        note.to_string(),
        "A was set on lines 1, 3 and 5; all of them were removed"
    );
    assert_eq!(result, Ok(("B=2\n#\n".to_owned(), vec![note])));
}

#[test]
fn removing_takes_the_line_and_no_other_comment() {
    check_unset(
        Format::Compose,
        &[
            ("# a\nA=1 # one\n\n# b\nB=2\n", "A", "# a\n\n# b\nB=2\n"),
            ("A='1' # one\nB=2\n", "A", "B=2\n"),
            ("A='1\n2'\t\nB=2\n", "A", "B=2\n"),
            ("  export A = 1\r\nB=2\r\n", "A", "B=2\r\n"),
            ("B=2\nA=1", "A", "B=2\n"),
            ("\u{feff}A=1\nB=2\n", "A", "\u{feff}B=2\n"),
            ("A\nB=2\n", "A", "B=2\n"),
            ("B=2\nA", "A", "B=2\n"),
            ("#A=1\nA=2\n", "A", "#A=1\n"),
            ("A='1' B='2' C=3 # c\n", "A", "B='2' C=3 # c\n"),
            ("A='1' B='2' C=3 # c\n", "B", "A='1' C=3 # c\n"),
            ("A='1' B='2'\n", "B", "A='1'\n"),
            ("A='1'B=2\n", "B", "A='1'\n"),
            ("A=\"1 # open\nB=2\n", "A", "B=2\n"),
        ],
    );
    let result = edited(Format::Compose, "B=2\n", |f| f.unset(&key("A")));
    let note = EnvNote::NotSet { key: key("A") };
    assert_eq!(note.to_string(), "A was not set; nothing to remove");
    assert_eq!(result, Ok(("B=2\n".to_owned(), vec![note])));
}

#[test]
fn raw_files_are_written_raw() {
    check_set(
        Format::Raw,
        &[
            ("A=1\n", "A", "'x' $B # c\\", "A='x' $B # c\\\n"),
            ("A=1\r\nB=2\r\n", "A", " x ", "A= x \r\nB=2\r\n"),
            ("A='1' # c\n", "A", "", "A=\n"),
            ("  A=1", "A", "2", "  A=2"),
            ("A\nB=2\n", "A", "1", "A=1\nB=2\n"),
            ("# A=1\nB=2\n", "A", "$x", "# A=1\nA=$x\nB=2\n"),
            ("# export A=1\n", "A", "2", "# export A=1\nA=2\n"),
            ("B=2", "A", "1 2", "B=2\nA=1 2\n"),
        ],
    );
    check_unset(
        Format::Raw,
        &[
            ("A='1\nB=2'\n", "A", "B=2'\n"),
            ("A\r\nB=2\r\n", "A", "B=2\r\n"),
        ],
    );
}

#[test]
fn what_cannot_be_written_is_refused() {
    let refused = |format, before: &str, name, value: &str| {
        let error = edited(format, before, |file| file.set(&key(name), value))
            .err()
            .unwrap();
        (error.code().word(), error.to_string())
    };
    let (code, text) = refused(Format::Compose, "", "A", "a\0b");
    assert_eq!(code, "value_not_expressible");
    assert!(!text.contains("a\0b"), "the value is shown");
    assert_eq!(
        refused(Format::Raw, "A=1\n", "A", "a\nb").0,
        "value_not_expressible"
    );
    assert_eq!(
        refused(Format::Raw, "A=1\n", "A", &"x".repeat(65_534)).0,
        "value_not_expressible"
    );
    assert!(
        edited(Format::Raw, "A=1\n", |file| file
            .set(&key("A"), &"x".repeat(65_533)))
        .is_ok()
    );

    // The quote that B would bring closes the one of A.
    let (code, text) = refused(Format::Compose, "X=1\nA='open\n", "B", "two words");
    assert_eq!(code, "env_open_quote");
    assert!(text.contains("line 2"), "{text}");
    assert!(
        edited(Format::Compose, "A='open\n", |file| file
            .set(&key("B"), "1"))
        .is_ok()
    );
}

#[test]
fn an_empty_value_before_a_crlf_keeps_it() {
    for (before, after) in [
        ("A=1\r\nK=\r\nB=2\r\n", "A=1\r\nK=5\r\nB=2\r\n"),
        ("K= \r\n", "K= 5\r\n"),
        ("export K=\r\n", "export K=5\r\n"),
    ] {
        let set = edited(Format::Compose, before, |file| file.set(&key("K"), "5"));
        assert_eq!(set, Ok((after.to_owned(), vec![])));
    }
}
