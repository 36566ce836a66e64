//! How the engine is tuned.

use std::time::Duration;

/// Tunables, all with working defaults.
#[derive(Debug, Clone)]
pub struct Options {
    /// A worker's leases live so long after its last heartbeat.
    pub lease: Duration,
    /// Time between a worker's heartbeats; at most a third of `lease`.
    pub heartbeat: Duration,
    /// Time between two looks of each upkeep loop.
    pub sweep_period: Duration,
    /// A due job that the queue does not know is left alone until it has been due for so long: its push may be under way.
    pub sweep_grace: Duration,
    /// Delayed jobs due within this window are kept in the queue, later ones in the store alone.
    pub lookahead: Duration,
    /// The lost lease that is a job's last.
    pub crash_budget: u32,
    /// Longest attempt of a job that names no timeout.
    pub default_timeout: Duration,
    /// Finished jobs are deleted when they are older than this; never, when `None`.
    pub retention: Option<Duration>,
    /// Jobs looked at in one step of retention.
    pub retention_batch: usize,
    /// Submits that may wait for the store, in jobs; one more is refused.
    pub max_waiting_jobs: usize,
    /// Submits that may wait for the store, in bytes of payload.
    pub max_waiting_bytes: usize,
    /// Batches of submits in flight at once; a further one only while it can be a whole one.
    pub submit_lanes: usize,
    /// Batches of reports in flight at once, likewise.
    pub finish_lanes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            heartbeat: Duration::from_secs(3),
            sweep_period: Duration::from_secs(5),
            sweep_grace: Duration::from_secs(2),
            lookahead: Duration::from_secs(60),
            crash_budget: 5,
            default_timeout: Duration::from_secs(3600),
            retention: Some(Duration::from_secs(7 * 24 * 3600)),
            retention_batch: 1_000,
            max_waiting_jobs: 10_000,
            max_waiting_bytes: 64 << 20,
            submit_lanes: 2,
            finish_lanes: 2,
        }
    }
}
