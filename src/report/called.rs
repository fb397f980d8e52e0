//! Commands that a person is told to type, made fit for how this one was typed: without its `-f`, `-p`,
//! `--profile` and the like a pasted command would be about another stack, or none. Every text goes
//! through here on its way out, so that whoever writes a hint names the command alone.

use std::sync::OnceLock;

/// What was typed before everything else: which stack, and which engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Called {
    /// Options of refit, quoted as for a shell.
    pub refit: Vec<String>,
    /// The same for `docker compose`.
    pub compose: Vec<String>,
    /// Options that stand between `docker` and `compose`.
    pub docker: Vec<String>,
    /// The verbs of refit, and their other names.
    pub verbs: Vec<String>,
}

/// Verbs of Compose that hints name.
const OF_COMPOSE: [&str; 19] = [
    "build", "config", "down", "exec", "kill", "logs", "pause", "port", "ps", "pull", "restart",
    "rm", "run", "scale", "start", "stop", "unpause", "up", "volumes",
];

/// How this process was called: of a process there is one command line.
static CALLED: OnceLock<Called> = OnceLock::new();

/// Says once how refit was called.
pub(crate) fn remember(called: Called) {
    // A second time would be the same command line.
    let _ = CALLED.set(called);
}

/// A text with its commands as they have to be typed here.
pub(crate) fn fit(text: &str) -> String {
    match CALLED.get() {
        Some(called) => called.fit(text),
        None => text.to_owned(),
    }
}

impl Called {
    fn fit(&self, text: &str) -> String {
        let is_refit = |verb: &str| self.verbs.iter().any(|known| known == verb);
        let text = put(text, "refit ", &self.refit, is_refit);
        let is_compose = |verb: &str| OF_COMPOSE.contains(&verb);
        let text = put(&text, "docker compose ", &self.compose, is_compose);
        let is_compose = |word: &str| word == "compose";
        put(&text, "docker ", &self.docker, is_compose)
    }
}

/// Puts options behind a program's name, wherever one of its verbs follows.
fn put(text: &str, program: &str, options: &[String], is_verb: impl Fn(&str) -> bool) -> String {
    if options.is_empty() {
        return text.to_owned();
    }
    let options = options.join(" ");
    let mut told = String::with_capacity(text.len() + options.len());
    let mut rest = text;
    while let Some(at) = rest.find(program) {
        let (before, after) = rest.split_at(at + program.len());
        let is_word = !before[..at].ends_with(|c: char| c.is_alphanumeric() || "-_/.".contains(c));
        let verb: &str = after
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .next()
            .unwrap_or_default();
        told.push_str(before);
        if is_word && is_verb(verb) {
            told.push_str(&options);
            told.push(' ');
        }
        rest = after;
    }
    told + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called() -> Called {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Called {
            refit: words(&["-f", "a.yaml", "-p", "shop", "-H", "tcp://x"]),
            compose: words(&["-f", "a.yaml", "-p", "shop"]),
            docker: words(&["-H", "tcp://x"]),
            verbs: words(&["apply", "show", "undo"]),
        }
    }

    #[test]
    fn commands_name_the_stack_that_was_named() {
        let fit = |text: &str| called().fit(text);
        let options = "-f a.yaml -p shop -H tcp://x";
        assert_eq!(fit("refit apply"), format!("refit {options} apply"));
        assert_eq!(
            fit("close it; refit show 8, or `refit apply web`"),
            format!("close it; refit {options} show 8, or `refit {options} apply web`")
        );
        assert_eq!(
            fit("docker compose unpause web"),
            "docker -H tcp://x compose -f a.yaml -p shop unpause web"
        );
    }

    #[test]
    fn what_is_no_command_stays() {
        for text in [
            "refit needs more",
            "what refit applies",
            "/usr/bin/refit apply",
            "docker compose -f b.yaml up -d",
            "refit -C /srv/other apply",
            "refit",
        ] {
            let told = called().fit(text);
            assert_eq!(told.replace("docker -H tcp://x ", "docker "), text);
        }
        assert_eq!(Called::default().fit("refit apply"), "refit apply");
    }
}
