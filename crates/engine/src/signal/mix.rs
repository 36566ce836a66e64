//! From the sums of a line to its figures, and those of its types.

use std::time::Duration;

use scheduler_domain::{Priority, QueueName};
use scheduler_queue::Depth;

use super::demand::number;
use super::{Figures, Load, Sum, Types};
use crate::tally::LATE;

/// Runs so few that their mean would be noise left by what has faded.
const FEWEST: f64 = 1e-4;

pub(super) fn load(queue: QueueName, priority: Priority, depth: Option<&Depth>, types: Types) -> Load {
    let ready = depth.map_or(0, |depth| depth.ready);
    let oldest = depth.and_then(|depth| depth.oldest);
    let types = typed(types);
    let weights = weights(&types, oldest);
    let shares = divide(ready, &weights);
    let mut figures: Vec<_> = types
        .iter()
        .zip(shares)
        .map(|((job_type, sum), ready)| (job_type.clone(), sum.figures(ready, oldest)))
        .collect();
    let mut all = Sum::default();
    types.iter().for_each(|(_, sum)| all.join(sum));
    if figures.is_empty() && ready > 0 {
        figures.push((
            None,
            Figures {
                ready,
                oldest,
                ..Figures::default()
            },
        ));
    }
    Load {
        queue,
        priority,
        figures: all.figures(ready, oldest),
        types: figures,
    }
}

/// Gives what became ready without a type to the types that start, as they do; where none does, to those that have come.
fn typed(mut types: Types) -> Vec<(Option<scheduler_domain::JobType>, Sum)> {
    let known = || types.iter().filter(|(job_type, _)| job_type.is_some());
    let starting = known().any(|(_, sum)| sum.started > 0.0);
    let key = |sum: &Sum| if starting { sum.started } else { sum.lately };
    let whole: f64 = known().map(|(_, sum)| key(sum)).sum();
    if whole > 0.0
        && let Some(untyped) = types.remove(&None)
    {
        for sum in types.values_mut() {
            let share = key(sum) / whole;
            sum.arrived += untyped.arrived * share;
            sum.lately += untyped.lately * share;
        }
    }
    types.into_iter().collect()
}

/// How the ready jobs are likely to be divided. A line is served in order: what waits in it came while its oldest has waited.
fn weights(types: &[(Option<scheduler_domain::JobType>, Sum)], oldest: Option<Duration>) -> Vec<f64> {
    let of_late =
        oldest.is_none_or(|oldest| oldest <= LATE * 2) && types.iter().any(|(_, sum)| sum.arrived > 0.0);
    let weight = |sum: &Sum| if of_late { sum.arrived } else { sum.lately };
    types.iter().map(|(_, sum)| weight(sum)).collect()
}

/// Divides `whole` as `weights` are, by largest remainder, so that nothing is lost to rounding.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shares of a count are counts"
)]
fn divide(whole: u64, weights: &[f64]) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    let even = sum <= 0.0;
    let share = |weight: f64| {
        let part = if even {
            1.0 / number(weights.len() as u64)
        } else {
            weight / sum
        };
        number(whole) * part
    };
    let exact: Vec<f64> = weights.iter().map(|weight| share(*weight)).collect();
    let mut shares: Vec<u64> = exact.iter().map(|part| part.floor() as u64).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| exact[*b].fract().total_cmp(&exact[*a].fract()));
    let mut rest = whole.saturating_sub(shares.iter().sum());
    for at in order.into_iter().cycle() {
        if rest == 0 {
            break;
        }
        shares[at] += 1;
        rest -= 1;
    }
    shares
}

impl Sum {
    fn join(&mut self, other: &Self) {
        self.arrived += other.arrived;
        self.started += other.started;
        self.ended += other.ended;
        self.lately += other.lately;
        self.runs += other.runs;
        self.busy += other.busy;
        self.running += other.running;
    }

    fn figures(&self, ready: u64, oldest: Option<Duration>) -> Figures {
        let mean = (self.runs > FEWEST).then(|| Duration::try_from_secs_f64(self.busy / self.runs).ok());
        Figures {
            ready,
            oldest: oldest.filter(|_| ready > 0),
            running: self.running,
            arrival_rate: self.arrived,
            completion_rate: self.ended,
            mean_run: mean.flatten(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn a_count_is_divided_without_a_rest() {
        for (whole, weights, expected) in [
            (10, &[1.0, 1.0][..], &[5, 5][..]),
            (10, &[2.0, 1.0], &[7, 3]),
            (1, &[0.5, 0.5, 9.0], &[0, 0, 1]),
            (3, &[0.0, 0.0], &[2, 1]),
            (0, &[1.0], &[0]),
            (5, &[], &[]),
            (1_000_000, &[999_990.0, 10.0], &[999_990, 10]),
        ] {
            assert_eq!(divide(whole, weights), expected, "{whole} {weights:?}");
        }
    }
}
