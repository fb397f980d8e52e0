//! Text that others wrote - containers, Compose, git, names of files and processes - as it may stand
//! before a person's eyes: it must not draw on the terminal, nor flood it.

use std::iter::Peekable;
use std::str::Chars;

/// So many characters of a line are told.
const LONGEST_LINE: usize = 500;

/// So many lines of a text are told: the last ones, which say why.
const MOST_LINES: usize = 20;

/// So much of one line is taken in at all. What is cut here is never told: the line is cut again
/// after secrets were looked for in it, so that none is cut in two and not known again.
const LONGEST_TAKEN: usize = 64 * 1024;

/// Without what moves the cursor, colours, rings, or turns the direction of the text: whole sequences
/// go, not only their first character. Tabs and line feeds stay.
pub(crate) fn printable(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => kept.push(c),
            '\x1b' => skip_sequence(&mut rest),
            '\u{9b}' => skip_parameters(&mut rest),
            c if draws(c) => {}
            c => kept.push(c),
        }
    }
    kept
}

/// Whether a character does more to a terminal than to stand in its line.
pub(crate) fn draws(c: char) -> bool {
    c != '\t' && c.is_control() || turns(c)
}

/// Characters that make a terminal show text in another order than it stands.
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// After an escape: a control sequence, a string such as a title, or one character.
fn skip_sequence(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_parameters(rest);
        }
        // Titles, links and the clipboard: up to the bell, or to the next escape.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while rest
                .peek()
                .is_some_and(|c| !matches!(c, '\x07' | '\x1b' | '\n' | '\u{9c}'))
            {
                rest.next();
            }
        }
        Some(c) if c.is_ascii_graphic() => {
            rest.next();
        }
        Some(_) | None => {}
    }
}

fn skip_parameters(rest: &mut Peekable<Chars<'_>>) {
    while rest.peek().is_some_and(|c| (' '..='?').contains(c)) {
        rest.next();
    }
    if rest.peek().is_some_and(|c| ('@'..='~').contains(c)) {
        rest.next();
    }
}

/// As [`printable`], on one line, and not longer than a person reads.
pub(crate) fn line(text: &str) -> String {
    cut(&printable(text).replace(['\n', '\t'], " "))
}

/// A text of several lines, cut in both directions.
pub(crate) fn told(text: &str) -> String {
    let kept = printable(text);
    let lines: Vec<&str> = kept.split('\n').collect();
    let skipped = lines.len().saturating_sub(MOST_LINES);
    let mut told: Vec<String> = lines[skipped..].iter().map(|line| cut(line)).collect();
    if skipped > 0 {
        told.insert(0, format!("({skipped} more lines)"));
    }
    told.join("\n")
}

/// The last lines of many.
pub(crate) fn last<T>(mut lines: Vec<T>) -> Vec<T> {
    let skipped = lines.len().saturating_sub(MOST_LINES);
    lines.drain(..skipped);
    lines
}

/// A line as it is taken in from outside, before anybody knows which secrets it may hold.
pub(crate) fn taken(line: &str) -> String {
    let mut end = LONGEST_TAKEN.min(line.len());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    printable(&line[..end])
}

/// The same of several lines.
pub(crate) fn all_taken(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(taken).collect();
    lines.join("\n")
}

/// What may leave the program by a stream: what is printable, and colours, which are ours.
pub(crate) fn coloured(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let after = &rest[at + 2..];
        let end = after.find(|c: char| !c.is_ascii_digit() && c != ';');
        kept.push_str(&printable(&rest[..at]));
        match end {
            Some(end) if after[end..].starts_with('m') => {
                kept.push_str(&rest[at..at + 2 + end + 1]);
                rest = &after[end + 1..];
            }
            _ => {
                // The escape is taken out with what belongs to it.
                let next = after.find('\x1b').map_or(rest.len(), |next| at + 2 + next);
                kept.push_str(&printable(&rest[at..next]));
                rest = &rest[next..];
            }
        }
    }
    kept.push_str(&printable(rest));
    kept
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}… ({} bytes)", &line[..end], line.len()),
        None => line.to_owned(),
    }
}

/// Lines that end with the same block again and again, as of a crash loop: the block once, and how
/// often it came.
pub(crate) fn folded(lines: Vec<String>) -> Vec<String> {
    let count = lines.len();
    let repeats = |size: &usize| {
        lines
            .iter()
            .skip(*size)
            .eq(lines.iter().take(count - *size))
    };
    let Some(size) = (1..=count / 2).find(repeats) else {
        return lines;
    };
    let mut block = lines[count - size..].to_vec();
    block.push(format!("({} times)", count / size));
    block
}

/// `A`, `A and B`, `A, B and C`.
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A word as it is typed in a shell.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=./:,@%+•".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (written, kept) in [
            ("\x1b[2J\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07text", "text"),
            ("\x1b]52;c;aGk=\x1b\\text", "text"),
            ("\u{9b}2Jtext\u{85}", "text"),
            ("a\rb\x08c\x07", "abc"),
            ("a\u{202e}b\u{2066}c", "abc"),
            ("\x1bcreset", "reset"),
            ("one\n\ttwo", "one\n\ttwo"),
            ("\x1b[", ""),
            ("ünïcödé → •••", "ünïcödé → •••"),
        ] {
            assert_eq!(printable(written), kept, "{written:?}");
        }
    }

    #[test]
    fn our_colours_stay_and_nothing_else() {
        assert_eq!(
            coloured("\x1b[31m✗\x1b[0m \x1b[2Jx\x1b]0;t\x07y"),
            "\x1b[31m✗\x1b[0m xy"
        );
        assert_eq!(coloured("plain"), "plain");
        assert_eq!(coloured("\x1b[1;3"), "");
    }

    #[test]
    fn a_flood_is_cut_in_both_directions() {
        let junk = "\u{fffd}".repeat(1 << 20);
        assert!(line(&junk).chars().count() < 520);
        assert_eq!(taken(&junk).len(), LONGEST_TAKEN / 3 * 3);
        let many = (0..1000).map(|n| n.to_string()).collect::<Vec<_>>();
        let told = told(&many.join("\n"));
        assert!(told.starts_with("(980 more lines)\n980\n"), "{told}");
        assert!(told.ends_with("999"));
        assert_eq!(last(many).len(), MOST_LINES);
    }

    #[test]
    fn a_crash_loop_says_it_once() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(folded(lines("a b a b a b")), ["a", "b", "(3 times)"]);
        // The first one was cut off.
        assert_eq!(folded(lines("b a b a b")), ["a", "b", "(2 times)"]);
        assert_eq!(folded(lines("a b c")), ["a", "b", "c"]);
        assert!(folded(Vec::new()).is_empty());
    }

    #[test]
    fn words_with_blanks_are_quoted() {
        assert_eq!(shell_word("A=b:1"), "A=b:1");
        assert_eq!(shell_word("ports[0]=it's"), r"'ports[0]=it'\''s'");
        assert_eq!(shell_word(""), "''");
    }
}
