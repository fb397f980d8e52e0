//! Random values from the system.

use anyhow::Context as _;

/// So many random bytes.
///
/// # Errors
/// The system gives none.
pub fn bytes(size: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while filled < size {
        let flags = rustix::rand::GetRandomFlags::empty();
        filled += rustix::rand::getrandom(&mut bytes[filled..], flags)
            .context("the system gives no random numbers")?;
    }
    Ok(bytes)
}

/// So many random letters and digits.
///
/// # Errors
/// As [`bytes`].
pub fn alnum(size: usize) -> anyhow::Result<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(size);
    while text.len() < size {
        // Bytes from 248 on would make the first letters likelier.
        for byte in bytes(size)?.into_iter().filter(|byte| *byte < 248) {
            if text.len() < size {
                text.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            }
        }
    }
    Ok(text)
}
