//! Reads of the environment that are no fixed words: a function whose name says so, a setting's
//! declaration. Pure, line by line.

/// Where a line reads a key, by a form that is sure in this file's language.
pub(crate) fn reads_at(file: &str, line: &str, key: &str) -> Option<usize> {
    let quoted = quoted_at(line, key);
    let read = quoted.into_iter().find(|at| {
        let before = line[..at - 1].trim_end();
        is_call(file, before) || is_named(before)
    });
    read.or_else(|| placeholder(file, line, key))
        .or_else(|| declared(file, line, key))
}

/// Every place behind a quote at which the key stands as a whole text.
fn quoted_at(line: &str, key: &str) -> Vec<usize> {
    let is_quote = |c: Option<char>| c.filter(|c| "\"'`".contains(*c));
    let found = line.match_indices(key).filter(|(at, _)| {
        let before = is_quote(line[..*at].chars().next_back());
        let after = is_quote(line[at + key.len()..].chars().next());
        before.is_some() && before == after
    });
    found.map(|(at, _)| at).collect()
}

/// `getEnv("KEY"`, `env.int('KEY'`, `configService.get<number>('KEY'`: a call whose first argument it is.
fn is_call(file: &str, before: &str) -> bool {
    let Some(call) = before.strip_suffix('(') else {
        return false;
    };
    // What stands between angle brackets is a type.
    let call = match call.ends_with('>') {
        true => call.rfind('<').map_or(call, |at| &call[..at]),
        false => call,
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_.:?$->".contains(c);
    let start = call.rfind(|c| !in_name(c)).map_or(0, |at| at + 1);
    let parts: Vec<String> = call[start..]
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|part| !part.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let (last, of) = match parts.as_slice() {
        [] => return false,
        [last] => (last, None),
        [.., of, last] => (last, Some(of)),
    };
    let reads = READS.iter().any(|word| last.starts_with(word));
    let of_env = |of: &String| of.contains("env") || of.ends_with("configservice");
    // Rust's `Command::env` gives a variable to another program.
    let gives = last == "env" && file.ends_with(".rs");
    let own = last.contains("env") && !gives && !CHANGES.iter().any(|word| last.contains(word));
    own || (reads && of.is_some_and(of_env))
        // python-decouple and Starlette.
        || (last == "config" && of.is_none() && file.ends_with(".py"))
}

/// How functions that read begin.
const READS: [&str; 19] = [
    "get", "str", "int", "bool", "float", "num", "list", "array", "url", "dur", "req", "read",
    "fetch", "lookup", "var", "json", "port", "opt", "path",
];

/// What functions have in their names that change the environment, or pretend one.
const CHANGES: [&str; 17] = [
    "set",
    "put",
    "del",
    "pop",
    "stub",
    "add",
    "with",
    "remove",
    "mock",
    "write",
    "append",
    "clear",
    "key",
    "file",
    "save",
    "has",
    "option_env",
];

/// Options that name a variable of the environment: of click and typer, clap, urfave/cli, viper, convict
/// and pydantic.
fn is_named(before: &str) -> bool {
    let squeezed: String = before.chars().filter(|c| !c.is_whitespace()).collect();
    let ends = ["env=", "envvar=", "validation_alias=", "env:", "EnvVar:"];
    let lists = [
        "EnvVars(",
        "EnvVars:[]string{",
        "BindEnv(",
        "AliasChoices(",
        "envvar=[",
    ];
    let ends = ends.iter().any(|end| {
        let name = squeezed.strip_suffix(end);
        name.is_some_and(|name| !name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
    });
    ends || lists.iter().any(|list| squeezed.contains(list))
}

/// `@Value("${KEY:900}")` and files of Spring, in which the environment fills what is in braces.
fn placeholder(file: &str, line: &str, key: &str) -> Option<usize> {
    let name = file.rsplit('/').next().unwrap_or(file);
    let spring = name.ends_with(".properties")
        || ((name.starts_with("application") || name.starts_with("bootstrap"))
            && (name.ends_with(".yml") || name.ends_with(".yaml")));
    let java = [".java", ".kt", ".groovy", ".scala"]
        .iter()
        .any(|end| name.ends_with(end));
    let at = line.find(&format!("${{{key}"))?;
    let ends = line[at + 2 + key.len()..].starts_with(['}', ':']);
    let known =
        spring && !line.trim_start().starts_with('#') || java && line[..at].contains("@Value(");
    (known && ends).then_some(at)
}

/// `KEY: z.coerce.number()`, `KEY: num({`: the environment as zod, joi and envalid describe it, in a file
/// that is called after it.
fn declared(file: &str, line: &str, key: &str) -> Option<usize> {
    let name = file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
    let script = [".ts", ".js", ".mjs", ".cjs", ".mts"];
    if !name.contains("env") || !script.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    let start = line.len() - line.trim_start().len();
    let kind = line[start..]
        .strip_prefix(key)?
        .trim_start()
        .strip_prefix(':')?;
    let kind = kind.trim_start();
    let kinds = [
        "z.", "Joi.", "joi.", "yup.", "v.", "str(", "num(", "bool(", "port(", "url(", "host(",
        "email(", "json(",
    ];
    kinds
        .iter()
        .any(|known| kind.starts_with(known))
        .then_some(start)
}

/// Whether a line of Python declares a field that may be one of pydantic's settings.
pub(crate) fn is_field(file: &str, line: &str, key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let own = line.trim_start();
    let indented = own.len() < line.len();
    let rest = own.strip_prefix(key).or_else(|| own.strip_prefix(&lower));
    file.ends_with(".py") && indented && rest.is_some_and(|rest| rest.trim_start().starts_with(':'))
}

/// Whether the fields of a file are read from the environment under their own names.
pub(crate) fn has_settings(text: &str) -> bool {
    text.contains("(BaseSettings)") && !text.contains("env_prefix")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::evidence::languages;

    const KEY: &str = "SESSION_EXPIRY";

    #[test]
    fn functions_and_declarations_that_read_the_environment() {
        for (file, line) in [
            ("a.go", "s := getEnv(\"SESSION_EXPIRY\", \"900\")"),
            (
                "a.go",
                "viper.BindEnv(\"session.expiry\", \"SESSION_EXPIRY\")",
            ),
            ("a.go", "EnvVars: []string{\"SESSION_EXPIRY\"},"),
            ("a.go", "Sources: cli.EnvVars(\"SESSION_EXPIRY\"),"),
            ("a.py", "EXPIRY = env.int(\"SESSION_EXPIRY\", 900)"),
            ("a.py", "EXPIRY = config('SESSION_EXPIRY', cast=int)"),
            ("a.py", "@click.option('--expiry', envvar='SESSION_EXPIRY')"),
            (
                "a.py",
                "x: int = Field(900, validation_alias=\"SESSION_EXPIRY\")",
            ),
            ("a.ts", "this.configService.get<number>('SESSION_EXPIRY')"),
            ("a.ts", "const e = requireEnv(`SESSION_EXPIRY`)"),
            ("a.js", "    env: 'SESSION_EXPIRY',"),
            (
                "src/env.mjs",
                "  SESSION_EXPIRY: z.coerce.number().default(900),",
            ),
            ("src/env.ts", "  SESSION_EXPIRY: num({ default: 900 }),"),
            ("A.java", "@Value(\"${SESSION_EXPIRY:900}\") int expiry;"),
            (
                "A.cs",
                "Environment.GetEnvironmentVariable(\"SESSION_EXPIRY\")",
            ),
            ("A.kt", "val e = System.getenv(\"SESSION_EXPIRY\")"),
            (
                "config/session.php",
                "'lifetime' => env('SESSION_EXPIRY', 120),",
            ),
            ("a.ex", "System.get_env(\"SESSION_EXPIRY\", \"900\")"),
            ("a.rs", "#[clap(long, env=\"SESSION_EXPIRY\")]"),
            (
                "src/main/resources/application.yml",
                "  expiry: ${SESSION_EXPIRY:900}",
            ),
            ("app.properties", "session.expiry=${SESSION_EXPIRY}"),
        ] {
            assert!(languages::reads(file, line, KEY), "{file}: {line}");
        }
    }

    #[test]
    fn what_sets_it_or_only_names_it_is_none() {
        for (file, line) in [
            ("a.go", "os.Setenv(\"SESSION_EXPIRY\", \"1\")"),
            ("a.go", "req.WithEnv(\"SESSION_EXPIRY\", \"1\")"),
            ("a.py", "env.pop(\"SESSION_EXPIRY\")"),
            ("a.py", "monkeypatch.setenv(\"SESSION_EXPIRY\", \"1\")"),
            ("a.js", "config('SESSION_EXPIRY')"),
            ("a.js", "cache.get('SESSION_EXPIRY')"),
            ("a.ts", "  SESSION_EXPIRY: z.number(),"),
            ("a.ts", "// getEnv('SESSION_EXPIRY')"),
            ("a.rs", "command.env(\"SESSION_EXPIRY\", \"1\")"),
            ("a.rs", "let v = option_env!(\"SESSION_EXPIRY\");"),
            ("a.rs", "const E: &str = env!(\"SESSION_EXPIRY\");"),
            ("A.java", "String s = \"${SESSION_EXPIRY}\";"),
            ("A.java", "@Value(\"${SESSION_EXPIRY_MAX}\")"),
            ("app.properties", "# ${SESSION_EXPIRY}"),
            ("Dockerfile", "ARG SESSION_EXPIRY=900"),
            ("Dockerfile", "ENV SESSION_EXPIRY=${SESSION_EXPIRY}"),
            ("Makefile", "\techo ${SESSION_EXPIRY}"),
            (".github/run.sh", "echo $SESSION_EXPIRY"),
        ] {
            assert!(!languages::reads(file, line, KEY), "{file}: {line}");
        }
        assert!(languages::reads(
            "Dockerfile",
            "CMD app --expiry ${SESSION_EXPIRY}",
            KEY
        ));
    }

    #[test]
    fn fields_of_settings_are_read_under_their_names() {
        assert!(is_field("a.py", "    session_expiry: int = 900", KEY));
        assert!(is_field("a.py", "    SESSION_EXPIRY: int = 900", KEY));
        assert!(!is_field("a.py", "session_expiry: int = 900", KEY));
        assert!(!is_field("a.py", "    session_expiry = 900", KEY));
        assert!(has_settings("class A(BaseSettings):\n"));
        assert!(!has_settings("class A(BaseModel):\n"));
        assert!(!has_settings(
            "class A(BaseSettings):\n  env_prefix = 'A_'\n"
        ));
    }
}
