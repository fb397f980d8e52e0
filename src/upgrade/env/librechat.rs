//! The version that LibreChat's configuration file bears. The application only logs a difference, but
//! it says that the format went on.

/// What to tell about `version:` of `librechat.example.yaml` before and after, and of the person's
/// `librechat.yaml`; `None` when nothing differs.
pub(crate) fn librechat_version(
    old: Option<&[u8]>,
    new: Option<&[u8]>,
    own: Option<&[u8]>,
) -> Option<String> {
    let new = version(new?)?;
    let old = old.and_then(version);
    let own = own.and_then(version);
    let moved = old.as_ref().is_some_and(|old| *old != new);
    let behind = own.as_ref().is_some_and(|own| *own != new);
    if !moved && !behind {
        return None;
    }
    let sample = match old {
        Some(old) if moved => {
            format!("librechat.example.yaml goes from version {old} to {new}")
        }
        _ => format!("librechat.example.yaml has version {new}"),
    };
    Some(match own {
        Some(own) if own != new => format!("{sample}; librechat.yaml has {own}"),
        Some(_) => format!("{sample}; librechat.yaml has it already"),
        None => sample,
    })
}

/// The value of the top-level key `version`. Read as text: `1.10` is not the number 1.1.
fn version(yaml: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(yaml);
    let value = text
        .trim_start_matches('\u{feff}')
        .lines()
        .find_map(|line| line.strip_prefix("version:"))?;
    let value = value.split(" #").next()?.trim();
    let value = value.trim_matches(['"', '\'']).trim();
    (!value.is_empty()).then(|| value.to_owned())
}
