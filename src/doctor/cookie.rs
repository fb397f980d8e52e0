//! What browsers do with cookies: which ones they drop at an address, by the lines that set them and
//! by the settings that make them. Pure; the value of a cookie is never handed on.

use super::finding::{Finding, FindingCode};
use super::given::{Environment, GivenValue};
use super::keys::at;
use super::patient::Patient;
use crate::health::set_cookie::{SameSite, SetCookie};
use crate::profile::key_facts::{Here, KeyFact};
use crate::stack::application::Subject;
use crate::stack::url::Address;

/// More bytes than these browsers do not keep.
const LARGEST: usize = 4_096;

/// Why browsers drop a cookie that this address sets; `None`: they keep it.
pub(crate) fn dropped_at(cookie: &SetCookie, address: &Address) -> Option<String> {
    let safe = address.is_https() || address.is_loopback();
    let name = cookie.name.to_ascii_lowercase();
    if cookie.secure && !safe {
        return Some("is Secure, and the address is http".to_owned());
    }
    if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        return Some("is SameSite=None and not Secure".to_owned());
    }
    if cookie.partitioned && !cookie.secure {
        return Some("is Partitioned and not Secure".to_owned());
    }
    if name.starts_with("__secure-") && !cookie.secure {
        return Some("has a name that begins with __Secure-, and is not Secure".to_owned());
    }
    if name.starts_with("__host-")
        && !(cookie.secure && cookie.domain.is_none() && cookie.path.as_deref() == Some("/"))
    {
        return Some(
            "has a name that begins with __Host-, and is not Secure with Path=/ and without a Domain"
                .to_owned(),
        );
    }
    if let Some(domain) = &cookie.domain
        && !is_of_domain(address, domain)
    {
        return Some(format!(
            "is for the domain {domain}, and the address is of {}",
            address.host
        ));
    }
    (cookie.size() > LARGEST)
        .then(|| format!("has {} bytes, and browsers keep {LARGEST}", cookie.size()))
}

/// Whether a page of this address may set a cookie for a domain.
fn is_of_domain(address: &Address, domain: &str) -> bool {
    if address.host == domain {
        return true;
    }
    // An address has no subdomains, and what has no dot (`com`) belongs to nobody.
    address.ip().is_none()
        && domain.contains('.')
        && address
            .host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

pub(super) fn findings(patient: &Patient<'_>, environment: &Environment<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(subject) = patient.known() {
        found.extend(of_settings(patient, environment, subject));
        found.extend(https_alone(patient, environment, subject));
    }
    let Some(visit) = patient.visit else {
        return found;
    };
    let Ok(reply) = &visit.page.reply else {
        return found;
    };
    for cookie in reply
        .set_cookies
        .iter()
        .filter_map(|line| SetCookie::parse(line))
    {
        if let Some(why) = dropped_at(&cookie, &visit.address) {
            let text = format!("the cookie {} {why}", cookie.name);
            let hint = format!(
                "refit use cookies scheme={}",
                if visit.address.is_https() {
                    "https"
                } else {
                    "http"
                }
            );
            found.push(
                Finding::new(FindingCode::CookieDropped, text)
                    .why(format!("browsers drop it at {}", visit.address.origin()))
                    .hint(hint),
            );
        }
    }
    found
}

/// The address in the browser, with the key that tells it.
fn address_of<'p>(
    patient: &Patient<'_>,
    environment: &Environment<'_>,
    subject: &'p Subject,
) -> Option<(Address, Option<&'p str>)> {
    if let Some(visit) = patient.visit {
        // Where browsers are sent on, another address counts, and nobody has named it.
        return visit
            .sent_to()
            .is_none()
            .then(|| (visit.address.clone(), None));
    }
    let keys = subject.profile.cookies.address.iter();
    keys.filter_map(|key| {
        let given = environment.get(key.as_str())?;
        Some((Address::parse(given.value)?, Some(key.as_str())))
    })
    .next()
}

/// What the settings make of cookies.
fn of_settings(
    patient: &Patient<'_>,
    environment: &Environment<'_>,
    subject: &Subject,
) -> Vec<Finding> {
    let rules = &subject.profile.cookies;
    let address = address_of(patient, environment, subject);
    let mut found = Vec::new();
    let (mut secure, mut same_site) = (None, None);
    for kind in &rules.kinds {
        let named = |key: &Option<String>| {
            let (key, given) = environment.get_key_value(key.as_deref()?)?;
            reads(subject, key).then_some((*key, given))
        };
        secure = named(&kind.secure).or(secure);
        same_site = named(&kind.same_site).or(same_site);
        let flag = secure.and_then(|(_, given)| switch(given.value));
        if let Some((address, source)) = &address
            && !address.is_https()
            && !address.is_loopback()
            && flag.unwrap_or_else(|| is_secure_unset(environment, subject))
        {
            let by = secure.filter(|_| flag.is_some());
            found.push(secure_over_http(
                environment,
                subject,
                (address, *source),
                by,
            ));
        }
        if let Some((key, given)) = same_site
            && given.value.trim().eq_ignore_ascii_case("none")
            && flag != Some(true)
        {
            found.push(none_without_secure(subject, key, given));
        }
        if let Some((key, given)) = named(&kind.domain)
            && let Some((address, _)) = &address
            && !is_of_domain(address, given.value.trim().trim_start_matches('.'))
        {
            let text = format!(
                "{key}={} ({}) is not a domain of {}",
                given.value,
                given.place(),
                address.host
            );
            let finding = Finding::new(FindingCode::CookieKey, text)
                .of(&subject.service)
                .key(key)
                .why("browsers drop the cookie, and nobody stays signed in")
                .hint(given.unset(key));
            found.push(at(finding, given));
        }
    }
    found.dedup_by(|a, b| a.keys == b.keys && a.text == b.text);
    found
}

/// Keys that make browsers use https alone, at an address that is plain http.
fn https_alone(
    patient: &Patient<'_>,
    environment: &Environment<'_>,
    subject: &Subject,
) -> Vec<Finding> {
    let Some((address, _)) = address_of(patient, environment, subject) else {
        return Vec::new();
    };
    if address.is_https() {
        return Vec::new();
    }
    let keys = subject.profile.https_alone.iter();
    let on = keys.filter_map(|key| {
        let given = environment.get(key.as_str())?;
        (reads(subject, key) && switch(given.value) == Some(true)).then_some((key, given))
    });
    on.map(|(key, given)| {
        let text = format!(
            "{key}={} ({}), and the address is {}",
            given.value,
            given.place(),
            address.origin()
        );
        let finding = Finding::new(FindingCode::HttpsAlone, text)
            .of(&subject.service)
            .key(key)
            .why("a browser that has come by https once never uses http for this host again, and is locked out")
            .hint(given.set(key, "false"));
        at(finding, given)
    })
    .collect()
}

/// Whether this version reads a key; one whose version cannot be seen is taken for new.
fn reads(subject: &Subject, key: &str) -> bool {
    let told = subject.profile.tells(key, subject.version.as_deref());
    matches!(told, Some(KeyFact::Reads { here, .. }) if !matches!(here, Here::TooOld(_)))
}

fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// What counts where no key says it: by default cookies go over http as well.
fn is_secure_unset(environment: &Environment<'_>, subject: &Subject) -> bool {
    let Some(key) = &subject.profile.cookies.secure_unless_local else {
        return false;
    };
    // Images set it themselves.
    let mode = environment.get("NODE_ENV").map(|given| given.value);
    if mode.is_some_and(|mode| mode != "production") {
        return false;
    }
    let host = environment
        .get(key.as_str())
        .and_then(|given| Address::parse(given.value))
        .map(|address| address.host);
    // The application does not take an IPv6 address out of its brackets, so ::1 is not local to it.
    !host.is_some_and(|host| {
        host == "localhost" || host == "127.0.0.1" || host.ends_with(".localhost")
    })
}

fn secure_over_http(
    environment: &Environment<'_>,
    subject: &Subject,
    (address, source): (&Address, Option<&str>),
    by: Option<(&str, &GivenValue<'_>)>,
) -> Finding {
    let title = &subject.profile.title;
    let why = match by {
        Some((key, given)) => format!("{key}={} ({})", given.value.trim(), given.place()),
        None => {
            let key = subject.profile.cookies.secure_unless_local.as_deref();
            let key = key.unwrap_or_default();
            match environment.get(key) {
                Some(_) => format!("{key} is not this machine"),
                None => format!("{key} is not set"),
            }
        }
    };
    let come = match source {
        Some(key) => format!("{key} is {}", address.origin()),
        None => format!("the address is {}", address.origin()),
    };
    let text = format!("the cookies of {title} are Secure ({why}), and {come}");
    let keys = &subject.profile.cookies.address;
    let told = keys.iter().filter_map(|key| environment.get(key.as_str()));
    let is_told = keys.is_empty()
        || told
            .filter_map(|given| Address::parse(given.value))
            .any(|told| told.host == address.host);
    // An address that is right already must not lose its port.
    let domain = match is_told {
        true => String::new(),
        false => format!(" domain={}", address.written_host()),
    };
    let finding = Finding::new(FindingCode::CookieKey, text)
        .of(&subject.service)
        .why(
            "browsers drop Secure cookies that come over http: people are thrown back to the login",
        )
        .hint(format!("refit use cookies scheme=http{domain}"));
    match by {
        Some((key, given)) => at(finding.key(key), given),
        None => finding,
    }
}

fn none_without_secure(subject: &Subject, key: &str, given: &GivenValue<'_>) -> Finding {
    let text = format!(
        "{key}=none ({}) without Secure: browsers drop the cookie",
        given.place()
    );
    let finding = Finding::new(FindingCode::CookieKey, text)
        .of(&subject.service)
        .key(key)
        .why("nobody stays signed in")
        .hint("refit use cookies scheme=https same-site=none, once the address is https");
    at(finding, given)
}
