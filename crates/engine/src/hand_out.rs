//! Taking jobs from the worker that holds them: row, lease, entry, in this order.

use scheduler_domain::Lease;
use scheduler_store::{HandOut, HandOutCause, HandedOut, entries};

use crate::Error;
use crate::engine::Parts;

impl Parts {
    /// Hands out again what is leased, for the cause that each lease has.
    ///
    /// The row first: if the process dies before the lease is evicted, the next look finds the lease again, and the store refuses
    /// to hand out twice under the same epoch. If it dies before the push, the reconciler finds the row.
    ///
    /// # Errors
    /// The store's or the queue's failure: what was not done is found again.
    pub(crate) async fn hand_out_leased(
        &self,
        leases: &[Lease],
        cause: impl Fn(&Lease) -> HandOutCause,
    ) -> Result<Vec<HandedOut>, Error> {
        let jobs = leases
            .iter()
            .map(|lease| HandOut {
                id: lease.id,
                epoch: lease.epoch,
                cause: cause(lease),
            })
            .collect();
        let handed_out = self.store.hand_out(self.clock.now(), jobs).await?;
        self.queue.evict(leases).await?;
        self.queue.push(&entries(&handed_out)).await?;
        Ok(handed_out)
    }
}
