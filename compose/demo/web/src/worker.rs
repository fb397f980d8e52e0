//! The second service: reached by no setting of the first, and so left alone when one changes.

use std::time::Duration;

use anyhow::Context;

use crate::log;
use crate::signals::Stop;

const HEARTBEAT: Duration = Duration::from_secs(30);

/// Logs a heartbeat until a signal ends it.
pub(crate) fn work() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    runtime.block_on(async {
        let mut stop = Stop::listen()?;
        let mut beats = tokio::time::interval(HEARTBEAT);
        log::line("worker started");
        loop {
            tokio::select! {
                name = stop.received() => {
                    log::line(&format!("{name}: stopping"));
                    return Ok(());
                }
                _ = beats.tick() => log::line("worker heartbeat"),
            }
        }
    })
}
