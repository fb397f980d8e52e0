//! All that is known before anything is touched: the edits, both sides of the change, the plan, and
//! what must be seen afterwards. Refuses what cannot work.

use std::collections::BTreeSet;
use std::path::Path;

use super::checkpoint::{SavedImage, is_failing};
use super::edits::{self, Edited};
use super::fence::fence;
use super::request::{Options, Request, Strategy, What};
use super::state::StackState;
use super::{baseline, checks, history, meant, prove, remarks, secrets};
use crate::complaint::Complaint;
use crate::engine::EngineError;
use crate::engine::compose::ProjectArgs;
use crate::engine::container::Container;
use crate::engine::files;
use crate::event::{Action, RunId, ServiceName};
use crate::health::effect::Expected;
use crate::health::limits::Past;
use crate::health::track::Target;
use crate::plan::{self, Inputs, Plan, guard};
use crate::secret::Redactor;
use crate::stack::drift::{self, Drift};
use crate::stack::model::Model;
use crate::stack::routes::{self, FileReach};
use crate::stack::source::Source;
use crate::stack::{
    Place, Resolved, one_shots, resolve, resolve_both, shown, with_absolute_env_files,
};

/// What is known.
pub struct Survey {
    /// The edits in memory.
    pub edited: Edited,
    /// The stack as it is; none where Compose cannot read it.
    pub before: Option<Model>,
    /// Where its values come from.
    pub source: Source,
    /// The stack as it is to be.
    pub after: Model,
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
    /// The runs that this one undoes.
    pub undoes: Vec<RunId>,
    /// Images that get their names back first, for services that are to run them again.
    pub images: Vec<SavedImage>,
    /// Files and containers were compared, and agree.
    pub in_line: bool,
    one_shots: BTreeSet<ServiceName>,
    strategy: Strategy,
    restart_all: bool,
}

impl Survey {
    /// Whether there is nothing to do at all.
    pub fn is_nothing(&self) -> bool {
        let edits_nothing = self.edited.is_noop() || self.in_line;
        edits_nothing && self.plan.is_empty() && self.strategy != Strategy::DownUp
    }

    /// What is said when there is nothing to do.
    pub fn nothing_text(&self) -> String {
        let said = if self.edited.changes.is_empty() {
            "Nothing to do: what runs is what the files say"
        } else {
            "Nothing to do: the files say so already"
        };
        match (self.restart_all, self.differing.is_empty()) {
            (true, _) => "Nothing to do: no service runs".to_owned(),
            (_, true) => said.to_owned(),
            (_, false) => format!("{said}. What differs since before is put right by: refit apply"),
        }
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
                    _ => wanted,
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

/// Makes the survey.
///
/// # Errors
/// Everything that is refused before the first write.
pub async fn make(
    place: &Place,
    request: &Request,
    state: &StackState,
) -> Result<Survey, Complaint> {
    let options = &request.options;
    let mut survey = match &request.what {
        What::Edit(edit) => {
            let edited = edits::make(edit, &place.located)?;
            of_edit(place, edited, options).await?
        }
        What::Replace(edit) => {
            let mut edited = Edited::default();
            history::describe(place, edit, &mut edited.changes);
            edited.files.push(edit.clone());
            of_edit(place, edited, options).await?
        }
        What::Apply(services) => of_apply(place, services, state).await?,
        What::Restart(services) => of_restart(place, services).await?,
        What::Rollback(target) => of_rollback(place, *target, options, state).await?,
    };
    if !options.no_apply {
        apply_strategy(&mut survey, options.strategy);
        // A way back is not barred by what guards the way there.
        if survey.undoes.is_empty() {
            guards(place, &survey, options)?;
        }
        let notes = checks::all(place, &survey.after, &survey.plan, &options.allow).await?;
        survey.notes.extend(notes);
    }
    Ok(survey)
}

fn guards(place: &Place, survey: &Survey, options: &Options) -> Result<(), Complaint> {
    let keys: Vec<guard::ChangedKey<'_>> = survey
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
    let binds = survey
        .after
        .services
        .values()
        .flat_map(|service| &service.binds);
    let missing: Vec<_> = match place.docker.endpoint.is_local() {
        true => binds
            .map(|b| b.source.clone())
            .filter(|source| !source.exists())
            .collect(),
        false => Vec::new(),
    };
    guard::check(
        &guard::Guarded {
            before: survey.before.as_ref().unwrap_or(&survey.after),
            after: &survey.after,
            plan: &survey.plan,
            containers: &survey.containers,
            keys: &keys,
            own_keys: &place.settings.guard.keys,
            missing_sources: &missing,
            down: survey.strategy == Strategy::DownUp,
        },
        &options.allow,
    )
}

/// The way back as an edit like any other, with the images that were kept.
async fn of_rollback(
    place: &Place,
    target: Option<RunId>,
    options: &Options,
    state: &StackState,
) -> Result<Survey, Complaint> {
    let undo = history::undo(place, state, target, options.allow.contains("edited"))?;
    let mut survey = of_edit(place, undo.edited, options).await?;
    for image in undo.images {
        let now = place.docker.image_id(&image.name).await?;
        let defined = survey.after.services.contains_key(&image.service);
        if now.as_ref() == Some(&image.id) || !defined || survey.plan.stack_is_down {
            continue;
        }
        let text = format!("goes back to the image it ran before ({})", image.kept_as);
        plan::add(
            &mut survey.plan,
            &survey.after,
            &image.service,
            Action::Recreate,
            text,
        );
        survey.images.push(image);
    }
    survey.undoes = undo.runs;
    Ok(survey)
}

async fn of_edit(place: &Place, edited: Edited, options: &Options) -> Result<Survey, Complaint> {
    let mut located_after = place.located.clone();
    let files = &mut located_after.args.files;
    files.extend(edited.new_compose_file.clone());
    files.retain(|file| {
        !edited
            .files
            .iter()
            .any(|e| e.path == *file && e.after.is_none())
    });
    let args = located_after.args;
    let both = resolve_both(place, &args, &edited.files).await?;
    if let (Ok(before), Err(_)) = (&both.before, &both.after) {
        checks::services_exist(&before.model, &edited.reach)?;
    }
    let env = secrets::env_of(place, &edited);
    let fenced = fence(both.before, both.after, options);
    let (before, source, after, mut notes) = fenced.map_err(|complaint| {
        // Compose may repeat what it cannot read.
        let mut redactor = Redactor::default();
        secrets::learn(&mut redactor, &edited, &env);
        let paths = edited
            .changes
            .iter()
            .filter(|change| edits::is_yaml(Path::new(&change.file)))
            .map(|change| change.key.as_str());
        let hint = meant::after_refusal(paths, &place.located);
        let hint = complaint.hint.clone().or(hint);
        Complaint { hint, ..complaint }.redacted(&redactor)
    })?;
    notes.extend(edited.notes.iter().cloned());
    let after = match &before {
        Some(before) => with_absolute_env_files(after, before, &source, &edited.files),
        None => after,
    };
    let containers = place.of_project(&after.name);
    let model = before.clone().unwrap_or_else(|| after.clone());
    let reaches = reaches_of(place, &after, &source, &edited);
    let keys: Vec<(String, String)> = edited
        .changes
        .iter()
        .filter(|change| change.before != change.after)
        .map(|change| (change.file.clone(), change.key.clone()))
        .collect();
    let shots = one_shots(&after, &place.settings);
    let reloads = reloads_of(place, &edited);
    let plan = plan::of_change(&Inputs {
        before: &model,
        source: &source,
        after: &after,
        containers: &containers,
        reaches: &reaches,
        keys: &keys,
        profiles: &place.located.args.profiles,
        one_shots: &shots,
        reloads: &reloads,
    });
    if !edited.is_noop() && before.is_some() && edited.reach.is_empty() {
        notes.extend(remarks::unreached(
            place, &plan, &reaches, &keys, &model, &source,
        ));
    }
    let effects = prove::expected(&model, &after, &plan, &reaches, &keys);
    let differing = remarks::still_differing(&model, place, &containers, &plan);
    Ok(Survey {
        edited,
        before,
        source,
        after,
        args,
        plan,
        effects,
        differing,
        notes,
        env,
        containers,
        undoes: Vec::new(),
        images: Vec::new(),
        in_line: false,
        one_shots: shots,
        strategy: options.strategy,
        restart_all: false,
    })
}

async fn of_apply(
    place: &Place,
    services: &[ServiceName],
    state: &StackState,
) -> Result<Survey, Complaint> {
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(unreadable)?;
    checks::services_exist(&resolved.model, services)?;
    let containers = place.of_project(&resolved.model.name);
    let mut drifts = drift::find(place, &resolved, &containers).await?;
    let others = |drift: &Drift| !services.is_empty() && !services.contains(&drift.service);
    let differing = drifts.extract_if(.., |drift| others(drift)).collect();
    let reaches: Vec<(String, FileReach)> = drifts
        .iter()
        .filter_map(|drift| drift.reason.file.clone())
        .flat_map(|file| {
            let path = place.located.args.directory.join(&file);
            let found = routes::of_file(&resolved.model, &resolved.source, &path);
            found
                .into_iter()
                .filter(|r| r.target.is_some())
                .map(move |r| (file.clone(), r))
        })
        .collect();
    let survey = quiet(place, resolved, containers, |inputs| {
        plan::of_drift(inputs, &drifts)
    });
    let in_line = drifts.is_empty() && survey.plan.is_empty();
    let mut survey = Survey {
        differing,
        in_line,
        ..survey
    };
    if !survey.plan.is_empty() {
        by_hand(place, &mut survey, state);
    }
    let model = survey.after.clone();
    survey.effects = prove::expected(&model, &model, &survey.plan, &reaches, &[]);
    Ok(survey)
}

/// What was edited by hand since files and containers were last seen to agree: it is in place
/// already, and is what a failed `apply` takes back.
fn by_hand(place: &Place, survey: &mut Survey, state: &StackState) {
    match baseline::edits(place, &survey.after, &survey.source, state) {
        Some(edits) => {
            for edit in &edits {
                history::describe(place, edit, &mut survey.edited.changes);
            }
            survey.edited.files = edits;
            survey.edited.is_by_hand = true;
        }
        None => survey.notes.push(
            "no earlier text of this stack's files is known: should this fail, its files stay as \
             they are now"
                .to_owned(),
        ),
    }
}

async fn of_restart(place: &Place, services: &[ServiceName]) -> Result<Survey, Complaint> {
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(unreadable)?;
    checks::services_exist(&resolved.model, services)?;
    let containers = place.of_project(&resolved.model.name);
    let survey = quiet(place, resolved, containers, |inputs| {
        plan::of_restart(inputs, services)
    });
    Ok(Survey {
        restart_all: services.is_empty(),
        ..survey
    })
}

fn unreadable(error: EngineError) -> Complaint {
    let text = "Compose cannot read this stack";
    Complaint {
        code: "invalid_stack",
        text: text.into(),
        ..Complaint::from(error)
    }
}

/// A survey without edits.
fn quiet(
    place: &Place,
    resolved: Resolved,
    containers: Vec<Container>,
    plan: impl FnOnce(&Inputs<'_>) -> Plan,
) -> Survey {
    let shots = one_shots(&resolved.model, &place.settings);
    let plan = plan(&Inputs {
        before: &resolved.model,
        source: &resolved.source,
        after: &resolved.model,
        containers: &containers,
        reaches: &[],
        keys: &[],
        profiles: &place.located.args.profiles,
        one_shots: &shots,
        reloads: &[],
    });
    Survey {
        edited: Edited::default(),
        before: Some(resolved.model.clone()),
        source: resolved.source,
        after: resolved.model,
        args: place.located.args.clone(),
        plan,
        effects: Vec::new(),
        differing: Vec::new(),
        notes: Vec::new(),
        env: secrets::env_of(place, &Edited::default()),
        containers,
        undoes: Vec::new(),
        images: Vec::new(),
        in_line: false,
        one_shots: shots,
        strategy: Strategy::Auto,
        restart_all: false,
    }
}

/// Whom the edited files reach.
fn reaches_of(
    place: &Place,
    after: &Model,
    source: &Source,
    edited: &Edited,
) -> Vec<(String, FileReach)> {
    let compose_files: BTreeSet<_> = place
        .located
        .args
        .files
        .iter()
        .map(|file| files::follow(file))
        .collect();
    edited
        .changing()
        // A compose file's own routes are what the models differ in.
        .filter(|edit| !compose_files.contains(&files::follow(&edit.path)))
        .flat_map(|edit| {
            let file = place.shown(&edit.path);
            routes::of_file(after, source, &edit.path)
                .into_iter()
                .map(move |r| (file.clone(), r))
        })
        .collect()
}

fn reloads_of(place: &Place, edited: &Edited) -> Vec<(ServiceName, String, String)> {
    let directory = &place.located.args.directory;
    let mut reloads = Vec::new();
    for (service, settings) in &place.settings.services {
        let Some(reload) = &settings.reload else {
            continue;
        };
        for edit in edited.changing() {
            let covered = |path: &Path| edit.path.starts_with(directory.join(path));
            if reload.files.iter().any(|path| covered(path)) {
                let file = shown(directory, &edit.path);
                reloads.push((service.clone(), file, reload.signal.clone()));
            }
        }
    }
    reloads
}

/// `--strategy` in place of the cheapest action.
fn apply_strategy(survey: &mut Survey, strategy: Strategy) {
    survey.strategy = strategy;
    let plan = std::mem::take(&mut survey.plan);
    survey.plan = match strategy {
        Strategy::Auto => plan,
        Strategy::Restart => {
            if plan
                .steps
                .iter()
                .any(|step| step.action == Action::Recreate)
            {
                let text = "a restart does not bring a new environment into a container (F3); \
                            the proof will say whether it arrived";
                survey.notes.push(text.to_owned());
            }
            plan::with_action(plan, Action::Restart)
        }
        Strategy::Recreate => plan::with_action(plan, Action::Recreate),
        Strategy::DownUp => {
            survey.notes.push(remarks::cost_of_down(&survey.containers));
            plan::of_down_up(&survey.after, &survey.args.profiles)
        }
    };
}
