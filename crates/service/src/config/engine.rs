//! `[engine]`: leases, upkeep and retention.

use std::time::Duration;

use scheduler_domain::limits;

use super::field::section;

section! {
    /// How jobs are handed out, watched over and forgotten. API and workers should agree on it.
    pub struct Engine at "engine" {
        /// A worker's leases outlive its last heartbeat by so long; then its jobs are handed out again.
        lease: Duration = Duration::from_secs(15), in Duration::from_millis(100)..=Duration::from_hours(1);
        /// Time between a worker's heartbeats.
        heartbeat: Duration = Duration::from_secs(3), in Duration::from_millis(10)..=Duration::from_mins(20);
        /// Time between two looks for due jobs, expired leases and forgotten timers.
        sweep_period: Duration = Duration::from_secs(5), in Duration::from_millis(10)..=Duration::from_mins(10);
        /// A due job that Redis does not know is left alone for so long: its push may be under way.
        sweep_grace: Duration = Duration::from_secs(2), in Duration::ZERO..=Duration::from_mins(10);
        /// Delayed jobs due within this time are kept in Redis, later ones in the database alone.
        lookahead: Duration = Duration::from_mins(1), in Duration::from_millis(100)..=Duration::from_hours(24);
        /// What one step of priority is worth in waiting time: a HIGH job goes before a DEFAULT one unless that has
        /// waited for so much longer. So a flood of urgent jobs starves no other; zero ignores priorities.
        aging_step: Duration = Duration::from_secs(30), in Duration::ZERO..=Duration::from_hours(24);
        /// The lost lease that is a job's last: it becomes DEADLETTER instead of being handed out again.
        crash_budget: u32 = 5, in 1..=1_000;
        /// Longest attempt of a job that names no timeout.
        default_timeout: Duration = Duration::from_hours(1), in limits::MIN_TIMEOUT..=limits::MAX_TIMEOUT;
        /// Finished jobs are deleted when they are older than this; empty keeps them for ever.
        retention: Option<Duration> = Some(Duration::from_hours(7 * 24)),
            in Some(Duration::from_secs(1))..=Some(Duration::from_secs(10 * 31_557_600));
        /// Jobs looked at in one step of retention.
        retention_batch: usize = 1_000, in 1..=10_000;
    }
}
