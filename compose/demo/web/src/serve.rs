//! The server: sockets in, `App` behind them. Ends at once on a signal.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::app::{Answer, App};
use crate::log;
use crate::session::Sessions;
use crate::settings::Settings;
use crate::signals::Stop;
use crate::sources;

const LARGEST_BODY: usize = 64 * 1024;
const SLOWEST_REQUEST: Duration = Duration::from_secs(10);
/// How long the session store may take to appear: it is often started beside the application.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
const STORE_PAUSE: Duration = Duration::from_millis(250);
/// After a failed accept (too many open files) the next would fail at once, too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until a signal comes.
pub(crate) fn serve() -> anyhow::Result<()> {
    let settings = sources::settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(async {
        let mut stop = Stop::listen()?;
        tokio::select! {
            name = stop.received() => {
                log::line(&format!("{name}: stopping"));
                Ok(())
            }
            outcome = run(settings) => outcome.map(|never| match never {}),
        }
    });
    // A request that waits for the store must not hold the process.
    runtime.shutdown_background();
    outcome
}

/// Asks the server on this machine for its health; an error where it is not `OK`.
pub(crate) fn healthcheck() -> anyhow::Result<()> {
    let listen = sources::settings()?.listen;
    let url = format!("http://{}/health", reachable(listen));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .proxy(None)
        .build()
        .into();
    let body = agent
        .get(&url)
        .call()
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .with_context(|| url.clone())?;
    if body != "OK" {
        bail!("{url} does not say OK");
    }
    Ok(())
}

/// Where something that listens at `listen` can be asked from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

async fn run(settings: Settings) -> anyhow::Result<Infallible> {
    let sessions = Arc::new(Sessions::new(&settings.store)?);
    wait_for(&sessions).await?;
    let listener = TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("cannot listen on {}", settings.listen))?;
    log::line(&format!(
        "listening on {} with {settings}",
        listener.local_addr()?
    ));
    let Settings {
        login,
        cookie,
        trust_proxy,
        ..
    } = settings;
    let app = Arc::new(App {
        login,
        cookie,
        trust_proxy,
        sessions,
    });
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => drop(tokio::spawn(converse(app.clone(), stream, peer.ip()))),
            Err(error) => {
                log::problem(&format!("cannot accept a connection: {error}"));
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits until the session store answers.
async fn wait_for(sessions: &Arc<Sessions>) -> anyhow::Result<()> {
    let deadline = Instant::now() + STORE_PATIENCE;
    loop {
        let sessions = sessions.clone();
        let ping = tokio::task::spawn_blocking(move || sessions.ping());
        let Err(error) = ping.await? else {
            return Ok(());
        };
        if !error.may_pass() {
            let key = error.key();
            return Err(anyhow!(error).context(format!("{key}: refused")));
        }
        if Instant::now() + STORE_PAUSE > deadline {
            let (key, seconds) = (error.key(), STORE_PATIENCE.as_secs());
            return Err(anyhow!(error).context(format!("{key}: no answer within {seconds} s")));
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
}

/// Answers the requests of one connection.
async fn converse(app: Arc<App>, stream: TcpStream, peer: IpAddr) {
    let service = service_fn(move |request| {
        let app = app.clone();
        async move { Ok::<_, Infallible>(respond(app, request, peer).await) }
    });
    // A client that goes away or sends nonsense is no event of the application.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(SLOWEST_REQUEST)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(app: Arc<App>, request: Request<Incoming>, peer: IpAddr) -> Answer {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY).collect();
    let body = match tokio::time::timeout(SLOWEST_REQUEST, body).await {
        Ok(Ok(body)) => body.to_bytes().to_vec(),
        Ok(Err(_)) => return bare(StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return bare(StatusCode::REQUEST_TIMEOUT),
    };
    let request = Request::from_parts(head, body);
    tokio::task::spawn_blocking(move || app.answer(&request, peer))
        .await
        .unwrap_or_else(|_| bare(StatusCode::INTERNAL_SERVER_ERROR))
}

fn bare(status: StatusCode) -> Answer {
    let mut answer = Response::new(String::new());
    *answer.status_mut() = status;
    answer
}
