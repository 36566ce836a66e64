//! What may be said of the sides, by a rule that is stated with it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::measure::{Measure, Missing, Unit, Value};
use crate::series::{median, round};

/// Medians that differ by less of the greater one are the same for all that this can tell.
const LEAST: f64 = 0.02;

/// A figure of one side over its repeats.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Of {
    /// The side.
    pub side: String,
    /// One for each repeat that was completed, in their order.
    pub values: Vec<Value>,
    /// Their middle; nothing when any is missing.
    pub median: Option<f64>,
    /// The least of them.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
}

/// What may be said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verdict {
    /// The side that does better than every other, if that may be said.
    pub better: Option<String>,
    /// In words.
    pub text: String,
}

impl Of {
    pub(crate) fn new(side: String, values: Vec<Value>) -> Self {
        let figures: Option<Vec<f64>> = values.iter().map(|value| value.figure()).collect();
        let mut figures = figures.unwrap_or_default();
        let median = median(&mut figures).map(round);
        Self {
            side,
            values,
            median,
            min: figures.first().copied(),
            max: figures.last().copied(),
        }
    }

    /// From the least to the greatest; what never happened is worse than any figure.
    fn interval(&self) -> Option<(f64, f64)> {
        let reach = |value: &Value| match value {
            Value::Is(figure) => Some(*figure),
            Value::None(Missing::Never) => Some(f64::INFINITY),
            Value::None(Missing::Unmeasured) => None,
        };
        let reached: Option<Vec<f64>> = self.values.iter().map(reach).collect();
        let reached = reached.filter(|values| !values.is_empty())?;
        Some((
            reached.iter().copied().fold(f64::INFINITY, f64::min),
            reached.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ))
    }

    fn told(&self, unit: Unit) -> String {
        match self.interval() {
            Some((least, most)) if told(least, unit) == told(most, unit) => told(least, unit),
            Some((least, most)) => format!("{} to {}", told(least, unit), told(most, unit)),
            None => "not measured".to_owned(),
        }
    }
}

/// Judges one measure.
///
/// A side is better when each of its repeats is below each repeat of every other side, and its median is below theirs by
/// more than the measure's resolution and 2 %.
pub(crate) fn judge(measure: &Measure, sides: &[Of]) -> Verdict {
    let say = |text: String| Verdict { better: None, text };
    if sides.len() < 2 {
        return say("nothing to compare with".to_owned());
    }
    if let Some(side) = sides.iter().find(|side| side.values.is_empty()) {
        return say(format!("{} completed no run", side.side));
    }
    let intervals: Option<Vec<(f64, f64)>> = sides.iter().map(Of::interval).collect();
    let Some(intervals) = intervals else {
        return say("not measured on every side".to_owned());
    };
    let least = intervals
        .iter()
        .map(|(low, _)| *low)
        .fold(f64::INFINITY, f64::min);
    let most = intervals
        .iter()
        .map(|(_, high)| *high)
        .fold(f64::NEG_INFINITY, f64::max);
    let apart = |from: f64, to: f64| to - from > measure.resolution.max(LEAST * to.min(f64::MAX));
    if least.is_infinite() {
        return say("on no side".to_owned());
    }
    if !apart(least, most) {
        let (least, most) = (told(least, measure.unit), told(most, measure.unit));
        let range = if least == most {
            most
        } else {
            format!("{least} to {most}")
        };
        return say(format!("the same: {range}"));
    }
    let best = (0..sides.len())
        .min_by(|a, b| intervals[*a].1.total_cmp(&intervals[*b].1))
        .unwrap_or_default();
    let others = || (0..sides.len()).filter(|side| *side != best);
    let separate = others().all(|other| intervals[best].1 < intervals[other].0);
    let medians = |side: usize| sides[side].median.unwrap_or(f64::INFINITY);
    let clearly = others().all(|other| apart(medians(best), medians(other)));
    let against: Vec<String> = others().map(|other| sides[other].told(measure.unit)).collect();
    let figures = format!(
        "{} against {}",
        sides[best].told(measure.unit),
        against.join(", ")
    );
    if measure.name == "first_worker" && others().any(|other| intervals[other].1.is_infinite()) {
        return say(format!(
            "{figures}: whether a worker was needed is what the waits say"
        ));
    }
    if sides.iter().any(|side| side.values.len() < 2) {
        return say(format!(
            "{} lower, in a single repeat: {figures}",
            sides[best].side
        ));
    }
    if separate && clearly {
        return Verdict {
            better: Some(sides[best].side.clone()),
            text: format!("{} is better: {figures}", sides[best].side),
        };
    }
    let why = if separate {
        "too close to tell"
    } else {
        "the repeats overlap"
    };
    say(format!("no difference shown, {why}: {figures}"))
}

/// How often sides that are alike would not overlap by chance alone: `k / C(kn, n)`.
pub(crate) fn chance(sides: usize, repeats: u32) -> Option<f64> {
    if sides < 2 || repeats < 2 {
        return None;
    }
    let (sides, repeats) = (sides as f64, f64::from(repeats));
    let mut ways = 1.0;
    let mut step = 1.0;
    while step <= repeats {
        ways *= ((sides - 1.0) * repeats + step) / step;
        step += 1.0;
    }
    Some(sides / ways)
}

/// A figure for people.
pub(crate) fn told(figure: f64, unit: Unit) -> String {
    if figure.is_infinite() {
        return "never".to_owned();
    }
    let number = |figure: f64| match figure.abs() {
        whole if (whole - whole.round()).abs() < 1e-9 || whole >= 100.0 => format!("{figure:.0}"),
        big if big >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    };
    match unit {
        Unit::Seconds if figure > 0.0 && figure < 1.0 => {
            format!("{} ms", number((figure * 1e4).round() / 10.0))
        }
        Unit::Seconds => format!("{} s", number(figure)),
        Unit::Jobs => number(figure),
        Unit::JobSeconds => format!("{} job·s", number(figure)),
        Unit::PodSeconds => format!("{} pod·s", number(figure)),
        Unit::CoreSeconds => format!("{} core·s", number(figure)),
        Unit::Share => format!("{:.0} %", figure * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::MEASURES;

    fn measure(name: &str) -> &'static Measure {
        MEASURES.iter().find(|measure| measure.name == name).unwrap()
    }

    fn side(name: &str, figures: &[f64]) -> Of {
        Of::new(
            name.to_owned(),
            figures.iter().map(|figure| Value::Is(*figure)).collect(),
        )
    }

    fn judged(name: &str, a: &[f64], b: &[f64]) -> (Option<String>, String) {
        let verdict = judge(measure(name), &[side("a", a), side("b", b)]);
        (verdict.better, verdict.text)
    }

    #[test]
    fn a_side_is_better_when_the_repeats_do_not_overlap() {
        let (better, text) = judged("catch_up", &[40.0, 50.0, 60.0], &[8.0, 11.0, 9.0]);
        assert_eq!(better.as_deref(), Some("b"));
        assert_eq!(text, "b is better: 8 s to 11 s against 40 s to 60 s");
        let (better, text) = judged("catch_up", &[40.0, 50.0, 10.0], &[8.0, 11.0, 9.0]);
        assert_eq!(better, None);
        assert!(text.contains("the repeats overlap"), "{text}");
    }

    #[test]
    fn what_the_measuring_cannot_tell_apart_is_no_difference() {
        let (better, text) = judged("catch_up", &[8.0, 8.4], &[8.5, 8.9]);
        assert_eq!((better, text.as_str()), (None, "the same: 8 s to 8.90 s"));
        let (better, text) = judged("pod_seconds", &[1_000.0, 1_003.0], &[1_010.0, 1_030.0]);
        assert_eq!(better, None);
        assert!(text.contains("too close to tell"), "{text}");
        assert_eq!(judged("lost", &[0.0, 0.0], &[0.0, 0.0]).1, "the same: 0");
    }

    #[test]
    fn one_repeat_is_no_verdict() {
        let (better, text) = judged("wait_p95", &[4.0], &[0.25]);
        assert_eq!(better, None);
        assert_eq!(text, "b lower, in a single repeat: 250 ms against 4 s");
    }

    #[test]
    fn what_never_happened_is_worse_than_any_figure_and_what_is_not_known_is_not_judged() {
        let never = Value::None(Missing::Never);
        let unknown = Value::None(Missing::Unmeasured);
        let with = |name: &str, values: [Value; 2]| {
            judge(
                measure(name),
                &[side("a", &[5.0, 6.0]), Of::new("b".to_owned(), values.to_vec())],
            )
        };
        let verdict = with("catch_up", [Value::Is(200.0), never]);
        assert_eq!(verdict.better.as_deref(), Some("a"), "{verdict:?}");
        assert!(verdict.text.contains("200 s to never"), "{verdict:?}");
        assert_eq!(
            with("cpu_seconds", [unknown; 2]).text,
            "not measured on every side"
        );
        assert_eq!(with("first_worker", [never; 2]).better, None);
        let none = judge(
            measure("first_worker"),
            &[
                Of::new("a".to_owned(), vec![never]),
                Of::new("b".to_owned(), vec![never]),
            ],
        );
        assert_eq!(none.text, "on no side");
    }

    #[test]
    fn of_several_sides_one_has_to_beat_all() {
        let sides = |c: [f64; 2]| [side("a", &[1.0, 2.0]), side("b", &[5.0, 6.0]), side("c", &c)];
        assert_eq!(
            judge(measure("catch_up"), &sides([9.0, 9.0])).better.as_deref(),
            Some("a")
        );
        assert_eq!(judge(measure("catch_up"), &sides([1.5, 9.0])).better, None);
    }

    #[test]
    fn the_chance_that_alike_sides_do_not_overlap_is_known() {
        let rounded =
            |sides, repeats| chance(sides, repeats).map(|chance| (1.0 / chance * 10.0).round() / 10.0);
        assert_eq!((rounded(2, 1), rounded(1, 5)), (None, None));
        assert_eq!(
            (rounded(2, 2), rounded(2, 3), rounded(2, 5)),
            (Some(3.0), Some(10.0), Some(126.0))
        );
        assert_eq!(rounded(3, 2), Some(5.0));
    }
}
