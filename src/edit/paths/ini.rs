//! Edits of INI files by section and key, in our own small editor: programs agree in nothing but lines,
//! `[section]` and `key = value`, so whatever is beyond that is left alone or refused.

use std::ops::Range;

use serde_json::Value;

use super::change::{PathEdit, PathEditError};
use super::ini_lines::{IniAbove, IniLine, IniSays, commented_key};
use super::ini_value::{WrittenValue, written};
use crate::edit::yaml::{NewValue, Segment, YamlPath};

/// A file taken apart.
pub(super) struct Ini<'a> {
    pub(super) text: &'a str,
    pub(super) lines: Vec<IniLine>,
}

/// An entry: its line, its path and its value.
type IniSaid = (usize, YamlPath, String);

/// The lines of a part of the file: of the first one before any section, then of each section.
pub(super) struct IniPart {
    name: Option<String>,
    pub(super) lines: Range<usize>,
}

impl<'a> Ini<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// The first line that is none of an INI file.
    pub(super) fn parse(text: &'a str) -> Result<Self, PathEditError> {
        let mut lines: Vec<IniLine> = Vec::new();
        let (mut start, mut above) = (0, IniAbove::default());
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let span = start..start + line.len();
            start = span.end;
            let says = above.says(text, span.clone());
            let says = says.ok_or_else(|| PathEditError::Syntax {
                syntax: "INI",
                line: index + 1,
                column: 1,
                message: "neither [section] nor key = value".to_owned(),
            })?;
            lines.push(IniLine { span, says });
        }
        Ok(Self { text, lines })
    }

    /// Whether it has a section, or an entry at least.
    pub(super) fn says_something(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| matches!(line.says, IniSays::Section(_) | IniSays::Entry(_)))
    }

    pub(super) fn parts(&self) -> Vec<IniPart> {
        let mut parts = vec![IniPart {
            name: None,
            lines: 0..self.lines.len(),
        }];
        for (index, line) in self.lines.iter().enumerate() {
            if let IniSays::Section(name) = &line.says {
                if let Some(last) = parts.last_mut() {
                    last.lines.end = index;
                }
                parts.push(IniPart {
                    name: Some(name.clone()),
                    lines: index + 1..self.lines.len(),
                });
            }
        }
        parts
    }

    /// The value of a line, with the lines in which it goes on.
    fn value_of(&self, at: usize) -> Option<String> {
        let first = match &self.lines[at].says {
            IniSays::Entry(entry) | IniSays::Doubtful(entry) => self.text.get(entry.value.clone()),
            IniSays::Bare(_) => Some(""),
            IniSays::Nothing | IniSays::Section(_) | IniSays::More => None,
        }?;
        let more = self.lines[at + 1..self.end_of(at)].iter();
        let more = more.filter(|line| matches!(line.says, IniSays::More));
        let more = more.map(|line| self.text[line.span.clone()].trim());
        let first = Some(first).filter(|first| !first.is_empty());
        Some(first.into_iter().chain(more).collect::<Vec<_>>().join("\n"))
    }

    /// The line behind the last one of a value.
    fn end_of(&self, at: usize) -> usize {
        let behind = self.lines[at + 1..].iter();
        let own = behind.take_while(|line| match line.says {
            IniSays::More | IniSays::Nothing => true,
            IniSays::Section(_) | IniSays::Entry(_) | IniSays::Bare(_) | IniSays::Doubtful(_) => {
                false
            }
        });
        let own: Vec<&IniLine> = own.collect();
        let last = own
            .iter()
            .rposition(|line| matches!(line.says, IniSays::More));
        at + 1 + last.map_or(0, |last| last + 1)
    }

    /// # Errors
    /// Programs differ in whether the line, or one below it, is an entry or a part of the value above.
    fn check_alone(&self, at: usize, path: &YamlPath) -> Result<(), PathEditError> {
        let is_doubtful = |at: &usize| matches!(self.lines[*at].says, IniSays::Doubtful(_));
        let is_said = |at: &usize| !matches!(self.lines[*at].says, IniSays::Nothing);
        let behind = (self.end_of(at)..self.lines.len()).find(is_said);
        let mut near = [Some(at), behind].into_iter().flatten();
        match near.find(is_doubtful) {
            None => Ok(()),
            Some(doubtful) => Err(PathEditError::Ambiguous {
                path: path.to_string(),
                what: format!("line {} may belong to the value above it", doubtful + 1),
            }),
        }
    }

    /// Every key with its path and its value.
    pub(super) fn entries(&self) -> Vec<(YamlPath, String)> {
        let all = self.entries_by_line().into_iter();
        all.map(|(_, path, value)| (path, value)).collect()
    }

    fn entries_by_line(&self) -> Vec<IniSaid> {
        let mut found = Vec::new();
        for part in self.parts() {
            for at in part.lines.clone() {
                let (Some(key), Some(value)) = (self.lines[at].key(), self.value_of(at)) else {
                    continue;
                };
                let keys = part.name.iter().map(String::as_str).chain([key]);
                if let Ok(path) = YamlPath::of_keys(keys) {
                    found.push((at, path, value));
                }
            }
        }
        found
    }

    /// The place that a path means; `is_new` where one that is not there is to be made.
    fn find(&self, path: &YamlPath, is_new: bool) -> Result<IniPlace, PathEditError> {
        let words: Option<Vec<&str>> = path
            .segments()
            .iter()
            .map(|step| match step {
                Segment::Key(key) => Some(key.as_str()),
                Segment::Index(_) | Segment::Append => None,
            })
            .collect();
        let words = words.ok_or_else(|| PathEditError::WrongKind {
            path: path.to_string(),
            found: "text",
            wanted: "a list",
        })?;
        let parts = self.parts();
        let whole = words.join(".");
        let (found, open) = self.candidates(&parts, &words);
        if found.is_empty()
            && parts
                .iter()
                .any(|part| part.name.as_deref() == Some(&whole))
        {
            return Err(PathEditError::IsSection { section: whole });
        }
        match (found.as_slice(), open.as_slice()) {
            ([at], _) => Ok(IniPlace::Line(*at)),
            ([_, ..], _) => {
                let lines = found.iter().map(|at| (at + 1).to_string());
                Err(PathEditError::Ambiguous {
                    path: path.to_string(),
                    what: format!("lines {} set it", lines.collect::<Vec<_>>().join(", ")),
                })
            }
            ([], [(0, _)]) => self.head_or_section(&parts, &whole, is_new),
            // `opcache.enable` is a key of PHP's `[opcache]`.
            ([], [(part, key)]) => match self.sections_with(&parts, &whole) {
                sections if sections.is_empty() => Ok(IniPlace::EndOf(*part, key.clone())),
                sections => Err(PathEditError::WhichSection {
                    key: whole,
                    sections,
                }),
            },
            ([], [_, ..]) => Err(PathEditError::Ambiguous {
                path: path.to_string(),
                what: "the section is there several times".to_owned(),
            }),
            ([], []) => match self.sections_with(&parts, &whole) {
                sections if sections.is_empty() => Ok(IniPlace::Nowhere {
                    section: words[..words.len() - 1].join("."),
                    known: parts.into_iter().filter_map(|part| part.name).collect(),
                }),
                sections => Err(PathEditError::WhichSection {
                    key: whole,
                    sections,
                }),
            },
        }
    }
}

impl Ini<'_> {
    /// Where a key that is new would stand before all sections: the path of one in a section that is a
    /// slip away, or of this one in the first section.
    pub(super) fn section_left_out(&self, path: &YamlPath) -> Option<YamlPath> {
        let IniPlace::EndOf(0, key) = self.find(path, true).ok()? else {
            return None;
        };
        let first = self.parts().into_iter().find_map(|part| part.name)?;
        let near = self.near_in_sections(&key);
        near.or_else(|| YamlPath::of_keys([first, key]).ok())
    }

    /// The path of a key in a section that is a slip of the hand away from this one.
    fn near_in_sections(&self, key: &str) -> Option<YamlPath> {
        let keys = || self.lines.iter().filter_map(IniLine::key);
        let meant = crate::suggest::slip_of(key, keys())?;
        let own = self.entries().into_iter().map(|(path, _)| path);
        let mut own = own.filter(|path| path.segments().len() > 1);
        own.find(|path| path.last_key() == Some(meant))
    }

    /// The lines that can be meant, and the parts in which there can be a new one, with its key.
    fn candidates(&self, parts: &[IniPart], words: &[&str]) -> (Vec<usize>, Vec<(usize, String)>) {
        let (mut found, mut open) = (Vec::new(), Vec::new());
        for split in 0..words.len() {
            let section = (split > 0).then(|| words[..split].join("."));
            let key = words[split..].join(".");
            for (number, part) in parts.iter().enumerate() {
                if part.name != section {
                    continue;
                }
                let lines = part.lines.clone();
                found.extend(lines.filter(|at| self.lines[*at].key() == Some(&key)));
                // A key of several words is known by being there, or there is nothing but keys.
                if split + 1 == words.len() || parts.len() == 1 {
                    open.push((number, key.clone()));
                }
            }
        }
        (found, open)
    }

    /// The sections that have a key, if only as a comment.
    fn sections_with(&self, parts: &[IniPart], key: &str) -> Vec<String> {
        let has = |part: &&IniPart| {
            part.lines.clone().any(|at| {
                let line = &self.lines[at];
                line.key() == Some(key) || commented_key(&self.text[line.span.clone()]) == Some(key)
            })
        };
        let named = parts.iter().filter(has);
        named.filter_map(|part| part.name.clone()).collect()
    }

    /// A new key without a section: where there are such keys, and no section has one of this name.
    fn head_or_section(
        &self,
        parts: &[IniPart],
        key: &str,
        is_new: bool,
    ) -> Result<IniPlace, PathEditError> {
        let named = self.sections_with(parts, key);
        let names = || parts.iter().filter_map(|part| part.name.clone());
        let head = parts[0].lines.clone();
        let has_own = head.clone().any(|at| self.lines[at].key().is_some());
        if !named.is_empty() {
            return Err(PathEditError::WhichSection {
                key: key.to_owned(),
                sections: named,
            });
        }
        if is_new && !has_own && parts.len() > 1 {
            return Err(PathEditError::WithoutSection {
                key: key.to_owned(),
                sections: names().collect(),
                meant: self.near_in_sections(key).map(|path| path.to_string()),
            });
        }
        Ok(IniPlace::EndOf(0, key.to_owned()))
    }
}

enum IniPlace {
    Line(usize),
    /// A part, and the key that is new in it.
    EndOf(usize, String),
    Nowhere {
        section: String,
        known: Vec<String>,
    },
}

/// The value at a path.
///
/// # Errors
/// The text is no INI file, or several places can be meant.
pub(super) fn get(text: &str, path: &YamlPath) -> Result<Option<Value>, PathEditError> {
    let ini = Ini::parse(text)?;
    Ok(match ini.find(path, false)? {
        IniPlace::Line(at) => {
            ini.check_alone(at, path)?;
            ini.value_of(at).map(Value::from)
        }
        IniPlace::EndOf(..) | IniPlace::Nowhere { .. } => None,
    })
}

/// Gives a key a value; a new one stands at the end of its section.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn set(text: &str, path: &YamlPath, new: &NewValue) -> Result<PathEdit, PathEditError> {
    let ini = Ini::parse(text)?;
    let not_edited = |what| PathEditError::NotEdited {
        path: path.to_string(),
        what,
    };
    let at = match ini.find(path, true)? {
        IniPlace::Line(at) => at,
        IniPlace::EndOf(part, key) => {
            let value = written(path, None, new)?;
            let text = ini.added(part, &key, &value.text);
            return ini.prove(text, path, None, value, vec![]);
        }
        IniPlace::Nowhere { section, known } => {
            return Err(PathEditError::NoSection { section, known });
        }
    };
    ini.check_alone(at, path)?;
    let IniSays::Entry(entry) = &ini.lines[at].says else {
        return Err(not_edited("it stands there without a value"));
    };
    let before = ini.value_of(at).unwrap_or_default();
    let present = &text[entry.value.clone()];
    let typed = match new {
        NewValue::Auto(typed) | NewValue::String(typed) => Some(typed),
        NewValue::Int(_) | NewValue::Json(_) => None,
    };
    let around = entry.quote.map_or(0, str::len);
    let (from, to) = (entry.value.start - around, entry.value.end + around);
    let is_present = |value: &str| value == before || value == &text[from..to];
    if typed.is_some_and(|typed| is_present(typed)) {
        let value = Some(Value::from(before));
        return Ok(PathEdit::of(text.to_owned(), value.clone(), value));
    }
    if ini.end_of(at) > at + 1 {
        return Err(not_edited("its value goes on in the next line"));
    }
    let value = written(path, Some((entry, present)), new)?;
    if is_present(&value.value) {
        let value = Some(Value::from(before));
        return Ok(PathEdit::of(text.to_owned(), value.clone(), value));
    }
    let mut notes = Vec::new();
    if entry.has_comment {
        notes.push(format!(
            "what stands behind {path} was kept as a comment, as most programs read it"
        ));
    }
    let text = format!("{}{}{}", &text[..from], value.text, &text[to..]);
    ini.prove(text, path, Some(before), value, notes)
}

/// Removes a key with its lines; what is not there is no error.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn delete(text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
    let ini = Ini::parse(text)?;
    let IniPlace::Line(at) = ini.find(path, false)? else {
        return Ok(PathEdit::of(text.to_owned(), None, None));
    };
    ini.check_alone(at, path)?;
    let end = ini.lines[ini.end_of(at) - 1].span.end;
    let before = ini.value_of(at).map(Value::from);
    let edited = format!("{}{}", &text[..ini.lines[at].span.start], &text[end..]);
    Ok(PathEdit::of(edited, before, None))
}

impl Ini<'_> {
    /// The text, if it reads as it is meant, and everything else in it as before.
    fn prove(
        &self,
        text: String,
        path: &YamlPath,
        before: Option<String>,
        value: WrittenValue,
        notes: Vec<String>,
    ) -> Result<PathEdit, PathEditError> {
        let is_it = Ini::parse(&text).is_ok_and(|after| {
            let place = after.find(path, false);
            let Ok(IniPlace::Line(at)) = place else {
                return false;
            };
            if after.check_alone(at, path).is_err() {
                return false;
            }
            let (mut others, own) = (after.entries_by_line(), at);
            let found = others.iter().position(|(line, ..)| *line == own);
            let read = found.map(|found| others.remove(found));
            let mut known = self.entries_by_line();
            if let (Some(_), Some(found)) = (&before, found) {
                known.remove(found);
            }
            let said = |all: Vec<IniSaid>| all.into_iter().map(|(_, path, value)| (path, value));
            read.is_some_and(|(_, _, read)| read == value.value) && said(known).eq(said(others))
        });
        let path = path.to_string();
        match is_it {
            true => Ok(PathEdit {
                text,
                before: before.map(Value::from),
                after: Some(value.value.into()),
                notes,
            }),
            false => Err(PathEditError::WouldChangeMore { path }),
        }
    }
}
