//! Whether a value counts that the application may keep in its database: a stored one overrides it, and
//! then it is not written and called applied.

use std::collections::BTreeMap;

use crate::assessment::Assessment;
use crate::complaint::{Code, Complaint};
use crate::docker::container::Container;
use crate::secret::{HIDDEN, is_secret};
use crate::stack::model::Service;
use crate::stack::stored::{self, StoredValue};
use crate::stack::{Place, application};

/// What was found of the keys that change.
#[derive(Debug, Default)]
pub(super) struct StoredCheck {
    /// The first one that a stored value overrides.
    pub(super) overridden: Option<Complaint>,
    /// What cannot be seen.
    pub(super) notes: Vec<String>,
}

/// Looks at the keys that get another value.
pub(super) async fn check(place: &Place, assessment: &Assessment) -> StoredCheck {
    let mut found = StoredCheck::default();
    let model = assessment.before.as_ref().unwrap_or(&assessment.after);
    let directory = &place.located.args.directory;
    let Ok(subject) = application::of(directory, model, None) else {
        return found;
    };
    let (profile, name) = (&subject.profile, &subject.service);
    let Some(after) = assessment.after.services.get(name) else {
        return found;
    };
    if stored::environment_wins(profile, |key| value(after, key)) {
        return found;
    }
    let before = model.services.get(name).map(|before| &before.environment);
    let changed = |key: &&String| {
        let before = before
            .and_then(|before| before.get(*key))
            .cloned()
            .flatten();
        before.as_deref() != value(after, key)
    };
    let stores = |key: &&String| {
        let known = profile.knows(key, subject.version.as_deref());
        known.is_some_and(|known| known.in_database.is_some())
    };
    let keys = profile.keys.keys().filter(stores).filter(changed);
    let wanted: BTreeMap<&str, &str> = keys
        .filter_map(|key| Some((key.as_str(), value(after, key)?)))
        .collect();
    if wanted.is_empty() {
        return found;
    }
    let own = assessment.containers.iter();
    let own: Vec<&Container> = own.filter(|one| one.service == *name).collect();
    let keys: Vec<&str> = wanted.keys().copied().collect();
    for (key, value) in stored::of(&place.docker, profile, &own, &keys).await {
        let known = profile
            .keys
            .get(&key)
            .and_then(|key| key.in_database.as_deref());
        let at = known.unwrap_or_default();
        let title = &profile.title;
        let hint = || {
            let ways = stored::ways(profile, name);
            format!("{ways}; --allow overridden writes it anyway")
        };
        match &value {
            StoredValue::Absent => {}
            _ if wanted.get(key.as_str()).is_some_and(|wanted| value.is(wanted)) => {}
            StoredValue::Is(stored) => {
                let shown = if is_secret(&key, stored) { HIDDEN } else { stored };
                let text = format!(
                    "{key} would do nothing: {title} has {at} = {shown} in its database, which overrides it"
                );
                let complaint = Complaint::new(Code::Overridden, text).hint(hint());
                found.overridden.get_or_insert(complaint);
            }
            StoredValue::Unknown(why) => found.notes.push(format!(
                "{key}: a value in {title}'s database ({at}) overrides it, and whether there is one is not known: {why}"
            )),
        }
    }
    found
}

fn value<'a>(service: &'a Service, key: &str) -> Option<&'a str> {
    let value = service.environment.get(key)?.as_deref();
    value.filter(|value| !value.is_empty())
}
