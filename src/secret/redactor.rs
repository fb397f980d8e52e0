//! Hiding in text what is known to be secret.

use zeroize::Zeroizing;

use super::by_name::{is_secret_key, is_switch};
use super::url_password::{HIDDEN, password_in_url, redact_urls};

/// Hides in text what is known to be secret: values of secret keys and passwords in URLs.
#[derive(Clone, Default)]
pub struct Redactor {
    values: Vec<Zeroizing<String>>,
}

/// Shorter values (`1`, `no`) occur in any text; hiding them would destroy it and tell nothing.
const SHORTEST: usize = 4;

impl Redactor {
    /// Learns a pair; values of secret keys and passwords inside URLs are hidden from now on.
    pub fn learn(&mut self, key: &str, value: &str) {
        if is_secret_key(key) && !is_switch(value) {
            self.hide(value);
        }
        if let Some(password) = password_in_url(value) {
            self.hide(password);
        }
    }

    /// Hides this value from now on, whatever its key.
    pub fn hide(&mut self, value: &str) {
        for line in value.lines().map(str::trim) {
            if line.len() >= SHORTEST && !self.values.iter().any(|known| known.as_str() == line) {
                self.values.push(Zeroizing::new(line.to_owned()));
            }
        }
    }

    /// The text with all known secrets, and every password in a URL, replaced by `•••`.
    pub fn redact(&self, text: &str) -> String {
        let mut out = text.to_owned();
        // Longest first: a secret may contain another one.
        let mut values: Vec<&str> = self.values.iter().map(|v| v.as_str()).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        for value in values {
            if out.contains(value) {
                out = out.replace(value, HIDDEN);
            }
        }
        redact_urls(&out)
    }
}

impl Redactor {
    /// The same for a person: without what draws on a terminal, and not longer than anybody reads.
    pub fn told(&self, text: &str) -> String {
        crate::text::told(&self.whole(text))
    }

    /// The same of what is to be typed again, and has to be whole for that.
    pub fn whole(&self, text: &str) -> String {
        self.redact(&crate::text::printable(text))
    }
}
