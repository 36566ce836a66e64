//! Leaving in good order, within bounds of its own.
//!
//! The bounds add up to less than the time that is left by default between the end of the grace (25 s) and the end of the
//! process (30 s); after an abort, to less than the two seconds that the process waits.

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use super::{Shared, Stop, note};
use crate::history;

/// How long a step may take, and how long when everything must stop at once.
#[derive(Clone, Copy)]
struct Bound {
    calm: Duration,
    hurried: Duration,
}

/// Giving back what has not begun.
const RELEASE: Bound = bound(2_000, 300);
/// Handlers that are told to stop at the end of the grace may react for so long.
const REACT: Bound = bound(1_000, 0);
/// Handlers whose future is dropped are gone at once, unless one blocks its thread.
const DROP: Bound = bound(250, 250);
/// Reports on their way, for handing back what is finished would run it again; and what attempts noted last.
const REPORT: Bound = bound(1_500, 500);
/// Handing back what has begun.
const HAND_BACK: Bound = bound(1_500, 500);
/// What goes on beside the attempts is over; it may be in the middle of giving something back.
const BESIDE: Duration = Duration::from_millis(250);
/// Leaving the list of workers.
const RETIRE: Duration = Duration::from_millis(250);

const fn bound(calm: u64, hurried: u64) -> Bound {
    Bound {
        calm: Duration::from_millis(calm),
        hurried: Duration::from_millis(hurried),
    }
}

/// After the drain began: gives back what waits, lets what runs finish within `grace`, hands back the rest.
pub(super) async fn leave(shared: &Shared, slots: &TaskTracker, stop: &Stop, grace: Duration) {
    slots.close();
    // From the buffer too, or it would be given back once more when it has waited too long.
    shared.buffer.overdue(Duration::ZERO);
    let unstarted = shared.held.take_waiting();
    let (running, _) = shared.held.running(Duration::ZERO);
    info!(worker = %shared.session.worker(), released = unstarted.len(), running, "worker drains");
    history::drains(shared.session.worker(), running, unstarted.len());
    shared.meters.released(unstarted.len());
    within(RELEASE, stop, shared.session.release(unstarted)).await;

    let grace = Bound {
        calm: grace,
        hurried: Duration::ZERO,
    };
    if !within(grace, stop, slots.wait()).await {
        shared.held.leave();
        if !within(REACT, stop, slots.wait()).await {
            shared.forced.cancel();
            within(DROP, stop, slots.wait()).await;
        }
    }
    shared.reporting.close();
    let noted = async {
        if let Err(error) = note::store(shared).await {
            warn!(
                error = &error as &dyn std::error::Error,
                "progress not stored, what is handed back begins from what was stored before"
            );
        }
    };
    let recorded = async {
        tokio::join!(shared.reporting.wait(), noted);
    };
    within(REPORT, stop, recorded).await;
    let begun = shared.held.take_begun(shared.session.worker());
    info!(worker = %shared.session.worker(), handed_back = begun.len(), "worker stops");
    shared.meters.handed_back(begun.len());
    if !within(HAND_BACK, stop, shared.session.hand_back(begun)).await {
        warn!("jobs not handed back in time, their leases will run out");
    }
}

/// Ends what goes on `beside` the attempts, and takes the worker off the list: what it still holds is expired at once.
pub(super) async fn retire(shared: &Shared, beside: &TaskTracker) {
    beside.close();
    let _ = timeout(BESIDE, beside.wait()).await;
    if timeout(RETIRE, shared.session.retire()).await.is_err() {
        warn!("not retired in time, the registration will run out");
    }
}

/// Waits for `step` as long as the bound says; whether it was done.
async fn within(bound: Bound, stop: &Stop, step: impl Future<Output = ()>) -> bool {
    let limit = async {
        tokio::select! {
            () = sleep(bound.calm) => {}
            () = async {
                stop.abort.cancelled().await;
                sleep(bound.hurried).await;
            } => {}
        }
    };
    tokio::select! {
        biased;
        () = step => true,
        () = limit => false,
    }
}
