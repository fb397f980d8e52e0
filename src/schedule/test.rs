//! The command of an installed timer, run by hand in the timer's environment.

use super::Account;
use super::command::Command;
use super::definition::Kept;
use super::stack::Stack;
use super::timer::{self, Found};
use crate::complaint::{Code, Complaint};
use crate::host::timekeeper;

/// The command of a timer, as the program that keeps time would run it.
pub struct TimerCommand {
    /// For `/bin/sh -c`.
    line: String,
    env: Vec<(String, String)>,
}

/// Reads it back from where it is kept.
///
/// # Errors
/// It cannot be read, or is not as refit made it.
pub async fn command(one: &Found, stack: &Stack) -> Result<TimerCommand, Complaint> {
    let account = &stack.account;
    let line = Kept::read(one, stack).await?.line;
    let line = line.filter(|line| Command::read(line).is_some());
    let line = line.ok_or_else(|| {
        let text = format!("{} is not as refit made it", one.file.display());
        Complaint::new(Code::NotScheduled, text).hint("refit schedule install writes it again")
    })?;
    // What cron and systemd give every command.
    let env = [
        ("HOME", account.home.display().to_string()),
        ("LOGNAME", account.name.clone()),
        ("USER", account.name.clone()),
        ("SHELL", "/bin/sh".to_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ];
    let env = env.map(|(key, value)| (key.to_owned(), value)).to_vec();
    Ok(TimerCommand { line, env })
}

impl TimerCommand {
    /// For a person.
    pub fn shown(&self) -> &str {
        &self.line
    }

    /// Runs it with `--test` behind it; gives the exit code.
    /// `loud`: with all that it prints, not only what failed.
    ///
    /// # Errors
    /// It cannot be run at all.
    pub async fn run_as_check(&self, account: &Account, loud: bool) -> anyhow::Result<Option<i32>> {
        let line = format!("{} --test", self.line);
        let words = ["/bin/sh".to_owned(), "-c".to_owned(), line];
        let other = timer::of(account).map(|_| timer::passwd(account));
        timekeeper::run_alone(&words, &self.env, &account.home, other.as_ref(), loud).await
    }
}
