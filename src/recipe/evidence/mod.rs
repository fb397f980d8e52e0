//! Whether an application is seen to read a key. A pure decision over what was gathered: a key that
//! nothing reads is not written, whatever a note on the web says.

pub(crate) mod gather;
pub(crate) mod idioms;
pub(crate) mod image;
pub(crate) mod in_container;
pub(crate) mod languages;
use std::fmt;

use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::git::grep::Hit;
use crate::recipe::evidence::image::ImageEvidence;

/// What shows that a key is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// A sample file names it; commented lines count.
    Documented {
        /// The sample.
        file: String,
        /// From 1.
        line: usize,
    },
    /// Code of the checkout reads it from the environment.
    Read {
        /// The source file.
        file: String,
        /// From 1.
        line: usize,
    },
    /// Its image names it.
    Named {
        /// The image.
        image: String,
        /// `ENV`, or a label.
        place: String,
    },
    /// Code in its container reads it from the environment.
    InContainer {
        /// The file, in the container.
        file: String,
        /// From 1.
        line: usize,
    },
    /// This version of the application is known to read it.
    Known {
        /// The application.
        application: String,
    },
    /// The stack's own files hand it on.
    Used {
        /// By this service.
        service: String,
        /// At this place.
        place: String,
    },
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Documented { file, line } => write!(f, "{file}:{line} documents it"),
            Self::Read { file, line } => write!(f, "{file}:{line} reads it"),
            Self::Named { image, place } => write!(f, "{place} of its image {image} names it"),
            Self::InContainer { file, line } => {
                write!(f, "{file}:{line} in its container reads it")
            }
            Self::Known { application } => write!(f, "{application} is known to read it"),
            Self::Used { service, place } => write!(f, "{place} of {service} uses it"),
        }
    }
}

/// What was gathered in one stack.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    /// Sample files by name, with their bytes.
    pub samples: Vec<(String, Vec<u8>)>,
    /// Lines of the checkout that hold one of the keys.
    pub hits: Vec<Hit>,
    /// Keys that are fields of a class of settings, which is read from the environment.
    pub fields: Vec<(String, Hit)>,
    /// The application and the keys that its version is known to read.
    pub known: (String, Vec<String>),
    /// Variables that the application's definition uses, with the service and the place.
    pub used: Vec<(String, String, String)>,
    /// What its image and its container show; nothing where all else sufficed.
    pub image: ImageEvidence,
}

/// All that shows that a key is read; nothing when nobody is seen to read it.
pub(crate) fn of_key(key: &str, gathered: &Gathered) -> Vec<Evidence> {
    let documented = gathered
        .samples
        .iter()
        .filter_map(|(file, bytes)| Some((file, documented_at(bytes, key)?)))
        .map(|(file, line)| Evidence::Documented {
            file: file.clone(),
            line,
        });
    let read = gathered
        .hits
        .iter()
        .find(|hit| languages::reads(&hit.file, &hit.text, key))
        .or_else(|| {
            let mut fields = gathered.fields.iter();
            let found = fields.find(|(name, hit)| name == key && languages::is_code(&hit.file));
            found.map(|(_, hit)| hit)
        })
        .map(|hit| Evidence::Read {
            file: hit.file.clone(),
            line: hit.line,
        });
    let (application, keys) = &gathered.known;
    let known = keys.iter().any(|known| known == key);
    let known = known.then(|| Evidence::Known {
        application: application.clone(),
    });
    let used = gathered.used.iter().find(|(name, ..)| name == key);
    let used = used.map(|(_, service, place)| Evidence::Used {
        service: service.clone(),
        place: place.clone(),
    });
    let image = &gathered.image;
    let named = image.names(key).map(|place| Evidence::Named {
        image: image.image.clone(),
        place,
    });
    let in_container = image.reads.iter().find(|(name, _)| name == key);
    let in_container = in_container.map(|(_, hit)| Evidence::InContainer {
        file: hit.file.clone(),
        line: hit.line,
    });
    let own = documented.chain(read).chain(known).chain(used);
    own.chain(in_container).chain(named).collect()
}

/// The line of a sample that sets a key or shows it in a comment.
fn documented_at(bytes: &[u8], key: &str) -> Option<usize> {
    let key: EnvKey = key.parse().ok()?;
    let tree = Dotenv::parse(bytes, Format::Compose).ok()?;
    tree.line_of(&key).or_else(|| tree.is_documented(&key))
}

/// Keys of the samples whose names hold one of these words, with their places.
pub(crate) fn similar(words: &[String], gathered: &Gathered) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (file, bytes) in &gathered.samples {
        let text = String::from_utf8_lossy(bytes);
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_start_matches(['#', ' ', '\t']);
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((key, _)) = line.split_once('=') else {
                continue;
            };
            let key = key.trim();
            let is_key = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let wanted = words.iter().any(|word| key.contains(word.as_str()));
            if is_key && wanted && !found.iter().any(|(known, _)| known == key) {
                found.push((key.to_owned(), format!("{file}:{}", index + 1)));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_evidence_is_told_with_its_place() {
        let hit = Hit {
            file: "/app/a.sh".into(),
            line: 3,
            text: String::new(),
        };
        let gathered = Gathered {
            samples: vec![(
                ".env.example".into(),
                b"A=1\n# B=2\n#SESSION_LIFETIME=3\n".to_vec(),
            )],
            hits: vec![Hit {
                file: "app.js".into(),
                line: 7,
                text: "process.env.C".into(),
            }],
            fields: Vec::new(),
            known: ("Chat".into(), vec!["D".into()]),
            used: vec![("E".into(), "web".into(), "environment.E".into())],
            image: ImageEvidence {
                image: "app:1".into(),
                env: vec!["G".into()],
                reads: vec![("H".into(), hit)],
                ..ImageEvidence::default()
            },
        };
        let told = |key: &str| -> Vec<String> {
            of_key(key, &gathered)
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(told("A"), [".env.example:1 documents it"]);
        assert_eq!(told("B"), [".env.example:2 documents it"]);
        assert_eq!(told("C"), ["app.js:7 reads it"]);
        assert_eq!(told("D"), ["Chat is known to read it"]);
        assert_eq!(told("E"), ["environment.E of web uses it"]);
        assert!(told("F").is_empty());
        assert_eq!(told("G"), ["ENV of its image app:1 names it"]);
        assert_eq!(told("H"), ["/app/a.sh:3 in its container reads it"]);
        let near = similar(&["SESSION_LIFETIME".into()], &gathered);
        assert_eq!(near, [("SESSION_LIFETIME".into(), ".env.example:3".into())]);
    }
}
