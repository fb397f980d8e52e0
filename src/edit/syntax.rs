//! What kind of text a file is: by its name, else by reading it throughout. Pure.

use std::path::Path;

use super::dotenv::{Dotenv, DotenvError, Format};
use super::is_yaml;
use super::paths::{self, PathSyntax};

/// The kind of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSyntax {
    /// `KEY=VALUE`, as Compose reads it.
    Env,
    /// YAML.
    Yaml,
    /// Another one whose values have paths.
    Paths(PathSyntax),
    /// Something else, or what reads as none of these throughout.
    Other,
}

/// Endings of code and of other texts in which a line may look like a setting.
const CODE: [&str; 28] = [
    "bash", "c", "cpp", "cs", "css", "csv", "go", "h", "htm", "html", "java", "js", "lua", "md",
    "mjs", "php", "pl", "py", "rb", "rs", "sql", "svg", "tcl", "tf", "ts", "tsx", "xml", "zsh",
];

/// Endings of files that programs read in a form of INI.
const INI: [&str; 5] = ["ini", "cfg", "cnf", "conf", "config"];

impl FileSyntax {
    /// The kind of a file. `is_used` says that a service or Compose reads it as an env file; without a
    /// text it is not there yet.
    pub(crate) fn of(path: &Path, text: Option<&[u8]>, is_used: bool) -> Self {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let ending = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if is_yaml(path) {
            return Self::Yaml;
        }
        if is_used || Self::is_env_name(path) {
            return Self::Env;
        }
        match ending.as_str() {
            "toml" => return Self::Paths(PathSyntax::Toml),
            "json" | "jsonc" | "webmanifest" => return Self::Paths(PathSyntax::Json),
            _ => {}
        }
        let is_recipe = ["dockerfile", "containerfile", "makefile", "caddyfile"];
        let is_recipe = is_recipe.iter().any(|start| name.starts_with(start));
        if is_recipe || CODE.contains(&ending.as_str()) {
            return Self::Other;
        }
        let is_ini = INI.contains(&ending.as_str());
        let Some(text) = text else {
            return match ending.as_str() {
                "properties" => Self::Paths(PathSyntax::Properties),
                _ if is_ini => Self::Paths(PathSyntax::Ini),
                _ => Self::Env,
            };
        };
        let Ok(text) = std::str::from_utf8(text) else {
            return Self::Other;
        };
        let has_section = text.lines().any(|line| line.trim_start().starts_with('['));
        if ending == "properties" && !has_section {
            return Self::Paths(PathSyntax::Properties);
        }
        match has_section || is_ini {
            true if paths::is_ini(text) || text.trim().is_empty() => Self::Paths(PathSyntax::Ini),
            true => Self::Other,
            false if is_env(text) => Self::Env,
            false => Self::Other,
        }
    }

    /// Whether a file has the name of an env file.
    pub(crate) fn is_env_name(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_lowercase();
        name == ".env" || name.starts_with(".env.") || name.ends_with(".env")
    }

    /// Whether its values have paths.
    pub(crate) fn has_paths(self) -> bool {
        match self {
            Self::Yaml | Self::Paths(_) => true,
            Self::Env | Self::Other => false,
        }
    }
}

/// Whether a text reads as an env file throughout.
fn is_env(text: &str) -> bool {
    let Ok(file) = Dotenv::parse(text.as_bytes(), Format::Compose) else {
        return false;
    };
    let is_read = match file.read(&|_| None) {
        Ok(_) | Err(DotenvError::Reference { .. }) => true,
        Err(_) => false,
    };
    if !is_read || text.starts_with("#!") {
        return false;
    }
    let lines: Vec<&str> = text.lines().collect();
    file.keys().all(|(key, at)| {
        let line = lines.get(at.saturating_sub(1)).copied().unwrap_or_default();
        let line = line.trim_start_matches('\u{feff}').trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        let is_alone = key
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        match line.strip_prefix(key).map(str::trim_start) {
            Some(rest) if rest.starts_with('=') => key.chars().all(is_name),
            Some("") => is_alone,
            Some(_) | None => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, text: &str) -> FileSyntax {
        FileSyntax::of(Path::new(name), Some(text.as_bytes()), false)
    }

    #[test]
    fn a_file_is_an_env_file_by_its_name_or_throughout() {
        for (name, text) in [
            (".env", "A: 1\n"),
            (".env.local", ""),
            ("common.env", "[a]\n"),
            ("settings", "# mine\nA=1\nexport B='x\ny'\n\nC\n"),
            ("x.txt", "\u{feff}max_size = 5\r\n"),
            ("new.txt", ""),
        ] {
            assert_eq!(kind(name, text), FileSyntax::Env, "{name}");
        }
        let used = FileSyntax::of(Path::new("app.conf"), Some(b"A=1\n"), true);
        assert_eq!(used, FileSyntax::Env);
        let new = FileSyntax::of(Path::new("settings"), None, false);
        assert_eq!(new, FileSyntax::Env);
    }

    #[test]
    fn what_has_sections_or_is_named_so_is_ini() {
        let ini = FileSyntax::Paths(PathSyntax::Ini);
        for (name, text) in [
            ("app.ini", "A=1\n"),
            ("radicale.conf", "[auth]\ntype = none\n\n[headers]\n"),
            (
                "my.cnf",
                "[mysqld]\nskip-networking\nport=3306\n!includedir /etc/x\n",
            ),
            ("rules", "[a]\nb: c\n"),
            ("empty.ini", ""),
            ("odd.properties", "[a]\nb=1\n"),
        ] {
            assert_eq!(kind(name, text), ini, "{name}");
        }
        let properties = FileSyntax::Paths(PathSyntax::Properties);
        for text in ["", "A=1\n", "max-players 20\nserver.port=1\n"] {
            assert_eq!(kind("server.properties", text), properties, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_not_taken_for_one() {
        for (name, text) in [
            ("redis.conf", "maxmemory 64mb\nport 6379\n"),
            ("mosquitto.conf", "allow_anonymous true\n"),
            ("nginx.conf", "server {\n  listen 80;\n}\n"),
            ("Dockerfile", "ARG A=1\n"),
            ("server.py", "A=1\n"),
            ("run", "#!/bin/sh\nA=1\necho $A\n"),
            ("words", "one\ntwo\n"),
            ("list", "a: 1\nb: 2\n"),
        ] {
            assert_eq!(kind(name, text), FileSyntax::Other, "{name}");
        }
    }
}
