//! Mail by the machine's own `sendmail`, or what stands in for it: the program that takes a whole
//! mail on standard input and finds the addresses in it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::http::Unsent;
use super::process::Group;

/// Where it lies, although often in no `PATH`.
const PLACES: [&str; 3] = [
    "/usr/sbin/sendmail",
    "/usr/lib/sendmail",
    "/usr/bin/sendmail",
];

/// `EX_TEMPFAIL` of sysexits.h: try later.
const TRY_LATER: i32 = 75;

/// A mail, and what sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The program, if it is not the machine's `sendmail`.
    pub program: Option<PathBuf>,
    /// The sender that replies of mail servers go to.
    pub from: Option<String>,
    /// Head and body.
    pub text: String,
}

/// Hands a mail over.
///
/// # Errors
/// There is no such program, it does not end in time, or it refuses the mail.
pub(crate) async fn send(mail: &Mail, timeout: Duration) -> Result<(), Unsent> {
    let program = program(mail)?;
    let mut command = Command::new(&program);
    command
        .args(["-t", "-i"])
        .args(mail.from.iter().flat_map(|from| ["-f", from]))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .process_group(0);
    let cannot = |error: std::io::Error| {
        Unsent::for_good(format!("cannot start {}: {error}", program.display()))
    };
    let mut child = command.spawn().map_err(cannot)?;
    let mut group = Group::of(child.id());
    let stdin = child.stdin.take();
    let text = mail.text.clone();
    let work = async move {
        if let Some(mut stdin) = stdin {
            // One that does not read it says why by its exit code.
            let _ = stdin.write_all(text.as_bytes()).await;
        }
        child.wait_with_output().await
    };
    let ended = match tokio::time::timeout(timeout, work).await {
        Ok(ended) => ended.map_err(|error| Unsent::for_now(error.to_string()))?,
        // It may have sent it all the same: a second try could be a second mail.
        Err(_) => return Err(Unsent::for_good("sendmail does not end")),
    };
    group.release();
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.lines().rfind(|line| !line.trim().is_empty());
    let code = ended.status.code();
    let how = code.map_or("a signal".to_owned(), |code| code.to_string());
    let text = match said {
        Some(said) => format!("sendmail ended with {how}: {}", said.trim()),
        None => format!("sendmail ended with {how}"),
    };
    Err(match code {
        Some(TRY_LATER) => Unsent::for_now(text),
        _ => Unsent::for_good(text),
    })
}

fn program(mail: &Mail) -> Result<PathBuf, Unsent> {
    if let Some(program) = &mail.program {
        return Ok(program.clone());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join("sendmail"));
    let mut places = in_path.chain(PLACES.iter().map(PathBuf::from));
    places.find(|place| Path::is_file(place)).ok_or_else(|| {
        Unsent::for_good("there is no sendmail; install msmtp-mta or another mail agent")
    })
}
