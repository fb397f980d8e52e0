//! What no secret looks like: a switch, a number, a path, the address of a page. Pure.

use super::nothing::says_nothing;
use super::shape::holds_secret;

/// A file or folder, as programs are told where they find a key.
pub(super) fn is_path(value: &str) -> bool {
    let starts = ["/", "./", "../", "~/"]
        .iter()
        .any(|start| value.starts_with(start));
    let segments: Vec<&str> = value.split('/').filter(|part| !part.is_empty()).collect();
    let named = |part: &&str| {
        part.chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let is_deep = segments.len() > 1 || value.contains('.');
    starts && is_deep && segments.iter().all(named) && !holds_secret(value)
}

/// Words that say how somebody signs in, or where that is remembered.
const METHODS: [&str; 40] = [
    "always",
    "anonymous",
    "auto",
    "basic",
    "bearer",
    "bind",
    "builtin",
    "cookie",
    "database",
    "default",
    "digest",
    "disabled",
    "enabled",
    "external",
    "file",
    "form",
    "forward",
    "header",
    "internal",
    "kerberos",
    "lax",
    "ldap",
    "local",
    "login",
    "memory",
    "never",
    "ntlm",
    "oauth",
    "oauth2",
    "oidc",
    "optional",
    "plain",
    "proxy",
    "redis",
    "required",
    "saml",
    "simple",
    "strict",
    "token",
    "jwt",
];

/// Whether a value is plainly no secret.
pub(super) fn is_ordinary(value: &str) -> bool {
    let value = value.trim();
    let parts = || value.split([',', ' ', ';']).filter(|part| !part.is_empty());
    says_nothing(value) || !holds_secret(value) && parts().all(is_ordinary_part)
}

fn is_ordinary_part(value: &str) -> bool {
    let is_method = METHODS.iter().any(|one| value.eq_ignore_ascii_case(one));
    is_method || is_path(value) || is_quantity(value) || is_address(value)
}

/// A number, a size, a duration: `30`, `7d`, `1.5GB`, `10.0.0.0/8`.
fn is_quantity(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    let shaped = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ".:+-/*%".contains(c));
    let starts = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    shaped && starts && digits > 0 && digits <= 15 && letters <= 2 && !value.contains("//")
}

/// A page without a login in its address, a host, or an origin.
fn is_address(value: &str) -> bool {
    if let Some((scheme, rest)) = value.split_once("://") {
        let is_scheme = !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        return is_scheme && !rest.is_empty() && !rest.contains('@');
    }
    let host = value.trim_start_matches("*.").trim_start_matches('.');
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    let labelled = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    host == "localhost"
        || host.contains('.') && host.split('.').all(labelled)
        || value.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_values_are_known() {
        for value in [
            "3080",
            "7d",
            "true",
            "",
            "https://n8n.example.com/",
            "/etc/ssl/tls.key",
            "localhost",
            "basic",
            "10.0.0.0/8",
            ".example.com",
            "domain1.com,domain2.com",
            "${KEY}",
            "$KEY",
            "::1",
            "1000",
        ] {
            assert!(is_ordinary(value), "{value}");
        }
        for value in [
            "hunter2",
            "u:p",
            "https://u:p@h/",
            "s3cr3t",
            "${KEY:-secret}",
            "/hunter2",
            "$2y$05$abc",
            "https://discord.com/api/webhooks/1/abcdefgh",
            "correct horse",
        ] {
            assert!(!is_ordinary(value), "{value}");
        }
    }
}
