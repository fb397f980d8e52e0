//! What must hold for every file, key and value.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use super::soup;
use crate::edit::dotenv::syntax::ItemKind;
use crate::edit::dotenv::{Dotenv, DotenvError, EnvKey, Format};

/// The environment of the tests.
fn environment(name: &str) -> Option<String> {
    match name {
        "A" => Some("from outside".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(text: &str, format: Format) -> Dotenv {
    Dotenv::parse(text.as_bytes(), format).unwrap()
}

/// The entries of all other variables.
fn others(
    file: &Dotenv,
    key: &EnvKey,
    lookup: &dyn Fn(&str) -> Option<String>,
    may_take_bare: bool,
) -> Option<Vec<(String, Option<String>)>> {
    let mut entries = file.read(lookup).ok()?;
    entries.retain(|(name, _)| name != key.as_str() && !(name.is_empty() && may_take_bare));
    // An edit may move nothing, but where a variable first appears is not a meaning.
    entries.sort();
    Some(entries)
}

/// Whether the file ends with just the name, which Compose takes for the value of a variable without a
/// name, and an edit of `key` for what was meant.
fn ends_with_bare(file: &Dotenv, key: &EnvKey) -> bool {
    let bare =
        |kind| matches!(kind, ItemKind::Bare { text } if text.of(&file.text) == key.as_str());
    file.items.last().is_some_and(|item| bare(item.kind))
}

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    a.iter()
        .rev()
        .zip(b.iter().rev())
        .take_while(|(a, b)| a == b)
        .count()
}

/// Sets `key` to `value` and checks all that an edit promises.
fn check_set(text: &str, format: Format, key: &EnvKey, value: &str) -> Result<(), TestCaseError> {
    let before = parse(text, format);
    let bare = ends_with_bare(&before, key);
    let mut after = before.clone();
    let with_key = |name: &str| {
        if name == key.as_str() {
            Some(value.to_owned())
        } else {
            environment(name)
        }
    };
    if let Err(error) = after.set(key, value) {
        prop_assert!(before == after, "a refused edit changed the file");
        return refusal_is_founded(&before, value, &error);
    }
    check_bytes(&before, &after, key)?;
    let known = others(&before, key, &with_key, bare);
    if known.is_some() {
        prop_assert_eq!(after.get(key, &with_key), Ok(Some(value.to_owned())));
        prop_assert_eq!(others(&after, key, &with_key, bare), known);
    }
    let again = after.clone();
    after.set(key, value).unwrap();
    prop_assert!(
        after == again,
        "setting the same value again changed the file"
    );
    Ok(())
}

fn refusal_is_founded(
    before: &Dotenv,
    value: &str,
    error: &DotenvError,
) -> Result<(), TestCaseError> {
    let founded = match error {
        DotenvError::OpenQuote { .. } => before.read(&environment).is_err(),
        DotenvError::ValueLineEnd { .. } => {
            before.format() == Format::Raw && value.contains(['\n', '\r'])
        }
        // What is junk further down would be a byte order mark once it comes first.
        DotenvError::WouldChangeMore { .. } => before.text.contains("\n\u{feff}"),
        DotenvError::NotUtf8 { .. }
        | DotenvError::Nul { .. }
        | DotenvError::Unreadable { .. }
        | DotenvError::Reference { .. }
        | DotenvError::ValueNul { .. }
        | DotenvError::ValueTooLong { .. } => false,
    };
    prop_assert!(founded, "refused without need: {error}");
    Ok(())
}

/// No byte outside the old value has changed.
fn check_bytes(before: &Dotenv, after: &Dotenv, key: &EnvKey) -> Result<(), TestCaseError> {
    let (old, new) = (before.as_bytes(), after.as_bytes());
    let item = before
        .items
        .iter()
        .rev()
        .find(|item| before.names(item, key));
    match item.map(|item| item.kind) {
        // An empty one stands before the end of its line, a CR included.
        Some(ItemKind::Assignment { value, .. }) if value.start < value.end => {
            prop_assert!(
                new.starts_with(&old[..value.start]),
                "changed before the value"
            );
            prop_assert!(new.ends_with(&old[value.end..]), "changed behind the value");
        }
        _ => {
            let kept = common_prefix(old, new) + common_suffix(old, new);
            prop_assert!(kept >= old.len(), "more than an insertion");
        }
    }
    Ok(())
}

/// Removes `key` and checks that it is gone, and nothing else.
fn check_unset(text: &str, format: Format, key: &EnvKey) -> Result<(), TestCaseError> {
    let before = parse(text, format);
    let bare = ends_with_bare(&before, key);
    let mut after = before.clone();
    let with_key = |name: &str| {
        if name == key.as_str() {
            Some("v".to_owned())
        } else {
            environment(name)
        }
    };
    if let Err(error) = after.unset(key) {
        prop_assert!(before == after);
        return refusal_is_founded(&before, "", &error);
    }
    prop_assert!(after.keys().all(|(name, _)| name != key.as_str()));
    let whole_lines = |file: &Dotenv| {
        let text = String::from_utf8(file.to_bytes()).unwrap();
        text.trim_start_matches('\u{feff}')
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    if let Some(known) = others(&before, key, &with_key, bare) {
        prop_assert_eq!(others(&after, key, &with_key, bare), Some(known));
        if !text.contains(['\'', '"']) {
            prop_assert_eq!(
                whole_lines(&after),
                whole_lines(&before),
                "a comment is gone"
            );
        }
    }
    Ok(())
}

/// A new variable that is set and removed again leaves no trace.
fn check_there_and_back(text: &str, format: Format, value: &str) -> Result<(), TestCaseError> {
    let key: EnvKey = "NOT_THERE".parse().unwrap();
    let before = parse(text, format);
    let mut after = before.clone();
    if text.ends_with('\n') && after.set(&key, value).is_ok() {
        after.unset(&key).unwrap();
        prop_assert_eq!(after.to_bytes(), before.to_bytes());
    }
    Ok(())
}

/// The items follow each other without a gap, from the first byte to the last.
fn check_cover(file: &Dotenv) -> Result<(), TestCaseError> {
    let mut at = 0;
    for item in &file.items {
        prop_assert_eq!(item.span.start, at);
        prop_assert!(item.span.end > at);
        at = item.span.end;
    }
    prop_assert_eq!(at, file.text.len());
    Ok(())
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![5 => Just(Format::Compose), 1 => Just(Format::Raw)]
}

fn run_edits(cases: u32) {
    let key = select(soup::KEYS).prop_map(|key| key.parse::<EnvKey>().unwrap());
    let text = prop_oneof![4 => soup::file(), 1 => soup::soup()];
    let mut runner = TestRunner::new(ProptestConfig {
        cases,
        ..ProptestConfig::default()
    });
    let strategy = (text, format(), key, soup::value());
    runner
        .run(&strategy, |(text, format, key, value)| {
            check_cover(&parse(&text, format))?;
            check_set(&text, format, &key, &value)?;
            check_unset(&text, format, &key)?;
            check_there_and_back(&text, format, &value)
        })
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn an_edit_changes_one_value_and_no_other_byte() {
    run_edits(20_000);
}

#[test]
#[ignore = "long: part of the soak"]
fn a_million_edits() {
    run_edits(1_000_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_come_out_as_they_came_in(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), select(&b"A=:'\"\\$#{}\n\r \t"[..])], 0..60),
        format in format(),
        value in soup::value(),
    ) {
        if let Ok(mut file) = Dotenv::parse(&bytes, format) {
            prop_assert_eq!(file.as_bytes(), &bytes[..]);
            check_cover(&file)?;
            let _ = file.read(&environment);
            let key: EnvKey = "A".parse().unwrap();
            let _ = file.get(&key, &environment);
            let _ = file.set(&key, &value);
            let _ = file.unset(&key);
        }
    }

    #[test]
    fn any_references_are_read_or_refused(text in soup::references()) {
        let _ = parse(&text, Format::Compose).read(&environment);
    }
}
