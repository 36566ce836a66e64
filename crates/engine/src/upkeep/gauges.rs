//! How much waits, as metrics.

mod load;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scheduler_domain::Priority;
use tokio_util::sync::CancellationToken;

use super::repeat;
use crate::{Engine, Error};

const PERIOD: Duration = Duration::from_secs(5);

/// Reports depths, ages and sizes.
#[derive(Debug)]
pub struct Gauges {
    engine: Engine,
    shown: Mutex<load::Shown>,
}

impl Gauges {
    /// For this engine.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            shown: Mutex::default(),
        }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        repeat(&self.engine, "gauges", &stop, || self.step()).await;
    }

    /// Reads once and sets them.
    ///
    /// # Errors
    /// The queue's failure.
    pub async fn step(&self) -> Result<Duration, Error> {
        use crate::metrics as names;
        let overview = self.engine.overview().await?;
        let mut by_priority: HashMap<Priority, (u64, Duration)> = Priority::ALL
            .into_iter()
            .map(|priority| (priority, Default::default()))
            .collect();
        for depth in &overview.depths {
            let (ready, oldest) = by_priority.entry(depth.priority).or_default();
            *ready += depth.ready;
            *oldest = (*oldest).max(depth.oldest.unwrap_or_default());
        }
        for (priority, (ready, oldest)) in by_priority {
            names::ready(priority, number(ready), oldest.as_secs_f64());
        }
        // What the overview has just read.
        let signal = self.engine.signal(PERIOD).await?;
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .show(&signal);
        let sizes = overview.sizes;
        metrics::gauge!(names::PROCESSING).set(number(sizes.leased));
        metrics::gauge!(names::DELAYED).set(number(sizes.delayed));
        metrics::gauge!(names::WORKERS).set(number(sizes.workers));
        for (structure, bytes) in [
            ("ready", sizes.ready_bytes),
            ("delayed", sizes.delayed_bytes),
            ("leases", sizes.leased_bytes),
        ] {
            metrics::gauge!(names::QUEUE_BYTES, "structure" => structure).set(number(bytes));
        }
        Ok(PERIOD)
    }
}

/// Exact up to 2^53, which no queue reaches.
#[expect(clippy::cast_precision_loss, reason = "gauges are floating point")]
fn number(count: u64) -> f64 {
    count as f64
}
