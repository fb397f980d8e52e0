//! What a person reads: changes and plan first, then a line for each verdict and proof, then one line
//! that says how it ended. While something happens, a line per service shows it on standard error,
//! where that is a terminal.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::news;
use super::options::PrintOptions;
use super::output::{err, out};
use super::plan;
use super::screen;
use super::style::Style;
use super::words::{changed, counted, ports, recovered, secs, shown, waiting};
use crate::complaint::Complaint;
use crate::event::{
    Action, Event, Kind, Outcome, Phase, PlannedStep, ProofResult, ServedPort, ServiceName, Tell,
    Times, VerdictWord,
};

/// The renderer for terminals, pipes and log files.
pub(crate) struct Terminal {
    options: PrintOptions,
    style: Style,
    state: RefCell<ScreenState>,
}

struct ScreenState {
    /// Only where standard error is a terminal: indicatif prints nothing elsewhere.
    live: Option<MultiProgress>,
    lines: BTreeMap<ServiceName, ProgressBar>,
    counted: Option<ProgressBar>,
    actions: BTreeMap<ServiceName, Action>,
    width: usize,
    /// Changes as file and text, held back until the names below them are known: one column for all.
    changes: Vec<(String, String)>,
    rolling_back: bool,
    /// Containers are being exchanged: one that ends now does so by that.
    converging: bool,
    /// What became of the files, in words.
    restored: Vec<String>,
    began_results: bool,
    something_shown: bool,
}

impl Terminal {
    /// A renderer; `live` says whether standard error is a terminal.
    pub(crate) fn new(options: PrintOptions, style: Style, live: bool) -> Self {
        let state = ScreenState {
            live: (live && !options.quiet).then(screen::live),
            lines: BTreeMap::new(),
            counted: None,
            actions: BTreeMap::new(),
            width: 0,
            changes: Vec::new(),
            rolling_back: false,
            converging: false,
            restored: Vec::new(),
            began_results: false,
            something_shown: false,
        };
        Self {
            options,
            style,
            state: RefCell::new(state),
        }
    }

    fn print(&self, state: &mut ScreenState, line: &str) {
        state.something_shown = true;
        match &state.live {
            // The bars step aside while a line is printed.
            Some(live) => live.suspend(|| out(line)),
            None => out(line),
        }
    }

    /// A result's line; the first one is set apart from the plan.
    fn result(&self, state: &mut ScreenState, line: &str) {
        if !state.began_results && state.something_shown {
            self.print(state, "");
        }
        state.began_results = true;
        self.print(state, line);
    }

    fn change(&self, state: &mut ScreenState, file: &str, key: &str, text: &str) {
        state.width = state.width.max(file.chars().count());
        let text = format!("{}  {text}", self.style.bold(key));
        state.changes.push((file.to_owned(), text));
    }

    fn print_changes(&self, state: &mut ScreenState) {
        let width = state.width;
        for (file, text) in std::mem::take(&mut state.changes) {
            self.print(state, &format!("  {file:<width$}  {text}"));
        }
    }

    fn plan(&self, state: &mut ScreenState, steps: &[PlannedStep], untouched: &[ServiceName]) {
        let (style, verbose) = (&self.style, self.options.verbose);
        state.width = state.width.max(plan::width(steps, untouched));
        let width = state.width;
        self.print_changes(state);
        for step in steps {
            state.actions.insert(step.service.clone(), step.action);
            for line in plan::step(step, width, style, verbose) {
                self.print(state, &line);
            }
        }
        for line in plan::untouched(untouched, width, style, verbose) {
            self.print(state, &line);
        }
    }

    fn diff(&self, state: &mut ScreenState, file: &str, lines: &[String]) {
        self.print(state, "");
        self.print(state, &self.style.dim(&format!("  {file}")));
        for line in lines {
            let line = match line.as_bytes().first() {
                Some(b'+') => self.style.good(line),
                Some(b'-') => self.style.bad(line),
                _ => self.style.dim(line),
            };
            self.print(state, &format!("  {line}"));
        }
    }

    /// Counted work is shown where there is a terminal, while it lasts; `-v` also prints each line of
    /// the programs that are called.
    fn progress(&self, state: &mut ScreenState, what: &str, done: u64, total: Option<u64>) {
        match (&state.live, total) {
            (Some(live), Some(total)) if !self.options.verbose => {
                let line = state.counted.get_or_insert_with(|| {
                    let line = live.add(ProgressBar::new(total));
                    let template = "{spinner} {msg}  {wide_bar} {percent:>3} %";
                    let style = ProgressStyle::with_template(template);
                    line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
                    line
                });
                line.set_length(total);
                line.set_position(done);
                line.set_message(counted(what, done, total));
            }
            (_, None) if self.options.verbose => self.print(state, &format!("  {what}")),
            _ => {}
        }
    }

    fn container(&self, state: &mut ScreenState, service: &ServiceName, words: String) {
        state.width = state.width.max(service.as_str().chars().count());
        let Some(live) = &state.live else { return };
        let width = state.width;
        let line = state.lines.entry(service.clone()).or_insert_with(|| {
            let line = live.add(ProgressBar::new_spinner());
            let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg} {elapsed}");
            line.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            let mark = if state.rolling_back { "↩ " } else { "" };
            line.set_prefix(format!("{mark}{service:<width$}"));
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        line.set_message(words);
    }

    fn settle_line(state: &mut ScreenState, service: &ServiceName) {
        if let (Some(line), Some(live)) = (state.lines.remove(service), &state.live) {
            line.finish_and_clear();
            live.remove(&line);
        }
    }

    /// What the service has yet to do; the line counts the time from its start.
    fn waiting(
        &self,
        state: &mut ScreenState,
        service: &ServiceName,
        what: &str,
        elapsed: Duration,
        limit: Duration,
    ) {
        if let Some(line) = state.lines.get(service) {
            line.set_elapsed(elapsed);
            line.set_message(waiting(what, limit));
        }
    }

    fn verdict(&self, state: &mut ScreenState, judged: &JudgedService<'_>) {
        let &JudgedService {
            service,
            verdict,
            reason,
            times,
            ..
        } = judged;
        Self::settle_line(state, service);
        if state.rolling_back {
            return self.verdict_back(state, judged);
        }
        let width = state.width;
        let mark = match verdict {
            VerdictWord::Failed => self.style.bad("✗"),
            VerdictWord::AlreadyFailing => self.style.warn("!"),
            VerdictWord::Healthy
            | VerdictWord::Answers
            | VerdictWord::Settled
            | VerdictWord::Completed => self.style.good("✓"),
        };
        let text = match (verdict, reason) {
            (VerdictWord::Failed, Some(reason)) => reason.to_owned(),
            (VerdictWord::AlreadyFailing, reason) => {
                format!(
                    "was failing before, and still is: {}",
                    reason.unwrap_or("no more is known")
                )
            }
            (VerdictWord::Failed, None) => verdict.word().to_owned(),
            // It was not started now: nobody waited for it.
            (VerdictWord::Healthy, _) if !state.actions.contains_key(service) => {
                verdict.word().to_owned()
            }
            (
                VerdictWord::Healthy
                | VerdictWord::Answers
                | VerdictWord::Settled
                | VerdictWord::Completed,
                reason,
            ) => {
                let reason = reason.map(|reason| format!(" ({reason})"));
                format!("{}{}", seen(judged), reason.unwrap_or_default())
            }
        };
        let down = match verdict {
            VerdictWord::Failed | VerdictWord::AlreadyFailing => None,
            VerdictWord::Healthy
            | VerdictWord::Answers
            | VerdictWord::Settled
            | VerdictWord::Completed => away(state.actions.get(service), times),
        };
        let down = down.map(|down| format!(", {down}")).unwrap_or_default();
        self.result(state, &format!("{mark} {service:<width$}  {text}{down}"));
    }

    /// `↩ .env restored, web restarted, healthy after 1.3 s`
    fn verdict_back(&self, state: &mut ScreenState, judged: &JudgedService<'_>) {
        let &JudgedService {
            service,
            verdict,
            reason,
            times,
            ..
        } = judged;
        let done = match state.actions.get(service) {
            Some(Action::Restart | Action::Signal) => "restarted",
            Some(
                Action::None | Action::Start | Action::Recreate | Action::Rebuild | Action::Remove,
            )
            | None => "rolled back",
        };
        let text = match verdict {
            VerdictWord::Failed => format!("failed: {}", reason.unwrap_or_default()),
            VerdictWord::AlreadyFailing => "failing, as it was before".to_owned(),
            VerdictWord::Settled => {
                format!("running for {}", secs(times.running.unwrap_or_default()))
            }
            VerdictWord::Healthy | VerdictWord::Answers | VerdictWord::Completed => seen(judged),
        };
        let files = std::mem::take(&mut state.restored);
        let files: String = files.iter().map(|text| format!("{text}, ")).collect();
        self.result(state, &format!("↩ {files}{service} {done}, {text}"));
    }

    fn complaint(&self, state: &mut ScreenState, complaint: &Complaint) {
        state.something_shown = true;
        let mut lines = vec![format!("{} {}", self.style.bad("✗"), complaint.text)];
        lines.extend(complaint.details.iter().map(|line| format!("  {line}")));
        if let Some(hint) = &complaint.hint {
            lines.push(format!("  → {hint}"));
        }
        let print = || lines.iter().for_each(|line| err(line));
        match &state.live {
            Some(live) => live.suspend(print),
            None => print(),
        }
    }

    fn watched(&self, state: &mut ScreenState, exit_code: u8, text: &str) {
        for line in std::mem::take(&mut state.lines).into_values() {
            line.finish_and_clear();
        }
        if exit_code != 0 || !self.options.quiet {
            self.print(state, text);
        }
    }

    fn finished(&self, state: &mut ScreenState, outcome: Outcome, next: Option<&str>) {
        for line in std::mem::take(&mut state.lines).into_values() {
            line.finish_and_clear();
        }
        if !state.restored.is_empty() {
            let files = std::mem::take(&mut state.restored).join(", ");
            self.result(state, &format!("↩ {files}"));
        }
        let Some(next) = next else { return };
        let bad = matches!(
            outcome,
            Outcome::NotProven | Outcome::RolledBack | Outcome::RollbackFailed
        );
        if self.options.quiet && !bad {
            return;
        }
        if !state.began_results && state.something_shown {
            self.print(state, "");
        }
        self.print(state, next);
    }
}

/// A verdict on a service.
struct JudgedService<'a> {
    service: &'a ServiceName,
    verdict: VerdictWord,
    reason: Option<&'a str>,
    ports: &'a [ServedPort],
    times: &'a Times,
}

/// A good verdict, by what was seen.
fn seen(judged: &JudgedService<'_>) -> String {
    let after = secs(judged.times.after);
    match judged.verdict {
        VerdictWord::Answers => format!("answers on {} after {after}", ports(judged.ports)),
        VerdictWord::Settled => {
            let running = secs(judged.times.running.unwrap_or_default());
            format!("no healthcheck: health unknown, running for {running}")
        }
        VerdictWord::Healthy
        | VerdictWord::Completed
        | VerdictWord::Failed
        | VerdictWord::AlreadyFailing => format!("{} after {after}", judged.verdict.word()),
    }
}

/// How long its port was down, where that was measured; else how long it had no container.
fn away(action: Option<&Action>, times: &Times) -> Option<String> {
    match (times.down, times.replaced) {
        (Some(down), _) => Some(format!("port {} down {}", down.port, secs(down.time))),
        (None, Some(time)) => Some(format!("{} in {}", replaced(action), secs(time))),
        (None, None) => None,
    }
}

/// What was done while the service was away.
fn replaced(action: Option<&Action>) -> &'static str {
    match action {
        Some(Action::Restart | Action::Signal) => "container restarted",
        Some(
            Action::None | Action::Start | Action::Recreate | Action::Rebuild | Action::Remove,
        )
        | None => "container replaced",
    }
}

/// `.env restored`, `extra.yaml removed`.
fn restored(files: &[String], removed: &[String]) -> Vec<String> {
    let of = |files: &[String], word| match files.is_empty() {
        true => None,
        false => Some(format!("{} {word}", files.join(", "))),
    };
    [of(files, "restored"), of(removed, "removed")]
        .into_iter()
        .flatten()
        .collect()
}

impl Tell for Terminal {
    fn tell(&self, event: &Event) {
        let state = &mut *self.state.borrow_mut();
        let quiet = self.options.quiet;
        if !matches!(event.kind(), Kind::Change { .. } | Kind::Plan { .. }) {
            self.print_changes(state);
        }
        if !matches!(event.kind(), Kind::Progress { .. })
            && let Some(line) = state.counted.take()
        {
            line.finish_and_clear();
        }
        match event.kind() {
            Kind::Change {
                file,
                key,
                before,
                after,
                same,
            } if !quiet => {
                let text = match same {
                    true => format!("{} (as it is)", shown(after)),
                    false => changed(before, after),
                };
                self.change(state, file, key, &text);
            }
            Kind::Plan { steps, untouched } if !quiet => self.plan(state, steps, untouched),
            Kind::News(news) if !quiet => {
                for line in news::lines(news, &self.style, self.options.verbose) {
                    self.print(state, &line);
                }
            }
            Kind::Diff { file, lines } if !quiet && !lines.is_empty() => {
                self.diff(state, file, lines);
            }
            Kind::Note { code, text } if !quiet => {
                let line = match code.is_warning() {
                    true => format!("{} {text}", self.style.warn("!")),
                    false => self.style.dim(&format!("  {text}")),
                };
                self.print(state, &line);
            }
            Kind::Phase {
                phase: phase @ (Phase::Prepare | Phase::Converge),
            } if !quiet => {
                state.converging = *phase == Phase::Converge;
                let steps: Vec<_> = state.actions.iter().map(|(s, a)| (s.clone(), *a)).collect();
                for (service, action) in steps {
                    self.container(state, &service, format!("{} …", action.word()));
                }
            }
            Kind::Container {
                service,
                state: word,
                health,
                ..
            } => {
                let health = health
                    .as_ref()
                    .map(|word| format!(", {word}"))
                    .unwrap_or_default();
                let words =
                    match state.converging && ["exited", "removing"].contains(&word.as_str()) {
                        true => "replacing …".to_owned(),
                        false => format!("{word}{health}"),
                    };
                self.container(state, service, words);
            }
            Kind::Progress { what, done, total } => self.progress(state, what, *done, *total),
            Kind::Verdict {
                service,
                verdict,
                reason,
                ports,
                times,
            } => {
                let bad = matches!(verdict, VerdictWord::Failed | VerdictWord::AlreadyFailing);
                if bad || !quiet {
                    let judged = JudgedService {
                        service,
                        verdict: *verdict,
                        reason: reason.as_deref(),
                        ports,
                        times,
                    };
                    self.verdict(state, &judged);
                }
            }
            Kind::Waiting {
                service,
                what,
                elapsed,
                limit,
            } => self.waiting(state, service, what, *elapsed, *limit),
            Kind::Effect {
                service, ok, what, ..
            } if !(quiet && *ok) => {
                let mark = if *ok {
                    self.style.good("✓")
                } else {
                    self.style.bad("✗")
                };
                let width = state.width;
                self.result(state, &format!("{mark} {service:<width$}  {what}"));
            }
            Kind::Proof {
                service,
                result,
                what,
                ..
            } if !(quiet && *result == ProofResult::Proven) => {
                let mark = match result {
                    ProofResult::Proven => self.style.good("✓"),
                    ProofResult::NotProven => self.style.warn("?"),
                    ProofResult::Failed => self.style.bad("✗"),
                };
                let width = state.width;
                self.result(state, &format!("{mark} {service:<width$}  {what}"));
            }
            Kind::Logs { service, lines } if !lines.is_empty() => {
                let head = format!("  the last lines of {service}:");
                self.result(state, &self.style.dim(&head));
                for line in lines {
                    self.result(state, &self.style.dim(&format!("  │ {line}")));
                }
            }
            Kind::Rollback { .. } => {
                state.rolling_back = true;
                let names: Vec<_> = state.lines.keys().cloned().collect();
                for name in names {
                    Self::settle_line(state, &name);
                }
            }
            Kind::Restored { files, removed } => state.restored = restored(files, removed),
            Kind::Recovered { run, outcome } => {
                let files = std::mem::take(&mut state.restored);
                if !files.is_empty() {
                    self.result(state, &format!("↩ {}", files.join(", ")));
                }
                self.result(state, &format!("↩ {}", recovered(*run, *outcome)));
                state.rolling_back = false;
                state.began_results = false;
            }
            Kind::Complaint(complaint) => self.complaint(state, complaint),
            Kind::Watched {
                exit_code, text, ..
            } => self.watched(state, *exit_code, text),
            Kind::Finished { outcome, next, .. } => {
                self.finished(state, *outcome, next.as_deref());
            }
            Kind::Phase { .. } => state.converging = false,
            // Told by what comes after it, or not asked for.
            Kind::RunStarted { .. }
            | Kind::Change { .. }
            | Kind::Diff { .. }
            | Kind::Plan { .. }
            | Kind::News(_)
            | Kind::Effect { .. }
            | Kind::Proof { .. }
            | Kind::Note { .. }
            | Kind::Logs { .. } => {}
        }
    }
}
