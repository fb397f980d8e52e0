//! "Did you mean": what a word was probably meant to be, when nobody knows it. Advice only: nothing is
//! decided by it. Pure.

/// The known word that is a slip of the finger away.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).clamp(1, 2);
    known
        .into_iter()
        .map(|other| (strsim::damerau_levenshtein(word, other), other))
        .filter(|(distance, _)| (1..=allowed).contains(distance))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

/// The known key that was probably meant: one in other letters of case or separators, else the nearest.
pub(crate) fn meant<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().collect();
    slip_of(key, known.iter().copied()).or_else(|| nearest(key, known))
}

/// The known key that a new one is a slip of the hand away from: one letter, or case and separators
/// alone. Stricter than advice, for something is refused by it: digits that differ are meant so
/// (`WORKER_1` and `WORKER_2`), and so are short words (`A_HOST` and `B_HOST`).
pub(crate) fn slip_of<'a>(key: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let slips = known.into_iter().filter(|other| *other != key);
    let (mut same_letters, mut one_letter) = (None, None);
    for other in slips {
        if plain(key) == plain(other) {
            same_letters.get_or_insert(other);
        } else if is_one_letter_away(key, other) {
            one_letter.get_or_insert(other);
        }
    }
    // Programs read `http_proxy` and `HTTP_PROXY`.
    let is_proxy = key.to_ascii_lowercase().ends_with("_proxy");
    same_letters.filter(|_| !is_proxy).or(one_letter)
}

const SEPARATORS: [char; 3] = ['_', '-', '.'];

fn plain(key: &str) -> String {
    key.replace(SEPARATORS, "").to_lowercase()
}

/// Whether two words are the same but for a letter that is missing, too many, another one, or in the
/// place of its neighbour.
fn is_one_letter_away(key: &str, other: &str) -> bool {
    if strsim::osa_distance(key, other) != 1 {
        return false;
    }
    let words = |text: &'_ str| {
        text.split(SEPARATORS)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (words, others) = (words(key), words(other));
    let mut differ = words.iter().zip(&others).filter(|(one, two)| one != two);
    let Some((one, two)) = differ.next().filter(|_| words.len() == others.len()) else {
        return false;
    };
    let secure = |plain: &str, secure: &str| {
        PROTOCOLS.contains(&plain.to_ascii_uppercase().as_str())
            && secure.eq_ignore_ascii_case(&format!("{plain}s"))
    };
    if secure(one, two) || secure(two, one) {
        return false;
    }
    let same = |pairs: &mut dyn Iterator<Item = (char, char)>| {
        pairs.take_while(|(one, two)| one == two).count()
    };
    let (letters, theirs): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    let pairs = || letters.iter().copied().zip(theirs.iter().copied());
    let head = same(&mut pairs());
    let from_end = letters
        .iter()
        .rev()
        .copied()
        .zip(theirs.iter().rev().copied());
    let shorter = letters.len().min(theirs.len());
    let tail = same(&mut from_end.clone()).min(shorter - head);
    let changed = letters[head..letters.len() - tail].iter();
    let changed: Vec<&char> = changed.chain(&theirs[head..theirs.len() - tail]).collect();
    let is_another_letter = letters.len() == theirs.len() && changed.len() == 2;
    let length = letters.len().max(theirs.len());
    // Words of four letters are often one letter apart: MODE, NODE, MORE.
    !changed.iter().all(|c| c.is_ascii_digit()) && length >= 4 + usize::from(is_another_letter)
}

/// Each has a secure kin with an S behind its name.
const PROTOCOLS: [&str; 9] = [
    "HTTP", "FTP", "SMTP", "IMAP", "LDAP", "AMQP", "MQTT", "REDIS", "WS",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand() {
        for (key, known) in [
            ("MAX_BOOK", "MAX_BOOKS"),
            ("MAX_BOOKSS", "MAX_BOOKS"),
            ("SITE_TITEL", "SITE_TITLE"),
            ("SITE_TITLA", "SITE_TITLE"),
            ("SITE-TITLE", "SITE_TITLE"),
            ("SITETITLE", "SITE_TITLE"),
            ("site_title", "SITE_TITLE"),
            ("site-title", "SITE_TITLE"),
            ("PROT", "PORT"),
            ("PORTT", "PORT"),
            ("SESION_EXPIRY", "SESSION_EXPIRY"),
        ] {
            assert_eq!(slip_of(key, ["OTHER", known]), Some(known), "{key}");
        }
    }

    #[test]
    fn other_keys() {
        for (key, known) in [
            ("B", "A"),
            ("NEW", "NEXT"),
            ("WORKER_2", "WORKER_1"),
            ("DB_HOST", "MB_HOST"),
            ("NODE", "MODE"),
            ("MORE", "MODE"),
            ("HTTPS_PORT", "HTTP_PORT"),
            ("http_proxy", "HTTP_PROXY"),
            ("S3_KEY", "S_KEY"),
            ("POSTGRES_USER", "POSTGRES_DB"),
            ("SITE_TITLE", "SITE_TITLE"),
            ("SIDE_TITEL", "SITE_TITLE"),
        ] {
            assert_eq!(slip_of(key, [known]), None, "{key}");
        }
    }
}
