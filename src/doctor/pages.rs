//! What the application answers: its page of health on this host, and at the address that people
//! use. Pure.

use super::finding::{Finding, FindingCode};
use super::given::Environment;
use super::patient::{Answered, Patient, Visit};
use crate::host::http::Reply;
use crate::profile::{self, Page};
use crate::stack::application::Subject;
use crate::stack::url::Address;

/// Why an answer is not the page that is wanted; `None`: it is.
fn unlike(page: &Page, reply: &Reply) -> Option<String> {
    if reply.status != page.status {
        return Some(format!("answers with {}", reply.status));
    }
    let wanted = page.body.as_deref()?;
    // A page for browsers may hold the word by chance: applications answer every path with theirs.
    let is_html = |text: &str| text.trim_start().starts_with('<');
    if is_html(&reply.body) && !is_html(wanted) {
        return Some(format!("answers with a page for browsers, not {wanted}"));
    }
    (!reply.body.contains(wanted)).then(|| format!("answers without the word {wanted}"))
}

/// What is wrong with an answer, or that there is none.
fn wrong(page: &Page, answered: &Answered) -> Option<String> {
    match &answered.reply {
        Ok(reply) => unlike(page, reply),
        Err(why) => Some(format!("does not answer: {why}")),
    }
}

pub(super) fn findings(patient: &Patient<'_>, environment: &Environment<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let (Some(subject), Some((page, answered))) = (patient.known(), patient.health) {
        let what = wrong(page, answered);
        let service = &subject.service;
        found.extend(what.map(|what| {
            Finding::new(FindingCode::HealthPage, format!("{} {what}", answered.url))
                .of(service)
                .why(format!(
                    "{} says there that it is well",
                    subject.profile.title
                ))
                .hint(format!("docker compose logs --tail 50 {service}"))
        }));
    }
    if let Some(visit) = patient.visit {
        found.extend(of_visit(patient, visit, environment));
    }
    found
}

fn of_visit(patient: &Patient<'_>, visit: &Visit, environment: &Environment<'_>) -> Vec<Finding> {
    let url = visit.address.origin();
    if let Err(why) = &visit.page.reply {
        let text = format!("{url} does not answer: {why}");
        let finding = Finding::new(FindingCode::UrlSilent, text);
        return vec![finding.hint("refit status shows what runs, and docker compose ps its ports")];
    }
    if let Some(to) = visit.sent_to() {
        let text = format!("{url} sends browsers on to {}", to.origin());
        let finding = Finding::new(FindingCode::UrlRedirects, text);
        return vec![finding.hint(format!("refit doctor --url {}", to.origin()))];
    }
    let Some(subject) = patient.known() else {
        return Vec::new();
    };
    let title = &subject.profile.title;
    let mut found = Vec::new();
    if let Some(page) = &subject.profile.health {
        let mut judged = visit
            .health
            .iter()
            .map(|answered| (answered, wrong(page, answered)));
        let is_there = judged.clone().any(|(_, what)| what.is_none());
        if let Some((answered, Some(what))) = judged.next().filter(|_| !is_there) {
            found.push(
                Finding::new(FindingCode::UrlElsewhere, format!("{} {what}", answered.url))
                    .why(format!("{title} answers differently: this address leads elsewhere, or its proxy does not pass everything on"))
                    .hint("refit status"),
            );
        }
    }
    let Some(key) = subject.profile.cookies.address.first() else {
        return found;
    };
    if let Some(given) = environment.get(key.as_str())
        && let Some(told) = Address::parse(given.value)
        && told.origin() != url
    {
        let text = format!(
            "{key} ({}) is {}, and people come to {url}",
            given.place(),
            told.origin()
        );
        let (code, why) = match is_refused(subject, &visit.address) {
            true => (
                FindingCode::OriginRefused,
                format!(
                    "over plain http browsers do not tell where a request comes from, and {title} answers a sign-in from another address with 403 unless each proxy passes Host on"
                ),
            ),
            false => (
                FindingCode::OriginDiffers,
                format!(
                    "{title} may refuse a login from another address, and sends links to this one"
                ),
            ),
        };
        let finding = Finding::new(code, text)
            .of(&subject.service)
            .key(key)
            .why(why)
            .hint(given.set(key, &url));
        found.push(super::keys::at(finding, given));
    }
    found
}

/// Whether the application refuses a sign-in at an address that it was not told; a version that cannot be
/// seen is taken for a new one.
fn is_refused(subject: &Subject, address: &Address) -> bool {
    let since = subject.profile.cookies.refuses_others_since.as_deref();
    let refuses = since.is_some_and(|since| {
        let version = subject.version.as_deref();
        version.is_none_or(|version| profile::is_since(version, since))
    });
    refuses && !address.is_https() && !address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_for_browsers_is_no_health() {
        let page = Page {
            path: "/health".into(),
            post: false,
            status: 200,
            body: Some("OK".into()),
        };
        let judged = |status, body: &str| {
            let reply = Reply {
                status,
                body: body.into(),
                ..Reply::default()
            };
            unlike(&page, &reply)
        };
        assert_eq!(judged(200, "OK"), None);
        assert_eq!(judged(503, "OK").as_deref(), Some("answers with 503"));
        let html = judged(200, "\n<!doctype html><title>OK</title>").unwrap();
        assert!(html.contains("a page for browsers"), "{html}");
        assert!(
            judged(200, "NOT_READY")
                .unwrap()
                .contains("without the word OK")
        );
    }
}
