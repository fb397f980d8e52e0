//! HTTP from this host: health probes, and what a browser would ask.

use std::time::Duration;

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
pub async fn get(url: String, timeout: Duration) -> Answer {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
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
            Err(error) => Answer::None(error.to_string()),
        }
    });
    asked
        .await
        .unwrap_or_else(|error| Answer::None(error.to_string()))
}

/// A request as a browser makes it; nothing is followed and no cookie is kept.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// Where to.
    pub url: String,
    /// Sent with POST, if there is one; with its type.
    pub body: Option<(&'static str, String)>,
    /// `Cookie`.
    pub cookie: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
}

/// An answer whole enough for a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
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
pub async fn ask(ask: Ask, timeout: Duration) -> Result<Reply, String> {
    let asked = tokio::task::spawn_blocking(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder()
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
        let answer = match ask.body {
            Some((kind, body)) => {
                let request = request.method("POST").header("content-type", kind);
                agent.run(request.body(body).map_err(|error| error.to_string())?)
            }
            None => agent.run(request.body(()).map_err(|error| error.to_string())?),
        };
        answer.map(reply).map_err(|error| error.to_string())
    });
    asked.await.unwrap_or_else(|error| Err(error.to_string()))
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
