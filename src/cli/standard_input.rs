//! Values that are not typed on the command line, where everybody on the machine could read them.

use std::io::{IsTerminal as _, Read as _};

use anyhow::Context as _;

use crate::complaint::{Code, Complaint};
use crate::secret::Secret;

/// Standard input. It gives one value, unless it is a terminal: there each is asked for.
#[derive(Default)]
pub(super) struct StandardInput {
    taken: bool,
}

impl StandardInput {
    /// A hidden prompt on a terminal, else all of standard input without its last line end.
    ///
    /// # Errors
    /// It was read before, or is empty: whoever pipes a secret that was not found does not want to
    /// lose the old one. `otherwise` says what to type then.
    pub(super) fn read(&mut self, what: &str, otherwise: &str) -> Result<Secret, Complaint> {
        if std::io::stdin().is_terminal() {
            let typed = rpassword::prompt_password(format!("{what}: "));
            return Ok(Secret::new(typed.context("cannot read the value")?));
        }
        if std::mem::replace(&mut self.taken, true) {
            let text = "only one value can come from standard input";
            return Err(Complaint::new(Code::Usage, text).hint("give the others as NAME=VALUE"));
        }
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read the value from standard input")?;
        let value = text.strip_suffix('\n').unwrap_or(&text);
        let value = value.strip_suffix('\r').unwrap_or(value);
        if value.is_empty() {
            let text = format!("no value for {what} came from standard input");
            return Err(Complaint::new(Code::NoValue, text).hint(otherwise));
        }
        Ok(Secret::new(value.to_owned()))
    }
}
