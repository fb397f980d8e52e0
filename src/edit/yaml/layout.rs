//! Lines, blanks and comments of a text: where things stand, never what they mean.

use super::error::Position;

#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) text: &'a str,
    line_starts: Vec<usize>,
}

impl<'a> Layout<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let breaks = text
            .bytes()
            .enumerate()
            .filter(|&(_, b)| b == b'\n')
            .map(|(at, _)| at + 1);
        Self {
            text,
            line_starts: std::iter::once(0).chain(breaks).collect(),
        }
    }

    /// A part of the text; empty where there is none, so that no arithmetic can break a run.
    pub(super) fn slice<R>(&self, range: R) -> &'a str
    where
        R: std::slice::SliceIndex<str, Output = str>,
    {
        self.text.get(range).unwrap_or_default()
    }

    pub(super) fn position(&self, pos: usize) -> Position {
        let line = self.line_starts.partition_point(|&start| start <= pos);
        let start = self
            .line_starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.slice(start..pos);
        Position {
            line,
            column: before.chars().filter(|&c| c != '\u{feff}').count() + 1,
        }
    }

    /// The first byte of the line that holds `pos`; after a byte order mark on the first line.
    pub(super) fn line_start(&self, pos: usize) -> usize {
        let line = self.line_starts.partition_point(|&start| start <= pos);
        let start = self
            .line_starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        if start == 0 && self.text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            start
        }
    }

    /// Bytes between the start of the line and `pos`.
    pub(super) fn column(&self, pos: usize) -> usize {
        pos.saturating_sub(self.line_start(pos))
    }

    /// The end of the line that holds `pos`, before its line break.
    pub(super) fn line_end(&self, pos: usize) -> usize {
        let rest = self.slice(pos..);
        match rest.find('\n') {
            Some(at) if rest[..at].ends_with('\r') => pos + at - 1,
            Some(at) => pos + at,
            None => self.text.len(),
        }
    }

    /// The start of the next line, or the end of the text.
    pub(super) fn next_line(&self, pos: usize) -> usize {
        let rest = self.slice(pos..);
        rest.find('\n').map_or(self.text.len(), |at| pos + at + 1)
    }

    /// Whether only blanks stand between the start of the line and `pos`.
    pub(super) fn is_first_on_line(&self, pos: usize) -> bool {
        self.slice(self.line_start(pos)..pos)
            .bytes()
            .all(|b| b == b' ')
    }

    /// The line break used at `pos`, or in the file.
    pub(super) fn line_break(&self, pos: usize) -> &'static str {
        let end = self.line_end(pos);
        let here = self.slice(end..);
        let crlf = if here.is_empty() {
            self.text
                .find('\n')
                .is_some_and(|at| self.slice(..at).ends_with('\r'))
        } else {
            here.starts_with('\r')
        };
        if crlf { "\r\n" } else { "\n" }
    }

    /// The next byte that is neither blank, line break nor comment.
    pub(super) fn skip_trivia(&self, pos: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = pos;
        loop {
            match bytes.get(at) {
                Some(b' ' | b'\t' | b'\r' | b'\n') => at += 1,
                Some(0xef) if self.slice(at..).starts_with('\u{feff}') => at += 3,
                Some(b'#') if at == 0 || self.may_precede_comment(at) => at = self.line_end(at),
                _ => return at,
            }
        }
    }

    fn may_precede_comment(&self, at: usize) -> bool {
        let before = self.slice(..at);
        before.ends_with([' ', '\t', '\n', '\r', '\u{feff}'])
    }

    /// The end of the blanks at `pos`.
    pub(super) fn skip_blanks(&self, pos: usize) -> usize {
        let rest = self.slice(pos..);
        self.text.len() - rest.trim_start_matches([' ', '\t']).len()
    }

    /// The end of the property (`&anchor`, `!tag`) that begins at `pos`.
    pub(super) fn skip_token(&self, pos: usize) -> usize {
        let rest = self.slice(pos..);
        let stop = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
        let length = if rest.starts_with("!<") {
            rest.find('>').map(|at| at + 1)
        } else {
            rest.find(stop)
        };
        pos + length.unwrap_or(rest.len())
    }

    /// Whether an indicator stands at `pos`, with a blank after it.
    pub(super) fn is_indicator(&self, pos: usize, indicator: u8) -> bool {
        let bytes = self.text.as_bytes();
        bytes.get(pos) == Some(&indicator)
            && matches!(
                bytes.get(pos + 1),
                None | Some(b' ' | b'\t' | b'\r' | b'\n')
            )
    }

    /// The end of a block scalar: the last line that belongs to its value, without the break. The
    /// parser's span (`limit`) goes on to the next token, blank lines included.
    pub(super) fn block_scalar_end(&self, header: usize, limit: usize) -> usize {
        let header_end = self.line_end(header);
        let content = self.next_line(header);
        if content >= limit {
            return header_end;
        }
        let indicators = self
            .slice(header..header_end)
            .split(['#', ' '])
            .next()
            .unwrap_or_default();
        let keep = indicators.contains('+');
        let indent = self.block_scalar_indent(header, limit);
        let mut end = header_end;
        let mut line = content;
        while line < limit {
            let stop = self.line_end(line).min(limit);
            let words = self.slice(line..stop);
            let whole = self.next_line(line) <= limit;
            let blank = words.trim_start_matches(' ').is_empty();
            if !blank || words.len() > indent || (keep && whole) {
                end = stop;
            }
            line = self.next_line(line);
        }
        end
    }

    /// The columns by which the lines of a block scalar are indented.
    pub(super) fn block_scalar_indent(&self, header: usize, limit: usize) -> usize {
        let content = self.next_line(header);
        let body = self.slice(content..limit);
        let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
        body.lines()
            .find(|line| !line.trim().is_empty())
            .map_or(usize::MAX, spaces)
    }

    /// A template placeholder in a line or the one before it.
    pub(super) fn template_near(&self, line: usize) -> Option<Position> {
        [line.saturating_sub(1), line]
            .into_iter()
            .filter(|&line| line > 0)
            .find_map(|line| {
                let start = *self.line_starts.get(line - 1)?;
                let words = self.slice(start..self.line_end(start));
                let at = words.find("{{").or_else(|| words.find("{%"))?;
                Some(self.position(start + at))
            })
    }
}
