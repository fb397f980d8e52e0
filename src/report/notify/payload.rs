//! A message in the form that each kind of receiver documents. Pure: gives what is to be sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::message::Message;
use super::target::Target;
use super::word::Word;
use crate::host::http::Post;
use crate::host::sendmail::Mail;
use crate::secret::Secret;

/// Telegram's own server of its Bot API.
const TELEGRAM: &str = "https://api.telegram.org";

/// ntfy makes an attachment of what is longer, in bytes.
const NTFY: usize = 4096;
/// Discord refuses a content of more characters.
const DISCORD: usize = 2000;
/// Telegram refuses a text of more characters.
const TELEGRAM_TEXT: usize = 4096;

/// What is to be sent.
#[derive(Debug)]
pub(super) enum Payload {
    /// Over HTTP.
    Post(Post),
    /// By the machine's `sendmail`.
    Mail(Mail),
}

/// What a heartbeat is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// An unattended run begins.
    Start,
    /// It ended well, or there was nothing to do.
    Success,
    /// It did not.
    Fail,
}

/// A message for a receiver. `beat` counts for heartbeats alone.
///
/// # Errors
/// A value makes no request that could be sent.
pub(super) fn payload(
    target: &Target<Secret>,
    message: &Message,
    beat: Beat,
    at: Timestamp,
) -> Result<Payload, String> {
    let post = match target {
        Target::Webhook { url, secret } => webhook(url, secret.as_ref(), message),
        Target::Ntfy { url, token } => ntfy(url, token.as_ref(), message),
        Target::Discord { url } => {
            let text = format!(
                "**{}**\n{}",
                plain(&message.title),
                fenced(message, DISCORD)
            );
            let body = json!({"content": text, "allowed_mentions": {"parse": []}});
            // Without it a message that Discord does not keep is no error.
            post(with_query(url.expose(), "wait=true"), &body)
        }
        Target::Slack { url } => {
            let text = format!("*{}*\n{}", plain(&message.title), fenced(message, NTFY));
            let text = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;");
            post(url.expose().to_owned(), &json!({"text": text}))
        }
        Target::Telegram { token, chat, api } => {
            let api = api
                .as_ref()
                .map_or(TELEGRAM, Secret::expose)
                .trim_end_matches('/');
            let url = format!("{api}/bot{}/sendMessage", token.expose());
            let text = format!("{}\n{}", message.title, message.text());
            let body = json!({
                "chat_id": chat.expose(),
                "text": up_to(&text, TELEGRAM_TEXT),
                "link_preview_options": {"is_disabled": true},
            });
            post(url, &body)
        }
        Target::Heartbeat { url } => heartbeat(url, message, beat),
        Target::Email { to, from, sendmail } => {
            return Ok(Payload::Mail(Mail {
                program: sendmail.as_ref().map(|path| path.expose().into()),
                from: from.as_ref().map(|from| from.expose().to_owned()),
                text: mail(to, from.as_ref(), message, at)?,
            }));
        }
    };
    // Before its variables were known this could not be seen.
    match ["https://", "http://"]
        .iter()
        .any(|scheme| post.url.starts_with(scheme))
    {
        true => Ok(Payload::Post(post)),
        false => Err("its address is not a URL that starts with http:// or https://".to_owned()),
    }
}

fn post(url: String, body: &Value) -> Post {
    Post {
        url,
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

/// JSON of our own, signed over the exact bytes of the body as GitHub does it.
fn webhook(url: &Secret, secret: Option<&Secret>, message: &Message) -> Post {
    let mut post = post(url.expose().to_owned(), &message.facts);
    let event = message.facts["event"].as_str().unwrap_or_default();
    post.headers.push(("X-Refit-Event", event.to_owned()));
    let signature = secret.and_then(|secret| signature(secret.expose(), &post.body));
    post.headers
        .extend(signature.map(|hex| ("X-Refit-Signature", hex)));
    post
}

/// `sha256=` and the HMAC of a body in hex. HMAC takes keys of any length.
pub(super) fn signature(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    let code = mac.finalize().into_bytes();
    Some(format!("sha256={}", crate::hash::hex(&code)))
}

fn ntfy(url: &Secret, token: Option<&Secret>, message: &Message) -> Post {
    let (priority, tag) = match (message.word, message.grave) {
        (_, true) => ("high", "rotating_light"),
        (Some(Word::Rollback), _) => ("high", "leftwards_arrow_with_hook"),
        (Some(Word::Available), _) => ("default", "package"),
        _ => ("default", "white_check_mark"),
    };
    let mut headers = vec![
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Title", encoded_word(&message.title)),
        ("Priority", priority.to_owned()),
        ("Tags", tag.to_owned()),
    ];
    if let Some(token) = token {
        headers.push(("Authorization", format!("Bearer {}", token.expose())));
    }
    let mut body = message.text();
    while body.len() > NTFY {
        body.pop();
    }
    Post {
        url: url.expose().to_owned(),
        headers,
        body: body.into_bytes(),
    }
}

/// The convention of healthchecks.io: `/start` and `/fail` behind the path, and nothing for success.
fn heartbeat(url: &Secret, message: &Message, beat: Beat) -> Post {
    let (path, query) = match url.expose().split_once('?') {
        Some((path, query)) => (path, format!("?{query}")),
        None => (url.expose(), String::new()),
    };
    let path = path.trim_end_matches('/');
    let end = match beat {
        Beat::Start => "/start",
        Beat::Success => "",
        Beat::Fail => "/fail",
    };
    let body = match beat {
        Beat::Start => String::new(),
        Beat::Success | Beat::Fail => format!("{}\n{}", message.title, message.text()),
    };
    Post {
        url: format!("{path}{end}{query}"),
        headers: vec![("Content-Type", "text/plain; charset=utf-8".to_owned())],
        body: body.into_bytes(),
    }
}

fn with_query(url: &str, pair: &str) -> String {
    match url.contains('?') {
        true => format!("{url}&{pair}"),
        false => format!("{url}?{pair}"),
    }
}

/// Without what would be read as markup in a line.
fn plain(text: &str) -> String {
    text.replace(['*', '_', '`', '~'], "")
}

/// The text as a block that is shown as it stands; together with the title within a limit.
fn fenced(message: &Message, limit: usize) -> String {
    // Three backticks would end the block.
    let text = message.text().replace('`', "'");
    let room = limit.saturating_sub(message.title.chars().count() + 20);
    format!("```\n{}\n```", up_to(&text, room))
}

fn up_to(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters.saturating_sub(1)) {
        Some((end, last)) if end + last.len_utf8() < text.len() => format!("{}…", &text[..end]),
        _ => text.to_owned(),
    }
}

/// A header's text: as RFC 2047 says where it is not ASCII.
fn encoded_word(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if text.is_ascii() {
        return text;
    }
    // A word holds at most 75 characters: 45 bytes make 60 of them.
    let mut words = vec![String::new()];
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if word.len() + c.len_utf8() <= 45 => word.push(c),
            _ => words.push(c.to_string()),
        }
    }
    let word = |word: &String| format!("=?UTF-8?B?{}?=", STANDARD.encode(word));
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A whole mail, with the line ends of text files: `sendmail` makes those of the network.
fn mail(
    to: &[Secret],
    from: Option<&Secret>,
    message: &Message,
    at: Timestamp,
) -> Result<String, String> {
    for address in to.iter().chain(from) {
        let address = address.expose();
        if address.starts_with('-') || address.contains(char::is_whitespace) {
            return Err(format!("{address:?} is not a mail address"));
        }
    }
    let to: Vec<&str> = to.iter().map(Secret::expose).collect();
    let date = jiff::fmt::rfc2822::to_string(&at.to_zoned_datetime(jiff::tz::TimeZone::UTC));
    let mut head = vec![format!("To: {}", to.join(", "))];
    head.extend(from.map(|from| format!("From: {}", from.expose())));
    head.extend([
        format!("Subject: {}", encoded_word(&message.title)),
        format!("Date: {}", date.map_err(|error| error.to_string())?),
        "Auto-Submitted: auto-generated".to_owned(),
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=utf-8".to_owned(),
    ]);
    let text = message.text();
    let body = match text.is_ascii() {
        true => text,
        false => {
            head.push("Content-Transfer-Encoding: base64".to_owned());
            let code = STANDARD.encode(text);
            let lines = code.as_bytes().chunks(76).map(String::from_utf8_lossy);
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    Ok(format!("{}\n\n{body}\n", head.join("\n")))
}
