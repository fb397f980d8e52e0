//! Whether the text of a key is what the application can read, and in which unit. Pure.

use super::url::Address;
use crate::profile::{Key, KeyType};

/// What is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// In which way.
    pub kind: MisfitKind,
    /// Reads on from the text.
    pub what: String,
    /// The text that was probably meant.
    pub meant: Option<String>,
}

/// In which way a text does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MisfitKind {
    /// The application cannot read it.
    Unfit,
    /// It can, and it means less than a person would want.
    Unit,
}

/// What comes of a text that does not fit.
pub(crate) fn consequence(known: &Key) -> String {
    match (&known.misfit, known.kind, &known.default) {
        (Some(misfit), ..) => format!("it {misfit}"),
        (None, KeyType::Bool, _) => "only the text true is true: it counts as false".to_owned(),
        (None, _, Some(default)) => format!("it is ignored silently, and {default} is used"),
        (None, _, None) => "the application cannot use it".to_owned(),
    }
}

/// What is wrong with a text, if anything is.
pub(crate) fn of(known: &Key, text: &str) -> Option<Misfit> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let unfit = |what: &str, meant: Option<String>| {
        Some(Misfit {
            kind: MisfitKind::Unfit,
            what: what.to_owned(),
            meant,
        })
    };
    match known.kind {
        KeyType::Bool => match truth(text) {
            Truth::Word => None,
            Truth::Else(true) => unfit("is not true or false", Some("true".to_owned())),
            // What is no truth counts as false, as it is meant, unless the application is particular.
            Truth::Else(false) if known.misfit.is_none() => None,
            Truth::Else(false) => unfit("is not true or false", Some("false".to_owned())),
            Truth::Neither => unfit("is not true or false", None),
        },
        KeyType::Seconds => match text.parse::<u64>() {
            Ok(_) => None,
            Err(_) => unfit(
                "is not a whole number of seconds",
                milliseconds(text).map(|ms| (ms / 1_000).to_string()),
            ),
        },
        KeyType::Milliseconds => of_milliseconds(text),
        KeyType::Duration if !has_unit(text) => unfit(
            "is not a duration such as 7d",
            text.parse::<u64>()
                .ok()
                .map(|seconds| format!("{seconds}s")),
        ),
        // JavaScript makes 1 of true, which is what who writes it means.
        KeyType::Number if text.parse::<f64>().is_err() && text != "true" => {
            unfit("is not a number", None)
        }
        KeyType::Url if text.contains("://") => None,
        // `host=… user=…` is the other form in which PostgreSQL's addresses are written.
        KeyType::Url if known.inside && text.contains('=') => None,
        KeyType::Url => unfit("has no scheme", meant_url(text).filter(|_| !known.inside)),
        KeyType::Domain if text.contains("://") || text.contains(['/', ':', ' ']) => unfit(
            "is not the name of a host alone",
            Address::parse(text).map(|address| address.host),
        ),
        KeyType::Duration
        | KeyType::Number
        | KeyType::Choice
        | KeyType::Domain
        | KeyType::Secret
        | KeyType::Text => None,
    }
}

enum Truth {
    Word,
    Else(bool),
    Neither,
}

fn truth(text: &str) -> Truth {
    match text.to_ascii_lowercase().as_str() {
        "true" | "false" => Truth::Word,
        "1" | "yes" | "on" | "y" | "t" | "enabled" => Truth::Else(true),
        "0" | "no" | "off" | "n" | "f" | "none" | "null" | "disabled" => Truth::Else(false),
        _ => Truth::Neither,
    }
}

/// A calculation is read as well; what is read nowhere is something else, or of another unit.
fn of_milliseconds(text: &str) -> Option<Misfit> {
    let calculates = |c: char| c.is_ascii_digit() || c.is_whitespace() || "+-*/%.()".contains(c);
    let Ok(number) = text.parse::<u64>() else {
        return (!text.chars().all(calculates)).then(|| Misfit {
            kind: MisfitKind::Unfit,
            what: "is not a whole number of milliseconds".to_owned(),
            meant: milliseconds(text).map(|ms| ms.to_string()),
        });
    };
    // Nobody means 604.8 seconds; 604800 seconds are a week.
    let looks_like_seconds = number % 3_600 == 0 && number % 60_000 != 0;
    if number == 0 || !looks_like_seconds && number >= 60_000 {
        return None;
    }
    Some(Misfit {
        kind: MisfitKind::Unit,
        what: format!(
            "is in milliseconds, so it means {}; in seconds it would be {}",
            lasting(number),
            lasting(number.saturating_mul(1_000))
        ),
        meant: Some(number.saturating_mul(1_000).to_string()),
    })
}

/// Milliseconds in words, to the unit that a person would choose.
fn lasting(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..120 => format!("{} s", ms as f64 / 1_000.0),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Whether a duration is found in it: a digit before a unit. `-1` and `0` are for ever.
fn has_unit(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let mut pairs = chars.windows(2);
    matches!(text, "-1" | "0")
        || pairs.any(|pair| pair[0].is_ascii_digit() && "mshdw".contains(pair[1]))
}

/// `7d`, `12h`, `30 minutes`: what was meant by it.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let number: u64 = digits.parse().ok()?;
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "ms" => 1,
        "s" | "sec" | "second" | "seconds" => 1_000,
        "m" | "min" | "minute" | "minutes" => 60_000,
        "h" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        "w" | "week" | "weeks" => 604_800_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The address that a host was meant to be: https, but in a network at home.
fn meant_url(text: &str) -> Option<String> {
    let home = Address::parse(&format!("http://{text}"))?;
    let scheme = if home.is_at_home() { "http" } else { "https" };
    Some(format!("{scheme}://{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile;

    fn judged(profile: &str, key: &str, text: &str) -> Option<(MisfitKind, Option<String>)> {
        let found = profile::all().unwrap();
        let profile = found.iter().find(|own| own.name == profile).unwrap();
        of(&profile.keys[key], text).map(|misfit| (misfit.kind, misfit.meant))
    }

    fn unfit(meant: &str) -> Option<(MisfitKind, Option<String>)> {
        let meant = (!meant.is_empty()).then(|| meant.to_owned());
        Some((MisfitKind::Unfit, meant))
    }

    #[test]
    fn only_the_text_true_is_true() {
        for fits in ["true", "TRUE", " false ", "", "0", "off", "no"] {
            assert_eq!(
                judged("librechat", "ALLOW_REGISTRATION", fits),
                None,
                "{fits}"
            );
        }
        for text in ["1", "yes", "On"] {
            let found = judged("librechat", "ALLOW_REGISTRATION", text);
            assert_eq!(found, unfit("true"), "{text}");
        }
        assert_eq!(judged("librechat", "USE_REDIS", "redis"), unfit(""));
        // Here another text is no false: the address decides.
        assert_eq!(
            judged("librechat", "SESSION_COOKIE_SECURE", "0"),
            unfit("false")
        );
        assert_eq!(judged("demo", "AUTHENTICATION", "off"), unfit("false"));
    }

    #[test]
    fn milliseconds_are_a_number_and_not_of_another_unit() {
        for fits in [
            "900000",
            "604800000",
            "1000 * 60 * 15",
            "(1000 * 60) * 7",
            "36000000",
            "0",
        ] {
            assert_eq!(judged("librechat", "SESSION_EXPIRY", fits), None, "{fits}");
        }
        let week = "604800000";
        assert_eq!(
            judged("librechat", "REFRESH_TOKEN_EXPIRY", "7d"),
            unfit(week)
        );
        assert_eq!(
            judged("librechat", "REFRESH_TOKEN_EXPIRY", "soon"),
            unfit("")
        );
        for (seconds, meant) in [
            ("604800", week),
            ("86400", "86400000"),
            ("2592000", "2592000000"),
            ("900", "900000"),
        ] {
            let wanted = Some((MisfitKind::Unit, Some(meant.to_owned())));
            assert_eq!(
                judged("librechat", "SESSION_EXPIRY", seconds),
                wanted,
                "{seconds}"
            );
        }
    }

    #[test]
    fn seconds_durations_and_numbers() {
        assert_eq!(judged("demo", "SESSION_EXPIRY", "604800"), None);
        assert_eq!(judged("demo", "SESSION_EXPIRY", "7d"), unfit("604800"));
        for fits in ["7d", "1h30m", "-1", "0", "500ms", "1.5h"] {
            assert_eq!(judged("open-webui", "JWT_EXPIRES_IN", fits), None, "{fits}");
        }
        assert_eq!(
            judged("open-webui", "JWT_EXPIRES_IN", "604800"),
            unfit("604800s")
        );
        assert_eq!(judged("open-webui", "JWT_EXPIRES_IN", "a week"), unfit(""));
        assert_eq!(judged("librechat", "TRUST_PROXY", "true"), None);
        assert_eq!(judged("librechat", "TRUST_PROXY", "false"), unfit(""));
    }

    #[test]
    fn a_url_has_a_scheme_and_a_domain_has_none() {
        let client = |text| judged("librechat", "DOMAIN_CLIENT", text);
        assert_eq!(client("https://chat.example.org"), None);
        assert_eq!(
            client("chat.example.org"),
            unfit("https://chat.example.org")
        );
        assert_eq!(client("192.168.1.5:3080"), unfit("http://192.168.1.5:3080"));
        assert_eq!(judged("librechat", "REDIS_URI", "redis:6379"), unfit(""));
        assert_eq!(judged("demo", "DATABASE_URL", "host=postgres user=a"), None);
        assert_eq!(
            judged("demo", "COOKIE_DOMAIN", "http://a.org/"),
            unfit("a.org")
        );
        assert_eq!(judged("demo", "COOKIE_DOMAIN", ".a.org"), None);
    }
}
