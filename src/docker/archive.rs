//! Files of a container by the engine's archive call, which runs nothing in the container and works on
//! one that is stopped as well. What comes is a `tar`, read as it comes.

use std::time::Duration;

use bollard::query_parameters as query;
use futures_util::StreamExt as _;

use super::EngineError;
use super::client::{Docker, failed};

/// How a `tar` is cut.
const BLOCK: usize = 512;

/// Names and attributes that do not fit into a header stand before it, and are no longer than this.
const LONGEST_NAME: u64 = 64 * 1024;

/// So much of a folder is read. It may hold libraries and data besides code, and all of it comes.
const MOST: usize = 256 * 1024 * 1024;

/// So long a folder is read.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of a folder was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// Only its beginning; it is large, or the engine slow.
    Beginning,
    /// There is no such file or folder, or a link stands in its place.
    Nothing,
}

impl Docker {
    /// Shows the files at or below a path of a container, each with its own path, that are wanted by
    /// path and size.
    ///
    /// # Errors
    /// The engine's.
    pub(crate) async fn files_at(
        &self,
        id: &str,
        path: &str,
        wants: impl Fn(&str, u64) -> bool,
        mut see: impl FnMut(&str, &[u8]),
    ) -> Result<Extent, EngineError> {
        let options = query::DownloadFromContainerOptionsBuilder::default();
        let options = options.path(path).build();
        let mut parts = self.api.download_from_container(id, Some(options));
        let (mut tar, mut bytes) = (Tar::default(), 0);
        let wants = |name: &str, size| wants(&placed(path, name), size);
        let read = async {
            while let Some(part) = parts.next().await {
                let part = match part.map_err(failed("read files of a container")) {
                    Ok(part) => part,
                    Err(error) if error.is_missing() => return Ok(Extent::Nothing),
                    Err(error) => return Err(error),
                };
                bytes += part.len();
                tar.take_in(&part);
                while let Some(file) = tar.next_file(&wants) {
                    see(&placed(path, &file.name), &file.content);
                }
                if bytes > MOST {
                    return Ok(Extent::Beginning);
                }
            }
            match tar.starts_with_a_link {
                true => Ok(Extent::Nothing),
                false => Ok(Extent::Whole),
            }
        };
        let read = tokio::time::timeout(PATIENCE, read).await;
        read.unwrap_or(Ok(Extent::Beginning))
    }
}

/// The path of a member: its name begins with the last part of the path that was asked for.
fn placed(path: &str, name: &str) -> String {
    let path = path.trim_end_matches('/');
    match name.split_once('/') {
        Some((_, below)) => format!("{path}/{below}"),
        None => path.to_owned(),
    }
}

/// A file of a `tar`.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    name: String,
    content: Vec<u8>,
}

/// A `tar` that comes in parts. What is not wanted is not kept.
#[derive(Debug, Default)]
struct Tar {
    /// What came and was not looked at yet.
    pending: Vec<u8>,
    /// So much of what comes belongs to a file that is not wanted.
    passed_over: u64,
    /// The name of the next member, where it is too long for the header.
    long_name: Option<String>,
    has_begun: bool,
    starts_with_a_link: bool,
    /// What follows is nothing that can be understood.
    has_ended: bool,
}

impl Tar {
    fn take_in(&mut self, part: &[u8]) {
        self.pending.extend_from_slice(part);
    }

    /// The next file that is wanted and has come whole.
    fn next_file(&mut self, wants: &impl Fn(&str, u64) -> bool) -> Option<Member> {
        loop {
            let pending = u64::try_from(self.pending.len()).unwrap_or(u64::MAX);
            let passed = self.passed_over.min(pending);
            self.drop_first(usize::try_from(passed).unwrap_or(usize::MAX));
            self.passed_over -= passed;
            if self.passed_over > 0 || self.has_ended || self.pending.len() < BLOCK {
                return None;
            }
            let Some(header) = Header::of(&self.pending) else {
                self.has_ended = true;
                self.pending.clear();
                return None;
            };
            let name = self.long_name.clone().unwrap_or(header.name);
            let describes = matches!(header.kind, b'x' | b'L') && header.size <= LONGEST_NAME;
            let is_file = matches!(header.kind, b'0' | 0);
            if describes || is_file && wants(&name, header.size) {
                let content = self.content(header.size)?;
                match header.kind {
                    b'x' => self.long_name = path_of(&content).or(self.long_name.take()),
                    b'L' => self.long_name = Some(text(&content)),
                    _ => {
                        self.has_begun = true;
                        self.long_name = None;
                        return Some(Member { name, content });
                    }
                }
                continue;
            }
            if !matches!(header.kind, b'g' | b'x' | b'L') {
                self.starts_with_a_link |= !self.has_begun && header.kind == b'2';
                self.has_begun = true;
                self.long_name = None;
            }
            self.drop_first(BLOCK);
            self.passed_over = header.size.next_multiple_of(512);
        }
    }

    /// The content behind the header, once all of it is there; then both are done with.
    fn content(&mut self, size: u64) -> Option<Vec<u8>> {
        let size = usize::try_from(size).ok()?;
        let end = BLOCK.checked_add(size.checked_next_multiple_of(BLOCK)?)?;
        let content = self.pending.get(..end)?.get(BLOCK..BLOCK + size)?.to_vec();
        self.drop_first(end);
        Some(content)
    }

    fn drop_first(&mut self, count: usize) {
        self.pending.drain(..count.min(self.pending.len()));
    }
}

struct Header {
    name: String,
    size: u64,
    kind: u8,
}

impl Header {
    fn of(block: &[u8]) -> Option<Self> {
        let size = std::str::from_utf8(block.get(124..135)?).ok()?;
        let size = u64::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
        let mut name = text(block.get(..100)?);
        let prefix = text(block.get(345..500)?);
        if block.get(257..263)? == b"ustar\0" && !prefix.is_empty() {
            name = format!("{prefix}/{name}");
        }
        Some(Self {
            name,
            size,
            kind: *block.get(156)?,
        })
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]).into_owned()
}

/// `LENGTH path=NAME`, one of the lines that describe what follows.
fn path_of(description: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(description);
    let mut lines = text.lines();
    lines.find_map(|line| Some(line.split_once(' ')?.1.strip_prefix("path=")?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[156] = kind;
        block.extend_from_slice(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    fn files(tar: &[u8], part: usize) -> (Vec<(String, String)>, bool) {
        let (mut read, mut found) = (Tar::default(), Vec::new());
        for part in tar.chunks(part) {
            read.take_in(part);
            while let Some(file) = read.next_file(&|name, _| !name.contains("large")) {
                let content = String::from_utf8(file.content).unwrap();
                found.push((placed("/srv/app", &file.name), content));
            }
        }
        (found, read.starts_with_a_link)
    }

    #[test]
    fn files_are_taken_out_however_the_parts_are_cut() {
        let long = "app/".to_owned() + &"long/".repeat(40) + "a.js";
        let tar = [
            entry("app/", b'5', b""),
            entry("app/run.sh", b'0', b"echo $A\n"),
            entry("app/large.bin", b'0', &[7; 3000]),
            entry("app/link", b'2', b""),
            entry(
                "x",
                b'x',
                format!("999 path={long}\n12 mtime=1\n").as_bytes(),
            ),
            entry("app/cut", b'0', b"long"),
            entry("x", b'L', format!("{long}\0").as_bytes()),
            entry("app/cut", b'0', b"older"),
            entry("app/empty", 0, b""),
            vec![0; 1024],
            b"what follows the end".to_vec(),
        ]
        .concat();
        let below = |name: &str| format!("/srv/{name}");
        let wanted = [
            (below("app/run.sh"), "echo $A\n".to_owned()),
            (below(&long), "long".to_owned()),
            (below(&long), "older".to_owned()),
            (below("app/empty"), String::new()),
        ];
        for part in [1, 100, 512, 1000, usize::MAX] {
            assert_eq!(files(&tar, part), (wanted.to_vec(), false), "{part}");
        }
        // A file by itself, one that does not come to its end, and a link in place of a folder.
        let alone = entry("app", b'0', b"x");
        assert_eq!(files(&alone, 99).0, [("/srv/app".into(), "x".into())]);
        assert_eq!(files(&alone[..700], 99).0, []);
        assert_eq!(files(&entry("app", b'2', b""), 99), (Vec::new(), true));
        assert_eq!(files(b"no tar at all", 5), (Vec::new(), false));
    }
}
