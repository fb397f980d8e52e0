//! LibreChat and Open WebUI as test stacks: their own compose and env files out of the corpus, with
//! stand-ins (tests/standin) for their images. The copies are changed in nothing but the names of
//! images and containers, what pulls an image again, and the port: tests run beside each other.

pub(crate) mod login;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};

use crate::demo::free_port;
use crate::stack::answer::Answer;
use crate::stack::engine::docker;
use crate::stack::{TestStack, engine};
use login::{Reply, ask, credentials};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// An application on a port of its own.
pub(crate) struct App {
    pub(crate) stack: TestStack,
    pub(crate) port: u16,
}

impl App {
    /// Starts it; the first answer shows that it listens.
    pub(crate) fn up(self) -> Self {
        self.stack.up();
        assert_eq!(self.get("/health").status, 200);
        self
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        ask(self.port, path, None, "")
    }

    /// What somebody with this cookie gets.
    pub(crate) fn get_with(&self, path: &str, cookie: &str) -> Reply {
        ask(self.port, path, None, cookie)
    }

    pub(crate) fn post(&self, path: &str, body: &str, cookie: &str) -> Reply {
        ask(self.port, path, Some(body), cookie)
    }

    /// LibreChat's sign-in.
    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Reply {
        self.post("/api/auth/login", &credentials(email, password), "")
    }

    /// Whether LibreChat lets somebody with this cookie in again.
    pub(crate) fn is_signed_in(&self, cookie: &str) -> bool {
        self.post("/api/auth/refresh", "{}", cookie)
            .body
            .contains("\"token\"")
    }
}

/// What came of a check of the application: the result and the sentence.
#[track_caller]
pub(crate) fn proof(answer: &Answer, check: &str) -> (String, String) {
    let found = answer.all("proof");
    let found = found.iter().find(|event| event["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no proof {check}\n{answer}"));
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    (text("result"), text("text"))
}

/// The value of a key in an env file's text.
pub(crate) fn value_of(env: &str, key: &str) -> String {
    let own = env
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{key}=")));
    own.unwrap_or_default().to_owned()
}

/// Checks that a secret is in nothing that refit keeps but in the copies of the stack's own files.
#[track_caller]
pub(crate) fn is_kept_nowhere(stack: &TestStack, secret: &str) {
    for (path, bytes) in stack.state_files() {
        let name = path.to_string_lossy();
        let is_copy = name.contains("/file-") || name.contains("/baseline/");
        let holds = String::from_utf8_lossy(&bytes).contains(secret);
        assert!(is_copy || !holds, "{name}");
    }
}

/// A file of the corpus; `None`, with a word about it, where there is none.
fn corpus(name: &str) -> Option<String> {
    let folder = Path::new(REPOSITORY).join("../shared/corpus");
    if !folder.is_dir() {
        skipped!("no corpus of compose files");
        return None;
    }
    Some(std::fs::read_to_string(folder.join(name)).unwrap())
}

/// The stand-in of a folder, built once in a run of tests. Its tag tells what it was built from: another
/// checkout's tests run beside these.
fn standin(name: &str, folder: &str) -> String {
    static BUILT: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap();
    if let Some(image) = built.get(name) {
        return image.clone();
    }
    let context: PathBuf = [REPOSITORY, "tests", "standin"].iter().collect();
    let files = std::fs::read_dir(context.join(folder)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.push(context.join("http.sh"));
    files.sort();
    let mut sum = Sha256::new();
    for file in files {
        sum.update(file.file_name().unwrap().as_encoded_bytes());
        sum.update(std::fs::read(file).unwrap());
    }
    let sum: String = sum.finalize()[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let image = format!("refit-test/{name}:standin-{sum}");
    let file = context.join(folder).join("Dockerfile");
    let (file, context) = (file.to_str().unwrap(), context.to_str().unwrap());
    docker(&["build", "-q", "-t", &image, "-f", file, context]);
    built.insert(name.to_owned(), image.clone());
    image
}

/// The compose file with stand-ins in place of the images.
fn with_standins(compose: &str, project: &str, image_of: impl Fn(&str) -> String) -> String {
    let line = |line: &str| {
        let at = line.len() - line.trim_start().len();
        let (indent, word) = line.split_at(at);
        if let Some(image) = word.strip_prefix("image: ") {
            return format!("{indent}image: {}\n", image_of(image));
        }
        if let Some(name) = word.strip_prefix("container_name: ") {
            return format!("{indent}container_name: {project}-{name}\n");
        }
        match word {
            "pull_policy: always" => String::new(),
            _ => format!("{line}\n"),
        }
    };
    compose.lines().map(line).collect()
}

/// LibreChat with this env file in place of a plain copy of its sample.
pub(crate) fn librechat(edit: impl FnOnce(String) -> String) -> Option<App> {
    if !engine::answers() {
        return None;
    }
    let compose = corpus("compose/danny-avila__LibreChat__docker-compose.yml")?;
    let sample = corpus("env/danny-avila__LibreChat__.env.example")?;
    let (own, aide) = (
        standin("librechat-dev", "librechat"),
        standin("aide", "aide"),
    );
    let stack = TestStack::new(&[])?;
    let port = free_port();
    let compose = with_standins(&compose, &stack.project, |image| {
        let is_own = image.contains("/librechat-dev:");
        if is_own { own.clone() } else { aide.clone() }
    });
    let env = sample.replace("PORT=3080", &format!("PORT={port}"));
    stack.write("docker-compose.yml", &compose);
    stack.write(".env.example", &sample);
    stack.write(".env", &edit(env));
    Some(App { stack, port })
}

/// Open WebUI with its port in the env file.
pub(crate) fn open_webui() -> Option<App> {
    if !engine::answers() {
        return None;
    }
    let compose = corpus("compose/open-webui__open-webui__docker-compose.yaml")?;
    let sample = corpus("env/open-webui__open-webui__.env.example")?;
    let (own, aide) = (standin("open-webui", "open-webui"), standin("aide", "aide"));
    let stack = TestStack::new(&[])?;
    let port = free_port();
    let compose = with_standins(&compose, &stack.project, |image| {
        let is_own = image.contains("/open-webui:");
        if is_own { own.clone() } else { aide.clone() }
    });
    stack.write("docker-compose.yaml", &compose);
    stack.write(".env.example", &sample);
    stack.write(
        ".env",
        &format!("{}\nOPEN_WEBUI_PORT={port}\n", sample.trim_end()),
    );
    Some(App { stack, port })
}
