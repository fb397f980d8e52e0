//! What the name of a key says of its value. Pure.

use super::words::words_of;

/// How far a name alone decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameSays {
    /// Nothing of a secret.
    Nothing,
    /// It may hold one: what is plainly none, such as a port or a page's address, is shown.
    Perhaps,
    /// It holds one.
    Secret,
}

/// A word that stands for a secret wherever it is in a name.
const SECRET_WORDS: [&str; 45] = [
    "password",
    "passwords",
    "passwd",
    "pass",
    "passphrase",
    "passcode",
    "pwd",
    "pw",
    "psk",
    "otp",
    "totp",
    "secret",
    "secrets",
    "token",
    "tokens",
    "key",
    "keys",
    "apikey",
    "apikeys",
    "privkey",
    "keystore",
    "keyring",
    "pat",
    "jwt",
    "jwts",
    "jwk",
    "jwks",
    "pem",
    "pfx",
    "credential",
    "credentials",
    "cred",
    "creds",
    "salt",
    "salts",
    "pepper",
    "dsn",
    "bearer",
    "authorization",
    "signature",
    "sig",
    "mnemonic",
    "phrase",
    "license",
    "licence",
];

/// A word that does so in some of the names that have it.
const PERHAPS_WORDS: [&str; 7] = [
    "auth", "private", "priv", "webhook", "webhooks", "cookie", "cookies",
];

/// A word that does so at the end of a name.
const LAST_WORDS: [&str; 4] = ["pin", "session", "sessionid", "iv"];

/// Ends of words that are written together: `mongopassword`, `bindpw`, `requirepass`.
const SECRET_ENDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "pw",
    "secret",
    "token",
    "key",
    "credentials",
];

/// The same of words that may stand for one: `masterauth`.
const PERHAPS_ENDS: [&str; 2] = ["auth", "webhook"];

/// Words that end so and mean something else.
const OTHER_WORDS: [&str; 14] = [
    "bypass",
    "compass",
    "encompass",
    "monkey",
    "donkey",
    "turkey",
    "hotkey",
    "hockey",
    "whiskey",
    "jockey",
    "oauth",
    "valkey",
    "mickey",
    "pinkey",
];

/// What is *about* a secret (`REFRESH_TOKEN_EXPIRY`), not the secret itself, where it ends a name.
const ABOUT: [&str; 114] = [
    "age",
    "alg",
    "algorithm",
    "allowed",
    "attempts",
    "aud",
    "audience",
    "audiences",
    "backend",
    "bits",
    "bucket",
    "bytes",
    "check",
    "checks",
    "claim",
    "class",
    "column",
    "complexity",
    "cost",
    "count",
    "days",
    "dir",
    "directory",
    "disabled",
    "domain",
    "domains",
    "driver",
    "duration",
    "enable",
    "enabled",
    "encoding",
    "engine",
    "exp",
    "expiration",
    "expire",
    "expires",
    "expiry",
    "field",
    "fields",
    "file",
    "filename",
    "format",
    "group",
    "groups",
    "header",
    "headers",
    "host",
    "hostname",
    "hosts",
    "hours",
    "id",
    "in",
    "interval",
    "ips",
    "issuer",
    "issuers",
    "iterations",
    "kind",
    "layout",
    "leeway",
    "len",
    "length",
    "level",
    "lifetime",
    "limit",
    "list",
    "location",
    "max",
    "method",
    "methods",
    "min",
    "minutes",
    "mode",
    "ms",
    "name",
    "names",
    "network",
    "networks",
    "path",
    "policy",
    "port",
    "prefix",
    "provider",
    "providers",
    "realm",
    "region",
    "required",
    "role",
    "roles",
    "rotation",
    "rounds",
    "rule",
    "rules",
    "scope",
    "scopes",
    "sec",
    "seconds",
    "secs",
    "server",
    "service",
    "size",
    "store",
    "strategy",
    "strength",
    "time",
    "timeout",
    "ttl",
    "type",
    "user",
    "username",
    "users",
    "var",
    "version",
    "window",
];

/// What is judged by what it holds: `TOKEN_URL` is a page.
const ADDRESSES: [&str; 8] = [
    "url",
    "urls",
    "uri",
    "uris",
    "endpoint",
    "endpoints",
    "origin",
    "origins",
];

/// What is open to all where a name also says `public`.
const OPEN_KEYS: [&str; 6] = ["key", "keys", "token", "tokens", "pem", "dsn"];

/// Whether a name alone says that what it has is a secret.
pub(crate) fn names_secret(name: &str) -> bool {
    name_says(name) == NameSays::Secret
}

/// What the name says. Words anywhere in it count, unless the last one says that the value is about
/// a secret; `PUBLIC_KEY` is none, and `ACCESS_KEY_ID` and `SECRET_ID` are half of one.
pub(super) fn name_says(name: &str) -> NameSays {
    let words = words_of(name);
    let has = |word: &str| words.iter().any(|known| known == word);
    let Some(last) = words.last().map(String::as_str) else {
        return NameSays::Nothing;
    };
    let is_half = last == "id" && (has("secret") || has("access") && has("key"));
    if ABOUT.contains(&last) && !is_half {
        return NameSays::Nothing;
    }
    if has("connection") && words.iter().any(|word| word.starts_with("string")) {
        return NameSays::Secret;
    }
    let is_open = has("public");
    let counted = words
        .iter()
        .filter(|word| !(is_open && OPEN_KEYS.contains(&word.as_str())));
    let of_words = counted.map(|word| word_says(word));
    let says = of_words.max().unwrap_or(NameSays::Nothing);
    if LAST_WORDS.contains(&last) {
        NameSays::Secret
    } else if ADDRESSES.contains(&last) {
        says.min(NameSays::Perhaps)
    } else {
        says
    }
}

/// Whether a name is of a count of words of a model, such as `MAX_TOKENS`, where it holds a number.
pub(super) fn counts(name: &str) -> bool {
    let words = words_of(name);
    let secret = words
        .iter()
        .filter(|word| word_says(word) != NameSays::Nothing);
    secret.eq(["tokens"])
}

/// Whether a name says that its value is known to all who know the text that it names: a commit.
pub(super) fn names_a_version(name: &str) -> bool {
    let words = words_of(name);
    let last = words.last().map(String::as_str);
    last.is_some_and(|last| {
        [
            "commit", "sha", "ref", "rev", "revision", "digest", "checksum",
        ]
        .contains(&last)
    })
}

/// Whether a value is such a word itself: `PASSWORD` in an example.
pub(super) fn is_secret_word(value: &str) -> bool {
    let mut words = SECRET_WORDS.iter();
    words.any(|word| value.eq_ignore_ascii_case(word))
}

fn word_says(word: &str) -> NameSays {
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    let is_other = OTHER_WORDS.contains(&word);
    if SECRET_WORDS.contains(&word) || ends(&SECRET_ENDS) && !is_other {
        NameSays::Secret
    } else if PERHAPS_WORDS.contains(&word) || ends(&PERHAPS_ENDS) && !is_other {
        NameSays::Perhaps
    } else {
        NameSays::Nothing
    }
}

/// Whether a key's name says that its value is a secret, unless the value is plainly none.
pub(crate) fn is_secret_key(name: &str) -> bool {
    name_says(name) != NameSays::Nothing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_anywhere_in_a_name_count() {
        for name in "JWT_SECRET MEILI_MASTER_KEY POSTGRES_PASSWORD CREDS_IV CREDS_KEY OPENAI_API_KEY \
            GITHUB_TOKEN db-password SECRET_KEY_BASE token1 MYSQL_ROOT_PASSWORD apikey accessToken privateKey \
            botToken appToken API_KEY_OPENAI PRIVATE_KEY_PEM API_TOKENS TOKEN_GITHUB GH_PAT JWT AUTHORIZATION \
            SESSION_SALT APP_KEY_PREVIOUS SECRETS_JSON AZURE_STORAGE_CONNECTION_STRING S3_SECRET_ACCESS_KEY_ID \
            SMTP_PW SALT WG_PRIVKEY LICENSE PG_PASS SENTRY_DSN PASSPHRASE LDAP_BINDPW requirepass \
            ConnectionStrings__Default PUBLIC_API_SECRET GOOGLE_APPLICATION_CREDENTIALS_JSON"
            .split_whitespace()
        {
            assert_eq!(name_says(name), NameSays::Secret, "{name}");
        }
        for name in
            "BASIC_AUTH SMTP_AUTH SLACK_WEBHOOK_URL COOKIE AUTH_CHAIN masterauth DISCORD_WEBHOOK \
            TOKEN_URL PRIVATE_SUBNET"
                .split_whitespace()
        {
            assert_eq!(name_says(name), NameSays::Perhaps, "{name}");
        }
    }

    #[test]
    fn what_is_about_a_secret_is_none() {
        for name in "SESSION_EXPIRY REFRESH_TOKEN_EXPIRY JWT_EXPIRES_IN PUBLIC_KEY REDIS_KEY_PREFIX TOKEN_TTL \
            MIN_PASSWORD_LENGTH PORT KEYCLOAK_URL SECRET_FILE TZ COMPASS OAUTH_CLIENT_ID KEYBOARD MONKEY \
            DATABASE_URL POSTGRES_USER GOTRUE_JWT_EXP AUTH_TYPE SORT_BY PATH OPENAI_MODEL tokenizer"
            .split_whitespace()
        {
            assert_eq!(name_says(name), NameSays::Nothing, "{name}");
        }
        assert_eq!(name_says(""), NameSays::Nothing);
        assert!(counts("MAX_TOKENS") && !counts("API_TOKENS_KEY"));
    }
}
