//! Reads the text of a `.env` file the way Node's dotenv package does. Pure.
//!
//! The rules differ from Compose's on purpose, as they do in the applications that this one stands
//! for: nothing is expanded, `#` ends an unquoted value wherever it stands, and in double quotes
//! only `\n` and `\r` mean anything.

use std::collections::BTreeMap;

/// The variables that `text` defines; of a key that stands there twice, the last. Lines that define
/// nothing are passed over.
pub(crate) fn parse(text: &str) -> BTreeMap<String, String> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut variables = BTreeMap::new();
    while !rest.is_empty() {
        match assignment(rest) {
            Some((key, value, after)) => {
                variables.insert(key.to_owned(), value);
                rest = after;
            }
            None => rest = after_line(rest),
        }
    }
    variables
}

/// One assignment at the start of `text`: key, value, and the text after its line.
fn assignment(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start();
    let text = match text.strip_prefix("export") {
        Some(after) if after.starts_with([' ', '\t']) => after.trim_start_matches([' ', '\t']),
        _ => text,
    };
    let key_end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .filter(|&end| end > 0)?;
    let (key, text) = text.split_at(key_end);
    let text = after_separator(text)?.trim_start_matches([' ', '\t']);
    let (value, after) = quoted(text).unwrap_or_else(|| unquoted(text));
    Some((key, value, after))
}

/// What follows `=`, or a `:` with a blank behind it.
fn after_separator(text: &str) -> Option<&str> {
    let blank = [' ', '\t'];
    text.trim_start_matches(blank)
        .strip_prefix('=')
        .or_else(|| {
            text.strip_prefix(':')
                .filter(|after| after.starts_with(blank))
        })
}

/// A value in `'`, `"` or a backtick, possibly of several lines; nothing but a comment may follow.
fn quoted(text: &str) -> Option<(String, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"' | '`'))?;
    let body = &text[1..];
    let mut escaped = false;
    let end = body.find(|c| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    })?;
    let tail = body[end + 1..]
        .split('\n')
        .next()
        .unwrap_or_default()
        .trim();
    if !(tail.is_empty() || tail.starts_with('#')) {
        return None;
    }
    let value = match quote {
        '"' => body[..end].replace("\\n", "\n").replace("\\r", "\r"),
        _ => body[..end].to_owned(),
    };
    Some((value, after_line(&body[end + 1..])))
}

/// A value up to `#` or the end of its line.
fn unquoted(text: &str) -> (String, &str) {
    let end = text.find(['#', '\n']).unwrap_or(text.len());
    (text[..end].trim().to_owned(), after_line(&text[end..]))
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    fn value(text: &str, key: &str) -> Option<String> {
        parse(text).remove(key)
    }

    #[test]
    fn reads_each_way_to_write_a_value() {
        let cases = [
            ("A=1", "1"),
            ("A = 1 ", "1"),
            ("export A=1", "1"),
            ("A: 1", "1"),
            ("A=", ""),
            ("A=\nB=2", ""),
            ("A=1 # why", "1"),
            ("A=a#b", "a"),
            ("A='a#b' # why", "a#b"),
            ("A=\"a\\nb\"", "a\nb"),
            ("A='a\\nb'", "a\\nb"),
            ("A=\"two\nlines\"\nB=2", "two\nlines"),
            ("A=`it's \"so\"`", "it's \"so\""),
            ("A=$B ${C}", "$B ${C}"),
            ("A=1\r\nB=2\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A=1\nA=2", "2"),
            ("A='open", "'open"),
            ("# A=0\n\nA=1", "1"),
            ("not a line\nA=1", "1"),
        ];
        for (text, wanted) in cases {
            assert_eq!(value(text, "A").as_deref(), Some(wanted), "{text:?}");
        }
    }

    #[test]
    fn passes_over_what_defines_nothing() {
        for text in ["", "#A=1", "A", "A:1", "=1", "export"] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn reads_any_text(text in any::<String>()) {
            parse(&text);
        }

        #[test]
        fn reads_back_what_stands_in_single_quotes(value in "[^'\\\\\r]*") {
            let text = format!("A='{value}'\nB=2\n");
            prop_assert_eq!(parse(&text).remove("A"), Some(value));
        }
    }
}
