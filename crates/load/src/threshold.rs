//! What must hold, as in `submit_p99<50ms`, `error_rate<0.1%`, `lost==0`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::number;
use crate::plan::Mode;

/// What a measure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Microseconds, written as a duration.
    Time,
    /// A share, written as a percentage or a fraction.
    Share,
    /// A number.
    Number,
}

/// Where a measure comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Any,
    EndToEnd,
    Latency,
    Followed,
}

const DISTRIBUTIONS: [(&str, From); 8] = [
    ("submit", From::Any),
    ("service", From::Any),
    ("lag", From::Any),
    ("wait", From::Followed),
    ("run", From::EndToEnd),
    ("e2e", From::EndToEnd),
    ("start", From::Latency),
    ("done", From::Latency),
];
const POINTS: [&str; 9] = ["min", "mean", "p50", "p90", "p95", "p99", "p999", "p9999", "max"];
const OTHERS: [(&str, From, Unit); 13] = [
    ("error_rate", From::Any, Unit::Share),
    ("drop_rate", From::Any, Unit::Share),
    ("errors", From::Any, Unit::Number),
    ("dropped", From::Any, Unit::Number),
    ("accepted", From::Any, Unit::Number),
    ("offered_rate", From::Any, Unit::Number),
    ("accepted_rate", From::Any, Unit::Number),
    ("completed_rate", From::EndToEnd, Unit::Number),
    ("lost", From::EndToEnd, Unit::Number),
    ("duplicated", From::EndToEnd, Unit::Number),
    ("open", From::EndToEnd, Unit::Number),
    ("succeeded", From::EndToEnd, Unit::Number),
    ("repeated_runs", From::EndToEnd, Unit::Number),
];

/// How a measure is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compare {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    Unequal,
}

/// Longer ones first, so that `<=` is not read as `<`.
const COMPARES: [(&str, Compare); 6] = [
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("==", Compare::Equal),
    ("!=", Compare::Unequal),
    ("<", Compare::Below),
    (">", Compare::Above),
];

/// A condition on what was measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    text: String,
    measure: String,
    from: From,
    compare: Compare,
    value: f64,
}

impl Threshold {
    /// The name of the measure.
    pub(crate) fn measure(&self) -> &str {
        &self.measure
    }

    /// Whether a run in this mode measures it.
    pub(crate) fn is_measured(&self, mode: Mode) -> bool {
        match self.from {
            From::Any => true,
            From::EndToEnd => mode == Mode::EndToEnd,
            From::Latency => mode == Mode::Latency,
            From::Followed => mode != Mode::Submit,
        }
    }

    /// Whether it holds for this value, in microseconds, as a fraction, or as a number. What was not measured does not
    /// hold.
    pub(crate) fn holds(&self, measured: Option<f64>) -> bool {
        measured.is_some_and(|measured| match self.compare {
            Compare::AtMost => measured <= self.value,
            Compare::Below => measured < self.value,
            Compare::AtLeast => measured >= self.value,
            Compare::Above => measured > self.value,
            Compare::Equal => (measured - self.value).abs() < f64::EPSILON,
            Compare::Unequal => (measured - self.value).abs() >= f64::EPSILON,
        })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text: String = text.split_whitespace().collect();
        let found = COMPARES.iter().find_map(|(sign, compare)| {
            let (measure, value) = text.split_once(sign)?;
            Some((measure, *compare, value))
        });
        let (measure, compare, value) = found.ok_or_else(|| {
            "must be MEASURE, then < <= > >= == or !=, then VALUE: submit_p99<50ms".to_owned()
        })?;
        let (from, unit) = known(measure).ok_or_else(|| {
            let others = OTHERS.map(|(name, ..)| name).join(", ");
            let distributions = DISTRIBUTIONS.map(|(name, _)| name).join("|");
            format!(
                "{measure:?} is not measured; there is {others}, and {{{distributions}}}_{{{}}}",
                POINTS.join("|")
            )
        })?;
        let value = match unit {
            Unit::Time => humantime::parse_duration(value)
                .map(|span: Duration| span.as_secs_f64() * 1e6)
                .map_err(|_| format!("{measure} is compared with a duration, such as 50ms"))?,
            Unit::Share => number::share(value)?,
            Unit::Number => number::rate(value)?,
        };
        Ok(Self {
            measure: measure.to_owned(),
            from,
            compare,
            value,
            text,
        })
    }
}

fn known(measure: &str) -> Option<(From, Unit)> {
    if let Some((_, from, unit)) = OTHERS.iter().find(|(name, ..)| *name == measure) {
        return Some((*from, *unit));
    }
    let (name, point) = measure.rsplit_once('_')?;
    let (_, from) = DISTRIBUTIONS.iter().find(|(known, _)| *known == name)?;
    POINTS.contains(&point).then_some((*from, Unit::Time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Threshold {
        text.parse().unwrap()
    }

    #[test]
    fn every_comparison_compares() {
        let table = [
            ("submit_p99<50ms", 49_999.0, 50_000.0),
            ("submit_p99 <= 50ms", 50_000.0, 50_001.0),
            ("accepted_rate>=5k", 5_000.0, 4_999.0),
            ("accepted>0", 1.0, 0.0),
            ("lost==0", 0.0, 1.0),
            ("accepted!=0", 1.0, 0.0),
            ("error_rate<0.1%", 0.0009, 0.001),
        ];
        for (text, good, bad) in table {
            assert!(read(text).holds(Some(good)), "{text} {good}");
            assert!(!read(text).holds(Some(bad)), "{text} {bad}");
            assert!(!read(text).holds(None), "{text} not measured");
        }
    }

    #[test]
    fn a_threshold_that_makes_no_sense_says_what_would() {
        for (text, part) in [
            ("submit_p99", "must be MEASURE"),
            ("submit_p98<5ms", "there is error_rate"),
            ("latency<5ms", "start|done"),
            ("submit_p99<50", "duration"),
            ("error_rate<200%", "share"),
            ("lost==none", "number"),
        ] {
            let told = text.parse::<Threshold>().unwrap_err();
            assert!(told.contains(part), "{text}: {told}");
        }
    }

    #[test]
    fn it_is_known_which_mode_measures_what() {
        for (text, submit, e2e, latency) in [
            ("submit_p50<1s", true, true, true),
            ("lost==0", false, true, false),
            ("start_p50<2ms", false, false, true),
            ("wait_p99<1s", false, true, true),
        ] {
            let measured =
                [Mode::Submit, Mode::EndToEnd, Mode::Latency].map(|mode| read(text).is_measured(mode));
            assert_eq!(measured, [submit, e2e, latency], "{text}");
        }
    }
}
