//! Which files an image build reads: whether a changed file ends up in the image.

use std::path::Path;

use serde_json::Value;

use crate::host::files;

/// The text of a build's Dockerfile, where it can be read.
fn dockerfile(build: &Value) -> Option<String> {
    if let Some(text) = build.get("dockerfile_inline").and_then(Value::as_str) {
        return Some(text.to_owned());
    }
    let name = build.get("dockerfile").and_then(Value::as_str);
    let path = context(build)?.join(name.unwrap_or("Dockerfile"));
    let bytes = files::read_if_exists(&path).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether a build starts from an image, by a `FROM` of its Dockerfile.
pub(crate) fn starts_from(build: &Value, image: &str) -> bool {
    dockerfile(build).is_some_and(|text| has_from(&text, image))
}

fn has_from(dockerfile: &str, image: &str) -> bool {
    let tagged = |name: &str| match name.rsplit('/').next().unwrap_or(name).contains([':', '@']) {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    };
    dockerfile.lines().any(|line| {
        let words = words_of(line);
        let Some((instruction, rest)) = words.split_first() else {
            return false;
        };
        let mut names = rest.iter().filter(|word| !word.starts_with("--"));
        let name = names
            .next()
            .filter(|_| instruction.eq_ignore_ascii_case("from"));
        name.is_some_and(|name| tagged(name) == tagged(image))
    })
}

/// How a file takes part in a service's build, if it does.
pub(crate) fn takes_part(build: &Value, file: &Path) -> Option<String> {
    let context = Path::new(build.get("context")?.as_str()?);
    let name = build.get("dockerfile").and_then(Value::as_str);
    let path = context.join(name.unwrap_or("Dockerfile"));
    if build.get("dockerfile_inline").is_none() && files::follow(&path) == file {
        return Some("is its Dockerfile".into());
    }
    for (name, path) in build
        .get("additional_contexts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let path = path
            .as_str()
            .map(Path::new)
            .filter(|path| path.is_absolute());
        if path.is_some_and(|path| file.starts_with(files::follow(path))) {
            return Some(format!("is in its build context {name}"));
        }
    }
    let inside = file.strip_prefix(files::follow(context)).ok()?;
    let text = dockerfile(build)?;
    if is_ignored(&ignored_by(build), inside) || !is_copied(&text, inside) {
        return None;
    }
    Some("is copied into its image".into())
}

/// The folder that a build takes its files from, where it is one of this host.
pub(crate) fn context(build: &Value) -> Option<&Path> {
    let context = Path::new(build.get("context")?.as_str()?);
    context.is_absolute().then_some(context)
}

/// The text of the `.dockerignore` that a build goes by; empty where there is none.
pub(crate) fn ignored_by(build: &Value) -> String {
    let context = context(build);
    context.map_or_else(String::new, |context| ignored_in(build, context))
}

/// The same where the files of the context lie elsewhere.
pub(super) fn ignored_in(build: &Value, context: &Path) -> String {
    let dockerfile = build.get("dockerfile").and_then(Value::as_str);
    let specific = format!("{}.dockerignore", dockerfile.unwrap_or("Dockerfile"));
    let read = |name: &str| files::read_if_exists(&context.join(name)).ok().flatten();
    let bytes = read(&specific).or_else(|| read(".dockerignore"));
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// Whether a `.dockerignore` brings back something that it keeps out before.
pub(crate) fn brings_back(ignore: &str) -> bool {
    ignore
        .lines()
        .any(|line| line.trim_start().starts_with('!'))
}

/// Whether `.dockerignore` keeps a file out of the context; the last line that matches decides.
pub(crate) fn is_ignored(ignore: &str, file: &Path) -> bool {
    let mut ignored = false;
    for line in ignore.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (wanted, pattern) = match line.strip_prefix('!') {
            Some(pattern) => (false, pattern),
            None => (true, line),
        };
        let pattern = pattern.trim().trim_start_matches('/').trim_end_matches('/');
        if matches(pattern, file) {
            ignored = wanted;
        }
    }
    ignored
}

/// Whether a `COPY` or `ADD` of the Dockerfile takes the file. What cannot be told (a variable in
/// the source) counts as yes: a build too many costs time, one too few keeps the old file.
pub(super) fn is_copied(dockerfile: &str, file: &Path) -> bool {
    let joined = dockerfile.replace("\\\r\n", " ").replace("\\\n", " ");
    joined.lines().any(|line| {
        let words = words_of(line);
        let Some((instruction, rest)) = words.split_first() else {
            return false;
        };
        if !instruction.eq_ignore_ascii_case("copy") && !instruction.eq_ignore_ascii_case("add") {
            return false;
        }
        if rest.iter().any(|word| word.starts_with("--from")) {
            return false;
        }
        let paths: Vec<&String> = rest.iter().filter(|word| !word.starts_with("--")).collect();
        let Some((_, sources)) = paths.split_last() else {
            return false;
        };
        sources.iter().any(|source| {
            let source = source.trim_start_matches("./").trim_matches('/');
            source.is_empty() || source == "." || source.contains('$') || matches(source, file)
        })
    })
}

/// The words of an instruction, in the shell form and in the form of a JSON list.
fn words_of(line: &str) -> Vec<String> {
    let line = line.trim();
    if let (Some(open), Some((instruction, _))) =
        (line.find('['), line.split_once(char::is_whitespace))
        && let Ok(list) = serde_json::from_str::<Vec<String>>(&line[open..])
    {
        return std::iter::once(instruction.to_owned())
            .chain(list)
            .collect();
    }
    line.split_whitespace().map(str::to_owned).collect()
}

/// Whether a pattern matches the file or a folder above it.
fn matches(pattern: &str, file: &Path) -> bool {
    let Ok(pattern) = glob::Pattern::new(pattern) else {
        return true;
    };
    let options = glob::MatchOptions {
        require_literal_separator: true,
        ..glob::MatchOptions::default()
    };
    file.ancestors()
        .filter(|path| !path.as_os_str().is_empty())
        .any(|path| pattern.matches_path_with(path, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_starts_from_an_image_under_any_way_to_write_it() {
        let from = |dockerfile: &str| has_from(dockerfile, "shop/base");
        assert!(from("FROM shop/base\n"));
        assert!(from(
            "# a\nfrom --platform=linux/amd64 shop/base:latest AS b\n"
        ));
        assert!(!from("FROM shop/base:1\n"));
        assert!(!from("FROM busybox\nCOPY shop/base /\n"));
    }

    #[test]
    fn copied_files() {
        let copied = |dockerfile: &str, file: &str| is_copied(dockerfile, Path::new(file));
        assert!(copied("FROM x\nCOPY . /app", ".env"));
        assert!(copied(
            "FROM x\ncopy --chown=1 a.txt conf/ /app/",
            "conf/x.yml"
        ));
        assert!(copied("ADD [\"my file\", \"/app\"]", "my file"));
        assert!(copied("COPY *.env \\\n  /app/", "prod.env"));
        assert!(copied("ARG F\nCOPY $F /app", "any"));
        assert!(!copied("FROM x\nCOPY src /app/src", ".env"));
        assert!(!copied("COPY --from=build . /app", ".env"));
        assert!(!copied("# COPY . .\nRUN true", ".env"));
    }

    #[test]
    fn ignored_files() {
        let ignored = |ignore: &str, file: &str| is_ignored(ignore, Path::new(file));
        assert!(ignored(".env", ".env"));
        assert!(ignored("**/*.env", "a/b/x.env"));
        assert!(ignored("conf/", "conf/x"));
        assert!(!ignored("*\n!.env", ".env"));
        assert!(!ignored("*.env", "a/x.env"));
        assert!(!ignored("# .env", ".env"));
    }
}
