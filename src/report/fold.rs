//! Lines as long as a terminal is wide. It would cut them anywhere, in the middle of a word; here they
//! end between words, and go on below what they are about. A command stays on one line, however long:
//! who copies it gets it whole.

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

/// Narrower than this nothing is readable, and nothing is folded.
const NARROWEST: usize = 20;

/// What a command that is to be typed begins with.
const PROGRAMS: [&str; 4] = ["refit", "docker", "sudo", "systemctl"];

/// Of times and sizes.
const UNITS: [&str; 8] = ["ms", "s", "min", "h", "d", "kB", "MB", "MiB"];

/// What others wrote, and texts beside one another, are never folded: their lines are what they are.
const QUOTED: [char; 5] = ['│', '+', '-', '@', '|'];

/// The lines of one line in a terminal of so many columns.
pub(super) fn folded(line: &str, columns: usize) -> Vec<String> {
    let is_quoted = line.trim_start().starts_with(QUOTED);
    if columns < NARROWEST || is_quoted || display_width(line) <= columns {
        return vec![line.to_owned()];
    }
    let below = " ".repeat(indent(line, columns));
    let options = Options::new(columns)
        .subsequent_indent(&below)
        .break_words(false)
        .word_separator(WordSeparator::Custom(|line| Box::new(words(line))))
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(line, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

/// Where the rest of a line goes on: below the last of its columns, unless that leaves less than half
/// of the width.
fn indent(line: &str, columns: usize) -> usize {
    let gaps = line.match_indices("  ").map(|(at, gap)| at + gap.len());
    let starts = gaps.filter(|&at| !line[at..].starts_with(' '));
    let starts = starts.map(|at| display_width(&line[..at]));
    let lead = line.len() - line.trim_start().len();
    let below = starts.filter(|&start| start > lead && start <= columns / 2);
    below.last().unwrap_or(lead + 2)
}

/// The words of a line with the space behind each; a command counts as one.
fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = line;
    let mut before = "";
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = word_end(rest);
        if rest[..end].trim() == "→" {
            end += word_end(&rest[end..]);
        }
        if begins_command(before, &rest[..end]) {
            while !ends_command(&rest[..end]) && end < rest.len() && !rest[end..].starts_with('(') {
                end += word_end(&rest[end..]);
            }
        }
        while rest[..end]
            .trim_end()
            .ends_with(|c: char| c.is_ascii_digit())
            && is_unit(&rest[end..])
        {
            end += word_end(&rest[end..]);
        }
        let (word, after) = rest.split_at(end);
        (before, rest) = (word.trim_end(), after);
        Some(Word::from(word))
    })
}

/// Behind the next word and the space that follows it.
fn word_end(text: &str) -> usize {
    let lead = text.len() - text.trim_start_matches(' ').len();
    let word = text[lead..].find(' ').map_or(text.len(), |at| lead + at);
    let space = text[word..].find(|c| c != ' ');
    space.map_or(text.len(), |at| word + at)
}

/// A figure and its unit belong together.
fn is_unit(text: &str) -> bool {
    let word = text[..word_end(text)].trim_end();
    UNITS.contains(&word.trim_end_matches(|c: char| !c.is_alphanumeric()))
}

/// A program's name is a command only where one is announced: "refit needs more" is none.
fn begins_command(before: &str, word: &str) -> bool {
    let announced =
        before.is_empty() || before.ends_with(':') || word.trim_start().starts_with(['→', '`']);
    let name = word.trim().trim_start_matches(['→', '`', ' ']);
    announced && PROGRAMS.contains(&name)
}

fn ends_command(so_far: &str) -> bool {
    so_far.trim_end().ends_with(['.', ',', ';', '`', ')'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_and_go_on_below_their_column() {
        let line =
            "✓ worker  no healthcheck: health unknown, running for 3 s, container replaced in 2 s";
        assert_eq!(
            folded(line, 60),
            [
                "✓ worker  no healthcheck: health unknown, running for 3 s,",
                "          container replaced in 2 s",
            ]
        );
        let line = "chat in /srv/chat: refit's demo (web has the label refit.application=demo)";
        assert_eq!(
            folded(line, 60),
            [
                "chat in /srv/chat: refit's demo (web has the label",
                "  refit.application=demo)",
            ]
        );
    }

    #[test]
    fn a_command_stays_on_one_line() {
        let line =
            "Rolled back: everything is as it was before run 2. More: refit -C /srv/shop show 2";
        assert_eq!(
            folded(line, 60),
            [
                "Rolled back: everything is as it was before run 2. More:",
                "  refit -C /srv/shop show 2",
            ]
        );
        let line = "Undone: run 106, as run 107. Further back: refit rollback 105. Redo: refit rollback 107";
        let lines = folded(line, 60);
        assert!(
            lines.contains(&"  refit rollback 105. Redo: refit rollback 107".to_owned()),
            "{lines:?}"
        );
        let line =
            "→ refit set WEBUI_SECRET_KEY --generate hex:32 --for open-webui --allow guarded-key";
        assert_eq!(folded(line, 60), [line]);
    }

    #[test]
    fn a_figure_keeps_its_unit() {
        assert_eq!(
            folded("web restarted, running for 15 s, and well", 29),
            ["web restarted, running for", "  15 s, and well"]
        );
    }

    #[test]
    fn what_others_wrote_stays_as_it_is() {
        let line = format!("  │ {}", "word ".repeat(30));
        assert_eq!(folded(&line, 60), [line]);
        let line = "word ".repeat(30);
        assert_eq!(folded(&line, 8), [line]);
    }

    #[test]
    fn colours_take_no_room() {
        let line = "\x1b[31m✗\x1b[0m one two three four five six";
        assert_eq!(folded(line, 30), [line]);
    }
}
