//! Long random strings: what a generator makes, and no person. Pure.

use std::ops::Range;

use super::by_name::names_a_version;

/// From so many letters and digits on, a mixture is taken for a random one.
const SHORTEST_MIXED: usize = 20;

/// From so many digits on, a number in base 16 is: shorter ones are versions of commits and images.
const SHORTEST_HEX: usize = 32;

/// With signs between them, as in base64.
const SHORTEST_SIGNED: usize = 32;

/// The random strings of a text.
pub(super) fn ranges(text: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+/=".contains(c);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(is_part) {
        let start = at + start;
        let length = text[start..].find(|c| !is_part(c));
        let end = length.map_or(text.len(), |length| start + length);
        if !names_a_content(text, start..end) {
            of_token(text, start..end, &mut found);
        }
        at = end;
    }
    found
}

/// A digest or a commit, which anybody may know.
fn names_a_content(text: &str, token: Range<usize>) -> bool {
    let before = &text[..token.start];
    let digest = ["sha256:", "sha512:", "sha384:", "sha1:"];
    let is_digest = digest.iter().any(|end| before.ends_with(end));
    let token = &text[token];
    let is_integrity = ["sha512-", "sha384-", "sha256-"]
        .iter()
        .any(|start| token.starts_with(start));
    let word = before.trim_end_matches([' ', '"', '\'', ':', '=']);
    let names = ["commit", "HEAD", "digest", "revision"];
    // The engine's ID, which its commands take.
    let is_container =
        token.len() == 64 && is_hex(token) && word.to_ascii_lowercase().ends_with("container");
    let is_commit =
        token.len() == 40 && is_hex(token) && names.iter().any(|name| word.ends_with(name));
    is_digest || is_integrity || is_container || is_commit || is_named_commit(token)
}

/// `from=COMMIT`, as hooks and their scripts write where an upgrade goes; `GIT_SHA=COMMIT`, as builds do.
fn is_named_commit(token: &str) -> bool {
    token.split_once('=').is_some_and(|(name, value)| {
        let is_way = ["from", "to", "head"].contains(&name.to_lowercase().as_str());
        value.len() == 40 && is_hex(value) && (is_way || names_a_version(name))
    })
}

/// A path is judged by its parts, which are no secret all together.
fn of_token(text: &str, token: Range<usize>, found: &mut Vec<Range<usize>>) {
    let before = text[..token.start].rsplit(char::is_whitespace).next();
    let offset = token.start;
    let token = &text[token];
    let slashes = token.matches('/').count();
    let is_path = token.starts_with('/')
        || before.is_some_and(|before| before.contains('/'))
        || slashes > 1 + token.len() / 16;
    if !is_path && token.len() >= 40 && has_both_cases(token) && is_mixed(token, 0.3) {
        return found.push(offset..offset + token.len());
    }
    let mut at = 0;
    for part in token.split('/') {
        if is_random(part) {
            found.push(offset + at..offset + at + part.len());
        }
        at += part.len() + 1;
    }
}

fn is_random(part: &str) -> bool {
    let runs = || part.split(['-', '_', '+', '=']);
    let long_hex = |run: &str| run.len() >= SHORTEST_HEX && is_hex(run);
    let mixed = |run: &str| run.len() >= SHORTEST_MIXED && is_mixed(run, 0.25);
    is_uuid(part)
        || runs().any(|run| long_hex(run) || mixed(run))
        || part.len() >= SHORTEST_SIGNED && has_both_cases(part) && is_mixed(part, 0.3)
}

pub(super) fn is_hex(run: &str) -> bool {
    run.chars().all(|c| c.is_ascii_hexdigit())
}

fn has_both_cases(part: &str) -> bool {
    part.contains(|c: char| c.is_ascii_lowercase())
        && part.contains(|c: char| c.is_ascii_uppercase())
}

fn is_uuid(part: &str) -> bool {
    let lengths = part.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && part.split('-').all(is_hex)
}

/// Whether letters and digits follow each other as no word has them: a change of kind in at least
/// this share of the characters. A capital belongs to the small letters behind it.
fn is_mixed(part: &str, share: f64) -> bool {
    let mut changes = 0_u32;
    let mut last = ' ';
    for c in part.chars().filter(char::is_ascii_alphanumeric) {
        let same = match (last, c) {
            (a, b) if a.is_ascii_digit() || b.is_ascii_digit() => {
                a.is_ascii_digit() && b.is_ascii_digit()
            }
            (a, b) => a.is_ascii_uppercase() || b.is_ascii_lowercase(),
        };
        changes += u32::from(!same);
        last = c;
    }
    let has = |is: fn(&char) -> bool| part.chars().any(|c| is(&c));
    let length = f64::from(u32::try_from(part.len()).unwrap_or(u32::MAX));
    has(char::is_ascii_digit)
        && has(char::is_ascii_alphabetic)
        && f64::from(changes) >= share * length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_is_told_from_a_name() {
        for value in [
            "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0",
            "RR++yx2rJ9kdxbdh3+AmbHLDQu+Q76i++co9Y8ybbno=",
            "lYkiYYT6owG+71oLerGzA7GXCgOT++6ovaezWAjpCjf+Sjc3ZtU+qUEi",
            "550e8400-e29b-41d4-a716-446655440000",
            "hK3vQ9xZ2pLm8Rt5Wn1c",
            "k3j9x2m5q8w1z7p4v6b0",
            "/tmp/f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0/x",
        ] {
            assert!(!ranges(value).is_empty(), "{value}");
        }
        for value in [
            "registry.librechat.ai/librechat-ai/librechat-dev-api:latest",
            "pgvector/pgvector:0.8.0-pg15-trixie",
            "nginx@sha256:f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0",
            "Meta-Llama-3-8B-Instruct-Q4_K_M.gguf",
            "claude-3-7-sonnet-20250219-v1,gpt-4o-mini-2024-07-18",
            "2026-11-30T03:59:43.123456789Z",
            "/tmp/.tmpAbC9dX/state/stacks/refit-it-5e3f2a-9b99a1c0de11/edited/3",
            "/var/lib/refit/stacks/my-librechat-2b99a1c0de11/runs/7",
            "at commit 055585f9f1f4055585f9f1f4055585f9f1f40555",
            "site-packages/open_webui/internal/migrations/0bd252b206fb_add_table.py",
            "LibreChatOpenWebUiServerAndSoOn",
            "LDAP_TLS_CIPHERS=SECURE256:SECURE128:!AES-128-CBC",
            "Attempted to connect on 10.0.0.1:27017, 100000000000000000001 times",
        ] {
            assert!(ranges(value).is_empty(), "{value}");
        }
    }
}
