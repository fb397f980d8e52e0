//! The lines of an INI file, each with what it says.

use std::ops::Range;

/// A line, with what it says.
#[derive(Debug, Clone)]
pub(super) struct IniLine {
    /// Its bytes, with its end.
    pub(super) span: Range<usize>,
    pub(super) says: IniSays,
}

#[derive(Debug, Clone)]
pub(super) enum IniSays {
    /// Blank, a comment, or a directive such as `!include`.
    Nothing,
    Section(String),
    Entry(IniEntry),
    /// A key without a value.
    Bare(String),
    /// The value of the entry above goes on.
    More,
}

#[derive(Debug, Clone)]
pub(super) struct IniEntry {
    pub(super) key: String,
    /// The bytes of the value, without quotes and without a comment behind it.
    pub(super) value: Range<usize>,
    /// The quotes around it.
    pub(super) quote: Option<char>,
    /// What stands behind it reads as a comment.
    pub(super) has_comment: bool,
}

impl IniLine {
    pub(super) fn key(&self) -> Option<&str> {
        match &self.says {
            IniSays::Entry(entry) => Some(&entry.key),
            IniSays::Bare(key) => Some(key),
            IniSays::Nothing | IniSays::Section(_) | IniSays::More => None,
        }
    }
}

/// What a line says; nothing where it is no line of an INI file.
pub(super) fn says(
    text: &str,
    span: Range<usize>,
    in_section: bool,
    is_below: bool,
) -> Option<IniSays> {
    let line = text.get(span.clone())?;
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let trimmed = line.trim();
    if trimmed.is_empty() || trimmed.starts_with(['#', ';', '!']) {
        return Some(IniSays::Nothing);
    }
    if let Some(rest) = trimmed.strip_prefix('[') {
        let end = rest.find(']')?;
        let behind = rest[end + 1..].trim_start();
        let is_section = behind.is_empty() || behind.starts_with(['#', ';']);
        return is_section.then(|| IniSays::Section(rest[..end].trim().to_owned()));
    }
    let is_indented = line.starts_with([' ', '\t']);
    let separator = line.find('=').or_else(|| {
        let colon = line.find(':')?;
        line[colon + 1..]
            .starts_with(char::is_whitespace)
            .then_some(colon)
    });
    let Some(separator) = separator else {
        let is_word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        return match (is_indented && is_below, trimmed.chars().all(is_word)) {
            (true, _) => Some(IniSays::More),
            (false, true) if in_section => Some(IniSays::Bare(trimmed.to_owned())),
            (false, _) => None,
        };
    };
    let key = line[..separator].trim();
    let is_key = |c: char| c.is_alphanumeric() || "_-./ @*[]".contains(c);
    if key.is_empty() || !key.chars().all(is_key) {
        return None;
    }
    let begin = span.end - line.len() + separator + 1;
    let entry = entry(text, key, begin, span.end);
    Some(IniSays::Entry(entry))
}

/// The entry whose value begins somewhere behind its separator.
fn entry(text: &str, key: &str, begin: usize, end: usize) -> IniEntry {
    let raw = &text[begin..end];
    let start =
        begin + (raw.len() - raw.trim_start().len()).min(raw.trim_end_matches(['\r', '\n']).len());
    let raw = text[start..end].trim_end();
    let plain = |value: Range<usize>, quote, has_comment| IniEntry {
        key: key.to_owned(),
        value,
        quote,
        has_comment,
    };
    let is_comment = |rest: &str| {
        let rest = rest.trim_start();
        rest.is_empty() || rest.starts_with(['#', ';'])
    };
    if let Some(quote) = raw.chars().next().filter(|c| ['"', '\''].contains(c))
        && let Some(close) = raw[1..].find(quote)
        && is_comment(&raw[close + 2..])
    {
        let value = start + 1..start + 1 + close;
        return plain(value, Some(quote), !raw[close + 2..].trim().is_empty());
    }
    let comment = raw
        .char_indices()
        .find(|(at, c)| ['#', ';'].contains(c) && (*at == 0 || raw[..*at].ends_with([' ', '\t'])));
    match comment {
        Some((at, _)) => plain(start..start + raw[..at].trim_end().len(), None, true),
        None => plain(start..start + raw.len(), None, false),
    }
}
