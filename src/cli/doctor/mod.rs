//! `refit doctor`: what is wrong with a stack, its settings, cookies and pages. Looks, asks the rules
//! of `doctor`, prints; changes nothing and takes no lock.

mod files;
mod look;
mod pages;
mod print;

use clap::Args;

use super::Global;
use crate::complaint::{Code, Complaint};
use crate::doctor::{self, Finding, Level};
use crate::exit::Exit;
use crate::stack::url::Address;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The address in the browser: it is asked once, and its cookies are judged
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// What was looked at, and what was not.
#[derive(Debug, Default)]
struct Looked {
    /// Keys that are set in env files.
    keys: usize,
    /// Services of which a container was looked for.
    services: Option<usize>,
    /// Whatever else, in words.
    also: Vec<String>,
    /// What was not, and why.
    not: Vec<String>,
}

/// A stack, with all that is to be said of it.
struct Report {
    project: String,
    directory: std::path::PathBuf,
    /// What the application is, if refit knows it.
    application: Option<Application>,
    findings: Vec<Finding>,
    looked: Looked,
}

struct Application {
    title: String,
    service: String,
    version: Option<String>,
    because: Option<String>,
}

pub(super) async fn doctor(global: &Global, args: &DoctorArgs) -> Result<Exit, Complaint> {
    let address = args.url.as_deref().map(address).transpose()?;
    let report = look::at(&global.stack_request(), address).await?;
    let is_wrong = |finding: &Finding| finding.code.level() == Level::Wrong;
    let exit = match report.findings.iter().any(is_wrong) {
        true => Exit::Refused,
        false => Exit::Done,
    };
    print::report(global, &report);
    Ok(exit)
}

fn address(text: &str) -> Result<Address, Complaint> {
    let wrong = |why: &str| {
        Complaint::new(Code::Usage, format!("--url {why}"))
            .hint("such as --url https://chat.example.org")
    };
    let parsed = Address::parse(text)
        .ok_or_else(|| wrong("takes an address with its scheme, as it stands in the browser"))?;
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

/// What Compose, or a file of refit's own, says against the stack.
fn complained(code: doctor::FindingCode, complaint: Complaint) -> Finding {
    let finding = Finding::new(code, complaint.text);
    let finding = match complaint.details.first() {
        Some(first) => finding.why(first.clone()),
        None => finding,
    };
    match complaint.hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    }
}
