//! `notify:` of `refit.yaml`: who is told how a run ended, and of which ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::host::files;
use crate::report::notify::{Target, Word};
use crate::secret::Secret;

/// One who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// As `name:` says, else the kind, with a number where there are several.
    pub name: String,
    /// Where to.
    pub target: Target<Text>,
    /// Of what. A heartbeat hears of every unattended run.
    pub on: BTreeSet<Word>,
}

/// What is told of where `on:` says nothing.
const DEFAULT: [Word; 3] = [Word::Failure, Word::Rollback, Word::Applied];

/// An address or secret as it is written down: a text with `${NAME}` in it, or a file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Pieces in their order.
    Pieces(Vec<Piece>),
    /// Without its last line end. Relative to the stack.
    File(PathBuf),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Plain(String),
    /// `${NAME}`.
    Variable(String),
}

impl Text {
    fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, behind) = after
                .split_once('}')
                .ok_or("a ${ without its closing brace")?;
            let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if name.is_empty() || !is_name {
                return Err(format!("{name:?} is not a variable name"));
            }
            pieces.push(Piece::Plain(before.to_owned()));
            pieces.push(Piece::Variable(name.to_owned()));
            rest = behind;
        }
        pieces.push(Piece::Plain(rest.to_owned()));
        pieces.retain(|piece| !matches!(piece, Piece::Plain(text) if text.is_empty()));
        if pieces.is_empty() {
            return Err("it is empty".to_owned());
        }
        Ok(Self::Pieces(pieces))
    }

    /// The value itself. `variable` looks a name up.
    ///
    /// # Errors
    /// A sentence on the variable that is not set, or the file that cannot be read.
    pub fn value(
        &self,
        directory: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, String> {
        let value = match self {
            Self::File(path) => {
                let bytes = files::read_if_exists(&directory.join(path));
                let bytes = bytes.map_err(|error| format!("{error:#}"))?;
                let bytes = bytes.ok_or_else(|| format!("{} does not exist", path.display()))?;
                String::from_utf8_lossy(&bytes).trim_end().to_owned()
            }
            Self::Pieces(pieces) => {
                let value = |piece: &Piece| {
                    match piece {
                    Piece::Plain(text) => Ok(text.clone()),
                    Piece::Variable(name) => variable(name).filter(|v| !v.is_empty()).ok_or_else(
                        || {
                            format!(
                                "{name} is not set, neither in the environment nor in the stack's env file"
                            )
                        },
                    ),
                }
                };
                pieces
                    .iter()
                    .map(value)
                    .collect::<Result<String, String>>()?
            }
        };
        match value.chars().any(char::is_control) {
            true => Err("a value has more than one line, or control characters".to_owned()),
            false => Ok(Secret::new(value)),
        }
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading;
        impl<'de> Visitor<'de> for Reading {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or {file: PATH}")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Text::parse(text).map_err(E::custom)
            }
            // The number of a chat.
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Text, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Text, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Long {
                    file: PathBuf,
                }
                let long = Long::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Text::File(long.file))
            }
        }
        from.deserialize_any(Reading)
    }
}

/// A text that is a URL, as far as it can be seen before its variables are known.
fn url<'de, D: Deserializer<'de>>(from: D) -> Result<Text, D::Error> {
    is_url(Text::deserialize(from)?).map_err(de::Error::custom)
}

fn api<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Text>, D::Error> {
    url(from).map(Some)
}

fn is_url(text: Text) -> Result<Text, &'static str> {
    let Text::Pieces(pieces) = &text else {
        return Ok(text);
    };
    let (Some(Piece::Plain(start)), rest) = (pieces.first(), pieces.get(1..)) else {
        return Ok(text);
    };
    let host = ["https://", "http://"]
        .iter()
        .find_map(|scheme| start.strip_prefix(scheme));
    let follows = rest.is_some_and(|rest| !rest.is_empty());
    match host {
        Some(host) if follows || host.starts_with(|c: char| c.is_alphanumeric() || c == '[') => {
            Ok(text)
        }
        _ => Err("this is not a URL that starts with http:// or https:// and names a host"),
    }
}

/// A kind's own settings: its address alone, or a mapping.
struct Settings<T>(T);

impl<'de, T: Deserialize<'de> + TryFrom<Text, Error = &'static str>> Deserialize<'de>
    for Settings<T>
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reading<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + TryFrom<Text, Error = &'static str>> Visitor<'de> for Reading<T> {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a mapping")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                let text = Text::parse(text).map_err(E::custom)?;
                T::try_from(text).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_any(Reading(PhantomData)).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    #[serde(deserialize_with = "url")]
    url: Text,
    secret: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ntfy {
    #[serde(deserialize_with = "url")]
    url: Text,
    token: Option<Text>,
}

/// Discord, Slack, a heartbeat: a URL that is all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Address {
    #[serde(deserialize_with = "url")]
    url: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Telegram {
    token: Text,
    chat: Text,
    #[serde(default, deserialize_with = "api")]
    api: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Email {
    #[serde(deserialize_with = "one_or_more")]
    to: Vec<Text>,
    from: Option<Text>,
    sendmail: Option<Text>,
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Text>, D::Error> {
    struct Reading;
    impl<'de> Visitor<'de> for Reading {
        type Value = Vec<Text>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address, or a list of them")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Text>, E> {
            Ok(vec![Text::parse(text).map_err(E::custom)?])
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Text>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                all.push(one);
            }
            match all.is_empty() {
                true => Err(de::Error::custom("a mail without an address")),
                false => Ok(all),
            }
        }
    }
    from.deserialize_any(Reading)
}

impl TryFrom<Text> for Webhook {
    type Error = &'static str;
    fn try_from(text: Text) -> Result<Self, Self::Error> {
        let (url, secret) = (is_url(text)?, None);
        Ok(Self { url, secret })
    }
}

impl TryFrom<Text> for Ntfy {
    type Error = &'static str;
    fn try_from(text: Text) -> Result<Self, Self::Error> {
        let (url, token) = (is_url(text)?, None);
        Ok(Self { url, token })
    }
}

impl TryFrom<Text> for Address {
    type Error = &'static str;
    fn try_from(text: Text) -> Result<Self, Self::Error> {
        Ok(Self { url: is_url(text)? })
    }
}

impl TryFrom<Text> for Telegram {
    type Error = &'static str;
    fn try_from(_: Text) -> Result<Self, Self::Error> {
        Err("telegram needs {token: …, chat: …}")
    }
}

impl TryFrom<Text> for Email {
    type Error = &'static str;
    fn try_from(text: Text) -> Result<Self, Self::Error> {
        let (to, from, sendmail) = (vec![text], None, None);
        Ok(Self { to, from, sendmail })
    }
}

/// An entry of the list as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<String>,
    on: Option<BTreeSet<Word>>,
    webhook: Option<Settings<Webhook>>,
    ntfy: Option<Settings<Ntfy>>,
    discord: Option<Settings<Address>>,
    slack: Option<Settings<Address>>,
    telegram: Option<Settings<Telegram>>,
    email: Option<Settings<Email>>,
    heartbeat: Option<Settings<Address>>,
}

impl Entry {
    fn targets(self) -> Vec<Target<Text>> {
        let webhook = |Settings(Webhook { url, secret })| Target::Webhook { url, secret };
        let ntfy = |Settings(Ntfy { url, token })| Target::Ntfy { url, token };
        let telegram =
            |Settings(Telegram { token, chat, api })| Target::Telegram { token, chat, api };
        let email = |Settings(Email { to, from, sendmail })| Target::Email { to, from, sendmail };
        let heartbeat = |Settings(Address { url })| Target::Heartbeat { url };
        let all = [
            self.webhook.map(webhook),
            self.ntfy.map(ntfy),
            self.discord
                .map(|Settings(Address { url })| Target::Discord { url }),
            self.slack
                .map(|Settings(Address { url })| Target::Slack { url }),
            self.telegram.map(telegram),
            self.email.map(email),
            self.heartbeat.map(heartbeat),
        ];
        all.into_iter().flatten().collect()
    }
}

/// An entry with its one kind; its name is still to be found.
struct Unnamed {
    name: Option<String>,
    target: Target<Text>,
    on: BTreeSet<Word>,
}

impl<'de> Deserialize<'de> for Unnamed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut entry = Entry::deserialize(from)?;
        let (name, on) = (entry.name.take(), entry.on.take());
        let mut targets = entry.targets();
        let (Some(target), true) = (targets.pop(), targets.is_empty()) else {
            return Err(de::Error::custom(
                "an entry of notify names one kind: webhook, ntfy, discord, slack, telegram, email \
                 or heartbeat",
            ));
        };
        if on.is_some() && matches!(target, Target::Heartbeat { .. }) {
            return Err(de::Error::custom(
                "a heartbeat hears of every unattended run; it takes no on:",
            ));
        }
        let on = on.unwrap_or_else(|| DEFAULT.into());
        Ok(Self { name, target, on })
    }
}

/// The whole list. Each gets a name by which it can be asked for.
pub(crate) fn receivers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Receiver>, D::Error> {
    let entries = Option::<Vec<Unnamed>>::deserialize(from)?.unwrap_or_default();
    let mut taken: BTreeMap<String, u32> = BTreeMap::new();
    let mut receivers: Vec<Receiver> = Vec::new();
    for Unnamed { name, target, on } in entries {
        let wanted = name.clone().unwrap_or_else(|| target.kind().to_owned());
        let count = taken.entry(wanted.clone()).or_default();
        *count += 1;
        let name = match (*count, name) {
            (1, _) => wanted,
            (count, None) => format!("{wanted}-{count}"),
            (_, Some(name)) => {
                let text = format!("two entries of notify have the name {name:?}");
                return Err(de::Error::custom(text));
            }
        };
        receivers.push(Receiver { name, target, on });
    }
    Ok(receivers)
}

#[cfg(test)]
mod tests;
