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
    /// An entry to some programs, and to others a part of the value above.
    Doubtful(IniEntry),
}

#[derive(Debug, Clone)]
pub(super) struct IniEntry {
    pub(super) key: String,
    /// The bytes of the value, without quotes and without a comment behind it.
    pub(super) value: Range<usize>,
    /// The quotes around it.
    pub(super) quote: Option<&'static str>,
    /// What stands behind it reads as a comment.
    pub(super) has_comment: bool,
}

/// What some program takes for quotes around a value: Gitea and Grafana the first and the last.
pub(super) const QUOTES: [&str; 4] = ["\"\"\"", "\"", "'", "`"];

impl IniLine {
    pub(super) fn key(&self) -> Option<&str> {
        match &self.says {
            IniSays::Entry(entry) | IniSays::Doubtful(entry) => Some(&entry.key),
            IniSays::Bare(key) => Some(key),
            IniSays::Nothing | IniSays::Section(_) | IniSays::More => None,
        }
    }
}

/// What of the lines above a line is read by.
#[derive(Default)]
pub(super) struct IniAbove {
    in_section: bool,
    /// The entry to which a line can belong.
    entry: Option<OpenEntry>,
}

struct OpenEntry {
    indent: usize,
    /// Its value goes on already, or begins in the next line.
    is_list: bool,
    /// A line that ends in `\`.
    is_cut: bool,
    /// Nothing stands between.
    is_next: bool,
}

impl IniAbove {
    /// What a line says; nothing where it is no line of an INI file.
    pub(super) fn says(&mut self, text: &str, span: Range<usize>) -> Option<IniSays> {
        let line = text.get(span.clone())?;
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let trimmed = line.trim();
        let indent = line.len() - line.trim_start().len();
        let says = match &self.entry {
            _ if trimmed.is_empty() || trimmed.starts_with(['#', ';', '!']) => IniSays::Nothing,
            Some(entry) if entry.is_continued(indent) => match says(text, span, self.in_section) {
                Some(IniSays::Entry(found)) => IniSays::Doubtful(found),
                Some(IniSays::Section(name)) => IniSays::Section(name),
                _ => IniSays::More,
            },
            _ => says(text, span, self.in_section)?,
        };
        let is_cut = trimmed.ends_with('\\');
        match &says {
            IniSays::Nothing => {
                if let Some(entry) = &mut self.entry {
                    (entry.is_next, entry.is_cut) = (false, false);
                }
            }
            IniSays::Section(_) => (self.in_section, self.entry) = (true, None),
            IniSays::Bare(_) => self.entry = None,
            IniSays::Entry(entry) => {
                self.entry = Some(OpenEntry {
                    indent,
                    is_list: entry.value.is_empty() && entry.quote.is_none(),
                    is_cut,
                    is_next: true,
                });
            }
            IniSays::More | IniSays::Doubtful(_) => {
                if let Some(entry) = &mut self.entry {
                    (entry.is_next, entry.is_list, entry.is_cut) = (true, true, is_cut);
                }
            }
        }
        Some(says)
    }
}

impl OpenEntry {
    /// Whether a line of this indent can go on with its value.
    fn is_continued(&self, indent: usize) -> bool {
        self.is_cut || indent > self.indent && (self.is_next || self.is_list)
    }
}

/// What a line says by itself.
fn says(text: &str, span: Range<usize>, in_section: bool) -> Option<IniSays> {
    let line = text.get(span.clone())?;
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let trimmed = line.trim();
    if let Some(rest) = trimmed.strip_prefix('[') {
        let end = rest.find(']')?;
        let behind = rest[end + 1..].trim_start();
        let is_section = behind.is_empty() || behind.starts_with(['#', ';']);
        return is_section.then(|| IniSays::Section(rest[..end].trim().to_owned()));
    }
    let separator = line.find('=').or_else(|| {
        let colon = line.find(':')?;
        line[colon + 1..]
            .starts_with(char::is_whitespace)
            .then_some(colon)
    });
    let Some(separator) = separator else {
        let is_word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let is_bare = in_section && trimmed.chars().all(is_word);
        return is_bare.then(|| IniSays::Bare(trimmed.to_owned()));
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

/// The key that a comment would set without its mark: `;date.timezone =`.
pub(super) fn commented_key(line: &str) -> Option<&str> {
    let line = line.trim().trim_start_matches(['#', ';']);
    let key = line.split_once('=')?.0.trim();
    let is_key = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    (!key.is_empty() && key.chars().all(is_key)).then_some(key)
}

/// The quotes in which a whole text stands, and what is between them.
pub(super) fn unquoted(text: &str) -> Option<(&'static str, &str)> {
    QUOTES.into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote)).then_some((quote, inner))
    })
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
    if let Some(quote) = QUOTES.into_iter().find(|quote| raw.starts_with(quote)) {
        let inner = start + quote.len();
        if let Some(close) = raw[quote.len()..].find(quote)
            && let behind = &raw[quote.len() + close + quote.len()..]
            && is_comment(behind)
            // `"a \"b\" # c"` ends behind the comment sign.
            && !(raw[..quote.len() + close].ends_with('\\') && behind.contains(quote))
        {
            return plain(inner..inner + close, Some(quote), !behind.trim().is_empty());
        }
        // Nobody knows where it ends.
        return plain(start..start + raw.len(), None, false);
    }
    let is_open = |at: usize| raw[..at].matches('"').count() % 2 == 1;
    let comment = raw.char_indices().find(|(at, c)| {
        let is_apart = *at == 0 || raw[..*at].ends_with([' ', '\t']);
        ['#', ';'].contains(c) && is_apart && !is_open(*at)
    });
    match comment {
        Some((at, _)) => plain(start..start + raw[..at].trim_end().len(), None, true),
        None => plain(start..start + raw.len(), None, false),
    }
}
