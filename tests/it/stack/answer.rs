//! What a program answered, with all that it printed in the message of a test that fails.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;

use serde_json::Value;

use super::refit::Call;

pub(crate) struct Answer {
    typed: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// What a plan says about a service.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) action: String,
    pub(crate) routes: Vec<String>,
    pub(crate) texts: Vec<String>,
}

impl Answer {
    /// Runs a program. What refit does is judged by the witness as well.
    #[track_caller]
    pub(crate) fn of(command: impl Into<Call>, input: &[u8]) -> Self {
        let (typed, mut child) = command.into().start();
        // A program that does not read its input may close it before all is written.
        let _ = child.stdin.take().unwrap().write_all(input);
        Self::of_output(typed, &child.wait_with_output().unwrap())
    }

    /// Of a program that was started otherwise.
    pub(crate) fn of_output(typed: String, output: &std::process::Output) -> Self {
        Self {
            typed,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Checks that a text was printed, on either stream.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(said, "nothing says {text:?}\n{self}");
        self
    }

    /// Checks that a text was not printed.
    #[track_caller]
    pub(crate) fn never_says(self, text: &str) -> Self {
        let said = self.stdout.contains(text) || self.stderr.contains(text);
        assert!(!said, "something says {text:?}\n{self}");
        self
    }

    /// Checks that a line holds all of these, in this order.
    #[track_caller]
    pub(crate) fn has_line(self, words: &[&str]) -> Self {
        let holds = |line: &str| {
            let mut rest = line;
            words.iter().all(|word| match rest.find(word) {
                Some(at) => {
                    rest = &rest[at + word.len()..];
                    true
                }
                None => false,
            })
        };
        let found = self.stdout.lines().chain(self.stderr.lines()).any(holds);
        assert!(found, "no line with {words:?}\n{self}");
        self
    }

    /// Everything on standard output as JSON Lines.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        let read = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("no JSON: {line:?}: {error}\n{self}"))
        };
        self.stdout.lines().map(read).collect()
    }

    /// The events of one name.
    #[track_caller]
    pub(crate) fn all(&self, name: &str) -> Vec<Value> {
        let mut events = self.events();
        events.retain(|event| event["event"] == name);
        events
    }

    /// The only event of a name.
    #[track_caller]
    pub(crate) fn the(&self, name: &str) -> Value {
        let mut found = self.all(name);
        assert_eq!(found.len(), 1, "{name} is not there exactly once\n{self}");
        found.remove(0)
    }

    /// The code of the only complaint.
    #[track_caller]
    pub(crate) fn refusal(&self) -> String {
        let error = self.the("error");
        error["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The steps of the plan by service.
    #[track_caller]
    pub(crate) fn plan(&self) -> BTreeMap<String, Step> {
        let plan = self.the("plan");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let steps = plan["steps"].as_array().cloned().unwrap_or_default();
        steps
            .iter()
            .map(|step| {
                let reasons = step["reasons"].as_array().cloned().unwrap_or_default();
                let of = |key: &str| reasons.iter().map(|reason| text(&reason[key])).collect();
                let told = Step {
                    action: text(&step["action"]),
                    routes: of("route"),
                    texts: of("text"),
                };
                (text(&step["service"]), told)
            })
            .collect()
    }

    /// Checks that the plan is exactly these services with these actions.
    #[track_caller]
    pub(crate) fn plans(self, wanted: &[(&str, &str)]) -> Self {
        let plan = self.plan();
        let found: Vec<(&str, &str)> = plan
            .iter()
            .map(|(service, step)| (service.as_str(), step.action.as_str()))
            .collect();
        assert_eq!(found, wanted, "{self}");
        self
    }

    /// Checks a reason of a planned step: its route, and its text whole.
    #[track_caller]
    pub(crate) fn because(self, service: &str, route: &str, text: &str) -> Self {
        let plan = self.plan();
        let step = plan.get(service).unwrap_or_else(|| panic!("{self}"));
        let mut reasons = step.routes.iter().zip(&step.texts);
        let found = reasons.any(|(r, t)| r == route && t == text);
        assert!(found, "{service} has no reason {route}: {text}\n{self}");
        self
    }

    /// How the run ended, in a word.
    #[track_caller]
    pub(crate) fn outcome(&self) -> String {
        let finished = self.the("finished");
        finished["outcome"].as_str().unwrap_or_default().to_owned()
    }

    /// The verdict on a service, in a word, and the reason.
    #[track_caller]
    pub(crate) fn verdict(&self, service: &str) -> (String, String) {
        let mut found = self.all("verdict");
        found.retain(|event| event["service"] == service);
        let last = found.pop().unwrap_or_else(|| panic!("no verdict\n{self}"));
        let text = |key: &str| last[key].as_str().unwrap_or_default().to_owned();
        (text("verdict"), text("reason"))
    }

    /// Checks that each proof succeeded, and that there is one of this service, key and route.
    #[track_caller]
    pub(crate) fn proves(self, service: &str, key: &str, route: &str) -> Self {
        let effects = self.all("effect");
        assert!(effects.iter().all(|e| e["ok"] == true), "{self}");
        let found = effects
            .iter()
            .any(|e| e["service"] == service && e["key"] == key && e["route"] == route);
        assert!(found, "no proof of {service} {key} {route}\n{self}");
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "typed: {}\nexit code: {}", self.typed, self.code)?;
        write!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}
