//! The settings in force, made from variables and `config.yaml`. Pure.
//!
//! A value that means nothing is an error that names its key: an application that runs on with a
//! default instead hides the mistake from the person who made it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use redis::{ConnectionInfo, IntoConnectionInfo};

use crate::config_file::ConfigFile;
use crate::cookie::{CookieRules, SameSite};
use crate::variables::{SettingsError, Variables};

/// The longest session: a hundred years, in seconds.
const LONGEST_SESSION: u64 = 100 * 365 * 24 * 60 * 60;

/// Everything that the application can be told.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    pub(crate) login: Login,
    pub(crate) cookie: CookieRules,
    pub(crate) store: Store,
    /// Whether `X-Forwarded-Proto` and `X-Forwarded-For` are believed.
    pub(crate) trust_proxy: bool,
}

/// Who gets in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// Everybody.
    Off,
    /// Who knows user and password.
    Required(Account),
}

/// The one account that there is.
#[derive(PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: String,
    pub(crate) password: String,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Where sessions are kept.
pub(crate) enum Store {
    /// In this process: a restart forgets them.
    Memory,
    /// In a Redis.
    Redis(Box<ConnectionInfo>),
    /// In a PostgreSQL.
    Postgres(Box<postgres::Config>),
}

/// The address alone: what stands beside it may be a password.
impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::Redis(redis) => f.debug_tuple("Redis").field(redis.addr()).finish(),
            Self::Postgres(config) => f
                .debug_tuple("Postgres")
                .field(&address_of(config))
                .finish(),
        }
    }
}

impl Settings {
    /// Makes the settings, or names the first key that stands in the way.
    pub(crate) fn new(variables: &Variables, config: &ConfigFile) -> Result<Self, SettingsError> {
        Ok(Self {
            listen: listen(variables)?,
            login: Login::new(variables, config)?,
            cookie: cookie(variables)?,
            store: store(variables)?,
            trust_proxy: variables.flag("TRUST_PROXY", false)?,
        })
    }
}

fn listen(variables: &Variables) -> Result<SocketAddr, SettingsError> {
    let every_address = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let host = variables.parsed("HOST", "an IP address", every_address, |v| v.parse().ok())?;
    let port = variables.parsed("PORT", "a port number", 3080, |v| v.parse().ok())?;
    Ok(SocketAddr::new(host, port))
}

impl Login {
    /// Either switch turns the login off: people are told of both, and use one.
    pub(crate) fn new(variables: &Variables, config: &ConfigFile) -> Result<Login, SettingsError> {
        if !(variables.flag("AUTHENTICATION", true)? && config.login_enabled()) {
            return Ok(Login::Off);
        }
        let password = variables
            .exact("DEMO_PASSWORD")
            .ok_or(SettingsError::Missing {
                key: "DEMO_PASSWORD",
                reason: "set it, or turn the login off by AUTHENTICATION=false",
            })?;
        Ok(Login::Required(Account {
            user: variables.trimmed("DEMO_USER").unwrap_or("demo").to_owned(),
            password: password.to_owned(),
        }))
    }
}

fn cookie(variables: &Variables) -> Result<CookieRules, SettingsError> {
    let seconds = |value: &str| value.parse().ok();
    let max_age = variables.parsed("SESSION_EXPIRY", "a number of seconds", 900, seconds)?;
    if !(1..=LONGEST_SESSION).contains(&max_age) {
        return Err(SettingsError::Value {
            key: "SESSION_EXPIRY",
            value: max_age.to_string(),
            wanted: "between 1 second and 100 years",
        });
    }
    let same_site = |value: &str| SameSite::parse(&value.to_ascii_lowercase());
    let domain = |value: &str| is_domain(value).then(|| Some(value.to_owned()));
    Ok(CookieRules {
        max_age,
        secure: variables.flag("COOKIE_SECURE", false)?,
        same_site: variables.parsed(
            "COOKIE_SAME_SITE",
            "lax, strict or none",
            SameSite::Lax,
            same_site,
        )?,
        domain: variables.parsed("COOKIE_DOMAIN", "a domain name", None, domain)?,
    })
}

/// Whether `value` can stand in a cookie's `Domain`: labels and dots, no scheme, no port.
fn is_domain(value: &str) -> bool {
    let labels = value.strip_prefix('.').unwrap_or(value);
    value.len() <= 253
        && labels.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
}

/// Names of the stores, as people write them.
#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Redis,
    Postgres,
}

fn store(variables: &Variables) -> Result<Store, SettingsError> {
    let wanted = "memory, redis or postgres";
    let kind = variables.parsed("SESSION_STORE", wanted, Kind::Memory, |value| {
        match value.to_ascii_lowercase().as_str() {
            "memory" => Some(Kind::Memory),
            "redis" => Some(Kind::Redis),
            "postgres" => Some(Kind::Postgres),
            _ => None,
        }
    })?;
    let url = |key, reason| {
        let missing = SettingsError::Missing { key, reason };
        variables.trimmed(key).ok_or(missing)
    };
    Ok(match kind {
        Kind::Memory => Store::Memory,
        Kind::Redis => {
            let reason = "SESSION_STORE=redis needs it, such as redis://:PASSWORD@redis:6379";
            let redis = url("REDIS_URL", reason)?
                .into_connection_info()
                .map_err(SettingsError::RedisUrl)?;
            Store::Redis(Box::new(redis))
        }
        Kind::Postgres => {
            let reason = "SESSION_STORE=postgres needs it, such as postgres://USER:PASSWORD@postgres:5432/DB";
            let config: postgres::Config = url("DATABASE_URL", reason)?
                .parse()
                .map_err(SettingsError::DatabaseUrl)?;
            Store::Postgres(Box::new(config))
        }
    })
}

/// Where a PostgreSQL is: its first host and port.
pub(crate) fn address_of(config: &postgres::Config) -> String {
    let host = match config.get_hosts().first() {
        Some(postgres::config::Host::Tcp(host)) => host.clone(),
        Some(postgres::config::Host::Unix(path)) => return path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{host}:{port}")
}

/// The settings as one line of the log, under the names that a person gave them. Without passwords:
/// of a store only host and port.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.login {
            Login::Off => write!(f, "AUTHENTICATION=false")?,
            Login::Required(account) => {
                write!(
                    f,
                    "AUTHENTICATION=true DEMO_USER={}",
                    account.user.escape_debug()
                )?;
            }
        }
        let CookieRules {
            max_age,
            secure,
            same_site,
            domain,
        } = &self.cookie;
        write!(f, " SESSION_EXPIRY={max_age} COOKIE_SECURE={secure}")?;
        write!(
            f,
            " COOKIE_SAME_SITE={}",
            same_site.attribute().to_ascii_lowercase()
        )?;
        if let Some(domain) = domain {
            write!(f, " COOKIE_DOMAIN={domain}")?;
        }
        match &self.store {
            Store::Memory => write!(f, " SESSION_STORE=memory")?,
            Store::Redis(redis) => write!(f, " SESSION_STORE=redis at {}", redis.addr())?,
            Store::Postgres(config) => {
                write!(f, " SESSION_STORE=postgres at {}", address_of(config))?;
            }
        }
        write!(f, " TRUST_PROXY={}", self.trust_proxy)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(process: &[(&str, &str)], config: &str) -> Result<Settings, SettingsError> {
        let file = BTreeMap::from([("DEMO_PASSWORD".to_owned(), "from the file".to_owned())]);
        let process = process
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Settings::new(
            &Variables::new(file, process),
            &ConfigFile::parse(config).unwrap(),
        )
    }

    fn account(settings: Settings) -> Option<Account> {
        match settings.login {
            Login::Off => None,
            Login::Required(account) => Some(account),
        }
    }

    #[test]
    fn stands_on_defaults_where_nothing_is_set() {
        let settings = settings(&[], "").unwrap();
        assert_eq!(
            settings.to_string(),
            "AUTHENTICATION=true DEMO_USER=demo SESSION_EXPIRY=900 COOKIE_SECURE=false \
             COOKIE_SAME_SITE=lax SESSION_STORE=memory TRUST_PROXY=false"
        );
        assert_eq!(settings.listen.to_string(), "0.0.0.0:3080");
    }

    #[test]
    fn shows_what_is_set_but_no_password() {
        let settings = settings(
            &[
                ("DEMO_USER", "ann"),
                ("DEMO_PASSWORD", "hunter2"),
                ("SESSION_EXPIRY", " 604800 "),
                ("COOKIE_SECURE", "TRUE"),
                ("COOKIE_SAME_SITE", "Strict"),
                ("COOKIE_DOMAIN", "example.org"),
                ("SESSION_STORE", "redis"),
                ("REDIS_URL", "redis://:hunter2@cache:6380/1"),
                ("TRUST_PROXY", "true"),
            ],
            "",
        )
        .unwrap();
        assert_eq!(
            settings.to_string(),
            "AUTHENTICATION=true DEMO_USER=ann SESSION_EXPIRY=604800 COOKIE_SECURE=true \
             COOKIE_SAME_SITE=strict COOKIE_DOMAIN=example.org \
             SESSION_STORE=redis at cache:6380 TRUST_PROXY=true"
        );
        assert!(!format!("{:?}", settings.login).contains("hunter2"));
    }

    #[test]
    fn the_process_beats_the_file_even_with_an_empty_value() {
        let from_file = account(settings(&[], "").unwrap()).unwrap();
        assert_eq!(from_file.password, "from the file");
        let from_process = account(settings(&[("DEMO_PASSWORD", " x ")], "").unwrap()).unwrap();
        assert_eq!(from_process.password, " x ");
        let error = settings(&[("DEMO_PASSWORD", "")], "").unwrap_err();
        assert!(
            error.to_string().starts_with("DEMO_PASSWORD is missing"),
            "{error}"
        );
    }

    #[test]
    fn either_switch_turns_the_login_off() {
        let off = |process: &[(&str, &str)], config| {
            settings(process, config).unwrap().login == Login::Off
        };
        assert!(!off(&[], "auth: {enabled: true}"));
        assert!(off(&[], "auth: {enabled: false}"));
        assert!(off(&[("AUTHENTICATION", "false")], "auth: {enabled: true}"));
        assert!(off(
            &[("AUTHENTICATION", "true")],
            "auth:\n  enabled: false\n"
        ));
        assert!(off(
            &[("AUTHENTICATION", "false"), ("DEMO_PASSWORD", "")],
            "# nothing\n"
        ));
    }

    #[test]
    fn names_the_key_and_the_value_that_means_nothing() {
        let cases = [
            (
                "SESSION_EXPIRY",
                "week",
                "SESSION_EXPIRY: \"week\" is not a number of seconds",
            ),
            (
                "SESSION_EXPIRY",
                "-1",
                "SESSION_EXPIRY: \"-1\" is not a number of seconds",
            ),
            (
                "SESSION_EXPIRY",
                "0",
                "SESSION_EXPIRY: \"0\" is not between 1 second and 100 years",
            ),
            (
                "SESSION_EXPIRY",
                "3153600001",
                "SESSION_EXPIRY: \"3153600001\" is not between 1 second and 100 years",
            ),
            (
                "AUTHENTICATION",
                "no",
                "AUTHENTICATION: \"no\" is not true or false",
            ),
            (
                "COOKIE_SECURE",
                "1",
                "COOKIE_SECURE: \"1\" is not true or false",
            ),
            (
                "COOKIE_SAME_SITE",
                "loose",
                "COOKIE_SAME_SITE: \"loose\" is not lax, strict or none",
            ),
            (
                "COOKIE_DOMAIN",
                "http://x",
                "COOKIE_DOMAIN: \"http://x\" is not a domain name",
            ),
            (
                "COOKIE_DOMAIN",
                "a; Path=/",
                "COOKIE_DOMAIN: \"a; Path=/\" is not a domain name",
            ),
            (
                "SESSION_STORE",
                "mongo",
                "SESSION_STORE: \"mongo\" is not memory, redis or postgres",
            ),
            (
                "TRUST_PROXY",
                "yes",
                "TRUST_PROXY: \"yes\" is not true or false",
            ),
            ("PORT", "99999", "PORT: \"99999\" is not a port number"),
            ("HOST", "here", "HOST: \"here\" is not an IP address"),
        ];
        for (key, value, wanted) in cases {
            assert_eq!(
                settings(&[(key, value)], "").unwrap_err().to_string(),
                wanted
            );
        }
    }

    #[test]
    fn a_redis_url_is_wanted_and_never_shown() {
        let missing = settings(&[("SESSION_STORE", "redis")], "").unwrap_err();
        assert!(
            missing.to_string().starts_with("REDIS_URL is missing"),
            "{missing}"
        );
        for url in [
            "http://:hunter2@cache",
            ":hunter2",
            "rediss://:hunter2@cache",
        ] {
            let error = settings(&[("SESSION_STORE", "redis"), ("REDIS_URL", url)], "");
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("REDIS_URL is not"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_database_url_is_wanted_and_never_shown() {
        let missing = settings(&[("SESSION_STORE", "postgres")], "").unwrap_err();
        let missing = missing.to_string();
        assert!(missing.starts_with("DATABASE_URL is missing"), "{missing}");
        for url in ["http://:hunter2@db", "postgres://a:hunter2@db:port/x"] {
            let error = settings(&[("SESSION_STORE", "postgres"), ("DATABASE_URL", url)], "");
            let error = error.unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL is not"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let url = "postgres://ann:hunter2@db/chat";
        let good = settings(&[("SESSION_STORE", "postgres"), ("DATABASE_URL", url)], "").unwrap();
        let line = good.to_string();
        assert!(line.contains("SESSION_STORE=postgres at db:5432"), "{line}");
        assert!(!format!("{line}{good:?}").contains("hunter2"), "{line}");
    }
}
