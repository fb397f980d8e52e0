//! The words of a name: `accessToken`, `ACCESS_TOKEN` and `access-token` have the same two. Pure.

/// The words of a name in small letters, without the digits at their ends.
pub(super) fn words_of(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    for part in name.split(|c: char| !c.is_ascii_alphanumeric()) {
        words.extend(humps(part).map(|word| {
            word.trim_end_matches(|c: char| c.is_ascii_digit())
                .to_ascii_lowercase()
        }));
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The parts of `camelCase`, `APIKey`, `OAuth`: a word begins at a capital after a small letter or a
/// digit, and at the last capital of several before a small letter.
fn humps(part: &str) -> impl Iterator<Item = &str> {
    let bytes = part.as_bytes();
    let begins = |at: usize| {
        let is_upper = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_uppercase);
        let is_lower = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_lowercase);
        let hump = is_upper(at) && (!is_upper(at - 1) || is_lower(at + 1));
        // A single capital in front belongs to its word: `OAuth`.
        hump && at > 1
    };
    let mut starts: Vec<usize> = (1..bytes.len()).filter(|&at| begins(at)).collect();
    starts.insert(0, 0);
    starts.push(bytes.len());
    let ranges: Vec<(usize, usize)> = starts.windows(2).map(|pair| (pair[0], pair[1])).collect();
    ranges
        .into_iter()
        .filter_map(|(from, to)| part.get(from..to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_spelling() {
        for (name, words) in [
            ("accessToken", "access token"),
            ("ACCESS_TOKEN", "access token"),
            ("access-token1", "access token"),
            ("APIKey", "api key"),
            ("spring.datasource.password", "spring datasource password"),
            ("JWTSecret", "jwt secret"),
            ("OAuthToken", "oauth token"),
            ("sha256Key", "sha key"),
            ("", ""),
        ] {
            assert_eq!(words_of(name).join(" "), words, "{name}");
        }
    }
}
