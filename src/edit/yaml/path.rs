//! Paths into a YAML file as a person types them: `services.web.environment.KEY`,
//! `services["my.svc"].ports[0]`, `x-refit.settle`, `services.web.ports[+]`. Grammar only: what a
//! path means in a file is decided by `walk`.

use std::fmt;
use std::str::FromStr;

use super::error::YamlError;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a mapping; in a list, the item that goes by this name (`KEY` of `- KEY=VALUE`,
    /// `80/tcp` of `- "8080:80"`).
    Key(String),
    /// An item of a list, from 0.
    Index(usize),
    /// A new item at the end of a list; only as the last step.
    Append,
}

/// A place in a YAML file. Never empty. [`fmt::Display`] gives a form that parses to the same path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YamlPath(Vec<Segment>);

impl YamlPath {
    /// The steps from the root, at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The last name in it, which says what the value is; of an item of a list that of the list.
    pub fn last_key(&self) -> Option<&str> {
        self.0.iter().rev().find_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) | Segment::Append => None,
        })
    }

    /// A path of keys alone, for callers that already hold the names.
    ///
    /// # Errors
    /// [`YamlError::Path`] when there is none.
    pub fn of_keys<I, S>(keys: I) -> Result<Self, YamlError>
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        Self::from_segments(
            keys.into_iter()
                .map(|key| Segment::Key(key.into()))
                .collect(),
        )
    }

    /// A path of steps.
    ///
    /// # Errors
    /// [`YamlError::Path`] when there is none, or `[+]` is not the last one.
    pub fn from_segments(segments: Vec<Segment>) -> Result<Self, YamlError> {
        if segments.is_empty() {
            return Err(error(1, "a path needs at least one name"));
        }
        if segments[..segments.len() - 1].contains(&Segment::Append) {
            return Err(error(1, "[+] can only be the last step"));
        }
        Ok(Self(segments))
    }

    /// Splits `PATH=VALUE` at the first `=` outside brackets; without one, the value is `None`.
    ///
    /// # Errors
    /// [`YamlError::Path`] with the column where the path goes wrong.
    pub fn parse_assignment(typed: &str) -> Result<(Self, Option<&str>), YamlError> {
        let mut reader = Reader {
            text: typed,
            pos: 0,
        };
        let path = reader.path()?;
        match reader.rest().strip_prefix('=') {
            Some(value) => Ok((path, Some(value))),
            None if reader.rest().is_empty() => Ok((path, None)),
            None => Err(reader.error("expected `.`, `[`, `=` or the end")),
        }
    }

    pub(super) fn trusted(segments: Vec<Segment>) -> Self {
        Self(segments)
    }
}

impl FromStr for YamlPath {
    type Err = YamlError;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let mut reader = Reader {
            text: typed,
            pos: 0,
        };
        let path = reader.path()?;
        if reader.rest().is_empty() {
            Ok(path)
        } else {
            Err(reader.error("expected `.`, `[` or the end"))
        }
    }
}

impl fmt::Display for YamlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&show(&self.0))
    }
}

/// The text form of steps, also of none.
pub(super) fn show(segments: &[Segment]) -> String {
    let mut out = String::new();
    for segment in segments {
        match segment {
            Segment::Key(key) if !key.is_empty() && key.chars().all(is_bare) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            Segment::Key(key) => {
                out.push_str("[\"");
                for c in key.chars() {
                    match c {
                        '"' => out.push_str("\\\""),
                        '\\' => out.push_str("\\\\"),
                        '\n' => out.push_str("\\n"),
                        '\t' => out.push_str("\\t"),
                        other => out.push(other),
                    }
                }
                out.push_str("\"]");
            }
            Segment::Index(index) => out.push_str(&format!("[{index}]")),
            Segment::Append => out.push_str("[+]"),
        }
    }
    if out.is_empty() {
        "the file".into()
    } else {
        out
    }
}

fn is_bare(c: char) -> bool {
    !matches!(c, '.' | '[' | ']' | '"' | '\'' | '=' | '\\') && !c.is_whitespace() && !c.is_control()
}

fn error(column: usize, message: impl Into<String>) -> YamlError {
    YamlError::Path {
        column,
        message: message.into(),
    }
}

struct Reader<'a> {
    text: &'a str,
    pos: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    fn error(&self, message: impl Into<String>) -> YamlError {
        let before = self.text.get(..self.pos).unwrap_or_default();
        error(before.chars().count() + 1, message)
    }

    fn take(&mut self, prefix: &str) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.pos += prefix.len();
        }
        found
    }

    fn path(&mut self) -> Result<YamlPath, YamlError> {
        let mut segments = vec![self.first()?];
        loop {
            if segments.last() == Some(&Segment::Append) {
                return match self.rest().starts_with(['.', '[']) {
                    true => Err(self.error("[+] can only be the last step")),
                    false => Ok(YamlPath(segments)),
                };
            }
            if self.take(".") {
                segments.push(self.name()?);
            } else if self.take("[") {
                segments.push(self.bracket()?);
            } else {
                return Ok(YamlPath(segments));
            }
        }
    }

    fn first(&mut self) -> Result<Segment, YamlError> {
        if self.take("[") {
            self.bracket()
        } else {
            self.name()
        }
    }

    fn name(&mut self) -> Result<Segment, YamlError> {
        let name: String = self.rest().chars().take_while(|&c| is_bare(c)).collect();
        if name.is_empty() {
            return Err(self.error("expected a name"));
        }
        self.pos += name.len();
        Ok(Segment::Key(name))
    }

    /// After the `[`.
    fn bracket(&mut self) -> Result<Segment, YamlError> {
        let segment = match self.rest().chars().next() {
            Some('+') => {
                self.pos += 1;
                Segment::Append
            }
            Some(quote @ ('"' | '\'')) => {
                self.pos += 1;
                Segment::Key(self.quoted(quote)?)
            }
            Some(c) if c.is_ascii_digit() => {
                let digits: String = self
                    .rest()
                    .chars()
                    .take_while(char::is_ascii_digit)
                    .collect();
                let index = digits
                    .parse()
                    .map_err(|_| self.error("the index is too large"))?;
                self.pos += digits.len();
                Segment::Index(index)
            }
            _ => return Err(self.error("expected a number, + or a quoted name")),
        };
        if self.take("]") {
            Ok(segment)
        } else {
            Err(self.error("expected `]`"))
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, YamlError> {
        let start = self.pos;
        let mut out = String::new();
        let mut chars = self.rest().char_indices();
        while let Some((offset, c)) = chars.next() {
            if c == quote {
                self.pos = start + offset + c.len_utf8();
                return Ok(out);
            }
            if c != '\\' || quote == '\'' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some((_, c @ ('"' | '\\' | '\''))) => out.push(c),
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                _ => {
                    self.pos = start + offset;
                    return Err(self.error("expected \\\", \\\\, \\n or \\t"));
                }
            }
        }
        Err(self.error(format!("the name has no closing {quote}")))
    }
}
