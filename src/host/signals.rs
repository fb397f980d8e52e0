//! Signals to this process as state: a run asks at each step, and leads to the rollback. They are
//! counted: whoever presses Ctrl-C again means it.

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

    /// To be sent to somebody else.
    pub fn number(self) -> rustix::process::Signal {
        match self {
            Self::Interrupt => rustix::process::Signal::INT,
            Self::Terminate => rustix::process::Signal::TERM,
            Self::HangUp => rustix::process::Signal::HUP,
        }
    }
}

/// What came so far.
#[derive(Debug, Clone, Copy, Default)]
struct Came {
    first: Option<Signal>,
    /// The first that is no Ctrl-C.
    ended: Option<Signal>,
    /// How often somebody asked. A terminal that goes away does not ask: it tells once, or twice,
    /// and whoever sat there did not mean to leave a rollback half done.
    asked: u32,
}

/// The signals that came.
#[derive(Debug, Clone)]
pub struct Signals {
    came: watch::Receiver<Came>,
}

impl Signals {
    /// Begins to listen; from now on no signal ends the process by itself.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn listen() -> std::io::Result<Self> {
        let (tell, came) = watch::channel(Came::default());
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            loop {
                let one = tokio::select! {
                    _ = interrupt.recv() => Signal::Interrupt,
                    _ = terminate.recv() => Signal::Terminate,
                    _ = hang_up.recv() => Signal::HangUp,
                };
                tell.send_modify(|came| {
                    came.first.get_or_insert(one);
                    if one != Signal::Interrupt {
                        came.ended.get_or_insert(one);
                    }
                    came.asked += match one {
                        Signal::Interrupt | Signal::Terminate => 1,
                        Signal::HangUp => 0,
                    };
                });
                if tell.is_closed() {
                    return;
                }
            }
        });
        Ok(Self { came })
    }

    /// Signals that never come: for what must not be interrupted.
    pub fn none() -> Self {
        let (tell, came) = watch::channel(Came::default());
        drop(tell);
        Self { came }
    }

    /// The first signal that came.
    pub fn received(&self) -> Option<Signal> {
        self.came.borrow().first
    }

    /// How often somebody has asked so far.
    pub fn asked(&self) -> u32 {
        self.came.borrow().asked
    }

    /// Waits until somebody has asked more often than this; for ever, where nobody can.
    pub async fn asked_beyond(&self, times: u32) {
        let mut came = self.came.clone();
        let waited = came.wait_for(|came| came.asked > times).await.is_ok();
        if !waited {
            std::future::pending::<()>().await;
        }
    }

    /// The first signal that was no Ctrl-C: that one may belong to a program at the terminal.
    pub fn ended(&self) -> Option<Signal> {
        self.came.borrow().ended
    }

    /// Waits for a signal that is no Ctrl-C; for ever, where none can come.
    pub async fn asked_to_end(&mut self) -> Signal {
        let waited = self.came.wait_for(|came| came.ended.is_some()).await;
        let first = waited.ok().and_then(|came| came.ended);
        match first {
            Some(first) => first,
            None => std::future::pending().await,
        }
    }

    /// Waits for a signal; for ever, where none can come.
    pub async fn wait(&self) -> Signal {
        let mut came = self.came.clone();
        let waited = came.wait_for(|came| came.first.is_some()).await;
        let first = waited.ok().and_then(|came| came.first);
        match first {
            Some(first) => first,
            None => std::future::pending().await,
        }
    }
}
