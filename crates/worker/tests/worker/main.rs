//! The worker over memory backends, in a time of its own: nothing here waits for the wall clock.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail as tests do"
)]

mod attempts;
mod blocked;
mod cancel;
mod drain;
mod faulty;
mod heartbeat;
mod outage;
mod poison;
mod pool;
mod process;
mod progress;
mod world;
