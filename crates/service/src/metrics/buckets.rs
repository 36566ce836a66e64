//! Histogram buckets, by the unit that a name ends in.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Seconds, from a tenth of a millisecond (a batch in memory) to ten minutes (a long job). Also the buckets of every
/// histogram whose name says no unit.
pub const SECONDS: &[f64] = &[
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    30.0, 60.0, 120.0, 300.0, 600.0,
];

/// Things in a batch.
pub const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Bytes, from a small payload to a large batch.
pub const SIZES: &[f64] = &[
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// The upper bounds of one histogram's buckets.
///
/// Names that end in `_seconds`, `_bytes`, `_rows`, `_items`, `_jobs` or `_calls` have fitting ones without this.
#[derive(Debug, Clone, Copy)]
pub struct Buckets {
    /// The histogram's name.
    pub name: &'static str,
    /// Upper bounds, rising.
    pub bounds: &'static [f64],
}

const BY_SUFFIX: &[(&str, &[f64])] = &[
    ("_seconds", SECONDS),
    ("_bytes", SIZES),
    ("_rows", COUNTS),
    ("_items", COUNTS),
    ("_jobs", COUNTS),
    ("_calls", COUNTS),
];

/// Tells `builder` of the buckets by suffix and of `own` ones.
pub(super) fn apply(builder: PrometheusBuilder, own: &[Buckets]) -> Result<PrometheusBuilder, BuildError> {
    let by_suffix = BY_SUFFIX
        .iter()
        .map(|(suffix, bounds)| (Matcher::Suffix((*suffix).to_owned()), *bounds));
    let by_name = own
        .iter()
        .map(|own| (Matcher::Full(own.name.to_owned()), own.bounds));
    by_suffix
        .chain(by_name)
        .try_fold(builder, |builder, (matcher, bounds)| {
            builder.set_buckets_for_metric(matcher, bounds)
        })
}
