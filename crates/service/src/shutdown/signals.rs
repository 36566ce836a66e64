//! SIGTERM and SIGINT.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shutdown;

/// The installed handlers. From their making on, signals no longer end the process by themselves.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The first signal drains, the second aborts. Counted apart from drains of other causes: a failed role must not
    /// turn the platform's one polite SIGTERM into an abort.
    pub(super) async fn steer(mut self, shutdown: Shutdown) {
        let first = self.next().await;
        shutdown.drain(first);
        let second = self.next().await;
        shutdown.abort(second);
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
