//! What is to be seen of the application itself after a change: who gets in, how long a login lasts,
//! whether it survives a restart. Data, and the judgement on what was answered; asks nobody.

use std::time::Duration;

use jiff::Timestamp;

use super::set_cookie::{SameSite, SetCookie, http_date};
use crate::event::{ProofResult, ServiceName};
use crate::host::http::{PageRequest, Reply};
use crate::profile::{Page, Sends, SignIn};
use crate::secret::Secret;

/// All that is to be looked at in one application.
#[derive(Debug, Clone)]
pub(crate) struct Proofs {
    /// The service that is the application.
    pub service: ServiceName,
    /// Its port inside the container.
    pub port: Option<u16>,
    /// What a visitor without a cookie gets where no login is asked for.
    pub open: Option<Page>,
    /// How a person signs in.
    pub sign_in: Option<SignIn>,
    /// The account to sign in with.
    pub credentials: Option<Credentials>,
    /// The account that is made first.
    pub account: Option<NewAccount>,
    /// What is looked at, in order.
    pub checks: Vec<Check>,
}

/// Name and password of an account.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// An account that the application's own script makes.
#[derive(Debug, Clone)]
pub(crate) struct NewAccount {
    /// Run in the container.
    pub command: Vec<String>,
    /// Given to it on standard input.
    pub password: Secret,
    /// What it says of an account that is there already.
    pub exists: String,
}

/// One thing to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// A visitor without a cookie gets the page.
    OpenWithoutLogin,
    /// The cookie of a new login lives so long.
    SessionLasts(Duration),
    /// A login survives a restart of the application.
    SessionSurvives,
    /// A new login's cookie is sent as asked.
    CookieFits {
        /// Over https alone.
        secure: bool,
        /// With which requests from other sites, where that was asked.
        same_site: Option<SameSite>,
    },
}

impl Check {
    /// The word used in JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::OpenWithoutLogin => "open_without_login",
            Self::SessionLasts(_) => "session_lasts",
            Self::SessionSurvives => "session_survives",
            Self::CookieFits { .. } => "cookie_fits",
        }
    }

    /// What is to be seen, in words.
    pub(crate) fn words(self) -> String {
        match self {
            Self::OpenWithoutLogin => "a visitor without a cookie gets the page".to_owned(),
            Self::SessionLasts(wanted) => format!("a new login lasts {} s", wanted.as_secs()),
            Self::SessionSurvives => "a login survives a restart or recreate".to_owned(),
            Self::CookieFits { .. } => "a new login's cookie is sent as asked".to_owned(),
        }
    }
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CheckResult {
    /// In a word.
    pub result: ProofResult,
    /// In a sentence.
    pub what: String,
}

impl CheckResult {
    /// It is as asked.
    pub(crate) fn proven(what: impl Into<String>) -> Self {
        Self {
            result: ProofResult::Proven,
            what: what.into(),
        }
    }

    /// It could not be looked at.
    pub(crate) fn not_proven(check: Check, why: &str) -> Self {
        Self {
            result: ProofResult::NotProven,
            what: format!("not proven that {}: {why}", check.words()),
        }
    }

    /// It is not as asked.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self {
            result: ProofResult::Failed,
            what: what.into(),
        }
    }
}

/// The request for a page.
pub(crate) fn asks(base: &str, page: &Page, cookie: Option<&str>) -> PageRequest {
    PageRequest {
        url: format!("{base}{}", page.path),
        body: page.post.then(|| ("application/json", "{}".to_owned())),
        cookie: cookie.map(str::to_owned),
        origin: Some(base.to_owned()),
        came_by_https: false,
    }
}

/// The request that signs in.
pub(crate) fn signs_in(base: &str, sign_in: &SignIn, credentials: &Credentials) -> PageRequest {
    let (user, password) = (&credentials.user, credentials.password.expose());
    let body = match sign_in.sends {
        Sends::Form => (
            "application/x-www-form-urlencoded",
            format!(
                "{}={}&{}={}",
                encoded(&sign_in.user_field),
                encoded(user),
                encoded(&sign_in.password_field),
                encoded(password)
            ),
        ),
        Sends::Json => {
            let mut fields = serde_json::Map::new();
            fields.insert(sign_in.user_field.clone(), user.as_str().into());
            fields.insert(sign_in.password_field.clone(), password.into());
            (
                "application/json",
                serde_json::Value::Object(fields).to_string(),
            )
        }
    };
    PageRequest {
        url: format!("{base}{}", sign_in.path),
        body: Some(body),
        cookie: None,
        origin: Some(base.to_owned()),
        came_by_https: false,
    }
}

/// As in a form or a URL: everything but letters and digits as `%XX`.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Whether an answer is the page that is wanted.
pub(crate) fn is_page(page: &Page, reply: &Reply) -> bool {
    let body = page.body.as_ref();
    reply.status == page.status && body.is_none_or(|wanted| reply.body.contains(wanted))
}

/// The judgement on what a visitor without a cookie got.
pub(crate) fn judge_open(page: &Page, reply: &Reply) -> CheckResult {
    let path = &page.path;
    if let Some(location) = &reply.location {
        return CheckResult::failed(format!("sends a visitor without a cookie on to {location}"));
    }
    if reply.body.contains("type=\"password\"") {
        return CheckResult::failed(format!("{path} still requires a password"));
    }
    if is_page(page, reply) {
        return CheckResult::proven(format!("a visitor without a cookie gets {path}"));
    }
    CheckResult::failed(format!(
        "answers a visitor without a cookie with {} on {path}",
        reply.status
    ))
}

/// The cookie of this name among those that an answer sets.
pub(crate) fn cookie_of(name: &str, reply: &Reply) -> Option<SetCookie> {
    let mut set = reply.set_cookies.iter();
    set.find_map(|line| SetCookie::parse(line).filter(|cookie| cookie.name == name))
}

/// Between the clocks of two machines, and the time that a sign-in takes.
const TOLERANCE: i64 = 60;

/// The judgement on a new login's cookie, by the clock of whoever sent it, else by ours.
pub(crate) fn judge_life(
    cookie: &SetCookie,
    reply: &Reply,
    now: Timestamp,
    wanted: Duration,
) -> CheckResult {
    let name = &cookie.name;
    let clock = reply.date.as_deref().and_then(http_date).unwrap_or(now);
    let wanted = i64::try_from(wanted.as_secs()).unwrap_or(i64::MAX);
    match cookie.lives(clock) {
        Some(lives) if (lives - wanted).abs() <= TOLERANCE => {
            CheckResult::proven(format!("a new login's cookie {name} lives {lives} s"))
        }
        Some(lives) => CheckResult::failed(format!(
            "a new login's cookie {name} lives {lives} s, not {wanted} s"
        )),
        None => CheckResult::failed(format!(
            "a new login's cookie {name} ends with the browser, not after {wanted} s"
        )),
    }
}

/// The judgement on how a new login's cookie is sent.
pub(crate) fn judge_fit(
    cookie: &SetCookie,
    secure: bool,
    same_site: Option<SameSite>,
) -> CheckResult {
    let name = &cookie.name;
    let told = |secure: bool, same_site: Option<SameSite>| {
        let site = same_site.map(|site| format!(" and SameSite={}", site.word()));
        let secure = if secure { "Secure" } else { "not Secure" };
        format!("{secure}{}", site.unwrap_or_default())
    };
    // What was not asked for is not told either.
    let shown = told(cookie.secure, same_site.and(cookie.same_site));
    let fits = cookie.secure == secure && (same_site.is_none() || cookie.same_site == same_site);
    match fits {
        true => CheckResult::proven(format!("a new login's cookie {name} is {shown}")),
        false => CheckResult::failed(format!(
            "a new login's cookie {name} is {shown}, and was to be {}",
            told(secure, same_site)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(cookie: &str) -> Reply {
        Reply {
            status: 303,
            set_cookies: vec!["other=1".into(), cookie.into()],
            date: Some("Tue, 24 Nov 2026 05:00:00 GMT".into()),
            ..Reply::default()
        }
    }

    #[test]
    fn the_life_of_a_cookie() {
        let now = Timestamp::UNIX_EPOCH;
        let clock = http_date("Tue, 24 Nov 2026 05:00:00 GMT").unwrap();
        let lives = |cookie: &str| cookie_of("sid", &reply(cookie)).map(|c| c.lives(clock));
        assert_eq!(lives("sid=a; Max-Age=900; Path=/"), Some(Some(900)));
        let expires = "sid=a; Expires=Tue, 24 Nov 2026 05:15:00 GMT; HttpOnly";
        assert_eq!(lives(expires), Some(Some(900)));
        assert_eq!(lives("sid=a; Path=/"), Some(None));
        assert_eq!(lives("sidx=a"), None);
        let reply = reply("sid=a=b; Expires=Tue, 24 Nov 2026 05:15:00 GMT");
        let cookie = cookie_of("sid", &reply).unwrap();
        assert_eq!(cookie.pair(), "sid=a=b");
        let judged = |seconds| {
            let wanted = Duration::from_secs(seconds);
            judge_life(&cookie, &reply, now, wanted).result
        };
        assert_eq!(judged(930), ProofResult::Proven);
        assert_eq!(judged(604_800), ProofResult::Failed);
    }

    #[test]
    fn how_a_cookie_is_sent() {
        let judged = |cookie: &str, secure, same_site| {
            let cookie = cookie_of("sid", &reply(cookie)).unwrap();
            judge_fit(&cookie, secure, same_site)
        };
        let proven = ProofResult::Proven;
        let full = "sid=a; Path=/; HttpOnly; Secure; SameSite=none";
        assert_eq!(judged(full, true, Some(SameSite::None)).result, proven);
        assert_eq!(judged(full, true, None).result, proven);
        assert_eq!(
            judged("sid=a; samesite=LAX", false, Some(SameSite::Lax)).result,
            proven
        );
        let other = judged(full, false, Some(SameSite::Strict));
        assert_eq!(other.result, ProofResult::Failed);
        assert_eq!(
            other.what,
            "a new login's cookie sid is Secure and SameSite=None, and was to be not Secure and \
             SameSite=Strict"
        );
        let none = judged("sid=a", false, Some(SameSite::Lax));
        assert!(
            none.what
                .starts_with("a new login's cookie sid is not Secure, and"),
            "{none:?}"
        );
    }

    #[test]
    fn a_page_behind_a_login_is_not_open() {
        let page = Page {
            path: "/".into(),
            post: false,
            status: 200,
            body: None,
        };
        let with = |status, body: &str, location: Option<&str>| Reply {
            status,
            body: body.into(),
            location: location.map(str::to_owned),
            ..Reply::default()
        };
        assert_eq!(
            judge_open(&page, &with(200, "hello", None)).result,
            ProofResult::Proven
        );
        for shut in [
            with(303, "", Some("/login")),
            with(200, "<input type=\"password\">", None),
            with(401, "", None),
        ] {
            assert_eq!(judge_open(&page, &shut).result, ProofResult::Failed);
        }
    }

    #[test]
    fn a_form_is_encoded() {
        assert_eq!(encoded("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
