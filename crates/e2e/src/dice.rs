//! Randomness that a seed repeats.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A source of random numbers (splitmix64). The same seed gives the same numbers; who asks from several tasks gets them in
/// whatever order the tasks come.
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// What this seed gives.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Another source, whose numbers do not depend on how much is taken from this one later.
    #[must_use]
    pub fn split(&self) -> Self {
        Self::new(self.next())
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let mut z = self
            .0
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    /// Whether something happens that does so once in `times`.
    pub fn once_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&self, among: &'a [T]) -> Option<&'a T> {
        (!among.is_empty()).then(|| &among[self.below(among.len())])
    }

    /// A time within these bounds, in whole milliseconds.
    pub fn within(&self, bounds: Range<Duration>) -> Duration {
        let width =
            usize::try_from(bounds.end.saturating_sub(bounds.start).as_millis()).unwrap_or(usize::MAX);
        bounds.start + Duration::from_millis(self.below(width) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_gives_others() {
        let drawn = |seed| {
            let dice = Dice::new(seed);
            (0..20).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
    }

    #[test]
    fn times_stay_within_their_bounds() {
        let dice = Dice::new(1);
        let bounds = Duration::from_millis(20)..Duration::from_millis(30);
        for _ in 0..200 {
            assert!(bounds.contains(&dice.within(bounds.clone())));
        }
        assert_eq!(dice.within(Duration::ZERO..Duration::ZERO), Duration::ZERO);
    }
}
