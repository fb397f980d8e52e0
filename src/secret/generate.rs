//! Random values for secrets, from the system's generator.

use anyhow::Context as _;
use base64::Engine as _;

use super::Secret;

/// A value to be made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Generate {
    /// So many bytes as hexadecimal digits.
    Hex(usize),
    /// So many bytes as base64.
    Base64(usize),
    /// So many letters and digits.
    Alnum(usize),
}

/// Long enough for any key, short enough to be no mistake.
const LARGEST: usize = 4096;

impl std::str::FromStr for Generate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not of the form hex:32, base64:32 or alnum:32");
        let (kind, size) = text.split_once(':').ok_or_else(wrong)?;
        let size: usize = size.parse().map_err(|_| wrong())?;
        if size == 0 || size > LARGEST {
            return Err(format!("the size must be 1 to {LARGEST}"));
        }
        match kind {
            "hex" => Ok(Self::Hex(size)),
            "base64" => Ok(Self::Base64(size)),
            "alnum" => Ok(Self::Alnum(size)),
            _ => Err(wrong()),
        }
    }
}

impl Generate {
    /// Makes one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn value(self) -> anyhow::Result<Secret> {
        Ok(Secret::new(match self {
            Self::Hex(size) => crate::hash::hex(&random(size)?),
            Self::Base64(size) => base64::engine::general_purpose::STANDARD.encode(random(size)?),
            Self::Alnum(size) => alnum(size)?,
        }))
    }
}

fn random(size: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags)
            .context("the system gives no random numbers")?;
    }
    Ok(bytes)
}

fn alnum(size: usize) -> anyhow::Result<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(size);
    while text.len() < size {
        // Bytes from 248 on would make the first letters likelier.
        for byte in random(size)?.into_iter().filter(|byte| *byte < 248) {
            if text.len() < size {
                text.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_values_have_their_form() {
        let value = |text: &str| text.parse::<Generate>().unwrap().value().unwrap();
        let hex = value("hex:32");
        assert_eq!(hex.expose().len(), 64);
        assert!(hex.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_eq!(value("base64:32").expose().len(), 44);
        assert_eq!(value("alnum:20").expose().len(), 20);
        assert_ne!(value("hex:16"), value("hex:16"));
        for bad in ["hex", "hex:0", "hex:x", "oct:3", "hex:99999"] {
            assert!(bad.parse::<Generate>().is_err(), "{bad}");
        }
    }
}
