//! A recipe as a page that a person reads, and as JSON. Pure.

use serde_json::{Value, json};

use crate::recipe::format::fields::{
    Application, Recipe, RecipeChange, RecipeGuard, RecipeNote, Type,
};

/// The page, line by line.
pub(crate) fn lines(recipe: &Recipe, from: &str) -> Vec<String> {
    let mut out = vec![
        format!("{}: {}", recipe.name, recipe.title),
        format!("  {}", recipe.aim),
        String::new(),
    ];
    let typed = format!("  refit use {}{}", recipe.name, usage(recipe));
    out.extend(wrapped(&typed, 6));
    section(
        &mut out,
        "parameters",
        recipe.parameters.iter().map(|parameter| {
            let kind = match parameter.kind == Type::Choice {
                true => parameter.of.join(", "),
                false => parameter.kind.words().to_owned(),
            };
            let bounds = match (&parameter.min, &parameter.max) {
                (Some(min), Some(max)) => format!("; {min} to {max}"),
                _ => String::new(),
            };
            let default = match (&parameter.default, parameter.required) {
                (Some(default), _) => format!("; default {default}"),
                (None, true) => "; required".to_owned(),
                (None, false) => String::new(),
            };
            format!(
                "{}: {} ({kind}{bounds}{default})",
                parameter.name, parameter.about
            )
        }),
    );
    for (name, application) in &recipe.applications {
        section(&mut out, name, of_application(application));
    }
    section(&mut out, "refused unless allowed", recipe.guards.iter().map(|guard| match guard {
        RecipeGuard::Public => "the application is published where others can reach it (--allow public; --bind 127.0.0.1 closes the port)".to_owned(),
        RecipeGuard::ExistingUsers => "the application has users already (--allow existing-users)".to_owned(),
    }));
    section(
        &mut out,
        "refused",
        recipe.refuse.iter().map(|refusal| flat(&refusal.text)),
    );
    section(&mut out, "know", recipe.warnings.iter().map(told));
    section(&mut out, "what it cannot do", recipe.cannot.iter().cloned());
    out.push(String::new());
    out.push(format!("  {from}"));
    out
}

fn section(out: &mut Vec<String>, title: &str, lines: impl IntoIterator<Item = String>) {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_none() {
        return;
    }
    out.push(String::new());
    out.push(format!("  {title}"));
    out.extend(lines.flat_map(|line| wrapped(&format!("    {}", readable(&line)), 6)));
}

fn usage(recipe: &Recipe) -> String {
    let words = recipe.parameters.iter().map(|parameter| {
        let value = match (&parameter.default, parameter.of.is_empty()) {
            (_, false) => parameter.of.join("|"),
            (Some(default), true) => default.clone(),
            (None, true) => parameter.name.to_uppercase(),
        };
        match (parameter.required, parameter.kind) {
            (true, _) => format!(" {}={value}", parameter.name),
            (false, Type::Secret) => format!(" [{}]", parameter.name),
            (false, _) => format!(" [{}={value}]", parameter.name),
        }
    });
    words.collect()
}

fn of_application(application: &Application) -> Vec<String> {
    let mut lines = vec![flat(&application.about)];
    for change in &application.changes {
        let place = match (&change.env, &change.file, &change.path) {
            (Some(key), ..) => key.clone(),
            (None, Some(file), Some(path)) => format!("{file}: {path}"),
            _ => continue,
        };
        lines.push(format!(
            "writes    {place}{}{}",
            value_of(change),
            when(&change.when)
        ));
    }
    for service in &application.services {
        lines.push(format!(
            "adds      service {}{}",
            service.name,
            when(&service.when)
        ));
    }
    if application.services.iter().any(|s| s.when.is_some()) {
        lines.push(
            "removes   a service that it added before and that is not asked for; its volume stays"
                .to_owned(),
        );
    }
    if let Some(account) = &application.account {
        lines.push(format!(
            "runs      the application's own script for a new account; {} and {} keep its name and a password \
             that was made up{}",
            account.keep_name,
            account.keep,
            when(&account.when)
        ));
    }
    for check in &application.checks {
        lines.push(format!(
            "proves    {}{}",
            check.proves.words(),
            when(&check.when)
        ));
    }
    for refusal in &application.refuse {
        lines.push(format!("refuses   {}", flat(&refusal.text)));
    }
    for note in &application.notes {
        lines.push(format!("says      {}", told(note)));
    }
    lines
}

fn value_of(change: &RecipeChange) -> String {
    match change.shown.as_ref().or(change.value.as_ref()) {
        Some(value) => format!(" = {value}"),
        None if change.generated => " = the value that it has generated".to_owned(),
        None => ", removed".to_owned(),
    }
}

fn when(condition: &Option<String>) -> String {
    match condition {
        Some(condition) => format!(", when {}", in_words(condition)),
        None => String::new(),
    }
}

/// An expression as a person reads it: `same_site is defined` is `same-site is given`.
fn in_words(expression: &str) -> String {
    let words = [
        ("is not defined", "is not given"),
        ("is defined", "is given"),
        (" == ", " is "),
        (" != ", " is not "),
        ("'", ""),
        ("same_site", "same-site"),
        ("account_password", "account-password"),
        ("configured.", ""),
    ];
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    words.iter().fold(flat(expression), replace)
}

/// What a page of a terminal holds.
const WIDTH: usize = 100;

/// Lines that fit, the second and later ones further in.
fn wrapped(line: &str, further: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    // What a line does stands in a column of its own.
    let column = match line.trim_start().find("  ") {
        Some(at) if at < 10 => 14,
        _ => further,
    };
    let mut lines = Vec::new();
    let mut now = String::new();
    for word in line[indent..].split(' ') {
        let long = now.chars().count() + 1 + word.chars().count() > WIDTH;
        if long && !now.trim().is_empty() {
            lines.push(std::mem::take(&mut now).trim_end().to_owned());
        }
        match now.is_empty() {
            true if lines.is_empty() => now = format!("{}{word}", " ".repeat(indent)),
            true => now = format!("{}{word}", " ".repeat(column)),
            false => now = format!("{now} {word}"),
        }
    }
    lines.push(now);
    lines
}

/// A template as a person reads it: `{{ for.ms }}` is `<for in milliseconds>`.
fn readable(text: &str) -> String {
    let mut parts = text.split("{{ ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (expression, rest) = part.split_once(" }}").unwrap_or((part, ""));
        let units = [
            (".seconds", " in seconds"),
            (".ms", " in milliseconds"),
            (".mib", " in MiB"),
            (".text", ""),
        ];
        let unit = units
            .iter()
            .find_map(|(end, unit)| Some(format!("{}{unit}", expression.strip_suffix(end)?)));
        let told = unit.unwrap_or_else(|| in_words(expression));
        out.push_str(&format!("<{told}>{rest}"));
    }
    out
}

/// A note, and when it counts.
fn told(note: &RecipeNote) -> String {
    format!("{}{}", flat(&note.text), when(&note.when))
}

/// On one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The recipe as a document.
pub(crate) fn document(recipe: &Recipe, from: &str) -> Value {
    let parameters: Vec<Value> = recipe
        .parameters
        .iter()
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "type": parameter.kind,
                "about": parameter.about,
                "default": parameter.default,
                "required": parameter.required,
                "one_of": parameter.of,
                "min": parameter.min,
                "max": parameter.max,
            })
        })
        .collect();
    let applications: Vec<Value> = recipe
        .applications
        .iter()
        .map(|(name, application)| {
            let of = |change: &RecipeChange| {
                json!({
                    "env": change.env, "file": change.file, "path": change.path,
                    "value": change.value, "remove": change.remove, "when": change.when,
                })
            };
            let services: Vec<&str> = application
                .services
                .iter()
                .map(|s| s.name.as_str())
                .collect();
            let checks: Vec<&str> = application
                .checks
                .iter()
                .map(|c| c.proves.words())
                .collect();
            json!({
                "name": name,
                "about": flat(&application.about),
                "changes": application.changes.iter().map(of).collect::<Vec<_>>(),
                "services": services,
                "checks": checks,
                "refuses": application.refuse.iter().map(|r| flat(&r.text)).collect::<Vec<_>>(),
                "says": application.notes.iter().map(|n| flat(&n.text)).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "name": recipe.name,
        "title": recipe.title,
        "aim": recipe.aim,
        "from": from,
        "parameters": parameters,
        "applications": applications,
        "guards": recipe.guards,
        "warnings": recipe.warnings.iter().map(|n| flat(&n.text)).collect::<Vec<_>>(),
        "cannot": recipe.cannot,
    })
}

#[cfg(test)]
mod tests {
    use crate::recipe::format::catalogue::Catalogue;

    #[test]
    fn the_page_of_every_recipe() {
        for entry in Catalogue::built_in().unwrap().all() {
            let page = super::lines(&entry.recipe, &entry.from).join("\n");
            insta::assert_snapshot!(entry.recipe.name.clone(), page);
        }
    }
}
