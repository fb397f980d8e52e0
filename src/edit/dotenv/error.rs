//! What can be wrong with an env file or with an edit of one. No message shows a value: a line that
//! nobody can read may well hold a secret.

use super::key::EnvKey;
use crate::complaint::Code;

/// An env file that cannot be read as Compose reads it, or an edit that was refused. After an error
/// the file is as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DotenvError {
    /// Bytes that are no UTF-8. Compose would pass them on changed.
    #[error("line {line}, column {column}: the file is not UTF-8; convert it, or remove the byte")]
    NotUtf8 {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// A NUL byte, which no environment variable can hold.
    #[error("line {line}, column {column}: the file holds a NUL byte; remove it")]
    Nul {
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
    },
    /// A line that Compose refuses, and with it the whole file.
    #[error("line {line}: Compose cannot read the file: {problem}")]
    Unreadable {
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A value whose `$` references cannot be resolved.
    #[error("line {line}: the value of {key} cannot be resolved: {problem}")]
    Reference {
        /// Line of the assignment, from 1.
        line: usize,
        /// The variable that is assigned.
        key: String,
        /// What is wrong with its value.
        problem: ReferenceProblem,
    },
    /// The new value has a NUL character.
    #[error("the new value of {key} holds a NUL character, which no environment variable can hold")]
    ValueNul {
        /// The variable.
        key: EnvKey,
    },
    /// The new value has a line end, and the file is read with `format: raw`.
    #[error(
        "the new value of {key} holds a line end, which a file with `format: raw` cannot carry; \
         remove `format: raw` from the env_file entry, or give a value on one line"
    )]
    ValueLineEnd {
        /// The variable.
        key: EnvKey,
    },
    /// The new line would be longer than Compose reads with `format: raw`.
    #[error(
        "the new value of {key} makes a line of {length} bytes; with `format: raw` Compose reads \
         {RAW_LINE_LIMIT} at most"
    )]
    ValueTooLong {
        /// The variable.
        key: EnvKey,
        /// Length of the line in bytes.
        length: usize,
    },
    /// The edit would be swallowed, or would change another line, because of what is at `line`.
    #[error(
        "{key} cannot be changed safely: the quote that line {line} opens is never closed, so the \
         edit would change what that line means; close the quote first"
    )]
    OpenQuote {
        /// The variable.
        key: EnvKey,
        /// Line with the open quote, from 1.
        line: usize,
    },
    /// The edited text did not read as the old one with just this change. Nothing was changed.
    #[error("{key} cannot be changed without changing what else the file says; edit it by hand")]
    WouldChangeMore {
        /// The variable.
        key: EnvKey,
    },
}

/// Longest line, in bytes without its line feed, that Compose reads with `format: raw`.
pub(super) const RAW_LINE_LIMIT: usize = 65_535;

impl DotenvError {
    /// The stable name of the case.
    pub fn code(&self) -> Code {
        match self {
            DotenvError::NotUtf8 { .. } => Code::EnvNotUtf8,
            DotenvError::Nul { .. } => Code::EnvNul,
            DotenvError::Unreadable { .. } => Code::EnvUnreadable,
            DotenvError::Reference { .. } => Code::EnvReference,
            DotenvError::ValueNul { .. }
            | DotenvError::ValueLineEnd { .. }
            | DotenvError::ValueTooLong { .. } => Code::ValueNotExpressible,
            DotenvError::OpenQuote { .. } => Code::EnvOpenQuote,
            DotenvError::WouldChangeMore { .. } => Code::EditUnsafe,
        }
    }

    /// The line that the message names, from 1.
    pub fn line(&self) -> Option<usize> {
        match self {
            DotenvError::NotUtf8 { line, .. }
            | DotenvError::Nul { line, .. }
            | DotenvError::Unreadable { line, .. }
            | DotenvError::Reference { line, .. }
            | DotenvError::OpenQuote { line, .. } => Some(*line),
            DotenvError::ValueNul { .. }
            | DotenvError::ValueLineEnd { .. }
            | DotenvError::ValueTooLong { .. }
            | DotenvError::WouldChangeMore { .. } => None,
        }
    }
}

/// What Compose refuses in the shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// A character that no variable name has, before any `=` or `:`.
    #[error("{0:?} stands where a variable name is expected; a comment begins with #")]
    Character(char),
    /// A space inside the name.
    #[error("there is a space in the variable name")]
    SpaceInName,
    /// A blank inside the name, or no name, in a file with `format: raw`.
    #[error(
        "a line with `format: raw` is KEY=VALUE, without `export` and without spaces before `=`"
    )]
    RawName,
    /// A line that is longer than Compose reads with `format: raw`.
    #[error("the line is longer than the {RAW_LINE_LIMIT} bytes that `format: raw` allows")]
    RawLength,
    /// `export` and nothing after it, at the end of the file.
    #[error("`export` is not followed by a variable")]
    LoneExport,
    /// A quote that no other one closes.
    #[error("the {0} that opens the value is never closed")]
    OpenQuote(char),
}

/// What can be wrong with a `$` reference in a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceProblem {
    /// `${` that does not begin a reference.
    #[error(
        "`${{` without a name, an operator or a closing brace; write $$ for a plain dollar sign"
    )]
    Malformed,
    /// `${NAME:?}` or `${NAME?}` of a variable that is not there.
    #[error("the variable {name} is required and not set")]
    Required {
        /// The missing variable.
        name: String,
    },
    /// References inside references inside references.
    #[error("references are nested more than {0} deep")]
    TooDeep(usize),
    /// Values that refer to values that refer to values, and grow with each.
    #[error("the values of the file grow beyond {0} MiB by referring to each other")]
    TooLarge(usize),
}
