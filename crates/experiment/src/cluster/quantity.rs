//! Quantities as Kubernetes writes them.

/// More than any container has: what claims it is no quantity.
const MOST: f64 = 1e9;

/// Cores: `1`, `250m`, `12345678n`.
pub(super) fn cores(text: &str) -> Option<f64> {
    let units = [("n", 1e-9), ("u", 1e-6), ("m", 1e-3)];
    let (digits, unit) = units
        .into_iter()
        .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, unit)))
        .unwrap_or((text, 1.0));
    let cores = digits.parse::<f64>().ok()? * unit;
    (0.0..=MOST).contains(&cores).then_some(cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_cores_is_known() {
        for (text, expected) in [
            ("2", 2.0),
            ("250m", 0.25),
            ("1500u", 0.0015),
            ("12000000n", 0.012),
            ("0", 0.0),
        ] {
            assert!((cores(text).unwrap() - expected).abs() < 1e-12, "{text}");
        }
        assert_eq!((cores(""), cores("5Mi")), (None, None));
    }
}
