//! HTTP from this host: health probes.

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
