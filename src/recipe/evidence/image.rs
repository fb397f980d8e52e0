//! What an application's image shows of the keys that it reads: what its `ENV` and labels name, and what
//! its code reads. Pure; `in_container` brings it.

use std::collections::BTreeMap;

use crate::git::grep::Hit;
use crate::recipe::evidence::{idioms, languages};

/// Files that are larger are no code, or not to be read by anybody.
const LARGEST: u64 = 8 * 1024 * 1024;

/// Folders of libraries: what they read is not what the application reads.
const LIBRARIES: [&str; 7] = [
    "node_modules",
    "vendor",
    "site-packages",
    "dist-packages",
    ".venv",
    "venv",
    ".git",
];

/// Folders of the system, in which anybody's files lie.
const SYSTEM: [&str; 17] = [
    "/",
    "/bin",
    "/sbin",
    "/lib",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/share",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/etc",
    "/var",
    "/run",
    "/tmp",
    "/home",
];

/// Programs whose names end so are text.
const SCRIPTS: [&str; 9] = [
    ".sh", ".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".php", ".pl",
];

/// What was found in an image and in the container that was made from it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageEvidence {
    /// Its name.
    pub image: String,
    /// The keys of its environment.
    pub env: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Keys that its code reads, with the line.
    pub reads: Vec<(String, Hit)>,
    /// Keys of a like name that its code reads, with the line.
    pub similar: Vec<(String, Hit)>,
    /// How far its code was looked at, in words.
    pub looked: String,
}

impl ImageEvidence {
    /// The place at which the image names a key.
    pub(crate) fn names(&self, key: &str) -> Option<String> {
        if self.env.iter().any(|own| own == key) {
            return Some("ENV".to_owned());
        }
        let mut labels = self.labels.iter();
        let named = labels.find(|(_, value)| languages::whole(value, key).is_some());
        named.map(|(label, _)| format!("label {label}"))
    }
}

/// The places in a container where the code of what it starts may lie: its working directory, and where
/// its scripts are.
pub(crate) fn places(folder: &str, entrypoint: &[String], command: &[String]) -> Vec<String> {
    let folder = match folder.trim_end_matches('/') {
        "" => "/",
        folder => folder,
    };
    let mut found: Vec<String> = Vec::new();
    let is_system = |folder: &str| SYSTEM.contains(&folder);
    if !is_system(folder) {
        found.push(folder.to_owned());
    }
    let firsts = [entrypoint.first(), command.first()];
    for word in entrypoint.iter().chain(command) {
        let is_script = SCRIPTS.iter().any(|end| word.ends_with(end));
        let is_program = word.contains('/') && firsts.contains(&Some(word));
        if !is_script && !is_program || word.contains(char::is_whitespace) {
            continue;
        }
        let path = match (word.starts_with('/'), word.contains('/')) {
            (true, _) => word.to_owned(),
            // Such a program is found by the search path.
            (false, false) if firsts.contains(&Some(word)) => format!("/usr/local/bin/{word}"),
            (false, _) => {
                let word = word.strip_prefix("./").unwrap_or(word);
                format!("{}/{word}", folder.trim_end_matches('/'))
            }
        };
        let of = match path.rsplit_once('/') {
            Some(("", _)) | None => "/",
            Some((of, _)) => of,
        };
        found.push(match is_system(of) {
            true => path,
            false => of.to_owned(),
        });
    }
    let all = found.clone();
    let is_below = |one: &String, other: &String| one.starts_with(&format!("{other}/"));
    found.retain(|one| !all.iter().any(|other| is_below(one, other)));
    found.sort();
    found.dedup();
    found
}

/// Whether a file of a container is looked at: it may be code of the application.
pub(crate) fn is_wanted(below: &str, size: u64) -> bool {
    let mut folders = below.split('/');
    size <= LARGEST && languages::is_code(below) && !folders.any(|part| LIBRARIES.contains(&part))
}

/// Whether this is text.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    !bytes.iter().take(8000).any(|byte| *byte == 0)
}

impl ImageEvidence {
    /// Looks through a text that lies at `at`, which is `below` a place where code is.
    pub(crate) fn look_at(
        &mut self,
        at: &str,
        below: &str,
        text: &str,
        keys: &[&str],
        words: &[String],
    ) {
        let lower: Vec<String> = keys.iter().map(|key| key.to_ascii_lowercase()).collect();
        let has = |part: &str| text.contains(part);
        let may_be_field = below.ends_with(".py") && idioms::has_settings(text);
        let holds = keys.iter().any(|key| has(key)) || words.iter().any(|word| has(word));
        let holds_field = may_be_field && lower.iter().any(|key| has(key));
        if !holds && !holds_field {
            return;
        }
        let reads = |line: &str, key: &str| {
            languages::reads(below, line, key)
                || may_be_field && languages::is_code(below) && idioms::is_field(below, line, key)
        };
        for (index, line) in text.lines().enumerate() {
            // The line itself may be a whole program.
            let hit = || Hit {
                file: at.to_owned(),
                line: index + 1,
                text: String::new(),
            };
            for key in keys.iter().filter(|key| reads(line, key)) {
                self.reads.push(((*key).to_owned(), hit()));
            }
            for name in like(line, words) {
                let known = |(own, _): &(String, Hit)| own == name;
                if !self.similar.iter().any(known) && reads(line, name) {
                    self.similar.push((name.to_owned(), hit()));
                }
            }
        }
    }
}

/// Names in a line that hold one of these words.
fn like<'l>(line: &'l str, words: &[String]) -> Vec<&'l str> {
    if !words.iter().any(|word| line.contains(word.as_str())) {
        return Vec::new();
    }
    let names = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let holds = |name: &&str| words.iter().any(|word| name.contains(word.as_str()));
    let mut found: Vec<&str> = names.filter(holds).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_lies_where_the_container_works_and_where_its_scripts_are() {
        for (folder, entrypoint, command, wanted) in [
            ("/app/", "", "node build/app.js", "/app"),
            (
                "/app",
                "docker-entrypoint.sh",
                "node /srv/a/b.js",
                "/app /srv/a /usr/local/bin/docker-entrypoint.sh",
            ),
            ("", "", "sh /app/run.sh", "/app"),
            ("/", "/init", "", "/init"),
            ("", "", "python main.py", "/main.py"),
            ("/usr/src/app", "./entry.sh", "", "/usr/src/app"),
            ("/app", "/app/bin/start", "--data /data", "/app"),
            (
                "",
                "/usr/bin/server",
                "--config /etc/server.yml",
                "/usr/bin/server",
            ),
            ("", "", "sleep infinity", ""),
        ] {
            let words = |text: &str| {
                text.split_whitespace()
                    .map(Into::into)
                    .collect::<Vec<String>>()
            };
            let found = places(folder, &words(entrypoint), &words(command));
            assert_eq!(found.join(" "), wanted, "{folder} {entrypoint} {command}");
        }
        let shell = ["sh".to_owned(), "-c".to_owned(), "exec /a/b.sh".to_owned()];
        assert_eq!(places("", &[], &shell), Vec::<String>::new());
    }

    #[test]
    fn libraries_tests_and_what_is_large_are_not_looked_at() {
        for below in ["run.sh", "lib/a.js", "start", "app/config.py"] {
            assert!(is_wanted(below, 100), "{below}");
        }
        for below in [
            "node_modules/a/index.js",
            "lib/site-packages/x.py",
            "README.md",
            "tests/a.py",
            "a.json",
        ] {
            assert!(!is_wanted(below, 100), "{below}");
        }
        assert!(!is_wanted("a.js", LARGEST + 1));
        assert!(is_text("größer\n".as_bytes()) && !is_text(b"\x7fELF\0"));
    }

    #[test]
    fn a_text_shows_what_it_reads_and_what_it_reads_instead() {
        let mut seen = ImageEvidence::default();
        let words = ["SESSION_TTL".to_owned()];
        let keys = ["SESSION_EXPIRY", "OTHER"];
        let mut look = |below: &str, text: &str| {
            seen.look_at(&format!("/app/{below}"), below, text, &keys, &words);
        };
        look(
            "a.js",
            "// SESSION_EXPIRY\nf(process.env.SESSION_EXPIRY, OTHER)\n",
        );
        look(
            "b.js",
            "x=process.env.MY_SESSION_TTL_S;y=process.env.MY_SESSION_TTL_S\n",
        );
        look("c.py", "class S(BaseSettings):\n    other: int = 1\n");
        look("d.py", "class S(BaseModel):\n    other: int = 1\n");
        let told = |found: &[(String, Hit)]| -> Vec<String> {
            let told = found.iter();
            told.map(|(key, hit)| format!("{key} {}:{}", hit.file, hit.line))
                .collect()
        };
        assert_eq!(
            told(&seen.reads),
            ["SESSION_EXPIRY /app/a.js:2", "OTHER /app/c.py:2"]
        );
        assert_eq!(told(&seen.similar), ["MY_SESSION_TTL_S /app/b.js:1"]);
    }

    #[test]
    fn an_image_names_keys_in_its_environment_and_in_its_labels() {
        let label = (
            "org.label-schema.docker.params".to_owned(),
            "B=number, CC=text".to_owned(),
        );
        let image = ImageEvidence {
            env: vec!["A".into()],
            labels: BTreeMap::from([label]),
            ..ImageEvidence::default()
        };
        assert_eq!(image.names("A").as_deref(), Some("ENV"));
        assert_eq!(
            image.names("B").as_deref(),
            Some("label org.label-schema.docker.params")
        );
        assert_eq!(image.names("C"), None);
    }
}
