//! The command of an installed timer, run by hand in the timer's environment.

use super::command::TimerCommand;
use super::definition::TimerDefinition;
use super::logins_of_timer::LoginsOfTimer;
use super::stack::ScheduledStack;
use super::{Via, timer};
use crate::complaint::{Code, Complaint};
use crate::host::accounts::Account;
use crate::host::programs;
use crate::request::StackRequest;

/// The command of a timer, as the program that keeps time would run it.
pub(crate) struct Trial {
    /// Names the timer.
    pub id: String,
    /// Who keeps its time.
    pub via: Via,
    /// As whom it runs.
    pub account: Account,
    /// What keeps it from a login, in sentences.
    pub(crate) problems: Vec<String>,
    /// Whether the person who asks has a login that it does not have.
    pub(crate) lacks_logins: bool,
    /// For `/bin/sh -c`.
    line: String,
    env: Vec<(String, String)>,
}

/// Of the stack's timer, read back from where it is kept.
///
/// # Errors
/// There is none, or it cannot be read, or is not as refit made it.
pub(crate) async fn of(request: &StackRequest) -> Result<Trial, Complaint> {
    let stack = ScheduledStack::find(request).await?;
    let found = timer::find(&stack).await;
    let Some(one) = found.first() else {
        let text = "no timer is installed for this stack, so there is none to test";
        return Err(
            Complaint::new(Code::NotScheduled, text).hint("refit schedule install makes one")
        );
    };
    let account = &stack.account;
    let line = TimerDefinition::read(one, &stack).await?.line;
    let read = line.and_then(|line| Some((TimerCommand::read(&line)?, line)));
    let (command, line) = read.ok_or_else(|| {
        let text = format!("{} was changed since refit wrote it", one.file.display());
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
    let logins = LoginsOfTimer::of(&command, &stack).await;
    Ok(Trial {
        problems: logins.problems(),
        lacks_logins: logins.is_less(),
        via: one.via,
        line,
        env,
        id: stack.id,
        account: stack.account,
    })
}

impl Trial {
    /// For a person.
    pub(crate) fn shown(&self) -> &str {
        &self.line
    }

    /// Runs it as a check that changes nothing; gives the exit code.
    /// `loud`: with all that it prints, not only what failed.
    ///
    /// # Errors
    /// It cannot be run at all.
    pub(crate) async fn run(&self, loud: bool) -> Result<Option<i32>, Complaint> {
        let account = &self.account;
        let line = format!("{} --test", self.line);
        let words = ["/bin/sh".to_owned(), "-c".to_owned(), line];
        let other = timer::of(account).map(|_| account);
        let code = programs::run_alone(&words, &self.env, &account.home, other, loud).await?;
        Ok(code)
    }
}
