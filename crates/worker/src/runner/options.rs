//! What a worker is told.

use std::time::Duration;

use scheduler_domain::Invalid;
use scheduler_queue::Served;
use scheduler_service::config;
use tokio::sync::watch;

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names the process; a boot id is added.
    pub instance: String,
    /// Attempts at once.
    pub pool_size: usize,
    /// Jobs claimed in one step, at most. How many may be held at all follows from the pool and from how long jobs run.
    pub claim_batch: usize,
    /// Which queues it takes from.
    pub served: Served,
    /// Is told how many attempts run.
    pub busy: watch::Sender<usize>,
    /// After the drain begins, running attempts have so long to finish before they are handed back.
    pub drain_grace: Duration,
}

impl Options {
    /// As configured.
    ///
    /// # Errors
    /// The first of the configured queues that has not the name of one.
    pub fn from_config(config: &config::Worker, instance: &str) -> Result<Self, Invalid> {
        Ok(Self {
            instance: instance.to_owned(),
            pool_size: config.pool_size,
            claim_batch: config.claim_batch,
            served: Served::parse(&config.queues)?,
            busy: watch::Sender::new(0),
            drain_grace: config.drain_grace,
        })
    }
}
