//! Edits of INI files by section and key, in our own small editor: programs agree in nothing but lines,
//! `[section]` and `key = value`, so whatever is beyond that is left alone or refused.

use std::ops::Range;

use serde_json::Value;

use super::change::{PathEdit, PathEditError};
use super::ini_lines::{IniLine, IniSays, says};
use crate::edit::yaml::{NewValue, Segment, YamlPath};

/// A file taken apart.
pub(super) struct Ini<'a> {
    text: &'a str,
    lines: Vec<IniLine>,
}

/// The lines of a part of the file: of the first one before any section, then of each section.
struct IniPart {
    name: Option<String>,
    lines: Range<usize>,
}

impl<'a> Ini<'a> {
    /// Takes a text apart.
    ///
    /// # Errors
    /// The first line that is none of an INI file.
    pub(super) fn parse(text: &'a str) -> Result<Self, PathEditError> {
        let mut lines: Vec<IniLine> = Vec::new();
        let mut start = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let span = start..start + line.len();
            start = span.end;
            let in_section = lines
                .iter()
                .any(|line| matches!(line.says, IniSays::Section(_)));
            let is_below = lines
                .last()
                .is_some_and(|last| matches!(last.says, IniSays::Entry(_) | IniSays::More));
            let says = says(text, span.clone(), in_section, is_below);
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

    fn parts(&self) -> Vec<IniPart> {
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

    fn value_of(&self, at: usize) -> Option<&'a str> {
        match &self.lines[at].says {
            IniSays::Entry(entry) => self.text.get(entry.value.clone()),
            IniSays::Bare(_) => Some(""),
            IniSays::Nothing | IniSays::Section(_) | IniSays::More => None,
        }
    }

    /// Every key with its path and its value.
    pub(super) fn entries(&self) -> Vec<(YamlPath, String)> {
        let mut found = Vec::new();
        for part in self.parts() {
            for at in part.lines.clone() {
                let (Some(key), Some(value)) = (self.lines[at].key(), self.value_of(at)) else {
                    continue;
                };
                let keys = part.name.iter().map(String::as_str).chain([key]);
                if let Ok(path) = YamlPath::of_keys(keys) {
                    found.push((path, value.to_owned()));
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
                // A key of several words is known by being there.
                if split + 1 == words.len() {
                    open.push(number);
                }
            }
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
            ([], [0]) => self.head_or_section(&parts, path, is_new),
            ([], [part]) => Ok(IniPlace::EndOf(*part)),
            ([], [_, ..]) => Err(PathEditError::Ambiguous {
                path: path.to_string(),
                what: "the section is there several times".to_owned(),
            }),
            ([], []) => Ok(IniPlace::Nowhere {
                section: words[..words.len() - 1].join("."),
                known: parts.into_iter().filter_map(|part| part.name).collect(),
            }),
        }
    }
}

impl Ini<'_> {
    /// A new key without a section: where there are such keys, and no section has one of this name.
    fn head_or_section(
        &self,
        parts: &[IniPart],
        path: &YamlPath,
        is_new: bool,
    ) -> Result<IniPlace, PathEditError> {
        let key = path.last_key().unwrap_or_default();
        let has = |part: &&IniPart| {
            let mut lines = part.lines.clone();
            lines.any(|at| self.lines[at].key() == Some(key))
        };
        let named = parts.iter().filter(has);
        let named: Vec<String> = named.filter_map(|part| part.name.clone()).collect();
        let names = || parts.iter().filter_map(|part| part.name.clone());
        let head = parts[0].lines.clone();
        let has_own = head.clone().any(|at| self.lines[at].key().is_some());
        let is_open = is_new && !has_own && parts.len() > 1;
        if !named.is_empty() || is_open {
            return Err(PathEditError::WhichSection {
                key: key.to_owned(),
                sections: match named.is_empty() {
                    true => names().collect(),
                    false => named,
                },
            });
        }
        Ok(IniPlace::EndOf(0))
    }
}

enum IniPlace {
    Line(usize),
    EndOf(usize),
    Nowhere { section: String, known: Vec<String> },
}

/// The value at a path.
///
/// # Errors
/// The text is no INI file, or several places can be meant.
pub(super) fn get(text: &str, path: &YamlPath) -> Result<Option<Value>, PathEditError> {
    let ini = Ini::parse(text)?;
    Ok(match ini.find(path, false)? {
        IniPlace::Line(at) => ini.value_of(at).map(Value::from),
        IniPlace::EndOf(_) | IniPlace::Nowhere { .. } => None,
    })
}

/// Gives a key a value; a new one stands at the end of its section.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn set(text: &str, path: &YamlPath, new: &NewValue) -> Result<PathEdit, PathEditError> {
    let value = match new {
        NewValue::Auto(value) | NewValue::String(value) => value.clone(),
        NewValue::Int(number) => number.to_string(),
        NewValue::Json(value) => value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    };
    let ini = Ini::parse(text)?;
    let not_edited = |what| PathEditError::NotEdited {
        path: path.to_string(),
        what,
    };
    let at = match ini.find(path, true)? {
        IniPlace::Line(at) => at,
        IniPlace::EndOf(part) => {
            check(path, &value)?;
            let text = ini.added(part, path, &value);
            return prove(text, path, None, &value, vec![]);
        }
        IniPlace::Nowhere { section, known } => {
            return Err(PathEditError::NoSection { section, known });
        }
    };
    let IniSays::Entry(entry) = &ini.lines[at].says else {
        return Err(not_edited("it stands there without a value"));
    };
    let before = text[entry.value.clone()].to_owned();
    if before == value {
        return Ok(PathEdit {
            text: text.to_owned(),
            before: Some(before.clone().into()),
            after: Some(before.into()),
            notes: vec![],
        });
    }
    if matches!(
        ini.lines.get(at + 1).map(|line| &line.says),
        Some(IniSays::More)
    ) {
        return Err(not_edited("its value goes on in the next line"));
    }
    check(path, &value)?;
    let is_held = entry.quote.is_some_and(|quote| !value.contains(quote));
    let (from, to) = match (entry.quote, is_held) {
        (Some(quote), false) => {
            let around = quote.len_utf8();
            (entry.value.start - around, entry.value.end + around)
        }
        (_, _) => (entry.value.start, entry.value.end),
    };
    let mut notes = Vec::new();
    if entry.has_comment {
        notes.push(format!(
            "what stands behind {path} was kept as a comment, as most programs read it"
        ));
    }
    // `key=` and a comment: a space keeps them apart.
    let text = format!("{}{value}{}", &text[..from], &text[to..]);
    prove(text, path, Some(before), &value, notes)
}

/// Removes a key with its line; what is not there is no error.
///
/// # Errors
/// As [`PathEditError`] says.
pub(super) fn delete(text: &str, path: &YamlPath) -> Result<PathEdit, PathEditError> {
    let ini = Ini::parse(text)?;
    let IniPlace::Line(at) = ini.find(path, false)? else {
        return Ok(PathEdit {
            text: text.to_owned(),
            before: None,
            after: None,
            notes: vec![],
        });
    };
    let more = ini.lines[at + 1..].iter();
    let more = more.take_while(|line| matches!(line.says, IniSays::More));
    let end = more
        .last()
        .map_or(ini.lines[at].span.end, |last| last.span.end);
    let before = ini.value_of(at).map(Value::from);
    let edited = format!("{}{}", &text[..ini.lines[at].span.start], &text[end..]);
    Ok(PathEdit {
        text: edited,
        before,
        after: None,
        notes: vec![],
    })
}

/// Whether every program reads a value as it is typed.
fn check(path: &YamlPath, value: &str) -> Result<(), PathEditError> {
    let refused = |what| {
        Err(PathEditError::Value {
            path: path.to_string(),
            what,
        })
    };
    let comment = [" #", " ;", "\t#", "\t;"];
    if value.contains(char::is_control) {
        return refused("an INI file has values of one line");
    }
    if value.trim() != value {
        return refused("a space at an end would not be read");
    }
    if value.starts_with(['#', ';']) || comment.iter().any(|sign| value.contains(sign)) {
        return refused("many programs would read a part of it as a comment");
    }
    if value.ends_with('\\') {
        return refused("many programs would go on reading in the next line");
    }
    Ok(())
}

impl Ini<'_> {
    /// The text with a new key at the end of a part.
    fn added(&self, part: usize, path: &YamlPath, value: &str) -> String {
        let parts = self.parts();
        let lines = parts[part].lines.clone();
        let last = lines.clone().rev().find(|at| {
            matches!(
                self.lines[*at].says,
                IniSays::Entry(_) | IniSays::Bare(_) | IniSays::More
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
        let key = path.last_key().unwrap_or_default();
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

/// The text, if it reads as it is meant.
fn prove(
    text: String,
    path: &YamlPath,
    before: Option<String>,
    value: &str,
    notes: Vec<String>,
) -> Result<PathEdit, PathEditError> {
    let read = get(&text, path)?;
    let read = read.as_ref().and_then(Value::as_str);
    // Quotes that were typed are written, and are no part of the value.
    let is_it = read == Some(value) || read.is_some_and(|it| value.trim_matches(['"', '\'']) == it);
    match is_it {
        true => Ok(PathEdit {
            text,
            before: before.map(Value::from),
            after: Some(value.into()),
            notes,
        }),
        false => Err(PathEditError::WouldChangeMore {
            path: path.to_string(),
        }),
    }
}
