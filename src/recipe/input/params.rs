//! What can be said with a recipe: typed values with bounds, and clear answers to nonsense. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::complaint::{Code, Complaint};
use crate::recipe::format::fields::{Parameter, Type, is_name};
use crate::secret::Secret;
use crate::suggest::nearest;

/// A value that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of the format")]
pub(crate) enum ParameterValue {
    Duration(Duration),
    Size(u64),
    Bool(bool),
    Word(String),
    Secret(Secret),
}

/// The values in force, by name.
pub(crate) type Values = BTreeMap<String, ParameterValue>;

const DAY: u64 = 86_400;
const UNITS: [(&str, u64); 18] = [
    ("ms", 0),
    ("seconds", 1),
    ("second", 1),
    ("sec", 1),
    ("s", 1),
    ("minutes", 60),
    ("minute", 60),
    ("min", 60),
    ("m", 60),
    ("hours", 3_600),
    ("hour", 3_600),
    ("h", 3_600),
    ("days", DAY),
    ("day", DAY),
    ("d", DAY),
    ("weeks", 7 * DAY),
    ("week", 7 * DAY),
    ("w", 7 * DAY),
];

impl Parameter {
    /// Checks the parameter itself.
    ///
    /// # Errors
    /// In a sentence.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if !is_name(name) {
            return Err(format!("{name:?} is not a parameter name"));
        }
        if (self.kind == Type::Choice) == self.of.is_empty() {
            return Err(format!("{name}: of is for a choice, and a choice needs it"));
        }
        let bounded = matches!(self.kind, Type::Duration | Type::Size);
        if !bounded && (self.min.is_some() || self.max.is_some()) {
            return Err(format!("{name}: min and max are for durations and sizes"));
        }
        if self.required && self.default.is_some() {
            return Err(format!(
                "{name}: what is required has no default, a value of its own"
            ));
        }
        for text in self.default.iter().chain(&self.min).chain(&self.max) {
            self.read_plain(text)
                .map_err(|why| format!("{name}: {why}"))?;
        }
        if let Some(default) = &self.default {
            self.read(default).map_err(|why| format!("{name}: {why}"))?;
        }
        Ok(())
    }

    /// Understands a value.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub(crate) fn read(&self, text: &str) -> Result<ParameterValue, String> {
        let given = self.read_plain(text)?;
        let bound = |text: &Option<String>| text.as_ref().and_then(|t| self.read_plain(t).ok());
        let least = bound(&self.min).is_some_and(|min| amount(&given) < amount(&min));
        let most = bound(&self.max).is_some_and(|max| amount(&given) > amount(&max));
        match (least, most) {
            (true, _) => Err(format!(
                "{text} is too little: at least {}",
                self.min.as_deref().unwrap_or_default()
            )),
            (_, true) => Err(format!(
                "{text} is too much: at most {}",
                self.max.as_deref().unwrap_or_default()
            )),
            _ => Ok(given),
        }
    }

    fn read_plain(&self, text: &str) -> Result<ParameterValue, String> {
        let text = text.trim();
        match self.kind {
            Type::Duration => duration(text).map(ParameterValue::Duration),
            Type::Size => size(text).map(ParameterValue::Size),
            Type::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => Ok(ParameterValue::Bool(true)),
                "false" | "no" | "off" => Ok(ParameterValue::Bool(false)),
                _ => Err(format!("{text:?} is neither true nor false")),
            },
            Type::Choice => {
                let word = text.to_ascii_lowercase();
                if self.of.contains(&word) {
                    return Ok(ParameterValue::Word(word));
                }
                let near = nearest(&word, self.of.iter().map(String::as_str));
                let near = near.map(|near| format!("; did you mean {near}?"));
                Err(format!(
                    "{text:?} is not one of {}{}",
                    self.of.join(", "),
                    near.unwrap_or_default()
                ))
            }
            Type::Secret if text.is_empty() => Err("the value is empty".to_owned()),
            Type::Secret => Ok(ParameterValue::Secret(Secret::new(text.to_owned()))),
            Type::Domain => domain(text).map(ParameterValue::Word),
            Type::Port => match text.parse::<u16>() {
                Ok(port) if port > 0 => Ok(ParameterValue::Word(port.to_string())),
                _ => Err(format!(
                    "{text:?} is not a port; write a number up to 65535"
                )),
            },
            Type::Text if text.is_empty() => Err("the value is empty".to_owned()),
            Type::Text if text.chars().any(char::is_control) => {
                Err("the value holds a control character".to_owned())
            }
            Type::Text => Ok(ParameterValue::Word(text.to_owned())),
        }
    }
}

fn amount(given: &ParameterValue) -> u128 {
    match given {
        ParameterValue::Duration(duration) => duration.as_millis(),
        ParameterValue::Size(bytes) => u128::from(*bytes),
        ParameterValue::Bool(_) | ParameterValue::Word(_) | ParameterValue::Secret(_) => 0,
    }
}

/// `7d`, `1h30m`, `7 days`; a bare number is refused, its unit would be a guess.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration; write 90m, 12h, 7d or 7d12h");
    if let Some(rest) = text.strip_prefix('-') {
        let shown = rest.trim();
        return Err(format!(
            "a duration cannot be negative: {shown} would be one"
        ));
    }
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    if text.starts_with(is_number) && text.chars().all(is_number) {
        return Err(match text {
            "0" => "0 is not a duration: the login would end at once".to_owned(),
            _ if text.contains('.') => wrong(),
            _ => format!("{text} has no unit: write {text}s, {text}m, {text}h or {text}d"),
        });
    }
    let mut total: u128 = 0;
    let mut rest = text;
    let mut parts = 0;
    let mut last = u128::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = rest[digits..].trim_start();
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = rest[..letters].to_ascii_lowercase();
        let unit = UNITS.iter().find(|(name, _)| *name == unit);
        let (name, seconds) = unit.ok_or_else(wrong)?;
        let millis = if *name == "ms" {
            1
        } else {
            u128::from(*seconds) * 1000
        };
        // `7d7d` is a slip.
        if millis >= last {
            return Err(wrong());
        }
        last = millis;
        total += u128::from(number) * millis;
        rest = rest[letters..].trim_start();
        parts += 1;
    }
    if parts == 0 {
        return Err(wrong());
    }
    if total == 0 {
        return Err(format!("{text} is no time"));
    }
    u64::try_from(total)
        .map(Duration::from_millis)
        .map_err(|_| format!("{text} is longer than any application counts"))
}

/// `256m`, `1g`: powers of 1024, as in Compose.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write 256m or 1g");
    let lower = text.to_ascii_lowercase();
    let digits = lower.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = lower[..digits].parse().map_err(|_| wrong())?;
    let factor = match lower[digits..].trim() {
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "" => return Err(format!("{text} has no unit: write {text}m or {text}g")),
        _ => return Err(wrong()),
    };
    match number.checked_mul(factor) {
        Some(0) | None => Err(wrong()),
        Some(bytes) => Ok(bytes),
    }
}

fn domain(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return Err(format!(
            "{text} is a URL: give the host's name alone, such as chat.example.org"
        ));
    }
    if text.contains([':', '/']) {
        return Err(format!(
            "{text}: give the host's name alone, without port and path"
        ));
    }
    let plain = text.strip_prefix('.').unwrap_or(text);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
    };
    if plain.len() > 253 || !plain.split('.').all(label) {
        let hint = match text.is_ascii() {
            true => "",
            false => "; write it as DNS has it, with xn-- in front",
        };
        return Err(format!("{text:?} is not a host name{hint}"));
    }
    Ok(text.to_ascii_lowercase())
}

/// A duration in the largest unit that gives a whole number: `7d`, `90m`.
pub(crate) fn short(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (name, seconds) in [("d", DAY), ("h", 3_600), ("m", 60), ("s", 1)] {
        let unit = u128::from(seconds) * 1000;
        if millis >= unit && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    format!("{millis}ms")
}

/// Understands what was typed, and fills in defaults.
///
/// # Errors
/// `unknown_parameter`, `bad_value`, `missing_value`.
pub(crate) fn understand(
    parameters: &[Parameter],
    typed: &[(String, Secret)],
    recipe: &str,
) -> Result<Values, Complaint> {
    let hint = || format!("refit recipes {recipe} explains it");
    let mut values = Values::new();
    for (name, text) in typed {
        let Some(parameter) = parameters.iter().find(|known| known.name == *name) else {
            let near = nearest(name, parameters.iter().map(|known| known.name.as_str()));
            let near = near.map(|near| format!("; did you mean {near}?"));
            let text = format!("{recipe} has no {name}{}", near.unwrap_or_default());
            return Err(Complaint::new(Code::UnknownParameter, text).hint(hint()));
        };
        let value = parameter
            .read(text.expose())
            .map_err(|why| Complaint::new(Code::BadValue, format!("{name}: {why}")).hint(hint()))?;
        if values.insert(name.clone(), value).is_some() {
            return Err(Complaint::new(Code::Usage, format!("{name} is given twice")).hint(hint()));
        }
    }
    for parameter in parameters {
        if values.contains_key(&parameter.name) {
            continue;
        }
        match &parameter.default {
            Some(default) => {
                let value = parameter.read(default);
                let value = value.map_err(|why| Complaint::new(Code::BadValue, why))?;
                values.insert(parameter.name.clone(), value);
            }
            None if parameter.required => {
                let text = format!("{recipe} needs {}: {}", parameter.name, parameter.about);
                let example = match parameter.of.first() {
                    Some(word) => format!("refit use {recipe} {}={word}", parameter.name),
                    None => hint(),
                };
                return Err(Complaint::new(Code::MissingValue, text).hint(example));
            }
            None => {}
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(kind: Type) -> Parameter {
        Parameter {
            name: "for".into(),
            kind,
            about: String::new(),
            default: None,
            required: false,
            of: Vec::new(),
            min: None,
            max: None,
        }
    }

    #[test]
    fn durations_and_nonsense() {
        let days = Parameter {
            min: Some("1m".into()),
            max: Some("1825d".into()),
            ..parameter(Type::Duration)
        };
        for (text, seconds) in [
            ("7d", 604_800),
            ("7 days", 604_800),
            ("1h30m", 5_400),
            ("2w", 1_209_600),
            ("1 week 2 days", 777_600),
            (" 90 m ", 5_400),
        ] {
            let given = ParameterValue::Duration(Duration::from_secs(seconds));
            assert_eq!(days.read(text), Ok(given), "{text}");
        }
        for (text, said) in [
            ("0", "at once"),
            ("0d", "no time"),
            ("-3d", "negative"),
            ("604800", "no unit"),
            ("100 years", "not a duration"),
            ("36500d", "at most 1825d"),
            ("5s", "at least 1m"),
            ("7 days and a half", "7d12h"),
            ("week", "not a duration"),
            ("1e9", "not a duration"),
            ("NaN", "not a duration"),
            ("1.5", "not a duration"),
            ("7d7d", "not a duration"),
            ("30m1h", "not a duration"),
            ("", "not a duration"),
            ("99999999999999999999d", "not a duration"),
            ("18446744073709551615w", "longer"),
        ] {
            let error = days.read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert_eq!(short(Duration::from_secs(604_800)), "7d");
        assert_eq!(short(Duration::from_secs(5_400)), "90m");
    }

    #[test]
    fn sizes_words_and_hosts() {
        let size = parameter(Type::Size);
        assert_eq!(size.read("256M"), Ok(ParameterValue::Size(256 << 20)));
        for bad in ["256", "0m", "m", "-1m", "1t", "99999999999g"] {
            assert!(size.read(bad).is_err(), "{bad}");
        }
        let choice = Parameter {
            of: vec!["lax".into(), "strict".into()],
            ..parameter(Type::Choice)
        };
        assert_eq!(choice.read("LAX"), Ok(ParameterValue::Word("lax".into())));
        assert!(
            choice
                .read("strickt")
                .unwrap_err()
                .contains("did you mean strict?")
        );
        let host = parameter(Type::Domain);
        for bad in ["http://a.b", "a.b:80", "a b", "", "-a.b", "a..b"] {
            assert!(host.read(bad).is_err(), "{bad}");
        }
        assert_eq!(
            host.read("Chat.Example.org"),
            Ok(ParameterValue::Word("chat.example.org".into()))
        );
        let port = parameter(Type::Port);
        assert_eq!(port.read("08443"), Ok(ParameterValue::Word("8443".into())));
        for bad in ["0", "65536", "https", "-1", ""] {
            assert!(port.read(bad).is_err(), "{bad}");
        }
        let flag = parameter(Type::Bool);
        assert_eq!(flag.read("on"), Ok(ParameterValue::Bool(true)));
        assert!(flag.read("maybe").is_err());
    }

    #[test]
    fn unknown_missing_and_double_values() {
        let parameters = [Parameter {
            required: true,
            ..parameter(Type::Duration)
        }];
        let typed = |name: &str, text: &str| (name.to_owned(), Secret::new(text.to_owned()));
        let code = |typed: &[(String, Secret)]| {
            understand(&parameters, typed, "r").unwrap_err().code.word()
        };
        assert_eq!(code(&[]), "missing_value");
        assert_eq!(code(&[typed("fro", "7d")]), "unknown_parameter");
        assert_eq!(code(&[typed("for", "x")]), "bad_value");
        assert_eq!(code(&[typed("for", "7d"), typed("for", "8d")]), "usage");
    }
}
