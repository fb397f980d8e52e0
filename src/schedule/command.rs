//! The command of a timer, read back from the line that it is kept as.

use std::path::{Path, PathBuf};

/// What a timer runs: `env -i NAME=VALUE… PROGRAM ARGUMENT…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimerCommand {
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Its program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
}

impl TimerCommand {
    /// `None`: it is not as refit made it.
    pub(crate) fn read(line: &str) -> Option<Self> {
        let words = words(line);
        let rest = words.strip_prefix(&["env".to_owned(), "-i".to_owned()])?;
        let is_pair = |word: &&String| !word.starts_with('/');
        let pairs: Vec<&String> = rest.iter().take_while(is_pair).collect();
        let (program, args) = rest[pairs.len()..].split_first()?;
        let pair = |word: &&String| {
            let (key, value) = word.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        };
        Some(Self {
            env: pairs.iter().map(pair).collect::<Option<_>>()?,
            program: program.into(),
            args: args.to_vec(),
        })
    }

    /// The folder that it goes to first.
    pub(crate) fn directory(&self) -> Option<&Path> {
        let at = self.args.iter().position(|arg| arg == "-C")?;
        self.args.get(at + 1).map(Path::new)
    }

    /// A variable of its environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// The words of a line as a shell reads them, as far as refit writes such lines.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' => words.extend(word.take()),
            '\'' => {
                let inner = chars.by_ref().take_while(|c| *c != '\'');
                word.get_or_insert_default().extend(inner);
            }
            '\\' => word.get_or_insert_default().extend(chars.next()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{crontab, unit};

    #[test]
    fn what_was_made_reads_back_from_both_programs() {
        let mut job = crontab::tests::job();
        let odd = "/srv/it's 50% \"ché\" $HOME \\x";
        job.args = ["-q", "-C", odd, "", "schedule", "run"]
            .map(str::to_owned)
            .to_vec();
        job.env.push(("DOCKER_CONFIG".to_owned(), odd.to_owned()));
        let lines = crontab::lines(&job, true).unwrap();
        let crontab = lines.join("\n");
        let of_cron = crontab::command(&crontab, &job.id, true).unwrap();
        let of_unit = unit::command(&unit::render(&job, true).unwrap().service).unwrap();
        for line in [of_cron, of_unit] {
            let command = TimerCommand::read(&line).unwrap();
            assert_eq!(command.program, job.program, "{line}");
            assert_eq!(command.directory(), Some(Path::new(odd)), "{line}");
            assert_eq!(command.variable("DOCKER_CONFIG"), Some(odd), "{line}");
            assert_eq!(command.variable("PATH"), None);
            assert_eq!(command.args[..6], job.args[..], "{line}");
        }
        assert_eq!(TimerCommand::read("echo hello"), None);
    }
}
