//! The closed loop: so many callers, each of which makes its next call when it has its answer.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Desk;

/// What to send.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) callers: u32,
    pub(super) until: Option<Instant>,
    pub(super) batch: u64,
    pub(super) jobs: u64,
}

/// Sends it all, and waits for the answers.
pub(super) async fn run(desk: &Arc<Desk>, order: Order) {
    let (order, next) = (Arc::new(order), Arc::new(AtomicU64::new(0)));
    let mut callers = JoinSet::new();
    for _ in 0..order.callers {
        callers.spawn(caller(Arc::clone(desk), Arc::clone(&order), Arc::clone(&next)));
    }
    callers.join_all().await;
}

async fn caller(desk: Arc<Desk>, order: Arc<Order>, next: Arc<AtomicU64>) {
    while !desk.stop.is_cancelled() && order.until.is_none_or(|until| Instant::now() < until) {
        let first = next.fetch_add(order.batch, Relaxed);
        let count = order.batch.min(order.jobs.saturating_sub(first));
        if count == 0 {
            return;
        }
        desk.gauges.offered.fetch_add(count, Relaxed);
        desk.enter();
        desk.call(first, count, desk.began.elapsed()).await;
        desk.leave();
    }
}
