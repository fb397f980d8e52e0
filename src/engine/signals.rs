//! Signals to this process as state: a run asks at each step, and leads to the rollback.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A signal that asks refit to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// `kill`.
    Terminate,
    /// The terminal is gone.
    HangUp,
}

impl Signal {
    /// Name as in `kill -l`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::HangUp => "SIGHUP",
        }
    }
}

/// The first signal that came, if any did.
#[derive(Debug, Clone)]
pub struct Signals {
    received: watch::Receiver<Option<Signal>>,
}

impl Signals {
    /// Begins to listen; from now on no signal ends the process by itself.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn listen() -> std::io::Result<Self> {
        let (tell, received) = watch::channel(None);
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            loop {
                let came = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                    _ = hang_up.recv() => Signal::HangUp,
                };
                let listened = tell.send_if_modified(|first| {
                    let is_first = first.is_none();
                    first.get_or_insert(came);
                    is_first
                });
                let _ = listened;
                if tell.is_closed() {
                    return;
                }
            }
        });
        Ok(Self { received })
    }

    /// Signals that never come: for what must not be interrupted, such as the rollback itself.
    pub fn none() -> Self {
        let (tell, received) = watch::channel(None);
        drop(tell);
        Self { received }
    }

    /// The first signal that came.
    pub fn received(&self) -> Option<Signal> {
        *self.received.borrow()
    }

    /// Waits for a signal; for ever, where none can come.
    pub async fn wait(&self) -> Signal {
        let mut received = self.received.clone();
        let waited = received.wait_for(Option::is_some).await.map(|first| *first);
        match waited {
            Ok(Some(came)) => came,
            _ => std::future::pending().await,
        }
    }
}
