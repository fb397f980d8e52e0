//! Random env files and values: well-formed, odd and broken ones. Also used by the tests that ask
//! Compose itself.

use proptest::prelude::*;
use proptest::sample::select;

/// Names that the files use, so that edits meet them.
pub(crate) const KEYS: &[&str] = &["A", "B", "C_1", "d.e", "F-G", "1H", "I[0]", "é", "AB"];

/// A value that an edit may be asked to write: anything but NUL.
pub(crate) fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => words(VALUE_PIECES, 0..6),
        2 => words(NASTY, 0..8),
        1 => "[a-z0-9]{0,12}",
        1 => any::<String>().prop_map(|text| text.replace('\0', "")),
    ]
}

/// A file of lines as people write them, with some odd ones.
pub(crate) fn file() -> impl Strategy<Value = String> {
    let lines = prop::collection::vec(line(), 0..8);
    let end = prop_oneof![6 => Just("\n"), 2 => Just("\r\n")];
    (
        lines,
        end,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.8),
    )
        .prop_map(|(lines, end, bom, closed)| {
            let bom = if bom { "\u{feff}" } else { "" };
            let last = if closed && !lines.is_empty() { end } else { "" };
            format!("{bom}{}{last}", lines.join(end))
        })
}

/// Text made of what means something in an env file, without any order.
pub(crate) fn soup() -> impl Strategy<Value = String> {
    words(SOUP, 0..16)
}

/// A readable file whose values are full of references.
pub(crate) fn references() -> impl Strategy<Value = String> {
    let assignment = (
        select(KEYS),
        select(&["", "\""][..]),
        words(TEMPLATE, 0..10),
    );
    prop::collection::vec(assignment, 1..5).prop_map(|lines| {
        lines
            .into_iter()
            .map(|(key, quote, text)| format!("{key}={quote}{text}{quote}\n"))
            .collect()
    })
}

fn words(
    pieces: &'static [&'static str],
    length: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    prop::collection::vec(select(pieces), length).prop_map(|pieces| pieces.concat())
}

fn line() -> impl Strategy<Value = String> {
    let assignment = (
        select(&["", "", "", "export ", "  ", "export\t", "\t"][..]),
        select(KEYS),
        select(&["=", "=", "=", "=", " = ", "= ", ": ", ":", " ="][..]),
        written(),
        select(
            &[
                "", "", "", " ", " # note", "\t# note", "  # B=2", " B=3", "\u{a0}",
            ][..],
        ),
    )
        .prop_map(|(export, key, equals, value, tail)| {
            format!("{export}{key}{equals}{value}{tail}")
        });
    let comment = (
        select(&["#", "# ", "  # ", "## ", "# export "][..]),
        select(KEYS),
        value(),
    )
        .prop_map(|(hash, key, text)| format!("{hash}{key}={}", text.replace(['\n', '\r'], "")));
    prop_oneof![
        12 => assignment,
        3 => comment,
        2 => select(&["", " ", "# a comment", "\t", "#"][..]).prop_map(str::to_owned),
        2 => (select(&["", "export ", " "][..]), select(KEYS)).prop_map(|(e, k)| format!("{e}{k}")),
        1 => select(&["no variable", "=x", "A'='", "{", "A B=1", "A='open", "B=\"open", "export"][..])
            .prop_map(str::to_owned),
    ]
}

/// A value as it stands in a file.
fn written() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9/:.]{0,8}",
        1 => words(PLAIN_PIECES, 0..4),
        1 => words(VALUE_PIECES, 0..4).prop_map(|v| format!("'{}'", v.replace(['\'', '\\'], ""))),
        1 => words(VALUE_PIECES, 0..4).prop_map(|v| format!("\"{}\"", v.replace(['"', '\\', '$'], ""))),
        1 => words(DOUBLE_PIECES, 0..4).prop_map(|v| format!("\"{v}\"")),
        1 => words(TEMPLATE, 0..4),
    ]
}

const VALUE_PIECES: &[&str] = &[
    "a", "b c", " ", "'", "\"", "\\", "$", "#", " #", "=", ":", "\n", "é", "x1", "{", "}", "\t",
];

const NASTY: &[&str] = &[
    "'", "\"", "\\", "$", "$$", "${", "}", "{A}", "$A", "\\n", "\\$", "\\'", "\\\"", "\n", "\r",
    "\r\n", " ", "\t", "#", " #", "=", "`", "\u{a0}", "\u{85}", "\u{2003}", "\u{feff}", "\u{7}",
    "\u{1b}", "é", "🎉", "e\u{301}", "\u{2028}", "%", "!", "~", "&", ";", "|", "<", "0", "\\0101",
];

const PLAIN_PIECES: &[&str] = &[
    "a",
    " b",
    "'",
    "\"",
    "\\",
    "$$",
    "#",
    " #",
    "=",
    ":",
    "{\"k\": 1}",
    "?x=1&y",
    "é",
    "\u{a0}",
];

const DOUBLE_PIECES: &[&str] = &[
    "a", " b ", "\\n", "\\\\", "\\\"", "\\$", "$$", "\\a", "\\b", "\\c", "\\f", "\\r", "\\t",
    "\\v", "\\0", "\\01", "\\0101", "\\0377", "\\0400", "\\0899", "\\00000", "\\x41", "\\'", "'",
    "#", "\n", "é", "\\é", "\\0044A",
];

const TEMPLATE: &[&str] = &[
    "$",
    "$$",
    "$A",
    "${A}",
    "$B",
    "${B}",
    "${",
    "}",
    "{",
    "${A:-",
    "${A-",
    "${X:-",
    "${X-",
    "${A:+",
    "${A+",
    "${X:+",
    "${X+",
    "${A:?",
    "${A?",
    "${X:?",
    "${X?",
    "${EMPTY:-",
    "${EMPTY-",
    "${EMPTY:+",
    "${EMPTY?",
    "x",
    " y",
    "-",
    ":",
    "?",
    "+",
    "}}",
    "${A:-d}",
    "${X:-d}",
    "\\",
    "\\n",
    "#",
    "1",
    "_",
    "ſ",
    "$ſ",
    "${\u{212a}-k}",
    "é",
    "{}",
];

const SOUP: &[&str] = &[
    "A",
    "B",
    "AB",
    "C_1",
    "é",
    "=",
    "=",
    ":",
    "'",
    "\"",
    "\\",
    "$",
    "{",
    "}",
    "${A}",
    "${A:-",
    ":-",
    "#",
    " #",
    " ",
    "\t",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "export",
    "export ",
    "\u{a0}",
    "\u{85}",
    "\u{2003}",
    "\u{b}",
    "\u{c}",
    "\u{feff}",
    ".",
    "-",
    "[",
    "]",
    "1",
    "x",
    "!",
    "`",
    "\\n",
    "\\$",
    "\\0101",
    "\\\"",
    "\\'",
    "A=1\n",
    "B='x y'\n",
    "C_1=\"q\"\n",
    "# c\n",
    "ſ",
    "ª",
    "²",
    "Ⅷ",
];
