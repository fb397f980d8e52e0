//! Everything that can be refused about a YAML file or an edit of it, with its place and what to
//! do next. No other room's errors belong here.

use crate::complaint::Code;
/// A line and a column, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a YAML text cannot be read or an edit of it is not made. Nothing is ever half done: with an
/// error there is no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// The path as typed is not a path.
    #[error("the path is not valid at column {column}: {message}")]
    Path {
        /// Column in the path, in characters from 1.
        column: usize,
        /// What was expected there.
        message: String,
    },
    /// The text is not YAML.
    #[error("not valid YAML at {at}: {message}")]
    Syntax {
        /// Where the parser stopped.
        at: Position,
        /// The parser's own words.
        message: String,
    },
    /// The text is a template (`{{ }}`, `{% %}`) that another program turns into YAML.
    #[error("a template placeholder at {at}: this file becomes YAML only when it is rendered")]
    Template {
        /// Where the first placeholder is.
        at: Position,
    },
    /// More than one document in the file.
    #[error("a second YAML document begins at {at}, and files of one document are edited")]
    SeveralDocuments {
        /// The marker of the second document.
        at: Position,
    },
    /// A key that occurs twice in one mapping.
    #[error("the key {key:?} at {at} is already defined in line {first}")]
    DuplicateKey {
        /// The key.
        key: String,
        /// The second occurrence.
        at: Position,
        /// The line of the first one.
        first: usize,
    },
    /// A key that is a list, a mapping, an alias or null.
    #[error("the key at {at} is not a word")]
    ComplexKey {
        /// The key.
        at: Position,
    },
    /// An alias to a node that contains the alias.
    #[error("the alias at {at} refers to a node that contains it")]
    RecursiveAlias {
        /// The alias.
        at: Position,
    },
    /// Nested too deep, or aliases that expand to too much.
    #[error("the file exceeds a limit: {what}")]
    Limit {
        /// Which one.
        what: String,
    },
    /// The reader that resolves the whole tree refuses what the parser let pass.
    #[error("cannot be read at {at}: {message}")]
    Unreadable {
        /// Where.
        at: Position,
        /// The reader's own words.
        message: String,
    },
    /// A notation that is valid YAML, but that this program does not edit.
    #[error("the notation at {at} is not edited here: {what}")]
    Notation {
        /// Where.
        at: Position,
        /// Which notation.
        what: &'static str,
    },
    /// Something on the way of the path is of another kind than the path needs.
    #[error("{path} is {found} (line {line}), not {wanted}")]
    WrongKind {
        /// The part of the path that leads to it.
        path: String,
        /// What it is.
        found: &'static str,
        /// What the path needs.
        wanted: &'static str,
        /// Its line.
        line: usize,
    },
    /// A list has fewer items.
    #[error("{path} (line {line}) has {len} items, so there is no [{index}]")]
    NoSuchItem {
        /// The list's path.
        path: String,
        /// The index asked for.
        index: usize,
        /// How many there are.
        len: usize,
        /// The list's line.
        line: usize,
    },
    /// A number as a name, where the items of a list are counted.
    #[error("{path} is a list, and none of its items is named {name}")]
    NameForIndex {
        /// The list's path.
        path: String,
        /// The number.
        name: String,
        /// The path with the number as an index.
        meant: String,
    },
    /// The value comes through an alias or a merge key and cannot be changed at the named place.
    #[error("{path} is not written here: it comes from the anchor &{anchor} in line {line}")]
    Inherited {
        /// The path asked for.
        path: String,
        /// The anchor's name.
        anchor: String,
        /// The anchor's line.
        line: usize,
    },
    /// The node to be removed or replaced carries an anchor that is used elsewhere.
    #[error("the anchor &{anchor} in line {line} is used in line {used}")]
    AnchorInUse {
        /// The anchor's name.
        anchor: String,
        /// Where it is defined.
        line: usize,
        /// Where it is used first.
        used: usize,
    },
    /// A tag at the place decides what the value means, and does not fit the new value.
    #[error("{path} carries the tag {tag} (line {line}), under which the value does not count")]
    Tagged {
        /// The path asked for.
        path: String,
        /// The tag as written.
        tag: String,
        /// Its line.
        line: usize,
    },
    /// An item of a list is named by what it holds, and the new value holds something else.
    #[error("the new item {value:?} is not an item {name:?}")]
    ItemMismatch {
        /// The name in the path.
        name: String,
        /// The value.
        value: String,
    },
    /// The value cannot stand at the place.
    #[error("{path} cannot be set to that value: {why}")]
    Value {
        /// The path asked for.
        path: String,
        /// Why not.
        why: &'static str,
    },
    /// A value of another type than the one that stands there.
    #[error("{path}: {why}")]
    OtherType {
        /// The path asked for.
        path: String,
        /// What stands there.
        why: &'static str,
    },
    /// The fence: the text after the edit does not mean the text before it with just that change.
    /// Always a gap of this program, never the user's mistake.
    #[error("the edit of {path} would change more than that one value: {what}")]
    Fence {
        /// The path asked for.
        path: String,
        /// The first difference.
        what: String,
    },
}

impl YamlError {
    /// A stable name of the case, for scripts and reports.
    pub fn code(&self) -> Code {
        match self {
            Self::Path { .. } => Code::YamlPath,
            Self::Syntax { .. } => Code::YamlSyntax,
            Self::Template { .. } => Code::YamlTemplate,
            Self::SeveralDocuments { .. } => Code::YamlSeveralDocuments,
            Self::DuplicateKey { .. } => Code::YamlDuplicateKey,
            Self::ComplexKey { .. } => Code::YamlComplexKey,
            Self::RecursiveAlias { .. } => Code::YamlRecursiveAlias,
            Self::Limit { .. } => Code::YamlLimit,
            Self::Unreadable { .. } => Code::YamlUnreadable,
            Self::Notation { .. } => Code::YamlNotation,
            Self::WrongKind { .. } => Code::YamlWrongKind,
            Self::NoSuchItem { .. } | Self::NameForIndex { .. } => Code::YamlNoSuchItem,
            Self::Inherited { .. } => Code::YamlInherited,
            Self::AnchorInUse { .. } => Code::YamlAnchorInUse,
            Self::Tagged { .. } => Code::YamlTagged,
            Self::ItemMismatch { .. } => Code::YamlItemMismatch,
            Self::Value { .. } => Code::YamlValue,
            Self::OtherType { .. } => Code::FileValue,
            Self::Fence { .. } => Code::YamlFence,
        }
    }

    /// The line of the file that the error is about, where there is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Syntax { at, .. }
            | Self::Template { at }
            | Self::SeveralDocuments { at }
            | Self::DuplicateKey { at, .. }
            | Self::ComplexKey { at }
            | Self::RecursiveAlias { at }
            | Self::Unreadable { at, .. }
            | Self::Notation { at, .. } => Some(at.line),
            Self::WrongKind { line, .. }
            | Self::NoSuchItem { line, .. }
            | Self::Inherited { line, .. }
            | Self::AnchorInUse { line, .. }
            | Self::Tagged { line, .. } => Some(*line),
            Self::Path { .. }
            | Self::Limit { .. }
            | Self::NameForIndex { .. }
            | Self::ItemMismatch { .. }
            | Self::Value { .. }
            | Self::OtherType { .. }
            | Self::Fence { .. } => None,
        }
    }

    /// The column that the error is about: of the file, or of the path for [`YamlError::Path`].
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::Path { column, .. } => Some(*column),
            Self::Syntax { at, .. }
            | Self::Template { at }
            | Self::SeveralDocuments { at }
            | Self::DuplicateKey { at, .. }
            | Self::ComplexKey { at }
            | Self::RecursiveAlias { at }
            | Self::Unreadable { at, .. }
            | Self::Notation { at, .. } => Some(at.column),
            Self::Limit { .. }
            | Self::WrongKind { .. }
            | Self::NoSuchItem { .. }
            | Self::NameForIndex { .. }
            | Self::Inherited { .. }
            | Self::AnchorInUse { .. }
            | Self::Tagged { .. }
            | Self::ItemMismatch { .. }
            | Self::Value { .. }
            | Self::OtherType { .. }
            | Self::Fence { .. } => None,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Path { message, .. } if message.starts_with("[+]") => {
                "append the whole item as JSON: 'list[+]={\"name\": \"x\"}' --as-json".into()
            }
            Self::Path { .. } => "write it as services.web.image, services[\"my.svc\"].ports[0], \
                 or end with [+] to append to a list"
                .into(),
            Self::Syntax { .. } | Self::Unreadable { .. } => {
                "correct that line; `docker compose config` shows how Compose reads the file".into()
            }
            Self::Template { .. } => {
                "edit the template with its own tool, or name the rendered file".into()
            }
            Self::SeveralDocuments { .. } => {
                "split a compose file, one document each, and name each with -f; another one: \
                 refit edit FILE"
                    .into()
            }
            Self::DuplicateKey { .. } => {
                "remove one of the two; Compose refuses the file as well".into()
            }
            Self::ComplexKey { .. } | Self::Notation { .. } => {
                "change this place with `refit edit`".into()
            }
            Self::RecursiveAlias { .. } => "remove the alias".into(),
            Self::Limit { .. } => "split the file with `include:`".into(),
            Self::WrongKind { path, .. } => format!(
                "a name that holds dots is written in brackets: {path}[\"a.b\"]; --as-json sets a \
                 whole mapping or list"
            ),
            Self::NoSuchItem { path, .. } => format!("append with {path}[+]"),
            Self::NameForIndex { meant, .. } => format!("did you mean {meant}?"),
            Self::Inherited { anchor, .. } => format!(
                "change it where &{anchor} is defined (that reaches every place that uses it), \
                 or write the whole value here with --as-json"
            ),
            Self::AnchorInUse { anchor, .. } => {
                format!("replace the uses of *{anchor} first")
            }
            Self::Tagged { path, .. } => {
                format!("remove it first with `refit unset {path}`, or use `refit edit`")
            }
            Self::ItemMismatch { name, .. } => {
                format!("give the whole item, so that it still is {name}, or append with [+]")
            }
            Self::Value { .. } => "give a value of the kind that Compose expects there".into(),
            Self::OtherType { .. } => "give such a value".into(),
            Self::Fence { .. } => {
                "nothing was written; change it with `refit edit` and please report the file".into()
            }
        }
    }
}
