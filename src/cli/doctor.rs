//! `refit doctor`: what is wrong with a stack, its settings, cookies and pages, as lines for a person or
//! as one JSON document. Changes nothing and takes no lock.

use clap::Args;
use serde_json::{Value, json};

use super::global::Global;
use crate::complaint::{Code, Complaint};
use crate::doctor::{Coverage, Diagnosis, Finding, Level, RecognisedApplication, gather};
use crate::exit::Exit;
use crate::report::style::Style;
use crate::report::{self, called, page};
use crate::stack::url::Address;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The address in the browser: it is asked once, and its cookies are judged
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

pub(super) async fn doctor(global: &Global, args: &DoctorArgs) -> Result<Exit, Complaint> {
    let address = args.url.as_deref().map(address).transpose()?;
    let diagnosis = gather::diagnose(&global.stack_request(), address).await?;
    let is_wrong = |finding: &Finding| finding.code.level() == Level::Wrong;
    let exit = match diagnosis.findings.iter().any(is_wrong) {
        true => Exit::Refused,
        false => Exit::Done,
    };
    print(global, &diagnosis);
    Ok(exit)
}

fn address(text: &str) -> Result<Address, Complaint> {
    let wrong = |why: &str| {
        Complaint::new(Code::Usage, format!("--url {why}"))
            .hint("such as --url https://chat.example.org")
    };
    let parsed = Address::parse(text)
        .ok_or_else(|| wrong("takes an address with its scheme, as in the browser"))?;
    if !matches!(parsed.scheme.as_str(), "http" | "https") {
        return Err(wrong("takes http:// or https://"));
    }
    if parsed.has_login {
        return Err(wrong(
            "takes no name and password: it would be on the command line",
        ));
    }
    Ok(parsed)
}

fn print(global: &Global, diagnosis: &Diagnosis) {
    if global.json {
        return page::document(&document(diagnosis));
    }
    let style = Style::for_stdout(global.color);
    let findings: Vec<&Finding> = diagnosis
        .findings
        .iter()
        .filter(|finding| !global.quiet || finding.code.level() == Level::Wrong)
        .collect();
    if !global.quiet {
        report::out(&head(diagnosis));
    }
    for (index, finding) in findings.iter().enumerate() {
        let next = findings.get(index + 1);
        let same = next.is_some_and(|next| next.hint == finding.hint && next.why == finding.why);
        lines(finding, same, style);
    }
    if !global.quiet {
        for not in &diagnosis.looked.not {
            report::out(&format!("{} not looked at: {not}", style.warn("!")));
        }
        report::out(&sum(diagnosis));
    }
}

fn head(diagnosis: &Diagnosis) -> String {
    let place = format!("{} in {}", diagnosis.project, diagnosis.directory.display());
    let place = place.trim_start_matches(" in ");
    let Some(application) = &diagnosis.application else {
        return place.to_owned();
    };
    let version = application
        .version
        .as_deref()
        .map(|version| format!(" {version}"));
    let because = application
        .because
        .as_deref()
        .map(|because| format!(" ({because})"));
    format!(
        "{place}: {}{}{}",
        application.title,
        version.unwrap_or_default(),
        because.unwrap_or_default()
    )
}

/// A finding; why and hint come once for several in a row that share them.
fn lines(finding: &Finding, as_next: bool, style: Style) {
    let mark = match finding.code.level() {
        Level::Wrong => style.bad("✗"),
        Level::Warning => style.warn("!"),
        Level::Note => style.dim("·"),
    };
    report::out(&format!("{mark} {}", finding.text));
    if as_next {
        return;
    }
    if let Some(why) = &finding.why {
        report::out(&format!("  {why}"));
    }
    if let Some(hint) = &finding.hint {
        page::advice(&format!("  → {hint}"));
    }
}

fn count(diagnosis: &Diagnosis, level: Level) -> usize {
    let of_level = |finding: &&Finding| finding.code.level() == level;
    diagnosis.findings.iter().filter(of_level).count()
}

/// `12 keys, 3 services, health page: nothing wrong`.
fn sum(diagnosis: &Diagnosis) -> String {
    let Coverage {
        keys,
        services,
        also,
        ..
    } = &diagnosis.looked;
    let several = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    let mut parts = vec![several(*keys, "key")];
    parts.extend(services.map(|count| several(count, "service")));
    parts.extend(also.iter().cloned());
    let (wrong, warnings) = (
        count(diagnosis, Level::Wrong),
        count(diagnosis, Level::Warning),
    );
    let warned = several(warnings, "warning");
    let nothing = match diagnosis.looked.not.is_empty() {
        true => "nothing wrong",
        false => "nothing wrong in what was looked at",
    };
    let verdict = match (wrong, warnings) {
        (0, 0) => nothing.to_owned(),
        (0, _) => format!("{nothing}, {warned}"),
        (_, 0) => format!("{wrong} wrong"),
        _ => format!("{wrong} wrong, {warned}"),
    };
    format!("{}: {verdict}", parts.join(", "))
}

fn document(diagnosis: &Diagnosis) -> Value {
    let application = diagnosis.application.as_ref().map(|application| {
        let RecognisedApplication {
            title,
            service,
            version,
            because,
        } = application;
        json!({"name": title, "service": service, "version": version, "because": because})
    });
    let findings: Vec<Value> = diagnosis
        .findings
        .iter()
        .map(|finding| {
            json!({
                "level": finding.code.level().word(),
                "code": finding.code.word(),
                "service": finding.service,
                "file": finding.file,
                "line": finding.line,
                "keys": finding.keys,
                "text": finding.text,
                "why": finding.why,
                "hint": finding.hint.as_deref().map(called::fit),
            })
        })
        .collect();
    json!({
        "project": diagnosis.project,
        "directory": diagnosis.directory,
        "application": application,
        "findings": findings,
        "wrong": count(diagnosis, Level::Wrong),
        "warnings": count(diagnosis, Level::Warning),
        "looked_at": {
            "keys": diagnosis.looked.keys,
            "services": diagnosis.looked.services,
            "pages": diagnosis.looked.also,
        },
        "not_looked_at": diagnosis.looked.not,
    })
}
