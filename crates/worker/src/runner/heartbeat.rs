//! Renews every lease, at each heartbeat.
//!
//! On a thread of its own, over a connection of its own: a handler that blocks the threads of the runtime must not cost the jobs of
//! its neighbours, which are doing well. The same thread sees to it that they go on, see [`nudge`].

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use scheduler_queue::{Apart, SharedQueue};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::Shared;

/// The longest that a runtime with a free thread may stand still, see [`nudge`].
const NUDGE: Duration = Duration::from_millis(100);

/// Beats until `over`; one that is on its way then is given up.
pub(super) async fn renew(shared: Arc<Shared>, over: CancellationToken) {
    if let Some(queue) = shared.session.queue_apart()
        && let Err(error) = apart(&shared, &over, queue).await
    {
        warn!(%error, "heartbeats have no thread of their own: they depend on what handlers do");
    }
    over.run_until_cancelled(beat(&shared, None)).await;
}

/// Beats on a thread of its own, until `over`.
async fn apart(shared: &Arc<Shared>, over: &CancellationToken, queue: Apart) -> anyhow::Result<()> {
    // However this ends, the thread does too.
    let over = over.child_token();
    let _end = over.clone().drop_guard();
    let (done, ended) = oneshot::channel();
    let (shared, handlers) = (Arc::clone(shared), Handle::current());
    let work = move || {
        let beaten = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(anyhow::Error::from);
        let beaten = beaten.and_then(|runtime: Runtime| {
            runtime.block_on(async {
                let queue = queue()?;
                let beating = async { tokio::join!(beat(&shared, Some(&queue)), nudge(&handlers)) };
                over.run_until_cancelled(beating).await;
                anyhow::Ok(())
            })
        });
        // Nobody waits for it any more when the process is on its way out.
        let _ = done.send(beaten);
    };
    // Waited for through the channel, for joining would block.
    thread::Builder::new().name("heartbeat".to_owned()).spawn(work)?;
    ended.await?
}

/// Wakes a thread of the `runtime` where handlers run, again and again.
///
/// One thread waits for its sockets and timers, and when it has found a single thing to do it does that without waking another to wait
/// in its place. If that blocks, nothing moves any more although threads are free: whichever is woken goes and waits
/// (<https://github.com/tokio-rs/tokio/issues/4730>; Tokio's own remedy, `enable_eager_driver_handoff`, is not stable).
async fn nudge(runtime: &Handle) {
    loop {
        // Waited for, or one more would wait each time while every thread is blocked.
        let _ = runtime.spawn(async {}).await;
        sleep(NUDGE).await;
    }
}

async fn beat(shared: &Shared, queue: Option<&SharedQueue>) {
    let options = shared.engine.options();
    let mut ticks = interval(options.heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    let mut still = false;
    loop {
        ticks.tick().await;
        let sent = Instant::now();
        if shared.turned.stands_still(options.lease) {
            if !std::mem::replace(&mut still, true) {
                error!("handlers block every thread of this worker: its jobs are let go");
            }
            continue;
        }
        still = false;
        let held = shared.held.leases(shared.session.worker());
        // Bounded, so that a call that hangs does not end the heartbeats for ever.
        let beating = async {
            match queue {
                Some(queue) => shared.session.beat_over(queue, &held).await,
                None => shared.session.beat(&held).await,
            }
        };
        let answer = match timeout(options.lease, beating).await {
            Ok(Ok(lost)) => Ok(lost),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer for the length of a lease".to_owned()),
        };
        match answer {
            Ok(lost) => {
                // First what is lost, for the pulse lets buffered jobs begin.
                shared.unwanted(&lost);
                shared.pulse.beat(sent);
                if std::mem::take(&mut failing) {
                    info!(held = held.len(), lost = lost.len(), "heartbeats arrive again");
                }
            }
            Err(error) if !failing => {
                failing = true;
                warn!(error, held = held.len(), "heartbeat not sent, trying again");
            }
            Err(_) => {}
        }
    }
}
