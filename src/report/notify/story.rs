//! What a run was about and how it went, as others hear of it. Holds names of keys, never values of
//! settings: a message goes to other people's machines.

use std::path::PathBuf;

use jiff::Timestamp;

use super::word::Word;
use crate::complaint::Code;
use crate::event::{News, NoteCode, Outcome, RunId, ServiceSummary};

/// A run as it is told of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    /// Its number, if it came to one.
    pub run: Option<RunId>,
    /// Its first word, such as `set`.
    pub verb: String,
    /// Compose's project.
    pub project: String,
    /// The stack's folder.
    pub directory: PathBuf,
    /// This machine.
    pub host: String,
    /// Nobody watched.
    pub unattended: bool,
    /// Nothing was to be changed.
    pub dry: bool,
    /// Of a timer's run: when one succeeded last, if one has.
    pub last_well: Option<Option<Timestamp>>,
    /// Files and keys that changed.
    pub changes: Vec<(String, String)>,
    /// What an upgrade found.
    pub news: Option<News>,
    /// How it ended; `None`: it did not come so far.
    pub outcome: Option<Outcome>,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// Why what it found was not taken.
    pub skipped: Option<NoteCode>,
    /// Why it failed.
    pub reason: Option<String>,
    /// The stable code of that, where it is a refusal.
    pub code: Option<Code>,
    /// What a person has to do.
    pub todo: Vec<String>,
    /// What was left out, because nobody has accepted it.
    pub left_out: Vec<String>,
    /// An earlier run that had been cut off and was finished first.
    pub recovered: Option<(RunId, Outcome)>,
}

impl Story {
    /// Of what it is to be told; `None`: it is of no interest to anybody elsewhere.
    ///
    /// A person who is refused at the terminal has read it there.
    pub(crate) fn word(&self) -> Option<Word> {
        match self.outcome? {
            Outcome::Applied => Some(Word::Applied),
            Outcome::RolledBack => Some(Word::Rollback),
            Outcome::NotProven | Outcome::FailedBefore | Outcome::RollbackFailed => {
                Some(Word::Failure)
            }
            Outcome::Refused if self.unattended => Some(Word::Failure),
            Outcome::NothingToDo | Outcome::Refused => self.word_of_recovery().or_else(|| {
                let found = self.dry && self.outcome == Some(Outcome::NothingToDo);
                (found && self.has_news()).then_some(Word::Available)
            }),
        }
    }

    /// The same, and that it is a failure all the same: each who wants to hear of either is told.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> {
        let beside = self.is_beside().then_some(Word::Failure);
        self.word().into_iter().chain(beside)
    }

    /// Whether it ended well, and a registry refuses the login: a failure beside it.
    pub(super) fn is_beside(&self) -> bool {
        let is_well = matches!(self.outcome, Some(Outcome::Applied | Outcome::NothingToDo));
        is_well && self.code == Some(Code::RegistryDenied)
    }

    fn word_of_recovery(&self) -> Option<Word> {
        self.recovered.map(|(_, outcome)| match outcome {
            Outcome::Applied => Word::Applied,
            Outcome::RolledBack => Word::Rollback,
            Outcome::NotProven
            | Outcome::NothingToDo
            | Outcome::Refused
            | Outcome::FailedBefore
            | Outcome::RollbackFailed => Word::Failure,
        })
    }

    /// Whether an upgrade found a commit or an image.
    pub(super) fn has_news(&self) -> bool {
        let found = |news: &News| news.checkout.is_some() || !news.images.is_empty();
        self.news.as_ref().is_some_and(found)
    }

    /// Whether it is told once, however often it happens: nothing was touched, and until a timer's run
    /// succeeds nothing is new about it.
    pub(crate) fn is_told_once(&self) -> bool {
        self.last_well.is_some()
            && matches!(self.outcome, Some(Outcome::Refused | Outcome::FailedBefore))
    }

    /// Two runs with the same mark tell the same. A run that was applied is like no other; of news
    /// only their target counts, of failures also the cause, without what was measured in it.
    pub(crate) fn mark(&self) -> String {
        let word = self.word().map_or("", Word::word);
        let mut parts = vec![self.project.clone(), word.to_owned()];
        if word == Word::Applied.word() {
            parts.extend(self.run.map(|run| run.to_string()));
        }
        let since = self
            .last_well
            .flatten()
            .filter(|_| word == Word::Failure.word());
        parts.extend(since.map(|since| since.to_string()));
        parts.extend(self.recovered.iter().map(|(run, _)| run.to_string()));
        if let Some(news) = self.news.as_ref() {
            parts.extend(news.checkout.iter().map(|checkout| checkout.to.clone()));
            parts.extend(news.images.iter().map(|image| image.to.clone()));
        }
        if word != Word::Available.word() {
            parts.push(self.verb.clone());
            parts.push(self.outcome.map_or("", Outcome::word).to_owned());
            parts.extend(
                self.changes
                    .iter()
                    .map(|(file, key)| format!("{file}:{key}")),
            );
            parts.extend(self.code.map(|code| code.word().to_owned()));
            parts.extend(self.reason.as_deref().map(without_measures));
        }
        parts.join("\n")
    }
}

/// Without numbers that tell a time or a count: they differ each time.
fn without_measures(reason: &str) -> String {
    const UNITS: [&str; 7] = ["s", "ms", "min", "h", "times", "seconds", "bytes"];
    let words: Vec<&str> = reason.split_whitespace().collect();
    let plain = |word: &&str| word.trim_end_matches([',', ';', ':', '.', ')']).to_owned();
    let is_measure = |(at, word): (usize, &&str)| {
        let number = plain(word).parse::<f64>().is_ok();
        let unit = words.get(at + 1).map(plain);
        number && unit.is_some_and(|unit| UNITS.contains(&unit.as_str()))
    };
    let kept = words.iter().enumerate();
    let kept = kept.filter(|(at, word)| !is_measure((*at, word)));
    kept.map(|(_, word)| *word).collect::<Vec<_>>().join(" ")
}
