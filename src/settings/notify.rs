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
    pub target: Target<SecretText>,
    /// Of what. A heartbeat hears of every unattended run.
    pub on: BTreeSet<Word>,
}

/// What is told of where `on:` says nothing.
const DEFAULT: [Word; 3] = [Word::Failure, Word::Rollback, Word::Applied];

/// An address or secret as it is written down: a text with `${NAME}` in it, or a file that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretText {
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

impl SecretText {
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

    /// As it stands in the settings.
    pub(super) fn written(&self) -> String {
        match self {
            Self::File(path) => format!("{{file: {}}}", path.display()),
            Self::Pieces(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Plain(text) => text.clone(),
                    Piece::Variable(name) => format!("${{{name}}}"),
                })
                .collect(),
        }
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

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = SecretText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or {file: PATH}")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
                SecretText::parse(text).map_err(E::custom)
            }
            // The number of a chat.
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<SecretText, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<SecretText, E> {
                self.visit_str(&number.to_string())
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretText, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct SecretFile {
                    file: PathBuf,
                }
                let long = SecretFile::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SecretText::File(long.file))
            }
        }
        from.deserialize_any(TextVisitor)
    }
}

/// A text that is a URL, as far as it can be seen before its variables are known.
fn url<'de, D: Deserializer<'de>>(from: D) -> Result<SecretText, D::Error> {
    is_url(SecretText::deserialize(from)?).map_err(de::Error::custom)
}

fn api<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretText>, D::Error> {
    url(from).map(Some)
}

fn is_url(text: SecretText) -> Result<SecretText, &'static str> {
    let SecretText::Pieces(pieces) = &text else {
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
struct KindSettings<T>(T);

impl<'de, T: Deserialize<'de> + TryFrom<SecretText, Error = &'static str>> Deserialize<'de>
    for KindSettings<T>
{
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct SettingsVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + TryFrom<SecretText, Error = &'static str>> Visitor<'de>
            for SettingsVisitor<T>
        {
            type Value = T;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or a mapping")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                let text = SecretText::parse(text).map_err(E::custom)?;
                T::try_from(text).map_err(E::custom)
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_any(SettingsVisitor(PhantomData)).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    #[serde(deserialize_with = "url")]
    url: SecretText,
    secret: Option<SecretText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ntfy {
    #[serde(deserialize_with = "url")]
    url: SecretText,
    token: Option<SecretText>,
}

/// Discord, Slack, a heartbeat: a URL that is all.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UrlOnly {
    #[serde(deserialize_with = "url")]
    url: SecretText,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Telegram {
    token: SecretText,
    chat: SecretText,
    #[serde(default, deserialize_with = "api")]
    api: Option<SecretText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Email {
    #[serde(deserialize_with = "one_or_more")]
    to: Vec<SecretText>,
    from: Option<SecretText>,
    sendmail: Option<SecretText>,
}

fn one_or_more<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SecretText>, D::Error> {
    struct ListVisitor;
    impl<'de> Visitor<'de> for ListVisitor {
        type Value = Vec<SecretText>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address, or a list of them")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<SecretText>, E> {
            Ok(vec![SecretText::parse(text).map_err(E::custom)?])
        }
        fn visit_seq<A: de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Vec<SecretText>, A::Error> {
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
    from.deserialize_any(ListVisitor)
}

impl TryFrom<SecretText> for Webhook {
    type Error = &'static str;
    fn try_from(text: SecretText) -> Result<Self, Self::Error> {
        let (url, secret) = (is_url(text)?, None);
        Ok(Self { url, secret })
    }
}

impl TryFrom<SecretText> for Ntfy {
    type Error = &'static str;
    fn try_from(text: SecretText) -> Result<Self, Self::Error> {
        let (url, token) = (is_url(text)?, None);
        Ok(Self { url, token })
    }
}

impl TryFrom<SecretText> for UrlOnly {
    type Error = &'static str;
    fn try_from(text: SecretText) -> Result<Self, Self::Error> {
        Ok(Self { url: is_url(text)? })
    }
}

impl TryFrom<SecretText> for Telegram {
    type Error = &'static str;
    fn try_from(_: SecretText) -> Result<Self, Self::Error> {
        Err("telegram needs {token: …, chat: …}")
    }
}

impl TryFrom<SecretText> for Email {
    type Error = &'static str;
    fn try_from(text: SecretText) -> Result<Self, Self::Error> {
        let (to, from, sendmail) = (vec![text], None, None);
        Ok(Self { to, from, sendmail })
    }
}

/// An entry of the list as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReceiverEntry {
    name: Option<String>,
    on: Option<BTreeSet<Word>>,
    webhook: Option<KindSettings<Webhook>>,
    ntfy: Option<KindSettings<Ntfy>>,
    discord: Option<KindSettings<UrlOnly>>,
    slack: Option<KindSettings<UrlOnly>>,
    telegram: Option<KindSettings<Telegram>>,
    email: Option<KindSettings<Email>>,
    heartbeat: Option<KindSettings<UrlOnly>>,
}

impl ReceiverEntry {
    fn targets(self) -> Vec<Target<SecretText>> {
        let webhook = |KindSettings(Webhook { url, secret })| Target::Webhook { url, secret };
        let ntfy = |KindSettings(Ntfy { url, token })| Target::Ntfy { url, token };
        let telegram =
            |KindSettings(Telegram { token, chat, api })| Target::Telegram { token, chat, api };
        let email =
            |KindSettings(Email { to, from, sendmail })| Target::Email { to, from, sendmail };
        let heartbeat = |KindSettings(UrlOnly { url })| Target::Heartbeat { url };
        let all = [
            self.webhook.map(webhook),
            self.ntfy.map(ntfy),
            self.discord
                .map(|KindSettings(UrlOnly { url })| Target::Discord { url }),
            self.slack
                .map(|KindSettings(UrlOnly { url })| Target::Slack { url }),
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
    target: Target<SecretText>,
    on: BTreeSet<Word>,
}

impl<'de> Deserialize<'de> for Unnamed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut entry = ReceiverEntry::deserialize(from)?;
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
