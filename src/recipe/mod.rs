//! Recipes: advice as data, used in one run. This page is the story of `refit use` up to the assessment;
//! everything after that is a run like any other.

mod application_checks;
pub(crate) mod evidence;
pub(crate) mod exposure;
pub(crate) mod format;
pub(crate) mod input;
mod kept_keys;
pub(crate) mod key_target;
pub(crate) mod store;
mod using;

pub(crate) use using::Use;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::assess;
use crate::assess::edits;
use crate::assess::own_layer;
use crate::assessment::{Assessment, Decision};
use crate::complaint::{Code, Complaint};
use crate::event::{Emitter, NoteCode};
use crate::health::check::{Check, Proofs};
use crate::plan::guard::Guard;
use crate::profile::KEEPS_SECRETS;
use crate::recipe::evidence::{Gathered, gather};
use crate::recipe::exposure::guards;
use crate::recipe::format::catalogue;
use crate::recipe::format::fields::{RecipeChange, Refusal, RefusalCode};
use crate::recipe::input::params::{self, ParameterValue};
use crate::recipe::input::render::Filling;
use crate::recipe::store::StoreRequest;
use crate::request::Options;
use crate::stack::application::{self, Subject};
use crate::stack::{self, Place, resolve};
use kept_keys::KeptKeys;
use key_target::Edits;
use using::Using;

/// Assesses the use of a recipe: what it changes here, seen to be read, and allowed.
///
/// # Errors
/// Everything that is refused before the first write.
pub(crate) async fn assessment(
    place: &Place,
    options: &Options,
    wanted: &Use,
    emitter: &Emitter,
) -> Result<Assessment, Complaint> {
    let mut catalogue = catalogue::Catalogue::load()?;
    let located = &place.located.args;
    catalogue.add_stack(&located.directory, &located.files)?;
    let recipe = &catalogue.find(&wanted.name)?.recipe;
    let values = params::understand(&recipe.parameters, &wanted.typed, &recipe.name)?;
    let resolved = resolve(&place.compose, &place.located)
        .await
        .map_err(stack::unreadable)?;
    let subject = application::of(&located.directory, &resolved.model, wanted.service.as_ref())?;
    let application = recipe.of(&subject.profile.name).ok_or_else(|| {
        let text = format!("{} says nothing for {}", recipe.name, subject.profile.title);
        Complaint::new(Code::NotSupported, text)
            .hint(format!("refit recipes {} explains it", recipe.name))
    })?;
    tell_subject(&subject, emitter);
    let using = Using {
        place,
        options,
        wanted,
        recipe,
        application,
        resolved: &resolved,
        subject: &subject,
        values,
    };
    using.assessment(emitter).await
}

fn tell_subject(subject: &Subject, emitter: &Emitter) {
    let version = subject.version.as_ref();
    let version = version.map(|v| format!(" {v}")).unwrap_or_default();
    let text = match &subject.because {
        Some(because) => format!("{}{version}: {because}", subject.profile.title),
        None => format!(
            "{}: refit does not know this application, so each key needs evidence",
            subject.service
        ),
    };
    emitter.note(NoteCode::Evidence, text);
}

/// What the plan does not show: one check starts the application anew.
fn another_start(proofs: &Proofs, assessment: &Assessment) -> Option<String> {
    let signs_in = proofs.credentials.is_some() || proofs.account.is_some();
    (signs_in && proofs.checks.contains(&Check::SessionSurvives)).then(|| {
        let service = &proofs.service;
        let done = match assessment.makes_anew(service) {
            true => "recreated",
            false => "restarted",
        };
        format!("{service} is {done} once more at the end, to check that a login survives it")
    })
}

impl Using<'_> {
    async fn assessment(&self, emitter: &Emitter) -> Result<Assessment, Complaint> {
        let (model, service) = (&self.resolved.model, &self.subject.service);
        let configured = gather::configured(self.place, model, service);
        let mut filling = Filling::of(&self.values);
        filling.set("service", service.as_str());
        filling.set_group("configured", &configured);
        let refusals = self.recipe.refuse.iter().chain(&self.application.refuse);
        refuse(refusals, &filling)?;
        self.check_keys(&filling, emitter).await?;
        let kept_keys = self.kept_keys(&filling, emitter).await?;
        let (mut edits, mut notes) = (Edits::default(), Vec::new());
        let mut options = self.options.clone();
        self.stores(
            &configured,
            &mut filling,
            &mut edits,
            &mut notes,
            &mut options,
        )
        .await?;
        for change in &self.application.changes {
            if filling.holds(&change.when)? {
                self.change(change, &filling, &kept_keys, &mut edits)?;
            }
        }
        if let Some(ip) = self.wanted.bind {
            guards::rebind(self.place, model, service, ip, &mut edits)?;
        }
        let mut requests = edits.requests();
        let mut edited = edits::make_all(&requests, &self.place.located)?;
        // Where all is as wanted the account was made before: no password is made up for another.
        let mut kept = Edits::default();
        let new = (!edited.is_noop()).then_some(&mut kept);
        let account = application_checks::account(self, &filling, &configured, new)?;
        let kept = kept.requests();
        if !kept.is_empty() {
            requests.extend(kept);
            edited = edits::make_all(&requests, &self.place.located)?;
        }
        let mut assessment = assess::of_edited(self.place, edited, &options).await?;
        guards::check(self, &assessment).await?;
        if !assessment.is_nothing() {
            for note in self.application.notes.iter().chain(&self.recipe.warnings) {
                if filling.holds(&note.when)? {
                    notes.push(filling.text(&note.text)?);
                }
            }
            assessment.notes.extend(notes);
            let proofs = application_checks::of(self, &filling, &configured, account)?;
            let again = another_start(&proofs, &assessment);
            assessment.edited.remarks.extend(again);
            if proofs.checks.contains(&Check::SessionSurvives)
                && matches!(assessment.decision, Decision::Made)
            {
                self.keeps_its_keys(&mut assessment).await;
            }
            return Ok(assessment.recipe(proofs));
        }
        Ok(assessment)
    }

    /// What is to keep people signed in does not begin by losing the key that signs their logins.
    async fn keeps_its_keys(&self, assessment: &mut Assessment) {
        if self.options.allow.contains(&Guard::GuardedKey) {
            return;
        }
        let lost = own_layer::lost_keys(self.place, assessment).await;
        if !lost.is_lossless() {
            let text = lost.refusal(self.subject.service.as_str());
            let hint = format!("first: {KEEPS_SECRETS}; --allow guarded-key does it anyway");
            assessment.decision =
                Decision::Refused(Complaint::new(Code::GuardKey, text).hint(hint));
        }
    }

    /// Services that the recipe adds or takes out.
    async fn stores(
        &self,
        configured: &BTreeMap<String, String>,
        filling: &mut Filling,
        edits: &mut Edits,
        notes: &mut Vec<String>,
        options: &mut Options,
    ) -> Result<(), Complaint> {
        let url = match self.values.get("url") {
            Some(ParameterValue::Secret(url)) => Some(url.expose().to_owned()),
            _ => None,
        };
        let typed = self.wanted.typed.iter();
        let wanted = StoreRequest {
            place: self.place,
            model: &self.resolved.model,
            recipe: self.recipe,
            application: self.application,
            service: &self.subject.service,
            configured,
            url,
            typed: typed.map(|(name, _)| name.as_str()).collect(),
            words: self.words(),
            allow_open: options.allow.contains(&Guard::UnprotectedStore),
        };
        if wanted.arrange(filling, edits, notes).await? {
            // Its own volume stays in the engine, and the notes say so.
            options.allow.insert(Guard::VolumeRemoved);
        }
        Ok(())
    }

    /// What was typed behind the recipe's name, but for secrets.
    fn words(&self) -> String {
        let typed = self.wanted.typed.iter();
        let shown = typed
            .filter(|(name, _)| !matches!(self.values.get(name), Some(ParameterValue::Secret(_))));
        let words: Vec<String> = shown
            .map(|(name, value)| format!("{name}={}", value.expose()))
            .collect();
        words.join(" ")
    }

    /// A key that nothing is seen to read is not written.
    async fn check_keys(&self, filling: &Filling, emitter: &Emitter) -> Result<(), Complaint> {
        let mut keys: Vec<&str> = Vec::new();
        for change in self
            .application
            .changes
            .iter()
            .filter(|change| !change.remove && !change.generated)
        {
            if let Some(key) = &change.env
                && filling.holds(&change.when)?
            {
                keys.push(key);
            }
        }
        let similar = &self.application.similar;
        let (place, resolved, subject) = (self.place, self.resolved, self.subject);
        let gathered = gather::evidence(place, resolved, subject, &keys, similar).await;
        for key in &keys {
            let found = evidence::of_key(key, &gathered);
            let told: Vec<String> = found.iter().map(ToString::to_string).collect();
            if !told.is_empty() {
                emitter.note(NoteCode::Evidence, format!("{key}: {}", told.join("; ")));
            } else if self.options.allow.contains(&Guard::UnreadKey) {
                emitter.note(
                    NoteCode::UnreadKey,
                    format!("{key}: nothing is seen to read it"),
                );
            } else {
                return Err(self.not_read(key, &gathered));
            }
        }
        Ok(())
    }

    fn not_read(&self, key: &str, gathered: &Gathered) -> Complaint {
        let (title, service) = (&self.subject.profile.title, &self.subject.service);
        let who = match self.subject.because {
            Some(_) => title.as_str(),
            None => service.as_str(),
        };
        let text = match self.subject.profile.not_read.get(key) {
            Some(instead) => format!("{title} has no {key}; {instead}"),
            None => format!(
                "{who} is not seen to read {key}: no sample file names it, no code here reads it \
                 from the environment, and no file of the stack uses it; {}",
                gathered.image.looked
            ),
        };
        let similar = evidence::similar(&self.application.similar, gathered);
        let in_container = gathered.image.similar.first();
        let hint = match (similar.first(), in_container) {
            (Some((other, at)), _) => format!(
                "{at} documents {other}: refit set {other}=VALUE --for {service}; \
                 --allow unread-key writes {key} anyway"
            ),
            (None, Some((other, hit))) => format!(
                "{}:{} in its container reads {other}: refit set {other}=VALUE --for {service}; \
                 --allow unread-key writes {key} anyway",
                hit.file, hit.line
            ),
            (None, None) => {
                format!("no documented key does this; --allow unread-key writes {key} anyway")
            }
        };
        Complaint::new(Code::KeyNotRead, text).hint(hint)
    }

    /// Where a file of settings lies: what the application mounts in its place, else beside the compose
    /// file.
    fn settings_file(&self, file: &str) -> PathBuf {
        let beside = self.place.located.args.directory.join(file);
        let target = self
            .subject
            .profile
            .config_files
            .get(file)
            .map(PathBuf::from);
        let own = self.resolved.model.services.get(&self.subject.service);
        let binds = || own.into_iter().flat_map(|own| &own.binds);
        let known = binds().find(|bind| Some(&bind.target) == target.as_ref());
        if let Some(bind) = known {
            return bind.source.clone();
        }
        let mut named = binds().filter(|bind| bind.source.ends_with(file));
        match (beside.exists(), named.next(), named.next()) {
            (false, Some(only), None) => only.source.clone(),
            _ => beside,
        }
    }

    fn change(
        &self,
        change: &RecipeChange,
        filling: &Filling,
        kept_keys: &KeptKeys,
        edits: &mut Edits,
    ) -> Result<(), Complaint> {
        if change.generated {
            let key = change.env.as_deref().unwrap_or_default();
            if let Some(value) = kept_keys.get(key) {
                let (place, service) = (self.place, &self.subject.service);
                let value = Some(value.expose());
                key_target::env(place, self.resolved, service, key, value, edits);
            }
            return Ok(());
        }
        let value = match &change.value {
            Some(value) => Some(filling.text(value)?),
            None => None,
        };
        match (&change.env, &change.file, &change.path) {
            (Some(key), ..) => key_target::env(
                self.place,
                self.resolved,
                &self.subject.service,
                key,
                value.as_deref(),
                edits,
            ),
            (None, Some(file), Some(path)) => {
                let at = self.settings_file(file);
                guards::documented(&at, file, path, self.options)?;
                let to = guards::yaml_value(value.as_deref());
                edits.add(Some(at), path, to);
            }
            _ => {}
        }
        Ok(())
    }
}

fn code_of(refusal: RefusalCode) -> Code {
    match refusal {
        RefusalCode::NoSuchMode => Code::NoSuchMode,
        RefusalCode::KeyNotRead => Code::KeyNotRead,
        RefusalCode::RefusedByBrowsers => Code::RefusedByBrowsers,
        RefusalCode::LocalhostInContainer => Code::LocalhostInContainer,
        RefusalCode::NotSupported => Code::NotSupported,
        RefusalCode::NeedsProvider => Code::NeedsProvider,
    }
}

fn refuse<'r>(
    refusals: impl Iterator<Item = &'r Refusal>,
    filling: &Filling,
) -> Result<(), Complaint> {
    for refusal in refusals {
        if !filling.holds(&refusal.when)? {
            continue;
        }
        let complaint = Complaint::new(code_of(refusal.code), filling.text(&refusal.text)?);
        return Err(match &refusal.hint {
            Some(hint) => complaint.hint(filling.text(hint)?),
            None => complaint,
        });
    }
    Ok(())
}
