//! S7: nothing comes from nowhere. What a worker claims was in the store before, under that epoch; what is accepted was begun, earlier,
//! by the same life of the same worker, under the same epoch.

use std::collections::HashMap;

use uuid::Uuid;

use crate::history::{History, JobPast, Op};

use super::Look;
use super::shape::Shape;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.setup.workers_tell {
        return Err("not every worker tells what it does");
    }
    for (id, past) in &history.jobs {
        if history.has_rows {
            claims(history, *id, past, look);
        }
        let mut started: HashMap<_, u64> = HashMap::new();
        for work in past.work.iter().filter(|work| work.op == Op::Start) {
            started.entry((work.epoch, work.worker)).or_insert(work.at);
        }
        for report in past
            .reports(&history.names)
            .iter()
            .filter(|report| report.accepted())
        {
            look.saw();
            if started
                .get(&(report.epoch, report.worker))
                .is_none_or(|at| *at > report.sent)
            {
                look.finds(
                    *id,
                    format!(
                        "a report of {} under epoch {} was accepted, which it had not started",
                        history.names.text(report.worker),
                        report.epoch
                    ),
                );
            }
        }
        for change in past.rows.iter().filter(|change| change.shape() == Shape::Ended) {
            let (Some(old), Some(worker)) = (change.old, change.worker) else {
                continue;
            };
            look.saw();
            if !started.contains_key(&(old.epoch, worker)) {
                look.finds(
                    *id,
                    format!(
                        "its row says that {} ended it under epoch {}, which it had not started",
                        history.names.text(worker),
                        old.epoch
                    ),
                );
            }
        }
    }
    Ok(())
}

/// The queue is told after the commit. The time of a change is before its commit, so nothing but clocks has to be allowed for.
fn claims(history: &History, id: Uuid, past: &JobPast, look: &mut Look) {
    // Epochs in the order in which the row came under them.
    let before = past.rows.first().and_then(|change| change.old);
    let mut granted: Vec<(i32, u64)> = before.map(|row| (row.epoch, 0)).into_iter().collect();
    for (new, at) in past
        .rows
        .iter()
        .filter_map(|change| Some((change.new?, change.at)))
    {
        if granted.last().is_none_or(|(epoch, _)| *epoch < new.epoch) {
            granted.push((new.epoch, at));
        }
    }
    for claim in past.work.iter().filter(|work| work.op == Op::Claim) {
        look.saw();
        let first = granted.partition_point(|(epoch, _)| *epoch < claim.epoch);
        let at = granted.get(first).map(|(_, at)| *at);
        if at.is_none_or(|at| at > claim.at.saturating_add(history.setup.tolerance())) {
            look.finds(
                id,
                format!(
                    "{} claimed it under epoch {}, before the store had it so",
                    history.names.text(claim.worker),
                    claim.epoch
                ),
            );
        }
    }
}
