//! What a run was about and how it went, gathered from its events beside the renderer. Holds names
//! of keys, never values of settings: a message goes to other people's machines.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use super::Word;
use crate::complaint::{Code, Complaint};
use crate::event::{Event, Kind, News, Outcome, RunId, ServiceSummary, Tell};

/// A run as it is told of.
#[derive(Debug, Clone, Default)]
pub struct Story {
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
    /// Files and keys that changed.
    pub changes: Vec<(String, String)>,
    /// What an upgrade found.
    pub news: Option<News>,
    /// How it ended; `None`: it did not come so far.
    pub outcome: Option<Outcome>,
    /// What was done to whom.
    pub services: Vec<ServiceSummary>,
    /// Why it failed.
    pub reason: Option<String>,
    /// The stable code of that, where it is a refusal.
    pub code: Option<Code>,
    /// What a person has to do.
    pub todo: Vec<String>,
    /// Earlier runs that had been cut off and were finished first.
    pub recovered: Vec<(RunId, Outcome)>,
}

impl Story {
    /// Of what was refused before there was a run.
    pub fn of_refusal(complaint: &Complaint) -> Self {
        Self {
            outcome: Some(Outcome::Refused),
            code: Some(complaint.code),
            reason: Some(complaint.text.clone()),
            todo: complaint.hint.iter().cloned().collect(),
            ..Self::default()
        }
    }

    /// Of what it is to be told; `None`: it is of no interest to anybody elsewhere.
    ///
    /// A person who is refused at the terminal has read it there.
    pub fn word(&self) -> Option<Word> {
        match self.outcome? {
            Outcome::Applied => Some(Word::Applied),
            Outcome::RolledBack => Some(Word::Rollback),
            Outcome::FailedBefore | Outcome::RollbackFailed => Some(Word::Failure),
            Outcome::Refused if self.unattended => Some(Word::Failure),
            Outcome::NothingToDo | Outcome::Refused => self.word_of_recovery().or_else(|| {
                let found = self.dry && self.outcome == Some(Outcome::NothingToDo);
                (found && self.has_news()).then_some(Word::Available)
            }),
        }
    }

    fn word_of_recovery(&self) -> Option<Word> {
        self.recovered.last().map(|(_, outcome)| match outcome {
            Outcome::Applied => Word::Applied,
            Outcome::RolledBack => Word::Rollback,
            Outcome::NothingToDo
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

    /// Two runs with the same mark tell the same. A run that was applied is like no other; of news
    /// only their target counts, of failures also the cause, without what was measured in it.
    pub fn mark(&self) -> String {
        let word = self.word().map_or("", Word::word);
        let mut parts = vec![self.project.clone(), word.to_owned()];
        if word == Word::Applied.word() {
            parts.extend(self.run.map(|run| run.to_string()));
        }
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

    fn take(&mut self, event: &Event) {
        match event.kind() {
            Kind::RunStarted {
                command,
                project,
                directory,
            } => {
                self.run = event.run();
                command
                    .split(' ')
                    .next()
                    .unwrap_or_default()
                    .clone_into(&mut self.verb);
                self.project.clone_from(project);
                self.directory.clone_from(directory);
            }
            Kind::Change { file, key, .. } => self.changes.push((file.clone(), key.clone())),
            Kind::News(news) => self.news = Some(News::clone(news)),
            // Why an earlier run is taken back is not why this one fails.
            Kind::Recovered { run, outcome } => {
                self.recovered.push((*run, *outcome));
                (self.reason, self.code) = (None, None);
            }
            Kind::Rollback { reason } => self.reason = Some(reason.clone()),
            Kind::Complaint(complaint) => {
                self.todo.extend(complaint.hint.clone());
                if self.reason.is_none() {
                    self.reason = Some(complaint.text.clone());
                    self.code = Some(complaint.code);
                }
            }
            Kind::Finished {
                outcome, services, ..
            } => {
                self.outcome = Some(*outcome);
                self.services.clone_from(services);
            }
            Kind::Diff { .. }
            | Kind::Plan { .. }
            | Kind::Phase { .. }
            | Kind::Progress { .. }
            | Kind::Container { .. }
            | Kind::Verdict { .. }
            | Kind::Effect { .. }
            | Kind::Proof { .. }
            | Kind::Restored { .. }
            | Kind::Note { .. }
            | Kind::Logs { .. } => {}
        }
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

/// Gathers a story.
#[derive(Debug, Default)]
pub struct Aside(RefCell<Story>);

impl Aside {
    /// The story as far as it has come.
    pub fn story(&self) -> Story {
        self.0.borrow().clone()
    }
}

impl Tell for Aside {
    fn tell(&self, event: &Event) {
        self.0.borrow_mut().take(event);
    }
}

/// Tells two.
pub struct Tee(pub Rc<dyn Tell>, pub Rc<Aside>);

impl Tell for Tee {
    fn tell(&self, event: &Event) {
        self.0.tell(event);
        self.1.tell(event);
    }
}
