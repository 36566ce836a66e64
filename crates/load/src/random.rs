//! Repeatable randomness: the n-th job of a seed is the same job, whoever builds it and however often.

/// Numbers that follow from a seed and a position (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence of `seed` at `position`.
    pub(crate) fn at(seed: u64, position: u64) -> Self {
        let mut start = Self(seed);
        let mixed = start.next();
        let mut own = Self(mixed ^ position.wrapping_mul(0xd134_2543_de82_ef95));
        own.next();
        own
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        const STEPS: f64 = (1u64 << 53) as f64;
        (self.next() >> 11) as f64 / STEPS
    }

    /// In `0..end`; 0 when there is nothing to choose from.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_has_its_own_sequence_and_always_the_same() {
        let draw = |seed, position| {
            let mut random = Random::at(seed, position);
            (random.next(), random.next())
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mean = (0..10_000).map(|n| Random::at(7, n).unit()).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let mut seen = [0u32; 5];
        for n in 0..10_000 {
            seen[usize::try_from(Random::at(7, n).below(5)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| (1_850..2_150).contains(n)), "{seen:?}");
        assert_eq!(Random::at(7, 0).below(0), 0);
    }
}
