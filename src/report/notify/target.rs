//! Whom to tell, as data: once with texts that may name variables and files, once with the values
//! themselves.

use crate::secret::Secret;

/// A receiver, with its addresses and secrets in the form `V`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target<V> {
    /// A URL of the person's own, that takes JSON.
    Webhook {
        /// Where to.
        url: V,
        /// The key of the signature over the body.
        secret: Option<V>,
    },
    /// A topic of ntfy.
    Ntfy {
        /// The topic's URL.
        url: V,
        /// An access token, where the topic is protected.
        token: Option<V>,
    },
    /// A webhook of a Discord channel.
    Discord {
        /// Where to.
        url: V,
    },
    /// An incoming webhook of Slack, or of what speaks like it.
    Slack {
        /// Where to.
        url: V,
    },
    /// A chat with a Telegram bot.
    Telegram {
        /// The bot's token.
        token: V,
        /// Number of the chat, or `@name` of a channel.
        chat: V,
        /// The server of the Bot API, if it is another one than Telegram's own.
        api: Option<V>,
    },
    /// Mail by the machine's own `sendmail`.
    Email {
        /// Addresses.
        to: Vec<V>,
        /// The sender, if the machine's own will not do.
        from: Option<V>,
        /// The program, if it is not the machine's `sendmail`.
        sendmail: Option<V>,
    },
    /// A dead man's switch after the convention of healthchecks.io.
    Heartbeat {
        /// The check's URL.
        url: V,
    },
}

impl<V> Target<V> {
    /// The kind, as `refit.yaml` names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Ntfy { .. } => "ntfy",
            Self::Discord { .. } => "discord",
            Self::Slack { .. } => "slack",
            Self::Telegram { .. } => "telegram",
            Self::Email { .. } => "email",
            Self::Heartbeat { .. } => "heartbeat",
        }
    }

    /// Every address and secret of it, with its name in `refit.yaml`.
    pub fn fields(&self) -> Vec<(&'static str, &V)> {
        let mut all = Vec::new();
        match self {
            Self::Webhook { url, secret } => {
                all.push(("url", url));
                all.extend(secret.iter().map(|value| ("secret", value)));
            }
            Self::Ntfy { url, token } => {
                all.push(("url", url));
                all.extend(token.iter().map(|value| ("token", value)));
            }
            Self::Discord { url } | Self::Slack { url } | Self::Heartbeat { url } => {
                all.push(("url", url));
            }
            Self::Telegram { token, chat, api } => {
                all.extend([("token", token), ("chat", chat)]);
                all.extend(api.iter().map(|value| ("api", value)));
            }
            Self::Email { to, from, sendmail } => {
                all.extend(to.iter().map(|value| ("to", value)));
                all.extend(from.iter().map(|value| ("from", value)));
                all.extend(sendmail.iter().map(|value| ("sendmail", value)));
            }
        }
        all
    }

    /// The same with every address and secret in another form.
    ///
    /// # Errors
    /// The first one of `form`.
    pub fn try_map<W, E>(&self, mut form: impl FnMut(&V) -> Result<W, E>) -> Result<Target<W>, E> {
        let mut some = |value: &Option<V>| value.as_ref().map(&mut form).transpose();
        Ok(match self {
            Self::Webhook { url, secret } => Target::Webhook {
                secret: some(secret)?,
                url: form(url)?,
            },
            Self::Ntfy { url, token } => Target::Ntfy {
                token: some(token)?,
                url: form(url)?,
            },
            Self::Discord { url } => Target::Discord { url: form(url)? },
            Self::Slack { url } => Target::Slack { url: form(url)? },
            Self::Telegram { token, chat, api } => Target::Telegram {
                api: some(api)?,
                token: form(token)?,
                chat: form(chat)?,
            },
            Self::Email { to, from, sendmail } => Target::Email {
                from: some(from)?,
                sendmail: some(sendmail)?,
                to: to.iter().map(form).collect::<Result<_, E>>()?,
            },
            Self::Heartbeat { url } => Target::Heartbeat { url: form(url)? },
        })
    }
}

impl Target<Secret> {
    /// What of it must never be printed. Addresses of mail may be.
    pub fn secrets(&self) -> Vec<&str> {
        let values: Vec<Option<&Secret>> = match self {
            Self::Webhook { url, secret } => vec![Some(url), secret.as_ref()],
            Self::Ntfy { url, token } => vec![Some(url), token.as_ref()],
            Self::Discord { url } | Self::Slack { url } | Self::Heartbeat { url } => {
                vec![Some(url)]
            }
            Self::Telegram { token, .. } => vec![Some(token)],
            Self::Email { .. } => Vec::new(),
        };
        values.into_iter().flatten().map(Secret::expose).collect()
    }
}
