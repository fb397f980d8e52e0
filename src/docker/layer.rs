//! The container's own layer: what was written in it outside of its volumes, and one file of it.

use bollard::models::ChangeType;
use bollard::query_parameters as query;
use futures_util::StreamExt as _;

use super::EngineError;
use super::client::{Docker, failed};

/// So much of a file is read: one that holds a key is small.
const LARGEST: usize = 64 * 1024;

/// How a `tar` is cut.
const BLOCK: usize = 512;

impl Docker {
    /// The paths that a container has added or changed in its own layer, which a recreate discards.
    ///
    /// # Errors
    /// The engine's.
    pub async fn written_in(&self, id: &str) -> Result<Vec<String>, EngineError> {
        let look = "list what a container has written";
        let changes = self.api.container_changes(id).await.map_err(failed(look))?;
        let changes = changes.unwrap_or_default().into_iter();
        let kept = changes.filter(|change| change.kind != ChangeType::_2);
        Ok(kept.map(|change| change.path).collect())
    }

    /// A small file of a container, whether it runs or not; `None`: there is none, or it is no file.
    ///
    /// # Errors
    /// The engine's.
    pub async fn file_in(&self, id: &str, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let options = query::DownloadFromContainerOptionsBuilder::default();
        let options = options.path(path).build();
        let mut parts = self.api.download_from_container(id, Some(options));
        let mut tar = Vec::new();
        while let Some(part) = parts.next().await {
            match part.map_err(failed("read a file of a container")) {
                Ok(part) => tar.extend_from_slice(&part),
                Err(error) if error.is_missing() => return Ok(None),
                Err(error) => return Err(error),
            }
            if tar.len() > LARGEST {
                break;
            }
        }
        Ok(first_file(&tar).map(<[u8]>::to_owned))
    }
}

/// The content of the first file of a `tar`; what describes it in longer words stands before it.
fn first_file(tar: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        let header = tar.get(at..at + BLOCK)?;
        let size = std::str::from_utf8(header.get(124..135)?).ok()?;
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
        let content = at + BLOCK;
        match header.get(156)? {
            b'0' | 0 => return tar.get(content..content.checked_add(size)?),
            b'x' | b'g' | b'L' => at = content.checked_add(size.next_multiple_of(BLOCK))?,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_out_of_its_tar() {
        let entry = |kind: u8, content: &[u8]| {
            let mut block = vec![0; BLOCK];
            block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
            block[156] = kind;
            block.extend_from_slice(content);
            block.resize(block.len().next_multiple_of(BLOCK), 0);
            block
        };
        let described = [entry(b'x', b"12 mtime=1\n"), entry(b'0', b"secret\n")].concat();
        assert_eq!(first_file(&described), Some(&b"secret\n"[..]));
        assert_eq!(first_file(&entry(b'5', b"")), None);
        assert_eq!(first_file(&described[..700]), None);
        assert_eq!(first_file(b""), None);
    }
}
