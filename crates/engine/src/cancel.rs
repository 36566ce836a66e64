//! What callers do to jobs that exist: cancel, redrive, delete.

use scheduler_domain::{Job, JobId};
use scheduler_queue::Hint;
use scheduler_store::{Cancelled, Deleted, Redriven};
use tracing::warn;

use crate::{Engine, Error};

impl Engine {
    /// Cancels an open job: the row first, so that no result is accepted any more, then the queue, then whoever runs it.
    ///
    /// # Errors
    /// The store's failure. What the queue misses is made good: a worker drops an entry whose row is final, and asks about the
    /// jobs it runs.
    pub async fn cancel(&self, id: JobId) -> Result<Cancelled, Error> {
        let cancelled = self.parts.store.cancel(self.parts.clock.now(), id).await?;
        if let Cancelled::Done(job) = &cancelled {
            let forget = async {
                self.parts.queue.remove(&[job.entry()]).await?;
                self.parts.queue.publish(Hint::Cancelled(id)).await?;
                self.parts.queue.publish(Hint::Changed(vec![id])).await
            };
            if let Err(error) = forget.await {
                warn!(job.id = %id, %error, "cancelled in the store, the queue was not told");
            }
        }
        Ok(cancelled)
    }

    /// Reopens a FAILED or DEADLETTER job.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn redrive(&self, id: JobId) -> Result<Redriven, Error> {
        let redriven = self.parts.store.redrive(self.parts.clock.now(), id).await?;
        if let Redriven::Done(job) = &redriven {
            self.parts.tally.arrived(&job.spec);
            self.push_now(job).await;
        }
        Ok(redriven)
    }

    /// Deletes a job in a final state.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        Ok(self.parts.store.delete(id).await?)
    }

    async fn push_now(&self, job: &Job) {
        let told = async {
            self.parts.queue.push(&[job.entry()]).await?;
            self.parts.queue.publish(Hint::Changed(vec![job.id])).await
        };
        if let Err(error) = told.await {
            warn!(job.id = %job.id, %error, "push lost, the reconciler will find the row");
        }
    }
}
