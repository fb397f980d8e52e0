//! A line `Set-Cookie`, taken apart as browsers do. Pure.

use jiff::Timestamp;

use crate::secret::Secret;

/// A line `Set-Cookie`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SetCookie {
    /// Its name.
    pub name: String,
    /// Whoever has it is signed in.
    pub value: Secret,
    /// `Secure`.
    pub secure: bool,
    /// `Partitioned`.
    pub partitioned: bool,
    /// `SameSite`, where it is one that browsers know.
    pub same_site: Option<SameSite>,
    /// `Domain`, in small letters and without a leading dot.
    pub domain: Option<String>,
    /// `Path`.
    pub path: Option<String>,
    /// `Max-Age`, in seconds.
    pub max_age: Option<i64>,
    /// `Expires`.
    pub expires: Option<Timestamp>,
}

/// Which requests from other sites carry a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the attribute")]
pub(crate) enum SameSite {
    Lax,
    Strict,
    None,
}

impl SameSite {
    /// Reads the attribute, or a parameter of that name.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Lax, Self::Strict, Self::None]
            .into_iter()
            .find(|known| known.word().eq_ignore_ascii_case(word.trim()))
    }

    /// As browsers write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }
}

impl SetCookie {
    /// Reads a line; `None`: it sets nothing.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self {
            name: name.trim().to_owned(),
            value: Secret::new(value.trim().to_owned()),
            ..Self::default()
        };
        for part in parts {
            let (word, text) = part.split_once('=').unwrap_or((part, ""));
            let text = text.trim();
            match word.trim().to_ascii_lowercase().as_str() {
                "secure" => cookie.secure = true,
                "partitioned" => cookie.partitioned = true,
                "samesite" => cookie.same_site = SameSite::of_word(text),
                "path" => cookie.path = Some(text.to_owned()),
                "max-age" => cookie.max_age = text.parse().ok(),
                "expires" => cookie.expires = http_date(text),
                "domain" => {
                    let domain = text.to_ascii_lowercase();
                    let domain = domain.trim_start_matches('.').to_owned();
                    cookie.domain = Some(domain).filter(|domain| !domain.is_empty());
                }
                _ => {}
            }
        }
        Some(cookie)
    }

    /// As a browser sends it back.
    pub(crate) fn pair(&self) -> String {
        format!("{}={}", self.name, self.value.expose())
    }

    /// Bytes of name and value.
    pub(crate) fn size(&self) -> usize {
        self.name.len() + self.value.expose().len()
    }

    /// Seconds until it ends, by the clock of whoever sent it; `None`: with the browser.
    pub(crate) fn lives(&self, clock: Timestamp) -> Option<i64> {
        let until = |at: Timestamp| at.as_second() - clock.as_second();
        self.max_age.or_else(|| self.expires.map(until))
    }
}

/// `Tue, 24 Nov 2026 05:00:00 GMT`.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    parsed.ok()
}
