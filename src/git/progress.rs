//! The progress that git prints on standard error, read back. Pure.

/// A line such as `Receiving objects:  45% (9/20), 1.20 MiB | 2.00 MiB/s`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GitProgress {
    /// What git does, in its words: `Receiving objects`.
    pub what: String,
    /// How many are done.
    pub done: u64,
    /// Of how many; `None` where git only counts.
    pub total: Option<u64>,
    /// Bytes so far, where git prints them.
    pub bytes: Option<u64>,
}

/// Reads one state of a progress line; `None` for any other line.
pub(super) fn parse(line: &str) -> Option<GitProgress> {
    let line = line.trim();
    let line = line.strip_prefix("remote: ").unwrap_or(line);
    let (what, rest) = line.split_once(": ")?;
    let worded = what.starts_with(|c: char| c.is_ascii_uppercase())
        && what.chars().all(|c| c.is_ascii_alphabetic() || c == ' ');
    if !worded {
        return None;
    }
    let rest = rest.trim_start();
    let (counted, behind) = rest.split_once(',').unwrap_or((rest, ""));
    let (done, total) = match counted.split_once("% (") {
        Some((percent, counts)) => {
            percent.parse::<u8>().ok()?;
            let (done, total) = counts.split_once(')')?.0.split_once('/')?;
            (done.parse().ok()?, Some(total.parse().ok()?))
        }
        None => (counted.trim().parse().ok()?, None),
    };
    Some(GitProgress {
        what: what.to_owned(),
        done,
        total,
        bytes: behind.split('|').next().and_then(size),
    })
}

/// `1.20 MiB` in bytes.
fn size(text: &str) -> Option<u64> {
    let (number, unit) = text.trim().split_once(' ')?;
    let factor: u64 = match unit.trim_end_matches(',') {
        "bytes" | "byte" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    // In whole numbers: git prints two digits behind the point.
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let hundredths: u64 = format!("{part:0<2}").get(..2)?.parse().ok()?;
    let whole: u64 = whole.parse().ok()?;
    whole
        .checked_mul(factor)?
        .checked_add(hundredths * factor / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(what: &str, done: u64, total: Option<u64>, bytes: Option<u64>) -> Option<GitProgress> {
        Some(GitProgress {
            what: what.to_owned(),
            done,
            total,
            bytes,
        })
    }

    #[test]
    fn lines_of_a_fetch() {
        assert_eq!(
            parse("Receiving objects:  45% (9/20), 1.50 MiB | 2.00 MiB/s"),
            of("Receiving objects", 9, Some(20), Some(3 << 19))
        );
        assert_eq!(
            parse("Receiving objects: 100% (20/20), 4.12 KiB | 4.12 MiB/s, done."),
            of("Receiving objects", 20, Some(20), Some(4096 + 122))
        );
        assert_eq!(
            parse("remote: Counting objects: 100% (5/5), done.        "),
            of("Counting objects", 5, Some(5), None)
        );
        assert_eq!(
            parse("remote: Enumerating objects: 5, done."),
            of("Enumerating objects", 5, None, None)
        );
        assert_eq!(
            parse("Resolving deltas:   0% (0/7)"),
            of("Resolving deltas", 0, Some(7), None)
        );
    }

    #[test]
    fn other_lines_are_none() {
        for line in [
            "",
            "From /srv/git",
            "   1a2b..3c4d  main -> origin/main",
            "fatal: unable to access 'https://example.org/': 5",
            "Receiving objects: x% (1/2)",
            "remote: Total 3 (delta 0), reused 0 (delta 0), pack-reused 0",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fall_over(line in "\\PC*") {
            let _ = parse(&line);
        }

        #[test]
        fn what_is_counted_comes_back(done in 0u64..1 << 40, total in 1u64..1 << 40) {
            let line = format!("Receiving objects:  {}% ({done}/{total})", done % 101);
            let read = parse(&line).unwrap();
            prop_assert_eq!((read.done, read.total), (done, Some(total)));
        }
    }
}
