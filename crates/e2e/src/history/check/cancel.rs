//! S11: what was cancelled is not taken any more, and no report of it is accepted.
//!
//! A row may be read before a cancel and be told of after it. So what counts is a claim that was told after the cancel was answered:
//! its row was read later still.

use scheduler_domain::State;
use uuid::Uuid;

use crate::history::{Call, History, JobPast, Op};

use super::Look;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    for (id, past) in &history.jobs {
        let cancels = past
            .calls
            .iter()
            .filter(|call| call.op == Op::Cancel && call.is_ok() && call.flag);
        let Some(cancel) = cancels.min_by_key(|call| call.ended) else {
            continue;
        };
        if past.may_be_deleted() {
            continue;
        }
        look.saw();
        works(history, *id, past, cancel, look);
        let row = past.row_at_end().map(|row| row.state);
        let shown = past.shown.as_ref().map(|shown| shown.state);
        for state in [row, shown].into_iter().flatten() {
            if state != State::Cancelled.number() {
                let state = State::from_number(state).map_or("of no known state", State::name);
                look.finds(
                    *id,
                    format!("its cancel was acknowledged, and at the end it is {state}"),
                );
            }
        }
    }
    Ok(())
}

fn works(history: &History, id: Uuid, past: &JobPast, cancel: &Call, look: &mut Look) {
    for attempt in past.attempts() {
        if attempt.taken.is_some() && attempt.claimed.is_some_and(|at| at > cancel.ended) {
            look.finds(
                id,
                format!(
                    "{} claimed and took it after its cancel was acknowledged",
                    history.names.text(attempt.worker)
                ),
            );
        }
    }
    let reports = past.reports(&history.names);
    for (at, report) in reports.iter().enumerate().filter(|(_, report)| report.accepted()) {
        let repeated = reports
            .iter()
            .take(at)
            .any(|earlier| (earlier.worker, earlier.epoch) == (report.worker, report.epoch));
        if report.state == Some(State::Succeeded) {
            look.finds(id, "its cancel was acknowledged, and its success accepted");
        } else if report.sent > cancel.ended && !repeated {
            look.finds(
                id,
                format!(
                    "a report of {} was accepted after its cancel was acknowledged",
                    history.names.text(report.worker)
                ),
            );
        }
    }
}
