//! Calls that are carried out twice: as when a network, or a library that repeats what it sent, delivers a message again.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tracing::trace;

use crate::Dice;
use crate::history::Reach;

/// What can be repeated. A push is not among them: that a late one does harm is known, and the queue's user sees to it.
const CALLS: &[&str] = &[
    "store.finish",
    "store.mark_running",
    "store.cancel",
    "store.hand_out",
    "queue.extend",
    "queue.ack",
];
/// How late the second may come: longer than a lease, so that it also meets a job that was handed out again.
const LATE: Duration = Duration::from_secs(4);

/// Which calls are carried out a second time.
#[derive(Debug, Clone)]
pub(super) struct Replays {
    calls: BTreeSet<&'static str>,
    dice: Arc<Dice>,
}

impl Replays {
    /// Reads the names of calls, separated by commas.
    ///
    /// # Errors
    /// One that cannot be repeated.
    pub(super) fn parse(text: &str, seed: u64) -> Result<Self> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        let calls = names.map(|name| {
            let known = CALLS.iter().copied().find(|known| *known == name);
            known.with_context(|| format!("{name:?} is none of {}", CALLS.join(", ")))
        });
        Ok(Self {
            calls: calls.collect::<Result<_>>()?,
            dice: Arc::new(Dice::new(seed)),
        })
    }

    /// If this call is one of them, makes `again` too, at the same time or later. What the second is answered nobody waits for; it is told.
    pub(super) fn also<F, E>(&self, call: &'static str, again: impl FnOnce() -> F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Display,
    {
        if !self.calls.contains(call) {
            return;
        }
        let later = match self.dice.once_in(2) {
            true => Duration::ZERO,
            false => self.dice.within(Duration::ZERO..LATE),
        };
        let again = again();
        tokio::spawn(async move {
            tokio::time::sleep(later).await;
            let answer = again
                .await
                .map_or_else(|error| error.to_string(), |()| "ok".to_owned());
            trace!(target: "history", op = "remark", code = "replayed", call, answer);
            if call == "store.finish" {
                trace!(target: "history", op = "reached", code = Reach::ReportReplayed.name());
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn calls_are_read_by_name_and_others_are_refused() {
        assert_eq!(Replays::parse("", 1).unwrap().calls.len(), 0);
        assert_eq!(
            Replays::parse("queue.ack, store.finish", 1).unwrap().calls.len(),
            2
        );
        let error = Replays::parse("queue.push", 1).unwrap_err().to_string();
        assert!(
            error.contains("queue.push") && error.contains("queue.ack"),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_named_is_carried_out_once_more_and_nothing_else() {
        let replays = Replays::parse("store.finish", 1).unwrap();
        let times = Arc::new(AtomicU32::new(0));
        for call in ["store.finish", "store.cancel"] {
            let times = Arc::clone(&times);
            replays.also(call, || async move {
                times.fetch_add(1, Ordering::SeqCst);
                Ok::<_, String>(())
            });
        }
        tokio::time::sleep(LATE * 2).await;
        assert_eq!(times.load(Ordering::SeqCst), 1);
    }
}
