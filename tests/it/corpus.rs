//! Real compose files of others, each alone in a folder: every question about them is answered or
//! refused, with an exit code that means so.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::stack::TestStack;
use serde_json::Value;

/// The folder beside the repository; `None`, with a word about it, where it is absent.
fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/compose");
    if folder.is_dir() {
        return Some(folder);
    }
    skipped!("no {}", folder.display());
    None
}

/// A stack that holds one file of the corpus under another name.
fn stack_of(corpus: &Path, files: &[(&str, &str)]) -> Option<TestStack> {
    let stack = TestStack::new(&[])?;
    for (from, to) in files {
        let text = std::fs::read_to_string(corpus.join(from)).unwrap();
        stack.write(to, &text);
    }
    Some(stack)
}

#[test]
fn every_file_is_answered_or_refused() {
    let (Some(corpus), Some(stack)) = (corpus(), TestStack::new(&[])) else {
        return;
    };
    let mut names: Vec<String> = std::fs::read_dir(&corpus)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yml") || name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let work = Mutex::new(names.iter().enumerate());
    let planned = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((index, name)) = work.lock().unwrap().next() else {
                        return;
                    };
                    let folder = format!("{}-{index}", stack.project);
                    let text = std::fs::read_to_string(corpus.join(name)).unwrap();
                    stack.write(&format!("{folder}/compose.yaml"), &text);
                    let answered = asked_all(&stack, &folder, name);
                    planned.fetch_add(usize::from(answered), Ordering::Relaxed);
                }
            });
        }
    });
    // Compose itself can read two of five alone in a folder, and some of those miss files that
    // they mount; if all were refused, nothing would be proven.
    let planned = planned.into_inner();
    assert!(planned * 4 > names.len(), "{planned} of {}", names.len());
}

/// Asks everything; whether there was a plan.
fn asked_all(stack: &TestStack, folder: &str, name: &str) -> bool {
    let mut planned = false;
    for args in [
        &["--json", "plan"][..],
        &["--json", "why", "X"],
        &["--json", "set", "X=1", "--dry-run", "--exit-code"],
    ] {
        let answer = stack.refit(&[&["-C", folder], args].concat());
        assert!(matches!(answer.code, 0 | 1 | 10), "{name}\n{answer}");
        assert!(!answer.stderr.contains("panicked"), "{name}\n{answer}");
        if answer.code == 1 {
            let code =
                |event: &Value| event["code"].is_string() || event["error"]["code"].is_string();
            assert!(answer.events().iter().any(code), "{name}\n{answer}");
            assert!(
                !answer.stdout.contains("\"engine_error\""),
                "{name}\n{answer}"
            );
        }
        planned |= answer.stdout.contains("\"event\":\"plan\"");
    }
    let env = stack.path(folder).join(".env");
    assert!(!env.exists(), "{name}");
    planned
}

const LIBRECHAT: &str = "danny-avila__LibreChat__docker-compose.yml";
const DEPLOY: &str = "danny-avila__LibreChat__deploy-compose.yml";
const OVERRIDE: &str = "danny-avila__LibreChat__docker-compose.override.yml.example";

#[test]
fn librechat_reads_its_env_file_by_a_bind_mount() {
    let Some(corpus) = corpus() else {
        return;
    };
    // The example of an override is wholly commented out: an empty document.
    let files = [
        (LIBRECHAT, "docker-compose.yml"),
        (OVERRIDE, "docker-compose.override.yml"),
    ];
    let Some(stack) = stack_of(&corpus, &files) else {
        return;
    };
    let env = "PORT=3080\nMEILI_MASTER_KEY=masterkeyvalue\n#SESSION_EXPIRY=1000 * 60 * 15\n";
    stack.write(".env", env);
    stack.refit(&["why", "SESSION_EXPIRY"]).exits(0).has_line(&[
        "api",
        "bind",
        ".env is mounted at /app/.env",
        "restart",
    ]);
    // What runs nothing starts nothing, and the plan of a stack that is down says so.
    stack
        .refit(&["set", "SESSION_EXPIRY=604800", "--dry-run"])
        .exits(0)
        .has_line(&[".env", "SESSION_EXPIRY", "604800"]);
    assert_eq!(stack.read(".env"), env);
    stack.refit(&["set", "SESSION_EXPIRY=604800"]).exits(0);
    let wanted = env.to_owned() + "SESSION_EXPIRY=604800\n";
    assert_eq!(stack.read(".env"), wanted);
    stack
        .refit(&["why", "MEILI_MASTER_KEY"])
        .exits(0)
        .has_line(&["meilisearch", "environment", "recreate"])
        .has_line(&["api", "bind", "restart"])
        .never_says("masterkeyvalue");
}

#[test]
fn librechat_deployed_reads_its_env_file_as_such() {
    let Some(corpus) = corpus() else {
        return;
    };
    let Some(stack) = stack_of(&corpus, &[(DEPLOY, "deploy-compose.yml")]) else {
        return;
    };
    stack.write(".env", "SESSION_EXPIRY=900000\n");
    stack
        .refit(&["-f", "deploy-compose.yml", "why", "SESSION_EXPIRY"])
        .exits(0)
        .has_line(&["set in", ".env:1", "900000"])
        .has_line(&["api", "env_file", ".env is its env_file", "recreate"]);
}

/// The stock files with images that are here, so that the plan is that of a stack that runs.
#[test]
fn librechat_that_runs_is_restarted_for_a_setting() {
    let Some(corpus) = corpus() else {
        return;
    };
    let Some(stack) = stack_of(&corpus, &[(LIBRECHAT, "docker-compose.yml")]) else {
        return;
    };
    let idle = |name: &str| {
        format!(
            "  {name}:\n    image: {}\n    init: true\n    command: sleep infinity\n    \
             container_name: {}-{name}\n    ports: !reset []\n    user: '0:0'\n",
            crate::stack::BUSYBOX,
            stack.project
        )
    };
    let names = ["api", "mongodb", "meilisearch", "vectordb", "rag_api"];
    let services: String = names.iter().map(|name| idle(name)).collect();
    let text = format!("services:\n{services}");
    stack.write("docker-compose.override.yml", &text);
    stack.write(".env", "PORT=3080\nUID=0\nGID=0\nMEILI_MASTER_KEY=x\n");
    stack.up();
    let before = stack.containers();
    let answer = stack.refit(&["--json", "set", "SESSION_EXPIRY=604800"]);
    answer
        .exits(0)
        .plans(&[("api", "restart"), ("rag_api", "recreate")])
        .because("api", "bind", ".env is mounted at /app/.env")
        .because("rag_api", "env_file", ".env is its env_file")
        .proves("api", "SESSION_EXPIRY", "bind");
    let after = stack.containers();
    before["api"].was_restarted(&after["api"]);
    for service in ["mongodb", "meilisearch", "vectordb"] {
        before[service].is_untouched(&after[service]);
    }
}
