//! Self-clocked batching.
//!
//! A lane has one statement in flight. When it returns, the lane takes everything that has come in meanwhile and sends that as
//! the next one. Idle, a batch is one item and waits for nothing; under load, batches grow by themselves to what the store can
//! take. (The same idea as TCP's self-clocking, and as group commit.)
//!
//! Small batches keep a distance: where something came while one was under way, the next begins some time after it. Where items come one
//! by one, each a fraction of a millisecond after the other, statements of one row each would keep every core busy that there is,
//! and all would wait for them. Whoever comes alone, and again when he was answered, waits for nothing.
//!
//! The first lane takes whatever is there. The others take part while a whole batch waits: two lanes that took what came had batches
//! half as large and stood in each other's way, which cost PostgreSQL half as much again for jobs that come one at a time.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// What batches are like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batches {
    /// Most items.
    pub(crate) largest: usize,
    /// From the beginning of a small one to that of the next.
    pub(crate) apart: Duration,
}

/// A batch that has fewer is small: most of what it costs is what any batch costs.
const FEW: usize = 64;

type Reply<R> = Box<dyn FnOnce(R) + Send>;

struct Call<T, R> {
    item: T,
    reply: Reply<R>,
}

impl<T, R: Send + 'static> Call<T, R> {
    /// With somebody who waits for the answer, or has gone by then: the item is processed all the same.
    fn awaited(item: T) -> (Self, oneshot::Receiver<R>) {
        let (sender, answer) = oneshot::channel();
        let reply = Box::new(|answer| drop(sender.send(answer)));
        (Self { item, reply }, answer)
    }
}

/// A handle to a set of lanes that share one bounded inlet. The lanes end when the last handle is gone.
pub(crate) struct Lanes<T, R> {
    inlet: mpsc::Sender<Call<T, R>>,
    largest: usize,
    /// Tells the further lanes that a whole batch waits.
    enough: Arc<Notify>,
}

impl<T, R> Clone for Lanes<T, R> {
    fn clone(&self) -> Self {
        Self {
            inlet: self.inlet.clone(),
            largest: self.largest,
            enough: Arc::clone(&self.enough),
        }
    }
}

/// The inlet is full, or closed: the item comes back.
pub(crate) enum Rejected {
    Full,
    Closed,
}

/// What the lanes have in common.
struct Shared<T, R, F> {
    name: &'static str,
    batches: Batches,
    outlet: Mutex<mpsc::Receiver<Call<T, R>>>,
    process: F,
}

impl<T, R, F, Fut> Shared<T, R, F>
where
    F: Fn(Vec<T>) -> Fut,
    Fut: Future<Output = Vec<R>>,
{
    /// Takes whatever is there, until the inlet is closed.
    async fn run_first(&self) {
        let mut calls = Vec::new();
        while self.receive(&mut calls).await > 0 {
            let next = Instant::now() + self.batches.apart;
            let few = calls.len() < FEW;
            self.batch(&mut calls).await;
            // A timer of a moment that has passed waits for the runtime's next look at its timers.
            if few && !self.outlet.lock().await.is_empty() && Instant::now() < next {
                sleep_until(next).await;
            }
        }
    }

    /// Waits for something, and takes what there is. How much: nothing when the inlet is closed.
    async fn receive(&self, calls: &mut Vec<Call<T, R>>) -> usize {
        let mut outlet = self.outlet.lock().await;
        outlet.recv_many(calls, self.batches.largest).await
    }

    /// Takes whole batches, until the inlet is closed.
    async fn run_further(&self, enough: &Notify) {
        let mut calls = Vec::new();
        loop {
            enough.notified().await;
            loop {
                // Whoever holds it takes what is there.
                let Ok(mut outlet) = self.outlet.try_lock() else {
                    break;
                };
                if outlet.len() < self.batches.largest {
                    if outlet.is_closed() {
                        // The next one may be waiting still.
                        enough.notify_one();
                        return;
                    }
                    break;
                }
                outlet.recv_many(&mut calls, self.batches.largest).await;
                drop(outlet);
                self.batch(&mut calls).await;
            }
        }
    }

    async fn batch(&self, calls: &mut Vec<Call<T, R>>) {
        crate::metrics::batch(self.name, calls.len());
        let (items, replies): (Vec<T>, Vec<_>) = calls.drain(..).map(|call| (call.item, call.reply)).unzip();
        // Without its first lane nothing would be done any more.
        let Ok(answers) = AssertUnwindSafe(async { (self.process)(items).await })
            .catch_unwind()
            .await
        else {
            tracing::error!(lane = self.name, "a batch panicked, its callers get no answer");
            return;
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            reply(answer);
        }
    }
}

impl<T: Send + 'static, R: Send + 'static> Lanes<T, R> {
    /// Starts `count` lanes that take batches from an inlet of `capacity`. `process` must answer each item, in order.
    pub(crate) fn start<F, Fut>(
        name: &'static str,
        count: usize,
        capacity: usize,
        batches: Batches,
        process: F,
    ) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<R>> + Send + 'static,
    {
        let (inlet, outlet) = mpsc::channel(capacity.max(1));
        let enough = Arc::new(Notify::new());
        let shared = Arc::new(Shared {
            name,
            batches,
            outlet: Mutex::new(outlet),
            process,
        });
        for _ in 1..count {
            let (shared, enough) = (Arc::clone(&shared), Arc::clone(&enough));
            tokio::spawn(async move { shared.run_further(&enough).await });
        }
        let ended = Arc::clone(&enough);
        tokio::spawn(async move {
            shared.run_first().await;
            ended.notify_one();
        });
        Self {
            inlet,
            largest: batches.largest,
            enough,
        }
    }

    /// Hands `item` in without waiting for a place, and waits for its answer. `None` when the lane died under it.
    pub(crate) fn try_call(
        &self,
        item: T,
    ) -> Result<impl Future<Output = Option<R>> + Send + use<T, R>, Rejected> {
        let (call, answer) = Call::awaited(item);
        match self.send(call) {
            Ok(()) => Ok(async move { answer.await.ok() }),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Rejected::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Rejected::Closed),
        }
    }

    /// Hands `item` in, waiting for a place, and waits for its answer. `None` when the lanes have ended.
    pub(crate) async fn call(&self, item: T) -> Option<R> {
        let (call, answer) = Call::awaited(item);
        self.inlet.send(call).await.ok()?;
        self.tell();
        answer.await.ok()
    }

    /// Hands `item` in and leaves it there; `reply` is told the answer on the lane, so it must not take long. When there is no place, a
    /// task of its own waits for one. When the lanes have ended, `reply` is dropped.
    pub(crate) fn post(&self, item: T, reply: impl FnOnce(R) + Send + 'static) {
        let reply = Box::new(reply);
        if let Err(mpsc::error::TrySendError::Full(call)) = self.send(Call { item, reply }) {
            let inlet = self.inlet.clone();
            tokio::spawn(async move { inlet.send(call).await });
        }
    }

    fn send(&self, call: Call<T, R>) -> Result<(), mpsc::error::TrySendError<Call<T, R>>> {
        self.inlet.try_send(call)?;
        self.tell();
        Ok(())
    }

    fn tell(&self) {
        if self.inlet.max_capacity() - self.inlet.capacity() >= self.largest {
            self.enough.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use tokio::sync::Semaphore;

    use super::*;

    const LARGEST: usize = 100;
    const APART: Duration = Duration::from_millis(2);
    const BATCHES: Batches = Batches {
        largest: LARGEST,
        apart: APART,
    };

    type Sizes = Arc<StdMutex<Vec<usize>>>;

    #[tokio::test]
    async fn an_idle_lane_takes_one_item_and_a_busy_one_takes_all_that_waits() {
        let (lanes, gate, sizes) = gated(1);
        let first = tokio::spawn({
            let lanes = lanes.clone();
            async move { lanes.call(1).await }
        });
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let rest: Vec<_> = (2..12).map(|n| lanes.try_call(n).ok().unwrap()).collect();
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), Some(2));
        let answers: Vec<_> = futures::future::join_all(rest)
            .await
            .into_iter()
            .flatten()
            .collect();
        assert_eq!(answers, (2..12).map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(*sizes.lock().unwrap(), [1, 10]);
    }

    /// Lanes whose batches wait for a permit each, and the sizes of those that have begun.
    fn gated(count: usize) -> (Lanes<usize, usize>, Arc<Semaphore>, Sizes) {
        let (gate, sizes) = (Arc::new(Semaphore::new(0)), Sizes::default());
        let lanes = {
            let (gate, sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
            Lanes::start("test", count, 4 * LARGEST, BATCHES, move |items: Vec<usize>| {
                let (gate, sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
                async move {
                    sizes.lock().unwrap().push(items.len());
                    gate.acquire().await.unwrap().forget();
                    items.into_iter().map(|n| n * 2).collect()
                }
            })
        };
        (lanes, gate, sizes)
    }

    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_further_lane_takes_part_while_a_whole_batch_waits() {
        let (lanes, gate, sizes) = gated(2);
        let put = |items: usize| {
            (0..items)
                .map(|n| lanes.try_call(n).ok().unwrap())
                .collect::<Vec<_>>()
        };
        let mut answers = put(1);
        settle().await;
        answers.extend(put(LARGEST - 1));
        settle().await;
        assert_eq!(
            *sizes.lock().unwrap(),
            [1],
            "what is less is left for the first lane"
        );
        answers.extend(put(1));
        settle().await;
        assert_eq!(*sizes.lock().unwrap(), [1, LARGEST]);
        answers.extend(put(5));
        gate.add_permits(3);
        let answers = futures::future::join_all(answers).await;
        assert!(answers.iter().all(Option::is_some));
        assert_eq!(*sizes.lock().unwrap(), [1, LARGEST, 5]);
    }

    /// When the second batch begins, after one of so many items, if something comes `meanwhile` or when the first was answered.
    async fn begins_after(items: usize, meanwhile: bool) -> Duration {
        let (lanes, gate, _) = gated(1);
        let first: Vec<_> = (0..items).map(|n| lanes.try_call(n).ok().unwrap()).collect();
        settle().await;
        let next = meanwhile.then(|| lanes.try_call(0).ok().unwrap());
        gate.add_permits(2);
        let begun = Instant::now();
        futures::future::join_all(first).await;
        match next {
            Some(next) => next.await,
            None => lanes.call(0).await,
        };
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn small_batches_keep_their_distance_where_items_come_meanwhile() {
        assert_eq!(begins_after(1, true).await, APART);
        assert_eq!(begins_after(FEW - 1, true).await, APART);
        assert_eq!(
            begins_after(FEW, true).await,
            Duration::ZERO,
            "what is large pays for itself"
        );
        assert_eq!(
            begins_after(1, false).await,
            Duration::ZERO,
            "who comes alone does not wait"
        );
    }

    #[tokio::test]
    async fn the_lanes_end_with_their_last_handle() {
        for count in [1, 2, 5] {
            let (lanes, gate, sizes) = gated(count);
            let last: Vec<_> = (0..LARGEST + 1)
                .map(|n| lanes.try_call(n).ok().unwrap())
                .collect();
            drop(lanes);
            gate.add_permits(10);
            let answers = futures::future::join_all(last).await;
            assert!(answers.iter().all(Option::is_some), "what was handed in is done");
            settle().await;
            assert_eq!(Arc::strong_count(&sizes), 1, "of {count} lanes some are left");
        }
    }

    #[tokio::test]
    async fn a_batch_that_panics_leaves_its_callers_without_an_answer_and_the_lane_alive() {
        let lanes = Lanes::start("test", 1, 10, BATCHES, |items: Vec<u32>| async move {
            assert!(!items.contains(&13), "told to");
            items
        });
        assert_eq!(lanes.call(13).await, None);
        assert_eq!(lanes.call(7).await, Some(7));
    }

    #[tokio::test]
    async fn a_full_inlet_refuses_instead_of_growing() {
        let lanes = Lanes::start(
            "test",
            1,
            2,
            Batches {
                largest: 1,
                apart: APART,
            },
            |items: Vec<u32>| async move {
                std::future::pending::<()>().await;
                items
            },
        );
        let mut waiting = Vec::new();
        let refused = (0..10).any(|n| match lanes.try_call(n) {
            Ok(answer) => {
                waiting.push(answer);
                false
            }
            Err(rejected) => matches!(rejected, Rejected::Full),
        });
        assert!(refused);
        assert!(waiting.len() <= 3);
    }
}
