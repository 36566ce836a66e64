//! Reading: the row, and what the lease adds to it.

use std::time::Duration;

use scheduler_domain::{Attempt, Job, JobId, Lease, Sequence, State};
use scheduler_queue::{Depth, Sizes};
use scheduler_store::{ListQuery, Page};
use tracing::debug;

use crate::{Engine, Error};

/// What waits and what runs.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Per queue and priority.
    pub depths: Vec<Depth>,
    /// Sizes of the queue's structures.
    pub sizes: Sizes,
    /// Of what is leased, attempts that run; the rest waits in workers' buffers, or has ended and is about to be recorded. `None`
    /// where no worker says.
    pub running: Option<u64>,
}

impl Engine {
    /// The job as it stands now, or `None`.
    ///
    /// # Errors
    /// The store's failure. The queue's is not one: then a job that began to run a moment ago still shows as queued.
    pub async fn get(&self, id: JobId) -> Result<Option<Job>, Error> {
        let mut jobs: Vec<Job> = self.parts.store.get(&[id]).await?.into_iter().flatten().collect();
        self.show_running(&mut jobs).await;
        Ok(jobs.pop())
    }

    /// A page of jobs, newest first.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn list(&self, query: ListQuery) -> Result<Page, Error> {
        let mut page = self.parts.store.list(self.parts.clock.now(), query).await?;
        self.show_running(&mut page.jobs).await;
        Ok(page)
    }

    /// A job's attempts, oldest first, or `None` when there is no such job.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn attempts(&self, id: JobId) -> Result<Option<Vec<Attempt>>, Error> {
        let attempts = self.parts.store.attempts(id).await?;
        if attempts.is_empty()
            && self
                .parts
                .store
                .get(&[id])
                .await?
                .into_iter()
                .flatten()
                .next()
                .is_none()
        {
            return Ok(None);
        }
        Ok(Some(attempts))
    }

    /// What waits and what runs.
    ///
    /// # Errors
    /// The queue's failure.
    pub async fn overview(&self) -> Result<Overview, Error> {
        let sizes = async { Ok(self.parts.queue.sizes().await?) };
        let (sizes, signal) = futures::try_join!(sizes, self.signal(Duration::ZERO))?;
        let waiting = signal.lines.iter().filter(|line| line.figures.ready > 0);
        let depths = waiting.map(|line| Depth {
            queue: line.queue.clone(),
            priority: line.priority,
            ready: line.figures.ready,
            oldest: line.figures.oldest,
        });
        // Reports are up to a second old, leases are not.
        let running = (signal.workers > 0).then(|| signal.running().min(sizes.leased));
        Ok(Overview {
            depths: depths.collect(),
            sizes,
            running,
        })
    }

    /// Marks as RUNNING the open jobs that a worker holds: RUNNING reaches the store only after a while.
    async fn show_running(&self, jobs: &mut [Job]) {
        let now = self.parts.clock.now();
        let open: Vec<JobId> = jobs
            .iter()
            .filter(|job| !job.state.is_final())
            .map(|job| job.id)
            .collect();
        if open.is_empty() {
            return;
        }
        let leases = self.parts.queue.leases(&open).await.unwrap_or_else(|error| {
            debug!(%error, "leases not readable");
            Vec::new()
        });
        let mut leases = leases.into_iter().flatten().peekable();
        for job in jobs {
            if job.state.is_final() {
                continue;
            }
            if let Some(lease) = leases.next_if(|lease| lease.id == job.id) {
                overlay(job, lease);
            }
            job.state = job.state_at(now);
        }
    }
}

/// A lease under the job's own epoch means that the job runs. It has the sequence number that writing RUNNING would give it.
fn overlay(job: &mut Job, lease: Lease) {
    if lease.epoch != job.epoch || job.state == State::Running {
        return;
    }
    job.state = State::Running;
    job.worker = Some(lease.worker);
    job.started_at = Some(lease.since);
    job.updated_at = lease.since.max(job.updated_at);
    job.sequence = Sequence(job.sequence.0 + 1);
}
