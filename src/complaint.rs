//! What a person is told when something was refused or failed: a stable code, what and why, and the
//! next thing to type. Rooms raise their own errors and turn them into this one at their edge.

mod code;
pub(crate) mod passing;

use std::fmt;

use crate::secret::Redactor;

pub use code::Code;

/// A refusal or failure in the form in which it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Stable, `snake_case`; part of the contract of `--json`.
    pub code: Code,
    /// What failed, on what, and why; one sentence without a full stop.
    pub text: String,
    /// Further lines, such as the message of the program that was called.
    pub details: Vec<String>,
    /// What to do next; one line.
    pub hint: Option<String>,
}

impl Complaint {
    /// A complaint without details and hint.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
            details: Vec::new(),
            hint: None,
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the lines of another program's message.
    #[must_use]
    pub fn details(mut self, text: &str) -> Self {
        self.details.extend(
            text.lines()
                .map(|line| crate::text::taken(line).trim_end().to_owned())
                .filter(|line| !line.is_empty()),
        );
        self
    }
}

impl Complaint {
    /// The same with the commands that it names put in another form.
    #[must_use]
    pub fn with_commands(&self, fit: impl Fn(&str) -> String) -> Self {
        Self {
            text: fit(&self.text),
            hint: self.hint.as_deref().map(fit),
            ..self.clone()
        }
    }

    /// The same with all secrets that the redactor knows taken out: another program's message may
    /// repeat what it was given.
    #[must_use]
    pub fn redacted(self, redactor: &Redactor) -> Self {
        Self {
            code: self.code,
            text: redactor.told(&self.text),
            details: crate::text::last(self.details)
                .iter()
                .map(|line| redactor.told(line))
                .collect(),
            hint: self.hint.map(|hint| redactor.whole(&hint)),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Complaint {}

/// What has no code of its own: a file that cannot be read, a pipe that broke.
impl From<anyhow::Error> for Complaint {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(complaint) => complaint,
            Err(error) => Self::new(Code::Io, format!("{error:#}")),
        }
    }
}
