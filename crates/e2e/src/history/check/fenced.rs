//! S4: of the reports under one epoch at most one is accepted, and only while the row is under this epoch.
//!
//! The answer to an accepted report may be lost and the report repeated; the repeat is accepted too and changes nothing.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use crate::history::{History, JobPast, Op};

use super::Look;
use super::attempts::Reported;
use super::shape::Shape;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    for (id, past) in &history.jobs {
        if past.may_be_deleted() {
            continue;
        }
        let mut ended = HashSet::new();
        for change in &past.rows {
            let Some(old) = change.old.filter(|_| change.shape() == Shape::Ended) else {
                continue;
            };
            look.saw();
            if !ended.insert(old.epoch) {
                look.finds(
                    *id,
                    format!("two reports under epoch {} changed its row", old.epoch),
                );
            }
        }
        let reports = past.reports(&history.names);
        for report in reports.iter().filter(|report| report.accepted()) {
            look.saw();
            if history.has_rows && !ended.contains(&report.epoch) {
                look.finds(
                    *id,
                    format!(
                        "{} was told that its report under epoch {} is accepted, and no such report changed the row",
                        history.names.text(report.worker),
                        report.epoch
                    ),
                );
            }
        }
        once(history, *id, &reports, look);
        if !history.has_rows {
            by_takes(history, *id, past, &reports, look);
        }
    }
    Ok(())
}

/// Accepted reports under one epoch are all the same report.
fn once(history: &History, id: Uuid, reports: &[Reported], look: &mut Look) {
    let mut first: HashMap<i32, &Reported> = HashMap::new();
    for report in reports.iter().filter(|report| report.accepted()) {
        let known = *first.entry(report.epoch).or_insert(report);
        if (known.worker, known.state) != (report.worker, report.state) {
            look.finds(
                id,
                format!(
                    "two reports under epoch {} were accepted, by {} and by {}",
                    report.epoch,
                    history.names.text(known.worker),
                    history.names.text(report.worker)
                ),
            );
        }
    }
}

/// Where rows are not recorded: what was taken under a higher epoch before a report was sent fences that report.
fn by_takes(history: &History, id: Uuid, past: &JobPast, reports: &[Reported], look: &mut Look) {
    for (at, report) in reports.iter().enumerate().filter(|(_, report)| report.accepted()) {
        let repeated = reports
            .iter()
            .take(at)
            .any(|earlier| (earlier.worker, earlier.epoch) == (report.worker, report.epoch));
        let higher = past.work.iter().find(|work| {
            matches!(work.op, Op::Take | Op::Start) && work.epoch > report.epoch && work.at < report.sent
        });
        if let Some(higher) = higher.filter(|_| !repeated) {
            look.finds(
                id,
                format!(
                    "a report of {} under epoch {} was accepted when {} had taken it under epoch {}",
                    history.names.text(report.worker),
                    report.epoch,
                    history.names.text(higher.worker),
                    higher.epoch
                ),
            );
        }
    }
}
