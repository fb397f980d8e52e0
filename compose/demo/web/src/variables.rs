//! Variables and the values that they can have. Pure.

use std::collections::BTreeMap;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{key}: {value:?} is not {wanted}")]
    Value {
        key: &'static str,
        value: String,
        wanted: &'static str,
    },
    #[error("{key} is missing: {reason}")]
    Missing {
        key: &'static str,
        reason: &'static str,
    },
    /// The address may hold a password, so the value itself is not shown.
    #[error("REDIS_URL is not an address that can be used: {0}")]
    RedisUrl(redis::RedisError),
    /// So may this one.
    #[error("DATABASE_URL is not an address that can be used: {0}")]
    DatabaseUrl(postgres::Error),
}

/// Variables of the `.env` file and of the process. As with Node's dotenv, the file never replaces
/// what the process has, not even by an empty value.
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Puts the process environment over the file.
    pub(crate) fn new(
        file: BTreeMap<String, String>,
        process: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut all = file;
        all.extend(process);
        Self(all)
    }

    /// The value as it stands; an empty one counts as none.
    pub(crate) fn exact(&self, key: &str) -> Option<&str> {
        self.0
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The value without blanks around it.
    pub(crate) fn trimmed(&self, key: &str) -> Option<&str> {
        self.exact(key)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// The value as `read` understands it, or `default` where there is none.
    pub(crate) fn parsed<T>(
        &self,
        key: &'static str,
        wanted: &'static str,
        default: T,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, SettingsError> {
        let Some(value) = self.trimmed(key) else {
            return Ok(default);
        };
        read(value).ok_or_else(|| SettingsError::Value {
            key,
            value: value.to_owned(),
            wanted,
        })
    }

    /// A value that is `true` or `false`, in any case of letters.
    pub(crate) fn flag(&self, key: &'static str, default: bool) -> Result<bool, SettingsError> {
        self.parsed(key, "true or false", default, |value| {
            value.to_ascii_lowercase().parse().ok()
        })
    }
}
