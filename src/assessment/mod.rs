//! All that is known before anything is touched, as a value: the edits, both sides of the change, the
//! plan, and whether it is made. `assess` makes it; what a run applies and rolls back is read off it.

mod change;
pub(crate) mod edited;
pub(crate) mod hooks;
pub(crate) mod key_diff;
pub(crate) mod moving;
pub(crate) mod read_files;
pub(crate) mod secrets;
pub(crate) mod supply;

pub(crate) use change::{
    Change, CheckoutLook, Decision, FilesCompared, ImagesLook, LookedAt, PinnedImage, Undoing,
};

use std::collections::{BTreeMap, BTreeSet};

use crate::assessment::edited::Edited;
use crate::complaint::Complaint;
use crate::docker::compose::ProjectArgs;
use crate::docker::container::{Container, State};
use crate::event::{Action, News, RunId, ServiceName};
use crate::health::before::SeenBefore;
use crate::health::check::Proofs;
use crate::health::culprit::Bonds;
use crate::health::effect::Expected;
use crate::health::limits::Past;
use crate::health::track::{WasFailing, WatchTarget};
use crate::plan::crossing::Crossing;
use crate::plan::own_layer::DiscardedLayer;
use crate::plan::{self, Plan};
use crate::request::Strategy;
use crate::secret::Redactor;
use crate::settings::WaitingAction;
use crate::stack::Place;
use crate::stack::drift::Drift;
use crate::stack::model::Model;
use crate::stack::source::Source;
use hooks::Around;
use moving::Moving;
use supply::{Supply, WantedImage};

/// What is known.
pub(crate) struct Assessment {
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
    /// What a new version would do on this machine, and does not until it is accepted.
    pub arriving: Vec<WaitingAction>,
    /// Key and value of everything in the stack's env files, for redaction.
    pub env: Vec<(String, String)>,
    /// The project's containers before.
    pub containers: Vec<Container>,
    /// What nobody who is not there can mend, and makes a failure of a change that is made all the same.
    pub(crate) beside: Option<Complaint>,
    /// What kind of change it is.
    pub change: Change,
    /// Whether it is made.
    pub decision: Decision,
    /// What was seen of the services that are touched.
    pub(crate) seen: SeenBefore,
    /// What is in no volume, and goes with the containers that are replaced.
    pub(crate) discards: Vec<DiscardedLayer>,
    /// Which versions of the application are passed, where it gets another container.
    pub(crate) crossing: Option<Crossing>,
    pub(crate) one_shots: BTreeSet<ServiceName>,
    pub(crate) strategy: Strategy,
}

impl Assessment {
    /// What waits to be accepted, each once: what is left out of this run, and what a new version brings
    /// besides.
    pub(crate) fn waiting(&self, place: &Place) -> Vec<String> {
        let is_new = |one: &&WaitingAction| place.waits.iter().all(|old| old.id != one.id);
        let new = self.arriving.iter().filter(is_new);
        let there = place.waits.iter().map(WaitingAction::left_out);
        there.chain(new.map(WaitingAction::arriving)).collect()
    }

    /// Whether there is nothing to do at all.
    pub(crate) fn is_nothing(&self) -> bool {
        if let Decision::CalledOff { .. } = self.decision {
            return true;
        }
        let edits_nothing = self.edited.is_noop() || self.is_in_line();
        edits_nothing
            && self.moving().is_none()
            && self.plan.is_empty()
            && self.strategy != Strategy::DownUp
    }

    /// What is said when there is nothing to do.
    pub(crate) fn nothing_text(&self) -> String {
        if let Decision::CalledOff { text, .. } = &self.decision {
            return text.clone();
        }
        let runs = self.containers.iter().any(Container::is_up);
        let mut upgrade;
        let said = match &self.change {
            Change::Restart { all: true } => return "Nothing to do: no service runs".to_owned(),
            Change::Apply(_) if !runs => "Nothing to do: no service runs",
            Change::Apply(FilesCompared { in_line: true, .. }) if self.differing.is_empty() => {
                "Nothing to do: what runs is what the files say"
            }
            Change::Apply(_) if self.waits_for_unpause() => {
                "Nothing to do: a paused service stays so"
            }
            Change::Apply(FilesCompared { in_line: true, .. }) => {
                "Nothing to do: apply changes nothing of that"
            }
            Change::Apply(_) => "Nothing to do for these services",
            Change::Rollback(_) if self.edited.changes.is_empty() => {
                "Nothing to do: there is no change of a file to undo"
            }
            Change::Upgrade { looked_at, .. } => {
                upgrade = looked_at.nothing_new();
                if self.is_in_line() && self.differing.is_empty() && runs {
                    upgrade.push_str("; what runs is what the files say");
                }
                &upgrade
            }
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
        let goes_back = self.differing.iter().any(|drift| drift.keeps.is_some());
        if self.leaves_drift() && goes_back {
            format!("{said}. Out of sync since before")
        } else if self.leaves_drift() {
            format!("{said}. Out of sync since before; refit apply fixes it")
        } else if let Some(FilesCompared {
            in_line: true,
            not_known,
        }) = self.compared()
            && !not_known.is_empty()
        {
            let seen = match self.differing.is_empty() {
                true => ", as far as can be seen",
                false => "",
            };
            format!("{said}{seen}. Not known: {}", not_known.join("; "))
        } else if never_ran.is_empty() {
            let further = self.undoing().and_then(|undoing| undoing.further);
            let further = further.map(|run| format!(". Further back: refit rollback {run}"));
            format!("{said}{}", further.unwrap_or_default())
        } else {
            // Such as work that a rollback did not do again.
            let names: Vec<&str> = never_ran.into_iter().collect();
            let names = names.join(" ");
            format!("{said}. Created and not run: {names}; refit apply {names} runs it")
        }
    }

    /// Only a pause keeps what runs from being what the files say.
    fn waits_for_unpause(&self) -> bool {
        let mut paused = self.plan.remarks.iter().map(|(service, _)| service);
        paused.any(|name| {
            let mut own = self.containers.iter().filter(|one| one.service == *name);
            own.any(|one| one.state == State::Paused)
        })
    }

    /// Whether something differs that another `apply` would mend.
    pub(crate) fn leaves_drift(&self) -> bool {
        self.differing.iter().any(Drift::is_mended_by_apply)
    }

    /// What nobody can see of the rest, where there is something to do, or something else is said than
    /// that there is not.
    pub(crate) fn not_compared(&self) -> &[String] {
        match self.compared() {
            Some(compared) if !compared.in_line || self.leaves_drift() => &compared.not_known,
            Some(_) | None => &[],
        }
    }

    /// Files and containers were compared, and agree.
    pub(crate) fn is_in_line(&self) -> bool {
        self.compared().is_some_and(|compared| compared.in_line)
    }

    fn compared(&self) -> Option<&FilesCompared> {
        match &self.change {
            Change::Apply(compared) => Some(compared),
            Change::Upgrade { looked_at, .. } => looked_at.compared.as_ref(),
            Change::Edit | Change::Restart { .. } | Change::Rollback(_) | Change::Recipe { .. } => {
                None
            }
        }
    }

    /// Everything secret that this stack is known to hold.
    pub(crate) fn redactor(&self) -> Redactor {
        let mut redactor = self.source.redactor();
        for model in self.before.iter().chain([&self.after]) {
            model.teach(&mut redactor);
        }
        // Nobody asks where values come from when nothing changes; so by what they are.
        if self.edited.is_noop() {
            secrets::learn_by_value(&mut redactor, &self.edited, &self.after);
        }
        secrets::learn(&mut redactor, &self.edited, &self.env);
        redactor
    }

    /// The services whose verdict is waited for.
    pub(crate) fn watched(&self) -> Vec<ServiceName> {
        let steps = self
            .plan
            .steps
            .iter()
            .filter(|step| step.action != Action::Remove);
        steps.map(|step| step.service.clone()).collect()
    }

    /// Whether a service gets another container.
    pub(crate) fn makes_anew(&self, service: &ServiceName) -> bool {
        let step = self.plan.step(service);
        step.is_some_and(|step| step.action.makes_container())
    }

    /// Makes a service anew of another image than its container's; says whether that is planned.
    pub(crate) fn recreate(&mut self, service: &ServiceName, text: String) -> bool {
        self.renew(service, Action::Recreate, text)
    }

    /// The same of an image that is to be built.
    pub(crate) fn rebuild(&mut self, service: &ServiceName, text: String) -> bool {
        self.renew(service, Action::Rebuild, text)
    }

    fn renew(&mut self, service: &ServiceName, action: Action, text: String) -> bool {
        let of = plan::image::Of {
            model: &self.after,
            containers: &self.containers,
            one_shots: &self.one_shots,
        };
        plan::image::renew(&mut self.plan, of, service, action, text)
    }

    /// Whether a service does not run, and is to stay so.
    pub(crate) fn rests(&self, service: &ServiceName) -> bool {
        let of = plan::image::Of {
            model: &self.after,
            containers: &self.containers,
            one_shots: &self.one_shots,
        };
        plan::image::resting(of, service).is_some()
    }

    /// The services touched with this one that it may wait for: those that it depends on, or whose name
    /// stands in its environment as an address does.
    fn may_wait_for(&self, name: &ServiceName) -> BTreeSet<ServiceName> {
        let Some(service) = self.after.services.get(name) else {
            return BTreeSet::new();
        };
        let touched = self.plan.steps.iter().map(|step| &step.service);
        let awaited = touched.filter(|other| *other != name && service.may_wait_for(other));
        awaited.cloned().collect()
    }

    /// How the services that are touched hang on each other.
    pub(crate) fn bonds(&self) -> BTreeMap<ServiceName, Bonds> {
        let defined = self.plan.steps.iter().filter_map(|step| {
            let service = self.after.services.get(&step.service)?;
            let shared = service.shares_with().into_iter();
            let bonds = Bonds {
                lives_in: shared.map(|(_, name)| name).collect(),
                needs: self.may_wait_for(&step.service),
            };
            Some((step.service.clone(), bonds))
        });
        defined.collect()
    }

    /// What the watch is to know of each.
    pub(crate) fn targets(&self, place: &Place) -> Vec<WatchTarget> {
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
            WatchTarget {
                service: name.clone(),
                action,
                past: Past {
                    was_up: up > 0,
                    one_shot: self.one_shots.contains(name),
                    took: self.seen.took(name),
                    is_new: action == Action::Rebuild || self.brings_images(),
                    is_called_unhealthy: self.seen.is_called_unhealthy(name),
                    crashes_after: self.seen.crashes_after(name),
                    restarts: self.seen.restarts(name),
                    starts_over: self.seen.started_over(name),
                },
                was_failing: WasFailing::of(
                    !own.is_empty()
                        && own.iter().all(|container| container.is_failing())
                        && !self.seen.serves(name)
                        || self.seen.crashes_after(name).is_some()
                        || self.seen.failed(name),
                    own.iter().all(|container| container.runs_on())
                        && self.seen.crashes_after(name).is_none(),
                ),
                old: own.iter().map(|c| (c.id.clone(), c.is_up())).collect(),
                replicas: match action {
                    Action::Restart | Action::Signal => own.len(),
                    // Those that run go on, and are not seen to start.
                    Action::Start => wanted.saturating_sub(up).max(1),
                    Action::None | Action::Recreate | Action::Rebuild | Action::Remove => wanted,
                },
                settings: place.settings.service(name),
                ports: self.seen.ports(name),
                waits_for: self.may_wait_for(name),
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

impl Assessment {
    /// The same as an upgrade.
    #[must_use]
    pub(crate) fn upgrade(
        self,
        moving: Option<Moving>,
        supply: Supply,
        hooks: Around,
        news: News,
        looked_at: LookedAt,
    ) -> Self {
        Self {
            change: Change::Upgrade {
                moving: moving.map(Box::new),
                supply,
                hooks,
                news: Box::new(news),
                looked_at,
            },
            ..self
        }
    }

    /// The same as a recipe.
    #[must_use]
    pub(crate) fn recipe(self, proofs: Proofs) -> Self {
        Self {
            change: Change::Recipe { proofs },
            ..self
        }
    }

    /// The move of the git checkout that brings the files' new texts, if there is one.
    pub(crate) fn moving(&self) -> Option<&Moving> {
        match &self.change {
            Change::Upgrade { moving, .. } | Change::Rollback(Undoing { moving, .. }) => {
                moving.as_deref()
            }
            Change::Edit | Change::Apply(_) | Change::Restart { .. } | Change::Recipe { .. } => {
                None
            }
        }
    }

    /// Whether services may run other versions afterwards.
    fn brings_images(&self) -> bool {
        self.moving().is_some() || !self.images().is_empty() || !self.wanted().is_empty()
    }

    /// What it undoes, if it is a rollback.
    pub(crate) fn undoing(&self) -> Option<&Undoing> {
        match &self.change {
            Change::Rollback(undoing) => Some(undoing),
            Change::Edit
            | Change::Apply(_)
            | Change::Restart { .. }
            | Change::Upgrade { .. }
            | Change::Recipe { .. } => None,
        }
    }

    /// The runs that it undoes.
    pub(crate) fn undoes(&self) -> &[RunId] {
        self.undoing().map_or(&[], |undoing| &undoing.runs)
    }

    /// Images that get their names back first.
    pub(crate) fn images(&self) -> &[PinnedImage] {
        self.undoing().map_or(&[], |undoing| &undoing.images)
    }

    /// New images that it asks for by itself.
    pub(crate) fn supply(&self) -> Option<&Supply> {
        match &self.change {
            Change::Upgrade { supply, .. } => Some(supply),
            Change::Edit
            | Change::Apply(_)
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Recipe { .. } => None,
        }
    }

    /// The images among them that are to be fetched.
    pub(crate) fn wanted(&self) -> &[WantedImage] {
        self.supply().map_or(&[], |supply| &supply.wanted)
    }

    /// What the person wants to run around it.
    pub(crate) fn hooks(&self) -> Option<&Around> {
        match &self.change {
            Change::Upgrade { hooks, .. } => Some(hooks),
            Change::Edit
            | Change::Apply(_)
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Recipe { .. } => None,
        }
    }

    /// What an upgrade found.
    pub(crate) fn news(&self) -> Option<&News> {
        match &self.change {
            Change::Upgrade { news, .. } => Some(news),
            Change::Edit
            | Change::Apply(_)
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Recipe { .. } => None,
        }
    }

    /// What is to be seen of the application itself afterwards.
    pub(crate) fn proofs(&self) -> Option<&Proofs> {
        match &self.change {
            Change::Recipe { proofs } => Some(proofs),
            Change::Edit
            | Change::Apply(_)
            | Change::Restart { .. }
            | Change::Rollback(_)
            | Change::Upgrade { .. } => None,
        }
    }
}
