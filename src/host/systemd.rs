//! systemd, of the system or of a user.

use std::path::{Path, PathBuf};

use anyhow::bail;

use super::process;

/// Whether systemd runs this machine (`sd_booted(3)`).
pub(crate) fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether this user has a systemd of their own that answers.
pub(crate) async fn user_manager_runs() -> bool {
    let asked = process::system("systemctl", &["--user", "show-environment"]).await;
    asked.is_ok_and(|ended| ended.ok())
}

/// Whether systemd keeps this user's timers going when nobody is logged in.
pub(crate) fn lingers(user: &str) -> bool {
    Path::new("/var/lib/systemd/linger").join(user).exists()
}

/// `systemctl`, of the system or of this user; what it says where it fails.
///
/// # Errors
/// It failed.
pub(crate) async fn systemctl(of_user: bool, args: &[&str]) -> anyhow::Result<String> {
    let scope = if of_user { &["--user"][..] } else { &[] };
    let all = [scope, args].concat();
    let ended = process::system("systemctl", &all).await?;
    if !ended.ok() {
        bail!("systemctl {}: {}", all.join(" "), ended.stderr.trim());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).into_owned())
}

/// What `systemd-analyze verify` has against these units, as units of the system: for those of a user it
/// wants a session. `None`: nothing, or it is not here.
pub(crate) async fn verify(units: &[PathBuf]) -> Option<String> {
    let mut args = vec!["--man=no"];
    args.push("verify");
    let names: Vec<String> = units
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    args.extend(names.iter().map(String::as_str));
    let ended = process::system("systemd-analyze", &args).await.ok()?;
    (!ended.ok()).then_some(ended.stderr)
}

/// What `systemd-analyze calendar` has against an expression; `None`: nothing, or it is not here.
pub(crate) async fn calendar(expression: &str) -> Option<String> {
    let ended = process::system("systemd-analyze", &["calendar", expression])
        .await
        .ok()?;
    (!ended.ok()).then_some(ended.stderr)
}
