//! Passwords that stand in URLs.

/// What stands in place of a secret wherever text is printed.
pub(crate) const HIDDEN: &str = "•••";

/// The password of `scheme://user:password@host`, if the text is such a URL. People write it as it is,
/// also where a URL wants `%2F` for `/`.
pub(super) fn password_in_url(value: &str) -> Option<&str> {
    let (start, end) = next_password(value, 0).or_else(|| unescaped_password(value))?;
    value.get(start..end)
}

/// A password with characters that end the host in a well-formed URL. A port and a path with an `@` in
/// it are none.
fn unescaped_password(value: &str) -> Option<(usize, usize)> {
    let authority = value.find("://")? + 3;
    let rest = &value[authority..];
    let colon = rest.find(|c: char| c.is_whitespace() || ":/?#".contains(c))?;
    let at = rest.rfind('@')?;
    let password = rest.get(colon + 1..at)?;
    let after_port = password.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_port = after_port.len() < password.len() && after_port.starts_with(['/', '?', '#']);
    let is_one = rest[colon..].starts_with(':') && !password.is_empty() && !is_port;
    is_one.then_some((authority + colon + 1, authority + at))
}

/// The byte range of the next non-empty password in a URL at or after `from`.
fn next_password(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = text.get(at..)?.find("://") {
        let authority = at + found + 3;
        let rest = &text[authority..];
        let end = rest
            .find(|c: char| c == '/' || c.is_whitespace() || matches!(c, '"' | '\'' | '?' | '#'))
            .unwrap_or(rest.len());
        if let Some(host) = rest[..end].rfind('@')
            && let Some(colon) = rest[..host].find(':')
            && colon + 1 < host
        {
            return Some((authority + colon + 1, authority + host));
        }
        at = authority;
    }
    None
}

pub(super) fn redact_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some((start, end)) = next_password(text, at) {
        out.push_str(&text[at..start]);
        out.push_str(HIDDEN);
        at = end;
    }
    out.push_str(&text[at..]);
    out
}
