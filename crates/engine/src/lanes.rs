//! Self-clocked batching.
//!
//! A lane has one statement in flight. When it returns, the lane takes everything that has come in meanwhile and sends that as
//! the next one. No timer: idle, a batch is one item and waits for nothing; under load, batches grow by themselves to what the
//! store can take. (The same idea as TCP's self-clocking, and as group commit.)

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};

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
pub(crate) struct Lanes<T, R>(mpsc::Sender<Call<T, R>>);

impl<T, R> Clone for Lanes<T, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The inlet is full, or closed: the item comes back.
pub(crate) enum Rejected {
    Full,
    Closed,
}

impl<T: Send + 'static, R: Send + 'static> Lanes<T, R> {
    /// Starts `count` lanes that take at most `largest` items at a time from an inlet of `capacity`. `process` must answer each
    /// item, in order.
    pub(crate) fn start<F, Fut>(
        name: &'static str,
        count: usize,
        capacity: usize,
        largest: usize,
        process: F,
    ) -> Self
    where
        F: Fn(Vec<T>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Vec<R>> + Send + 'static,
    {
        let (inlet, outlet) = mpsc::channel::<Call<T, R>>(capacity.max(1));
        let outlet = Arc::new(Mutex::new(outlet));
        let process = Arc::new(process);
        for _ in 0..count.max(1) {
            let outlet = Arc::clone(&outlet);
            let process = Arc::clone(&process);
            tokio::spawn(async move {
                let mut calls = Vec::new();
                loop {
                    let taken = outlet.lock().await.recv_many(&mut calls, largest).await;
                    if taken == 0 {
                        return;
                    }
                    crate::metrics::batch(name, taken);
                    let (items, replies): (Vec<T>, Vec<_>) =
                        calls.drain(..).map(|call| (call.item, call.reply)).unzip();
                    for (reply, answer) in replies.into_iter().zip(process(items).await) {
                        reply(answer);
                    }
                }
            });
        }
        Self(inlet)
    }

    /// Hands `item` in without waiting for a place, and waits for its answer. `None` when the lane died under it.
    pub(crate) fn try_call(
        &self,
        item: T,
    ) -> Result<impl Future<Output = Option<R>> + Send + use<T, R>, Rejected> {
        let (call, answer) = Call::awaited(item);
        match self.0.try_send(call) {
            Ok(()) => Ok(async move { answer.await.ok() }),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Rejected::Full),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Rejected::Closed),
        }
    }

    /// Hands `item` in, waiting for a place, and waits for its answer. `None` when the lanes have ended.
    pub(crate) async fn call(&self, item: T) -> Option<R> {
        let (call, answer) = Call::awaited(item);
        self.0.send(call).await.ok()?;
        answer.await.ok()
    }

    /// Hands `item` in and leaves it there; `reply` is told the answer on the lane, so it must not take long. When there is no place, a
    /// task of its own waits for one. When the lanes have ended, `reply` is dropped.
    pub(crate) fn post(&self, item: T, reply: impl FnOnce(R) + Send + 'static) {
        let reply = Box::new(reply);
        if let Err(mpsc::error::TrySendError::Full(call)) = self.0.try_send(Call { item, reply }) {
            let inlet = self.0.clone();
            tokio::spawn(async move { inlet.send(call).await });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn an_idle_lane_takes_one_item_and_a_busy_one_takes_all_that_waits() {
        let gate = Arc::new(Semaphore::new(0));
        let sizes = Arc::new(StdMutex::new(Vec::new()));
        let lanes = {
            let (gate, sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
            Lanes::start("test", 1, 100, 100, move |items: Vec<u32>| {
                let (gate, sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
                async move {
                    sizes.lock().unwrap().push(items.len());
                    gate.acquire().await.unwrap().forget();
                    items.into_iter().map(|n| n * 2).collect()
                }
            })
        };
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

    #[tokio::test]
    async fn a_full_inlet_refuses_instead_of_growing() {
        let lanes = Lanes::start("test", 1, 2, 1, |items: Vec<u32>| async move {
            std::future::pending::<()>().await;
            items
        });
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
