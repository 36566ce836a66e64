//! S15: a row is what its changes add up to, the API shows it as it is, and its result is the accepted one.

use scheduler_domain::State;
use uuid::Uuid;

use crate::history::{FinalRow, History, JobPast, Op, Row, Shown};

use super::Look;

pub(super) fn check(history: &History, look: &mut Look) -> Result<(), &'static str> {
    if !(history.has_rows || history.has_last && history.has_shown) {
        return Err("rows were not recorded");
    }
    for (id, past) in &history.jobs {
        if history.has_rows {
            chain(history, *id, past, look);
        }
        if let Some(last) = &past.last {
            result(history, *id, past, last, look);
            if let Some(shown) = past.shown.as_ref().filter(|_| last.row.is_final()) {
                shows(*id, last, shown, look);
            }
        }
    }
    Ok(())
}

/// Each change begins with the row that the one before left.
fn chain(history: &History, id: Uuid, past: &JobPast, look: &mut Look) {
    let mut before: Option<Row> = None;
    for (at, change) in past.rows.iter().enumerate() {
        look.saw();
        // The first may be of a row that was there before the record began.
        if at > 0 && change.old != before {
            look.finds(
                id,
                "a change of its row does not begin with what the one before left",
            );
        }
        before = change.new;
    }
    // Where work goes on, a row may change between the reading of the one and of the other.
    let at_rest = history.setup.drains || before.is_some_and(|row| row.is_final());
    if at_rest && history.has_last && past.last.as_ref().map(|last| last.row) != before {
        look.finds(id, "its row at the end is not what its changes add up to");
    }
}

fn result(history: &History, id: Uuid, past: &JobPast, last: &FinalRow, look: &mut Look) {
    if last.row.state() != Some(State::Succeeded) {
        return;
    }
    let accepted = past
        .reports(&history.names)
        .into_iter()
        .find(|report| report.accepted() && report.epoch == last.row.epoch);
    let Some(accepted) = accepted else { return };
    let returned = past.work.iter().rev().find(|work| {
        work.op == Op::Handled
            && work.epoch == accepted.epoch
            && work.result.is_some()
            && work.at <= accepted.sent
    });
    if let Some(returned) = returned {
        look.saw();
        if last.result != returned.result {
            look.finds(id, "its result is not the one that was accepted");
        }
    }
}

/// A final row is shown as it is.
fn shows(id: Uuid, last: &FinalRow, shown: &Shown, look: &mut Look) {
    look.saw();
    if (shown.state, shown.attempts, shown.sequence) != (last.row.state, last.row.attempts, last.sequence) {
        look.finds(
            id,
            "the API shows another state, count of attempts or sequence than its row has",
        );
    }
    if shown.result != last.result {
        look.finds(id, "the API shows another result than its row has");
    }
}
