//! Whether a line of a file reads a key from the environment: in code that runs, in no comment and in
//! no test. Pure, line by line: what spans lines is not understood, and then not believed.

use crate::recipe::evidence::idioms;

/// Whether a line of this file is code that reads the key from the environment.
pub(crate) fn reads(file: &str, line: &str, key: &str) -> bool {
    if !is_code(file) && !is_springs(file) {
        return false;
    }
    let forms = READS.iter().map(|form| form.replace("KEY", key));
    let mut at: Vec<usize> = forms.filter_map(|form| whole(line, &form)).collect();
    at.extend(taken_apart(line, key));
    at.extend(idioms::reads_at(file, line, key));
    if is_shell(file) || is_run(file, line) {
        at.extend(whole(line, &format!("${{{key}")));
        at.extend(whole(line, &format!("${key}")));
    }
    at.iter().any(|at| !is_comment(file, &line[..*at]))
}

/// Settings of a Spring application, in which variables of the environment stand. Other YAML is Compose's,
/// or of those who build.
fn is_springs(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    name.starts_with("application")
        && yaml
        && is_code(file.trim_end_matches(".yml").trim_end_matches(".yaml"))
}

/// What an image runs, of the lines that say how it is made.
fn is_run(file: &str, line: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let made = name.starts_with("Dockerfile") || name.starts_with("Containerfile");
    made && ["CMD", "ENTRYPOINT"]
        .iter()
        .any(|word| line.trim_start().starts_with(word))
}

/// Folders and names of files that hold tests and samples, pages to read, and what Compose reads.
pub(crate) fn is_code(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    let name = lower.rsplit('/').next().unwrap_or(&lower);
    let folders = lower.rsplit_once('/').map_or("", |(folders, _)| folders);
    let aside = folders
        .split('/')
        .any(|folder| ASIDE.contains(&folder.trim_matches('_')));
    let stem = name.split('.').next().unwrap_or(name);
    let test = name.contains(".test.")
        || name.contains(".spec.")
        || name.contains(".stories.")
        || stem.starts_with("test_")
        || stem == "conftest"
        || ["_test", "_spec", "-test", "-spec"]
            .iter()
            .any(|end| stem.ends_with(end))
        // `SessionTest.java`, but not `latest.js`.
        || ["Test.", "Tests.", "Spec."]
            .iter()
            .any(|end| file.contains(end));
    let page = PAGES.iter().any(|ending| name.ends_with(ending));
    let sample = name.starts_with(".env") || name.contains(".env.") || name.ends_with(".env");
    !aside && !test && !page && !sample && !name.ends_with(".example")
}

const ASIDE: [&str; 26] = [
    ".github",
    ".gitlab",
    ".circleci",
    ".devcontainer",
    "test",
    "tests",
    "testing",
    "testdata",
    "test-data",
    "spec",
    "specs",
    "e2e",
    "cypress",
    "playwright",
    "fixtures",
    "fixture",
    "mock",
    "mocks",
    "stories",
    "doc",
    "docs",
    "example",
    "examples",
    "sample",
    "samples",
    "snapshots",
];

const PAGES: [&str; 15] = [
    ".md", ".mdx", ".txt", ".rst", ".adoc", ".yml", ".yaml", ".json", ".lock", ".html", ".diff",
    ".patch", ".snap", ".map", ".ipynb",
];

/// Files in which `${KEY}` is the environment. In a template text of JavaScript it is a variable of
/// the program's own.
fn is_shell(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    let endings = [
        ".sh",
        ".bash",
        ".ash",
        ".ksh",
        ".zsh",
        ".envsh",
        ".template",
        ".tmpl",
        ".tpl",
    ];
    let recipe = [
        "Dockerfile",
        "Containerfile",
        "Makefile",
        "GNUmakefile",
        "Jenkinsfile",
        "justfile",
    ];
    !name.contains('.') && !recipe.contains(&name)
        || endings.iter().any(|ending| name.ends_with(ending))
}

/// Ways in which languages read the environment; `KEY` stands for the key.
const READS: [&str; 34] = [
    "env.KEY",
    "env?.KEY",
    "process.env['KEY']",
    "process.env[\"KEY\"]",
    "process.env[`KEY`]",
    "Deno.env.get('KEY')",
    "Deno.env.get(\"KEY\")",
    "environ.get('KEY'",
    "environ.get(\"KEY\"",
    "environ['KEY']",
    "environ[\"KEY\"]",
    "getenv('KEY'",
    "getenv(\"KEY\"",
    "Getenv(\"KEY\")",
    "LookupEnv(\"KEY\")",
    "GetEnvironmentVariable(\"KEY\"",
    "get_env(\"KEY\"",
    "fetch_env!(\"KEY\"",
    "env::var(\"KEY\")",
    "env::var_os(\"KEY\")",
    "env = \"KEY\"",
    "env:\"KEY\"",
    "env:\"KEY,",
    "envconfig:\"KEY\"",
    "ENV['KEY']",
    "ENV[\"KEY\"]",
    "ENV.fetch('KEY'",
    "ENV.fetch(\"KEY\"",
    "$_ENV['KEY']",
    "$_ENV[\"KEY\"]",
    "$_SERVER['KEY']",
    "$_SERVER[\"KEY\"]",
    "$ENV{KEY}",
    "$ENV{'KEY'}",
];

/// `const { KEY } = process.env`.
fn taken_apart(line: &str, key: &str) -> Option<usize> {
    let at = whole(line, key)?;
    let opened = line[..at].rfind('{') > line[..at].rfind('}');
    let (_, from) = line[at..].split_once('}')?;
    let from = from.trim_start().strip_prefix('=')?.trim_start();
    let environment = ["process.env", "import.meta.env", "Bun.env"];
    let taken = environment.iter().any(|env| whole(from, env) == Some(0));
    (opened && taken).then_some(at)
}

/// Where a form stands in a line, if its words do not go on at either end.
pub(crate) fn whole(line: &str, form: &str) -> Option<usize> {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let (first, last) = (form.chars().next(), form.chars().next_back());
    line.match_indices(form)
        .find(|(at, _)| {
            let before = line[..*at].chars().next_back();
            let after = line[at + form.len()..].chars().next();
            let longer = |inside: Option<char>, outside: Option<char>| {
                inside.is_some_and(goes_on) && outside.is_some_and(goes_on)
            };
            !longer(first, before) && !longer(last, after)
        })
        .map(|(at, _)| at)
}

/// Whether what stands before makes the rest of the line a comment in this file's language.
fn is_comment(file: &str, before: &str) -> bool {
    let ending = file.rsplit('/').next().unwrap_or(file);
    let ending = ending.rsplit_once('.').map_or("", |(_, ending)| ending);
    let begins = |marks: &[&str]| {
        let start = before.trim_start();
        marks.iter().any(|mark| start.starts_with(mark))
    };
    // After code: a `//` that is no part of a URL, a `#` that stands alone.
    let slashes = || {
        before
            .match_indices("//")
            .any(|(at, _)| !before[..at].ends_with(':'))
            || before.rfind("/*") > before.rfind("*/")
            || begins(&["*"])
    };
    let hash = || begins(&["#"]) || before.contains(" #") || before.contains("\t#");
    match ending {
        "py" => hash() || begins(&["\"\"\"", "'''"]),
        "sh" | "bash" | "properties" | "yml" | "yaml" | "ash" | "ksh" | "zsh" | "envsh" | "rb"
        | "pl" | "pm" | "ex" | "exs" | "cr" | "r" | "ps1" | "template" | "tmpl" | "tpl" | "" => {
            hash()
        }
        "lua" | "sql" | "hs" => begins(&["--"]) || before.contains(" --"),
        "php" => hash() || slashes(),
        _ => slashes() || begins(&["<!--", "REM "]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "SESSION_EXPIRY";

    #[test]
    fn a_read_of_the_environment_is_one_in_its_language() {
        for (file, line) in [
            ("a.js", "const s = process.env.SESSION_EXPIRY || 900;"),
            ("a.ts", "  expiry: math(process.env[\"SESSION_EXPIRY\"]),"),
            ("a.ts", "  expiry: process.env?.SESSION_EXPIRY,"),
            ("a.ts", "const { PORT, SESSION_EXPIRY } = process.env;"),
            ("a.ts", "const { SESSION_EXPIRY = '9' } = import.meta.env"),
            ("a.ts", "\"http://\" + process.env.SESSION_EXPIRY"),
            ("a.ts", "/* s */ process.env.SESSION_EXPIRY"),
            ("a.js", "s.split('#')[0] || process.env.SESSION_EXPIRY"),
            ("a.py", "E = int(os.environ.get(\"SESSION_EXPIRY\", 900))"),
            ("a.py", "E = os.environ[\"SESSION_EXPIRY\"]"),
            ("a.py", "E = environ['SESSION_EXPIRY']"),
            ("a.py", "x = os.getenv('SESSION_EXPIRY')"),
            ("a.rs", "let v = std::env::var(\"SESSION_EXPIRY\")?;"),
            ("a.rs", "#[arg(long, env = \"SESSION_EXPIRY\")]"),
            ("a.go", "s := os.Getenv(\"SESSION_EXPIRY\")"),
            ("a.go", "Expiry int `env:\"SESSION_EXPIRY\"`"),
            ("A.java", "System.getenv(\"SESSION_EXPIRY\")"),
            ("a.php", "$s = $_ENV['SESSION_EXPIRY'];"),
            ("a.rb", "ENV.fetch(\"SESSION_EXPIRY\", 900)"),
            ("start.sh", "exec app --expiry \"${SESSION_EXPIRY:-900}\""),
            ("start.sh", "  --expiry \"$SESSION_EXPIRY\" \\"),
            ("entrypoint", "echo ${SESSION_EXPIRY%s}"),
            ("nginx/default.conf.template", "expires ${SESSION_EXPIRY};"),
        ] {
            assert!(reads(file, line, KEY), "{file}: {line}");
        }
    }

    #[test]
    fn a_comment_another_name_and_a_word_are_none() {
        for (file, line) in [
            ("a.js", "// process.env.SESSION_EXPIRY is not read any more"),
            ("a.js", "  * uses process.env.SESSION_EXPIRY"),
            ("a.js", "/* process.env.SESSION_EXPIRY */"),
            ("a.js", "run(); // was process.env.SESSION_EXPIRY"),
            ("a.js", "const SESSION_EXPIRY = 900;"),
            ("a.js", "console.log(`expires ${SESSION_EXPIRY}`);"),
            ("a.js", "process.env.SESSION_EXPIRY_MAX"),
            ("a.js", "process.env.OLD_SESSION_EXPIRY"),
            ("a.js", "get('SESSION_EXPIRY', { of: process.env.A })"),
            ("a.js", "const { A } = process.env, SESSION_EXPIRY = 1;"),
            ("a.py", "# os.environ.get(\"SESSION_EXPIRY\")"),
            ("a.py", "x = 1  # was os.environ[\"SESSION_EXPIRY\"]"),
            (
                "a.py",
                "\"\"\"os.environ[\"SESSION_EXPIRY\"] was read.\"\"\"",
            ),
            ("a.rs", "/// `std::env::var(\"SESSION_EXPIRY\")`"),
            ("a.lua", "-- os.getenv(\"SESSION_EXPIRY\")"),
            ("start.sh", "# ${SESSION_EXPIRY}"),
            ("start.sh", "echo $SESSION_EXPIRY_MAX"),
            ("start.sh", "SESSION_EXPIRY=900"),
        ] {
            assert!(!reads(file, line, KEY), "{file}: {line}");
        }
    }

    #[test]
    fn tests_pages_and_samples_are_no_code() {
        for file in [
            "api/server/index.js",
            "src/main.rs",
            "start.sh",
            "backend/env.py",
            "src/latest.js",
            "src/contest.py",
            "docker-entrypoint",
        ] {
            assert!(is_code(file), "{file}");
        }
        for file in [
            "api/index.spec.js",
            "tests/conftest.py",
            "conftest.py",
            "README.md",
            "docs/env.js",
            ".env.example",
            "deploy/production.env",
            "src/__tests__/a.ts",
            "src/__mocks__/env.ts",
            "cypress/support/env.js",
            "docker-compose.yml",
            "pkg/a_test.go",
            "spec/env_spec.rb",
            "src/SessionTest.java",
            "old.patch",
        ] {
            assert!(!is_code(file), "{file}");
        }
    }
}
