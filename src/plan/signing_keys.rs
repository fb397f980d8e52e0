//! Which keys sign or encrypt what an application stores, as far as their names tell. Pure.

/// Names that say it only as a whole: Directus, Laravel, Auth.js, Outline.
const WHOLE: [&str; 6] = [
    "SECRET",
    "APP_KEY",
    "APP_SECRET",
    "AUTH_SECRET",
    "NEXTAUTH_SECRET",
    "UTILS_SECRET",
];

/// What such a key is for, and what it is then called at the end.
const PURPOSES: [(&str, &[&str]); 18] = [
    ("ENCRYPTION", &["KEY", "SECRET", "SALT", "PASSWORD"]),
    ("ENCRYPT", &["KEY", "SECRET", "SALT", "PASSWORD"]),
    ("FERNET", &["KEY", "KEYS"]),
    ("SIGNING", &["KEY", "SECRET"]),
    ("JWT", &["KEY", "SECRET"]),
    ("CREDS", &["KEY", "IV"]),
    ("CREDENTIAL", &["KEY"]),
    ("CREDENTIALS", &["KEY"]),
    ("COOKIE", &["SECRET"]),
    ("SESSION", &["SECRET"]),
    ("MASTER", &["KEY"]),
    ("VAULT", &["KEY"]),
    ("SEAL", &["KEY"]),
    ("KMS", &["KEY"]),
    ("VAPID", &["KEY"]),
    ("OTP", &["KEY", "SECRET"]),
    ("TOTP", &["KEY", "SECRET"]),
    ("SALT", &["KEY", "SALT"]),
];

/// Whose secret key opens an account elsewhere, and signs nothing here.
const ELSEWHERE: [&str; 13] = [
    "AWS",
    "S3",
    "R2",
    "MINIO",
    "STRIPE",
    "CAPTCHA",
    "RECAPTCHA",
    "HCAPTCHA",
    "TURNSTILE",
    "OAUTH",
    "OAUTH2",
    "LANGFUSE",
    "STORAGE",
];

/// Whether a key is one, whatever the application calls itself in front of it: `DJANGO_SECRET_KEY`,
/// `AIRFLOW__CORE__FERNET_KEY`.
pub(super) fn signs_or_encrypts(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    let words: Vec<&str> = key.split('_').filter(|word| !word.is_empty()).collect();
    let purpose = |(purpose, ends): &(&str, &[&str])| {
        words.contains(purpose) && words.last().is_some_and(|last| ends.contains(last))
    };
    let is_secret_key = matches!(
        words.as_slice(),
        [.., "SECRET", "KEY"] | [.., "SECRET", "KEY", "BASE" | "FALLBACKS"]
    );
    let is_elsewhere = words.iter().any(|word| ELSEWHERE.contains(word));
    WHOLE.contains(&key.as_str()) || PURPOSES.iter().any(purpose) || is_secret_key && !is_elsewhere
}

#[cfg(test)]
mod tests {
    use super::signs_or_encrypts;

    #[test]
    fn by_their_names() {
        for key in [
            "ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT",
            "ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY",
            "AIRFLOW__CORE__FERNET_KEY",
            "COOKIE_SECRET",
            "CREDS_IV",
            "DJANGO_SECRET_KEY",
            "FERNET_KEY",
            "GF_SECURITY_SECRET_KEY",
            "GITEA__security__SECRET_KEY",
            "HASH_SALT",
            "JWT_REFRESH_SECRET",
            "LITELLM_SALT_KEY",
            "MEILI_MASTER_KEY",
            "MINIO_KMS_SECRET_KEY",
            "N8N_ENCRYPTION_KEY",
            "PLAUSIBLE_SECRET_KEY_BASE",
            "RAILS_MASTER_KEY",
            "SECRET",
            "SECRET_KEY",
            "SECRET_KEY_BASE",
            "SESSION_SECRET",
            "TOTP_VAULT_KEY",
            "VAPID_PRIVATE_KEY",
            "WEBUI_SECRET_KEY",
        ] {
            assert!(signs_or_encrypts(key), "{key}");
        }
        for key in [
            "AWS_SECRET_KEY",
            "JWT_EXPIRES_IN",
            "JWT_ISSUER",
            "JWT_SECRET_EXPIRATION",
            "OPENAI_API_KEY",
            "PRIMARY_KEY",
            "SESSION_EXPIRY",
            "STRIPE_SECRET_KEY",
            "TURNSTILE_SECRET_KEY",
            "VAULT_ADDR",
        ] {
            assert!(!signs_or_encrypts(key), "{key}");
        }
    }
}
