//! Samples as applications ship them, and merging as a property.

use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

const OLD: &str = "\
#=== Server ===#

# Where it listens
HOST=localhost
PORT=3080
GONE=1
#DEBUG=false
JWT_SECRET=16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef
OPENAI_API_KEY=user_provided
";

const NEW: &str = "\
#=== Server ===#

# Where it listens
HOST=0.0.0.0
PORT=3080
#DEBUG=false
# Say more
# VERBOSE=true
JWT_SECRET=16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef
OPENAI_API_KEY=user_provided

# The admin panel
#==============#
# needs its own secret
ADMIN_SECRET=changeme
GREETING=\"hello
world\"
DOMAIN=
";

const OWN: &str = "HOST=localhost\nGONE=2\nMINE=1\nOPENAI_API_KEY=user_provided\nJWT_SECRET=16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef\n";

fn of(old: &str, new: &str, own: &str) -> SampleChanges {
    let (old, new) = (Some(old.as_bytes()), Some(new.as_bytes()));
    news(".env.example", old, new, own.as_bytes()).unwrap()
}

fn names<T>(list: &[T], name: impl Fn(&T) -> &String) -> Vec<&str> {
    list.iter().map(|one| name(one).as_str()).collect()
}

#[test]
fn what_a_sample_brings() {
    let news = of(OLD, NEW, OWN);
    assert_eq!(
        names(&news.added, |key| &key.key),
        ["ADMIN_SECRET", "GREETING", "DOMAIN"]
    );
    let admin = &news.added[0];
    assert_eq!(
        admin.comment,
        ["# The admin panel", "# needs its own secret"]
    );
    assert!(admin.is_published_secret);
    assert_eq!(news.added[1].text, "GREETING=\"hello\nworld\"");
    assert_eq!(news.added[1].default, "hello\nworld");
    assert_eq!(names(&news.options, |option| &option.key), ["VERBOSE"]);
    assert_eq!(news.options[0].comment, ["# Say more"]);
    assert_eq!(news.options[0].example, "true");
    assert_eq!(news.removed, ["GONE"]);
    assert_eq!(news.published, ["JWT_SECRET"]);
    assert_eq!(news.required, ["DOMAIN"]);
    let host = ChangedDefault {
        key: "HOST".into(),
        before: "localhost".into(),
        after: "0.0.0.0".into(),
        own: Own::Old,
    };
    assert_eq!(news.changed, [host]);
    assert!(of(NEW, NEW, "DOMAIN=x\n").is_empty());
}

#[test]
fn a_version_without_a_sample_removes_nothing() {
    let news = news(".env.example", Some(OLD.as_bytes()), None, OWN.as_bytes()).unwrap();
    assert!(news.removed.is_empty() && news.added.is_empty());
}

#[test]
fn new_keys_go_behind_the_file() {
    let news = of(OLD, NEW, OWN);
    let merged = merge(OWN.as_bytes(), &news, None).unwrap();
    let text = String::from_utf8(merged.bytes).unwrap();
    let tail = "\n# New in .env.example\n\n# The admin panel\n# needs its own secret\nADMIN_SECRET=changeme\nGREETING=\"hello\nworld\"\nDOMAIN=\n";
    assert_eq!(text, format!("{OWN}{tail}"));
    assert_eq!(merged.added, ["ADMIN_SECRET", "GREETING", "DOMAIN"]);
    let again = merge(text.as_bytes(), &news, None).unwrap();
    assert_eq!(again.bytes, text.as_bytes(), "again is no harm");
}

#[test]
fn published_secrets_are_made_anew_on_request() {
    let news = of(OLD, NEW, OWN);
    let mut shapes = Vec::new();
    let mut generate = |shape| {
        shapes.push(shape);
        Ok(Secret::new("fresh".into()))
    };
    let merged = merge(OWN.as_bytes(), &news, Some(&mut generate)).unwrap();
    assert_eq!(merged.generated, ["ADMIN_SECRET"]);
    let text = String::from_utf8(merged.bytes).unwrap();
    assert!(
        text.starts_with(OWN) && text.contains("\nADMIN_SECRET=fresh\n"),
        "{text}"
    );
    assert_eq!(shapes, [SecretShape::Alnum(32)]);
    assert_eq!(
        SecretShape::of("e2341419ec3dd3d19b13a1a87fafcbfb"),
        SecretShape::Hex(32)
    );
    assert_eq!(
        SecretShape::of("dGhlIHF1aWNrIGJyb3duIGY="),
        SecretShape::Base64(24)
    );
    assert_eq!(
        SecretShape::of("DrhYf7zEyTyI9WMyJaUv"),
        SecretShape::Alnum(20)
    );
}

#[test]
fn line_ends_and_the_end_of_the_file() {
    let news = of("", "B=2\r\n", "");
    for (own, merged) in [
        ("", "# New in .env.example\nB=2\n"),
        ("A=1", "A=1\n\n# New in .env.example\nB=2\n"),
        ("A=1\r\n", "A=1\r\n\r\n# New in .env.example\r\nB=2\r\n"),
        (
            "\u{feff}A=1\r\nC=3",
            "\u{feff}A=1\r\nC=3\r\n\r\n# New in .env.example\r\nB=2\r\n",
        ),
    ] {
        let bytes = merge(own.as_bytes(), &news, None).unwrap().bytes;
        assert_eq!(String::from_utf8(bytes).unwrap(), merged);
    }
    let open = merge(b"A='1\n", &news, None).unwrap_err();
    assert_eq!(open.code().word(), "env_unreadable");
    let bare = merge(b"A", &news, None).unwrap_err();
    assert_eq!(bare.code().word(), "edit_unsafe");
}

#[test]
fn librechat_versions() {
    let say = |old: &str, new: &str, own: Option<&str>| {
        librechat_version(
            Some(old.as_bytes()),
            Some(new.as_bytes()),
            own.map(str::as_bytes),
        )
    };
    let (old, new) = ("# x\nversion: 1.2.8\n", "version: \"1.3.0\" # y\n");
    assert_eq!(
        say(old, new, Some(old)).as_deref(),
        Some("librechat.example.yaml goes from version 1.2.8 to 1.3.0; librechat.yaml has 1.2.8")
    );
    assert_eq!(
        say(new, new, Some(old)).as_deref(),
        Some("librechat.example.yaml has version 1.3.0; librechat.yaml has 1.2.8")
    );
    assert_eq!(say(new, new, Some(new)), None);
    assert_eq!(say(new, new, None), None);
}

/// Lines as people write them, and as nobody should.
fn line() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        Just("A"),
        Just("B"),
        Just("KEY"),
        Just("X_SECRET"),
        Just("export C")
    ];
    let value = prop_oneof![
        "[a-z0-9 #$'\"\\\\]{0,8}",
        Just("'two\nlines'".to_owned()),
        Just("${A:-x}".to_owned()),
        Just("\"a b\"".to_owned()),
    ];
    prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key}={value}")),
        1 => "#[ A-Z=a-z]{0,10}",
        1 => Just(String::new()),
        1 => Just("INHERITED".to_owned()),
    ]
}

fn file() -> impl Strategy<Value = String> {
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    (
        proptest::collection::vec(line(), 0..8),
        end,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(lines, end, last, bom)| {
            let text = lines.join(end);
            let bom = if bom { "\u{feff}" } else { "" };
            format!("{bom}{text}{}", if last { end } else { "" })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 100_000, ..ProptestConfig::default() })]
    #[test]
    fn merging_takes_nothing_away(old in file(), new in file(), own in file()) {
        let (o, n) = (old.as_bytes(), new.as_bytes());
        let Ok(news) = news("s", Some(o), Some(n), own.as_bytes()) else {
            // One of the three is nothing that Compose can read.
            let read = |text: &str| values(text.as_bytes()).is_ok();
            let sample = |text: &str| read(text.trim_start_matches('\u{feff}'));
            let readable = sample(&old) && sample(&new) && read(&own);
            prop_assert!(!readable);
            return Ok(());
        };
        let Ok(merged) = merge(own.as_bytes(), &news, None) else {
            // Only what would swallow the new lines is refused: a last line that has no end.
            prop_assert!(!own.ends_with('\n'), "{own:?} {news:?}");
            return Ok(());
        };
        prop_assert!(merged.bytes.starts_with(own.as_bytes()));
        let before = values(own.as_bytes()).unwrap();
        let after = values(&merged.bytes).unwrap();
        for (key, value) in &before {
            prop_assert_eq!(after.get(key), Some(value));
        }
        prop_assert_eq!(merged.added.len(), news.added.len());
        prop_assert_eq!(after.len(), before.len() + news.added.len());
        for key in &news.added {
            if !key.text.contains('$') {
                prop_assert_eq!(after.get(&key.key), Some(&Some(key.default.clone())));
            }
        }
    }
}
