//! What must not be shown: which keys hold secrets, a value that does not print, and the redaction
//! of text that may contain one. Pure; knows neither files nor the engine.

mod by_name;
pub(crate) mod generate;
mod redactor;
mod url_password;

pub(crate) use by_name::{is_secret, is_secret_key};
pub(crate) use redactor::Redactor;
pub(crate) use url_password::HIDDEN;

use std::fmt;

use zeroize::Zeroizing;

/// A value that prints as `•••` and is wiped from memory when dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value that must not be printed.
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_is_no_secret_whatever_its_key() {
        assert!(!is_secret("ALLOW_PASSWORD_RESET", "false"));
        assert!(is_secret("ALLOW_PASSWORD_RESET", "falsehood"));
        let mut redactor = Redactor::default();
        redactor.learn("ALLOW_PASSWORD_RESET", "TRUE");
        assert_eq!(redactor.redact("A=TRUE"), "A=TRUE");
    }

    #[test]
    fn a_password_that_a_url_would_want_escaped_is_one() {
        for url in [
            "redis://:p/w@cache:6379",
            "redis://:p#w?x@cache",
            "redis://:two words@cache",
            "redis://user:it's@cache",
            "redis://:a/b@c@cache",
        ] {
            assert!(is_secret("REDIS_URL", url), "{url}");
        }
        let mut redactor = Redactor::default();
        redactor.learn("REDIS_URL", "redis://:p/w=1@cache:6379");
        assert_eq!(redactor.redact("WRONGPASS p/w=1"), "WRONGPASS •••");
        for plain in [
            "http://host:3080/@me",
            "https://medium.com/@me:1",
            "http://host:80?mail=a@b",
            "see http://host, or ask: a@b",
        ] {
            assert!(!is_secret("URL", plain), "{plain}");
        }
    }

    #[test]
    fn names_that_hold_secrets() {
        for key in [
            "JWT_SECRET",
            "MEILI_MASTER_KEY",
            "POSTGRES_PASSWORD",
            "CREDS_IV",
            "OPENAI_API_KEY",
            "GITHUB_TOKEN",
            "db-password",
            "SECRET_KEY_BASE",
            "token1",
            "MYSQL_ROOT_PASSWORD",
            "apikey",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "SESSION_EXPIRY",
            "REFRESH_TOKEN_EXPIRY",
            "JWT_EXPIRES_IN",
            "PUBLIC_KEY",
            "REDIS_KEY_PREFIX",
            "MIN_PASSWORD_LENGTH",
            "PORT",
            "",
            "KEYCLOAK_URL",
            "SECRET_FILE",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn passwords_in_urls_are_hidden_and_the_rest_stays() {
        let redactor = Redactor::default();
        assert_eq!(
            redactor.redact("at redis://u:p@ss@h:1/0 and http://plain.host:80/x"),
            "at redis://u:•••@h:1/0 and http://plain.host:80/x"
        );
        assert_eq!(redactor.redact("redis://:pw@h"), "redis://:•••@h");
        assert!(is_secret("REDIS_URL", "redis://:pw@h"));
        assert!(!is_secret("REDIS_URL", "redis://h:6379"));
    }

    #[test]
    fn a_learned_value_is_hidden_wherever_it_occurs() {
        let mut redactor = Redactor::default();
        redactor.learn("API_KEY", "hunter22");
        redactor.learn("COLOUR", "blue");
        redactor.learn("PIN_SECRET", "1");
        assert_eq!(redactor.redact("hunter22 is blue, 1"), "••• is blue, 1");
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter22".into());
        assert_eq!(format!("{secret} {secret:?}"), "••• •••");
        assert_eq!(secret.expose(), "hunter22");
    }
}
