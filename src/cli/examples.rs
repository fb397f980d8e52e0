//! Examples of each verb, for `--help` and the man pages.

use clap::Command;

/// A verb, and what is typed for what.
type Examples = (&'static str, &'static [(&'static str, &'static str)]);

/// Verbs below a verb follow it after a space.
const ALL: &[Examples] = &[
    (
        "set",
        &[
            ("refit set SESSION_EXPIRY=604800", "a key of the env file"),
            (
                "refit set services.web.image=app:2",
                "a value of the compose file",
            ),
            (
                "refit set -F web.env API_TOKEN",
                "asks for the value, hidden",
            ),
        ],
    ),
    (
        "unset",
        &[
            (
                "refit unset DEBUG",
                "remove the line; the default counts again",
            ),
            (
                "refit unset services.web.mem_limit",
                "the same in the compose file",
            ),
        ],
    ),
    (
        "edit",
        &[
            ("refit edit", "the env file, in $VISUAL or $EDITOR"),
            (
                "refit edit compose.yaml --dry-run",
                "show what the edit would do",
            ),
        ],
    ),
    (
        "get",
        &[
            ("refit get SESSION_EXPIRY", "as Compose reads it"),
            ("refit get services.web.image", "from the compose file"),
        ],
    ),
    (
        "apply",
        &[
            ("refit apply", "after an edit by hand"),
            (
                "refit apply web --dry-run",
                "show what would be done to one service",
            ),
        ],
    ),
    (
        "restart",
        &[
            ("refit restart web", "one service, and what depends on it"),
            (
                "refit restart --down",
                "docker compose down, then up -d --build",
            ),
        ],
    ),
    (
        "use",
        &[
            ("refit use stay-signed-in for=30d", "sign-ins last 30 days"),
            (
                "refit use session-store store=redis --dry-run",
                "show what the recipe would do",
            ),
        ],
    ),
    (
        "recipes",
        &[
            ("refit recipes", "what there is"),
            (
                "refit recipes no-login",
                "one in full: changes, checks, refusals",
            ),
        ],
    ),
    (
        "upgrade",
        &[
            (
                "refit upgrade --check",
                "what is new, and what would be done",
            ),
            (
                "refit upgrade --to v1.4.0",
                "to a tag, a branch or a commit",
            ),
        ],
    ),
    (
        "plan",
        &[
            ("refit plan", "what refit apply would do"),
            (
                "refit plan --exit-code",
                "for scripts: 10 when there is something to do",
            ),
        ],
    ),
    (
        "status",
        &[
            ("refit status", "a table, and what is out of sync"),
            ("refit status --json", "the same for scripts"),
        ],
    ),
    (
        "watch",
        &[
            ("refit watch", "until every service has a verdict"),
            ("refit watch --for 1m", "give up after a minute"),
        ],
    ),
    (
        "rollback",
        &[
            (
                "refit rollback",
                "undo the last change; again: the one before",
            ),
            ("refit rollback 12", "go back to before run 12"),
        ],
    ),
    (
        "history",
        &[
            ("refit history", "every run"),
            (
                "refit history --since 30d",
                "the last 30 days, with their sum",
            ),
        ],
    ),
    (
        "forget",
        &[
            ("refit forget --dry-run", "what is remembered of this stack"),
            (
                "refit forget",
                "removes it; refit rollback has nothing to go back to then",
            ),
            (
                "refit forget --all-gone",
                "the same of stacks whose folder is gone",
            ),
        ],
    ),
    (
        "show",
        &[("refit show", "the last run"), ("refit show 12", "run 12")],
    ),
    (
        "schedule",
        &[
            (
                "refit schedule install --every week",
                "upgrade every Monday",
            ),
            (
                "refit schedule status",
                "when it fires, and what came of it",
            ),
        ],
    ),
    (
        "schedule install",
        &[
            ("refit schedule install --at 04:30", "every day at 04:30"),
            (
                "refit schedule install --every 'Tue 04:00'",
                "every Tuesday, with systemd",
            ),
        ],
    ),
    (
        "schedule remove",
        &[
            ("refit schedule remove", "the timer of this stack"),
            ("refit -C /srv/chat schedule remove", "of another stack"),
        ],
    ),
    (
        "schedule status",
        &[
            (
                "refit schedule status",
                "when it fires, and what came of it",
            ),
            ("refit schedule status --json", "the same for scripts"),
        ],
    ),
    (
        "schedule run",
        &[
            (
                "refit schedule run --action check",
                "look for news, as a timer does",
            ),
            ("refit schedule run --retry", "try again what failed before"),
        ],
    ),
    (
        "schedule test",
        &[
            (
                "refit schedule test",
                "the timer's command in the timer's environment",
            ),
            ("refit -C /srv/chat schedule test", "of another stack"),
        ],
    ),
    (
        "notify",
        &[
            ("refit notify test", "everybody under notify in refit.yaml"),
            ("refit notify test ntfy", "one of them"),
        ],
    ),
    (
        "notify test",
        &[
            ("refit notify test", "everybody under notify in refit.yaml"),
            ("refit notify test ntfy", "one of them"),
        ],
    ),
    (
        "trust",
        &[
            (
                "refit trust --list",
                "what upstream brought, and is not run yet",
            ),
            ("refit trust", "show it, and accept it"),
        ],
    ),
    (
        "why",
        &[
            (
                "refit why SESSION_EXPIRY",
                "where it is set, and what it reaches",
            ),
            ("refit why SESSION_EXPIRY --json", "the same for scripts"),
        ],
    ),
    (
        "doctor",
        &[
            ("refit doctor", "services, settings and stores"),
            (
                "refit doctor --url https://chat.example.org",
                "its pages and cookies as well",
            ),
        ],
    ),
    (
        "completions",
        &[
            (
                "refit completions bash > /etc/bash_completion.d/refit",
                "for bash",
            ),
            (
                "refit completions fish > ~/.config/fish/completions/refit.fish",
                "for fish",
            ),
        ],
    ),
    (
        "man",
        &[
            ("sudo refit man /usr/local/share/man/man1", "for everybody"),
            ("refit man . && man -l refit.1", "to look at"),
        ],
    ),
];

/// The lines of a verb's examples: those that are too long for a remark beside them have it above.
pub(super) fn lines(verb: &str) -> Vec<String> {
    let found = ALL.iter().find(|(name, _)| *name == verb);
    let examples = found.map_or(&[][..], |(_, examples)| examples);
    let width = |typed: &str| typed.chars().count();
    let beside = examples.iter().map(|(typed, _)| width(typed)).max();
    let beside = beside.unwrap_or_default();
    let told = examples.iter().flat_map(|(typed, what)| {
        if beside + width(what) > 74 {
            return vec![format!("# {what}"), (*typed).to_owned()];
        }
        vec![format!("{typed:<beside$}  {what}")]
    });
    told.collect()
}

/// The same command, each verb with its examples at the end of its long help.
pub(super) fn add(command: Command) -> Command {
    below(command, "")
}

fn below(mut command: Command, above: &str) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    for name in names {
        let path = format!("{above} {name}").trim().to_owned();
        command = command.mut_subcommand(&name, |verb| {
            let lines: String = lines(&path)
                .iter()
                .map(|line| format!("\n  {line}"))
                .collect();
            below(verb.after_long_help(format!("Examples:{lines}")), &path)
        });
    }
    command
}
