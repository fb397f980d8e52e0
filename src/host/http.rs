//! HTTP from this host: health probes, what a browser would ask, and what is handed to receivers of
//! notifications.

use std::time::Duration;

use super::trust;

/// What a URL answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A status and the beginning of the body.
    Http {
        /// The status code.
        status: u16,
        /// At most 64 KiB of it.
        body: String,
    },
    /// No answer, with the transport's reason.
    None(String),
}

/// Asks a URL once.
pub(crate) async fn get(url: String, timeout: Duration) -> Answer {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .tls_config(trust::tls(&url))
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            // A probe is asked of this very host; a proxy between would answer for itself.
            .proxy(None)
            .build()
            .into();
        match agent.get(&url).call() {
            Ok(mut answer) => Answer::Http {
                status: answer.status().as_u16(),
                body: answer
                    .body_mut()
                    .with_config()
                    .limit(64 * 1024)
                    .lossy_utf8(true)
                    .read_to_string()
                    .unwrap_or_default(),
            },
            Err(error) => Answer::None(told(error)),
        }
    });
    asked
        .await
        .unwrap_or_else(|error| Answer::None(error.to_string()))
}

/// A request as a browser makes it; nothing is followed and no cookie is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageRequest {
    /// Where to.
    pub url: String,
    /// Sent with POST, if there is one; with its type.
    pub body: Option<(&'static str, String)>,
    /// `Cookie`.
    pub cookie: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// As a proxy hands on what came to it over https: with `X-Forwarded-Proto`.
    pub came_by_https: bool,
}

/// An answer whole enough for a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    /// The status code.
    pub status: u16,
    /// At most 64 KiB of the body.
    pub body: String,
    /// `Location`.
    pub location: Option<String>,
    /// Every `Set-Cookie`.
    pub set_cookies: Vec<String>,
    /// `Date`.
    pub date: Option<String>,
}

/// Asks once.
///
/// # Errors
/// The transport's reason.
pub(crate) async fn ask(ask: PageRequest, timeout: Duration) -> Result<Reply, String> {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .tls_config(trust::tls(&ask.url))
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build()
            .into();
        let mut request = ureq::http::Request::builder().uri(&ask.url);
        if let Some(cookie) = &ask.cookie {
            request = request.header("cookie", cookie);
        }
        if let Some(origin) = &ask.origin {
            request = request.header("origin", origin);
        }
        if ask.came_by_https {
            request = request.header("x-forwarded-proto", "https");
        }
        let answer = match ask.body {
            Some((kind, body)) => {
                let request = request.method("POST").header("content-type", kind);
                agent.run(request.body(body).map_err(|error| error.to_string())?)
            }
            None => agent.run(request.body(()).map_err(|error| error.to_string())?),
        };
        answer.map(reply).map_err(told)
    });
    asked.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// A document of a machine elsewhere.
pub(crate) struct Document {
    /// The status code.
    pub status: u16,
    /// At most 4 MiB of it.
    pub body: Vec<u8>,
    /// `WWW-Authenticate`.
    pub challenge: Option<String>,
}

/// Fetches a document from elsewhere, by a proxy of the environment where there is one. A login does not
/// follow where it is sent on to.
///
/// # Errors
/// The transport's reason.
pub(crate) async fn document(
    url: String,
    headers: Vec<(&'static str, String)>,
    timeout: Duration,
) -> Result<Document, String> {
    let asked = tokio::task::spawn_blocking(move || {
        let config = ureq::Agent::config_builder()
            .tls_config(trust::tls(&url))
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .user_agent(concat!("refit/", env!("CARGO_PKG_VERSION")));
        // What needs no certificate is on this very host.
        let config = match url.starts_with("https:") {
            true => config,
            false => config.proxy(None),
        };
        let agent: ureq::Agent = config.build().into();
        let mut request = agent.get(&url);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let mut answer = request.call().map_err(told)?;
        let challenge = answer.headers().get("www-authenticate");
        let challenge = challenge.and_then(|value| value.to_str().ok().map(str::to_owned));
        let body = answer.body_mut().with_config().limit(4 << 20).read_to_vec();
        Ok(Document {
            status: answer.status().as_u16(),
            body: body.map_err(told)?,
            challenge,
        })
    });
    asked.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// Why nothing answered, without the library's own words.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "both may get more errors; what nothing is known of is told as it is"
)]
fn told(error: ureq::Error) -> String {
    use std::io::ErrorKind;
    match error {
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "its name is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof => "the connection was closed without an answer".to_owned(),
            ErrorKind::TimedOut => "no answer in time".to_owned(),
            _ => error.to_string(),
        },
        ureq::Error::Protocol(_) => "what it answers is not HTTP".to_owned(),
        other => other.to_string(),
    }
}

fn reply(mut answer: ureq::http::Response<ureq::Body>) -> Reply {
    let text = |name: &str| {
        let value = answer.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let (location, date) = (text("location"), text("date"));
    let cookies = answer.headers().get_all("set-cookie").iter();
    let set_cookies = cookies
        .filter_map(|value| value.to_str().ok().map(str::to_owned))
        .collect();
    Reply {
        status: answer.status().as_u16(),
        location,
        set_cookies,
        date,
        body: answer
            .body_mut()
            .with_config()
            .limit(64 * 1024)
            .lossy_utf8(true)
            .read_to_string()
            .unwrap_or_default(),
    }
}

/// Something to be handed to a machine elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Post {
    /// Where to; itself a secret more often than not.
    pub url: String,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post")
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why something could not be handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsent {
    /// In words.
    pub text: String,
    /// When it is worth trying again: `None`: never, so it is refused for good.
    pub again: Option<Again>,
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// After some time.
    Later,
    /// After this time, as the receiver said.
    After(Duration),
}

impl Unsent {
    /// It is refused, and will be.
    pub(crate) fn for_good(text: impl Into<String>) -> Self {
        let (text, again) = (text.into(), None);
        Self { text, again }
    }

    /// It may work later.
    pub(crate) fn for_now(text: impl Into<String>) -> Self {
        let (text, again) = (text.into(), Some(Again::Later));
        Self { text, again }
    }
}

/// Posts once. Nothing is followed: a body that goes elsewhere than asked for may tell secrets.
///
/// # Errors
/// No answer, or one that is not 2xx.
pub(crate) async fn post(post: Post, timeout: Duration) -> Result<(), Unsent> {
    let posted = tokio::task::spawn_blocking(move || {
        // A proxy of the environment is used: receivers are elsewhere.
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .tls_config(trust::tls(&post.url))
            .timeout_global(Some(timeout))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("refit/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        let mut request = ureq::http::Request::post(&post.url);
        for (name, value) in &post.headers {
            request = request.header(*name, value);
        }
        let request = request.body(post.body);
        let request = request.map_err(|error| Unsent::for_good(error.to_string()))?;
        let mut answer = agent.run(request).map_err(|error| of_transport(&error))?;
        refused(&mut answer)
    });
    posted
        .await
        .unwrap_or_else(|error| Err(Unsent::for_now(error.to_string())))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "ureq may get more errors; one that nothing is known of may pass"
)]
fn of_transport(error: &ureq::Error) -> Unsent {
    match error {
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Unsent::for_good(error.to_string()),
        ureq::Error::Timeout(_) => Unsent::for_now("it does not answer in time"),
        ureq::Error::Io(error) => of_io(error),
        ureq::Error::Rustls(_) => untrusted(error),
        _ => Unsent::for_now(error.to_string()),
    }
}

fn of_io(error: &std::io::Error) -> Unsent {
    // What rustls has against the other side comes as this.
    if error.kind() == std::io::ErrorKind::InvalidData {
        untrusted(error)
    } else {
        Unsent::for_now(error.to_string())
    }
}

fn untrusted(error: &dyn std::fmt::Display) -> Unsent {
    Unsent::for_good(format!(
        "this machine does not trust it ({error}); its list of authorities, or SSL_CERT_FILE, decides"
    ))
}

/// What an answer says that is not 2xx. What may change by itself is tried again: 408, 429, 5xx.
fn refused(answer: &mut ureq::http::Response<ureq::Body>) -> Result<(), Unsent> {
    let status = answer.status().as_u16();
    if answer.status().is_success() {
        return Ok(());
    }
    let wait = answer.headers().get("retry-after");
    let wait = wait.and_then(|value| value.to_str().ok()?.parse::<f64>().ok());
    let wait = wait.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let body = answer.body_mut().with_config().limit(4096).lossy_utf8(true);
    let body = body.read_to_string().unwrap_or_default();
    let line: String = body
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect();
    let text = match (status, line.trim()) {
        (300..400, _) => format!("it answers {status}: the address has moved"),
        (_, "") => format!("it answers {status}"),
        (_, line) => format!("it answers {status}: {line}"),
    };
    let again = match (status, wait) {
        (408 | 429 | 500.., Some(wait)) => Some(Again::After(wait)),
        (408 | 429 | 500.., None) => Some(Again::Later),
        _ => None,
    };
    Err(Unsent { text, again })
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::*;

    #[test]
    fn why_nothing_answered_in_plain_words() {
        let io = |kind, text: &str| told(ureq::Error::Io(Error::new(kind, text)));
        assert_eq!(
            told(ureq::Error::Timeout(ureq::Timeout::Global)),
            "no answer in time"
        );
        assert_eq!(
            io(ErrorKind::UnexpectedEof, "Peer disconnected"),
            "the connection was closed without an answer"
        );
        assert_eq!(
            io(ErrorKind::ConnectionRefused, "os error 111"),
            "connection refused"
        );
    }
}
