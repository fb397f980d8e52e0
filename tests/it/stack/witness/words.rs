//! What a call of refit claims: read off its command line, its exit code and its last words.

use serde_json::Value;

/// A call as it ended.
pub(super) struct Said<'a> {
    pub(super) args: &'a [String],
    pub(super) code: i32,
    /// `None`: the test took it, or threw it away.
    pub(super) stdout: Option<&'a str>,
    pub(super) stderr: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// Nothing was touched: questions, dry runs, refusals, nothing to do.
    Untouched,
    /// Undone: everything is as it was.
    AsItWas,
    /// The files may be others, no container is.
    Written,
    /// The services of the plan are as the files say, the others were left alone.
    Applied,
    /// None that a snapshot could contradict.
    None,
}

/// Verbs that only look; of others, `--dry-run` and `--check`.
const QUESTIONS: [&str; 13] = [
    "get",
    "why",
    "doctor",
    "status",
    "plan",
    "watch",
    "recipes",
    "history",
    "show",
    "completions",
    "man",
    "notify",
    "schedule",
];

const VERBS: [&str; 22] = [
    "set",
    "unset",
    "get",
    "edit",
    "why",
    "doctor",
    "status",
    "plan",
    "apply",
    "restart",
    "watch",
    "use",
    "recipes",
    "upgrade",
    "rollback",
    "history",
    "show",
    "schedule",
    "notify",
    "completions",
    "man",
    "help",
];

impl Said<'_> {
    pub(super) fn verb(&self) -> &str {
        let words = self.args.iter().map(String::as_str);
        words
            .into_iter()
            .find(|word| VERBS.contains(word))
            .unwrap_or_default()
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.args.iter().any(|word| word == option)
    }

    pub(super) fn is_json(&self) -> bool {
        self.has("--json")
    }

    pub(super) fn is_question(&self) -> bool {
        let verb = self.verb();
        (QUESTIONS.contains(&verb) && !(verb == "schedule" && self.has("run")))
            || ["--dry-run", "--check", "--print", "--help", "--version"]
                .iter()
                .any(|option| self.has(option))
    }

    pub(super) fn all(&self) -> String {
        format!(
            "{}{}",
            self.stdout.unwrap_or_default(),
            self.stderr.unwrap_or_default()
        )
    }

    pub(super) fn events(&self, name: &str) -> Vec<Value> {
        let lines = self.stdout.unwrap_or_default().lines();
        let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["event"] == name).collect()
    }

    /// The last words: one sentence on how it ended.
    pub(super) fn last(&self) -> String {
        if self.is_json() {
            let finished = self.events("finished").pop().unwrap_or_default();
            return finished["text"].as_str().unwrap_or_default().to_owned();
        }
        let lines = self.stdout.unwrap_or_default().lines();
        let mut lines = lines.filter(|line| !line.trim().is_empty());
        lines.next_back().unwrap_or_default().to_owned()
    }

    /// How a run ended, in the word of `finished`.
    pub(super) fn outcome(&self) -> Option<String> {
        if self.is_json() {
            let finished = self.events("finished").pop()?;
            return finished["outcome"].as_str().map(str::to_owned);
        }
        let last = self.last();
        if last.contains(", not proven: ") {
            return Some("not_proven".to_owned());
        }
        let begins = [
            ("Applied as run", "applied"),
            ("Undone: run", "applied"),
            ("Written as run", "applied"),
            ("Nothing to do", "nothing_to_do"),
            ("Nothing was done", "nothing_to_do"),
            ("Stopped before anything was changed", "failed_before"),
            (
                "Nothing was changed: this is what would be done",
                "nothing_to_do",
            ),
            ("Nothing was changed", "failed_before"),
            ("Rolled back", "rolled_back"),
            ("Not given back", "rollback_failed"),
            ("Not rolled back", "rollback_failed"),
        ];
        let found = begins.iter().find(|(begin, _)| last.starts_with(begin));
        found.map(|(_, word)| (*word).to_owned())
    }

    /// An earlier run was finished first: what was there before the call is nobody's promise.
    pub(super) fn recovered(&self) -> bool {
        // Where nobody saw what it printed, it may have.
        if self.stdout.is_none() {
            return true;
        }
        match self.is_json() {
            true => !self.events("recovered").is_empty(),
            false => self.all().lines().any(|line| line.starts_with("↩ run ")),
        }
    }

    pub(super) fn claim(&self) -> Claim {
        if self.code < 0 {
            return Claim::None;
        }
        if self.is_question() {
            return Claim::Untouched;
        }
        let last = self.last();
        if last.contains("everything is as it was") || last.contains("as it was before run") {
            return Claim::AsItWas;
        }
        if last.starts_with("Written as run") {
            return Claim::Written;
        }
        match (self.outcome().as_deref(), self.code) {
            // It is in force, whatever becomes of who was failing.
            (Some("applied" | "not_proven"), _) => Claim::Applied,
            (Some("nothing_to_do" | "refused" | "failed_before"), _) | (_, 1 | 2 | 5) => {
                Claim::Untouched
            }
            (Some("rolled_back"), _) | (_, 3 | 129 | 130 | 143) => Claim::AsItWas,
            _ => Claim::None,
        }
    }

    /// Whether a registry refuses the login where nobody is there: a failure beside what was applied.
    fn is_without_login(&self) -> bool {
        let mut errors = self.events("error").into_iter();
        errors.any(|error| error["code"] == "registry_denied")
    }

    /// Whether the exit code is one of those that docs/commands.md gives to this outcome.
    pub(super) fn code_fits(&self) -> Result<(), String> {
        if self.code == 101 || self.all().contains("panicked at") {
            return Err("it panicked".to_owned());
        }
        let Some(outcome) = self.outcome() else {
            return Ok(());
        };
        let fits: &[i32] = match outcome.as_str() {
            "applied" | "nothing_to_do" if self.has("--exit-code") => &[0, 10],
            "applied" | "nothing_to_do" if self.is_without_login() => &[1],
            "applied" | "nothing_to_do" => &[0],
            "not_proven" => &[6],
            "refused" => &[1, 2, 5, 129, 130, 143],
            "failed_before" => &[1, 129, 130, 143],
            // It was what was typed: the run that was cut off is undone.
            "rolled_back" if self.verb() == "rollback" && self.recovered() => {
                &[0, 3, 129, 130, 143]
            }
            "rolled_back" => &[3, 129, 130, 143],
            "rollback_failed" => &[4],
            other => return Err(format!("{other} is no outcome that docs/json.md has")),
        };
        if self.code >= 0 && !fits.contains(&self.code) {
            return Err(format!(
                "the exit code is {}, and the outcome {outcome}",
                self.code
            ));
        }
        let told = self.events("finished").pop().unwrap_or_default();
        match told["exit_code"].as_i64() {
            Some(told) if self.code >= 0 && told != i64::from(self.code) => Err(format!(
                "it says exit_code {told}, and exits with {}",
                self.code
            )),
            _ => Ok(()),
        }
    }

    /// Control characters that would reach a terminal.
    pub(super) fn raw_controls(&self) -> Option<String> {
        if self.has("--color") || ["completions", "man"].contains(&self.verb()) {
            return None;
        }
        // A value is printed as it is for scripts.
        let stdout = self.stdout.filter(|_| self.verb() != "get");
        let mut lines = stdout
            .into_iter()
            .chain(self.stderr)
            .flat_map(|text| text.split('\n'));
        let is_raw = |c: char| c.is_control() && c != '\t';
        let line = lines.find(|line| line.contains(is_raw))?;
        Some(format!("{line:?}"))
    }

    /// Whether it says that a service is as the files say now: planned, and judged well.
    pub(super) fn changed(&self, service: &str) -> bool {
        if self.is_json() {
            let planned = self.events("plan");
            let mut steps = planned
                .iter()
                .flat_map(|plan| plan["steps"].as_array().into_iter().flatten());
            return steps.any(|step| step["service"] == service && step["action"] != "none");
        }
        let mut lines = self.stdout.unwrap_or_default().lines();
        lines.any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("✓") && words.next() == Some(service)
        })
    }

    /// Whether it says that something happens to a service.
    pub(super) fn names(&self, service: &str) -> bool {
        // What the test took for itself may have said so.
        if self.stdout.is_none() {
            return true;
        }
        if self.is_json() {
            let planned = self.events("plan");
            let steps = planned
                .iter()
                .flat_map(|plan| plan["steps"].as_array().into_iter().flatten());
            if steps
                .into_iter()
                .any(|step| step["service"] == service && step["action"] != "none")
            {
                return true;
            }
            let told = ["verdict", "effect", "note", "error", "rollback", "restored"];
            return told
                .iter()
                .flat_map(|name| self.events(name))
                .any(|event| has_word(&event.to_string(), service));
        }
        let text = self.all();
        let mut lines = text
            .lines()
            .filter(|line| !line.trim_end().ends_with("untouched"))
            .filter(|line| !line.trim_start().starts_with("untouched: "));
        lines.any(|line| has_word(line, service))
    }
}

impl Said<'_> {
    /// Whether it says of a text that it is kept somewhere, and it is: that text is lost to nobody.
    pub(super) fn kept(&self, bytes: &[u8]) -> bool {
        let text = self.all();
        let mut places = text.split("kept as ").skip(1).filter_map(|rest| {
            let end = |c: char| c.is_whitespace() || c == '"' || c == ';' || c == ',';
            rest.split(end)
                .next()
                .map(|path| path.trim_end_matches('.'))
        });
        places.any(|path| std::fs::read(path).is_ok_and(|kept| kept == bytes))
    }
}

/// Whether a text holds a name, and not only as a part of a longer one.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default().chars().next_back();
        let after = text
            .get(at + word.len()..)
            .unwrap_or_default()
            .chars()
            .next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}
