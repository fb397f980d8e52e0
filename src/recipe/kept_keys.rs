//! Keys that an application has generated because nobody gave it one: their values are taken over into
//! the stack's own files, and never changed.

use std::collections::{BTreeMap, BTreeSet};

use super::using::Using;
use crate::complaint::{Code, Complaint};
use crate::event::{Emitter, NoteCode};
use crate::host::files;
use crate::profile::GeneratedIn;
use crate::recipe::input::render::Filling;
use crate::secret::Secret;
use crate::stack::generated::{self, GeneratedKey, ValueInUse};
use crate::stack::variables::StackVariables;

/// The values that are taken over, by key.
pub(super) type KeptKeys = BTreeMap<String, Secret>;

impl Using<'_> {
    /// The values of the keys that the recipe takes over. What is set already stays as it is.
    ///
    /// # Errors
    /// `nothing_to_keep`, `secret_unreadable`.
    pub(super) async fn kept_keys(
        &self,
        filling: &Filling,
        emitter: &Emitter,
    ) -> Result<KeptKeys, Complaint> {
        let mut wanted = Vec::new();
        for change in self.application.changes.iter().filter(|one| one.generated) {
            if let Some(key) = &change.env
                && filling.holds(&change.when)?
            {
                wanted.push((key, self.generated_in(key)?));
            }
        }
        wanted.retain(|(key, place)| !self.is_set_already(key, place, emitter));
        let mut kept = KeptKeys::new();
        if wanted.is_empty() {
            return Ok(kept);
        }
        let seen = self.seen_in_containers().await?;
        let mut missing: Vec<&str> = Vec::new();
        for (key, _) in &wanted {
            match self.value_in_use(key, &seen, emitter)? {
                Some(value) => drop(kept.insert((*key).clone(), value)),
                None => missing.push(key),
            }
        }
        let Some(first) = missing.first() else {
            return Ok(kept);
        };
        let (title, service) = (&self.subject.profile.title, &self.subject.service);
        let at = seen.iter().find(|own| own.key == **first);
        let at = at.map(|own| own.file.display().to_string());
        let text = format!(
            "{title} has generated no {}: {} in the container of {service} does not hold it",
            crate::text::listed(&missing),
            at.unwrap_or_default(),
        );
        if kept.is_empty() {
            let change = self.subject.profile.keys.get(*first);
            let form = change.and_then(|known| known.change.as_ref());
            let form = form.map_or("hex:32", |change| change.generate.as_str());
            let hint = format!("refit set {first} --generate {form} --for {service} gives it one");
            return Err(Complaint::new(Code::NothingToKeep, text).hint(hint));
        }
        emitter.note(NoteCode::Remark, text);
        Ok(kept)
    }

    fn generated_in(&self, key: &str) -> Result<&GeneratedIn, Complaint> {
        let profile = &self.subject.profile;
        profile.generated.get(key).ok_or_else(|| {
            let text = format!("{} is not known to generate {key}", profile.title);
            Complaint::new(Code::BadRecipe, text)
        })
    }

    /// Whether the files give the key a value, or another one that counts in its place.
    fn is_set_already(&self, key: &str, place: &GeneratedIn, emitter: &Emitter) -> bool {
        let variables = StackVariables::read(&self.place.located, &[]);
        let Some(own) = variables.service(&self.subject.service) else {
            return false;
        };
        let directory = &self.place.located.args.directory;
        let read = |path: &std::path::Path| files::read_if_exists(path).ok().flatten();
        let mut names = std::iter::once(key).chain(place.instead.iter().map(String::as_str));
        let found = names.find_map(|name| {
            let (at, _) = generated::given_by_files(own, directory, name, &read)?;
            Some((name, at))
        });
        let Some((name, at)) = found else {
            return false;
        };
        let text = match name == key {
            true => format!("{key} is set already ({at}), and stays as it is"),
            false => format!("{key}: {name} counts in its place ({at}), and stays as it is"),
        };
        emitter.note(NoteCode::Remark, text);
        true
    }

    async fn seen_in_containers(&self) -> Result<Vec<GeneratedKey>, Complaint> {
        let (profile, service) = (&self.subject.profile, &self.subject.service);
        let all = self.place.of_project(&self.resolved.model.name);
        let mut own = all.iter().filter(|one| one.service == *service).peekable();
        if own.peek().is_none() {
            let text = format!(
                "{service} has no container, so there is nothing to read what {} has generated from",
                profile.title
            );
            let hint = format!("docker compose create {service} makes one; then again");
            return Err(Complaint::new(Code::NothingToKeep, text).hint(hint));
        }
        let mut seen = Vec::new();
        for container in own {
            let found = generated::in_container(&self.place.docker, profile, container);
            seen.extend(found.await);
        }
        Ok(seen)
    }

    /// The value that the application uses; none where it has none.
    fn value_in_use(
        &self,
        key: &str,
        seen: &[GeneratedKey],
        emitter: &Emitter,
    ) -> Result<Option<Secret>, Complaint> {
        let service = &self.subject.service;
        let unreadable = |text: String| Complaint::new(Code::SecretUnreadable, text);
        let mut values: BTreeSet<&str> = BTreeSet::new();
        let mut told = String::new();
        for own in seen.iter().filter(|own| own.key == *key) {
            let file = own.file.display();
            match &own.value {
                ValueInUse::Generated(value) => {
                    values.insert(value.expose());
                    told = format!("{key}: {file} in the container of {service} has it");
                }
                ValueInUse::Given(by, value) => {
                    values.insert(value.expose());
                    told = format!("{key}: the container of {service} has it ({by})");
                }
                ValueInUse::Nowhere => {}
                ValueInUse::Unknown(why) => {
                    let text = format!("{key} cannot be kept: {file} of {service}: {why}");
                    return Err(unreadable(text).hint("refit doctor"));
                }
            }
        }
        if values.len() > 1 {
            let text = format!(
                "the containers of {service} have generated several {key}: which one is to be kept is not known"
            );
            return Err(unreadable(text).hint(format!(
                "one container alone: docker compose up -d --scale {service}=1"
            )));
        }
        let value = values.pop_first();
        if value.is_some() {
            emitter.note(NoteCode::Evidence, told);
        }
        Ok(value.map(|value| Secret::new(value.to_owned())))
    }
}
