//! Giving jobs back: those that never began, and those that could not end.

use std::sync::{Arc, Weak};

use scheduler_domain::{Entry, Lease};
use tracing::warn;

use super::{Inner, Session};
use crate::backoff::Backoff;
use crate::{Error, history};

impl Session {
    /// Gives back entries that never began: ready again at once, in their old place, under the same epoch.
    ///
    /// When the queue does not answer this returns all the same, and the entries are given back as soon as it does: a lease lives as
    /// long as its worker's heartbeats, so one that is neither worked on nor given back would hide its job for as long.
    pub async fn release(&self, unstarted: Vec<Entry>) {
        if unstarted.is_empty() {
            return;
        }
        history::released(&self.0.worker, &unstarted);
        if let Err(error) = self.0.parts.queue.release(&self.0.worker, &unstarted).await {
            warn!(jobs = unstarted.len(), %error, "not released, trying again");
            tokio::spawn(release_later(Arc::downgrade(&self.0), unstarted));
        }
    }

    /// Gives back jobs that began and will not end here: handed out again under a higher epoch, charged to nothing.
    pub async fn hand_back(&self, started: Vec<Lease>) {
        if started.is_empty() {
            return;
        }
        history::handed_back(&started);
        if let Err(error) = self.0.parts.hand_out_released(&started).await {
            warn!(
                jobs = started.len(),
                error = &error as &dyn std::error::Error,
                "not handed back, their leases will run out"
            );
        }
    }

    /// Gives up jobs that run here and cannot be ended: handed out again under a higher epoch, each charged a crash.
    ///
    /// # Errors
    /// The store's or the queue's failure; to give up the same again is safe.
    pub async fn give_up(&self, stuck: &[Lease]) -> Result<(), Error> {
        self.0.parts.hand_out_lost(stuck).await.map(drop)
    }
}

/// Tries until the queue takes them, or the session is gone: then its heartbeats are too, and the leases run out.
async fn release_later(session: Weak<Inner>, unstarted: Vec<Entry>) {
    let mut backoff = Backoff::default();
    while let Some(inner) = session.upgrade() {
        if inner.parts.queue.release(&inner.worker, &unstarted).await.is_ok() {
            return;
        }
        let pause = backoff.next(&*inner.parts.entropy);
        drop(inner);
        tokio::time::sleep(pause).await;
    }
}
