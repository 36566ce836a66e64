//! Following one job: hints wake the watcher, the store tells it what is true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scheduler_domain::{Entropy, Job, JobId, Sequence};
use scheduler_queue::{Hint, SharedQueue};
use tokio::sync::{OnceCell, broadcast, watch};
use tracing::debug;

use crate::backoff::Backoff;
use crate::{Engine, Error};

/// Shortest and longest time between two looks without a hint: the durable way to learn of a change when hints are lost.
const POLL: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// A job that changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change(pub Job);

/// Follows one job from a sequence number on.
pub struct Watch {
    engine: Engine,
    id: JobId,
    seen: Option<Sequence>,
    woken: Interest,
    poll: Duration,
    ended: bool,
}

impl Engine {
    /// Follows job `id`: the first change is its current state, unless that was seen (`after`) already.
    pub async fn watch(&self, id: JobId, after: Option<Sequence>) -> Watch {
        // Interest is registered before the first look, so that no change falls between the two.
        let woken = self.parts.hub.register(id).await;
        Watch {
            engine: self.clone(),
            id,
            seen: after,
            woken,
            poll: POLL.0,
            ended: false,
        }
    }
}

impl Watch {
    /// The next change; `Ok(None)` after the final one, and when there is no such job.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn next(&mut self) -> Result<Option<Change>, Error> {
        while !self.ended {
            let Some(job) = self.engine.get(self.id).await? else {
                self.ended = true;
                return Ok(None);
            };
            self.ended = job.state.is_final();
            if self.seen.is_none_or(|seen| job.sequence > seen) {
                self.seen = Some(job.sequence);
                self.poll = POLL.0;
                return Ok(Some(Change(job)));
            }
            if !self.ended {
                let _ = tokio::time::timeout(self.poll, self.woken.changed()).await;
                self.poll = (self.poll * 2).min(POLL.1);
            }
        }
        Ok(None)
    }
}

type Interests = Arc<Mutex<HashMap<JobId, watch::Sender<()>>>>;

/// Hands hints from the queue to the watchers in this process: one subscription for all of them.
pub(crate) struct Hub {
    queue: SharedQueue,
    entropy: Arc<dyn Entropy>,
    interests: Interests,
    started: OnceCell<()>,
}

impl Hub {
    pub(crate) fn new(queue: SharedQueue, entropy: Arc<dyn Entropy>) -> Self {
        Self {
            queue,
            entropy,
            interests: Interests::default(),
            started: OnceCell::new(),
        }
    }

    async fn register(&self, id: JobId) -> Interest {
        self.started
            .get_or_init(|| async {
                let (queue, entropy) = (Arc::clone(&self.queue), Arc::clone(&self.entropy));
                tokio::spawn(listen(queue, entropy, Arc::downgrade(&self.interests)));
            })
            .await;
        let mut interests = self.interests.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = interests
            .entry(id)
            .or_insert_with(|| watch::channel(()).0)
            .subscribe();
        Interest {
            id,
            receiver,
            interests: Arc::clone(&self.interests),
        }
    }
}

/// One watcher's place in the hub; taken out when dropped.
struct Interest {
    id: JobId,
    receiver: watch::Receiver<()>,
    interests: Interests,
}

impl Interest {
    async fn changed(&mut self) {
        if self.receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Interest {
    fn drop(&mut self) {
        let mut interests = self.interests.lock().unwrap_or_else(PoisonError::into_inner);
        if interests
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            interests.remove(&self.id);
        }
    }
}

/// Runs until the hub is gone.
async fn listen(
    queue: SharedQueue,
    entropy: Arc<dyn Entropy>,
    interests: std::sync::Weak<Mutex<HashMap<JobId, watch::Sender<()>>>>,
) {
    let mut backoff = Backoff::default();
    while interests.strong_count() > 0 {
        match queue.subscribe().await {
            Ok(mut hints) => {
                backoff.reset();
                hand_on(&mut hints, &interests).await;
            }
            Err(error) => {
                debug!(%error, "no hints, watchers poll");
                tokio::time::sleep(backoff.next(&*entropy)).await;
            }
        }
    }
}

async fn hand_on(
    hints: &mut broadcast::Receiver<Hint>,
    interests: &std::sync::Weak<Mutex<HashMap<JobId, watch::Sender<()>>>>,
) {
    loop {
        let hint = match tokio::time::timeout(Duration::from_secs(10), hints.recv()).await {
            Ok(Ok(hint)) => Some(hint),
            Ok(Err(broadcast::error::RecvError::Closed)) => return,
            // Hints were missed: everybody looks.
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => None,
            Err(_) if interests.strong_count() == 0 => return,
            Err(_) => continue,
        };
        let Some(interests) = interests.upgrade() else {
            return;
        };
        let interests = interests.lock().unwrap_or_else(PoisonError::into_inner);
        match hint {
            Some(Hint::Changed(ids)) => ids
                .iter()
                .filter_map(|id| interests.get(id))
                .for_each(|s| s.send_replace(())),
            Some(Hint::Cancelled(id)) => {
                if let Some(interest) = interests.get(&id) {
                    interest.send_replace(());
                }
            }
            None => interests.values().for_each(|s| s.send_replace(())),
        }
    }
}
