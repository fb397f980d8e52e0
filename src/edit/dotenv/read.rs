//! What an env file says: each variable and its value, as Compose has it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;

use super::env_file::{Dotenv, Format};
use super::error::{DotenvError, LineProblem, RAW_LINE_LIMIT};
use super::key::EnvKey;
use super::syntax::{Item, ItemKind, QuoteStyle, Span};
use super::template::{self, GROWTH_LIMIT, Variables};
use super::value::{Unquoted, unquote};

/// Where a value is looked for by name.
type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Dotenv {
    /// The variables of the file in the order in which they first appear, each with the value that
    /// counts. `None`: the file has `KEY` alone, and the environment has no such variable; Compose
    /// then leaves it out.
    ///
    /// `lookup` gives what hides the file's own earlier lines in `$` references, and what `KEY` alone
    /// inherits: the environment of the process; for an `env_file`, also the `.env` of the project.
    ///
    /// As in Compose, a line such as `=x` assigns to a variable without a name.
    ///
    /// # Errors
    /// The first fault for which Compose refuses the file.
    pub fn read(&self, lookup: Lookup<'_>) -> Result<Vec<(String, Option<String>)>, DotenvError> {
        self.read_over(lookup, &|_| None)
    }

    /// [`Dotenv::read`] of a file that comes behind others: `earlier` gives their variables, which this
    /// file can refer to as long as neither `lookup` nor its own lines have a variable of that name.
    ///
    /// # Errors
    /// As for [`Dotenv::read`].
    pub fn read_over(
        &self,
        lookup: Lookup<'_>,
        earlier: Lookup<'_>,
    ) -> Result<Vec<(String, Option<String>)>, DotenvError> {
        let entries = self.reading(lookup, earlier)?.entries.into_iter();
        Ok(entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect())
    }

    fn reading(
        &self,
        lookup: Lookup<'_>,
        earlier: Lookup<'_>,
    ) -> Result<ReadSoFar<'_>, DotenvError> {
        if let Some((line, _)) = self.too_long_raw_line() {
            return Err(DotenvError::Unreadable {
                line,
                problem: LineProblem::RawLength,
            });
        }
        let mut reading = ReadSoFar::of_at_most(self.items.len());
        let mut budget = GROWTH_LIMIT;
        for item in &self.items {
            match item.kind {
                ItemKind::Bom | ItemKind::Space | ItemKind::Comment => {}
                ItemKind::Junk(problem) => return Err(unreadable(item, problem)),
                ItemKind::Assignment {
                    style: QuoteStyle::Open(quote),
                    ..
                } => {
                    return Err(unreadable(item, LineProblem::OpenQuote(quote)));
                }
                ItemKind::Assignment { key, value, style } => {
                    let key = key.of(&self.text);
                    let value = match unquote(value.of(&self.text), style) {
                        Unquoted::Literal(text) => text.into_owned(),
                        Unquoted::Template(text) => {
                            reading.resolve(key, &text, item, lookup, earlier, &mut budget)?
                        }
                    };
                    reading.put(key, Some(value));
                }
                ItemKind::Inherited { key } => {
                    let key = key.of(&self.text);
                    reading.put(key, lookup(key));
                }
                ItemKind::Bare { text } => reading.put("", Some(text.of(&self.text).to_owned())),
            }
        }
        Ok(reading)
    }

    /// The value of `key` as Compose reads it.
    ///
    /// # Errors
    /// As for [`Dotenv::read`]: a fault anywhere in the file makes Compose refuse all of it.
    pub fn get(&self, key: &EnvKey, lookup: Lookup<'_>) -> Result<Option<String>, DotenvError> {
        Ok(self.reading(lookup, &|_| None)?.get(key.as_str()))
    }

    /// Every assignment with its value as it is written, without its quotes.
    pub(crate) fn assignments(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.items.iter().filter_map(|item| {
            let ItemKind::Assignment { key, value, style } = item.kind else {
                return None;
            };
            match unquote(value.of(&self.text), style) {
                Unquoted::Template(text) | Unquoted::Literal(text) => {
                    Some((key.of(&self.text), text))
                }
            }
        })
    }

    /// The values in which other variables have a part, each with its key, before anything is filled in.
    pub(crate) fn templates(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.items.iter().filter_map(|item| {
            let ItemKind::Assignment { key, value, style } = item.kind else {
                return None;
            };
            match unquote(value.of(&self.text), style) {
                Unquoted::Template(text) if text.contains('$') => Some((key.of(&self.text), text)),
                Unquoted::Template(_) | Unquoted::Literal(_) => None,
            }
        })
    }

    /// The value that an item assigns, where no other variable has a part in it.
    pub(super) fn constant(&self, item: &Item) -> Option<Cow<'_, str>> {
        let ItemKind::Assignment { value, style, .. } = item.kind else {
            return None;
        };
        constant(value.of(&self.text), style)
    }

    /// Number and length of the first line that `format: raw` is too short for.
    pub(super) fn too_long_raw_line(&self) -> Option<(usize, usize)> {
        if self.format != Format::Raw {
            return None;
        }
        let mut lengths = self.text.split('\n').map(str::len).enumerate();
        let (index, length) = lengths.find(|(_, length)| *length > RAW_LINE_LIMIT)?;
        Some((index + 1, length))
    }

    /// The piece of the text.
    pub(super) fn piece(&self, span: Span) -> &str {
        span.of(&self.text)
    }
}

/// What `token` says, unless it refers to a variable or cannot be read.
fn constant(token: &str, style: QuoteStyle) -> Option<Cow<'_, str>> {
    let template = match (style, unquote(token, style)) {
        (QuoteStyle::Open(_), _) => return None,
        (_, Unquoted::Literal(text)) => return Some(text),
        (_, Unquoted::Template(text)) if !text.contains('$') => return Some(text),
        (_, Unquoted::Template(text)) => text,
    };
    let referred = Cell::new(false);
    let lookup = |_: &str| {
        referred.set(true);
        None
    };
    let mut variables = Variables {
        lookup: &lookup,
        budget: 0,
    };
    let text = template::resolve(&template, &mut variables).ok()?;
    (!referred.get()).then_some(Cow::Owned(text))
}

fn unreadable(item: &Item, problem: LineProblem) -> DotenvError {
    DotenvError::Unreadable {
        line: item.line,
        problem,
    }
}

/// What has been read so far.
struct ReadSoFar<'a> {
    entries: Vec<(&'a str, Option<String>)>,
    index: HashMap<&'a str, usize>,
}

impl<'a> ReadSoFar<'a> {
    /// Of a file with so many items: between two statements there is space.
    fn of_at_most(items: usize) -> Self {
        Self {
            entries: Vec::new(),
            index: HashMap::with_capacity(items / 4),
        }
    }

    /// Later lines win, but a `KEY` alone that inherits nothing takes nothing away.
    fn put(&mut self, key: &'a str, value: Option<String>) {
        match self.index.get(key) {
            None => {
                self.index.insert(key, self.entries.len());
                self.entries.push((key, value));
            }
            Some(index) if value.is_some() => self.entries[*index].1 = value,
            Some(_) => {}
        }
    }

    fn get(&self, key: &str) -> Option<String> {
        self.index
            .get(key)
            .and_then(|index| self.entries[*index].1.clone())
    }

    fn resolve(
        &self,
        key: &str,
        text: &str,
        item: &Item,
        lookup: Lookup<'_>,
        earlier: Lookup<'_>,
        budget: &mut usize,
    ) -> Result<String, DotenvError> {
        if !text.contains('$') {
            return Ok(text.to_owned());
        }
        let lookup = |name: &str| {
            lookup(name)
                .or_else(|| self.get(name))
                .or_else(|| earlier(name))
        };
        let mut variables = Variables {
            lookup: &lookup,
            budget: *budget,
        };
        let resolved = template::resolve(text, &mut variables);
        *budget = variables.budget;
        resolved.map_err(|problem| DotenvError::Reference {
            line: item.line,
            key: key.to_owned(),
            problem,
        })
    }
}
