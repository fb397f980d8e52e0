//! What an image is built from, as a digest: whether a build now would start from the same files.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::build::{ignored_in, is_copied, is_ignored};
use crate::hash::hex;

/// Of more bytes than these nobody waits for the digest.
const MOST_BYTES: u64 = 64 << 20;

/// Nor of more files.
const MOST_FILES: usize = 20_000;

/// The digest of a build's definition and of all files of its context that may get into the image;
/// `None` where that is not known: another place than a folder of this machine takes part, a file cannot be
/// read, or there is too much of it. `context` is where its files lie, which may be a copy.
pub(crate) fn digest(build: &Value, context: &Path) -> Option<String> {
    if build.get("additional_contexts").is_some() || !context.is_absolute() {
        return None;
    }
    let name = build.get("dockerfile").and_then(Value::as_str);
    let dockerfile = match build.get("dockerfile_inline").and_then(Value::as_str) {
        Some(inline) => inline.to_owned(),
        None => fs::read_to_string(context.join(name.unwrap_or("Dockerfile"))).ok()?,
    };
    let mut definition = build.clone();
    definition.as_object_mut()?.remove("context");
    let mut found = Files {
        context,
        ignore: ignored_in(build, context),
        dockerfile: &dockerfile,
        names: Vec::new(),
        bytes: 0,
    };
    found.walk(Path::new("")).ok()??;
    found.names.sort();
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(definition.to_string().as_bytes());
    add(dockerfile.as_bytes());
    for name in &found.names {
        let path = context.join(name);
        let kind = fs::symlink_metadata(&path).ok()?;
        let text = match kind.is_symlink() {
            true => fs::read_link(&path)
                .ok()?
                .into_os_string()
                .into_encoded_bytes(),
            false => fs::read(&path).ok()?,
        };
        add(name.as_os_str().as_encoded_bytes());
        add(&[u8::from(kind.permissions().mode() & 0o100 != 0)]);
        add(&text);
    }
    Some(hex(&hash.finalize()))
}

/// The files of a context that may get into an image.
struct Files<'a> {
    context: &'a Path,
    ignore: String,
    dockerfile: &'a str,
    names: Vec<PathBuf>,
    bytes: u64,
}

impl Files<'_> {
    /// Everything below a folder; `None`: it is too much.
    fn walk(&mut self, inside: &Path) -> io::Result<Option<()>> {
        for entry in fs::read_dir(self.context.join(inside))? {
            let entry = entry?;
            let name = inside.join(entry.file_name());
            // Commits come and go without another file.
            if name == Path::new(".git") {
                continue;
            }
            let kind = entry.metadata()?;
            if kind.is_dir() {
                let may_hold = self.ignore.contains('!') || !is_ignored(&self.ignore, &name);
                if may_hold && self.walk(&name)?.is_none() {
                    return Ok(None);
                }
                continue;
            }
            if is_ignored(&self.ignore, &name) || !is_copied(self.dockerfile, &name) {
                continue;
            }
            self.bytes += kind.len();
            self.names.push(name);
            if self.bytes > MOST_BYTES || self.names.len() > MOST_FILES {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_gets_into_the_image_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("Dockerfile", "FROM a\nCOPY src /src\n");
        put(".dockerignore", "src/log\n");
        put("src/a", "1");
        let build = json!({"context": folder.path(), "args": {"A": "1"}});
        let now = || digest(&build, folder.path()).unwrap();
        let first = now();
        put("src/log/x", "1");
        put("data/x", "1");
        put(".git/HEAD", "1");
        assert_eq!(now(), first);
        put("src/a", "2");
        let second = now();
        assert_ne!(second, first);
        put("src/b", "");
        assert_ne!(now(), second);
        put("src/a", "1");
        fs::remove_file(folder.path().join("src/b")).unwrap();
        assert_eq!(now(), first);
        let other = json!({"context": folder.path(), "args": {"A": "2"}});
        assert_ne!(digest(&other, folder.path()).unwrap(), first);
        let remote = json!({"context": "https://git/x"});
        assert_eq!(digest(&remote, Path::new("https://git/x")), None);
    }
}
