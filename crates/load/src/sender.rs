//! Sending: what both loops share, which is one call and its bookkeeping.

mod closed;
mod open;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;
use crate::plan::{Pace, Plan};
use crate::stats::{Gauges, Recorder};
use crate::transport::Transport;

/// What every call of a run shares.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) transport: Transport,
    pub(crate) recorder: Mutex<Recorder>,
    pub(crate) gauges: Gauges,
    /// Only where jobs are followed.
    pub(crate) ledger: Option<Mutex<Ledger>>,
    /// When the run began.
    pub(crate) began: Instant,
    /// Sending is to end.
    pub(crate) stop: CancellationToken,
}

/// The lock's content, also after a panic of another holder: counts are whole at every moment.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what the plan says; ends when every call has its answer.
pub(crate) async fn send(desk: &Arc<Desk>, plan: &Plan) {
    match &plan.pace {
        Pace::Open {
            schedule,
            spread,
            max_in_flight,
        } => {
            let arrivals = schedule.arrivals(*spread, plan.batch, plan.content.seed);
            let order = open::Order {
                arrivals,
                batch: u64::from(plan.batch),
                jobs: plan.jobs.unwrap_or(u64::MAX),
                max_in_flight: *max_in_flight,
            };
            open::run(desk, order).await;
        }
        Pace::Closed { callers, duration } => {
            let order = closed::Order {
                callers: *callers,
                until: duration.map(|duration| desk.began + duration),
                batch: u64::from(plan.batch),
                jobs: plan.jobs.unwrap_or(u64::MAX),
            };
            closed::run(desk, order).await;
        }
    }
}

impl Desk {
    /// Makes the call that carries the submits from `first` on, and writes down what came of it.
    async fn call(&self, first: u64, count: u64, due: Duration) {
        let sent = Instant::now();
        let answer = if count == 1 {
            let index = self.transport.carried(first);
            self.note_sent(&[index], due);
            self.transport.one(index).await
        } else {
            let indices: Vec<u64> = (first..first + count)
                .map(|n| self.transport.carried(n))
                .collect();
            self.note_sent(&indices, due);
            self.transport.batch(&indices).await
        };
        let answered = Instant::now();
        if let Some(ledger) = &self.ledger {
            let mut ledger = locked(ledger);
            for (index, id) in &answer.accepted {
                ledger.acknowledged(*index, id);
            }
        }
        let due = self.began + due;
        let mut outcome = answer.outcome;
        outcome.latency = answered.saturating_duration_since(due);
        outcome.service = answered.saturating_duration_since(sent);
        outcome.lag = sent.saturating_duration_since(due);
        locked(&self.recorder).record(outcome, || answer.message);
    }

    fn note_sent(&self, indices: &[u64], due: Duration) {
        if let Some(ledger) = &self.ledger {
            let mut ledger = locked(ledger);
            indices.iter().for_each(|index| ledger.sends(*index, due));
        }
    }

    fn enter(&self) {
        self.gauges.in_flight.fetch_add(1, Relaxed);
    }

    fn leave(&self) {
        self.gauges.in_flight.fetch_sub(1, Relaxed);
    }
}
