//! What shows by its form that it is a secret, wherever it stands. Pure.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{random, url};

/// Keys and certificates, signed tokens, hashes of passwords, tokens of services that mark theirs.
const PATTERNS: [&str; 8] = [
    r"(?s)-----BEGIN [A-Z0-9 ]+-----.*?(?:-----END [A-Z0-9 ]+-----|\z)",
    r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){0,3}",
    r"\$\$?(?:2[abxy]?|apr1|1|5|6|7|y|gy|argon2id?|argon2d|scrypt|pbkdf2[-a-z0-9]*)\$\$?[./A-Za-z0-9$=,+-]{6,}",
    r"\{S?(?:SHA|MD5|CRYPT)[0-9]*\}[A-Za-z0-9+/=]{8,}",
    r"(?:gh[opusr]_|github_pat_|glpat-|gldt-|xox[abeprs]-|xapp-|hf_|npm_|dckr_pat_|dop_v1_|shpat_|SG\.|sk-|sk_live_|sk_test_|rk_live_|whsec_|pypi-|AKIA|ASIA|AIza|ya29\.|AGE-SECRET-KEY-|tskey-)[A-Za-z0-9_.-]{10,}",
    r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]*",
    // A bot's at Telegram: its number, and the token.
    r"\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}",
    r"(?:[Bb]earer|[Bb]asic|BEARER|BASIC)[ :]+[A-Za-z0-9._~+/-]*[0-9A-Z=][A-Za-z0-9._~+/=-]{5,}",
];

static COMPILED: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    // Constants: a test uses each of them.
    let compiled = PATTERNS.iter().map(|pattern| Regex::new(pattern));
    compiled.collect::<Result<_, _>>().unwrap_or_default()
});

/// Whether there is one in a value, whatever the names in it say.
pub(super) fn holds_secret(value: &str) -> bool {
    shaped(value).next().is_some()
}

pub(super) fn shaped(text: &str) -> impl Iterator<Item = Range<usize>> {
    let by_pattern = COMPILED.iter().flat_map(|pattern| pattern.find_iter(text));
    let by_pattern = by_pattern.map(|found| found.range());
    by_pattern
        .chain(url::ranges(text))
        .chain(random::ranges(text))
}
