//! Stores what attempts note of their progress.

use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::Entry;
use scheduler_store::Note;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Shared;
use crate::notes::Notes;

/// However often an attempt notes something, it is written once in this time.
const PERIOD: Duration = Duration::from_secs(1);

/// Stores what is new again and again, until `over`.
pub(super) async fn write(shared: Arc<Shared>, over: CancellationToken) {
    let mut failing = false;
    while over
        .run_until_cancelled(tokio::time::sleep(PERIOD))
        .await
        .is_some()
    {
        match store(&shared).await {
            Ok(()) => failing = false,
            Err(error) if !std::mem::replace(&mut failing, true) => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "progress not stored, trying again"
                );
            }
            Err(_) => {}
        }
    }
}

/// Stores what all attempts have noted.
pub(super) async fn store(shared: &Shared) -> Result<(), scheduler_engine::Error> {
    let (notes, again): (Vec<Note>, Vec<Notes>) = shared.held.notes().into_iter().unzip();
    let stored = shared.session.note_progress(notes).await;
    if stored.is_err() {
        again.iter().for_each(Notes::keep_fresh);
    }
    stored
}

/// Stores what one attempt has noted, if that is not stored yet: before its failure is reported, for then it is too late.
pub(super) async fn store_last(shared: &Shared, entry: &Entry, notes: &Notes) {
    let Some(progress) = notes.take() else { return };
    let note = Note {
        id: entry.id,
        epoch: entry.epoch,
        progress,
    };
    if let Err(error) = shared.session.note_progress(vec![note]).await {
        warn!(
            error = &error as &dyn std::error::Error,
            "the last progress of an attempt is lost, the next one begins from what was stored before"
        );
    }
}
