//! What a change of an application's version passes: steps without a way back, and what is run or needed
//! on the way. Data, and what is said of it. Pure.

use super::objection::Objection;
use crate::event::ServiceName;
use crate::profile::UpgradeStep;
use crate::profile::upgrades::Heading;
use crate::text::shell_word;

/// The way of an application from the version that runs to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crossing {
    /// The application's own name.
    pub(crate) title: String,
    /// The service that is the application.
    pub(crate) service: ServiceName,
    /// The version of its container.
    pub(crate) from: Option<String>,
    /// That of the next one.
    pub(crate) to: Option<String>,
    /// What is passed, as far as it is known.
    pub(crate) passed: PassedSteps,
}

/// What is passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PassedSteps {
    /// These, in order.
    Known(Heading, Vec<PassedStep>),
    /// One of the versions is not known, and these may be. `is_awaited`: the image that may tell it is yet
    /// to come.
    NotKnown {
        steps: Vec<UpgradeStep>,
        is_awaited: bool,
    },
}

/// A step that is passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassedStep {
    pub(crate) step: UpgradeStep,
    pub(crate) way_back: WayBack,
    /// Of the keys that it needs, those without a value.
    pub(crate) keys_missing: Vec<String>,
}

/// Whether the version before a step reads what the one after has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WayBack {
    /// It does.
    Open,
    /// It does as long as these switches stay: the files have them.
    Kept(Vec<KeptBy>),
    /// It does not. These switches would keep it.
    Lost(Vec<MissingSwitch>),
}

/// A switch that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptBy {
    /// Its key, or its path in a file.
    pub(crate) name: String,
    /// As it stands there.
    pub(crate) told: String,
}

/// A switch that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingSwitch {
    /// A key of the environment, with its value; and the service, where no env file reaches it.
    Key {
        assignment: String,
        only_for: Option<ServiceName>,
    },
    /// A path of a file that is there and that the application sees.
    InFile { file: String, assignment: String },
    /// The same of a file that the stack does not have.
    NoFile { file: String, setting: String },
}

impl Crossing {
    /// The steps up, in order.
    pub(crate) fn up(&self) -> &[PassedStep] {
        match &self.passed {
            PassedSteps::Known(Heading::Up, steps) => steps,
            PassedSteps::Known(Heading::Down, _) | PassedSteps::NotKnown { .. } => &[],
        }
    }

    /// The steps without a way back, with which side it goes to.
    fn lost(&self) -> Option<(Heading, &PassedStep, &[MissingSwitch])> {
        let PassedSteps::Known(heading, steps) = &self.passed else {
            return None;
        };
        steps.iter().find_map(|one| match &one.way_back {
            WayBack::Lost(switches) => Some((*heading, one, switches.as_slice())),
            WayBack::Open | WayBack::Kept(_) => None,
        })
    }

    /// What is said of it before anything is touched. `runs_once`: whether what is to be run once is run.
    pub(crate) fn told(&self, runs_once: bool) -> Vec<String> {
        let title = &self.title;
        match &self.passed {
            PassedSteps::Known(Heading::Up, steps) => steps
                .iter()
                .flat_map(|one| one.told(title, &self.service, runs_once))
                .collect(),
            // The guard, and what is kept.
            PassedSteps::Known(Heading::Down, steps) => {
                let kept = steps.iter().filter_map(|one| match &one.way_back {
                    WayBack::Kept(switches) => Some(format!(
                        "{title} {} → {}: the way back was kept by {}: {} reads what {} has written",
                        one.step.to,
                        one.step.from,
                        all(switches),
                        one.step.from,
                        one.step.to
                    )),
                    WayBack::Open | WayBack::Lost(_) => None,
                });
                kept.collect()
            }
            PassedSteps::NotKnown { steps, is_awaited } => {
                self.not_known(steps, *is_awaited).into_iter().collect()
            }
        }
    }

    fn not_known(&self, steps: &[UpgradeStep], is_awaited: bool) -> Option<String> {
        let one_way = steps.iter().filter(|step| !step.way_back);
        let names = |steps: Vec<&UpgradeStep>| {
            let names: Vec<&str> = steps.iter().map(|step| step.to.as_str()).collect();
            names.join(" and ")
        };
        let (which, what) = match names(one_way.collect()) {
            none if none.is_empty() => {
                let once = steps.iter().filter(|step| step.once.is_some());
                let once = names(once.collect());
                if once.is_empty() {
                    return None;
                }
                (once, "something is to be run once")
            }
            one_way => (one_way, "there is no way back"),
        };
        let (title, service) = (&self.title, &self.service);
        let side = match (&self.from, &self.to) {
            (None, _) => format!("which version {service} runs"),
            (Some(_), _) => format!("which version the new image of {service} is"),
        };
        let then = match is_awaited {
            true => "; it is looked at before a container is stopped",
            false => "",
        };
        Some(format!(
            "not known: whether this passes {title} {which}, from where {what}: neither label nor tag says {side}{then}"
        ))
    }

    /// What speaks against it.
    pub(crate) fn objection(&self) -> Option<Objection> {
        let (heading, one, switches) = self.lost()?;
        let (title, from, to) = (
            &self.title,
            self.from.as_deref().unwrap_or_default(),
            self.to.as_deref().unwrap_or_default(),
        );
        let lost = one.step.lost.as_deref().unwrap_or_default();
        let (before, after) = (&one.step.from, &one.step.to);
        let source = &one.step.source;
        Some(match heading {
            Heading::Up => Objection {
                text: format!(
                    "{title} would go from {from} to {to}, and there is no way back from {after}: \
                     {before} cannot read {lost} ({source})"
                ),
                instead: Some(match commands(switches).as_slice() {
                    [] => {
                        "only a backup of its data of before the upgrade is a way back".to_owned()
                    }
                    commands => format!("to keep the way back, first: {}", commands.join("; ")),
                }),
            },
            Heading::Down => Objection {
                text: format!(
                    "{title} would go back from {from} to {to}, and {before} cannot read {lost} ({source})"
                ),
                instead: Some(
                    "its data of before the upgrade, from a backup, have to come back with it"
                        .to_owned(),
                ),
            },
        })
    }

    /// What holds once the steps up are passed, in place of what would undo them.
    pub(crate) fn holds(&self) -> Option<String> {
        let mut lost = self.up().iter().filter_map(|one| match &one.way_back {
            WayBack::Lost(_) => Some(&one.step),
            WayBack::Open | WayBack::Kept(_) => None,
        });
        let step = lost.next_back()?;
        let (title, before, after) = (&self.title, &step.from, &step.to);
        let lost = step.lost.as_deref().unwrap_or_default();
        Some(format!(
            "No way back from {title} {after}: {before} cannot read {lost}"
        ))
    }
}

impl PassedStep {
    fn told(&self, title: &str, service: &ServiceName, runs_once: bool) -> Vec<String> {
        let step = &self.step;
        let name = format!("{title} {} → {}", step.from, step.to);
        let (source, before) = (&step.source, &step.from);
        let lost = step.lost.as_deref().unwrap_or_default();
        let mut told = vec![match &self.way_back {
            WayBack::Lost(_) => {
                format!("{name}: no way back: {before} cannot read {lost} ({source})")
            }
            WayBack::Kept(switches) => format!(
                "{name}: the way back is kept by {} ({source})",
                all(switches)
            ),
            WayBack::Open => format!("{name}: {source}"),
        }];
        told.extend(step.needs.iter().map(|need| format!("{name} needs {need}")));
        let missing = self.keys_missing.iter();
        told.extend(missing.map(|key| format!("{name} needs {key}, which has no value here")));
        if let Some(once) = step.once.as_ref().filter(|_| runs_once) {
            let command = once.command.join(" ");
            told.push(format!(
                "{name} runs {command} once, in a container of the new image, with {service} stopped: it {}",
                once.about
            ));
            if !once.dry_run.is_empty() {
                let folder = once.folder.iter().map(|folder| format!("-w {folder} "));
                let folder: String = folder.collect();
                let dry = once.dry_run.join(" ");
                told.push(format!(
                    "{name}: what that would do says, once the new image is here: \
                     docker compose run --rm --no-deps {folder}{service} {dry}"
                ));
            }
        }
        told
    }
}

fn all(switches: &[KeptBy]) -> String {
    let told: Vec<&str> = switches.iter().map(|switch| switch.told.as_str()).collect();
    told.join(" and ")
}

/// The commands that set some switches: those of one place at once. Nothing is applied by them: an older
/// version may not know them.
fn commands(switches: &[MissingSwitch]) -> Vec<String> {
    let mut places: Vec<(String, Vec<String>)> = Vec::new();
    let mut by_hand = Vec::new();
    for switch in switches {
        let (flag, assignment) = match switch {
            MissingSwitch::Key {
                assignment,
                only_for: None,
            } => (String::new(), assignment),
            MissingSwitch::Key {
                assignment,
                only_for: Some(service),
            } => (format!(" --for {service}"), assignment),
            MissingSwitch::InFile { file, assignment } => {
                (format!(" -F {}", shell_word(file)), assignment)
            }
            MissingSwitch::NoFile { file, setting } => {
                by_hand.push(format!(
                    "{setting} in {file}, which this stack does not have"
                ));
                continue;
            }
        };
        let word = shell_word(assignment);
        match places.iter_mut().find(|(place, _)| *place == flag) {
            Some((_, words)) => words.push(word),
            None => places.push((flag, vec![word])),
        }
    }
    let typed = places
        .into_iter()
        .map(|(flag, words)| format!("refit set {}{flag} --no-apply", words.join(" ")));
    typed.chain(by_hand).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(to: &str, more: &str) -> UpgradeStep {
        let text = format!("{{from: '1.{to}', to: '2.{to}', source: 'https://x/{to}', {more}}}");
        serde_saphyr::from_str(&text).unwrap()
    }

    fn passed(to: &str, way_back: WayBack) -> PassedStep {
        let more = match &way_back {
            WayBack::Open => "once: {command: [tidy, up], about: tidies}",
            WayBack::Kept(_) | WayBack::Lost(_) => {
                "way_back: false, lost: its data, needs: [a backup]"
            }
        };
        PassedStep {
            step: step(to, more),
            way_back,
            keys_missing: Vec::new(),
        }
    }

    fn crossing(heading: Heading, steps: Vec<PassedStep>) -> Crossing {
        Crossing {
            title: "App".to_owned(),
            service: "web".into(),
            from: Some("1.0.3".to_owned()),
            to: Some("2.1.0".to_owned()),
            passed: PassedSteps::Known(heading, steps),
        }
    }

    #[test]
    fn the_commands_are_whole_and_those_of_one_place_are_one() {
        let key = |assignment: &str| MissingSwitch::Key {
            assignment: assignment.to_owned(),
            only_for: None,
        };
        let in_file = |assignment: &str| MissingSwitch::InFile {
            file: "my app.yaml".to_owned(),
            assignment: assignment.to_owned(),
        };
        let switches = vec![key("A=1"), in_file("a.b=x"), key("B=2"), in_file("c=false")];
        let lost = crossing(Heading::Up, vec![passed("0", WayBack::Lost(switches))]);
        let objection = lost.objection().unwrap();
        assert_eq!(
            objection.text,
            "App would go from 1.0.3 to 2.1.0, and there is no way back from 2.0: 1.0 cannot read its \
             data (https://x/0)"
        );
        assert_eq!(
            objection.instead.unwrap(),
            "to keep the way back, first: refit set A=1 B=2 --no-apply; \
             refit set a.b=x c=false -F 'my app.yaml' --no-apply"
        );
    }

    #[test]
    fn what_is_kept_is_no_loss_on_either_way() {
        let switch = || KeptBy {
            name: "A".to_owned(),
            told: "A=1".to_owned(),
        };
        let kept = || passed("0", WayBack::Kept(vec![switch()]));
        for heading in [Heading::Up, Heading::Down] {
            let crossing = crossing(heading, vec![kept()]);
            assert_eq!(crossing.objection(), None);
            assert_eq!(crossing.holds(), None);
            assert!(crossing.told(true)[0].contains("A=1"));
        }
        let lost = crossing(
            Heading::Down,
            vec![kept(), passed("1", WayBack::Lost(vec![]))],
        );
        let objection = lost.objection().unwrap();
        assert!(objection.text.contains("would go back"), "{objection:?}");
        // What is behind needs no other last line.
        assert_eq!(lost.holds(), None);
    }

    #[test]
    fn each_step_is_told_in_order() {
        let steps = vec![
            passed("0", WayBack::Open),
            passed("1", WayBack::Lost(vec![])),
        ];
        let told = crossing(Heading::Up, steps).told(true);
        assert_eq!(
            told,
            [
                "App 1.0 → 2.0: https://x/0",
                "App 1.0 → 2.0 runs tidy up once, in a container of the new image, with web stopped: it tidies",
                "App 1.1 → 2.1: no way back: 1.1 cannot read its data (https://x/1)",
                "App 1.1 → 2.1 needs a backup",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_told_where_it_could_matter() {
        let not_known = |step: UpgradeStep, is_awaited| {
            let crossing = Crossing {
                from: None,
                passed: PassedSteps::NotKnown {
                    steps: vec![step],
                    is_awaited,
                },
                ..crossing(Heading::Up, Vec::new())
            };
            assert_eq!(crossing.objection(), None);
            crossing.told(true).join("; ")
        };
        let told = not_known(step("0", "way_back: false, lost: x"), false);
        assert!(told.starts_with(
            "not known: whether this passes App 2.0, from where there is no way back"
        ));
        assert!(told.ends_with("which version web runs"), "{told}");
        let told = not_known(step("0", "once: {command: [x], about: y}"), true);
        assert!(
            told.contains("is to be run once") && told.contains("before a container is stopped")
        );
        assert_eq!(not_known(step("0", ""), true), "");
    }
}
