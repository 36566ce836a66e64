//! Points at which a process dies, hangs or dawdles.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, Error, Result, bail};
use tracing::trace;

/// Every call that has gates, as `store.VERB` and `queue.VERB`.
const CALLS: &[&str] = &[
    "store.submit",
    "store.get",
    "store.load",
    "store.finish",
    "store.mark_running",
    "store.note",
    "store.cancel",
    "store.redrive",
    "store.delete",
    "store.list",
    "store.attempts",
    "store.due",
    "store.hand_out",
    "store.purge",
    "queue.push",
    "queue.claim",
    "queue.extend",
    "queue.ack",
    "queue.release",
    "queue.remove",
    "queue.retire",
    "queue.promote",
    "queue.expired",
    "queue.evict",
    "queue.unknown",
];

/// On which side of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Before,
    After,
}

/// What happens there, every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// The process ends at once.
    Abort,
    /// The call never goes on.
    Hang,
    /// It goes on later.
    Sleep(Duration),
}

/// What happens at which calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gates(BTreeMap<(&'static str, Side), Act>);

impl Gates {
    /// Reads `CALL:before|after=abort|hang|sleep:MS`, several separated by commas.
    ///
    /// # Errors
    /// What is not so, and what would be.
    pub fn parse(text: &str) -> Result<Self> {
        let gates = text.split(',').map(str::trim).filter(|gate| !gate.is_empty());
        let gates = gates.map(|text| gate(text).with_context(|| format!("gate {text:?}")));
        Ok(Self(gates.collect::<Result<_>>()?))
    }

    /// Makes a call, through its gates. What happens there is told first.
    pub(super) async fn around<T>(&self, call: &'static str, work: impl Future<Output = T>) -> T {
        self.pass(call, Side::Before).await;
        let answer = work.await;
        self.pass(call, Side::After).await;
        answer
    }

    async fn pass(&self, call: &'static str, side: Side) {
        let Some(act) = self.0.get(&(call, side)) else {
            return;
        };
        trace!(target: "history", op = "remark", code = call, side = ?side, act = ?act);
        match act {
            Act::Abort => std::process::abort(),
            Act::Hang => pending().await,
            Act::Sleep(time) => tokio::time::sleep(*time).await,
        }
    }
}

fn gate(text: &str) -> Result<((&'static str, Side), Act)> {
    let (place, act) = text.split_once('=').context("CALL:SIDE=ACT is needed")?;
    let (call, side) = place.split_once(':').context("CALL:SIDE=ACT is needed")?;
    let side = match side {
        "before" => Side::Before,
        "after" => Side::After,
        _ => bail!("the side is before or after"),
    };
    let known = CALLS.iter().find(|known| **known == call);
    let call = known.with_context(|| format!("the calls are {}", CALLS.join(", ")))?;
    Ok(((call, side), act.parse()?))
}

impl FromStr for Act {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.split_once(':') {
            None if text == "abort" => Self::Abort,
            None if text == "hang" => Self::Hang,
            Some(("sleep", ms)) => Self::Sleep(Duration::from_millis(ms.parse().context("milliseconds")?)),
            _ => bail!("the act is abort, hang or sleep:MILLISECONDS"),
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn gates_are_read_and_what_is_none_is_refused_by_name() {
        let gates =
            Gates::parse("store.submit:after=abort, queue.ack:before=hang,store.finish:before=sleep:500")
                .unwrap();
        let acts = [
            (("queue.ack", Side::Before), Act::Hang),
            (
                ("store.finish", Side::Before),
                Act::Sleep(Duration::from_millis(500)),
            ),
            (("store.submit", Side::After), Act::Abort),
        ];
        assert_eq!(gates, Gates(acts.into()));
        assert_eq!(Gates::parse(" ").unwrap(), Gates::default());
        for (text, why) in [
            ("store.submit", "CALL:SIDE=ACT"),
            ("store.submit=hang", "CALL:SIDE=ACT"),
            ("store.claim:after=hang", "the calls are store.submit"),
            ("store.submit:during=hang", "before or after"),
            ("store.submit:after=sleep", "abort, hang or sleep"),
            ("store.submit:after=sleep:x", "milliseconds"),
        ] {
            let error = format!("{:#}", Gates::parse(text).unwrap_err());
            assert!(error.contains(why) && error.contains(text), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_gate_delays_its_own_call_on_its_own_side() {
        let gates = Gates::parse("store.submit:before=sleep:700,store.get:after=hang").unwrap();
        let since = Instant::now();
        let carried_out = gates.around("store.submit", async { since.elapsed() }).await;
        assert_eq!(carried_out, Duration::from_millis(700));
        assert_eq!(gates.around("store.finish", async { 1 }).await, 1);
        let mut reached = false;
        let call = gates.around("store.get", async { reached = true });
        assert!(tokio::time::timeout(Duration::from_secs(60), call).await.is_err());
        assert!(reached, "the call itself was made");
    }
}
