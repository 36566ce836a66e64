//! What a crate says about the metrics it exports: pure data, from which `/metrics` takes its help lines and
//! `docs/METRICS.md` is generated.
//!
//! Names follow Prometheus: base units, the unit as a suffix (`_seconds`, `_bytes`, `_rows`, `_items` …), and counters
//! end in `_total`. The suffix also selects a histogram's buckets. Label values come from closed sets, never from ids.

/// How a metric's values are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Only rises, and begins at 0 with the process.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts observations in buckets.
    Histogram,
}

impl Kind {
    /// As in Prometheus' `# TYPE` line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a metric's values measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Things counted one by one.
    Count,
    /// Seconds of time.
    Seconds,
    /// Bytes.
    Bytes,
    /// A share, 0 … 1.
    Ratio,
}

impl Unit {
    /// As people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Ratio => "ratio",
        }
    }
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Descriptor {
    /// As exported.
    pub name: &'static str,
    /// How to read it.
    pub kind: Kind,
    /// What it measures.
    pub unit: Unit,
    /// One sentence for people.
    pub help: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
}

impl Descriptor {
    /// A counter of things.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self {
            name,
            kind: Kind::Counter,
            unit: Unit::Count,
            help,
            labels,
        }
    }

    /// A gauge of things.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self {
            name,
            kind: Kind::Gauge,
            unit: Unit::Count,
            help,
            labels,
        }
    }

    /// A histogram of times. For other units, [`Descriptor::in_unit`].
    #[must_use]
    pub const fn histogram(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Self {
        Self {
            name,
            kind: Kind::Histogram,
            unit: Unit::Seconds,
            help,
            labels,
        }
    }

    /// The same metric, measured in `unit`.
    #[must_use]
    pub const fn in_unit(self, unit: Unit) -> Self {
        Self { unit, ..self }
    }
}
