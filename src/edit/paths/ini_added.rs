//! Where a new key of an INI file stands, and how it is laid out: as its neighbours are.

use std::ops::Range;

use super::ini::Ini;
use super::ini_lines::IniSays;

impl Ini<'_> {
    /// The text with a new key at the end of a part.
    pub(super) fn added(&self, part: usize, key: &str, value: &str) -> String {
        let parts = self.parts();
        let lines = parts[part].lines.clone();
        let last = lines.clone().rev().find(|at| {
            matches!(
                self.lines[*at].says,
                IniSays::Entry(_) | IniSays::Bare(_) | IniSays::More | IniSays::Doubtful(_)
            )
        });
        let at = match (last, part) {
            (Some(last), _) => self.lines[last].span.end,
            (None, 0) => self.head_end(lines.clone()),
            (None, _) => self.lines[lines.start - 1].span.end,
        };
        let (before, after) = self.text.split_at(at);
        let line_end = if self.text.contains("\r\n") {
            "\r\n"
        } else {
            "\n"
        };
        let open = match before.is_empty() || before.ends_with('\n') || before == "\u{feff}" {
            true => "",
            false => line_end,
        };
        let (indent, separator) = self.style(lines);
        format!("{before}{open}{indent}{key}{separator}{value}{line_end}{after}")
    }

    /// Where the part before the first section ends, without the comment of that section.
    fn head_end(&self, lines: Range<usize>) -> usize {
        let comment = lines.clone().rev().take_while(|at| {
            let line = &self.text[self.lines[*at].span.clone()];
            line.trim_start().starts_with(['#', ';'])
        });
        let first = comment.last().unwrap_or(lines.end);
        let at = self
            .lines
            .get(first)
            .map_or(self.text.len(), |line| line.span.start);
        // A mark of the encoding stays in front.
        if at == 0 && self.text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            at
        }
    }

    /// How the entries of a part are written, or those of the file.
    fn style(&self, lines: Range<usize>) -> (String, String) {
        let all = lines.rev().chain((0..self.lines.len()).rev());
        let style = all.filter_map(|at| {
            let IniSays::Entry(entry) = &self.lines[at].says else {
                return None;
            };
            let line = &self.text[self.lines[at].span.start..entry.value.start];
            let line = line.trim_start_matches('\u{feff}');
            let (indent, rest) = line.split_at(line.find(&entry.key)?);
            let separator = rest[entry.key.len()..].trim_end_matches(['"', '\'']);
            // Aligned columns fit no other key.
            let is_plain = separator.trim().len() == 1 && separator.len() <= 3;
            is_plain.then(|| (indent.to_owned(), separator.to_owned()))
        });
        let mut style = style;
        style
            .next()
            .unwrap_or_else(|| (String::new(), " = ".to_owned()))
    }
}
