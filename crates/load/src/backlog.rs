//! What waits in the scheduler, asked once a second.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use scheduler_client::Client;
use scheduler_client::v1::ListQueuesResponse;

use crate::sender::locked;

/// Sizes of the scheduler's queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Backlog {
    pub(crate) ready: u64,
    /// Held by workers.
    pub(crate) running: u64,
    pub(crate) delayed: u64,
    pub(crate) workers: u64,
    /// The longest that a ready job has waited.
    pub(crate) oldest: Duration,
}

impl Backlog {
    /// Jobs that have not ended.
    pub(crate) fn open(&self) -> u64 {
        self.ready + self.running + self.delayed
    }
}

impl From<&ListQueuesResponse> for Backlog {
    fn from(answer: &ListQueuesResponse) -> Self {
        let count = |n: i64| u64::try_from(n).unwrap_or_default();
        let ages = answer.queues.iter().filter_map(|queue| queue.oldest_ready_age);
        Self {
            ready: count(answer.queues.iter().map(|queue| queue.ready).sum()),
            running: count(answer.running.saturating_add(answer.buffered)),
            delayed: count(answer.delayed),
            workers: count(answer.workers),
            oldest: ages
                // The library's conversion of what is below zero can overflow.
                .filter(|age| age.seconds >= 0 && age.nanos >= 0)
                .filter_map(|age| Duration::try_from(age).ok())
                .max()
                .unwrap_or_default(),
        }
    }
}

/// The latest answer, if there was one lately.
#[derive(Debug, Default)]
pub(crate) struct Gauge(Mutex<Option<Backlog>>);

impl Gauge {
    pub(crate) fn latest(&self) -> Option<Backlog> {
        *locked(&self.0)
    }

    pub(crate) async fn ask(&self, client: &Client) -> Option<Backlog> {
        let answer = client.queues().await.ok();
        let backlog = answer.map(|answer| Backlog::from(&*answer));
        *locked(&self.0) = backlog;
        backlog
    }

    /// Asks for ever.
    pub(crate) async fn watch(&self, client: &Client) -> Infallible {
        loop {
            self.ask(client).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
