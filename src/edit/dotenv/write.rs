//! Setting and removing a variable. Each edit is made on a copy of the text, which is then read again
//! and compared: it must say what the old text said, with just this change, or the edit is refused.

use std::fmt;

use super::env_file::{Dotenv, Format};
use super::error::DotenvError;
use super::key::EnvKey;
use super::quote::{self, QuotePlace};
use super::syntax::{Item, ItemKind, QuoteStyle, Span};

/// What a person should know about an edit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvNote {
    /// The variable is assigned more than once; the last one counts, and is the one to edit.
    DuplicateKey {
        /// The variable.
        key: EnvKey,
        /// All its lines, from 1.
        lines: Vec<usize>,
        /// The one that counts.
        edited: usize,
    },
    /// The variable was assigned more than once, and all its assignments were removed.
    RemovedDuplicates {
        /// The variable.
        key: EnvKey,
        /// The lines on which they were, from 1.
        lines: Vec<usize>,
    },
    /// There was nothing to remove.
    NotSet {
        /// The variable.
        key: EnvKey,
    },
}

impl fmt::Display for EnvNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvNote::DuplicateKey { key, lines, edited } => write!(
                f,
                "{key} is set on lines {}; only the last one, line {edited}, counts",
                LineNumbers(lines)
            ),
            EnvNote::RemovedDuplicates { key, lines } => {
                write!(
                    f,
                    "{key} was set on lines {}; all of them were removed",
                    LineNumbers(lines)
                )
            }
            EnvNote::NotSet { key } => write!(f, "{key} was not set; nothing to remove"),
        }
    }
}

/// `3, 5 and 9`.
struct LineNumbers<'a>(&'a [usize]);

impl fmt::Display for LineNumbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.iter().enumerate() {
            let separator = match index {
                0 => "",
                index if index + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{separator}{line}")?;
        }
        Ok(())
    }
}

/// An empty value stands behind all the space of its line, a CR before the LF included.
fn before_line_end(text: &str, value: Span) -> Span {
    let is_empty = value.start == value.end;
    let crs = text[..value.start]
        .bytes()
        .rev()
        .take_while(|byte| *byte == b'\r');
    match is_empty {
        true => {
            let at = value.start - crs.count();
            Span::new(at, at)
        }
        false => value,
    }
}

impl Dotenv {
    /// Makes `value` the value of `key`, byte for byte. The last assignment is edited in its style; a
    /// new one goes behind its commented example, or to the end. A value that is there already, and
    /// in which no other variable has a part, changes no byte.
    ///
    /// # Errors
    /// The value cannot be written in such a file, or the edit would change more than this variable.
    /// The file is then unchanged.
    pub fn set(&mut self, key: &EnvKey, value: &str) -> Result<Vec<EnvNote>, DotenvError> {
        self.check_value(key, value)?;
        let found = self.positions(key);
        let Some(&index) = found.last() else {
            self.insert(key, value)?;
            return Ok(Vec::new());
        };
        let notes = self.duplicate_note(key, &found);
        if self.constant(&self.items[index]).as_deref() == Some(value) {
            return Ok(notes);
        }
        let item = self.items[index];
        let token = self.token(
            value,
            &QuotePlace::of(&item.kind, &self.text, item.span.end),
        );
        let (span, text) = match item.kind {
            ItemKind::Assignment { value, .. } => (before_line_end(&self.text, value), token),
            ItemKind::Inherited { key: name } | ItemKind::Bare { text: name } => {
                (Span::new(name.end, name.end), format!("={token}"))
            }
            ItemKind::Bom | ItemKind::Space | ItemKind::Comment | ItemKind::Junk(_) => {
                return Err(DotenvError::WouldChangeMore { key: key.clone() });
            }
        };
        let edited = self.with_cuts(&[span], &text);
        self.accept(
            edited,
            key,
            &[index],
            Some(Written {
                start: item.span.start,
                value,
            }),
        )?;
        Ok(notes)
    }

    /// Removes every assignment of `key`, with the comment on the same line and no other.
    ///
    /// # Errors
    /// The edit would change more than this variable. The file is then unchanged.
    pub fn unset(&mut self, key: &EnvKey) -> Result<Vec<EnvNote>, DotenvError> {
        let found = self.positions(key);
        if found.is_empty() {
            return Ok(vec![EnvNote::NotSet { key: key.clone() }]);
        }
        let lines: Vec<usize> = found.iter().map(|index| self.items[*index].line).collect();
        let edited = self.with_cuts(&self.cuts_for(&found), "");
        self.accept(edited, key, &found, None)?;
        if lines.len() > 1 {
            return Ok(vec![EnvNote::RemovedDuplicates {
                key: key.clone(),
                lines,
            }]);
        }
        Ok(Vec::new())
    }

    fn insert(&mut self, key: &EnvKey, value: &str) -> Result<(), DotenvError> {
        let slot = self.slot_for(key);
        let end = self.line_end_at(slot.at);
        let token = self.token(value, &QuotePlace::New);
        let open = match slot.after_open_line {
            // Half of a line end is there already.
            true if self.text[..slot.at].ends_with('\r') => "\n",
            true => end,
            false => "",
        };
        let export = if slot.export && self.format == Format::Compose {
            "export "
        } else {
            ""
        };
        let line = format!("{open}{export}{key}={token}{end}");
        let edited = self.with_cuts(&[Span::new(slot.at, slot.at)], &line);
        let start = slot.at + open.len();
        self.accept(edited, key, &[], Some(Written { start, value }))
    }

    fn token(&self, value: &str, place: &QuotePlace<'_>) -> String {
        match self.format {
            Format::Compose => quote::write(value, place),
            Format::Raw => value.to_owned(),
        }
    }

    fn check_value(&self, key: &EnvKey, value: &str) -> Result<(), DotenvError> {
        if value.contains('\0') {
            return Err(DotenvError::ValueNul { key: key.clone() });
        }
        if self.format == Format::Raw && value.contains(['\n', '\r']) {
            return Err(DotenvError::ValueLineEnd { key: key.clone() });
        }
        Ok(())
    }

    /// The items that assign or inherit `key`. A bare name at the end counts where nothing else does:
    /// whoever wrote it meant it so.
    fn positions(&self, key: &EnvKey) -> Vec<usize> {
        let named = |item: &Item| self.names(item, key);
        let mut found: Vec<usize> = (0..self.items.len())
            .filter(|i| named(&self.items[*i]))
            .collect();
        if found.is_empty()
            && let Some(index) = self.items.iter().rposition(
                |item| matches!(item.kind, ItemKind::Bare { text } if self.piece(text) == key.as_str()),
            )
        {
            found.push(index);
        }
        found
    }

    fn duplicate_note(&self, key: &EnvKey, found: &[usize]) -> Vec<EnvNote> {
        let lines: Vec<usize> = found.iter().map(|index| self.items[*index].line).collect();
        match lines.as_slice() {
            [_, .., edited] => {
                let edited = *edited;
                vec![EnvNote::DuplicateKey {
                    key: key.clone(),
                    lines,
                    edited,
                }]
            }
            _ => Vec::new(),
        }
    }

    /// The text with `cuts` (in order, apart) taken out and `insert` put at the first.
    fn with_cuts(&self, cuts: &[Span], insert: &str) -> Dotenv {
        let mut text = String::with_capacity(self.text.len() + insert.len());
        let mut at = 0;
        for (index, cut) in cuts.iter().enumerate() {
            text.push_str(Span::new(at, cut.start).of(&self.text));
            if index == 0 {
                text.push_str(insert);
            }
            at = cut.end;
        }
        text.push_str(Span::new(at, self.text.len()).of(&self.text));
        Dotenv::of_text(text, self.format)
    }

    /// Takes `edited` over if it says what the old text says, but for the statements at `replaced`
    /// (in order) and for what was `written`.
    fn accept(
        &mut self,
        edited: Dotenv,
        key: &EnvKey,
        replaced: &[usize],
        written: Option<Written<'_>>,
    ) -> Result<(), DotenvError> {
        if let (None, Some((_, length))) = (self.too_long_raw_line(), edited.too_long_raw_line()) {
            let key = key.clone();
            return Err(DotenvError::ValueTooLong { key, length });
        }
        let is_written = |item: &Item| {
            written
                .as_ref()
                .is_some_and(|written| written.start == item.span.start)
        };
        let reads_back = written.as_ref().is_none_or(|written| {
            let item = edited
                .items
                .iter()
                .find(|item| item.span.start == written.start);
            item.is_some_and(|item| {
                edited.names(item, key) && edited.constant(item).as_deref() == Some(written.value)
            })
        });
        let kept = (0..self.items.len())
            .filter(|index| replaced.binary_search(index).is_err())
            .filter_map(|index| self.says(&self.items[index]));
        let found = edited
            .items
            .iter()
            .filter(|item| !is_written(item))
            .filter_map(|item| edited.says(item));
        if reads_back && kept.eq(found) {
            *self = edited;
            return Ok(());
        }
        let open = |item: &Item| {
            matches!(
                item.kind,
                ItemKind::Assignment {
                    style: QuoteStyle::Open(_),
                    ..
                }
            )
        };
        Err(match self.items.iter().find(|item| open(item)) {
            Some(item) => DotenvError::OpenQuote {
                key: key.clone(),
                line: item.line,
            },
            None => DotenvError::WouldChangeMore { key: key.clone() },
        })
    }

    /// What a statement says, apart from where it stands.
    fn says(&self, item: &Item) -> Option<Said<'_>> {
        match item.kind {
            ItemKind::Bom | ItemKind::Space | ItemKind::Comment => None,
            ItemKind::Assignment { key, value, style } => {
                Some(Said::Assigned(self.piece(key), self.piece(value), style))
            }
            ItemKind::Inherited { key } => Some(Said::Inherited(self.piece(key))),
            ItemKind::Bare { text } => Some(Said::Bare(self.piece(text))),
            ItemKind::Junk(_) => Some(Said::Junk(self.piece(item.span))),
        }
    }
}

/// What an edit put into the text.
struct Written<'a> {
    /// Where its statement begins in the new text.
    start: usize,
    value: &'a str,
}

#[derive(PartialEq, Eq)]
enum Said<'a> {
    Assigned(&'a str, &'a str, QuoteStyle),
    Inherited(&'a str),
    Bare(&'a str),
    Junk(&'a str),
}
