//! Taking jobs from the worker that holds them: row, lease, entry, in this order.

use std::time::Duration;

use scheduler_domain::{Entropy, Lease, clock};
use scheduler_store::{HandOut, HandOutCause, HandedOut, entries};

use crate::Error;
use crate::engine::Parts;

impl Parts {
    /// Hands out again what its worker gives back: at once, and charged to nothing.
    ///
    /// # Errors
    /// The store's or the queue's failure: what was not done is found again.
    pub(crate) async fn hand_out_released(&self, leases: &[Lease]) -> Result<Vec<HandedOut>, Error> {
        let released = |lease: &Lease| HandOutCause::Released {
            worker: lease.worker.clone(),
            since: lease.since,
        };
        self.hand_out_leased(leases, released, |_| Duration::ZERO).await
    }

    /// Hands out again what its worker has lost: each is charged a crash, and one that was lost before waits a little.
    ///
    /// # Errors
    /// As [`Parts::hand_out_released`].
    pub(crate) async fn hand_out_lost(&self, leases: &[Lease]) -> Result<Vec<HandedOut>, Error> {
        let budget = self.options.crash_budget;
        let lost = |lease: &Lease| HandOutCause::LeaseExpired {
            worker: lease.worker.clone(),
            since: lease.since,
            budget,
        };
        let later = |crashes| spread(crashes, self.options.lease, &*self.entropy);
        self.hand_out_leased(leases, lost, later).await
    }

    /// Hands out again what is leased, as much `later` as the number of lost leases says.
    ///
    /// The row is due at once all the same: were the queue to lose the entry, nothing would be left to wait for.
    ///
    /// The row first: if the process dies before the lease is evicted, the next look finds the lease again, and the store refuses
    /// to hand out twice under the same epoch. If it dies before the push, the reconciler finds the row.
    async fn hand_out_leased(
        &self,
        leases: &[Lease],
        cause: impl Fn(&Lease) -> HandOutCause,
        later: impl Fn(u32) -> Duration,
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
                let later = later(*crashes);
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

/// How much later than at once a job is handed out that has lost so many leases.
///
/// A job that takes its worker with it takes those with it that run beside it. Handed out again together they would begin together
/// again, until the budget of all of them is used up. So from the second time on they are spread over a time in which a short job
/// can well be on its own; the first time a lost lease is most often nobody's fault, and waits for nothing.
fn spread(crashes: u32, lease: Duration, entropy: &dyn Entropy) -> Duration {
    let longest = lease * crashes.saturating_sub(1).min(2);
    longest.mul_f64(entropy.unit())
}
