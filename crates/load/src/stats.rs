//! What happened, per second and in all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use schemars::JsonSchema;
use serde::Serialize;

/// Distinct errors, and distinct replicas, that are told apart; further ones are counted together.
const MOST_KINDS: usize = 200;

/// Durations in microseconds, exact to three digits, up to an hour.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

impl Default for Latency {
    #[expect(clippy::expect_used, reason = "these bounds are sound, and stand here")]
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("sound bounds"))
    }
}

impl Latency {
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.max(1));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        // Both have the same bounds, so this cannot fail.
        let _ = self.0.add(&other.0);
    }

    pub(crate) fn clear(&mut self) {
        self.0.reset();
    }

    pub(crate) fn at(&self, quantile: f64) -> u64 {
        if self.0.is_empty() {
            0
        } else {
            self.0.value_at_quantile(quantile)
        }
    }

    pub(crate) fn max(&self) -> u64 {
        self.0.max()
    }

    pub(crate) fn histogram(&self) -> &Histogram<u64> {
        &self.0
    }

    /// The summary, if anything was recorded.
    pub(crate) fn percentiles(&self) -> Option<Percentiles> {
        (!self.0.is_empty()).then(|| Percentiles {
            count: self.0.len(),
            min_us: self.0.min(),
            mean_us: (self.0.mean() * 10.0).round() / 10.0,
            p50_us: self.at(0.5),
            p90_us: self.at(0.9),
            p95_us: self.at(0.95),
            p99_us: self.at(0.99),
            p999_us: self.at(0.999),
            p9999_us: self.at(0.9999),
            max_us: self.max(),
        })
    }
}

/// A distribution of durations, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Percentiles {
    /// How many were recorded.
    pub count: u64,
    /// The least.
    pub min_us: u64,
    /// Their mean.
    pub mean_us: f64,
    /// Half are no greater.
    pub p50_us: u64,
    /// 90 % are no greater.
    pub p90_us: u64,
    /// 95 % are no greater.
    pub p95_us: u64,
    /// 99 % are no greater.
    pub p99_us: u64,
    /// 99.9 % are no greater.
    pub p999_us: u64,
    /// 99.99 % are no greater.
    pub p9999_us: u64,
    /// The greatest.
    pub max_us: u64,
}

/// Counts that the sending side keeps, without a lock.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    /// Jobs that were due.
    pub(crate) offered: AtomicU64,
    /// Jobs not sent because too many calls were under way.
    pub(crate) dropped: AtomicU64,
    /// Calls under way.
    pub(crate) in_flight: AtomicU64,
}

impl Gauges {
    pub(crate) fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }
}

/// What became of one call.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// From the moment it was due to the answer.
    pub(crate) latency: Duration,
    /// From the moment it was sent to the answer.
    pub(crate) service: Duration,
    /// From the moment it was due to the moment it was sent.
    pub(crate) lag: Duration,
    /// Whether the call itself failed.
    pub(crate) failed: bool,
    /// Jobs accepted, repetitions included.
    pub(crate) accepted: u64,
    /// Jobs that had been there before.
    pub(crate) replayed: u64,
    /// Jobs not accepted, by what was said.
    pub(crate) refused: Vec<(Refusal, u64)>,
    /// Who answered.
    pub(crate) served_by: Option<String>,
}

/// Why a job was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refusal {
    /// The gRPC code, as in `RESOURCE_EXHAUSTED`.
    pub(crate) code: &'static str,
    /// The stable reason, if there was one.
    pub(crate) reason: String,
}

/// Counts over some time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    pub(crate) failed_calls: u64,
    pub(crate) accepted: u64,
    pub(crate) replayed: u64,
    pub(crate) refused: u64,
    pub(crate) latency: Latency,
    pub(crate) service: Latency,
    pub(crate) lag: Latency,
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        self.calls += 1;
        self.failed_calls += u64::from(outcome.failed);
        self.accepted += outcome.accepted;
        self.replayed += outcome.replayed;
        self.refused += outcome.refused.iter().map(|(_, jobs)| jobs).sum::<u64>();
        self.lag.record(outcome.lag);
        if !outcome.failed {
            self.latency.record(outcome.latency);
            self.service.record(outcome.service);
        }
    }

    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.failed_calls += other.failed_calls;
        self.accepted += other.accepted;
        self.replayed += other.replayed;
        self.refused += other.refused;
        self.latency.add(&other.latency);
        self.service.add(&other.service);
        self.lag.add(&other.lag);
    }

    fn clear(&mut self) {
        (
            self.calls,
            self.failed_calls,
            self.accepted,
            self.replayed,
            self.refused,
        ) = (0, 0, 0, 0, 0);
        self.latency.clear();
        self.service.clear();
        self.lag.clear();
    }
}

/// Everything that is counted per call. The interval is counted alone and added to the total when it ends, so a call
/// costs one look at each histogram.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    interval: Tally,
    pub(crate) total: Tally,
    pub(crate) served_by: BTreeMap<String, u64>,
    /// Jobs per refusal, and the first message of each.
    pub(crate) errors: BTreeMap<Refusal, (u64, String)>,
}

impl Recorder {
    pub(crate) fn record(&mut self, outcome: Outcome, message: impl FnOnce() -> String) {
        self.interval.count(&outcome);
        if let Some(replica) = outcome.served_by {
            bump(&mut self.served_by, replica);
        }
        let mut message = Some(message);
        for (refusal, jobs) in outcome.refused {
            let room = self.errors.len() < MOST_KINDS;
            match self.errors.get_mut(&refusal) {
                Some((count, _)) => *count += jobs,
                None if room => {
                    let text = message.take().map(|message| message()).unwrap_or_default();
                    self.errors.insert(refusal, (jobs, text));
                }
                None => {}
            }
        }
    }

    /// Ends the interval: hands it to `see`, and adds it to the total.
    pub(crate) fn turn(&mut self, see: impl FnOnce(&Tally)) {
        see(&self.interval);
        self.total.add(&self.interval);
        self.interval.clear();
    }

    /// The warm-up is over: what was counted counts no more.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn bump(counts: &mut BTreeMap<String, u64>, name: String) {
    match counts.get_mut(&name) {
        Some(count) => *count += 1,
        None => {
            let name = if counts.len() < MOST_KINDS {
                name
            } else {
                "others".to_owned()
            };
            *counts.entry(name).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(millis: u64) -> Outcome {
        Outcome {
            latency: Duration::from_millis(millis),
            service: Duration::from_millis(millis / 2),
            accepted: 1,
            served_by: Some(format!("api-{}", millis % 2)),
            ..Outcome::default()
        }
    }

    #[test]
    fn a_distribution_is_told_in_microseconds() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentiles(), None);
        for millis in 1..=1_000 {
            latency.record(Duration::from_millis(millis));
        }
        let told = latency.percentiles().unwrap();
        assert_eq!((told.count, told.min_us), (1_000, 1_000));
        for (value, expected) in [
            (told.p50_us, 500_000),
            (told.p99_us, 990_000),
            (told.max_us, 1_000_000),
        ] {
            assert!(
                value.abs_diff(expected) <= expected / 1_000,
                "{value} for {expected}"
            );
        }
    }

    #[test]
    fn an_interval_ends_and_stays_in_the_total() {
        let mut recorder = Recorder::default();
        recorder.record(outcome(2), String::new);
        recorder.record(outcome(3), String::new);
        recorder.turn(|interval| assert_eq!((interval.calls, interval.accepted), (2, 2)));
        recorder.record(outcome(4), String::new);
        recorder.turn(|interval| assert_eq!((interval.calls, interval.latency.at(1.0) / 100), (1, 40)));
        assert_eq!(
            (recorder.total.calls, recorder.total.latency.max() / 100),
            (3, 40)
        );
        assert_eq!(
            recorder.served_by,
            [("api-0".to_owned(), 2), ("api-1".to_owned(), 1)].into()
        );
        recorder.forget();
        assert_eq!(recorder.total.calls, 0);
    }

    #[test]
    fn errors_are_counted_by_code_and_reason_with_one_message_each() {
        let mut recorder = Recorder::default();
        for (reason, jobs, message) in [
            ("QUEUE_FULL", 1, "full"),
            ("QUEUE_FULL", 2, "full again"),
            ("", 5, "odd"),
        ] {
            let refusal = Refusal {
                code: "RESOURCE_EXHAUSTED",
                reason: reason.to_owned(),
            };
            let refused = Outcome {
                failed: true,
                refused: vec![(refusal, jobs)],
                ..Outcome::default()
            };
            recorder.record(refused, || message.to_owned());
        }
        let told: Vec<_> = recorder.errors.values().cloned().collect();
        assert_eq!(told, [(5, "odd".to_owned()), (3, "full".to_owned())]);
        recorder.turn(|interval| assert_eq!((interval.refused, interval.latency.percentiles()), (8, None)));
    }

    #[test]
    fn the_names_of_replicas_cannot_fill_the_memory() {
        let mut recorder = Recorder::default();
        for n in 0..1_000 {
            let served_by = Some(format!("api-{n}"));
            recorder.record(
                Outcome {
                    served_by,
                    ..Outcome::default()
                },
                String::new,
            );
        }
        assert_eq!(
            (recorder.served_by.len(), recorder.served_by["others"]),
            (MOST_KINDS + 1, 800)
        );
    }
}
