//! The session cookie: what is sent to the browser, and what comes back. Pure.

use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};

/// The name that express-session gives its cookie.
pub(crate) const NAME: &str = "connect.sid";

/// Which other sites' requests carry the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SameSite {
    Lax,
    Strict,
    None,
}

impl SameSite {
    /// Reads the lower-case name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "lax" => Some(Self::Lax),
            "strict" => Some(Self::Strict),
            "none" => Some(Self::None),
            _ => None,
        }
    }

    /// The name as it stands in the cookie.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

/// How the cookie is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CookieRules {
    /// How long a session lives from its beginning, in seconds: cookie and stored session alike.
    pub(crate) max_age: u64,
    pub(crate) secure: bool,
    pub(crate) same_site: SameSite,
    pub(crate) domain: Option<String>,
}

impl CookieRules {
    /// The `Set-Cookie` value that gives a browser the session `id` at `now`.
    ///
    /// `None` where it must not be sent: a secure cookie on a connection that is taken for plain
    /// http. express-session stays silent there too, and the login seems to forget itself.
    pub(crate) fn give(&self, id: &str, https: bool, now: Timestamp) -> Option<String> {
        if self.secure && !https {
            return None;
        }
        let seconds = i64::try_from(self.max_age).unwrap_or(i64::MAX);
        let expires = now
            .checked_add(SignedDuration::from_secs(seconds))
            .and_then(|at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at))
            .map(|at| format!("; Expires={at}"))
            .unwrap_or_default();
        Some(format!(
            "{NAME}={id}; Max-Age={seconds}{expires}{}",
            self.scope()
        ))
    }

    /// The `Set-Cookie` value that takes it away again.
    pub(crate) fn take(&self) -> String {
        format!("{NAME}=; Max-Age=0{}", self.scope())
    }

    fn scope(&self) -> String {
        let domain = self.domain.as_ref().map(|name| format!("; Domain={name}"));
        let secure = if self.secure { "; Secure" } else { "" };
        format!(
            "; Path=/{}; HttpOnly{secure}; SameSite={}",
            domain.unwrap_or_default(),
            self.same_site.attribute()
        )
    }
}

/// The session cookie's value in the `Cookie` headers of a request.
pub(crate) fn value<'a>(headers: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    headers
        .into_iter()
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == NAME).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: CookieRules = CookieRules {
        max_age: 900,
        secure: false,
        same_site: SameSite::Lax,
        domain: None,
    };

    fn start() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn carries_every_attribute() {
        assert_eq!(
            PLAIN.give("abc", false, start()).unwrap(),
            "connect.sid=abc; Max-Age=900; Expires=Sun, 01 Mar 2026 12:15:00 GMT; Path=/; \
             HttpOnly; SameSite=Lax"
        );
        let all = CookieRules {
            max_age: 604_800,
            secure: true,
            same_site: SameSite::None,
            domain: Some("example.org".to_owned()),
        };
        assert_eq!(
            all.give("abc", true, start()).unwrap(),
            "connect.sid=abc; Max-Age=604800; Expires=Sun, 08 Mar 2026 12:00:00 GMT; Path=/; \
             Domain=example.org; HttpOnly; Secure; SameSite=None"
        );
        assert_eq!(
            all.take(),
            "connect.sid=; Max-Age=0; Path=/; Domain=example.org; HttpOnly; Secure; SameSite=None"
        );
    }

    #[test]
    fn a_secure_cookie_is_not_sent_over_http() {
        let secure = CookieRules {
            secure: true,
            ..PLAIN
        };
        assert_eq!(secure.give("abc", false, start()), None);
        assert!(secure.give("abc", true, start()).is_some());
    }

    #[test]
    fn finds_the_session_among_other_cookies() {
        assert_eq!(value(["a=1; connect.sid=abc; b=2"]), Some("abc"));
        assert_eq!(value(["a=1", "connect.sid=abc"]), Some("abc"));
        assert_eq!(
            value(["connect.sid2=abc", "xconnect.sid=1", "junk", ""]),
            None
        );
        assert_eq!(value([]), None);
    }
}
