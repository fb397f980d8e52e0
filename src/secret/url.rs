//! Secrets that stand in URLs: passwords, names of users that are one, parameters, and the path of a
//! webhook. Pure.

use std::ops::Range;

use super::by_name::{NameSays, name_says};
use super::nothing::says_nothing;

/// Who signs in where the address of a repository or a database names only a user.
const USERS: [&str; 11] = [
    "git",
    "root",
    "user",
    "admin",
    "postgres",
    "mysql",
    "guest",
    "anonymous",
    "default",
    "hg",
    "svn",
];

/// Where the user's name is never a password.
const SCHEMES_OF_ACCOUNTS: [&str; 5] = ["ssh", "git+ssh", "sftp", "rsync", "scp"];

/// All of them.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let scheme = text[..at].rsplit(|c| !is_part(c)).next();
        let scheme = scheme.unwrap_or_default().to_ascii_lowercase();
        let rest = &text[at + 3..];
        let end = rest.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c));
        let end = end.unwrap_or(rest.len()).min(LONGEST);
        let end = (0..=end).rev().find(|&end| rest.is_char_boundary(end));
        let end = end.unwrap_or_default();
        let own = in_url(&scheme, &rest[..end]);
        found.extend(own.into_iter().map(|range| moved(range, at + 3)));
    }
    // Only where the whole text is a URL: elsewhere an `@` far behind may be another's.
    if found.is_empty() && text.matches("://").count() == 1 {
        found.extend(unescaped_password(text));
    }
    found
}

/// So much of one is looked at: others may write a line of nothing but `://`.
const LONGEST: usize = 4096;

/// Those of one URL, from its host on.
fn in_url(scheme: &str, url: &str) -> Vec<Range<usize>> {
    let host_end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (host, behind) = url.split_at(host_end);
    let path_end = behind.find(['?', '#']).unwrap_or(behind.len());
    let path = in_path(host, &behind[..path_end]);
    let parameters = in_parameters(&behind[path_end..]).into_iter();
    let behind = path
        .into_iter()
        .chain(parameters.map(|range| moved(range, path_end)));
    let behind = behind.map(|range| moved(range, host_end));
    login(scheme, host).into_iter().chain(behind).collect()
}

fn moved(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

/// The password of `user:password@host`, or what stands alone before the `@`.
fn login(scheme: &str, authority: &str) -> Option<Range<usize>> {
    let at = authority.rfind('@')?;
    let login = &authority[..at];
    match login.find(':') {
        Some(colon) => (!says_nothing(&login[colon + 1..])).then_some(colon + 1..at),
        None => {
            let is_account = SCHEMES_OF_ACCOUNTS.contains(&scheme)
                || USERS.iter().any(|user| login.eq_ignore_ascii_case(user));
            (!login.is_empty() && !is_account && !says_nothing(login)).then_some(0..at)
        }
    }
}

/// A password with characters that end the host in a well-formed URL: people write it as it is, also
/// where a URL wants `%2F` for `/`. A port and a path with an `@` in it are none.
fn unescaped_password(value: &str) -> Option<Range<usize>> {
    let scheme = value.find("://")?;
    if !value[..scheme]
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    {
        return None;
    }
    let authority = scheme + 3;
    let rest = &value[authority..];
    let colon = rest.find(|c: char| c.is_whitespace() || ":/?#".contains(c))?;
    let at = rest.rfind('@')?;
    let password = rest.get(colon + 1..at)?;
    let after_port = password.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_port = after_port.len() < password.len() && after_port.starts_with(['/', '?', '#']);
    let is_one = rest[colon..].starts_with(':') && !says_nothing(password) && !is_port;
    is_one.then_some(authority + colon + 1..authority + at)
}

/// Parts of a path behind which a token stands.
const HOOKS: [&str; 8] = [
    "webhook", "webhooks", "hook", "hooks", "push", "ping", "trigger", "incoming",
];

/// Hosts where all of the path is one.
const HOSTS_OF_HOOKS: [&str; 4] = [
    "hooks.slack.com",
    "hc-ping.com",
    "webhook.office.com",
    "api.telegram.org",
];

fn in_path(host: &str, path: &str) -> Option<Range<usize>> {
    let host = host.rsplit('@').next().unwrap_or(host);
    let is_of_hooks = HOSTS_OF_HOOKS.iter().any(|known| host.ends_with(known));
    let is_hook = |part: &str| HOOKS.iter().any(|hook| part.eq_ignore_ascii_case(hook));
    let mut start = is_of_hooks.then_some(0);
    let mut at = 0;
    for part in path.split('/') {
        at += part.len() + 1;
        start = start.or_else(|| is_hook(part).then_some(at));
    }
    let behind = start.and_then(|start| path.get(start..))?;
    let behind = behind.trim_start_matches('/').trim_end_matches('/');
    let end = path.trim_end_matches('/').len();
    // `/webhooks/github` is the place of something that is named there.
    let is_word = behind.len() < 16 && behind.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    (!is_word).then(|| end - behind.len()..end)
}

fn in_parameters(query: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for part in query.split(['?', '#', '&', ';']) {
        if let Some((name, value)) = part.split_once('=')
            && name_says(name) != NameSays::Nothing
            && !says_nothing(value)
        {
            found.push(at + name.len() + 1..at + part.len());
        }
        at += part.len() + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        ranges(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn a_url_is_taken_apart() {
        for (url, secrets) in [
            ("redis://u:p@ss@h:1/0", &["p@ss"][..]),
            ("redis://:pw@h", &["pw"]),
            ("https://0a1b2c@sentry.io/1", &["0a1b2c"]),
            ("redis://PASS@h:6379", &["PASS"]),
            ("ssh://git@github.com/x/y", &[]),
            ("postgres://${USER}:${PASSWORD}@db/x", &[]),
            ("https://git@github.com/x/y", &[]),
            ("postgres://db/x?user=u&password=P&sslmode=off", &["P"]),
            (
                "https://h/x?sslkey=/etc/k#access_token=abc",
                &["/etc/k", "abc"],
            ),
            (
                "https://discord.com/api/webhooks/123/aBc-d_e",
                &["123/aBc-d_e"],
            ),
            (
                "https://hooks.slack.com/services/T0/B012/XyZ",
                &["services/T0/B012/XyZ"],
            ),
            (
                "https://api.telegram.org/bot12:AbC/sendMessage",
                &["bot12:AbC/sendMessage"],
            ),
            ("https://n8n.example.com/webhook/", &[]),
            ("https://ci.example.com/webhooks/github", &[]),
            ("http://kuma:3001/api/push/aB3dE5?status=up", &["aB3dE5"]),
            ("redis://:p/w@cache:6379", &["p/w"]),
            ("redis://:p#w?x@cache", &["p#w?x"]),
            ("redis://:two words@cache", &["two words"]),
            ("redis://user:it's@cache", &["it's"]),
            ("redis://:a/b@c@cache", &["a/b@c"]),
            ("http://host:3080/@me", &[]),
            ("https://medium.com/@me:1", &[]),
            ("http://host:80?mail=a@b", &[]),
            ("see http://host, or ask: a@b", &[]),
        ] {
            assert_eq!(hidden(url), secrets, "{url}");
        }
    }
}
