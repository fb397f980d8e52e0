//! Whether an application is seen to read a key. A pure decision over what was gathered: a key that
//! nothing reads is not written, whatever a note on the web says.

use std::fmt;

use crate::edit::dotenv::{Dotenv, EnvKey, Format};
use crate::engine::grep::Hit;

/// What shows that a key is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
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
            Self::Known { application } => write!(f, "{application} is known to read it"),
            Self::Used { service, place } => write!(f, "{place} of {service} uses it"),
        }
    }
}

/// What was gathered in one stack.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// Sample files by name, with their bytes.
    pub samples: Vec<(String, Vec<u8>)>,
    /// Lines of the checkout that hold one of the keys.
    pub hits: Vec<Hit>,
    /// The application and the keys that its version is known to read.
    pub known: (String, Vec<String>),
    /// Variables that the application's definition uses, with the service and the place.
    pub used: Vec<(String, String, String)>,
}

/// All that shows that a key is read; nothing when nobody is seen to read it.
pub fn of_key(key: &str, gathered: &Gathered) -> Vec<Evidence> {
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
        .find(|hit| is_code(&hit.file) && reads(&hit.text, key))
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
    documented.chain(read).chain(known).chain(used).collect()
}

/// The line of a sample that sets a key or shows it in a comment.
fn documented_at(bytes: &[u8], key: &str) -> Option<usize> {
    let key: EnvKey = key.parse().ok()?;
    let tree = Dotenv::parse(bytes, Format::Compose).ok()?;
    tree.line_of(&key).or_else(|| tree.is_documented(&key))
}

/// Keys of the samples whose names hold one of these words, with their places.
pub fn similar(words: &[String], gathered: &Gathered) -> Vec<(String, String)> {
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

/// Whether a file holds code that runs: no test, no page to read, no sample, no compose file.
fn is_code(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let test_folder = |part: &str| {
        matches!(
            part,
            "test"
                | "tests"
                | "__tests__"
                | "spec"
                | "specs"
                | "e2e"
                | "fixtures"
                | "mocks"
                | "__mocks__"
                | "docs"
                | "examples"
                | "testdata"
        )
    };
    let folders = lower.rsplit_once('/').map_or("", |(folders, _)| folders);
    let test_name = name.contains(".test.")
        || name.contains(".spec.")
        || name.starts_with("test_")
        || name.contains("_test.");
    let page = [
        ".md", ".mdx", ".txt", ".rst", ".yml", ".yaml", ".json", ".lock", ".html",
    ]
    .iter()
    .any(|ending| name.ends_with(ending));
    let sample = name.contains(".env") || name.ends_with(".example");
    !folders.split('/').any(test_folder) && !test_name && !page && !sample
}

/// Ways in which languages read the environment; `KEY` stands for the key.
const READS: [&str; 24] = [
    "process.env.KEY",
    "process.env['KEY']",
    "process.env[\"KEY\"]",
    "process.env?.KEY",
    "import.meta.env.KEY",
    "Bun.env.KEY",
    "Deno.env.get('KEY')",
    "Deno.env.get(\"KEY\")",
    "os.environ.get('KEY'",
    "os.environ.get(\"KEY\"",
    "os.environ['KEY']",
    "os.environ[\"KEY\"]",
    "getenv('KEY'",
    "getenv(\"KEY\"",
    "Getenv(\"KEY\")",
    "LookupEnv(\"KEY\")",
    "env::var(\"KEY\")",
    "env::var_os(\"KEY\")",
    "ENV['KEY']",
    "ENV[\"KEY\"]",
    "ENV.fetch('KEY'",
    "ENV.fetch(\"KEY\"",
    "env('KEY'",
    "env(\"KEY\"",
];

/// Whether a line of code reads the key from the environment, and is no comment.
fn reads(line: &str, key: &str) -> bool {
    let found = READS.iter().find_map(|form| {
        let form = form.replace("KEY", key);
        whole(line, &form)
    });
    let bare = || {
        [
            format!("env.{key}"),
            format!("${{{key}}}"),
            format!("${{{key}:"),
        ]
        .iter()
        .find_map(|form| whole(line, form))
    };
    // `const { KEY } = process.env`
    let taken_apart = || {
        let at = whole(line, key)?;
        let rest = &line[at..];
        let from = rest.contains("process.env") || rest.contains("import.meta.env");
        (from && rest.contains('}')).then_some(at)
    };
    let at = found.or_else(bare).or_else(taken_apart);
    at.is_some_and(|at| !is_comment(&line[..at]))
}

/// Where a form stands in a line, if its key does not go on there.
fn whole(line: &str, form: &str) -> Option<usize> {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(form)
        .find(|(at, _)| {
            let after = line[at + form.len()..].chars().next();
            let before = line[..*at].chars().next_back();
            let open = form.chars().next_back().is_some_and(goes_on);
            !(before.is_some_and(goes_on) || open && after.is_some_and(goes_on))
        })
        .map(|(at, _)| at)
}

/// Whether what stands before makes the rest of the line a comment.
fn is_comment(before: &str) -> bool {
    let start = before.trim_start();
    let opens = ["//", "#", "/*", "*", "--", "<!--", ";", "\"\"\"", "REM "]
        .iter()
        .any(|mark| start.starts_with(mark));
    let later = before
        .match_indices("//")
        .any(|(at, _)| !before[..at].ends_with(':'))
        || before.contains(" # ")
        || before.contains("/*");
    opens || later
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_read_counts_and_a_comment_does_not() {
        for line in [
            "const s = process.env.SESSION_EXPIRY || 900;",
            "  expiry: math(process.env[\"SESSION_EXPIRY\"]),",
            "SESSION_EXPIRY = int(os.environ.get(\"SESSION_EXPIRY\", 900))",
            "x = os.getenv('SESSION_EXPIRY')",
            "let v = std::env::var(\"SESSION_EXPIRY\")?;",
            "const { PORT, SESSION_EXPIRY } = process.env;",
            "exec app --expiry \"${SESSION_EXPIRY:-900}\"",
            "fetch('http://x/' + import.meta.env.SESSION_EXPIRY)",
            "\"http://\" + process.env.SESSION_EXPIRY",
        ] {
            assert!(reads(line, "SESSION_EXPIRY"), "{line}");
        }
        for line in [
            "// process.env.SESSION_EXPIRY is not read any more",
            "  * uses process.env.SESSION_EXPIRY",
            "# os.environ.get(\"SESSION_EXPIRY\")",
            "run(); // was process.env.SESSION_EXPIRY",
            "const SESSION_EXPIRY = 900;",
            "process.env.SESSION_EXPIRY_MAX",
            "process.env.OLD_SESSION_EXPIRY",
            "expect('SESSION_EXPIRY')",
        ] {
            assert!(!reads(line, "SESSION_EXPIRY"), "{line}");
        }
    }

    #[test]
    fn tests_and_pages_are_no_code() {
        for file in [
            "api/server/index.js",
            "src/main.rs",
            "start.sh",
            "backend/env.py",
        ] {
            assert!(is_code(file), "{file}");
        }
        for file in [
            "api/index.spec.js",
            "tests/conftest.py",
            "README.md",
            "docs/env.js",
            ".env.example",
            "src/__tests__/a.ts",
            "docker-compose.yml",
            "pkg/a_test.go",
        ] {
            assert!(!is_code(file), "{file}");
        }
    }

    #[test]
    fn each_kind_of_evidence_is_told_with_its_place() {
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
            known: ("Chat".into(), vec!["D".into()]),
            used: vec![("E".into(), "web".into(), "environment.E".into())],
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
        let near = similar(&["SESSION_LIFETIME".into()], &gathered);
        assert_eq!(near, [("SESSION_LIFETIME".into(), ".env.example:3".into())]);
    }
}
