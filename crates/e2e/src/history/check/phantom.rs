//! S7: what is accepted was begun, earlier, by the same life of the same worker, under the same epoch.

use std::collections::HashMap;

use crate::history::{History, Op};

use super::Look;
use super::shape::Shape;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !history.setup.workers_tell {
        return Err("not every worker tells what it does");
    }
    for (id, past) in &history.jobs {
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
