//! Taking jobs from the worker that holds them: row, lease, entry, in this order.

use std::time::Duration;

use scheduler_domain::{Entropy, Lease, clock};
use scheduler_store::{HandOut, HandOutCause, HandedOut, entries};

use crate::Error;
use crate::engine::Parts;

impl Parts {
    /// Hands out again what is leased, for the cause that each lease has, and as much `later` as the number of lost leases says.
    ///
    /// The row is due at once all the same: were the queue to lose the entry, nothing would be left to wait for.
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
        later: impl Fn(u32, Duration, &dyn Entropy) -> Duration,
    ) -> Result<Vec<HandedOut>, Error> {
        let jobs = leases
            .iter()
            .map(|lease| HandOut {
                id: lease.id,
                epoch: lease.epoch,
                cause: cause(lease),
            })
            .collect();
        let now = self.clock.now();
        let mut handed_out = self.store.hand_out(now, jobs).await?;
        for job in &mut handed_out {
            if let HandedOut::Again { entry, crashes } = job {
                let later = later(*crashes, self.options.lease, &*self.entropy);
                if !later.is_zero() {
                    entry.ready_at = entry.ready_at.max(clock::add(now, later));
                }
            }
        }
        self.queue.evict(leases).await?;
        self.queue.push(&entries(&handed_out)).await?;
        Ok(handed_out)
    }
}
