//! The edit line by line, as `--dry-run` shows it: with the values of secrets hidden. Pure.

use similar::TextDiff;

use crate::secret::{HIDDEN, Redactor};
use crate::stack::side::{FileEdit, Side};

/// Lines around a change.
const CONTEXT: usize = 2;

/// The unified diff of a file; empty when nothing changes, or when it is no text.
pub(crate) fn lines(edit: &FileEdit, redactor: &Redactor) -> Vec<String> {
    let text = |side: &Side| match side {
        Side::Absent => Some(String::new()),
        Side::Text(text) => String::from_utf8(text.bytes.clone()).ok(),
        // To what is not known there is no difference.
        Side::Unknown(_) => None,
    };
    let (Some(before), Some(after)) = (text(&edit.before), text(&edit.after)) else {
        return Vec::new();
    };
    let diff = TextDiff::from_lines(&before, &after);
    let unified = diff.unified_diff().context_radius(CONTEXT).to_string();
    unified
        .lines()
        .map(|line| match line.split_at_checked(1) {
            Some((sign @ (" " | "+" | "-"), text)) => format!("{sign}{}", hide(text, redactor)),
            _ => line.to_owned(),
        })
        .collect()
}

/// A line without its secret: known by its value, by its form, or by the key in front of it.
fn hide(line: &str, redactor: &Redactor) -> String {
    let by_key = line.find(['=', ':']).and_then(|at| {
        let (name, rest) = line.split_at(at);
        let (sign, value) = rest.split_at(1);
        let key = name.rsplit(|c: char| c.is_whitespace() || c == '-' || c == '#');
        let key = key.map(|word| word.trim_matches(QUOTES)).next()?;
        let text = value.trim();
        // A quote around both: `- 'KEY=value'`.
        let around = name.trim_start_matches([' ', '-', '#']).chars().next();
        let around = around.filter(|quote| QUOTES.contains(quote) && text.ends_with(*quote));
        let inner = text.trim_matches(QUOTES);
        let open = &text[..text.len() - text.trim_start_matches(QUOTES).len()];
        let space = if value.starts_with(' ') { " " } else { "" };
        let close = around.map_or_else(|| open.to_owned(), String::from);
        let is_secret = redactor.is_secret_named(key, inner);
        is_secret.then(|| format!("{name}{sign}{space}{open}{HIDDEN}{close}"))
    });
    by_key.unwrap_or_else(|| redactor.redact(line))
}

const QUOTES: [char; 2] = ['"', '\''];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::side::Origin;

    fn diff(before: &str, after: &str) -> String {
        let edit = FileEdit {
            path: ".env".into(),
            before: Side::new(before.into(), &Side::Absent),
            after: Side::new(after.into(), &Side::Absent),
            origin: Origin::Refit,
        };
        lines(&edit, &Redactor::default()).join("\n")
    }

    #[test]
    fn what_changes_is_shown_with_its_neighbours() {
        assert_eq!(
            diff("A=1\nB=2\nC=3\nD=4\n", "A=1\nB=2\nC=3\nD=5\n"),
            "@@ -2,3 +2,3 @@\n B=2\n C=3\n-D=4\n+D=5"
        );
        assert_eq!(diff("A=1\n", "A=1\n"), "");
    }

    #[test]
    fn secrets_are_hidden_in_changed_and_in_neighbouring_lines() {
        let shown = diff(
            "API_KEY=abc\nexport PW_TOKEN='x'\n  - DB_PASSWORD=y\n  MY_SECRET: \"z\"\nA=1\n",
            "API_KEY=def\nexport PW_TOKEN='x'\n  - DB_PASSWORD=y2\n  MY_SECRET: \"z\"\nA=2\n",
        );
        for secret in ["abc", "def", "'x'", "=y", "z"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("-API_KEY=•••\n+API_KEY=•••"), "{shown}");
        assert!(shown.contains("   MY_SECRET: \"•••\"\n"), "{shown}");
        let list = diff("- 'A_KEY='\n", "- 'A_KEY=two words'\n- \"B_KEY\": x\n");
        assert!(
            list.ends_with("-- 'A_KEY='\n+- 'A_KEY=•••'\n+- \"B_KEY\": •••"),
            "{list}"
        );
        assert!(shown.contains("-A=1\n+A=2"), "{shown}");
    }
}
