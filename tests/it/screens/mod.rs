//! Whole screens as a person has them: what was typed, the exit code, and all that was printed, as
//! snapshots. Times, dates, ids and the names that a test makes up stand as fixed words of the same
//! shape; nothing else is changed. A screen on a terminal is what is left there at the end.
//!
//! `INSTA_UPDATE=always` accepts what has changed: read the difference before it is committed.

mod changes;
mod edits;
mod help;
mod outside;
mod questions;
mod recipes;
mod runs;
mod terminals;
mod upgrades;

use regex::Regex;

use crate::stack::answer::Answer;
use crate::stack::checkout::Cloned;
use crate::stack::refit::Refit;
use crate::stack::window::{Window, left_on_screen};
use crate::stack::{TestStack, healthcheck, idle, service};

/// What differs from run to run, and the word for it. In tables the room beside it goes as well, since
/// it hangs on the longest.
const VARIES: &[(&str, &str)] = &[
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "YYYY-MM-DD hh:mm:ss"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d\b", "YYYY-MM-DD hh:mm"),
    (r"\b(\d+ min )?\d{1,3}(\.\d+)? s\b", "N s"),
    (r"\bN s {2,}", "N s  "),
    (r"(?m)^ {2,}N s  ", "    N s  "),
    (r"\b(SINCE|TOOK) {2,}", "$1  "),
    (r"sha256:[0-9a-f]{12,64}", "sha256:DIGEST"),
    (r"\b[0-9a-f]{12,64}\b", "ID"),
    (r"\bpid \d+", "pid PID"),
    // Each version of Compose has words of its own for what it cannot read.
    (
        r"(?m)^  (validating|failed to (read|parse)|yaml:) .*$",
        "  WHAT COMPOSE SAYS",
    ),
];

/// A line that moves, where one is left behind: which frame of it hangs on the moment.
const MOVES: (&str, &str) = ("[\u{2800}-\u{28ff}]( .*) \\d+s\\b", "⠿$1 Ns");

/// Makes a call of refit from its words.
type Command<'a> = dyn Fn(&[&str]) -> Refit + 'a;

/// The screens of one stack.
struct Screens<'a> {
    command: Box<Command<'a>>,
    varies: Vec<(Regex, String)>,
}

impl<'a> Screens<'a> {
    fn of(stack: &'a TestStack) -> Self {
        Self::with(stack, |words| stack.command(words))
    }

    /// Of the command line itself: nothing is added that a test saves time by.
    fn of_the_command_line(stack: &'a TestStack) -> Self {
        Self::with(stack, |words| {
            let mut command = stack.command(&[]);
            command.args(words);
            command
        })
    }

    fn of_clone(clone: &'a Cloned) -> Self {
        Self::with(&clone.stack, |words| clone.command(words))
    }

    fn with(stack: &'a TestStack, command: impl Fn(&[&str]) -> Refit + 'a) -> Self {
        let alone = move |words: &[&str]| {
            let mut command = command(words);
            // What this machine's own person has is on no screen.
            command.env("XDG_CONFIG_HOME", stack.beside("config"));
            for name in ["COLUMNS", "VISUAL", "EDITOR"] {
                command.env_remove(name);
            }
            command
        };
        let mut screens = Self {
            command: Box::new(alone),
            varies: Vec::new(),
        };
        let above = stack.beside("");
        let above = above.to_str().unwrap().trim_end_matches('/');
        screens.named(above, "/srv");
        screens.named(&stack.project, "chat");
        for (pattern, word) in VARIES {
            screens.varies(pattern, word);
        }
        screens
    }

    /// A name that the test has made up.
    fn named(&mut self, name: &str, word: &str) {
        self.varies(&regex::escape(name), word);
    }

    fn varies(&mut self, pattern: &str, word: &str) {
        let pattern = Regex::new(pattern).unwrap();
        self.varies.push((pattern, word.to_owned()));
    }

    fn fixed(&self, text: &str) -> String {
        let fix = |text: String, (pattern, word): &(Regex, String)| {
            pattern.replace_all(&text, word.as_str()).into_owned()
        };
        self.varies.iter().fold(text.to_owned(), fix)
    }

    /// A command whose output goes to a file or another program.
    #[track_caller]
    fn shows(&self, name: &str, line: &str) {
        self.shows_changed(name, line, |_| {});
    }

    /// The same, with the command changed before it runs.
    #[track_caller]
    fn shows_changed(&self, name: &str, line: &str, change: impl FnOnce(&mut Refit)) {
        let mut command = (self.command)(&words(line));
        change(&mut command);
        let typed = self.typed(&command);
        let answer = Answer::of(command, b"");
        let mut parts = String::new();
        for (stream, text) in [("stdout", &answer.stdout), ("stderr", &answer.stderr)] {
            if !text.is_empty() {
                parts.push_str(&format!("--- {stream}\n{}", self.fixed(text)));
            }
        }
        hold(name, &typed, answer.code, &parts);
    }

    /// A command in a window of so many columns.
    #[track_caller]
    fn shows_in_window(&self, name: &str, columns: u16, line: &str) {
        self.shows_in_window_until(name, columns, line, |_| {});
    }

    /// The same; the person does something meanwhile.
    #[track_caller]
    fn shows_in_window_until(
        &self,
        name: &str,
        columns: u16,
        line: &str,
        act: impl FnOnce(&mut Window),
    ) {
        let command = (self.command)(&words(line));
        let (mut window, mut child) = Window::wide(columns, &command);
        act(&mut window);
        while window.read() {}
        let code = child.wait().unwrap().code().unwrap_or(-1);
        let left = left_on_screen(columns, &self.fixed(&window.seen()));
        let left = Regex::new(MOVES.0).unwrap().replace_all(&left, MOVES.1);
        let part = format!("--- terminal of {columns} columns\n{left}");
        hold(name, &self.typed(&command), code, &part);
    }

    fn typed(&self, command: &Refit) -> String {
        let words = command.get_args().map(|word| word.to_string_lossy());
        let line = words.fold("refit".to_owned(), |line, word| line + " " + &word);
        self.fixed(&line)
    }
}

#[track_caller]
fn hold(name: &str, typed: &str, code: i32, parts: &str) {
    let text = format!("$ {typed}\nexit code: {code}\n{parts}");
    insta::with_settings!({
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// Words of a line: none that a screen shows has a blank in it.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

/// Where each test finds what it needs: `db` is healthy and no key reaches it; `web` is healthy, has
/// `.env` and a mounted file, and ends at once where either is bad; `worker` has one key and no
/// healthcheck. Each waits for the one before. What is said last is given a moment: an engine with much
/// to do tells the end of a container before it has its last lines.
fn shop() -> Option<TestStack> {
    let web = service(
        "case $MODE in bad*) echo \"MODE: $MODE is no mode\"; sleep 0.2; exit 3;; esac; \
         grep -q bad /etc/web.conf && { echo 'web.conf: bad line'; sleep 0.2; exit 4; }; exec sleep infinity",
        &format!(
            "env_file: .env, depends_on: [db], volumes: ['./web.conf:/etc/web.conf:ro'], {}",
            healthcheck("case $MODE in bad*) exit 1;; esac; ! grep -q bad /etc/web.conf")
        ),
    );
    let worker = idle("environment: {WORKERS: '${WORKERS}'}, depends_on: [web]");
    let compose = format!(
        "services:\n  db: {}\n  web: {web}\n  worker: {worker}\n",
        idle(&healthcheck("true"))
    );
    let env = "# What the shop does.\nMODE=one\nWORKERS=1\nAPI_TOKEN=hunter2\nJWT_SECRET=abc\n";
    let stack = TestStack::new(&[
        ("compose.yaml", &compose),
        (".env", env),
        ("web.conf", "good\n"),
    ])?;
    stack.up_healthy();
    Some(stack)
}
