//! An event is made by the redactor, and by nobody else: what is printed, notified and given to
//! programs is without secrets, and nothing in it draws on a terminal or floods it.

use super::{
    CheckoutNews, EnvNews, ImageNews, Kind, News, PlannedStep, Reason, SampleKey, Unanswered,
};
use crate::secret::Redactor;
use crate::text;

impl Kind {
    /// The same with all secrets that the redactor knows taken out of its texts. Names of services,
    /// files and keys are no texts: a secret that looks like one must not change what is said of it.
    /// Every case names all of its fields, so that a new one has to be thought of here.
    pub(super) fn redacted(self, redactor: &Redactor) -> Self {
        let clean = |text: String| redactor.told(&text);
        match self {
            Self::RunStarted {
                command,
                project,
                directory,
            } => Self::RunStarted {
                command: redactor.whole(&command),
                project: name(project),
                directory,
            },
            // A value is told whole to programs; for a person it is put on one line, and cut.
            Self::Change {
                file,
                key,
                before,
                after,
                same,
            } => Self::Change {
                file: name(file),
                before: before.hiding(&key, redactor),
                after: after.hiding(&key, redactor),
                key: name(key),
                same,
            },
            Self::Diff { file, lines } => Self::Diff {
                file: name(file),
                lines: lines.into_iter().map(clean).collect(),
            },
            Self::Plan { steps, untouched } => Self::Plan {
                steps: steps.into_iter().map(|one| step(one, &clean)).collect(),
                untouched,
            },
            Self::News(found) => Self::News(Box::new(news(*found, &clean))),
            Self::Phase { phase } => Self::Phase { phase },
            Self::Progress { what, done, total } => Self::Progress {
                what: clean(what),
                done,
                total,
            },
            Self::Container {
                service,
                state,
                health,
                restarts,
            } => Self::Container {
                service,
                state: name(state),
                health: health.map(name),
                restarts,
            },
            Self::Waiting {
                service,
                what,
                elapsed,
                limit,
            } => Self::Waiting {
                service,
                what: clean(what),
                elapsed,
                limit,
            },
            Self::Verdict {
                service,
                verdict,
                reason,
                ports,
                times,
            } => Self::Verdict {
                service,
                verdict,
                reason: reason.map(clean),
                ports,
                times,
            },
            Self::Effect {
                service,
                key,
                route,
                ok,
                how,
                what,
            } => Self::Effect {
                service,
                key: name(key),
                route,
                ok,
                how,
                what: clean(what),
            },
            Self::Proof {
                service,
                check,
                result,
                what,
            } => Self::Proof {
                service,
                check,
                result,
                what: clean(what),
            },
            Self::Watched {
                exit_code,
                duration,
                text,
            } => Self::Watched {
                exit_code,
                duration,
                text: clean(text),
            },
            Self::Rollback { reason } => Self::Rollback {
                reason: clean(reason),
            },
            Self::Restored { files, removed } => Self::Restored {
                files: files.into_iter().map(name).collect(),
                removed: removed.into_iter().map(name).collect(),
            },
            Self::Recovered { run, outcome } => Self::Recovered { run, outcome },
            Self::Note { code, text } => Self::Note {
                code,
                text: clean(text),
            },
            Self::Logs { service, lines } => Self::Logs {
                service,
                lines: text::last(lines).into_iter().map(clean).collect(),
            },
            Self::Complaint(complaint) => Self::Complaint(complaint.redacted(redactor)),
            Self::Finished {
                outcome,
                exit_code,
                duration,
                services,
                next,
            } => Self::Finished {
                outcome,
                exit_code,
                duration,
                services,
                next: next.map(|next| redactor.whole(&next)),
            },
        }
    }
}

/// On one line, so that none looks like a line of ours.
fn name(name: String) -> String {
    text::printable(&name).replace(['\n', '\t'], " ")
}

fn step(step: PlannedStep, clean: &impl Fn(String) -> String) -> PlannedStep {
    let PlannedStep {
        service,
        action,
        reasons,
    } = step;
    let reason = |Reason {
                      route,
                      file,
                      key,
                      text,
                  }: Reason| Reason {
        route,
        file: file.map(name),
        key: key.map(name),
        text: clean(text),
    };
    PlannedStep {
        service,
        action,
        reasons: reasons.into_iter().map(reason).collect(),
    }
}

fn news(news: News, clean: &impl Fn(String) -> String) -> News {
    let News {
        checkout,
        images,
        env,
        unanswered,
    } = news;
    let silent = |one: Unanswered| Unanswered {
        code: one.code,
        images: names(one.images),
        text: clean(one.text),
        hint: one.hint.map(clean),
    };
    let image = |ImageNews {
                     service,
                     name: image,
                     from,
                     to,
                     was,
                     from_version,
                     to_version,
                     release_notes,
                 }: ImageNews| ImageNews {
        service,
        name: name(image),
        from: from.map(name),
        to: name(to),
        was: was.map(name),
        from_version: from_version.map(clean),
        to_version: to_version.map(clean),
        release_notes: release_notes.map(clean),
    };
    News {
        checkout: checkout.map(|checkout| of_checkout(checkout, clean)),
        images: images.into_iter().map(image).collect(),
        env: env.map(|env| of_env(env, clean)),
        unanswered: unanswered.into_iter().map(silent).collect(),
    }
}

fn of_checkout(news: CheckoutNews, clean: &impl Fn(String) -> String) -> CheckoutNews {
    let CheckoutNews {
        from,
        to,
        target,
        commits,
        older,
        oldest,
        newest,
        tags,
        files,
    } = news;
    CheckoutNews {
        from: name(from),
        to: name(to),
        target: name(target),
        commits,
        older,
        oldest: oldest.map(clean),
        newest: newest.map(clean),
        tags: names(tags),
        files: names(files),
    }
}

fn of_env(news: EnvNews, clean: &impl Fn(String) -> String) -> EnvNews {
    let EnvNews {
        sample,
        added,
        options,
        changed,
        removed,
        published,
        required,
    } = news;
    let key = |SampleKey {
                   key,
                   default,
                   comment,
               }: SampleKey| SampleKey {
        key: name(key),
        default: default.map(clean),
        comment: comment.into_iter().map(clean).collect(),
    };
    EnvNews {
        sample: name(sample),
        added: added.into_iter().map(key).collect(),
        options: options.into_iter().map(key).collect(),
        changed: names(changed),
        removed: names(removed),
        published: names(published),
        required: names(required),
    }
}

fn names(names: Vec<String>) -> Vec<String> {
    names.into_iter().map(name).collect()
}
