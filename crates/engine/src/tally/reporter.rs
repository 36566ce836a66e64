//! Telling the others.

use std::sync::{Arc, Weak};
use std::time::Duration;

use scheduler_queue::SharedQueue;
use tracing::{debug, info};

use super::Tally;

/// Time between two reports.
const PERIOD: Duration = Duration::from_secs(1);
/// Reports that are called for are at least so far apart.
const SPACING: Duration = Duration::from_millis(100);

impl Tally {
    /// Reports to `queue` in the name of `process`, as long as anybody counts.
    pub(crate) fn start(self: &Arc<Self>, queue: SharedQueue, process: String) {
        tokio::spawn(tell(Arc::downgrade(self), queue, process));
    }

    /// Reports once.
    pub(crate) async fn tell(
        &self,
        queue: &SharedQueue,
        process: &str,
    ) -> Result<(), scheduler_queue::Error> {
        queue.report(process, &self.report()).await
    }
}

async fn tell(tally: Weak<Tally>, queue: SharedQueue, process: String) {
    let mut failing = false;
    loop {
        tokio::time::sleep(SPACING).await;
        let Some(tally) = tally.upgrade() else { return };
        let _ = tokio::time::timeout(PERIOD - SPACING, tally.woken.notified()).await;
        match tally.tell(&queue, &process).await {
            Ok(()) if std::mem::take(&mut failing) => info!("load is reported again"),
            Ok(()) => {}
            Err(error) => {
                // Whoever reads the figures is told that they cannot be read.
                debug!(%error, "load not reported, trying again");
                failing = true;
            }
        }
    }
}
