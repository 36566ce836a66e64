//! Idle latency: one job at a time on a scheduler that has nothing else to do.
//!
//! The clock starts when the acknowledgement has arrived here, by this machine's wall clock; the other end is what the
//! scheduler recorded: `started_at` is read by the worker just before it calls the handler, `finished_at` just after the
//! handler returned; both to the microsecond, by the worker's clock. So the figures are sound where both run on one
//! machine; elsewhere the difference of the clocks is in them. The job is looked at only after a pause, so that looking
//! does not compete with running it.

use std::time::Duration;

use scheduler_client::{Client, Error, JobRequest, State, v1};
use scheduler_domain::Clock;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::random::Random;
use crate::stats::Latency;
use crate::wire::micros;

/// The pause after an acknowledgement: between these two, by chance, so that it keeps no step with any loop in there.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(20));
/// Between two looks at a job that goes on.
const LOOK: Duration = Duration::from_millis(5);
/// A job that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    /// From the acknowledgement to the handler's start.
    pub(crate) start: Latency,
    /// From the acknowledgement to the handler's end.
    pub(crate) done: Latency,
    /// From accepted to the handler's start, by the scheduler's clock alone.
    pub(crate) wait: Latency,
    /// Jobs whose handler had started before the acknowledgement arrived; they count as one microsecond.
    pub(crate) early: u64,
    pub(crate) ended: u64,
    pub(crate) unended: u64,
}

impl Idle {
    /// Waits for the end of a job that was acknowledged just now.
    ///
    /// # Errors
    /// When the scheduler does not say how it goes.
    pub(crate) async fn follow(
        &mut self,
        client: &Client,
        job_id: &str,
        acknowledged: i64,
        random: &mut Random,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let spread = PAUSE.1 - PAUSE.0;
        tokio::time::sleep(PAUSE.0 + spread.mul_f64(random.unit())).await;
        let until = Instant::now() + PATIENCE;
        loop {
            let job = client.get(job_id).await?.into_inner();
            if State::from_number(job.state).is_some_and(State::is_final) {
                self.learn(&job, acknowledged);
                return Ok(());
            }
            if Instant::now() > until || stop.is_cancelled() {
                self.unended += 1;
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    fn learn(&mut self, job: &v1::JobStatus, acknowledged: i64) {
        let span = |from: i64, to: i64| Duration::from_micros(u64::try_from(to - from).unwrap_or_default());
        let (started, finished) = (micros(job.started_at), micros(job.finished_at));
        self.ended += 1;
        self.early += u64::from(started < acknowledged);
        self.start.record(span(acknowledged, started));
        self.done.record(span(acknowledged, finished));
        self.wait.record(span(micros(job.created_at), started));
    }
}

/// Now, in microseconds since 1970.
pub(crate) fn now(clock: &dyn Clock) -> i64 {
    clock.now().timestamp_micros()
}

/// The job that is submitted.
pub(crate) fn job(queue: &str) -> JobRequest {
    JobRequest::new("noop").queue(queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(created: i64, started: i64, finished: i64) -> v1::JobStatus {
        let at = |micros: i64| {
            Some(prost_types::Timestamp {
                seconds: micros / 1_000_000,
                nanos: i32::try_from(micros % 1_000_000 * 1_000).unwrap(),
            })
        };
        v1::JobStatus {
            created_at: at(created),
            started_at: at(started),
            finished_at: at(finished),
            ..v1::JobStatus::default()
        }
    }

    #[test]
    fn a_start_is_measured_from_the_acknowledgement_and_an_early_one_is_told() {
        let mut idle = Idle::default();
        idle.learn(&status(1_000_000, 1_000_900, 1_001_000), 1_000_400);
        idle.learn(&status(2_000_000, 2_000_100, 2_000_700), 2_000_300);
        assert_eq!((idle.start.at(1.0), idle.start.at(0.0)), (500, 1));
        assert_eq!(idle.done.at(1.0), 600);
        assert_eq!(idle.wait.at(1.0), 900);
        assert_eq!((idle.early, idle.ended), (1, 2));
    }
}
