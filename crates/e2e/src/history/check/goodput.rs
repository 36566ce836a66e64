//! L5: throughput comes back by itself: a minute after the last fault, or when the load stops if that is sooner, as many jobs end per
//! second as before the first fault, or the share of it that the setup gives.

use crate::history::{Fault, History, Op, Outcome};

use super::Look;

const SECOND: u64 = 1_000_000_000;
/// Shorter stretches are no measure.
const SHORTEST: u64 = 5 * SECOND;
/// The stretch measured after the fault.
const MEASURED: u64 = 10 * SECOND;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    let Some(share) = history.setup.goodput else {
        return Err("the setup does not ask for it");
    };
    let Some(first) = history.faults.iter().map(|fault| fault.began).min() else {
        return Err("there was no fault");
    };
    let mut ended = completions(history);
    ended.sort_unstable();
    let Some(begun) = history.phase("load").or(ended.first().copied()) else {
        return Err("nothing was completed");
    };
    let healed = history.faults.iter().map(Fault::over).max().unwrap_or(first);
    let stopped = history.phase("drain").unwrap_or_else(|| history.end());
    let until = stopped.min(healed.saturating_add(60 * SECOND));
    let from = healed.max(until.saturating_sub(MEASURED));
    if first.saturating_sub(begun) < SHORTEST {
        return Err("the first fault came too soon after the load began");
    }
    if until.saturating_sub(from) < SHORTEST {
        return Err("the load stopped too soon after the last fault");
    }
    look.saw();
    let (before, after) = (rate(&ended, begun, first), rate(&ended, from, until));
    look.figure("jobs ended per second before the first fault", before);
    look.figure("jobs ended per second after the last fault", after);
    if after < share * before {
        look.finds(
            None,
            format!("{before:.0} jobs ended per second before the first fault, {after:.0} after the last"),
        );
    }
    Ok(())
}

/// When jobs ended: by their rows, or else by the reports accepted.
fn completions(history: &History) -> Vec<u64> {
    let rows = history.jobs.values().flat_map(|past| &past.rows);
    let rows = rows.filter(|change| change.new.is_some_and(|new| new.is_final()));
    if history.has_rows {
        return rows.map(|change| change.at).collect();
    }
    let work = history.jobs.values().flat_map(|past| &past.work);
    work.filter(|work| work.op == Op::Report && work.outcome == Outcome::Ok)
        .map(|work| work.at)
        .collect()
}

fn rate(ended: &[u64], from: u64, until: u64) -> f64 {
    let before = |at: u64| ended.partition_point(|ended| *ended < at);
    let count = before(until).saturating_sub(before(from));
    count as f64 * SECOND as f64 / until.saturating_sub(from).max(1) as f64
}
