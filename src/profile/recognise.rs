//! Which application a stack runs, from what its model and its folder say. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Profile;
use super::image::image_name;

/// A service as far as recognition looks at it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Candidate {
    /// Its name.
    pub service: String,
    /// Its image's name, if it has one.
    pub image: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it publishes a port.
    pub publishes: bool,
}

/// By what an application was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sign {
    /// A label of the service.
    Label(String),
    /// Its image.
    Image(String),
    /// A file of the checkout.
    File(String),
}

/// An application that was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recognised {
    /// Name of its profile.
    pub profile: String,
    /// The service that is the application.
    pub service: String,
    /// By what.
    pub sign: Sign,
}

impl Recognised {
    /// By what, in words.
    pub(crate) fn because(&self) -> String {
        match &self.sign {
            Sign::Label(label) => format!("{} has the label {label}", self.service),
            Sign::Image(image) => format!("{} runs {image}", self.service),
            Sign::File(file) => format!("its folder holds {file}"),
        }
    }
}

/// The first profile that recognises a service: by label, then by image, then by the files beside
/// the compose file.
pub(crate) fn recognise(
    profiles: &[Profile],
    services: &[Candidate],
    files: &BTreeSet<String>,
) -> Option<Recognised> {
    let looks: [fn(&Profile, &Candidate) -> Option<Sign>; 2] = [by_label, by_image];
    for look in looks {
        for profile in profiles {
            for service in services {
                if let Some(sign) = look(profile, service) {
                    return Some(Recognised {
                        profile: profile.name.clone(),
                        service: service.service.clone(),
                        sign,
                    });
                }
            }
        }
    }
    profiles.iter().find_map(|profile| {
        let file = profile
            .recognise
            .files
            .iter()
            .find(|f| files.contains(*f))?;
        let named = &profile.recognise.services;
        let service = services.iter().find(|s| named.contains(&s.service))?;
        Some(Recognised {
            profile: profile.name.clone(),
            service: service.service.clone(),
            sign: Sign::File(file.clone()),
        })
    })
}

fn by_label(profile: &Profile, service: &Candidate) -> Option<Sign> {
    let mut wanted = profile.recognise.labels.iter();
    let (key, value) = wanted.find(|(key, value)| service.labels.get(*key) == Some(value))?;
    Some(Sign::Label(format!("{key}={value}")))
}

fn by_image(profile: &Profile, service: &Candidate) -> Option<Sign> {
    let image = service.image.as_deref()?;
    let known = profile
        .recognise
        .images
        .iter()
        .any(|name| name == image_name(image));
    known.then(|| Sign::Image(image.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, image: &str) -> Candidate {
        Candidate {
            service: name.into(),
            image: Some(image.into()),
            ..Candidate::default()
        }
    }

    #[test]
    fn label_then_image_then_files() {
        let profiles = crate::profile::all().unwrap();
        let none = BTreeSet::new();
        let chat = [
            service("mongodb", "mongo:8.0.20"),
            service(
                "api",
                "registry.librechat.ai/danny-avila/librechat-dev:latest",
            ),
        ];
        let found = recognise(profiles, &chat, &none).unwrap();
        assert_eq!(
            (found.profile.as_str(), found.service.as_str()),
            ("librechat", "api")
        );
        let mut labelled = chat.to_vec();
        labelled[0].labels = [("refit.application".into(), "demo".into())].into();
        let found = recognise(profiles, &labelled, &none).unwrap();
        assert_eq!(
            (found.profile.as_str(), found.service.as_str()),
            ("demo", "mongodb")
        );
        let own = [service("api", "busybox:1")];
        assert!(recognise(profiles, &own, &none).is_none());
        let files = ["librechat.example.yaml".to_owned()].into();
        let found = recognise(profiles, &own, &files).unwrap();
        assert_eq!(found.because(), "its folder holds librechat.example.yaml");
    }
}
