//! Learning which attempts are not wanted any more: at once from hints, and in any case from the store.

use std::sync::Arc;
use std::time::Duration;

use scheduler_queue::Hint;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;

/// An attempt is written RUNNING, and asked about, once it has run so long; and again each time so long has passed.
const LAZILY: Duration = Duration::from_secs(1);
/// Attempts in one question.
const BATCH: usize = 1_000;

/// Stops attempts as soon as their job is cancelled, until `over`. [`ask`] finds those whose hint was lost.
pub(super) async fn hear(shared: Arc<Shared>, over: CancellationToken) {
    over.run_until_cancelled(listen(&shared)).await;
}

async fn listen(shared: &Shared) {
    loop {
        match shared.session.cancellations().await {
            Ok(hints) => follow(shared, hints).await,
            Err(error) => debug!(
                error = &error as &dyn std::error::Error,
                "cancels are not heard at once"
            ),
        }
        tokio::time::sleep(LAZILY).await;
    }
}

async fn follow(shared: &Shared, mut hints: Receiver<Hint>) {
    loop {
        match hints.recv().await {
            Ok(Hint::Cancelled(id)) => shared.unwanted(&[id]),
            Ok(Hint::Changed(_)) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Writes RUNNING for attempts that last, and learns which of them are not wanted any more, until `over`.
pub(super) async fn ask(shared: Arc<Shared>, over: CancellationToken) {
    over.run_until_cancelled(note(&shared)).await;
}

async fn note(shared: &Shared) {
    let mut failing = false;
    loop {
        tokio::time::sleep(LAZILY).await;
        let running = shared.held.running_for(LAZILY, shared.session.worker());
        for some in running.chunks(BATCH) {
            match shared.session.note_running(some.to_vec()).await {
                Ok(unwanted) => {
                    shared.unwanted(&unwanted);
                    failing = false;
                }
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    warn!(
                        error = &error as &dyn std::error::Error,
                        "running attempts not noted, trying again"
                    );
                }
                Err(_) => {}
            }
        }
    }
}
