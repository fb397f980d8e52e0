//! Files of which nobody knows the types.

use super::super::{NewValue, number_word, set_alike};
use super::path;

const TEXT: &str = "\
base:
  port: 80
  mode: 0600
  rate: 1.20
  big: 12345678901234567890123
  on: true
  name: abc
  none:
  list: [a]
";

fn auto(word: &str) -> NewValue {
    NewValue::Auto(word.to_owned())
}

#[test]
fn a_value_stays_of_its_type() {
    for (at, word, from, to) in [
        ("base.port", "81", "80", "81"),
        ("base.port", "1.50", "80", "1.50"),
        ("base.mode", "0644", "0600", "0644"),
        ("base.on", "false", "true", "false"),
        ("base.name", "1.21", "abc", "\"1.21\""),
        ("base.name", "true", "abc", "\"true\""),
        ("base.none", "5", "none:", "none: 5"),
        ("base.new", "5", "list: [a]\n", "list: [a]\n  new: 5\n"),
        ("base.list[+]", "b", "[a]", "[a, b]"),
    ] {
        let done = set_alike(TEXT, &path(at), &auto(word)).unwrap();
        assert_eq!(done.text, TEXT.replacen(from, to, 1), "{at}={word}");
    }
    for (at, word) in [
        ("base.port", "abc"),
        ("base.port", "true"),
        ("base.port", ""),
        ("base.on", "yes"),
        ("base.on", "1"),
        ("base.list", "b"),
        ("base", "x"),
    ] {
        let error = set_alike(TEXT, &path(at), &auto(word)).unwrap_err();
        assert_eq!(error.code().word(), "file_value", "{at}={word}: {error}");
    }
    let text = NewValue::String("abc".to_owned());
    let done = set_alike(TEXT, &path("base.port"), &text).unwrap();
    assert_eq!(done.text, TEXT.replacen("80", "abc", 1));
}

#[test]
fn a_number_is_told_as_it_stands() {
    for (at, told) in [
        ("base.mode", Some("0600")),
        ("base.rate", Some("1.20")),
        ("base.big", Some("12345678901234567890123")),
        ("base.name", None),
        ("base.list", None),
        ("base.gone", None),
    ] {
        assert_eq!(number_word(TEXT, &path(at)).as_deref(), told, "{at}");
    }
}
