//! All that is known before anything is touched: the edits, both sides of the change, the plan, and
//! what must be seen afterwards. Refuses what cannot work.

mod apply;
mod change;
mod edit;
pub mod edit_target;
pub mod edits;
pub mod expected_effects;
pub mod hooks;
pub mod key_diff;
pub mod preflight;
pub(crate) mod profile_probe;
pub(crate) mod read_files;
pub(crate) mod secrets;
pub mod suggest;
pub mod text_diff;
pub(crate) mod validate;
pub(crate) mod warnings;

pub use change::{Change, Decision, Undoing};
pub use edit::of_edit;

use std::collections::BTreeSet;
use std::path::Path;

use crate::assess::edits::Edited;
use crate::complaint::{Code, Complaint};
use crate::docker::EngineError;
use crate::docker::compose::ProjectArgs;
use crate::docker::container::{Container, State};
use crate::event::{Action, ServiceName};
use crate::health::effect::Expected;
use crate::health::limits::Past;
use crate::health::track::Target;
use crate::plan::{self, Inputs, Plan, guard};
use crate::request::{Options, Strategy, What};
use crate::rollback::checkpoint::is_failing;
use crate::secret::Redactor;
use crate::stack::drift::Drift;
use crate::stack::model::Model;
use crate::stack::side::Side;
use crate::stack::source::Source;
use crate::stack::{Place, Resolved, application, resolve};
use crate::state::StackState;

/// What is known.
pub struct Assessment {
    /// The edits in memory.
    pub edited: Edited,
    /// The stack as it is; none where Compose cannot read it.
    pub before: Option<Model>,
    /// Where its values come from.
    pub source: Source,
    /// The stack as it is to be.
    pub after: Model,
    /// What Compose was told before the change.
    pub args_before: ProjectArgs,
    /// What Compose is to be told after the change.
    pub args: ProjectArgs,
    /// The plan.
    pub plan: Plan,
    /// What must be seen afterwards.
    pub effects: Vec<Expected>,
    /// What differed before and is left alone.
    pub differing: Vec<Drift>,
    /// What the person should know.
    pub notes: Vec<String>,
    /// Key and value of everything in the stack's env files, for redaction.
    pub env: Vec<(String, String)>,
    /// The project's containers before.
    pub containers: Vec<Container>,
    /// What kind of change it is.
    pub change: Change,
    /// Whether it is made.
    pub decision: Decision,
    pub(crate) one_shots: BTreeSet<ServiceName>,
    pub(crate) strategy: Strategy,
}

impl Assessment {
    /// Whether there is nothing to do at all.
    pub fn is_nothing(&self) -> bool {
        if let Decision::CalledOff(_) = self.decision {
            return true;
        }
        let edits_nothing = self.edited.is_noop() || self.is_in_line();
        edits_nothing
            && self.moving().is_none()
            && self.plan.is_empty()
            && self.strategy != Strategy::DownUp
    }

    /// What is said when there is nothing to do.
    pub fn nothing_text(&self) -> String {
        if let Decision::CalledOff(text) = &self.decision {
            return text.clone();
        }
        let runs = self.containers.iter().any(Container::is_up);
        let said = match &self.change {
            Change::Restart { all: true } => return "Nothing to do: no service runs".to_owned(),
            Change::Apply { .. } if !runs => "Nothing to do: no service runs",
            // The only kind of change that compares all of them.
            Change::Apply { in_line: true } if self.differing.is_empty() => {
                "Nothing to do: what runs is what the files say"
            }
            Change::Apply { .. } => "Nothing to do for these services",
            Change::Rollback(_) if self.edited.changes.is_empty() => {
                "Nothing to do: there is no change of a file to undo"
            }
            Change::Upgrade { .. } => "Nothing to do: nothing new was found",
            Change::Edit
            | Change::Restart { all: false }
            | Change::Rollback(_)
            | Change::Recipe { .. } => "Nothing to do: the files say so already",
        };
        let is_created = |one: &&Container| one.state == State::Created;
        let created = self.containers.iter().filter(is_created);
        // Beside a container that runs it is a leftover of an earlier `up`.
        let others = self.containers.iter().filter(|one| !is_created(one));
        let others: BTreeSet<&str> = others.map(|one| one.service.as_str()).collect();
        let never_ran: BTreeSet<&str> = created
            .map(|one| one.service.as_str())
            .filter(|service| !others.contains(service))
            .collect();
        if !self.differing.is_empty() {
            format!("{said}. Out of sync since before; refit apply fixes it")
        } else if never_ran.is_empty() {
            said.to_owned()
        } else {
            // Such as work that a rollback did not do again.
            let names: Vec<&str> = never_ran.into_iter().collect();
            let names = names.join(" ");
            format!("{said}. Made and not run: {names}; docker compose up -d {names} runs it")
        }
    }

    /// Files and containers were compared, and agree.
    pub fn is_in_line(&self) -> bool {
        matches!(self.change, Change::Apply { in_line: true })
    }

    /// Everything secret that this stack is known to hold.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for model in self.before.iter().chain([&self.after]) {
            for service in model.services.values() {
                for (key, value) in &service.environment {
                    redactor.learn(key, value.as_deref().unwrap_or_default());
                }
            }
        }
        secrets::learn(&mut redactor, &self.edited, &self.env);
        redactor
    }

    /// The services whose verdict is waited for.
    pub fn watched(&self) -> Vec<ServiceName> {
        let steps = self
            .plan
            .steps
            .iter()
            .filter(|step| step.action != Action::Remove);
        steps.map(|step| step.service.clone()).collect()
    }

    /// Makes a service anew of another image than its container's; says whether that is planned.
    pub fn recreate(&mut self, service: &ServiceName, text: String) -> bool {
        let of = plan::image::Of {
            model: &self.after,
            containers: &self.containers,
            one_shots: &self.one_shots,
        };
        plan::image::recreate(&mut self.plan, of, service, text)
    }

    /// What the watch is to know of each.
    pub fn targets(&self, place: &Place) -> Vec<Target> {
        let of_step = |name: &ServiceName, action: Action| {
            let own: Vec<&Container> = self
                .containers
                .iter()
                .filter(|container| container.service == *name)
                .collect();
            let replicas = self
                .after
                .services
                .get(name)
                .map_or(1, |service| service.replicas);
            let wanted = usize::try_from(replicas).unwrap_or(1);
            let up = own.iter().filter(|container| container.is_up()).count();
            Target {
                service: name.clone(),
                action,
                past: Past {
                    was_up: up > 0,
                    one_shot: self.one_shots.contains(name),
                },
                was_failing: !own.is_empty() && own.iter().all(|container| is_failing(container)),
                old: own.iter().map(|c| (c.id.clone(), c.is_up())).collect(),
                replicas: match action {
                    Action::Restart | Action::Signal => own.len(),
                    // Those that run go on, and are not seen to start.
                    Action::Start => wanted.saturating_sub(up).max(1),
                    Action::None | Action::Recreate | Action::Rebuild | Action::Remove => wanted,
                },
                settings: place.settings.service(name),
            }
        };
        let steps = self
            .plan
            .steps
            .iter()
            .filter(|step| step.action != Action::Remove);
        steps
            .map(|step| of_step(&step.service, step.action))
            .collect()
    }
}

/// Makes the assessment.
///
/// # Errors
/// Everything that is refused before the first write.
pub async fn make(
    place: &Place,
    what: &What,
    options: &Options,
    state: &StackState,
) -> Result<Assessment, Complaint> {
    let assessment = match what {
        What::Edit(edit) => {
            let edited = edits::make(edit, &place.located)?;
            edit::of_edit(place, edited, options).await?
        }
        What::Replace(edit) => {
            if !Side::read(&edit.path).is_same_file(&edit.before) {
                let text = format!(
                    "{} was changed by somebody else meanwhile",
                    place.shown(&edit.path)
                );
                return Err(Complaint::new(Code::Edited, text).hint("open it again: refit edit"));
            }
            let mut edited = Edited::default();
            key_diff::describe(place, edit, &mut edited.changes);
            edited.files.push(edit.clone());
            edit::of_edit(place, edited, options).await?
        }
        What::Apply(services) => apply::of_apply(place, services, state).await?,
        What::Restart(services) => of_restart(place, services).await?,
        What::Rollback(target) => edit::of_rollback(place, *target, options, state).await?,
    };
    Ok(checked(place, assessment, options).await)
}

/// The assessment of edits that somebody else made in memory.
///
/// # Errors
/// As [`make`].
pub async fn of_edited(
    place: &Place,
    edited: Edited,
    options: &Options,
) -> Result<Assessment, Complaint> {
    let assessment = edit::of_edit(place, edited, options).await?;
    Ok(checked(place, assessment, options).await)
}

/// Puts the person's strategy in, and finds what speaks against the change: what cannot work or
/// cannot be undone.
pub async fn checked(place: &Place, mut assessment: Assessment, options: &Options) -> Assessment {
    if !options.no_apply {
        apply_strategy(&mut assessment, options.strategy);
    }
    assessment
        .notes
        .extend(warnings::other_names(place, &assessment.edited));
    match refusals(place, &assessment, options).await {
        Ok(notes) => assessment.notes.extend(notes),
        // Told after the plan: whoever is refused wants to see what.
        Err(complaint) => assessment.decision = Decision::Refused(complaint),
    }
    assessment
}

async fn refusals(
    place: &Place,
    assessment: &Assessment,
    options: &Options,
) -> Result<Vec<String>, Complaint> {
    // A way back is not barred by what guards the way there.
    // But data that was migrated in between cannot be read by the old version.
    match assessment.undoes().is_empty() {
        true => guards(place, assessment, options, guard::check)?,
        false => guards(place, assessment, options, guard::check_way_back)?,
    }
    if options.no_apply {
        return Ok(Vec::new());
    }
    let brings = |path: &Path| assessment.edited.brings(path);
    preflight::all(
        place,
        &assessment.after,
        &assessment.plan,
        &options.allow,
        brings,
    )
    .await
}

fn guards(
    place: &Place,
    assessment: &Assessment,
    options: &Options,
    check: impl FnOnce(&guard::Guarded<'_>, &BTreeSet<guard::Guard>) -> Result<(), Complaint>,
) -> Result<(), Complaint> {
    let keys: Vec<guard::ChangedKey<'_>> = assessment
        .edited
        .changes
        .iter()
        .filter(|change| change.before != change.after)
        .map(|change| guard::ChangedKey {
            key: &change.name,
            had_value: change
                .before
                .as_ref()
                .is_some_and(|value| !value.is_empty()),
        })
        .collect();
    let binds = assessment
        .after
        .services
        .values()
        .flat_map(|service| &service.binds);
    let missing: Vec<_> = match place.docker.endpoint.is_local() {
        true => binds
            .map(|b| b.source.clone())
            .filter(|source| !assessment.edited.brings(source))
            .collect(),
        false => Vec::new(),
    };
    let mut own_keys = place.settings.guard.keys.clone();
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    if keys.iter().any(|key| key.had_value)
        && let Ok(known) = application::of(&place.located.args.directory, model, None)
    {
        own_keys.extend(known.profile.guarded);
    }
    check(
        &guard::Guarded {
            before: assessment.before.as_ref().unwrap_or(&assessment.after),
            after: &assessment.after,
            plan: &assessment.plan,
            containers: &assessment.containers,
            keys: &keys,
            own_keys: &own_keys,
            missing_sources: &missing,
            down: assessment.strategy == Strategy::DownUp,
        },
        &options.allow,
    )
}

async fn of_restart(place: &Place, services: &[ServiceName]) -> Result<Assessment, Complaint> {
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(unreadable)?;
    preflight::services_exist(&resolved.model, services)?;
    let containers = place.of_project(&resolved.model.name);
    let assessment = quiet(place, resolved, containers, |inputs| {
        plan::of_restart(inputs, services)
    });
    Ok(Assessment {
        change: Change::Restart {
            all: services.is_empty(),
        },
        ..assessment
    })
}

fn unreadable(error: EngineError) -> Complaint {
    let text = "Compose cannot read this stack";
    Complaint {
        code: Code::InvalidStack,
        text: text.into(),
        ..Complaint::from(error)
    }
}

/// A assessment without edits.
fn quiet(
    place: &Place,
    resolved: Resolved,
    containers: Vec<Container>,
    plan: impl FnOnce(&Inputs<'_>) -> Plan,
) -> Assessment {
    let shots = place.one_shots(&resolved.model);
    let plan = plan(&Inputs {
        before: &resolved.model,
        source: &resolved.source,
        after: &resolved.model,
        containers: &containers,
        reaches: &[],
        keys: &[],
        profiles_before: &place.located.args.profiles,
        profiles: &place.located.args.profiles,
        one_shots: &shots,
        reloads: &[],
    });
    let edited = Edited {
        read: read_files::of_stack(place, &resolved.source, &Edited::default()),
        ..Edited::default()
    };
    Assessment {
        edited,
        before: Some(resolved.model.clone()),
        source: resolved.source,
        after: resolved.model,
        args_before: place.located.args.clone(),
        args: place.located.args.clone(),
        plan,
        effects: Vec::new(),
        differing: Vec::new(),
        notes: Vec::new(),
        env: secrets::env_of(place, &Edited::default()),
        containers,
        change: Change::Edit,
        decision: Decision::Made,
        one_shots: shots,
        strategy: Strategy::Auto,
    }
}

/// `--strategy` in place of the cheapest action.
fn apply_strategy(assessment: &mut Assessment, strategy: Strategy) {
    assessment.strategy = strategy;
    let plan = std::mem::take(&mut assessment.plan);
    assessment.plan = match strategy {
        Strategy::Auto => plan,
        Strategy::Restart => {
            if plan
                .steps
                .iter()
                .any(|step| step.action == Action::Recreate)
            {
                let text = "a restart does not bring a new environment into a container; \
                            whether it arrived is checked at the end";
                assessment.notes.push(text.to_owned());
            }
            plan::with_action(plan, Action::Restart)
        }
        Strategy::Recreate => plan::with_action(plan, Action::Recreate),
        Strategy::DownUp => {
            assessment
                .notes
                .push(warnings::cost_of_down(&assessment.containers));
            plan::of_down_up(&assessment.after, &assessment.args.profiles)
        }
    };
}
