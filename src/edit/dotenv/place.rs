//! Where in the file a new line goes, and which bytes an old one takes up.

use super::env_file::Dotenv;
use super::error::LineProblem;
use super::key::EnvKey;
use super::syntax::{Item, ItemKind, Span};

/// A commented example of a variable.
pub(super) struct Example {
    /// Of the comment among the items.
    pub(super) index: usize,
    /// Whether it says `export`.
    pub(super) export: bool,
}

/// Where a new line goes.
pub(super) struct Slot {
    pub(super) at: usize,
    /// The line before has no end yet.
    pub(super) after_open_line: bool,
    /// The line is to begin with `export`.
    pub(super) export: bool,
}

impl Dotenv {
    /// The last comment on a line of its own that reads `#KEY=`; where there is none, the last one with
    /// a space between, which may also be a sentence that happens to break there.
    pub(super) fn example_of(&self, key: &EnvKey) -> Option<Example> {
        let mut examples = (0..self.items.len())
            .rev()
            .filter_map(|index| self.example_at(index, key));
        let mut loose = None;
        let tight = examples.find_map(|(example, is_tight)| {
            if is_tight {
                return Some(example);
            }
            loose = loose.take().or(Some(example));
            None
        });
        tight.or(loose)
    }

    /// The item as an example, and whether nothing stands between its `#` and the rest.
    fn example_at(&self, index: usize, key: &EnvKey) -> Option<(Example, bool)> {
        let item = &self.items[index];
        if !matches!(item.kind, ItemKind::Comment) || !self.begins_line(index) {
            return None;
        }
        let behind_marks = self.piece(item.span).trim_start_matches('#');
        let text = behind_marks.trim_start();
        let is_tight = text.len() == behind_marks.len();
        let (text, export) = match text.strip_prefix("export ") {
            Some(text) => (text.trim_start(), true),
            None => (text, false),
        };
        let behind = text
            .strip_prefix(key.as_str())?
            .trim_start_matches([' ', '\t']);
        behind
            .starts_with('=')
            .then_some((Example { index, export }, is_tight))
    }

    /// Behind the example of the variable, or else at the end of the file.
    pub(super) fn slot_for(&self, key: &EnvKey) -> Slot {
        if let Some(example) = self.example_of(key) {
            let end = self.items[example.index].span.end;
            let open = end == self.text.len();
            let at = if open { end } else { end + 1 };
            return Slot {
                at,
                after_open_line: open,
                export: example.export,
            };
        }
        if let Some(index) = self.items.iter().rposition(Item::is_statement)
            && matches!(
                self.items[index].kind,
                ItemKind::Bare { .. } | ItemKind::Junk(LineProblem::LoneExport)
            )
        {
            // Only at the end of the file do these mean what they mean.
            return Slot {
                at: self.line_start(index),
                after_open_line: false,
                export: false,
            };
        }
        let written = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let open = !written.is_empty() && !written.ends_with('\n');
        Slot {
            at: self.text.len(),
            after_open_line: open,
            export: false,
        }
    }

    /// The line end that the file uses around `at`.
    pub(super) fn line_end_at(&self, at: usize) -> &'static str {
        let (before, behind) = self.text.split_at(at);
        let crlf = match before.rfind('\n') {
            Some(feed) => before[..feed].ends_with('\r'),
            None => behind.find('\n').is_some_and(|feed| {
                behind[..feed].ends_with('\r') || (feed == 0 && before.ends_with('\r'))
            }),
        };
        if crlf { "\r\n" } else { "\n" }
    }

    /// The bytes to cut so that the statements at `targets` (in order) are gone: whole lines where
    /// nothing else stands on them, with the comment behind the value; else just the statement.
    pub(super) fn cuts_for(&self, targets: &[usize]) -> Vec<Span> {
        let mut cuts = Vec::new();
        let mut targets = targets.iter().copied().peekable();
        while let Some(first) = targets.next() {
            let line = self.logical_line(first);
            let mut here = vec![first];
            while let Some(next) = targets.next_if(|next| line.contains(next)) {
                here.push(next);
            }
            let statements = line
                .clone()
                .filter(|index| self.items[*index].is_statement())
                .count();
            if statements == here.len() {
                cuts.push(self.whole_line(first, line.end));
            } else {
                cuts.extend(here.into_iter().map(|index| self.statement_cut(index)));
            }
        }
        cuts
    }

    /// The items that begin on the same line as the one at `index`, or on a line that one of them
    /// reaches into.
    fn logical_line(&self, index: usize) -> std::ops::Range<usize> {
        let is_end = |item: &Item| {
            matches!(item.kind, ItemKind::Space) && self.piece(item.span).contains('\n')
        };
        let start = self.items[..index]
            .iter()
            .rposition(is_end)
            .map_or(0, |at| at + 1);
        let length = self.items[index..].iter().position(is_end);
        start..length.map_or(self.items.len(), |length| index + length)
    }

    fn whole_line(&self, index: usize, line_end: usize) -> Span {
        let end = match self.items.get(line_end) {
            Some(space) => {
                let feed = self.piece(space.span).find('\n').unwrap_or_default();
                space.span.start + feed + 1
            }
            None => self.text.len(),
        };
        Span::new(self.line_start(index), end)
    }

    /// One statement among others on its line, with the space that set it apart.
    fn statement_cut(&self, index: usize) -> Span {
        let Span { start, end } = self.items[index].span;
        let space = |index: Option<usize>| {
            let item = self.items.get(index?)?;
            let inline =
                matches!(item.kind, ItemKind::Space) && !self.piece(item.span).contains('\n');
            inline.then_some(item.span)
        };
        match (space(index.checked_sub(1)), space(Some(index + 1))) {
            (_, Some(behind)) => Span::new(start, behind.end),
            (Some(before), None) => Span::new(before.start, end),
            (None, None) => Span::new(start, end),
        }
    }

    /// The start of the line on which the item begins, or of the first item that shares its line.
    fn line_start(&self, index: usize) -> usize {
        let first = self.logical_line(index).start;
        match first.checked_sub(1).map(|before| self.items[before].span) {
            Some(space) => {
                let feed = self.piece(space).rfind('\n').unwrap_or_default();
                space.start + feed + 1
            }
            None if matches!(self.items[first].kind, ItemKind::Bom) => self.items[first].span.end,
            None => 0,
        }
    }

    fn begins_line(&self, index: usize) -> bool {
        let line = self.logical_line(index);
        self.items[line.start..index]
            .iter()
            .all(|item| matches!(item.kind, ItemKind::Bom | ItemKind::Space))
    }
}
