//! The open loop: calls leave when they are due, whatever became of those before.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::Desk;
use crate::schedule::Arrivals;

/// The shortest sleep: arrivals that are closer than this leave together, which spares a wake-up each.
const NAP: Duration = Duration::from_micros(100);
/// The longest sleep, so that a stop is noticed.
const REST: Duration = Duration::from_millis(50);

/// What to send.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) arrivals: Arrivals,
    pub(super) batch: u64,
    pub(super) jobs: u64,
    pub(super) max_in_flight: u64,
}

/// Sends it all, and waits for the answers.
pub(super) async fn run(desk: &Arc<Desk>, order: Order) {
    let (pacer, runtime) = (Arc::clone(desk), Handle::current());
    // A thread of its own: the runtime's timers are a millisecond coarse, and its tasks wait behind the calls' work.
    let paced = tokio::task::spawn_blocking(move || pace(&pacer, order, &runtime));
    // It panics only where a task could; what it has counted stays true.
    let _ = paced.await;
    // Every call has a deadline of its own.
    while desk.gauges.in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn pace(desk: &Arc<Desk>, order: Order, runtime: &Handle) {
    let mut first = 0;
    for due in order.arrivals {
        let count = order.batch.min(order.jobs - first);
        if count == 0 || !wait_until(desk, desk.began + due) {
            return;
        }
        desk.gauges.offered.fetch_add(count, Relaxed);
        if desk.gauges.in_flight() >= order.max_in_flight {
            desk.gauges.dropped.fetch_add(count, Relaxed);
        } else {
            desk.enter();
            let desk = Arc::clone(desk);
            runtime.spawn(async move {
                desk.call(first, count, due).await;
                desk.leave();
            });
        }
        first += count;
    }
}

/// Sleeps until `due`; false when the run is to stop.
fn wait_until(desk: &Desk, due: Instant) -> bool {
    loop {
        if desk.stop.is_cancelled() {
            return false;
        }
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.clamp(NAP, REST));
    }
}
