//! What a browser does with an application: signs in, keeps a cookie, comes back.

use std::time::{Duration, Instant};

/// An answer as far as these tests look at it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The cookies that it sets, with their attributes.
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

/// Asks until somebody listens: an application without a healthcheck does not say when it does.
pub(crate) fn ask(port: u16, path: &str, body: Option<&str>, cookie: &str) -> Reply {
    let url = format!("http://127.0.0.1:{port}{path}");
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = match body {
            Some(body) => agent.post(&url).header("Cookie", cookie).send(body),
            None => agent.get(&url).header("Cookie", cookie).call(),
        };
        match answer {
            Ok(mut answer) => {
                let cookies = answer.headers().get_all("set-cookie").iter();
                let cookies = cookies.filter_map(|line| Some(line.to_str().ok()?.to_owned()));
                return Reply {
                    status: answer.status().as_u16(),
                    cookies: cookies.collect(),
                    body: answer.body_mut().read_to_string().unwrap_or_default(),
                };
            }
            Err(error) => assert!(Instant::now() < until, "{url}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Name and password as the applications want them.
pub(crate) fn credentials(email: &str, password: &str) -> String {
    serde_json::json!({"email": email, "password": password}).to_string()
}

impl Reply {
    /// The cookie of this name whole, and as a browser sends it back.
    #[track_caller]
    pub(crate) fn cookie(&self, name: &str) -> (&str, &str) {
        let own = self
            .cookies
            .iter()
            .find(|line| line.starts_with(&format!("{name}=")));
        let own = own.unwrap_or_else(|| panic!("no cookie {name}: {self:?}"));
        (own, own.split(';').next().unwrap_or(own))
    }
}
