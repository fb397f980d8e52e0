//! The variables that a text of a compose file or an env file refers to. Pure.

/// The variables that a text refers to: `$NAME`, `${NAME…}`, nested defaults included; `$$` is a
/// literal dollar.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            rest = after;
            continue;
        }
        rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if end > 0 && !rest.starts_with(|c: char| c.is_ascii_digit()) {
            names.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_a_text() {
        assert_eq!(
            variables("$A-${B:-${C}} $$D ${E?x} 5$ $1"),
            ["A", "B", "C", "E"]
        );
        assert!(variables("$").is_empty());
        assert!(variables("${").is_empty());
    }
}
