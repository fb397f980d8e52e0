//! Signs in as a browser would, and shows the cookie that comes back: a tool to see what a setting
//! does, from outside of the container.

use std::time::Duration;

use anyhow::{Context, bail};
use hyper::header::SET_COOKIE;

use crate::cookie;
use crate::log;
use crate::settings::Login;
use crate::sources;

/// Signs in at `url` with this machine's `DEMO_USER` and `DEMO_PASSWORD`, and prints the
/// `Set-Cookie` line.
///
/// An error where nothing answers, the login fails, no login is asked for, or no cookie comes.
pub(crate) fn login_check(url: &str) -> anyhow::Result<()> {
    let base = url.trim_end_matches('/');
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(10)))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let page = agent.get(base).call().with_context(|| base.to_owned())?;
    if page.status().is_success() {
        bail!("{base} asks for no login");
    }
    let Login::Required(account) = sources::login()? else {
        bail!("{base} asks for a login, and the settings here turn it off");
    };
    let form = [("user", &account.user), ("password", &account.password)];
    let answer = agent
        .post(format!("{base}/login"))
        .send_form(form)
        .with_context(|| format!("{base}/login"))?;
    if !answer.status().is_redirection() {
        bail!(
            "{base}/login refuses user {:?}: {}",
            account.user,
            answer.status()
        );
    }
    let cookies = answer.headers().get_all(SET_COOKIE);
    let ours = cookies
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find(|value| value.starts_with(cookie::NAME))
        .with_context(|| {
            format!("{base}/login lets us in, but sends no cookie: is COOKIE_SECURE on over http?")
        })?;
    log::line(&format!("Set-Cookie: {ours}"));
    Ok(())
}
